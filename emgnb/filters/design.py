"""Butterworth sections, designed once: a chain asks for the same filter again and again."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from scipy import signal as dsp

from emgnb.filters.base import Array

Kind = Literal["lowpass", "highpass", "bandpass"]


def butterworth(order: int, corners: float | tuple[float, float], kind: Kind, rate: float) -> Array:
    """Second-order sections (section, 6) of a causal Butterworth filter; corners and rate in Hz."""
    # A copy, for what is kept must stay as it is.
    return _designed(order, corners, kind, rate).copy()


@lru_cache(maxsize=256)
def _designed(order: int, corners: float | tuple[float, float], kind: Kind, rate: float) -> Array:
    sections: Array = dsp.butter(order, corners, kind, fs=rate, output="sos")
    return sections
