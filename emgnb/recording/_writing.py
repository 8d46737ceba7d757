"""Write the nodes of a session as Zarr arrays, one minute at a time.

Every chunk is written with a checksum, even if it holds lost samples only. So chunks that are
missing or damaged later can be detected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, TransposeCodec, ZstdCodec
from zarr.storage import StorePath

from emgnb.recording import sampling
from emgnb.recording.timeindex import TimeIndex

# Duration of a chunk (s).
CHUNK_SECONDS = 60.0
# Maximum number of rows in a chunk.
MAX_CHUNK_ROWS = 1 << 20
# On object storage, chunks are written together: at most so many, and so many bytes.
TOGETHER, TOGETHER_BYTES = 16, 32 << 20
# The 16-bit code of a lost sample; supported converters use at most 15 bits.
LOST = np.int16(-32768)
# Root attribute of stores in which all chunks are written; earlier versions omitted empty chunks.
ALL_STORED = {"stored_chunks": "all"}
# Root attribute of stores that hold a table, and no session.
TABLE = {"content": "table"}


class Rows:
    """Zarr array that grows along `time`; writes whole chunks only."""

    def __init__(
        self,
        path: Path | StorePath,
        dims: tuple[str, ...],
        shape: tuple[int, ...],
        rate: float,
        attrs: dict[str, Any],
        scale: float | None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self._scale = scale
        rows = min(max(round(CHUNK_SECONDS * rate), 1), MAX_CHUNK_ROWS)
        order = tuple(reversed(range(len(dims))))
        packing = {} if scale is None else {"scale_factor": scale, "_FillValue": int(LOST)}
        stored = np.dtype(np.int16 if scale is not None else dtype)
        self._array = zarr.create_array(
            path,
            shape=(0, *shape),
            chunks=(rows, *shape),
            dtype=stored,
            filters=[TransposeCodec(order=order)] if len(order) > 1 else None,
            compressors=[BloscCodec(cname="lz4", shuffle="bitshuffle"), Crc32cCodec()],
            fill_value=LOST if scale is not None else (np.nan if stored.kind == "f" else 0),
            dimension_names=dims,
            attributes={**attrs, **packing},
            zarr_format=3,
            config={"write_empty_chunks": True},
        )
        self._filling = rows
        if isinstance(path, StorePath):
            each = rows * stored.itemsize * int(np.prod(shape))
            self._filling *= min(max(TOGETHER_BYTES // max(each, 1), 1), TOGETHER)
        self._buffer = np.empty((self._filling, *shape), dtype=stored)
        self._filled = 0

    def append(self, block: npt.NDArray[Any]) -> None:
        """Append rows."""
        packed = block if self._scale is None else pack(block, self._scale)
        done = 0
        while done < len(packed):
            take = min(self._filling - self._filled, len(packed) - done)
            self._buffer[self._filled : self._filled + take] = packed[done : done + take]
            self._filled += take
            done += take
            if self._filled == self._filling:
                self.flush()

    def reserve(self, rows: int) -> Any:
        """Resize the array to all rows, and return it for writing in any order."""
        self._array.resize((rows, *self._array.shape[1:]))
        return self._array

    def flush(self) -> None:
        """Write the remaining rows, which do not fill a chunk."""
        if self._filled:
            at = self._array.shape[0]
            self._array.resize((at + self._filled, *self._array.shape[1:]))
            self._array[at:] = self._buffer[: self._filled]
            self._filled = 0


def pack(block: npt.NDArray[Any], scale: float) -> npt.NDArray[np.int16]:
    """Convert samples to 16-bit counts of `scale` units; NaN becomes the code of a lost sample.

    Raises
    ------
    ValueError : a sample does not fit 16 bits
    """
    counts = np.rint(np.asarray(block, dtype=np.float64) / scale)
    if np.nanmax(np.abs(counts), initial=0) > 32767:
        raise ValueError(
            f"a sample of {np.nanmax(np.abs(block)):g} does not fit 16 bits at {scale:g} a count"
        )
    return np.where(np.isnan(counts), float(LOST), counts).astype(np.int16)


def write_node(store: Path | StorePath, path: str, dataset: xr.Dataset) -> None:
    """Write a node: variables along time in blocks, the rest at once."""
    along_time = (
        [
            str(name)
            for name, variable in dataset.variables.items()
            if "time" in variable.dims and dataset.sizes["time"]
        ]
        if "time" in dataset.dims
        else []
    )
    index = dataset.xindexes.get("time") if "time" in dataset.dims else None
    rest = dataset.drop_vars(along_time)
    rest.attrs = plain(rest.attrs)
    if isinstance(index, TimeIndex):
        rest = rest.drop_vars("time", errors="ignore")
        rest.attrs |= time_attrs(index)
        along_time = [name for name in along_time if name != "time"]
    coords = [str(name) for name in dataset.coords if name not in dataset.dims]
    if coords:
        rest = rest.reset_coords([name for name in coords if name in rest.coords])
        rest.attrs["coordinates"] = " ".join(coords)
    for name in rest.variables:
        rest[name].encoding.clear()
        if rest[name].dtype.kind == "U":
            # The Zarr v3 specification has no fixed-width text, and an empty object array has no
            # type.
            rest[name] = rest[name].astype(np.dtypes.StringDType())
    rest.to_zarr(
        store if isinstance(store, Path) else store.store,
        group=path,
        mode="a",
        consolidated=False,
        zarr_format=3,
        write_empty_chunks=True,
        encoding={name: {"compressors": [ZstdCodec(checksum=True)]} for name in rest.variables},
    )
    rate = sampling.sampling_rate(dataset) if _is_uniform(dataset) else 1000.0
    later: list[tuple[Any, Any]] = []
    for name in along_time:
        variable = dataset[name].variable
        variable = variable.transpose("time", *(dim for dim in variable.dims if dim != "time"))
        scale = _exact_scale(variable, rate)
        rows = Rows(
            store / path.strip("/") / name,
            tuple(map(str, variable.dims)),
            variable.shape[1:],
            rate,
            plain(variable.attrs),
            scale,
            np.bool_ if variable.dtype == bool else variable.dtype,
        )
        if variable.chunks is not None and scale is None:
            later.append((variable.data, rows.reserve(variable.sizes["time"])))
        else:
            for block in _blocks(variable, rate):
                rows.append(block)
            rows.flush()
    if later:
        _compute_into(later)


def _compute_into(arrays: list[tuple[Any, Any]]) -> None:
    """Compute dask arrays and store them, in one call so that shared tasks run once."""
    import dask.array as da

    whole = []
    for source, target in arrays:
        # Each chunk on disk must be written by one task only.
        rows = -(-source.chunksize[0] // target.chunks[0]) * target.chunks[0]
        whole.append(source.rechunk({0: rows, **dict.fromkeys(range(1, source.ndim), -1)}))
    da.store(whole, [target for _, target in arrays], lock=False)


def _blocks(variable: xr.Variable, rate: float) -> Iterator[npt.NDArray[Any]]:
    size = min(max(round(CHUNK_SECONDS * rate), 1), MAX_CHUNK_ROWS)
    for start in range(0, variable.sizes["time"], size):
        yield variable.isel(time=slice(start, start + size)).values


def _exact_scale(variable: xr.Variable, rate: float) -> float | None:
    """Return the converter's step if every sample is still a multiple of it, else None.

    xarray keeps the encoding when values change, so the step is verified.
    """
    scale = variable.encoding.get("scale_factor")
    if scale is None or variable.dtype.kind != "f":
        return None
    for block in _blocks(variable, rate):
        counts = np.rint(block / scale)
        exact = np.isnan(block) | (np.abs(counts * scale - block) <= 1e-6 * np.abs(block))
        if not exact.all() or np.nanmax(np.abs(counts), initial=0) > 32767:
            return None
    return float(scale)


def _is_uniform(dataset: xr.Dataset) -> bool:
    return isinstance(dataset.xindexes.get("time"), TimeIndex)


def time_attrs(index: TimeIndex) -> dict[str, float]:
    """Return the attributes that describe uniform time stamps in a store."""
    return {"time_start": float(index.start), "time_step": float(index.step)}


def plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Convert attributes to types that JSON supports."""
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
    }
