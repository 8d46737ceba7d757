"""Cut a signal into windows, as a whole or by trial."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import runs
from emgnb._vocabulary import ABOUT_LABELS
from emgnb.windows.parts import Bounds, laid_out, touched
from emgnb.windows.stacking import SAME_RATE


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
    x : (time, channel) signal, uniform in time, or a session (its `emg/signal` is used)
    trials : `onset`, `offset` (s), `label` on `trial`, see `labels.trials`; each trial is cut from
        its own onset. None cuts the whole recording, without labels
    length, step : s, of a window and from one to the next; rounded to whole samples at the nominal
        rate if it is within 1 %, so that windows of two boards have the same size
    participant, session : participant, and session (one per electrode placement); by default taken
        from `x` or `trials`

    Returns
    -------
    (window, channel, sample) float32, read-only, a view of `x` if windows are equally spaced,
    otherwise a copy. Coords on `window`: `time` (s, of its last sample), `label` ("" without
    trials), `trial` (−1 without trials), `session`, `participant`; channel coords are kept. attrs:
    `length_s`, `step_s` (after rounding), `rate` (Hz), `units`, `dropped` (JSON, counts by reason:
    "lost" windows with NaN, "disturbed" windows with `valid` False, "short trials" without a
    window), history

    Windows of dask arrays are dask arrays. Windows of a lazily opened signal are read when used, so
    that a day fits in memory; `features.extract` reads them in parts. To find lost samples, `x` is
    read once. Lazy filters are computed for that, too, so save their result first.

    Raises
    ------
    TypeError : neither a signal nor a session
    ValueError : rate not uniform, windows shorter than two samples or longer than the recording,
        overlapping trials, trials of another participant or session, or no window left (with the
        reason)

    Examples
    --------
    >>> from emgnb import labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> cut = windows.cut(session, labels.trials(session), length=0.2, step=0.1)
    >>> cut.dims, cut.sizes["sample"]
    (('window', 'channel', 'sample'), 200)
    >>> str(cut.label.values[0]), float(cut.attrs["length_s"])
    ('frown', 0.2)
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
    signal = signal.transpose("time", "channel")
    rows = signal.sizes["time"]
    if rows < n:
        raise ValueError(
            f"the recording has {rows} samples, a window of {length:g} s has {n} "
            f"at {rate:.4g} Hz; lengths are in s, so 200 ms is 0.2"
        )
    begin = float(signal["time"].isel(time=0))
    starts, owner, short = _starts(rows, n, hop, begin, rate, trials)
    lost, disturbed, heard = _bad_rows(signal, rate)
    with_lost, with_disturbed = touched(starts, n, lost), touched(starts, n, disturbed)
    good = ~(with_lost | with_disturbed)
    dropped = {
        "lost": int(with_lost.sum()),
        "disturbed": int((with_disturbed & ~with_lost).sum()),
        "short trials": short,
    }
    starts, owner = starts[good], owner[good]
    if not starts.size:
        recording.need_samples(signal.isel(time=[0]).copy(data=np.where(heard, 0.0, np.nan)[None]))
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise ValueError(f"no window of {n / rate:g} s is left: {counts}")
    at = begin + (starts + n - 1) / rate
    made = xr.DataArray(
        laid_out(signal, starts, n, hop, rate),
        dims=("window", "channel", "sample"),
        name="signal",
        coords={
            "time": ("window", at, {"units": "s", "long_name": "end of window"}),
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
    made = made.assign_coords(_groups(trials, owner, who))
    made.attrs |= _about_labels(trials, x)
    how = None if trials is None else json.loads(trials.attrs.get("history", "null"))
    return recording.with_history(made, "cut", length_s=length, step_s=step, trials=how)


def _bad_rows(signal: xr.DataArray, rate: float) -> tuple[Bounds, Bounds, npt.NDArray[np.bool_]]:
    """Return intervals of rows with NaN and of invalid rows, and which channels have a sample."""
    parts = list(recording.bounds(signal.sizes["time"], max(round(recording.PART * rate), 1)))
    lost, disturbed, heard = zip(*recording.over_rows(_bad, signal, parts), strict=True)
    return np.concatenate(lost), np.concatenate(disturbed), np.any(heard, axis=0)


def _bad(rows: xr.DataArray, first: int) -> tuple[Bounds, Bounds, npt.NDArray[np.bool_]]:
    there = np.isfinite(rows.values)
    lost = ~there.all(axis=1)
    disturbed = ~rows["valid"].values.astype(bool) if "valid" in rows.coords else lost
    return runs(lost) + first, runs(disturbed) + first, there.any(axis=0)


def _groups(
    trials: xr.Dataset | None, owner: npt.NDArray[np.int64], who: dict[str, str]
) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    """Return the groups of each window; constant values are broadcast to save memory."""
    one: dict[str, Any] = dict(who)
    each: dict[str, npt.NDArray[Any]] = {}
    if trials is None:
        one |= {"label": "", "trial": np.int64(-1)}
    else:
        each["label"] = trials["label"].values.astype(str)[owner]
        each["trial"] = trials["trial"].values[owner].astype(np.int64)
    each |= {name: np.broadcast_to(np.array(value), owner.shape) for name, value in one.items()}
    return {name: ("window", each[name]) for name in ("label", "trial", "session", "participant")}


def _signal_of(
    x: xr.DataArray | xr.DataTree,
    trials: xr.Dataset | None,
    participant: str | None,
    session: str | None,
) -> tuple[xr.DataArray, dict[str, str]]:
    """Return the signal to cut, with participant and session."""
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


def _about_labels(*said_by: xr.Dataset | xr.DataArray | xr.DataTree | None) -> dict[str, str]:
    """Return the meaning of the labels and their use, each as first said."""
    found: dict[str, str] = {}
    for one in (each for each in said_by if each is not None):
        for name in ABOUT_LABELS:
            if value := str(one.attrs.get(name, "")):
                found.setdefault(name, value)
    return found


def _starts(
    size: int, n: int, hop: int, begin: float, rate: float, trials: xr.Dataset | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Return the first sample of each window, the row of its trial, and how many are too short."""
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
        raise ValueError(f"trial in row {i}: {onset[i]:g}–{offset[i]:g} s is not an interval")
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
        # The tolerance covers rounding of times that are sample times.
        first = max(math.ceil((onset[row] - begin) * rate - 1e-6), 0)
        stop = min(math.ceil((offset[row] - begin) * rate - 1e-6), size)
        piece = np.arange(first, stop - n + 1, hop)
        short += not piece.size
        pieces.append(piece)
        owners.append(np.full(piece.size, row))
    return np.concatenate(pieces), np.concatenate(owners), short
