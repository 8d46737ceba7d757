"""Train on one data set and test on another, in one direction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate._provenance import provenance, settings_of, sizes
from emgnb.evaluate.cross_validation import Fit, aligned, as_result, calibrations
from emgnb.evaluate.result import Result
from emgnb.evaluate.splits import MISSING, NESTED, Data, group_names, truth_of


def transfer(
    train: Data, test: Data, fit: Fit, *, label: str = "label", unit: str | None = None
) -> Result:
    """Train on one data set and test on another.

    Parameters
    ----------
    train, test : windows or features, as for `cross_validate`. They share no person, except in
        different sessions; the scheme of the result then says so
    fit : function of the training data that returns a classifier
    label : coordinate along window that names the class
    unit : coordinate of the groups in `by_group`; by default the test's people, or its sessions if
        there is one person, or its trials if there is one session. The 95 % interval is over people
        if the test has several, otherwise over these groups

    Returns
    -------
    Result; its scheme states the numbers of people, sessions, trials and windows on both sides, and
    its notes the classes that only one side has. A class that was not trained is always wrong

    Raises
    ------
    ValueError : a session is on both sides; identical windows are on both sides; no class is on
        both sides; the test names no people, sessions or trials; or a prediction has the wrong
        windows or classes, NaN or infinity

    Examples
    --------
    >>> from emgnb import evaluate, features, labels, models, simulate, windows
    >>> script = simulate.protocol(("smile", "frown"), repetitions=2)
    >>> sessions = simulate.study(people=3, seed=1, script=script)
    >>> cut = windows.stack([windows.cut(each, labels.trials(each), step=0.2) for each in sessions])
    >>> table = features.extract(cut, "hudgins")
    >>> first = table.isel(window=table.participant == table.participant[0])
    >>> others = table.isel(window=table.participant != table.participant[0])
    >>> evaluate.transfer(others, first, models.fit).accuracy > 0.5
    True
    """
    known, truth = truth_of(train, label), truth_of(test, label)
    if not np.intersect1d(known, truth).size:
        raise ValueError(
            f"no class is in both: trained are {_list(known)}, tested {_list(truth)}. Give both "
            f"the same names"
        )
    relation = _relation(train, test)
    _refuse_copies(train, test)
    by = unit or _unit(test)
    groups = group_names(test, by)
    classes = np.union1d(known, truth)
    classifier = fit(train)
    given = classifier.predict(test)
    probability = aligned(given, classes, len(truth))
    scheme = f"trained on {_amount(train)}, tested on {_amount(test)}{relation}"
    about = {"scheme": scheme, "by": by, "label": label}
    about |= provenance(test, truth, [settings_of(classifier)])
    result = as_result(test, probability, classes, truth, groups, np.zeros(len(truth), int), about)
    return result.noted(*_missing(known, truth), *calibrations(given))


def _relation(train: Data, test: Data) -> str:
    """Return how the people of both sides are related, in words.

    Raises
    ------
    ValueError : a session is on both sides
    """
    ours, theirs = (_names(data, "participant") for data in (train, test))
    if ours is None or theirs is None:
        return ", people not named, so they may be the same"
    shared = np.intersect1d(ours, theirs)
    if not shared.size:
        return ""
    before, after = (_names(data, "session") for data in (train, test))
    if before is None or after is None:
        raise ValueError(
            f"{_list(shared)} in both training and test data, and sessions are not named: a test "
            f"needs other people, or another session of the same person. Set the coordinate session"
        )
    both = np.intersect1d(before, after)
    if both.size:
        raise ValueError(
            f"session {_list(both)} is in both training and test data (named as person / session), "
            f"so the test is not independent. Test on other people or another session; for trials "
            f"left out of one session use cross_validate(…, by='trial')"
        )
    if len(shared) < len(np.unique(theirs)):
        return f", {len(shared)} of the people tested also trained on, in other sessions"
    return ", same person, another session" if len(shared) == 1 else ", same people, other sessions"


def _names(data: Data, by: str) -> npt.NDArray[np.str_] | None:
    """Return the full name (person / session) of each window; None if a part is not named."""
    parts = []
    for name in NESTED[by]:
        if name not in data.coords or data[name].dims != ("window",):
            return None
        own = data[name].values.astype(str)
        if np.isin(own, MISSING).any():
            return None
        parts.append(own)
    return np.array([" / ".join(each) for each in zip(*parts, strict=True)])


def _refuse_copies(train: Data, test: Data) -> None:
    """Refuse test windows that are identical to training windows, except constant ones."""
    known = set(_rows(train))
    copies = sum(row in known for row in _rows(test))
    if copies:
        raise ValueError(
            f"{copies} of {test.sizes['window']} test windows are identical to training windows, "
            f"so the test is not independent. Was a recording used in both?"
        )


def _rows(data: Data) -> list[bytes]:
    table = data.to_dataarray() if isinstance(data, xr.Dataset) else data
    rows = table.transpose("window", ...).values
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1))
    moving = (rows != rows[:, :1]).any(axis=1)
    return [row.tobytes() for row in rows[moving]]


def _unit(test: Data) -> str:
    """Return the largest unit of which the test has several; otherwise the smallest named."""
    named = []
    for by in NESTED:
        try:
            count = len(np.unique(group_names(test, by)))
        except ValueError:
            continue
        if count > 1:
            return by
        named.append(by)
    if not named:
        raise ValueError(
            "the test data name no people, sessions or trials, so no interval can be given: set "
            "one, for example test.assign_coords(trial=('window', numbers))"
        )
    return named[-1]


def _amount(data: Data) -> str:
    found = sizes(data)
    one = {"people": "person", "sessions": "session", "trials": "trial"}
    parts = [f"{n} {one[name] if n == 1 else name}" for name, n in found.items() if name in one]
    return f"{', '.join(parts) or 'windows'} ({found['windows']} windows)"


def _missing(known: npt.NDArray[np.str_], truth: npt.NDArray[np.str_]) -> list[str]:
    """Return a note on the classes that only one side has."""
    untrained, untested = np.setdiff1d(truth, known), np.setdiff1d(known, truth)
    notes = []
    if untrained.size:
        share = float(np.isin(truth, untrained).mean())
        notes.append(
            f"{_list(untrained)} not trained, so always wrong ({100 * share:.1f} % of the windows)"
        )
    if untested.size:
        notes.append(f"{_list(untested)} trained but not tested")
    return notes


def _list(names: npt.NDArray[np.str_]) -> str:
    values = np.unique(names)
    return ", ".join(map(str, values[:4])) + (" …" if len(values) > 4 else "")
