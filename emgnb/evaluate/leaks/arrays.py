"""Bring what emgnb itself makes into rows: sessions, windows and feature tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from emgnb import labels, recording
from emgnb.evaluate.leaks.long import described, some
from emgnb.evaluate.leaks.rows import Floats, Names, Rows, windowed

ROLES = {"person": "participant", "session": "session", "trial": "trial"}


def from_sessions(sessions: Sequence[xr.DataTree]) -> Rows:
    """Bring the trials of sessions into rows, each trial cut into windows.

    Trials are those of the markers, or of the only coder where there are no markers.

    Raises
    ------
    ValueError : no trials, or sessions with different channels
    """
    parts = [_samples(tree, number) for number, tree in enumerate(sessions)]
    channels = {part.columns for part in parts}
    if len(channels) != 1:
        listed = " and ".join(", ".join(names) for names in sorted(channels))
        raise ValueError(f"sessions with different channels cannot be joined: {listed}")
    first = parts[0]
    kinds = {part.raw for part in parts}
    joined = Rows(
        values=np.concatenate([part.values for part in parts]),
        columns=first.columns,
        label=np.concatenate([part.label for part in parts]),
        groups={role: np.concatenate([part.groups[role] for part in parts]) for role in ROLES},
        time=np.concatenate([part.time for part in parts if part.time is not None]),
        raw=kinds.pop() if len(kinds) == 1 else None,
        rate=first.rate,
    )
    if len(joined.classes) < 2:
        raise ValueError(f"all trials are labelled {joined.classes[0]!r}: nothing to tell apart")
    named = {role: group for role, group in joined.groups.items() if _tells(role, group)}
    return windowed(Rows(**{**vars(joined), "groups": named}))


def _tells(role: str, group: Names) -> bool:
    return len(np.unique(group)) > (role != "trial")


def _samples(session: xr.DataTree, number: int) -> Rows:
    """Samples of the trials of a session."""
    signal = recording.emg(session)
    time = signal["time"].values.astype(np.float64)
    trials = _trials(session)
    values, label, of, at = [], [], [], []
    for trial, onset, offset, name in zip(
        *(trials[each].values for each in ("trial", "onset", "offset", "label")), strict=True
    ):
        begin, end = np.searchsorted(time, [float(onset), float(offset)]).tolist()
        rows = signal.isel(time=slice(begin, end)).values.astype(np.float64)
        values.append(rows)
        label += [str(name)] * len(rows)
        of += [str(trial)] * len(rows)
        at.append(time[begin:end])
    who = str(session.attrs.get("participant", ""))
    which = str(session.attrs.get("session", "")) or "session"
    return Rows(
        values=np.concatenate(values),
        columns=tuple(str(name) for name in signal["channel"].values),
        label=np.array(label),
        groups={
            "person": np.full(len(label), who),
            "session": np.full(len(label), f"{which} ({number + 1})"),
            "trial": np.array(of),
        },
        time=np.concatenate(at),
        raw=bool(np.all(signal["signal_kind"].values == "raw")),
        rate=recording.measured_rate(signal),
    )


def _trials(session: xr.DataTree) -> xr.Dataset:
    coders = list(session["labels"].children) if "labels" in session.children else []
    marked = "markers" in session.children and session["markers"].sizes.get("marker", 0)
    if not marked and len(coders) == 1:
        return labels.trials_from_events(session, coders[0])
    return labels.trials(session)


def from_windows(data: xr.DataArray | xr.Dataset, *, label: str = "label") -> Rows:
    """Bring windows (window, channel, sample) or features (window, …) into rows.

    Raises
    ------
    ValueError : no dimension `window`, or no coordinate `label` along it
    """
    if "window" not in data.dims:
        raise ValueError(
            f"expected windows or features along `window`, found dimensions {tuple(data.dims)}"
        )
    if isinstance(data, xr.Dataset) and len(data.data_vars) == 1 and "sample" in data.dims:
        data = next(iter(data.data_vars.values()))
    if label not in data.coords or data[label].dims != ("window",):
        along = [str(name) for name, each in data.coords.items() if each.dims == ("window",)]
        raise ValueError(
            f"no coordinate {label!r} along window; there are {', '.join(along) or 'none'}"
        )
    values, columns, pieces = _matrix(data)
    groups = {
        role: data[name].values.astype(str)
        for role, name in ROLES.items()
        if name in data.coords and data[name].dims == ("window",)
    }
    kinds = data.coords["signal_kind"].values if "signal_kind" in data.coords else []
    rate = float(data.attrs.get("rate", 0.0))
    return Rows(
        values=values,
        columns=columns,
        label=data[label].values.astype(str),
        groups={role: each for role, each in groups.items() if len(np.unique(each)) > 1},
        time=data["time"].values.astype(np.float64) if "time" in data.coords else None,
        overlap=float(data.attrs.get("length_s", 0.0)),
        split=data["split"].values.astype(str) if "split" in data.coords else None,
        raw=bool(np.all(kinds == "raw")) if len(np.atleast_1d(kinds)) else None,
        rate=rate or None,
        pieces=pieces,
        signal_columns=tuple(str(n) for n in data["channel"].values) if pieces else (),
    )


def _matrix(data: xr.DataArray | xr.Dataset) -> tuple[Floats, tuple[str, ...], tuple[Floats, ...]]:
    """Features of the windows (row, column), their names, and some windows as they are."""
    if isinstance(data, xr.DataArray) and "sample" in data.dims:
        wide = data.transpose("window", "channel", "sample").values.astype(np.float64)
        names = [str(name) for name in data["channel"].values]
        pieces = [each.T for each in wide]
        values, columns = described(pieces, names)
        return values, columns, some(pieces)
    if isinstance(data, xr.Dataset):
        parts = [
            (str(name), each.transpose("window", ...).values.reshape(data.sizes["window"], -1))
            for name, each in data.data_vars.items()
            if "window" in each.dims
        ]
        columns = tuple(
            f"{name}:{k}" if v.shape[1] > 1 else name
            for name, v in parts
            for k in range(v.shape[1])
        )
        return np.concatenate([v for _, v in parts], axis=1).astype(np.float64), columns, ()
    flat = data.transpose("window", ...)
    other = flat.dims[1]
    return flat.values.astype(np.float64), tuple(str(name) for name in flat[other].values), ()
