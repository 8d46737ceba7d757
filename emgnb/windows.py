"""Recordings cut into short windows of equal length, each with one label.

A window never reaches across the border of a trial, and none holds a lost or disturbed sample:
those are dropped and counted. Without trials and gaps the windows are a view: they share the
recording's memory, so ten minutes of eight channels cost nothing.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

Mask = npt.NDArray[np.bool_]

# Clocks of two boards differ by less; beyond it the same window is another stretch of time.
SAME_RATE = 0.01


def cut(
    x: xr.DataArray | xr.DataTree,
    trials: xr.Dataset | None = None,
    *,
    length: float = 0.2,
    step: float = 0.05,
    participant: str | None = None,
    session: str | None = None,
) -> xr.DataArray:
    """Cut a signal into windows.

    Parameters
    ----------
    x : (time, channel) signal, uniform in time, or a session (its `emg/signal` is taken)
    trials : `onset`, `offset` (s), `label` on `trial`, see `labels.trials`; each trial is cut from
        its own onset. None cuts the whole recording, without labels.
    length, step : s, of a window and from one to the next; rounded to whole samples, of the nominal
        rate where that is known within 1 %, so that two boards' windows have the same size
    participant, session : who, and which wearing of the electrodes; by default what `x` or `trials`
        say

    Returns
    -------
    (window, channel, sample) float32, read-only, a view of `x` where windows are equally spaced,
    else one copy. Coords on `window`: `time` (s, of its last sample), `label` ("" without trials),
    `trial` (−1 without trials), `session`, `participant`; those of the channels are kept. attrs:
    `length_s`, `step_s` (after rounding), `rate` (Hz), `units`, `dropped` (JSON, counts by reason:
    "lost" windows with NaN, "disturbed" windows with `valid` False, "short trials" that hold no
    window), history

    Raises
    ------
    TypeError : neither a signal nor a session
    ValueError : rate not uniform, windows shorter than two samples or longer than the recording,
        overlapping trials, trials of somebody else, or no window left; says why
    """
    recording.need_positive(length=length, step=step)
    signal, who = _signal_of(x, trials, participant, session)
    recording.need_signal(signal)
    rate = recording.sampling_rate(signal)
    nominal = float(signal.attrs.get("nominal_rate", rate))
    counted = nominal if abs(nominal - rate) <= SAME_RATE * rate else rate
    n, hop = round(length * counted), round(step * counted)
    if n < 2 or hop < 1:
        raise ValueError(
            f"length={length:g} s and step={step:g} s are {n} and {hop} samples at {rate:.4g} Hz: "
            f"use length >= {2 / rate:.3g} and step >= {1 / rate:.3g}"
        )
    values = np.asarray(signal.transpose("time", "channel").values, dtype=np.float32)
    if len(values) < n:
        raise ValueError(
            f"the recording has {len(values)} samples, a window of {length:g} s has {n} "
            f"at {rate:.4g} Hz; lengths are in s, so 200 ms is 0.2"
        )
    begin = float(signal["time"].isel(time=0))
    starts, owner, short = _starts(len(values), n, hop, begin, rate, trials)
    lost: Mask = np.asarray(~np.isfinite(values).all(axis=1))
    disturbed = ~signal["valid"].values.astype(bool) if "valid" in signal.coords else lost
    with_lost, with_disturbed = _touch(lost, starts, n), _touch(disturbed, starts, n)
    good = ~(with_lost | with_disturbed)
    dropped = {
        "lost": int(with_lost.sum()),
        "disturbed": int((with_disturbed & ~with_lost).sum()),
        "short trials": short,
    }
    starts, owner = starts[good], owner[good]
    if not starts.size:
        recording.need_samples(signal)
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise ValueError(f"no window of {n / rate:g} s is left: {counts}")
    label = np.array([""]) if trials is None else trials["label"].values.astype(str)
    number = np.array([-1]) if trials is None else trials["trial"].values
    at = begin + (starts + n - 1) / rate
    data = _pick(values, starts, n)
    made = xr.DataArray(
        data,
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            "time": ("window", at, {"units": "s", "long_name": "end of window"}),
            "label": ("window", label[owner]),
            "trial": ("window", number[owner].astype(np.int64)),
            "session": ("window", np.full(len(at), who["session"])),
            "participant": ("window", np.full(len(at), who["participant"])),
            **{name: coord for name, coord in signal.coords.items() if coord.dims == ("channel",)},
        },
        attrs={
            "units": signal.attrs.get("units", ""),
            "rate": rate,
            "length_s": n / rate,
            "step_s": hop / rate,
            "dropped": json.dumps({reason: count for reason, count in dropped.items() if count}),
            "history": signal.attrs.get("history", ""),
        },
    )
    meaning = _meaning(trials, x)
    if meaning:
        made.attrs["label_meaning"] = meaning
    how = None if trials is None else json.loads(trials.attrs.get("history", "null"))
    return recording.with_history(made, "cut", length_s=length, step_s=step, trials=how)


def stack(parts: Sequence[xr.DataArray]) -> xr.DataArray:
    """Join the windows of several sessions or people; one copy.

    Parameters
    ----------
    parts : windows as `cut` gives them, with the same channels (names, muscles, sides, kinds), unit
        and window length; rates may differ by 1 %, as the clocks of two boards do. A channel whose
        gain differs between parts gets gain 1 (unknown).

    Returns
    -------
    (window, channel, sample) float32, read-only; `dropped` counts are added up, `rate` is the
    median; `label_meaning` is kept when every part says it

    Raises
    ------
    TypeError : no list, or a part is no DataArray
    ValueError : nothing to join; a part is not cut into windows; the parts differ (all differences
        in one message); or a trial of the same participant and session occurs in two parts, so
        that a fold could not keep them apart
    """
    if isinstance(parts, xr.DataArray):
        raise TypeError("stack joins a list of windows, such as [windows.cut(a), windows.cut(b)]")
    parts = list(parts)
    if not parts:
        raise ValueError("no windows to stack")
    need_windows(*parts)
    first = parts[0]
    differences = [
        f"part {i}: {difference}"
        for i, part in enumerate(parts[1:], start=1)
        for difference in _differences(first, part)
    ]
    if differences:
        raise ValueError(
            "windows that differ from those of part 0 cannot be stacked:\n"
            + "\n".join(f"- {difference}" for difference in differences)
        )
    _distinct(parts)
    data = np.concatenate([part.transpose("window", "channel", "sample").values for part in parts])
    data.flags.writeable = False
    along = [name for name, coord in first.coords.items() if coord.dims == ("window",)]
    dropped: Counter[str] = Counter()
    for part in parts:
        dropped.update(json.loads(part.attrs.get("dropped", "{}")))
    per_channel = {name: c for name, c in first.coords.items() if c.dims == ("channel",)}
    if "gain" in per_channel:
        gains = np.array([part["gain"].values for part in parts])
        one = (gains == gains[0]).all(axis=0)
        per_channel["gain"] = first["gain"].copy(data=np.where(one, gains[0], 1.0))
    made = xr.DataArray(
        data,
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            **{
                name: ("window", np.concatenate([part[name].values for part in parts]))
                for name in along
            },
            **per_channel,
        },
        attrs={
            **first.attrs,
            "rate": float(np.median([part.attrs["rate"] for part in parts])),
            "dropped": json.dumps(dict(dropped)),
        },
    )
    if not all(part.attrs.get("label_meaning") for part in parts):
        made.attrs.pop("label_meaning", None)
    return recording.with_history(made, "stack", parts=len(parts))


def need_windows(*parts: Any) -> None:
    """Raise TypeError or ValueError unless each part is windows as `cut` gives them."""
    for part in parts:
        if not isinstance(part, xr.DataArray):
            raise TypeError(
                "expected windows (window, channel, sample) as windows.cut(x, trials) makes them; "
                f"found {type(part).__name__}"
            )
        if part.dims != ("window", "channel", "sample"):
            raise ValueError(
                f"dims are {part.dims}, expected ('window', 'channel', 'sample'): cut the signal "
                "with windows.cut first"
            )
        lost = [name for name in ("units", "rate") if name not in part.attrs]
        if lost:
            raise ValueError(
                f"the windows have lost their {' and '.join(lost)}: keep the attributes, such as "
                "by (2 * w).assign_attrs(w.attrs)"
            )


def _signal_of(
    x: xr.DataArray | xr.DataTree,
    trials: xr.Dataset | None,
    participant: str | None,
    session: str | None,
) -> tuple[xr.DataArray, dict[str, str]]:
    """Signal to cut, and whose it is."""
    said: dict[str, Any] = {} if trials is None else trials.attrs
    who = {"participant": participant, "session": session}
    if isinstance(x, xr.DataTree):
        for name in who:
            mine, theirs = str(x.attrs.get(name, "")), str(said.get(name, ""))
            if mine and theirs and mine != theirs:
                raise ValueError(
                    f"the trials are of {name} {theirs!r}, the recording is of {name} {mine!r}"
                )
        said = {**said, **{str(name): value for name, value in x.attrs.items() if value}}
        signal = recording.emg(x)
    else:
        signal = x
    return signal, {
        name: str(said.get(name, "")) if given is None else given for name, given in who.items()
    }


def _meaning(*said_by: xr.Dataset | xr.DataArray | xr.DataTree | None) -> str:
    """What the labels mean, by the first that says so; "" when nobody does."""
    said = (str(one.attrs.get("label_meaning", "")) for one in said_by if one is not None)
    return next(filter(None, said), "")


def _starts(
    size: int, n: int, hop: int, begin: float, rate: float, trials: xr.Dataset | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """First sample of each window, the row of its trial, and how many trials hold no window."""
    if trials is None:
        starts = np.arange(0, size - n + 1, hop)
        return starts, np.zeros(starts.size, dtype=np.int64), 0
    absent = [name for name in ("onset", "offset", "label") if name not in trials.variables]
    if "trial" not in trials.dims or absent:
        found = ", ".join(map(str, trials.variables))
        raise ValueError(
            f"trials: found {found} on {', '.join(map(str, trials.dims))}, "
            "expected onset, offset and label on trial: labels.trials(session) makes them from "
            "markers, labels.trials_from_events(session, coder) from a coder's events"
        )
    if not trials.sizes["trial"]:
        raise ValueError("no trials: the table is empty")
    onset, offset = (np.asarray(trials[name].values, dtype=float) for name in ("onset", "offset"))
    odd = np.flatnonzero(~np.isfinite(onset + offset))
    if odd.size:
        i = int(odd[0])
        raise ValueError(f"trial in row {i}: {onset[i]:g}–{offset[i]:g} s is no stretch of time")
    order = np.argsort(onset, kind="stable")
    over = np.flatnonzero(onset[order][1:] < offset[order][:-1] - 1e-9)
    if over.size:
        a, b = order[over[0]], order[over[0] + 1]
        raise ValueError(
            f"{over.size} trials overlap, first {onset[a]:g}–{offset[a]:g} s and {onset[b]:g}–"
            f"{offset[b]:g} s: a window there would have two labels"
        )
    pieces, owners, short = [], [], 0
    for row in range(onset.size):
        # The slack is for times that are sample times but for the rounding of floats.
        first = max(math.ceil((onset[row] - begin) * rate - 1e-6), 0)
        stop = min(math.ceil((offset[row] - begin) * rate - 1e-6), size)
        piece = np.arange(first, stop - n + 1, hop)
        short += not piece.size
        pieces.append(piece)
        owners.append(np.full(piece.size, row))
    return np.concatenate(pieces), np.concatenate(owners), short


def _touch(mask: Mask, starts: npt.NDArray[np.int64], n: int) -> Mask:
    """Which windows hold a sample of `mask`."""
    if not mask.any():
        return np.zeros(starts.size, dtype=bool)
    total = np.concatenate([[0], np.cumsum(mask)])
    return np.asarray(total[starts + n] > total[starts])


def _pick(
    values: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], n: int
) -> npt.NDArray[np.float32]:
    sliding = np.lib.stride_tricks.sliding_window_view(values, n, axis=0)
    steps = np.diff(starts)
    if starts.size == 1 or (steps[0] > 0 and (steps == steps[0]).all()):
        hop = int(steps[0]) if steps.size else 1
        return sliding[int(starts[0]) : int(starts[-1]) + 1 : hop]
    picked = sliding[starts]
    picked.flags.writeable = False
    return picked


def _differences(first: xr.DataArray, part: xr.DataArray) -> list[str]:
    """In which ways `part` is not of the same make as `first`."""
    found = []
    for name in ("channel", "muscle", "side", "signal_kind"):
        here, there = (
            [str(v) for v in p[name].values] if name in p.coords else [] for p in (part, first)
        )
        if here != there:
            found.append(f"{name} {here}, expected {there}")
    if part.sizes["sample"] != first.sizes["sample"]:
        found.append(f"{part.sizes['sample']} samples, expected {first.sizes['sample']}")
    if part.attrs["units"] != first.attrs["units"]:
        found.append(f"units {part.attrs['units']!r}, expected {first.attrs['units']!r}")
    meanings = [str(p.attrs.get("label_meaning", "")) for p in (part, first)]
    if all(meanings) and meanings[0] != meanings[1]:
        found.append(
            f"label_meaning {meanings[0]!r}, expected {meanings[1]!r}: what was asked for, what "
            "was seen and what was felt are three things"
        )
    here, there = part.attrs["rate"], first.attrs["rate"]
    if abs(here - there) > SAME_RATE * there:
        found.append(f"rate {here:.4g} Hz, expected {there:.4g} Hz within 1 %")
    return found


def _distinct(parts: Sequence[xr.DataArray]) -> None:
    seen: dict[tuple[str, str, int], int] = {}
    for i, part in enumerate(parts):
        keys = zip(
            part["participant"].values.tolist(),
            part["session"].values.tolist(),
            part["trial"].values.tolist(),
            strict=True,
        )
        for key in set(keys):
            if seen.setdefault(key, i) != i:
                who, which, trial = key
                raise ValueError(
                    f"participant {who!r}, session {which!r}, trial {trial} is in part {seen[key]} "
                    f"and in part {i}: give participants or sessions different names when cutting, "
                    "or training and test data could not be kept apart"
                )
