"""Match codes and bursts channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, labels
from emgnb._arrays import Floats
from emgnb.labels.comparing import intervals_of
from emgnb.labels.matching import ROUNDING, assign, iou, near


@dataclass(frozen=True)
class Codes:
    """Codes as arrays, and the channels that see each of them."""

    interval: Floats
    au: npt.NDArray[np.str_]
    side: npt.NDArray[np.str_]
    intensity: npt.NDArray[np.str_]
    channels: tuple[tuple[str, ...], ...]

    def text(self, row: int) -> str:
        """Return a code in FACS notation."""
        return facs.code(str(self.au[row]), str(self.side[row]), str(self.intensity[row]))


@dataclass(frozen=True)
class Bursts:
    """Bursts as arrays."""

    interval: Floats
    channel: npt.NDArray[np.str_]
    peak: Floats


@dataclass(frozen=True)
class Pair:
    """Code and burst that were matched."""

    code: int
    burst: int
    lag: float
    offset_lag: float
    iou: float


def read_codes(table: xr.Dataset, x: xr.DataArray) -> Codes:
    """Return the events that have an action unit."""
    table = table.isel(event=np.flatnonzero(table["au"].values != ""))
    au, side, intensity = (table[name].values.astype(str) for name in ("au", "side", "intensity"))
    seen = {
        key: tuple(labels.channels_for(x, *key))
        for key in {(str(a), str(s)) for a, s in zip(au, side, strict=True)}
    }
    channels = tuple(seen[str(a), str(s)] for a, s in zip(au, side, strict=True))
    return Codes(intervals_of(table), au, side, intensity, channels)


def read_bursts(table: xr.Dataset) -> Bursts:
    """Return the bursts; `peak` is NaN if the table has none."""
    peak = (
        table["peak"].values.astype(float)
        if "peak" in table
        else np.full(table.sizes["event"], np.nan)
    )
    return Bursts(intervals_of(table), table["channel"].values.astype(str), peak)


def matched(codes: Codes, bursts: Bursts, tolerance: float) -> list[Pair]:
    """Match bursts and codes one to one in each channel, sorted by code and burst.

    Codes that begin together and overlap in one channel, such as 9 and 10 over the levator labii,
    are one movement for its electrodes: they share a burst, if it begins near each of them.
    """
    found = []
    for channel in sorted({name for each in codes.channels for name in each}):
        rows = [i for i, seen in enumerate(codes.channels) if channel in seen]
        targets = _together(rows, codes.interval, tolerance)
        mine = np.flatnonzero(bursts.channel == channel)
        onset = np.array([codes.interval[group, 0].min() for group in targets])
        i, j = near(onset, bursts.interval[mine, 0], tolerance)
        i, j = assign((i, j), np.abs(onset[i] - bursts.interval[mine[j], 0]))
        shared = [(row, int(mine[b])) for a, b in zip(i, j, strict=True) for row in targets[a]]
        row, burst = np.array(shared, dtype=int).reshape(-1, 2).T
        lag = np.abs(bursts.interval[burst, 0] - codes.interval[row, 0])
        close = np.flatnonzero(lag <= tolerance + ROUNDING)
        found += [_pair(codes, bursts, int(row[n]), int(burst[n])) for n in close]
    return sorted(found, key=lambda pair: (pair.code, pair.burst))


def _together(rows: list[int], interval: Floats, tolerance: float) -> list[list[int]]:
    groups: list[list[int]] = []
    for row in sorted(rows, key=lambda i: float(interval[i, 0])):
        onset = interval[row, 0]
        if groups:
            first, end = interval[groups[-1][0], 0], interval[groups[-1], 1].max()
            if onset < end and onset - first <= tolerance:
                groups[-1].append(row)
                continue
        groups.append([row])
    return groups


def _pair(codes: Codes, bursts: Bursts, code: int, burst: int) -> Pair:
    a, b = codes.interval[code], bursts.interval[burst]
    shared = float(iou(a[np.newaxis], b[np.newaxis])[0])
    return Pair(code, burst, float(b[0] - a[0]), float(b[1] - a[1]), shared)
