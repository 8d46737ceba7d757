"""Design Butterworth filters, and cache them."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from scipy import signal as dsp

from emgnb._arrays import Floats

Kind = Literal["lowpass", "highpass", "bandpass"]


def butterworth(
    order: int, corners: float | tuple[float, float], kind: Kind, rate: float
) -> Floats:
    """Return second-order sections (section, 6) of a causal Butterworth filter; corners and rate in
    Hz.
    """
    # A copy, because the cached array must not change.
    return _designed(order, corners, kind, rate).copy()


@lru_cache(maxsize=256)
def _designed(order: int, corners: float | tuple[float, float], kind: Kind, rate: float) -> Floats:
    sections: Floats = dsp.butter(order, corners, kind, fs=rate, output="sos")
    return sections
