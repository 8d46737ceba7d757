"""Read stored samples lazily; unreadable ones raise an error or are marked as lost."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr

from emgnb._xarray import (
    BackendArray,
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)
from emgnb.recording._chunks import Layout, Run, inside, joined
from emgnb.recording._writing import LOST
from emgnb.recording.remote import Place, array_source, below


class StoredRows(BackendArray):
    """Array along `time` on disk; 16-bit counts are decoded to float32.

    xarray decodes a scale factor to float64, which needs twice the memory without any benefit.

    Parameters
    ----------
    about : location of the array
    scale : units per count, or None for values that are not packed
    lost : rows whose chunks are not read; they are NaN, or False
    """

    def __init__(self, about: Layout, scale: float | None, lost: list[Run]) -> None:
        self._array = zarr.open_array(array_source(about.path), mode="r")
        self._about = about
        self._scale = None if scale is None else np.float32(scale)
        self.lost = lost
        self.shape = self._array.shape
        self.dtype = self._array.dtype if scale is None else np.dtype(np.float32)

    def __getitem__(self, key: ExplicitIndexer) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = explicit_indexing_adapter(
            key, self.shape, IndexingSupport.OUTER, self._read
        )
        return found

    def values(self, first: int, last: int) -> npt.NDArray[Any]:
        """Return the rows in [first, last).

        Raises
        ------
        ValueError : one of their chunks is damaged
        """
        return self._read((slice(first, last), *[slice(None)] * (len(self.shape) - 1)))

    def damaged(self) -> list[Run]:
        """Read all chunks, and return the rows of those that cannot be read.

        Raises
        ------
        ConnectionError : the object storage cannot be reached, so nothing is known about a chunk
        """
        size, rows = self.shape[0], self._about.rows
        found = []
        for first in range(0, size, rows):
            last = min(first + rows, size)
            try:
                self.values(first, last)
            except ConnectionError:
                raise
            except (ValueError, OSError):
                found.append((first, last))
        return joined(found)

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        if self.lost and inside(_rows(key[0], self.shape[0]), self.lost).any():
            return self._by_chunks(key)
        try:
            return self._decoded(key)
        except (OSError, MemoryError):
            raise
        except Exception:  # codecs raise many types: find and name the damaged chunk
            return self._by_chunks(key)

    def _by_chunks(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        rows = _rows(key[0], self.shape[0])
        gone = inside(rows, self.lost) if self.lost else np.zeros(rows.shape, dtype=bool)
        parts = []
        chunk = rows // self._about.rows
        edges = [0, *(np.flatnonzero((np.diff(chunk) != 0) | np.diff(gone)) + 1), len(rows)]
        for first, last in itertools.pairwise(edges):
            take = (rows[first:last], *key[1:])
            parts.append(self._nothing(take) if gone[first] else self._told(take))
        made = np.concatenate(parts)
        return made if np.ndim(_position(key[0])) else made[0]

    def _told(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        try:
            return self._decoded(key)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            number = int(key[0][0]) // self._about.rows
            rows = self._about.rows
            raise ValueError(
                f"chunk {number} of {self._about.path} (rows {number * rows} to "
                f"{min((number + 1) * rows, self.shape[0]) - 1}) is damaged: "
                f"{str(error).rstrip('.')}. Copy the session again; recording.open(path, "
                "check=True) opens it and marks the unreadable samples as lost"
            ) from error

    def _nothing(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        sizes = [
            len(np.arange(size)[part]) if np.ndim(_position(part)) else None
            for part, size in zip(key, self.shape, strict=True)
        ]
        empty = np.nan if self.dtype.kind == "f" else False
        return np.full([size for size in sizes if size is not None], empty, dtype=self.dtype)

    def _decoded(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        values = np.asarray(self._array.oindex[key])
        if self._scale is None:
            return values
        units = np.asarray(values.astype(np.float32) * self._scale)
        return np.where(values == LOST, np.float32(np.nan), units)


def variable(rows: StoredRows, found: xr.Variable) -> xr.Variable:
    """Return `found` with values that are read from the store lazily."""
    encoding = {name: v for name, v in found.encoding.items() if name == "scale_factor"}
    return xr.Variable(found.dims, LazilyIndexedArray(rows), found.attrs, encoding)


def path_of(about: Layout, store: Place) -> str:
    """Return the path of an array inside its session, such as `emg/signal`."""
    return below(about.path, store)


def _position(part: Any) -> Any:
    return [0] if isinstance(part, slice) else part


def _rows(part: Any, size: int) -> npt.NDArray[np.int64]:
    if isinstance(part, slice):
        return np.arange(*part.indices(size), dtype=np.int64)
    return np.atleast_1d(np.asarray(part, dtype=np.int64))
