"""Split windows into training and test data by groups.

Windows of one trial are similar, and neighbours overlap. So windows are split by whole groups, and
windows that overlap in time are never on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._vocabulary import GROUPS

Data = xr.DataArray | xr.Dataset
Ints = npt.NDArray[np.intp]

# Coordinates that identify a group: trial numbers are unique per session, sessions per participant.
NESTED = {name: GROUPS[: place + 1] for place, name in enumerate(GROUPS)}
NAMELESS = ("", "nan", "NaN", "None")
MISSING = (*NAMELESS, "-1", "-1.0")


def splits(
    data: Data, by: str = "participant", *, folds: int | None = None, label: str = "label"
) -> Iterator[tuple[Ints, Ints, str]]:
    """Split windows so that no group is in both parts.

    Parameters
    ----------
    data : windows (window, channel, sample) or features, with the coordinates `by` needs
    by : "participant", "session" (of a participant), "trial" (of a session), or any other
        coordinate along `window`
    folds : None leaves out one group at a time; a number gives that many folds of whole groups,
        balanced by windows (groups are assigned in order of size, each to the smallest fold)
    label : coordinate that names the class; checked to occur in several groups

    Yields
    ------
    train, test : indices along `window`
    name : left-out group, or "fold 1", "fold 2" …

    Raises
    ------
    ValueError : the coordinate is missing or incomplete; fewer than two groups; a label occurs in
        one group or fold only, or is missing; or a test window overlaps a training window in time

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> for train, test, name in evaluate.splits(table, by="participant"):
    ...     print(name, len(train), len(test))
    P01 64 32
    P02 64 32
    P03 64 32
    """
    groups = group_names(data, by)
    names, of = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"cannot leave out a {by}: all {len(groups)} windows belong to one {by}, "
            f"{_named(names)}. {_advice(by)}"
        )
    _check_labels(data, by, label, names, of)
    if folds is None:
        parts = [(np.flatnonzero(of == i), str(name)) for i, name in enumerate(names)]
    else:
        if not 2 <= folds <= len(names):
            raise ValueError(
                f"folds={folds}, expected 2 to {len(names)}: there are {len(names)} groups of "
                f"{by}, and groups are not divided"
            )
        fold_of = _balanced(np.bincount(of), folds)
        parts = [(np.flatnonzero(fold_of[of] == f), f"fold {f + 1}") for f in range(folds)]
    everything = np.arange(len(groups))
    truth = truth_of(data, label)
    for test, name in parts:
        train = np.setdiff1d(everything, test)
        untaught = np.setdiff1d(truth[test], truth[train])
        if untaught.size:
            raise ValueError(
                f"every {by} with label {_named(untaught)} is in {name}, so its training data lack "
                f"this label: use more folds (folds=None leaves out one {by} at a time)"
            )
        shared = overlapping(data, train, test)
        if shared:
            raise ValueError(
                f"{shared} of {len(test)} test windows of {name!r} overlap in time with training "
                f"windows of the same session, so the test is not independent. Either the trials "
                f"overlap (cut windows from trials that do not), or recordings made one after the "
                f"other share a session name (give each its own session= in windows.cut)"
            )
        yield train, test, name


def group_names(data: Data, by: str) -> npt.NDArray[np.str_]:
    """Return the group name of each window; trials are named with session and participant.

    Raises
    ------
    ValueError : the coordinate is missing along `window`, or empty for some windows

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> sorted(set(evaluate.group_names(table, "participant").tolist()))
    ['P01', 'P02', 'P03']
    """
    if "window" not in data.dims:
        raise ValueError(f"data has dimensions {tuple(data.dims)}, expected one called 'window'")
    if by not in data.coords or data[by].dims != ("window",):
        there = [str(n) for n, c in data.coords.items() if c.dims == ("window",)]
        raise ValueError(
            f"no coordinate {by!r} along window to split by; there are {', '.join(there) or 'none'}"
            f". windows.cut(…, participant=, session=) and trials set them"
        )
    own = data[by].values.astype(str)
    holes = int(np.isin(own, MISSING).sum())
    if holes:
        raise ValueError(
            f"{holes} of {len(own)} windows have no {by} (empty or NaN), so their group is unknown "
            f"and could be in both training and test data. Set it, or drop these windows"
        )
    parts = [
        data[name].values.astype(str)
        for name in NESTED.get(by, (by,))
        if name in data.coords and data[name].dims == ("window",)
    ]
    parts = [p for p in parts if p is parts[-1] or len(np.unique(p)) > 1]
    joined = parts[0]
    for part in parts[1:]:
        joined = np.char.add(np.char.add(joined, " / "), part)
    return cast("npt.NDArray[np.str_]", joined)


def overlapping(data: Data, train: Ints, test: Ints) -> int:
    """Count test windows that overlap a training window of the same recording in time.

    A recording is a (participant, session). The count is 0 for data without `time` or window
    length (such as features from other software), where overlap is unknown.
    """
    length = data.attrs.get("length_s")
    if "time" not in data.coords or data["time"].dims != ("window",) or not length:
        return 0
    end = data["time"].values.astype(np.float64)
    recording = recordings(data)
    # Adjacent windows share no sample; half a percent of a window allows for rounding.
    reach = float(length) * 0.995
    count = 0
    for name in np.unique(recording[test]):
        theirs = np.sort(end[train][recording[train] == name])
        ours = end[test][recording[test] == name]
        first = np.searchsorted(theirs, ours - reach, side="right")
        last = np.searchsorted(theirs, ours + reach, side="left")
        count += int((last > first).sum())
    return count


def recordings(data: Data) -> npt.NDArray[np.str_]:
    """Return the recording of each window: participant and session, "" if not named."""
    out = np.full(data.sizes["window"], "", dtype=np.str_)
    for name in NESTED["session"]:
        if name in data.coords and data[name].dims == ("window",):
            out = np.char.add(np.char.add(out, "/"), data[name].values.astype(str))
    return cast("npt.NDArray[np.str_]", out)


def trials_of(data: Data) -> npt.NDArray[np.str_] | None:
    """Return the trial name of each window, or None if trials are not named."""
    try:
        return group_names(data, "trial")
    except ValueError:
        return None


def _check_labels(
    data: Data, by: str, label: str, names: npt.NDArray[Any], of: npt.NDArray[np.intp]
) -> None:
    truth = truth_of(data, label)
    classes = np.unique(truth)
    if len(classes) < 2:
        raise ValueError(f"all windows are labelled {_named(classes)}, expected several labels")
    alone = [
        (str(c), str(names[of[truth == c]][0])) for c in classes if len(set(of[truth == c])) == 1
    ]
    if alone:
        listed = ", ".join(f"{c!r} only in {g!r}" for c, g in alone[:6])
        raise ValueError(
            f"{len(alone)} of {len(classes)} labels occur in a single {by} ({listed}). They cannot "
            f"be learned when it is left out, and if each {by} has one label, a model learns the "
            f"{by} instead. Record every label in every {by}, or drop them: "
            f"data.isel(window=~data.{label}.isin([…]))"
        )


def truth_of(data: Data, label: str) -> npt.NDArray[np.str_]:
    """Return the label of each window.

    Raises
    ------
    ValueError : no such coordinate along window, or windows without a label
    """
    if label not in data.coords or data[label].dims != ("window",):
        raise ValueError(
            f"no coordinate {label!r} along window: cut the windows with trials or labels, or name "
            f"another coordinate with label="
        )
    truth = cast("npt.NDArray[np.str_]", data[label].values.astype(str))
    nameless = int(np.isin(truth, NAMELESS).sum())
    if nameless:
        raise ValueError(
            f"{nameless} of {len(truth)} windows have no {label} (empty or NaN), which is not a "
            f"class: drop these windows, or label them"
        )
    return truth


def _balanced(sizes: npt.NDArray[np.int_], folds: int) -> Ints:
    """Assign whole groups to folds of about equal size."""
    fold_of = np.zeros(len(sizes), dtype=np.intp)
    filled = np.zeros(folds)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    return fold_of


def _named(values: npt.NDArray[Any]) -> str:
    return ", ".join(repr(str(v)) for v in values[:4]) + (" …" if len(values) > 4 else "")


def _advice(by: str) -> str:
    what = {
        "participant": "Record a second person, or use by='session' or by='trial' (results are "
        "then not valid for other people)",
        "session": "Record a second session, with the electrodes removed and attached again, or "
        "use by='trial'",
        "trial": "Record every expression several times, with one trial per cue",
    }
    return what.get(by, "Use a coordinate with at least two values") + "."
