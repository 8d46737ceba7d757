"""Change training windows at random, so that a network learns what does not matter.

The functions take windows (window, time, channel) and a generator, and return new windows of the
same shape and type. A validation or test window is never changed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training windows, drawn again in each epoch.

    Attributes
    ----------
    gain : spread of a gain per window and channel, as standard deviation of its natural logarithm:
        with 0.2, two gains of three are between 0.82 and 1.22. Electrodes that are put on again
        change the gain; but an intensity is an amplitude, so use little for `fit_intensities`
    shift : largest shift in s to either side; the ends are filled with mirrored samples
    warp : largest change of speed about the middle, as a fraction (0.1 is 10 %)
    dropout : probability that a channel is 0 in the whole window; one channel is always kept

    Raises
    ------
    ValueError : a value is negative or not finite, `warp` or `dropout` is 1 or more, or all are 0
    """

    gain: float = 0.0
    shift: float = 0.0
    warp: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        values = asdict(self)
        wrong = [f"{name}={v}" for name, v in values.items() if not 0 <= v < math.inf]
        wrong += [f"{name}={values[name]}" for name in ("warp", "dropout") if values[name] >= 1]
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}, expected 0 or more; warp and dropout are below 1"
            )
        if not any(values.values()):
            raise ValueError(
                "an augmentation that changes nothing: give gain, shift, warp, dropout"
            )

    def __call__(self, windows: Floats, rate: float, rng: np.random.Generator) -> Floats:
        """Return windows (window, time, channel) with all changes; `rate` in Hz."""
        if self.warp:
            windows = warped(windows, self.warp, rng)
        if self.shift:
            windows = shifted(windows, round(self.shift * rate), rng)
        if self.gain:
            windows = amplified(windows, self.gain, rng)
        return dropped(windows, self.dropout, rng) if self.dropout else windows


def amplified(windows: Floats, spread: float, rng: np.random.Generator) -> Floats:
    """Multiply each channel of each window by a log-normal gain."""
    count, _, channels = windows.shape
    gains = np.exp(spread * rng.standard_normal((count, 1, channels)))
    return windows * gains.astype(windows.dtype)


def shifted(windows: Floats, most: int, rng: np.random.Generator) -> Floats:
    """Shift each window by at most `most` samples to either side."""
    count, samples, _ = windows.shape
    by = rng.integers(-most, most + 1, (count, 1))
    return _taken(windows, _mirrored(np.arange(samples) + by, samples))


def warped(windows: Floats, most: float, rng: np.random.Generator) -> Floats:
    """Stretch or compress each window about its middle, by linear interpolation."""
    count, samples, _ = windows.shape
    middle = (samples - 1) / 2
    speed = 1 + most * rng.uniform(-1, 1, (count, 1))
    place = middle + speed * (np.arange(samples) - middle)
    before = np.floor(place).astype(np.intp)
    part = (place - before)[..., np.newaxis].astype(windows.dtype)
    left, right = (_taken(windows, _mirrored(before + n, samples)) for n in (0, 1))
    return np.asarray(left + part * (right - left), dtype=windows.dtype)


def dropped(windows: Floats, chance: float, rng: np.random.Generator) -> Floats:
    """Set channels to 0, each with probability `chance`, but never all of a window."""
    count, _, channels = windows.shape
    draw = rng.random((count, channels))
    kept = (draw >= chance) | (draw == draw.max(axis=1, keepdims=True))
    return np.where(kept[:, np.newaxis], windows, windows.dtype.type(0))


def _mirrored(place: npt.NDArray[np.intp], samples: int) -> npt.NDArray[np.intp]:
    """Return indices within the window, mirrored at its ends."""
    last = max(samples - 1, 1)
    place = np.abs(place) % (2 * last)
    return np.minimum(np.where(place > last, 2 * last - place, place), samples - 1)


def _taken(windows: Floats, place: npt.NDArray[np.intp]) -> Floats:
    return np.take_along_axis(windows, place[..., np.newaxis], axis=1)
