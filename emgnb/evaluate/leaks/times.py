"""Time stamps of tables in seconds, and the rate of a regular clock."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import numpy as np

from emgnb._arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

# Share of texts of a column that may be no date, and fewest steps that a rate is told from.
ODD, FEWEST = 0.1, 50
# Steps between whole numbers (ms) that are time steps of a signal, and how long (ms) one label then
# lasts at least: seconds of a table of features would make it shorter.
STEPS, LASTS = (1, 50), 500


def rate_of(time: Floats | None) -> float | None:
    """Sampling rate of a regular clock in Hz, else None."""
    steps = _steps(time)
    if steps is None:
        return None
    typical = float(np.median(steps))
    regular = np.abs(steps - typical) < 0.2 * typical
    return 1 / typical if regular.mean() > 0.9 else None


def in_ms(time: Floats | None, run: float) -> bool:
    """Whether whole numbers, taken as seconds, are the milliseconds of a signal.

    Parameters
    ----------
    time : (row,); NaN where there is none, and then it is no signal's
    run : typical number of rows of one label in succession
    """
    steps = _steps(time)
    if time is None or steps is None or (time % 1 != 0).any():
        return False
    step = float(np.median(steps))
    return STEPS[0] <= step < STEPS[1] and step * run >= LASTS


def _steps(time: Floats | None) -> Floats | None:
    """Steps forward of a clock; None if they are too few to tell a rate."""
    if time is None:
        return None
    steps = np.diff(time)
    steps = steps[steps > 0]
    return steps if len(steps) >= FEWEST else None


def states_seconds(frame: pd.DataFrame, name: str | None) -> bool:
    """Whether the name of a time column, or its line of units, says that it holds seconds."""
    unit = str(frame.attrs.get("units", {}).get(name, ""))
    return unit.strip().lower() in ("s", "sec") or str(name).lower() in ("time_s", "seconds")


def time_of(frame: pd.DataFrame, name: str | None, *, asked: bool) -> Floats | None:
    """Times in s; None where no column is named, or one that only has a usual name has no times."""
    if name is None:
        return None
    try:
        return _seconds(frame[name], frame.attrs.get("units", {}).get(name, ""))
    except ValueError:
        if asked:
            raise
        return None


def _seconds(column: pd.Series, unit: str) -> Floats:
    """Time stamps in s from the first; milliseconds and dates are recognised."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        values: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
        milli = unit == "ms" or "ms" in str(column.name) or np.nanmedian(values) > 1e11
        return values / 1000 if milli else values
    stamps = _dates(column)
    if stamps.isna().mean() > ODD:
        raise ValueError(
            f"column {column.name!r} for time holds {str(column.iloc[0])!r}, expected seconds, "
            "milliseconds (a name with ms) or dates such as 2024-03-01T09:30:00"
        )
    return np.asarray((stamps - stamps.min()).dt.total_seconds(), dtype=np.float64)


def _dates(column: pd.Series) -> pd.Series:
    """Texts as dates; 03.04.2024 is April, and 03/04/2024 what most of the column allows."""
    import pandas as pd

    first = str(column.iloc[0])
    if re.match(r"\d{4}-", first):
        return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    ways = (True, False) if re.match(r"\d+\.", first) else (False, True)
    with warnings.catch_warnings():
        # pandas warns where the day is not where it was told to look.
        warnings.simplefilter("ignore", UserWarning)
        read = [pd.to_datetime(column, errors="coerce", utc=True, dayfirst=way) for way in ways]
    return max(read, key=lambda stamps: stamps.notna().sum())
