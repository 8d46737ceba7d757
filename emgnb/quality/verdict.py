"""Judge whether data can be physiological, and list the evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.quality import _powers, _score, _signal_kind, timestamps
from emgnb.quality._activity import BRIEF_S, REPEATING, active, level, without_slow
from emgnb.quality._dependence import BRIEF, Cleaned, Dependence, dependence, without_tones
from emgnb.quality._disorder import ORDERED_RATE, PURE, drawn, tones, unordered, walk
from emgnb.quality._rows import excerpt, laid, rate_of, shared_stamps, signal_of, unbroken
from emgnb.quality.reporting import measured
from emgnb.quality.words import UNDETERMINED, Verdict, depends

Words = npt.NDArray[np.str_]

# Rows tested for dependence, in so many pieces, and rows measured for levels and faults.
MOST_ROWS, PIECES = 131_072, 16
MOST_MEASURED = 1 << 20
SHORTEST = 64
# Channels that are flat or lost for more than this share are ignored.
STILL = 0.95
# Minimum number of distinct values for a judgement.
FEWEST_CODES = 4


def is_physiology(x: xr.DataArray | xr.DataTree | xr.Dataset) -> Verdict:
    """Judge whether the rows can come from a muscle, and list the evidence.

    The checks cover time stamps, repeated rows and stuck channels; dependence of rows (on ranks,
    within windows of 64 rows, so that blocks with different ranges do not count as dependence); the
    distribution; correlation of channels; tones; copies; variation of power relative to stationary
    noise of the same spectrum; residuals of a linear prediction relative to normal draws; signal
    kind, from rows as recorded; and spectrum. Labels are not used. Of more than 131 072 rows,
    sixteen pieces are tested; of more than a million, 64 pieces are measured for lost, stuck and
    clipped samples, mains and motion. The run time is therefore the same for a day as for twenty
    minutes.

    Parameters
    ----------
    x : (time, channel), a session, or power features (window, channel); any clock, any kind

    Returns
    -------
    the verdict, with evidence, faults, kind of the signal, and a score of 0 to 1

    Raises
    ------
    TypeError, ValueError : not a signal (time, channel), a session, or features; or no rows

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import quality, recording, simulate
    >>> quality.is_physiology(simulate.face(duration=8, seed=1)).word
    'physiology'
    >>> values = np.random.default_rng(0).uniform(size=(8000, 2))
    >>> noise = recording.signal(values, rate=1000, units="V")
    >>> quality.is_physiology(noise).word
    'not physiology'
    """
    if isinstance(x, xr.Dataset):
        return _powers.features(x)
    x = signal_of(x)
    names = [str(name) for name in x["channel"].values]
    made = measured(x, most=MOST_MEASURED)
    faults = [*timestamps.clock_faults(x), *_signal_kind.level_faults(made, x, names)]
    # Rows of a stale buffer are excluded, because their sampling times are unknown.
    x = timestamps.without_stale(x) if rate_of(x) is None else x
    parts = excerpt(x, MOST_ROWS, PIECES)
    values = np.concatenate(parts)
    recurring, pattern = timestamps.repeats(values)
    faults += [*recurring, *timestamps.copied_channels(values, names)]
    if pattern:
        return Verdict(False, REPEATING, [_extent(x, rate_of(x))], faults, score=_score.MADE)
    kinds = np.array([str(kind) for kind in x["signal_kind"].values])
    found = []
    for kind in dict.fromkeys(kinds.tolist()):
        mine = np.flatnonzero(kinds == kind)
        each = _of_kind(x.isel(channel=mine), made.isel(channel=mine), [p[:, mine] for p in parts])
        found.append((kind, each))
    return _together(found, names, kinds, faults)


def _together(
    found: list[tuple[str, Verdict]], names: list[str], kinds: Words, faults: list[str]
) -> Verdict:
    """Combine the verdicts on the channels of each declared kind."""
    if len(found) == 1:
        return replace(found[0][1], faults=[*faults, *found[0][1].faults])
    evidence, looks = [], []
    for kind, each in found:
        who = ", ".join(name for name, own in zip(names, kinds, strict=True) if own == kind)
        looks.append(f"{each.looks_like} ({who})")
        evidence += [f"{kind}: {sentence}" for sentence in each.evidence]
        faults = [*faults, *(f"{kind}: {sentence}" for sentence in each.faults)]
    words = [each.physiology for _, each in found]
    physiology = False if False in words else True if True in words else None
    own = [each.kind for _, each in found]
    kind = own[0] if len(set(own)) == 1 else UNDETERMINED
    score = min(each.score for _, each in found if each.physiology is physiology)
    return Verdict(physiology, "; ".join(looks), evidence, faults, kind, score)


def _of_kind(x: xr.DataArray, made: xr.Dataset, parts: list[Floats]) -> Verdict:
    """Judge channels of one declared kind, from `parts` (row, channel)."""
    names = [str(name) for name in x["channel"].values]
    values = np.concatenate(parts)
    alive = (made["flat"].values <= STILL) & (made["dropped"].values < STILL)
    there = np.isfinite(values)
    alive &= np.where(there, values, np.inf).min(axis=0) < np.where(there, values, -np.inf).max(0)
    if not alive.any():
        most = max(np.unique(column[np.isfinite(column)]).size for column in values.T)
        if most >= FEWEST_CODES:
            why = "flat most of the time: rest below the resolution, or a loose cable"
            return Verdict(None, "too still to judge", [_extent(x, rate_of(x)), why])
        looks_like, why = _signal_kind.dead(made, names)
        return Verdict(False, looks_like, [why], score=_score.MADE)
    codes = max(np.unique(column[np.isfinite(column)]).size for column in values[:, alive].T)
    if codes < FEWEST_CODES:
        why = (
            f"no channel has more than {codes} distinct values: a switch, or rest below "
            "the resolution"
        )
        return Verdict(None, "too coarse to judge", [_extent(x, rate_of(x)), why])
    x, parts = x.isel(channel=alive), [part[:, alive] for part in parts]
    pieces = [piece for part in parts for piece in _unbroken(part)]
    if sum(map(len, pieces)) < 2 * SHORTEST:
        return _short(x, [piece for part in parts for piece in unbroken(part, BRIEF)])
    return _judged(x, made, pieces)


def _short(x: xr.DataArray, pieces: list[Floats]) -> Verdict:
    """Judge pieces (row, channel) that are too few for windows of 64 rows."""
    rate = rate_of(x)
    rows, declared = sum(map(len, pieces)), str(x["signal_kind"].values[0])
    evidence, faults = [_extent(x, rate)], list[str]()
    if rows < 2 * BRIEF:
        evidence.append(f"{rows} rows in pieces of {BRIEF} without a gap are too few")
        return Verdict(None, "too short a recording", evidence, faults)
    plain = dependence(pieces, size=BRIEF)
    evidence.append(depends(plain))
    kind, why = _short_kind(pieces, plain, rate, declared)
    evidence.append(why)
    if kind == "envelope":
        return level(pieces, rate, evidence, faults)
    return Verdict(None, "too short a recording", evidence, faults, kind)


def _short_kind(
    pieces: list[Floats], plain: Dependence, rate: float | None, declared: str
) -> tuple[str, str]:
    """Return the kind of few rows, and why: an envelope is smooth, raw EMG crosses 0."""
    if _signal_kind.on_both_sides(np.concatenate(pieces)):
        return "raw", "looks raw: values on both sides of 0"
    if plain.serial:
        fast = without_slow(pieces, rate, np.array([])) if rate is not None else pieces
        kind, why = _signal_kind.kind_of(pieces, fast, plain.value, rate, declared)
        if kind == "envelope":
            return kind, why
    return UNDETERMINED, (
        "kind undetermined: too few rows to tell raw EMG around an offset from an envelope"
    )


def _judged(x: xr.DataArray, made: xr.Dataset, pieces: list[Floats]) -> Verdict:
    """Judge the channels that move, from pieces (row, channel) without gaps."""
    rate = rate_of(x)
    evidence, faults = [_extent(x, rate)], list[str]()
    plain = dependence(pieces)
    span = _span(x, rate)
    found = drawn(pieces, plain, rate, span < BRIEF_S, evidence, faults)
    if found is not None:
        return found
    recorded, as_recorded, interpolated = pieces, plain, False
    if rate is None:
        pieces, rate, sentences = _evened(x, pieces)
        interpolated = pieces is not recorded
        plain = dependence(pieces) if interpolated else plain
        evidence += sentences
    hums = _signal_kind.hums(made, rate)
    cleaned = [without_tones(piece, rate, hums, highpass=False) for piece in pieces]
    rest = dependence([one.values for one in cleaned])
    evidence.append(depends(plain))
    left = _left(cleaned)
    if np.all(left < PURE) or not (rest.serial or rest.related):
        # Interpolation colours noise, a short rest may be mains only, and slow rows of EMG alias.
        unsure = interpolated or span < 2.0 * BRIEF_S or rate is None or rate < ORDERED_RATE
        return tones(rest, left, unsure, evidence, faults)
    fast = without_slow(pieces, rate, hums)
    declared = str(x["signal_kind"].values[0])
    # Interpolation smooths rows, so the rows as recorded tell the kind.
    quick = without_slow(recorded, rate, hums) if interpolated else fast
    kind, why_kind = _signal_kind.kind_of(recorded, quick, as_recorded.value, rate, declared)
    names = [str(name) for name in x["channel"].values]
    faults += _signal_kind.spectral_faults(names, pieces, hums, kind, rate)
    if kind != UNDETERMINED and (kind == "envelope") != (declared == "envelope"):
        faults.append(f"declared {declared}, but {why_kind}")
    evidence.append(why_kind)
    found = unordered(plain, rest, fast, rate, evidence, faults)
    found = found or walk(pieces, plain, evidence, faults)
    if found is not None:
        return found
    if kind == "envelope":
        return level(pieces, rate, evidence, faults)
    return active(pieces, fast, rate, kind, evidence, faults)


def _evened(
    x: xr.DataArray, recorded: list[Floats]
) -> tuple[list[Floats], float | None, list[str]]:
    """Interpolate an irregular signal, or take its rows as evenly spaced where that distorts it.

    Returns
    -------
    pieces (row, channel), their rate in Hz or None, and what was done
    """
    even = laid(x)[0]
    if even is not None and not timestamps.interpolated(even, timestamps.DOUBTFUL):
        smooth = [piece for part in excerpt(even, MOST_ROWS, PIECES) for piece in _unbroken(part)]
        if sum(map(len, smooth)) >= 2 * SHORTEST:
            return smooth, rate_of(even), timestamps.interpolated(even)
    time = np.asarray(x["time"].values, dtype=np.float64)
    if shared_stamps(time) or np.any(np.diff(time) < 0) or not time[-1] > time[0]:
        return recorded, None, []
    rate = recording.measured_rate(x)
    return recorded, rate, [f"rows are taken as evenly spaced, at their mean rate of {rate:.4g} Hz"]


def _left(cleaned: list[Cleaned]) -> Floats:
    """Return the share of the power that is no tone, of each channel."""
    sizes = np.array([len(one.values) for one in cleaned])
    return np.asarray(
        (sizes @ np.stack([one.after for one in cleaned]))
        / (sizes @ np.stack([one.before for one in cleaned]))
    )


def _unbroken(part: Floats) -> list[Floats]:
    return unbroken(part, SHORTEST)


def _extent(x: xr.DataArray, rate: float | None) -> str:
    rows, width = x.sizes["time"], x.sizes["channel"]
    channels = f"{width} moving channel{'s' * (width > 1)}"
    if rows > MOST_ROWS:
        channels += f"; {PIECES} pieces of {MOST_ROWS // PIECES} rows were tested"
    if rate is not None:
        return f"{rows} rows at {rate:.4g} Hz ({rows / rate:.3g} s), {channels}"
    return f"{rows} rows in {_span(x, rate):.4g} s by their time stamps, {channels}"


def _span(x: xr.DataArray, rate: float | None) -> float:
    """Return the duration of a recording in s."""
    if rate is not None:
        return x.sizes["time"] / rate
    time = np.asarray(x["time"].values, dtype=np.float64)
    whole = bool(np.all(time == np.rint(time)))
    return float(np.nanmax(time) - np.nanmin(time)) + (1.0 if whole else 0.0)
