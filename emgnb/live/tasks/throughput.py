"""Compute Fitts's index of difficulty, and the throughput with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from emgnb._arrays import Floats
from emgnb.recording import need_positive

# Width of a normal distribution that contains 96 % of it, in standard deviations.
EFFECTIVE = 4.133
# Columns of the table of conditions, and their units.
COLUMNS = {
    **dict.fromkeys(("distance", "width", "trials", "hits"), ""),
    "movement_time": "s",
    **dict.fromkeys(("effective_distance", "effective_width"), ""),
    "difficulty": "bits",
    "throughput": "bits/s",
}


def difficulty(distance: float, width: float) -> float:
    """Return the index of difficulty of a target in bits, log2(distance / width + 1).

    The form of Shannon (MacKenzie 1992, doi:10.1207/s15327051hci0701_3).

    Parameters
    ----------
    distance, width : in the same unit

    Raises
    ------
    ValueError : not above 0

    Examples
    --------
    >>> from emgnb.live import tasks
    >>> tasks.difficulty(distance=3, width=1)
    2.0
    """
    need_positive(distance=distance, width=width)
    return float(np.log2(distance / width + 1))


@dataclass(frozen=True, eq=False)
class Throughput:
    """Throughput of aimed movements.

    Attributes
    ----------
    value : bits/s, mean over conditions of effective difficulty / mean movement time
    interval : 95 %, from the jackknife over trials
    conditions : (condition) `distance`, `width`, `trials`, `hits`, `movement_time` (s),
        `effective_distance`, `effective_width` (4.133 SD of the endpoints), `difficulty` (bits,
        effective), `throughput` (bits/s)
    """

    value: float
    interval: tuple[float, float]
    conditions: xr.Dataset

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "unknown: a condition needs three endpoints, and some spread of them"
        low, high = self.interval
        return (
            f"{self.value:.2f} bits/s (95 % interval {low:.2f}–{high:.2f}, "
            f"{self.conditions.sizes['condition']} conditions)"
        )


def throughput(trials: xr.Dataset) -> Throughput:
    """Return the throughput of aimed movements, with the effective width of ISO 9241-411.

    The effective width of a condition is 4.133 times the SD of its endpoints, misses included; the
    effective difficulty is log2(mean distance moved / effective width + 1); the throughput is the
    mean over conditions of difficulty / mean movement time (Soukoreff & MacKenzie 2004,
    doi:10.1016/j.ijhcs.2004.09.001). The movement time of `Reach` includes the reaction; where a
    movement is timed from its own beginning, the throughput is higher.

    Parameters
    ----------
    trials : (trial) `distance`, `width`, `start`, `endpoint`, `movement_time` (s), `score`, as in
        `Result.trials`. Trials without an endpoint (NaN: not selected in time) are left out, and
        so are conditions with fewer than three trials or without any spread

    Returns
    -------
    Throughput; NaN without any condition. The value of few trials is too high, as their SD is
    too small on average (by 4 % with ten of each condition); the interval is centred on the value
    that the jackknife has corrected for it

    Examples
    --------
    >>> import xarray as xr
    >>> from emgnb.live import tasks
    >>> x = {"distance": [0.6] * 4, "width": [0.2] * 4, "start": [0.0] * 4, "score": [100.0] * 4}
    >>> x |= {"endpoint": [0.55, 0.6, 0.6, 0.65], "movement_time": [1.0, 1.1, 0.9, 1.0]}
    >>> found = tasks.throughput(xr.Dataset({name: ("trial", each) for name, each in x.items()}))
    >>> round(found.value, 2)
    2.19
    """
    groups = [group for group in _conditions(trials) if _spread(_ends(group))]
    values = np.array([_effective(_ends(group)).rate for group in groups])
    table = _table(groups)
    if not groups:
        return Throughput(np.nan, (np.nan, np.nan), table)
    total = float(values.mean())
    low, high = _interval(groups, values)
    return Throughput(total, (low, high), table)


def _conditions(trials: xr.Dataset) -> list[xr.Dataset]:
    """Return the selected trials of each distance and width."""
    known = trials.isel(trial=np.isfinite(trials["endpoint"].values))
    pairs = list(zip(known["distance"].values, known["width"].values, strict=True))
    return [
        known.isel(trial=[k for k, pair in enumerate(pairs) if pair == each])
        for each in dict.fromkeys(sorted(pairs))
        if pairs.count(each) >= 3
    ]


class _Ends(NamedTuple):
    """Where the movements of one condition began and ended, and how long they took (s)."""

    start: Floats
    endpoint: Floats
    time: Floats

    def without(self, k: int) -> _Ends:
        """Return all movements but one."""
        return _Ends(*(np.delete(each, k) for each in self))


class _Effective(NamedTuple):
    """Effective distance and width, difficulty (bits), and throughput (bits/s)."""

    distance: float
    width: float
    bits: float
    rate: float


def _ends(group: xr.Dataset) -> _Ends:
    return _Ends(*(group[name].values for name in ("start", "endpoint", "movement_time")))


def _effective(ends: _Ends) -> _Effective:
    distance = max(float((ends.endpoint - ends.start).mean()), 0.0)
    # Of the endpoints alone: where a movement began is no error of where it ended.
    width = EFFECTIVE * float(ends.endpoint.std(ddof=1))
    bits = float(np.log2(distance / width + 1)) if width > 1e-9 else np.inf
    return _Effective(distance, width, bits, bits / float(ends.time.mean()))


def _spread(ends: _Ends) -> bool:
    """Return whether the endpoints differ, also with any trial left out."""
    return all(ends.without(k).endpoint.std() >= 1e-9 for k in range(ends.endpoint.size))


def _interval(groups: list[xr.Dataset], values: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the mean over conditions, by jackknife within each."""
    bias = variance = 0.0
    freedom = 0
    for group, whole in zip(groups, values.tolist(), strict=True):
        ends = _ends(group)
        n = ends.endpoint.size
        left = np.array([_effective(ends.without(k)).rate for k in range(n)])
        bias += (n - 1) * float(left.mean() - whole)
        variance += (n - 1) / n * float(((left - left.mean()) ** 2).sum())
        freedom += n - 1
    count = len(groups)
    centre = float(values.mean()) - bias / count
    wide = float(stats.t.ppf(0.975, freedom)) * np.sqrt(variance) / count
    return max(float(centre - wide), 0.0), float(centre + wide)


def _table(groups: list[xr.Dataset]) -> xr.Dataset:
    rows = []
    for group in groups:
        found = _effective(_ends(group))
        row = {
            "distance": float(group["distance"][0]),
            "width": float(group["width"][0]),
            "trials": group.sizes["trial"],
            "hits": int((group["score"].values == 100).sum()),
            "movement_time": float(group["movement_time"].mean()),
            "effective_distance": found.distance,
            "effective_width": found.width,
            "difficulty": found.bits,
            "throughput": found.rate,
        }
        rows.append(row)
    return xr.Dataset(
        {
            name: (
                "condition",
                np.array([row[name] for row in rows]),
                {"units": unit} if unit else {},
            )
            for name, unit in COLUMNS.items()
        }
    )
