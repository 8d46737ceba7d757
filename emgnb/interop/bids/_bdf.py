"""Write and read the samples of one run as a BDF file, by edfio."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats
from emgnb._extras import explained

if TYPE_CHECKING:
    import edfio

# Digital range of a sample, and characters of a label and of a number in the header.
LOWEST, HIGHEST, LABEL, DIGITS = -(1 << 23), (1 << 23) - 1, 16, 8
# Bytes in the header: place of the duration of a record, size of the fixed part, and for each
# channel the size of the fields before the physical range.
DURATION_AT, FIXED, BEFORE_RANGE = 244, 256, 104
# Shortest and longest record (s), and its largest size (bytes).
SHORTEST, LONGEST, LARGEST = 0.05, 10.0, 10_000_000


def write(
    path: Path,
    values: Floats,
    rate: float,
    labels: Sequence[str],
    units: Sequence[str],
    started: datetime.datetime | None,
) -> int:
    """Write samples (time, channel), all finite; return the number of samples added at the end.

    A BDF file holds whole records. If no record length divides the number of samples, the last
    record is filled with the last sample.

    Raises
    ------
    ValueError : a value does not fit into the header's eight characters
    """
    with explained("BDF"):
        import edfio

    length = record_length(len(values), rate, values.shape[1])
    extra = -len(values) % length
    ranges = [covering(values[:, c], labels[c]) for c in range(values.shape[1])]
    signals = [
        edfio.BdfSignal.from_digital(
            _digital(np.pad(values[:, c], (0, extra), mode="edge"), ranges[c]),
            float(length),
            label=labels[c],
            physical_dimension=units[c],
            physical_range=(LOWEST, HIGHEST),
        )
        for c in range(values.shape[1])
    ]
    file = edfio.Bdf(
        signals,
        recording=edfio.Recording(startdate=None if started is None else started.date()),
        starttime=None if started is None else started.time().replace(microsecond=0),
        data_record_duration=1.0,
    )
    file.write(path)
    _complete(path, length / rate, ranges)
    return int(extra)


def _digital(values: Floats, limits: tuple[str, str]) -> npt.NDArray[np.int32]:
    low, high = map(float, limits)
    return np.rint((values - low) / (high - low) * (HIGHEST - LOWEST) + LOWEST).astype(np.int32)


def _complete(path: Path, duration: float, ranges: Sequence[tuple[str, str]]) -> None:
    """Write the numbers of the header that edfio does not take: it writes small ones as 1e-05."""
    limits = "".join(text.ljust(DIGITS) for each in zip(*ranges, strict=True) for text in each)
    with path.open("r+b") as raw:
        raw.seek(DURATION_AT)
        raw.write(_number(duration).ljust(DIGITS).encode("ascii"))
        raw.seek(FIXED + len(ranges) * BEFORE_RANGE)
        raw.write(limits.encode("ascii"))


def read(path: Path) -> list[edfio.EdfSignal | edfio.BdfSignal]:
    """Read the signals of a BDF or EDF file.

    Raises
    ------
    ValueError : no such file, or one with interruptions
    """
    with explained("BDF"):
        import edfio

    reader = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
    try:
        file = reader(path)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path.name} is not a file that edfio reads: {error}") from None
    if not file.is_continuous:
        raise ValueError(
            f"{path.name} is discontinuous (EDF+D). Expected one file per uninterrupted run"
        )
    return list(file.signals)


def record_length(samples: int, rate: float, width: int) -> int:
    """Return the samples of a record: a divisor of `samples` near 1 s, otherwise 1 s."""
    second = max(1, min(samples, round(rate)))
    most = min(samples, int(LONGEST * rate), LARGEST // (3 * width))
    divisors = [
        each
        for d in range(1, math.isqrt(samples) + 1)
        if samples % d == 0
        for each in (d, samples // d)
        if SHORTEST * rate <= each <= most
    ]
    return min(divisors, key=lambda d: abs(math.log(d / second)), default=second)


def covering(values: Floats, name: str) -> tuple[str, str]:
    """Return the ends of a range that covers the values, as texts of at most eight characters.

    Raises
    ------
    ValueError : a value needs more than eight characters
    """
    low, high = float(values.min()), float(values.max())
    if not -9_999_999 < low <= high < 99_999_998:
        raise ValueError(
            f"channel {name} reaches {low:g} to {high:g}, but a BDF header holds at most eight "
            "characters. Convert the signal to a larger unit"
        )
    lower, upper = _outward(low, decimal.ROUND_FLOOR), _outward(high, decimal.ROUND_CEILING)
    return (
        (lower, upper)
        if float(lower) < float(upper)
        else (lower, _outward(high + 1, decimal.ROUND_CEILING))
    )


def _outward(value: float, rounding: str) -> str:
    exact = decimal.Decimal(value)
    for places in range(6, -1, -1):
        text = f"{exact.quantize(decimal.Decimal(1).scaleb(-places), rounding):f}"
        if len(text) <= DIGITS:
            return text
    raise AssertionError(value)


def _number(value: float) -> str:
    """Write a positive number in at most eight characters, as exactly as possible."""
    texts = (f"{value:.{places}f}" for places in range(7, -1, -1))
    found = next(text for text in texts if len(text) <= DIGITS)
    return found.rstrip("0").rstrip(".") if "." in found else found
