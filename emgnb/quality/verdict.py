"""Is this physiology at all? A verdict, and the figures it rests on."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.quality import bands, clock, traits
from emgnb.quality.dependence import (
    BRIEF,
    Dependence,
    dependence,
    over_windows,
    overdispersion,
    without_tones,
)
from emgnb.quality.measuring import measured
from emgnb.quality.rows import excerpt, rate_of, signal_of, unbroken

Array = npt.NDArray[np.float64]

# Rows that are looked at for dependence, and for levels and faults.
MOST_ROWS, PIECES = 131_072, 16
MOST_MEASURED = 1 << 20
SHORTEST = 64
# A channel that is flat or lost for more than this share has nothing to say.
STILL = 0.95
# What remains of a pure tone is rounding: less than this share of its power.
PURE = 1e-5
# A distribution with shorter tails than this is bounded: kurtosis −1.2 uniform, 0 Gaussian.
BOUNDED = -0.7
# Variance of the level between windows, over what independent rows allow, that is no chance.
JUMPS = 3.0
# With so few codes in every channel nothing can be judged.
FEWEST_CODES = 4


@dataclass(frozen=True)
class Verdict:
    """Whether rows of numbers can be physiology.

    Parameters
    ----------
    physiology : True where the data show what muscle and recorder leave; it proves nothing, a good
        simulation has it, too. False where they show what neither can leave. None where they show
        neither: too short, or steady noise
    looks_like : what the data look like, in words
    evidence : the figures behind it, in sentences
    faults : what is wrong with the data, physiology or not, in sentences
    """

    physiology: bool | None
    looks_like: str
    evidence: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The verdict in words."""
        if self.physiology is None:
            return "cannot be told"
        return "physiology" if self.physiology else "not physiology"

    def __str__(self) -> str:
        lines = [f"{self.word}: looks like {self.looks_like}"]
        lines += [f"  - {sentence}" for sentence in self.evidence]
        if self.faults:
            lines += ["  faults:", *(f"  - {sentence}" for sentence in self.faults)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def listed(sentences: list[str]) -> str:
            return "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)

        faults = f"<p>Faults:</p><ul>{listed(self.faults)}</ul>" if self.faults else ""
        return (
            f"<p><b>{self.word}</b>: looks like {html.escape(self.looks_like)}</p>"
            f"<ul>{listed(self.evidence)}</ul>{faults}"
        )


def is_physiology(x: xr.DataArray | xr.DataTree | xr.Dataset) -> Verdict:
    """Judge whether the rows can have come from a muscle, and say why.

    Looked at are time stamps, repeated rows, stuck channels; whether rows depend on one another
    (ranks, within windows of 64 rows, so that blocks with different ranges do not pass for
    movement); the distribution; what channels share; tones; whether power varies more than in
    steady noise of the same spectrum; whether the signal is raw or an envelope; where its power
    lies. Labels are not looked at. Of more than 131 072 rows sixteen stretches are looked at for
    all this, of more than a million 64 for lost, stuck and clipped samples, mains and motion: the
    verdict on a day costs no more than that on twenty minutes.

    Parameters
    ----------
    x : (time, channel), a session, or power features (window, channel); any clock, any kind

    Returns
    -------
    the verdict, with evidence and faults

    Raises
    ------
    TypeError, ValueError : no signal (time, channel), no session, no features; or no rows
    """
    if isinstance(x, xr.Dataset):
        return _features(x)
    x = signal_of(x)
    names = [str(name) for name in x["channel"].values]
    made = measured(x, most=MOST_MEASURED)
    faults = [*clock.clock_faults(x), *traits.level_faults(made, x, names)]
    # When the rows of a stale buffer were sampled is unknown: nothing is concluded from them.
    x = clock.without_stale(x) if rate_of(x) is None else x
    parts = excerpt(x, MOST_ROWS, PIECES)
    values = np.concatenate(parts)
    recurring, pattern = clock.repeats(values)
    faults += [*recurring, *clock.copied_channels(values, names)]
    alive = (made["flat"].values <= STILL) & (made["dropped"].values < STILL)
    there = np.isfinite(values)
    alive &= np.where(there, values, np.inf).min(axis=0) < np.where(there, values, -np.inf).max(0)
    if not alive.any():
        looks_like, why = traits.dead(made, names)
        return Verdict(False, looks_like, [why], faults)
    codes = max(np.unique(column[np.isfinite(column)]).size for column in values[:, alive].T)
    if codes < FEWEST_CODES:
        why = f"no channel takes more than {codes} values: a switch, or rest below the resolution"
        return Verdict(None, "too coarse to judge", [_extent(x, rate_of(x)), why], faults)
    if pattern:
        return Verdict(
            False, "a repeating pattern (a generator, or a loop)", [_extent(x, rate_of(x))], faults
        )
    pieces = [piece for part in parts for piece in unbroken(part[:, alive], SHORTEST)]
    return _judged(x.isel(channel=alive), made, pieces, faults)


def _judged(x: xr.DataArray, made: xr.Dataset, pieces: list[Array], faults: list[str]) -> Verdict:
    """Verdict on the channels that move, from stretches (row, channel) without a gap."""
    rate = rate_of(x)
    rows = sum(map(len, pieces))
    evidence = [_extent(x, rate)]
    if rows < 2 * SHORTEST:
        evidence.append(f"{rows} rows in stretches of {SHORTEST} without a gap are too few")
        return Verdict(None, "too short a recording", evidence, faults)
    hums = traits.hums(made, rate)
    highpass = rate is not None and rate >= 5.0 * bands.MOTION_HZ
    cleaned = [without_tones(piece, rate, hums, highpass=False) for piece in pieces]
    fast = [without_tones(piece, rate, hums, highpass=highpass).values for piece in pieces]
    plain = dependence(pieces)
    rest = dependence([one.values for one in cleaned])
    sizes = np.array([len(one.values) for one in cleaned])
    left = (sizes @ np.stack([one.after for one in cleaned])) / (
        sizes @ np.stack([one.before for one in cleaned])
    )
    band = dependence(fast)
    ratio, limit = overdispersion(fast, rate)
    varies = bool(ratio > limit)
    power = (
        f"power varies {ratio:.1f} times as much over time as in steady noise of the same "
        f"spectrum (chance reaches {limit:.1f})"
    )
    if not plain.serial and not plain.related:
        return _independent(plain, varies, power, evidence, faults)
    brief = dependence(pieces, size=BRIEF)
    by_block = brief.jumps > JUMPS and float(np.median(brief.kurtosis)) < BOUNDED
    if by_block and brief.enough and not brief.serial and not brief.related:
        return _independent(brief, varies, power, evidence, faults)
    evidence.append(_depends(plain))
    if np.all(left < PURE) or not (rest.serial or rest.related):
        return _tones(rest, left, evidence, faults)
    kind, why_kind = traits.kind_of(pieces, fast, plain.value, rate)
    names = [str(name) for name in x["channel"].values]
    faults = [*faults, *traits.spectral_faults(names, pieces, hums, kind, rate)]
    declared = sorted({str(k) for k in x["signal_kind"].values})
    if (kind == "envelope") != (declared == ["envelope"]):
        faults.append(f"declared {', '.join(declared)}, but {why_kind}")
    if not rest.serial:
        evidence.append(
            f"rows say nothing about the next (at most {rest.strongest:.3f}), though channels are "
            f"related ({rest.shared:.2f})"
        )
        looks_like = "rows out of order, or a signal sampled far too slowly"
        return Verdict(None, looks_like, evidence, faults)
    moved = np.mean([(np.diff(piece, axis=0) != 0).mean() for piece in pieces])
    steps = dependence([np.diff(piece, axis=0) for piece in pieces])
    if (
        plain.lag_one > 0.5
        and moved > 0.5
        and steps.enough
        and not steps.serial
        and not steps.related
    ):
        evidence.append(
            f"steps from row to row are independent (correlation at most {steps.strongest:.3f}, "
            f"of their size {steps.swelling:.3f})"
        )
        return Verdict(False, "a random walk", evidence, faults)
    evidence.append(why_kind)
    if kind == "envelope":
        return Verdict(True, "envelope of EMG", evidence, faults)
    if np.isfinite(ratio):
        evidence.append(power)
    if band.related:
        evidence.append(f"channels share part of their signal (correlation {band.shared:.2f})")
    if varies or band.related:
        looks_like = "rectified EMG" if kind == "rectified" else "raw EMG"
        return Verdict(True, looks_like, evidence, faults)
    evidence.append("nothing tells it from filtered noise: no contraction, nothing shared")
    return Verdict(
        None, "steady coloured noise (a muscle at rest, or filtered noise)", evidence, faults
    )


def _independent(
    found: Dependence, varies: bool, power: str, evidence: list[str], faults: list[str]
) -> Verdict:
    """Verdict on rows that know nothing of each other."""
    kurtosis = float(np.median(found.kurtosis))
    evidence.append(
        f"rows are independent: lag-1 autocorrelation {found.lag_one:.3f}, the greatest of "
        f"{len(found.value)} lags and all channels {found.strongest:.3f}, of the size of the "
        f"deviation {found.swelling:.3f} (a single one is ± {found.error:.3f} by chance)"
    )
    if len(found.across) > 1:
        evidence.append(f"no cross-channel structure: correlation at most {found.shared:.3f}")
    evidence.append(
        f"kurtosis {kurtosis:.2f} within {found.windows} windows of {found.size} rows "
        "(uniform −1.2, Gaussian 0)"
    )
    if not found.enough:
        evidence.append("too few rows to tell independence from weak dependence")
        return Verdict(None, "rows without visible order", evidence, faults)
    if found.jumps > JUMPS:
        evidence.append(
            f"the level jumps between stretches ({found.jumps:.0f} times what independent rows "
            "allow) while rows within them are independent: ranges that change by block"
        )
    if kurtosis < BOUNDED:
        exactly = "uniform " if abs(kurtosis + 1.2) < 0.25 else "bounded "
        return Verdict(False, f"independent {exactly}draws", evidence, faults)
    if found.jumps > JUMPS:
        return Verdict(False, "independent draws", evidence, faults)
    if varies:
        evidence.append(power)
    if varies or abs(kurtosis) > 0.3:
        evidence.append("draws, or EMG sampled so slowly that rows lost their relation")
        return Verdict(
            None, "independent rows (draws, or EMG sampled far too slowly)", evidence, faults
        )
    looks_like = "white noise (independent Gaussian draws, or an open input)"
    return Verdict(False, looks_like, evidence, faults)


def _tones(rest: Dependence, left: Array, evidence: list[str], faults: list[str]) -> Verdict:
    """Verdict on a signal of tones, mains or a straight line, and independent noise at most."""
    sentence = f"tones, mains and a straight line hold {100 * (1 - left.max()):.5g} % of the power"
    if np.all(left < PURE):
        evidence.append(sentence)
        return Verdict(False, "a pure tone or a straight line (a generator)", evidence, faults)
    evidence.append(
        f"{sentence}; without them rows are independent (at most {rest.strongest:.3f}), kurtosis "
        f"{float(np.median(rest.kurtosis)):.2f}"
    )
    if not rest.enough:
        return Verdict(None, "a tone and little else", evidence, faults)
    return Verdict(False, "a tone (mains hum or a generator) and white noise", evidence, faults)


def _extent(x: xr.DataArray, rate: float | None) -> str:
    rows, width = x.sizes["time"], x.sizes["channel"]
    channels = f"{width} moving channel{'s' * (width > 1)}"
    if rows > MOST_ROWS:
        channels += f"; {PIECES} stretches of {MOST_ROWS // PIECES} rows were looked at"
    if rate is not None:
        return f"{rows} rows at {rate:.4g} Hz ({rows / rate:.3g} s), {channels}"
    time = np.asarray(x["time"].values, dtype=np.float64)
    span = float(np.nanmax(time) - np.nanmin(time))
    span += 1.0 if np.all(time == np.rint(time)) else 0.0
    return f"{rows} rows in {span:.4g} s by their time stamps, {channels}"


def _depends(found: Dependence) -> str:
    sentence = (
        f"rows depend on one another: correlation with a row up to {len(found.value)} later "
        f"{found.strongest:.2f}, of the size of the deviation {found.swelling:.2f} "
        f"(± {found.error:.3f} by chance)"
    )
    return sentence + (f"; between channels {found.shared:.2f}" if len(found.across) > 1 else "")


def _features(x: xr.Dataset) -> Verdict:
    """Verdict on powers (window, channel): rows of a trial taken as rows in time."""
    name = next((n for n in x.data_vars if set(x[n].dims) == {"window", "channel"}), None)
    if name is None:
        raise TypeError(
            "expected a signal, a session, or features with a variable (window, channel); found a "
            f"Dataset with {', '.join(map(str, x.data_vars)) or 'no variable'}"
        )
    values = x[name].transpose("window", "channel").values.astype(np.float64)
    faults = []
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=1)
    if bad.any():
        faults.append(f"{int(bad.sum())} rows hold values that are no power (not above 0)")
    copies = len(values) - len(np.unique(values, axis=0))
    if copies:
        faults.append(f"{copies} rows are duplicates")
    table = np.log(values[~bad])
    if "participant" in x.coords:
        scale = [
            float(np.median(table[x["participant"].values[~bad] == who]))
            for who in np.unique(x["participant"].values)
        ]
        if np.ptp(scale) > np.log(5):
            faults.append(
                f"people's scales differ by a factor of {np.exp(np.ptp(scale)):.0f}: standardise "
                "within each person"
            )
    group = (
        [f"{a}/{b}" for a, b in zip(x["participant"].values, x["trial"].values, strict=True)]
        if {"participant", "trial"} <= set(x.coords)
        else ["all"] * len(values)
    )
    marks = np.array(group)[~bad]
    edges = np.flatnonzero(np.concatenate(([True], marks[1:] != marks[:-1], [True])))
    sizes = np.diff(edges)
    size = min(int(np.median(sizes)), SHORTEST) if sizes.size else 0
    evidence = [f"{len(values)} rows of {values.shape[1]} powers, in {sizes.size} trials"]
    if size < 4:
        evidence.append("too few rows in a trial to see whether one resembles the next")
        return Verdict(None, "power features", evidence, faults)
    cut = [
        table[i : i + size]
        for begin, end in pairwise(edges.tolist())
        for i in range(begin, end - size + 1, size)
    ]
    found = over_windows(np.stack(cut))
    evidence.append(_depends(found).replace("a row", "a row of its trial"))
    if found.related or found.serial:
        return Verdict(True, "power of EMG (features, no signal)", evidence, faults)
    if found.enough:
        return Verdict(False, "independent draws", evidence, faults)
    return Verdict(None, "power features", evidence, faults)
