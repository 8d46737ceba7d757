"""Spectra of segments, lagged coherence, and its surrogates.

Notation: X (segment, bin) of one EEG channel, Y (segment, bin, channel) of all EMG channels. Sums
over segments are called spectra; factors that cancel are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

from emgnb._arrays import Floats

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Spectra:
    """Cross-spectra of one EEG channel with all EMG channels, from which EMG may be regressed.

    Attributes
    ----------
    xx : (bin,)
    yy : (bin, channel, channel)
    pieces : (segment, bin, channel), X × conj(Y)
    """

    xx: Floats
    yy: Complex
    pieces: Complex

    @property
    def xy(self) -> Complex:
        return np.asarray(self.pieces.sum(axis=0))


def transformed(
    x: Floats, y: Floats, rate: float, length: float, most: float
) -> tuple[Complex, Complex, Floats]:
    """Return the spectra of the segments without lost samples, and the frequencies up to `most`.

    Segments are tapered (Hann) and overlap by half. x and y are (time, channel).
    """
    size = round(length * rate)
    step = size - size // 2
    both = np.concatenate((x, y), axis=1)
    starts = np.arange(0, len(both) - size + 1, step)
    lost = np.concatenate(([0], np.cumsum(~np.isfinite(both).all(axis=1))))
    starts = starts[lost[starts + size] == lost[starts]]
    cut = both[starts[:, None] + np.arange(size)]
    taper = dsp.get_window("hann", size)[:, None]
    made = np.fft.rfft((cut - cut.mean(axis=1, keepdims=True)) * taper, axis=1)
    frequency = np.asarray(np.fft.rfftfreq(size, 1 / rate), dtype=np.float64)
    kept = (frequency > 0) & (frequency <= most)
    made = made[:, kept]
    return made[..., : x.shape[1]], made[..., x.shape[1] :], frequency[kept]


def spectra(x: Complex, y: Complex) -> Spectra:
    """Return the spectra of X (segment, bin) and Y (segment, bin, channel)."""
    return Spectra(
        np.sum(np.abs(x) ** 2, axis=0),
        np.einsum("sbi,sbj->bij", y, y.conj()),
        x[:, :, None] * y.conj(),
    )


def without_instantaneous(x: Complex, y: Complex) -> Complex:
    """Return X minus the instantaneous (real) mixture of all Y that fits it best, bin by bin."""
    own = spectra(x, y)
    weights = _solved(own.yy.real, own.xy.real)
    return np.asarray(x - np.einsum("bj,sbj->sb", weights, y))


def rotations(surrogates: int, segments: int, seed: int) -> Complex:
    """Return one random phase per surrogate and segment, (surrogate, segment)."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (surrogates, segments))
    return np.asarray(np.exp(1j * phases))


def plain(own: Spectra, xy: Complex) -> Floats:
    """Return the magnitude-squared coherence for cross-spectra (…, bin, channel)."""
    return np.asarray(np.abs(xy) ** 2 / _powers(own))


def instantaneous(own: Spectra, xy: Complex) -> Floats:
    """Return the squared real part of the coherency."""
    return np.asarray(xy.real**2 / _powers(own))


def lagged(own: Spectra, xy: Complex) -> Floats:
    """Return the lagged coherence: that of X without the instantaneous part of all Y.

    It does not change if any real mixture of the Y is added to X. With one EMG channel it is
    Im(C)² / (1 − Re(C)²) of the coherency C (Pascual-Marqui 2007).
    """
    weights = _solved(own.yy.real, xy.real)
    left = xy.imag - np.einsum("...bj,bji->...bi", weights, own.yy.imag)
    power = own.xx - np.einsum("...bj,...bj->...b", weights, xy.real)
    return np.asarray(left**2 / (power[..., None] * _diagonal(own.yy)))


def surrogate(own: Spectra, turned: Complex) -> Complex:
    """Return the cross-spectra with rotated segments, (surrogate, bin, channel)."""
    segments, *shape = own.pieces.shape
    return np.asarray((turned @ own.pieces.reshape(segments, -1)).reshape(-1, *shape))


def _powers(own: Spectra) -> Floats:
    return np.asarray(own.xx[:, None] * _diagonal(own.yy))


def _diagonal(yy: Complex) -> Floats:
    return np.asarray(np.einsum("bii->bi", yy).real)


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Solve for each bin; `right` is (…, bin, channel). EMG channels may be collinear."""
    return np.asarray(np.einsum("bij,...bj->...bi", np.linalg.pinv(matrix, rcond=1e-9), right))
