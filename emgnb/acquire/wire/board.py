"""Validate a journal's description of its device; a file may contain anything."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

# Highest plausible sampling rate (Hz); no converter for EMG is faster.
FASTEST = 1e6

Rows = list[tuple[str, str, str]]


def device(describe: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the valid entries of a device's description, and the names of the others."""
    if not isinstance(describe, dict):
        return {}, ["describe"]
    odd = [name for name, value in describe.items() if not _can_be(name, value)]
    return {name: value for name, value in describe.items() if name not in odd}, odd


def rows(montage: Any) -> Rows | None:
    """Return a montage as (channel, muscle, side) per channel, None if it is not a montage."""
    if not isinstance(montage, list) or not montage:
        return None
    if not all(isinstance(row, list | tuple) and len(row) == 3 for row in montage):
        return None
    return [(str(channel), str(muscle), str(side)) for channel, muscle, side in montage]


def _can_be(name: str, value: Any) -> bool:
    return value is None or _RULES.get(name, _is_plain)(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 1e300 and math.isfinite(value)


def _is_rate(value: Any) -> bool:
    return _is_number(value) and 0 < value <= FASTEST


def _is_montage(value: Any) -> bool:
    return rows(value) is not None


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(kind, str) for kind in value)
    )


def _is_truth(value: Any) -> bool:
    columns = list(value.values()) if isinstance(value, dict) else None
    return (
        columns is not None
        and all(isinstance(column, list) for column in columns)
        and len({len(column) for column in columns}) <= 1
        and all(isinstance(cell, str | int | float) for column in columns for cell in column)
        and all(map(_is_number, [*value.get("onset", ()), *value.get("offset", ())]))
    )


_RULES: dict[str, Callable[[Any], bool]] = {
    "rate": _is_rate,
    "gain": _is_number,
    "channels": _is_number,
    "baud": _is_rate,
    "units": lambda value: isinstance(value, str),
    "units_per_count": _is_number,
    "montage": _is_montage,
    "signal_kind": _is_kind,
    "truth": _is_truth,
}
