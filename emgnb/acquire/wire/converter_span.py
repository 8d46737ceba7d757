"""Estimate the range of a converter from its samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.acquire.wire.stream import Stream, scale_of

# Assumed range (µV) of a 24-bit converter, of which EMG uses only a small part.
FINE = 8000.0


def codes_of(values: npt.NDArray[Any]) -> int:
    """Return the number of codes of the converter: the fewest bits (10, 12, 14, 16) that fit."""
    most = float(np.nanmax(values, initial=0))
    return next((2**bits for bits in (10, 12, 14) if most < 2**bits), 2**16)


def span_of(stream: Stream, values: npt.NDArray[Any]) -> float | None:
    """Return the range of the converter in the signal's unit; None if nothing tells it.

    Samples of LSL are numbers in the unit of the sender, which names no converter.

    Parameters
    ----------
    stream : decoded stream, with the board's settings
    values : samples as received: counts (unsigned), µV (signed), or as a sketch printed them
        (floating)
    """
    if stream.dialect == "lsl":
        return None
    if values.dtype.kind == "i":
        return FINE
    _, per_count = scale_of(stream)
    # A sketch that prints volts prints small numbers.
    in_volts = values.dtype.kind == "f" and np.nanmax(values, initial=0) <= 5.5
    return 5.0 if in_volts else codes_of(values) * per_count
