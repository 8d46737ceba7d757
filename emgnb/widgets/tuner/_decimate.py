"""Decimate a signal for display to the minimum and maximum of each bin.

Unlike drawing every tenth sample, this never hides a short burst. Samples are read in blocks, so
recordings larger than memory are supported.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import recording

_BLOCK = 2**20  # samples read at once


class Decimated:
    """Signal of which any part can be read with a limited number of points.

    Attributes
    ----------
    extent : first and last time in s

    Raises
    ------
    ValueError : the signal has fewer than two samples
    """

    def __init__(self, x: xr.DataArray) -> None:
        self._x = x.transpose("time", "channel")
        self._n = int(x.sizes["time"])
        if self._n < 2:
            raise ValueError(f"{self._n} samples to display, expected at least 2")
        try:
            self._rate: float | None = recording.sampling_rate(x)
            self._times: NDArray[np.float64] | None = None
        except ValueError:
            self._rate, self._times = None, np.asarray(x["time"].values, dtype=np.float64)
        first, last = (float(x["time"][i]) for i in (0, -1))
        self.extent = (first, last)

    def _position(self, time: float) -> int:
        if self._times is not None:
            return int(np.searchsorted(self._times, time))
        assert self._rate is not None
        return round((time - self.extent[0]) * self._rate)

    def stretch(
        self, start: float, end: float, points: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times (n,) in s, and minimum and maximum (channel, n, 2), with n <= points.

        A bin is NaN only if all its samples are lost.
        """
        # One extra sample on each side, so that the line reaches the edges of the display.
        i = min(max(0, self._position(start) - 1), self._n - 2)
        j = max(min(self._n, self._position(end) + 2), i + 2)
        edges = np.linspace(i, j, min(points, j - i) + 1).astype(np.int64)
        values = np.empty((self._x.sizes["channel"], len(edges) - 1, 2), dtype=np.float32)
        done = 0
        while done < len(edges) - 1:
            upto = int(np.searchsorted(edges, edges[done] + _BLOCK, side="right")) - 1
            upto = max(upto, done + 1)
            block = np.array(self._x[edges[done] : edges[upto]].values, dtype=np.float32)
            block[~np.isfinite(block)] = np.nan
            cuts = edges[done:upto] - edges[done]
            values[:, done:upto, 0] = np.fmin.reduceat(block, cuts, axis=0).T
            values[:, done:upto, 1] = np.fmax.reduceat(block, cuts, axis=0).T
            done = upto
        middle = (edges[:-1] + edges[1:] - 1) / 2
        if self._times is not None:
            times = self._times[middle.astype(np.int64)]
        else:
            assert self._rate is not None
            times = self.extent[0] + middle / self._rate
        return times, values
