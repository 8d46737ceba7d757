# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Heart-beats and blinks: what comes again in the same shape, found and subtracted.

Both know their source from many events: the heart's potential by averaging over beats, the eyelid's
by how much of it each electrode sees. What is subtracted comes from all events of the recording, so
a single burst of muscle neither hides in it nor is added elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy import signal as dsp

from emgnb.filters import engine
from emgnb.filters.base import Array, Mask, Place, Step, not_raw, positive
from emgnb.filters.design import butterworth

Number = TypeVar("Number", np.float64, np.bool_)

# Hz in which the QRS complex stands out most.
QRS = (8.0, 40.0)
# s before and after the R peak that a beat's shape covers.
BEAT = (0.25, 0.45)
# s that two beats are apart at least (150 a minute).
APART = 0.4
# Beats without which a shape cannot be told from chance.
FEWEST = 20
# A shape counts as a heart-beat when it exceeds the average's own error by this factor.
CLEAR = 6.0
# Share of the intervals that lie within this share of their median, where there is a rhythm.
RHYTHM = (0.6, 0.2)
# Hz between which an eyelid's potential lies.
LID = (0.5, 12.0)
# Hz from which on it is muscle, and the share of that power that a blink exceeds; a contraction has
# some 3 % below 12 Hz.
MUSCLE = 20.0
LID_SHARE = 0.1


@dataclass(frozen=True)
class Heartbeat(Step):
    """Subtract the heart: the usual shape of a beat, channel by channel, at each beat.

    Beats are looked for in `reference` (an ECG or a channel near the neck), else in what all
    channels share between 8 and 40 Hz, and again with the shape so found. The shape is the median
    over all beats. Nothing is subtracted with fewer than 20 beats, without a rhythm (fewer than
    60 % of the intervals within a fifth of the median), or where the shape does not stand out from
    what chance gives (six times its own error). A beat that hides in a contraction may stay.

    Parameters
    ----------
    reference : name of the channel in which beats are seen best; None to look in all

    References
    ----------
    Kahl & Hofmann 2019, doi:10.1515/cdbme-2019-0090; compared with other methods: Xu et al. 2020,
    doi:10.3390/s20174890
    """

    reference: str | None = None

    @property
    def channelwise(self) -> bool:
        return False

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("Heartbeat", kind, "rectified beats do not add, so they cannot be taken off")

    def refuses_rate(self, rate: float) -> str | None:
        return None if rate > 2.5 * QRS[1] else f"a beat needs more than {2.5 * QRS[1]:g} Hz."

    def refuses_names(self, names: Sequence[str]) -> str | None:
        return _no_channel("Heartbeat", self.reference, names)

    def refuses_live(self) -> str | None:
        return (
            "Heartbeat learns the shape of a beat from the whole recording, which live has no end "
            "yet: run it afterwards; live, HighPass(30) takes most of it away."
        )

    def least(self, rate: float) -> int:
        return math.ceil(2 * sum(BEAT) * rate)

    def over_whole(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Step]:
        before, after = (round(part * place.rate) for part in BEAT)
        usable = [i for i in range(values.shape[1]) if not missing[:, i].all()]
        if not usable:
            return values, self
        seen = np.asfortranarray(values[:, usable])
        engine.both_ways(butterworth(2, QRS, "bandpass", place.rate), seen)
        _clip(seen)
        if self.reference is not None and place.names.index(self.reference) in usable:
            first = seen[:, usable.index(place.names.index(self.reference))].copy()
        else:
            first = _shared(seen)
        beats = _peaks(first, place.rate)
        for _ in range(2):
            whole = beats[(beats >= before) & (beats < len(values) - after)]
            if len(whole) < FEWEST:
                return values, self
            shape = np.median(_cut(seen, whole, before, after), axis=0)
            likeness = np.zeros(len(seen))
            for i in range(len(usable)):
                # Most alike where the shape's R lies on the sample's own.
                matched = dsp.oaconvolve(seen[:, i], shape[::-1, i], mode="full")
                likeness += matched[after - 1 :][: len(seen)]
            beats = _peaks(likeness, place.rate)
        return self._without(values, missing, beats, before, after), self

    def _without(
        self, values: Array, missing: Mask, beats: npt.NDArray[np.int64], before: int, after: int
    ) -> Array:
        out = values.copy(order="F")
        inside = beats[(beats >= before) & (beats < len(values) - after)]
        if len(inside) < FEWEST or not _regular(inside):
            return values
        taper = dsp.get_window(("tukey", 0.2), before + after, fftbins=False)
        for i in range(values.shape[1]):
            cuts = _cut(values[:, [i]], inside, before, after)[:, :, 0]
            whole = ~_cut(missing[:, [i]], inside, before, after)[:, :, 0].any(axis=1)
            if whole.sum() < FEWEST:
                continue
            cuts = cuts[whole] - np.median(cuts[whole], axis=1, keepdims=True)
            shape = np.median(cuts, axis=0)
            ends = max(len(shape) // 20, 1)
            shape -= np.linspace(shape[:ends].mean(), shape[-ends:].mean(), len(shape))
            # Error of a median: 1.25 times that of a mean, the spread told by the quartiles.
            low, high = np.percentile(cuts, [25, 75], axis=0)
            error = 1.25 * np.median(high - low) / 1.35 / math.sqrt(len(cuts))
            if np.abs(shape).max() < CLEAR * error:
                continue
            for beat in beats.tolist():
                a, b = max(beat - before, 0), min(beat + after, len(values))
                part = slice(a - beat + before, b - beat + before)
                out[a:b, i] -= (taper * shape)[part]
        return out


@dataclass(frozen=True)
class Blink(Step):
    """Subtract the potential of the eyelid by regression on the channel that sees it best.

    Blinks are swings between 0.5 and 12 Hz that exceed `threshold` times the usual in `reference`.
    There, what lies below 12 Hz and above the straight line from begin to end is the lid's
    potential; each channel's share of the reference's is estimated by least squares over all
    blinks, and so much of it is subtracted, in the blinks only. Above 12 Hz nothing
    changes: the EMG of the blink itself (orbicularis oculi, AU 45) stays, and none gets into other
    channels. A contraction, most of whose power lies above 20 Hz, is no blink.

    Parameters
    ----------
    reference : name of the channel: an EOG, or the electrode nearest the eye
    threshold : how many times the usual slow swing is a blink
    margin : s before and after that belong to a blink

    References
    ----------
    Gratton, Coles, Donchin 1983, doi:10.1016/0013-4694(83)90135-9
    """

    reference: str = ""
    threshold: float = 4.0
    margin: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, threshold=self.threshold, margin=self.margin)
        if not self.reference:
            raise ValueError(
                "Blink: reference='', expected the name of the channel nearest the eye, such as "
                "Blink('orbicularis_oculi_l')"
            )

    @property
    def channelwise(self) -> bool:
        return False

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("Blink", kind, "a rectified blink does not add, so it cannot be taken off")

    def refuses_rate(self, rate: float) -> str | None:
        return None if rate > 5 * LID[1] else f"a blink needs more than {5 * LID[1]:g} Hz."

    def refuses_names(self, names: Sequence[str]) -> str | None:
        return _no_channel("Blink", self.reference, names)

    def refuses_live(self) -> str | None:
        return (
            "Blink learns each channel's share from the whole recording, which live has no end "
            "yet: run it afterwards; live, HighPass(20) takes blinks away."
        )

    def least(self, rate: float) -> int:
        return math.ceil(2 * rate)

    def over_whole(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Step]:
        at = place.names.index(self.reference)
        if missing[:, at].all():
            return values, self
        lid = values[:, [at]].copy(order="F")
        engine.both_ways(butterworth(2, LID, "bandpass", place.rate), lid)
        usual = _spread(lid[~missing[:, at], 0])
        swing = (np.abs(lid[:, 0]) > self.threshold * usual) & ~missing[:, at]
        if not swing.any() or not usual:
            return values, self
        window = round(self.margin * place.rate)
        wide = ndimage.binary_dilation(swing, np.ones(2 * window + 1, dtype=bool))
        spans = ndimage.find_objects(ndimage.label(wide)[0])
        slow = values.copy(order="F")
        engine.both_ways(butterworth(2, LID[1], "lowpass", place.rate), slow)
        fast = values[:, [at]].copy(order="F")
        engine.both_ways(butterworth(2, MUSCLE, "highpass", place.rate), fast)
        spans = [
            each
            for each in spans
            if np.square(_above_line(slow[:, at], [each])[each]).sum()
            > LID_SHARE * np.square(fast[each[0], 0]).sum()
        ]
        shape = _above_line(slow[:, at], spans)
        wide = shape != 0
        out = values.copy(order="F")
        for i in range(values.shape[1]):
            seen = wide & ~missing[:, i] & ~missing[:, at]
            power = float(np.square(shape[seen]).sum())
            if power > 0:
                out[:, i] -= (
                    float(_above_line(slow[:, i], spans)[seen] @ shape[seen]) / power * shape
                )
        return out, self


def _above_line(slow: Array, spans: Sequence[tuple[slice, ...]]) -> Array:
    """What lies above the straight line between the ends of each span; 0 elsewhere."""
    out = np.zeros_like(slow)
    for (span,) in spans:
        part = slow[span]
        out[span] = part - np.linspace(part[0], part[-1], len(part))
    return out


def _no_channel(step: str, reference: str | None, names: Sequence[str]) -> str | None:
    if reference is None or reference in names:
        return None
    return f"{step}: no channel {reference!r}; there are {', '.join(names)}."


def _spread(values: Array) -> float:
    """Standard deviation of the quiet part, by the median."""
    return float(np.median(np.abs(values)) / 0.6745) if values.size else 0.0


def _clip(seen: Array) -> None:
    """Bring channels to one size, and cut off what muscle and movement add."""
    for i in range(seen.shape[1]):
        size = _spread(seen[:, i])
        np.clip(seen[:, i] / size if size else seen[:, i], -5.0, 5.0, out=seen[:, i])


def _shared(seen: Array) -> Array:
    """What the channels have in common: their first principal component, its peaks upwards."""
    _, vectors = np.linalg.eigh(seen.T @ seen)
    common = np.asarray(seen @ vectors[:, -1])
    return common if np.mean(common**3) >= 0 else -common


def _peaks(values: Array, rate: float) -> npt.NDArray[np.int64]:
    """Places of peaks at least `APART` from each other that stand out."""
    height = 3.0 * _spread(values)
    found, _ = dsp.find_peaks(values, height=height or None, distance=max(round(APART * rate), 1))
    return np.asarray(found, dtype=np.int64)


def _regular(beats: npt.NDArray[np.int64]) -> bool:
    step = np.diff(beats)
    near = np.abs(step - np.median(step)) < RHYTHM[1] * np.median(step)
    return bool(near.mean() > RHYTHM[0])


def _cut(
    values: npt.NDArray[Number], at: npt.NDArray[np.int64], before: int, after: int
) -> npt.NDArray[Number]:
    """Stretches about places, (place, sample, channel)."""
    return np.stack([values[place - before : place + after] for place in at.tolist()])
