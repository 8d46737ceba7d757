# ruff: noqa: D102 — documented once, at `Step`
"""Mark motion artefacts as missing.

Movement of the skin under an electrode causes a slow, large deflection. A high-pass removes slow
ones without harm to the EMG. Jerks also have power above 20 Hz, which looks like a burst of EMG and
cannot be separated from it. They are detected just below 20 Hz, where EMG has little power, and
marked as missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from emgnb._arrays import Floats, Mask
from emgnb.filters import _cascade
from emgnb.filters._design import butterworth
from emgnb.filters.step import Place, Step, not_raw, positive

# Band in which jerks are detected (Hz): above drift, blinks and slow movement, below the EMG.
SWING = (13.0, 19.0)
# Lower limit of the EMG (Hz).
MUSCLE = 20.0
# Averaging time of the power, and length of blocks for its median (s).
SHORT = 0.15
BLOCK = 10.0
# Blocks on either side that determine the usual power.
BLOCKS = 3
# An artefact extends to where the amplitude falls to this fraction of the threshold.
EDGE = 1 / 3
# Longest artefact (s) that is marked completely when filtering in parts.
LONGEST = 10.0


@dataclass(frozen=True)
class MotionArtefact(Step):
    """Find motion artefacts and mark them as missing: NaN, and `valid` False.

    An artefact has power between 13 and 19 Hz (over 0.15 s) above `threshold`² times the usual, and
    above `share` of the power from 20 Hz on, which excludes contractions. The usual power is the
    median of 10-s blocks within 40 s, so the method works for participants who move up to a third
    of the time. Slow deflections (blinks, drift) are kept: `HighPass(20)` removes them without harm
    to the EMG.

    Nothing is interpolated or filtered. Other samples are unchanged; samples of an artefact become
    NaN in the affected channel. `valid` has no channels and is False at these times. Later steps
    treat them as gaps.

    Parameters
    ----------
    threshold : minimum RMS of an artefact, as a multiple of the usual
    share : minimum power of an artefact relative to the power from 20 Hz on
    margin : s added before and after

    References
    ----------
    De Luca et al. 2010, doi:10.1016/j.jbiomech.2010.01.027 (separation of movement and EMG)
    """

    threshold: float = 5.0
    share: float = 0.5
    margin: float = 0.05
    local: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, threshold=self.threshold, share=self.share, margin=self.margin)

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("MotionArtefact", kind, "its signal has the frequencies of movement")

    def refuses_rate(self, rate: float) -> str | None:
        if rate > 2.5 * MUSCLE:
            return None
        return (
            f"at {rate:.4g} Hz, movement cannot be distinguished from EMG, which is above "
            f"{MUSCLE:g} Hz: record at more than {2.5 * MUSCLE:g} Hz."
        )

    def refuses_live(self) -> str | None:
        return (
            "MotionArtefact compares each deflection with the 40 s before and after it and cannot "
            "run live: run it afterwards. Live, HighPass(20) removes most of a deflection."
        )

    def least(self, rate: float) -> int:
        return math.ceil(rate)

    def context(self, rate: float) -> int:
        tau = max(_cascade.decay(sos) for sos in self._bands(rate))
        return math.ceil(((BLOCKS + 1) * BLOCK + LONGEST) * rate + _cascade.FORGOTTEN * tau)

    def over_stretch(self, values: Floats, missing: Mask, place: Place) -> tuple[Floats, Mask]:
        swing, muscle = self._bands(place.rate)
        found = missing.copy(order="F")
        for i in range(values.shape[1]):
            if missing[:, i].all():
                continue
            slow = self._power(values[:, i], swing, place.rate)
            usual = _usual(slow, missing[:, i], place)
            strong = slow > np.square(self.threshold) * usual
            if not strong.any():
                continue
            fast = self._power(values[:, i], muscle, place.rate)
            strong &= slow > self.share * fast
            weak = slow > np.maximum(
                np.square(self.threshold * EDGE) * usual, self.share * EDGE * fast
            )
            found[:, i] |= self._stretches(strong, weak, place.rate)
        return values, found if (found & ~missing).any() else missing

    def _stretches(self, strong: Mask, weak: Mask, rate: float) -> Mask:
        """Return runs of `weak` that contain `strong`, extended by the margin."""
        label, count = ndimage.label(weak)
        held = np.zeros(count + 1, dtype=bool)
        held[label[strong]] = True
        held[0] = False
        margin = round(self.margin * rate)
        spoilt = held[label]
        if not (margin and spoilt.any()):
            return np.asarray(spoilt)
        return np.asarray(ndimage.binary_dilation(spoilt, np.ones(2 * margin + 1, dtype=bool)))

    def _power(self, values: Floats, sos: Floats, rate: float) -> Floats:
        moved = values[:, np.newaxis].copy(order="F")
        _cascade.both_ways(sos, moved)
        size = max(round(SHORT * rate), 1)
        power = ndimage.uniform_filter1d(np.square(moved[:, 0]), size, mode="nearest")
        # Rounding of the running sum can be negative.
        return np.maximum(power, 0.0)

    def _bands(self, rate: float) -> tuple[Floats, Floats]:
        swing = butterworth(4, SWING, "bandpass", rate)
        muscle = butterworth(4, MUSCLE, "highpass", rate)
        return swing, muscle


def _usual(power: Floats, missing: Mask, place: Place) -> Floats:
    """Return the usual power at each sample: the median of the medians of the blocks around it."""
    size = round(BLOCK * place.rate)
    # The grid of blocks is fixed in the recording, so that parts have the same blocks.
    block = (np.arange(len(power)) + place.first) // size
    block -= block[0]
    edges = np.flatnonzero(np.diff(block)) + 1
    medians = np.array(
        [
            np.median(one[~gone]) if (~gone).any() else np.nan
            for one, gone in zip(np.split(power, edges), np.split(missing, edges), strict=True)
        ]
    )
    around = np.array(
        [
            np.nanmedian(near) if np.isfinite(near).any() else np.inf
            for near in (medians[max(i - BLOCKS, 0) : i + BLOCKS + 1] for i in range(len(medians)))
        ]
    )
    # Channels that are usually flat have no usual power.
    around[around == 0] = np.inf
    return np.asarray(around[block])
