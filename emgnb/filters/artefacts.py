# ruff: noqa: D102 — documented once, at `Step`
"""Subtract heartbeats and blinks.

Both steps learn the artefact from many events: the heartbeat as a median over beats, the blink by
its relative amplitude at each electrode. They subtract what all events of the recording share, so
that a single burst of EMG is neither removed nor added to other channels.
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

from emgnb._arrays import Floats, Mask
from emgnb.filters import _cascade
from emgnb.filters._design import butterworth
from emgnb.filters.step import Place, Step, not_raw, positive

Number = TypeVar("Number", np.float64, np.bool_)

# Band in which the QRS complex is most prominent (Hz).
QRS = (8.0, 40.0)
# Extent of a beat before and after the R peak (s).
BEAT = (0.25, 0.45)
# Shortest interval between beats (s): 150 per minute.
APART = 0.4
# Minimum number of beats for a reliable shape.
FEWEST = 20
# A shape counts as a heartbeat if it exceeds its standard error by this factor.
CLEAR = 6.0
# Rhythm: minimum share of intervals within this fraction of the median interval.
RHYTHM = (0.6, 0.2)
# Band of the eyelid potential (Hz).
LID = (0.5, 12.0)
# Lower limit of EMG (Hz), and minimum ratio of eyelid power to EMG power in a blink. A contraction
# has about 3 % of its power below 12 Hz.
MUSCLE = 20.0
LID_SHARE = 0.1


@dataclass(frozen=True)
class Heartbeat(Step):
    """Subtract the ECG: the median shape of a beat in each channel, at each beat.

    Beats are detected in `reference` (an ECG or a channel near the neck), or in what all channels
    share between 8 and 40 Hz, and then again by matching their shape. The shape is the median over
    all beats. Nothing is subtracted with fewer than 20 beats, without a rhythm (less than 60 % of
    the intervals within 20 % of the median), or if the shape is below six times its standard error.
    Beats hidden by a contraction may remain.

    Parameters
    ----------
    reference : name of the channel with the clearest beats; None uses all channels

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
        return not_raw("Heartbeat", kind, "rectified heartbeats cannot be subtracted")

    def refuses_rate(self, rate: float) -> str | None:
        return None if rate > 2.5 * QRS[1] else f"needs a sampling rate above {2.5 * QRS[1]:g} Hz."

    def refuses_names(self, names: Sequence[str]) -> str | None:
        return _no_channel("Heartbeat", self.reference, names)

    def refuses_live(self) -> str | None:
        return (
            "Heartbeat learns the shape of a beat from the whole recording and cannot run "
            "live: run it afterwards. Live, HighPass(30) removes most of it."
        )

    def least(self, rate: float) -> int:
        return math.ceil(2 * sum(BEAT) * rate)

    def over_whole(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Step]:
        before, after = (round(part * place.rate) for part in BEAT)
        usable = [i for i in range(values.shape[1]) if not missing[:, i].all()]
        if not usable:
            return values, self
        seen = np.asfortranarray(values[:, usable])
        _cascade.both_ways(butterworth(2, QRS, "bandpass", place.rate), seen)
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
                # The match peaks where the R peak of the shape meets that of the signal.
                matched = dsp.oaconvolve(seen[:, i], shape[::-1, i], mode="full")
                likeness += matched[after - 1 :][: len(seen)]
            beats = _peaks(likeness, place.rate)
        return self._without(values, missing, beats, before, after), self

    def _without(
        self, values: Floats, missing: Mask, beats: npt.NDArray[np.int64], before: int, after: int
    ) -> Floats:
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
            # Standard error of a median: 1.25 times that of a mean, with the SD from the quartiles.
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
    """Subtract the eyelid potential by regression on the channel that records it best.

    A blink is a deflection between 0.5 and 12 Hz that exceeds `threshold` times the usual amplitude
    in `reference`. The eyelid potential is the signal below 12 Hz, relative to a straight line from
    the start to the end of the blink. The ratio of each channel to the reference is estimated by
    least squares over all blinks, and the scaled potential is subtracted within blinks only. Above
    12 Hz nothing changes: the EMG of the blink (orbicularis oculi, AU 45) is kept, and does not
    leak into other channels. Contractions, with most of their power above 20 Hz, are not blinks.

    Parameters
    ----------
    reference : name of the channel: an EOG, or the electrode nearest to the eye
    threshold : minimum amplitude of a blink, as a multiple of the usual slow amplitude
    margin : s before and after each blink that are included

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
        return not_raw("Blink", kind, "rectified blinks cannot be subtracted")

    def refuses_rate(self, rate: float) -> str | None:
        return None if rate > 5 * LID[1] else f"needs a sampling rate above {5 * LID[1]:g} Hz."

    def refuses_names(self, names: Sequence[str]) -> str | None:
        return _no_channel("Blink", self.reference, names)

    def refuses_live(self) -> str | None:
        return (
            "Blink learns each channel's share from the whole recording and cannot run "
            "live: run it afterwards. Live, HighPass(20) removes blinks."
        )

    def least(self, rate: float) -> int:
        return math.ceil(2 * rate)

    def over_whole(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Step]:
        at = place.names.index(self.reference)
        if missing[:, at].all():
            return values, self
        lid = values[:, [at]].copy(order="F")
        _cascade.both_ways(butterworth(2, LID, "bandpass", place.rate), lid)
        usual = _spread(lid[~missing[:, at], 0])
        swing = (np.abs(lid[:, 0]) > self.threshold * usual) & ~missing[:, at]
        if not swing.any() or not usual:
            return values, self
        window = round(self.margin * place.rate)
        wide = ndimage.binary_dilation(swing, np.ones(2 * window + 1, dtype=bool))
        spans = ndimage.find_objects(ndimage.label(wide)[0])
        slow = values.copy(order="F")
        _cascade.both_ways(butterworth(2, LID[1], "lowpass", place.rate), slow)
        fast = values[:, [at]].copy(order="F")
        _cascade.both_ways(butterworth(2, MUSCLE, "highpass", place.rate), fast)
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


def _above_line(slow: Floats, spans: Sequence[tuple[slice, ...]]) -> Floats:
    """Subtract from each span the straight line between its ends; 0 elsewhere."""
    out = np.zeros_like(slow)
    for (span,) in spans:
        part = slow[span]
        out[span] = part - np.linspace(part[0], part[-1], len(part))
    return out


def _no_channel(step: str, reference: str | None, names: Sequence[str]) -> str | None:
    if reference is None or reference in names:
        return None
    return f"{step}: no channel {reference!r}; there are {', '.join(names)}."


def _spread(values: Floats) -> float:
    """Return the standard deviation of the quiet part, from the median."""
    return float(np.median(np.abs(values)) / 0.6745) if values.size else 0.0


def _clip(seen: Floats) -> None:
    """Scale channels to unit deviation, and clip EMG and movement."""
    for i in range(seen.shape[1]):
        size = _spread(seen[:, i])
        np.clip(seen[:, i] / size if size else seen[:, i], -5.0, 5.0, out=seen[:, i])


def _shared(seen: Floats) -> Floats:
    """Return the first principal component of the channels, with its peaks upwards."""
    _, vectors = np.linalg.eigh(seen.T @ seen)
    common = np.asarray(seen @ vectors[:, -1])
    return common if np.mean(common**3) >= 0 else -common


def _peaks(values: Floats, rate: float) -> npt.NDArray[np.int64]:
    """Return the indices of prominent peaks at least `APART` s from each other."""
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
    """Cut segments around indices, (index, sample, channel)."""
    return np.stack([values[place - before : place + after] for place in at.tolist()])
