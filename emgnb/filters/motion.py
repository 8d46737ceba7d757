# ruff: noqa: D102 — what each answer means is said once, at `Step`
"""Tugged cables and slipping electrodes: found and marked, never repaired.

A movement of the skin under an electrode is a slow, large swing. As long as it stays slow, a
high-pass takes it away and the EMG is unharmed. A jerk does not stay slow: above 20 Hz it adds what
looks like a burst of EMG, and nobody knows which part was muscle. It shows just below 20 Hz, where
muscle has little. Such a stretch is taken for lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import ndimage

from emgnb.filters import engine
from emgnb.filters.base import Array, Mask, Place, Step, not_raw, positive
from emgnb.filters.design import butterworth

# Hz between which a jerk shows: above baseline, blinks and slow movement, and below the EMG.
SWING = (13.0, 19.0)
# Hz from which on it is EMG.
MUSCLE = 20.0
# s over which power is averaged, and in which the usual swing is measured.
SHORT = 0.15
BLOCK = 10.0
# Blocks on either side whose median is the usual swing.
BLOCKS = 3
# A stretch begins and ends where the swing has fallen to this share of the threshold.
EDGE = 1 / 3
# s of the longest stretch that is told apart from unrest that never ends.
LONGEST = 10.0


@dataclass(frozen=True)
class MotionArtefact(Step):
    """Find stretches spoilt by movement and take them for lost: NaN, and `valid` False.

    A stretch is spoilt when its power between 13 and 19 Hz (over 0.15 s) is above `threshold`²
    times the usual, and above `share` of the power from 20 Hz on, so that a contraction, which has
    little so low, is none. The usual is measured around it: the median of the 10-s blocks within
    40 s, so that someone who moves a third of the time is still found out. Slow swings (a blink, a
    wandering baseline) stay: `HighPass(20)` takes them away without harm to the EMG.

    Nothing is interpolated and nothing is filtered: other samples stay as they were, bit by bit,
    samples of the stretch become NaN in the channel concerned. `valid` belongs to the time and is
    False for all channels. Later steps treat the stretch as any gap.

    Parameters
    ----------
    threshold : how many times the usual swing (RMS) is movement
    share : of the power from 20 Hz on that the swing must exceed as well
    margin : s added before and after

    References
    ----------
    De Luca et al. 2010, doi:10.1016/j.jbiomech.2010.01.027 (where movement and EMG part)
    """

    threshold: float = 5.0
    share: float = 0.5
    margin: float = 0.05
    local: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, threshold=self.threshold, share=self.share, margin=self.margin)

    def refuses_kind(self, kind: str) -> str | None:
        return not_raw("MotionArtefact", kind, "its signal lies where movement would show")

    def refuses_rate(self, rate: float) -> str | None:
        if rate > 2.5 * MUSCLE:
            return None
        return (
            f"at {rate:.4g} Hz there is nothing above {MUSCLE:g} Hz to tell muscle from movement "
            f"by: record at more than {2.5 * MUSCLE:g} Hz."
        )

    def refuses_live(self) -> str | None:
        return (
            "MotionArtefact compares a swing with the half minute before and after it, which live "
            "has not come yet: run it afterwards; live, HighPass(20) takes most of a swing away."
        )

    def least(self, rate: float) -> int:
        return math.ceil(rate)

    def context(self, rate: float) -> int:
        tau = max(engine.decay(sos) for sos in self._bands(rate))
        return math.ceil(((BLOCKS + 1) * BLOCK + LONGEST) * rate + engine.FORGOTTEN * tau)

    def over_stretch(self, values: Array, missing: Mask, place: Place) -> tuple[Array, Mask]:
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
        """Runs of `weak` that hold something `strong`, with the margin around."""
        label, count = ndimage.label(weak)
        held = np.zeros(count + 1, dtype=bool)
        held[label[strong]] = True
        held[0] = False
        margin = round(self.margin * rate)
        spoilt = held[label]
        if not (margin and spoilt.any()):
            return np.asarray(spoilt)
        return np.asarray(ndimage.binary_dilation(spoilt, np.ones(2 * margin + 1, dtype=bool)))

    def _power(self, values: Array, sos: Array, rate: float) -> Array:
        moved = values[:, np.newaxis].copy(order="F")
        engine.both_ways(sos, moved)
        size = max(round(SHORT * rate), 1)
        power = ndimage.uniform_filter1d(np.square(moved[:, 0]), size, mode="nearest")
        # The running sum may leave a zero slightly below itself.
        return np.maximum(power, 0.0)

    def _bands(self, rate: float) -> tuple[Array, Array]:
        swing = butterworth(4, SWING, "bandpass", rate)
        muscle = butterworth(4, MUSCLE, "highpass", rate)
        return swing, muscle


def _usual(power: Array, missing: Mask, place: Place) -> Array:
    """Usual power at each sample: the median of the blocks around it, each by its own median."""
    size = round(BLOCK * place.rate)
    # Blocks lie on a grid fixed in the recording, so that a part of it has the same ones.
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
    # A channel that is usually flat has no usual swing to compare with.
    around[around == 0] = np.inf
    return np.asarray(around[block])
