"""Rows that occur twice, windows that share samples, trials that a split divides."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Mask
from emgnb.evaluate.leaks import chance, probes
from emgnb.evaluate.leaks.case import PLURAL, Case
from emgnb.evaluate.leaks.chance import Against
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding
from emgnb.evaluate.leaks.rows import Floats, Ints, Names, Rows

# Samples in a row that must be equal before a stretch of a signal counts as copied.
STRETCH = 12
# A neighbour is a copy with noise if it is so much closer than the tenth neighbour.
NEAR, NEIGHBOURS = 0.02, 10
# Near copies that chance may make in the whole data set.
BY_CHANCE = 0.05
# Points that a shuffled split must add before it is called a leak.
WORTH = 3.0
# Correlation of neighbouring rows, from which on they share samples.
SHARED = 0.35
# Share of windows that repeat samples of the one before, more than chance may give.
SOME = 0.1


def copies(case: Case) -> list[Finding]:
    """Look for exact and near copies of rows, in other groups and within one."""
    rows = case.rows
    across, within = "copies across groups", "copies within a group"
    if rows.trials:
        return [
            _copied_stretches(across, rows),
            Finding(within, UNDETERMINED, "rows are samples; stretches of trials are compared"),
        ]
    group, level = _finest(rows)
    key = _copied(rows.values)
    if key is None:
        why = (
            "rows of one column repeat by chance"
            if rows.values.shape[1] == 1
            else "the columns hold so few different values that rows repeat by chance"
        )
        return [Finding(across, UNDETERMINED, why), Finding(within, UNDETERMINED, why)]
    exact = _in_several(key, group)
    inside = _in_several(key, np.arange(len(rows)).astype(str)) & ~exact
    kinds = np.unique(chance.joined(key[inside].astype(str), group[inside]))
    repeats = int(inside.sum()) - len(kinds)
    return [_across(across, case, exact, level), _inside(within, repeats, len(rows), level)]


def _across(leak: str, case: Case, exact: Mask, level: str) -> Finding:
    rows, near = case.rows, _near(case)
    total = int(exact.sum()) + near
    if total < max(2, 0.001 * len(rows)):
        return Finding(
            leak, NOT_FOUND, f"{total} of {len(rows)} rows occur again in another {level}"
        )
    return Finding(
        leak,
        FOUND,
        f"{int(exact.sum())} of {len(rows)} rows occur value for value in another {level}, and "
        f"{near} of {len(case.few)} looked at have a near copy there",
        100 * max(float(exact.mean()), near / len(case.few)),
        "find out why rows repeat, and keep one of each before splitting",
    )


def _inside(leak: str, repeats: int, rows: int, level: str) -> Finding:
    evidence = f"{repeats} of {rows} rows repeat another row of the same {level}"
    if level == "row" or repeats < 2:
        return Finding(leak, NOT_FOUND, evidence)
    return Finding(
        leak,
        FOUND,
        evidence,
        100 * repeats / rows,
        f"keep one of each: a split within the {level} has the others in training",
    )


def _finest(rows: Rows) -> tuple[Names, str]:
    """The finest known group of each row; the row itself where none is known."""
    for level in ("trial", "session", "person", "file"):
        found = rows.group(level)
        if found is not None:
            return found, level
    return np.arange(len(rows)).astype(str), "row"


def _copied(values: Floats) -> Ints | None:
    """Number of each different row, −1 for rows without content; None where rows repeat by chance.

    By chance rows repeat if as many are equal in all columns but one: coarse columns make both.
    """
    rng = np.random.default_rng(0)
    each = np.column_stack([np.unique(c, return_inverse=True)[1] for c in values.T]).astype(
        np.uint64
    )
    terms = (each + np.uint64(1)) * rng.integers(1, 2**63, each.shape[1], dtype=np.uint64)
    whole = terms.sum(axis=1)
    key = np.unique(whole, return_inverse=True)[1].astype(np.intp)
    # A row of nothing but one value is empty, not copied.
    content = np.ptp(np.nan_to_num(values), axis=1) > 0
    equal = _repeated(key) & content
    almost = 0
    for term in terms.T:
        rest = np.unique(whole - term, return_inverse=True)[1]
        almost += int((_repeated(rest) & content & ~equal).sum())
    if values.shape[1] == 1 or (almost > equal.sum() and almost > 1):
        return None
    return np.where(content, key, -1)


def _repeated(key: Ints) -> Mask:
    return np.asarray(np.bincount(key)[key] > 1)


def _in_several(key: Ints, group: Names) -> Mask:
    """Rows whose number occurs in several groups."""
    pairs = np.unique(np.column_stack([key, chance.codes(group)]), axis=0)
    several = np.bincount(pairs[:, 0] + 1) > 1
    return np.asarray(several[key + 1] & (key >= 0))


def _near(case: Case) -> int:
    """How many rows have a neighbour in another group that is far closer than those after it.

    In few dimensions close neighbours are common, so the limit follows the dimension that the
    distances show.
    """
    values = case.values
    if values.shape[1] < 3 or len(values) < 4 * NEIGHBOURS:
        return 0
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    owner = chance.codes(_finest(case.few)[0])
    nearest = np.full((len(values), NEIGHBOURS), np.inf)
    power = (scaled**2).sum(axis=1)
    for at in range(0, len(values), 512):
        block = slice(at, at + 512)
        square = power[block, None] + power[None, :] - 2 * scaled[block] @ scaled.T
        square[owner[block][:, None] == owner[None, :]] = np.inf
        least = np.partition(square, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        nearest[block] = np.sqrt(np.maximum(np.sort(least, axis=1), 0.0))
    first, last = nearest[:, 0], nearest[:, -1]
    there = np.isfinite(last) & (first > 1e-6 * last) & (last > 0)
    if not there.any():
        return 0
    ratio = first[there] / last[there]
    # Distances to neighbours grow as the k-th root of their number in k dimensions.
    dimension = np.log(NEIGHBOURS) / max(float(-np.log(np.median(ratio))), 1e-9)
    limit = (BY_CHANCE / (len(values) * NEIGHBOURS)) ** (1 / dimension)
    return int((ratio < min(NEAR, limit)).sum())


def _copied_stretches(leak: str, rows: Rows) -> Finding:
    """Look for stretches of samples that occur in two trials."""
    keys = [_stretch_keys(trial) for trial in rows.trials]
    owner = np.repeat(np.arange(len(keys)), [len(each) for each in keys])
    _, of = np.unique(np.concatenate(keys), return_inverse=True)
    pairs = np.unique(np.column_stack([of, owner]), axis=0)
    several = np.bincount(pairs[:, 0], minlength=1)[pairs[:, 0]] > 1
    copied = np.unique(pairs[several, 1])
    if not copied.size:
        return Finding(
            leak,
            NOT_FOUND,
            f"no stretch of {STRETCH} samples occurs in two of {len(rows.trials)} trials",
        )
    return Finding(
        leak,
        FOUND,
        f"{len(copied)} of {len(rows.trials)} trials share stretches of {STRETCH} samples and more "
        "with another trial, value for value",
        100 * len(copied) / len(rows.trials),
        "find out why samples repeat, and keep each trial once",
    )


def _stretch_keys(trial: Floats) -> npt.NDArray[np.uint64]:
    """A number for each stretch of samples in which enough changes to be told from rest."""
    if len(trial) < STRETCH:
        return np.empty(0, dtype=np.uint64)
    rng = np.random.default_rng(0)
    bits = np.ascontiguousarray(trial, dtype=np.float64).view(np.uint64)
    # Values that differ in few bits must not add up to the same.
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    odd = 2 * rng.integers(1, 2**62, STRETCH + trial.shape[1], dtype=np.uint64) + 1
    row = (bits * odd[: trial.shape[1]]).sum(axis=1, dtype=np.uint64)
    row ^= row >> np.uint64(31)
    count = len(trial) - STRETCH + 1
    key = np.zeros(count, dtype=np.uint64)
    for k, factor in enumerate(odd[trial.shape[1] :]):
        key += row[k : k + count] * factor
    changes = np.concatenate([[0], np.cumsum(row[1:] != row[:-1])])
    return np.asarray(key[changes[STRETCH - 1 :] - changes[:count] >= STRETCH // 2])


def divided_trials(case: Case) -> Finding:
    """Measure what a split gains that has rows of one trial on both sides."""
    leak = "rows of one trial on both sides"
    split, trial = case.rows.split, case.rows.group("trial")
    if split is not None and trial is not None:
        divided = _divided(trial, split)
        if not divided:
            return Finding(leak, NOT_FOUND, "the split given keeps every trial on one side")
        return Finding(
            leak,
            FOUND,
            f"the split given divides {divided} of {len(np.unique(trial))} trials",
            _points(case),
            "split by whole trials, sessions or people",
        )
    points = _points(case)
    if case.trial is None:
        why = "fewer than four trials are known"
        careless, honest = case.hits("careless"), case.hits("honest")
        if careless is None or honest is None or case.by is None:
            return Finding(leak, UNDETERMINED, why)
        lost = probes.gain(careless, honest, case.unit)[0]
        why += f"; rows shuffled score {lost:+.1f} points against whole {PLURAL[case.by]} left out"
        return Finding(leak, UNDETERMINED, why, lost)
    alike, what = _alike(case), case.trial_level
    measured = f"rows shuffled score {points:+.1f} points against whole {what}s left out"
    if np.isnan(alike.score):
        return Finding(
            leak,
            UNDETERMINED,
            f"{measured}; with one {what} of each label and person it cannot be told whether rows "
            f"of a {what} or of a person resemble each other",
            points,
        )
    dealt = (
        f"{100 * alike.found:.0f} % of the variance lies between {what}s, "
        f"{100 * alike.chance:.0f} ± {100 * alike.spread:.1f} % if rows are dealt out at random"
    )
    if alike.beyond and points < WORTH:
        # The better classifier when honest may be one that cannot memorise a trial; others can.
        points = _memorised(case)
        measured = (
            f"nearest neighbours score {points:+.1f} points shuffled against {what}s left out"
        )
    if not alike.beyond or points < WORTH:
        return Finding(leak, NOT_FOUND, f"{measured}; {dealt}", points)
    return Finding(
        leak,
        FOUND,
        f"rows of a {what} resemble each other: {dealt}; {measured}",
        points,
        f"leave out whole {what}s, better whole people",
    )


def _alike(case: Case) -> Against:
    """How much the rows of a trial have in common beyond person and label."""
    assert case.trial is not None
    label, person = case.few.label, case.few.group("person")
    cell = label if person is None else chance.joined(person, label)
    return chance.shared(case.values, case.trial, cell)


def _divided(unit: Names, split: Names) -> int:
    pairs = np.unique(np.char.add(np.char.add(unit, "|"), split))
    return len(pairs) - len(np.unique(unit))


def _points(case: Case) -> float:
    """Points that a shuffled split gains over one that leaves whole trials out; NaN if unknown."""
    careless, whole = case.hits("careless"), case.hits("trial")
    if careless is None or whole is None or case.trial is None:
        return float("nan")
    return probes.gain(careless, whole, case.trial)[0]


def _memorised(case: Case) -> float:
    """Points that a shuffled split gives nearest neighbours over whole trials left out."""
    assert case.trial is not None
    label, model = case.few.label, probes.classifiers()["nearest neighbours"]
    careless, whole = (
        probes.mean_hits(case.values, label, draws, model)
        for draws in (
            [probes.shuffled_parts(label, seed=k) for k in range(probes.REPEATS)],
            [probes.parts_stratified(case.trial, label, seed=k) for k in range(probes.REPEATS)],
        )
    )
    return probes.gain(careless, whole, case.trial)[0]


def overlap(case: Case) -> Finding:
    """Look for windows that share samples, and for a split that has them on both sides."""
    leak = "overlapping windows"
    rows = case.rows
    if rows.units == "samples":
        return Finding(leak, NOT_FOUND, "windows were cut here, without overlap")
    if rows.repeated is not None and rows.repeated.mean() > SOME:
        if rows.split is not None and not _repeated_across(rows.repeated, rows.split):
            return Finding(leak, NOT_FOUND, "windows overlap, but none across the split given")
        share = 100 * float(rows.repeated.mean())
        return _overlapping(leak, case, f"{share:.0f} % of the windows share samples with the next")
    shared = _sharing(rows)
    if shared is not None:
        if not shared:
            return Finding(leak, NOT_FOUND, "no two windows share time")
        if rows.split is not None and not _shared_across(rows):
            return Finding(leak, NOT_FOUND, "windows overlap, but none across the split given")
        return _overlapping(
            leak, case, f"{100 * shared:.0f} % of the windows share samples with another one"
        )
    trial = case.trial
    if trial is None:
        return Finding(leak, UNDETERMINED, "neither window length nor trials are known")
    r = _neighbours(case.values, chance.joined(trial, case.few.label))
    if np.isnan(r):
        return Finding(leak, UNDETERMINED, "too few rows a trial to compare neighbours")
    if r < SHARED:
        return Finding(leak, NOT_FOUND, f"neighbouring rows of a trial correlate with r = {r:.2f}")
    named = rows.group("trial")
    if rows.split is not None and named is not None and not _divided(named, rows.split):
        return Finding(
            leak, NOT_FOUND, "neighbouring rows resemble each other, on one side of the split given"
        )
    return _overlapping(
        leak,
        case,
        f"neighbouring rows of a trial correlate with r = {r:.2f}, as overlapping windows do",
    )


def _overlapping(leak: str, case: Case, evidence: str) -> Finding:
    points = _points(case)
    return Finding(
        leak,
        FOUND,
        evidence,
        None if np.isnan(points) else points,
        "split before cutting into windows, by whole trials at least",
    )


def _sharing(rows: Rows) -> float | None:
    """Share of windows that overlap in time with the next of their trial; None if unknown."""
    if rows.time is None or rows.overlap <= 0:
        return None
    group = _finest(rows)[0]
    shared = np.zeros(len(rows), dtype=bool)
    for _, index in probes.each_group(group):
        order = index[np.argsort(rows.time[index])]
        close = np.diff(rows.time[order]) < 0.995 * rows.overlap
        shared[order[1:][close]] = True
        shared[order[:-1][close]] = True
    return float(shared.mean())


def _repeated_across(repeated: Mask, split: Names) -> bool:
    """Whether a window shares samples with the next one in another part of the split."""
    return bool((repeated[:-1] & (split[1:] != split[:-1])).any())


def _shared_across(rows: Rows) -> bool:
    """Whether windows of different parts of the split share time in one recording."""
    assert rows.time is not None
    assert rows.split is not None
    group = next(
        (g for level in ("session", "file", "person") if (g := rows.group(level)) is not None), None
    )
    group = np.zeros(len(rows), dtype="U1") if group is None else group
    for _, index in probes.each_group(group):
        order = index[np.argsort(rows.time[index])]
        close = np.diff(rows.time[order]) < 0.995 * rows.overlap
        if (close & (rows.split[order][1:] != rows.split[order][:-1])).any():
            return True
    return False


def _neighbours(values: Floats, trial: Names) -> float:
    """Correlation of neighbouring rows of a trial, about their mean; median over the columns."""
    first: list[Ints] = []
    centred = values.astype(np.float64).copy()
    # Numbers of trials that begin again with each person name several: a piece has one mean.
    edges = [0, *(np.flatnonzero(trial[1:] != trial[:-1]) + 1).tolist(), len(trial)]
    for begin, end in itertools.pairwise(edges):
        if end - begin < 4:
            continue
        # A short trial's own mean pulls the correlation down by about 1 / rows.
        centred[begin:end] -= centred[begin:end].mean(axis=0)
        first.append(np.arange(begin, end - 1))
    at = np.concatenate(first) if first else np.empty(0, dtype=np.intp)
    if len(at) < 30:
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = centred[at], centred[at + 1]
        r = (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return float(np.nanmedian(r))
