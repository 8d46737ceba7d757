"""Sessions on disk: one Zarr v3 store each, read lazily, written in bounded memory.

Signals lie in chunks of 60 s, channel by channel inside a chunk, packed by bitshuffle and lz4, as
16-bit counts where the converter's step is known. A uniform `time` is not stored at all: its start
and step are attributes of the node, and `open` computes the rest. A store appears under its name
only when it is complete, and never over an existing one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.codecs import BloscCodec, TransposeCodec

from emgnb.recording import clock, model, rules
from emgnb.recording.need import need_positive, need_table
from emgnb.recording.timeindex import TimeIndex

CHUNK_SECONDS = 60.0
MAX_CHUNK_ROWS = 1 << 20
# The 16-bit code for a lost sample; the converters in question give at most 15 bits.
LOST = np.int16(-32768)
# How often a session is read anew when a table of its labels was replaced meanwhile.
READINGS = 10


def save(session: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Write a session as one Zarr store, a minute at a time.

    A signal of dask arrays is computed as it is written, on all cores or by the active
    `dask.distributed` client, whose workers must see the same file system.

    Parameters
    ----------
    session : see `make`
    path : folder to create, by custom `….zarr`

    Raises
    ------
    FileExistsError : something is there already; nothing is ever overwritten
    ValueError : the session breaks the data model
    """
    rules.check(session)
    target, partial = fresh(path)
    try:
        zarr.create_group(partial, attributes=_plain(session.attrs), zarr_format=3)
        for node in session.subtree:
            if node.path != "/":
                _write_node(partial, node.path, node.to_dataset(inherit=False))
        partial.replace(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def open(path: str | os.PathLike[str], *, chunks: float | None = None) -> xr.DataTree:
    """Open a session lazily: samples are read when they are used, tables of events now.

    Where somebody replaces a table meanwhile, all is read again: a table is the old one or the new.

    Parameters
    ----------
    path : a store that `save` or a recorder wrote
    chunks : s; then samples are dask arrays in chunks of that length (300 suits 8 channels at
        1 kHz), and filters, bursts, windows and features of recordings longer than the memory run
        on all cores, or on a cluster when a `dask.distributed` client is there. Needs
        `pip install emgnb[long]`

    Raises
    ------
    FileNotFoundError, ValueError : nothing there, or not a session
    ImportError : chunks asked for without dask
    """
    store = Path(path)
    if chunks is not None:
        need_positive(chunks=chunks)
    if not store.exists():
        raise FileNotFoundError(f"no session at {store}: check the name, or record one first")
    for _ in range(READINGS):
        before = _tables(store)
        try:
            opened = _read(store, chunks)
        except ValueError:
            if _tables(store) == before:
                raise
            continue
        if _tables(store) == before:
            return opened
    raise ValueError(f"the labels in {store} are being rewritten all the time: try again")


def _tables(store: Path) -> dict[str, tuple[int, int]]:
    """Tell each coder's table from any that was or will be in its place."""
    found = {}
    for each in store.glob("labels/*/zarr.json"):
        with contextlib.suppress(FileNotFoundError):
            about = each.stat()
            found[each.parent.name] = (about.st_ino, about.st_mtime_ns)
    return found


def _read(store: Path, chunks: float | None) -> xr.DataTree:
    try:
        tree = xr.open_datatree(store, engine="zarr", chunks=None, consolidated=False)
    except Exception as error:
        raise ValueError(f"{store} is not a session store: {error}") from error
    nodes = {}
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        if node.path.startswith("/labels/"):
            try:
                dataset = dataset.load()
            except Exception as error:  # Zarr has no one error for what is not there
                raise ValueError(f"{store} is not a session store: {error}") from error
        if "time_step" in dataset.attrs:
            dataset = _with_time(dataset)
        for name, variable in dataset.variables.items():
            if variable.encoding.get("scale_factor") is not None:
                dataset[name] = _packed(store / node.path.strip("/") / str(name), variable)
            elif variable.dtype.kind == "T":
                words = np.array(variable.values.tolist(), dtype=str)
                dataset[name] = (variable.dims, words, variable.attrs)
        if chunks is not None and "time_step" in node.attrs:
            rows = max(round(chunks / node.attrs["time_step"]), 1)
            dataset = dataset.chunk(time=rows)
        nodes[node.path] = dataset
    opened = xr.DataTree.from_dict(nodes)
    rules.check(opened)
    return opened


def latest(folder: str | os.PathLike[str], name: str = "session") -> Path | None:
    """Return the newest store `…/name*.zarr` below a folder, or None when there is none."""
    found = Path(folder).glob(f"**/{name}*.zarr")
    return max(found, key=lambda store: store.stat().st_mtime_ns, default=None)


def free_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` if nothing is there, else the first free of `…-2`, `…-3`, …."""
    wanted = Path(path)
    names = itertools.chain(
        [wanted], (wanted.with_stem(f"{wanted.stem}-{n}") for n in itertools.count(2))
    )
    return next(each for each in names if not each.exists())


def add_labels(path: str | os.PathLike[str], coder: str, table: xr.Dataset) -> None:
    """Write a coder's event table into a stored session, in place of that coder's earlier one.

    Parameters
    ----------
    path : a store that `save` or a recorder wrote
    coder : name of the labels' author; other coders' tables stay untouched
    table : events, see `labels.events`

    Raises
    ------
    ValueError : the name holds a slash, the table breaks the data model, or an event lies outside
        the recording
    """
    table = need_table(table, f"labels/{coder}", "labels.events(onset, offset)")
    rules.check_labels(open(path), coder, table)
    store = Path(path)
    # Written beside and moved in: a disk that is full must not cost the labels that were there.
    # Then Zarr's threads may still write when its error is here, which is the one to be told, not
    # that the folder could not be taken away.
    with tempfile.TemporaryDirectory(
        dir=store.parent, prefix=f"{store.name}.", ignore_cleanup_errors=True
    ) as beside:
        _write_node(Path(beside), f"/labels/{coder}", table)
        old, new = store / "labels" / coder, Path(beside) / "labels" / coder
        if old.exists():
            old.rename(Path(beside) / "old")
        else:
            zarr.open_group(store, mode="a").require_group("labels")
        new.rename(old)


class SessionWriter:
    """Write a session block by block: for recordings that are longer than the memory.

    Parameters
    ----------
    path : folder to create
    like : signal without samples, (0, channel), as `recording.signal` makes it: names, kinds,
        units, rate and start are its own
    scale : units per count; then samples are stored as 16-bit counts
    """

    def __init__(
        self, path: str | os.PathLike[str], like: xr.DataArray, *, scale: float | None = None
    ) -> None:
        rate = clock.sampling_rate(like)
        index = like.xindexes["time"]
        if not isinstance(index, TimeIndex):
            raise ValueError("`like` has plain time stamps: make it with recording.signal(rate=…)")
        self._index = index
        self._target, self._partial = fresh(path)
        self._like = like
        zarr.create_group(self._partial, zarr_format=3)
        _write_node(self._partial, "/emg", like.to_dataset(name="signal").drop_dims("time"))
        width = like.sizes["channel"]
        group = self._partial / "emg"
        self._signal = _Rows(
            group / "signal", ("time", "channel"), (width,), rate, _plain(like.attrs), scale
        )
        self._valid = _Rows(group / "valid", ("time",), (), rate, {}, None, dtype=np.bool_)

    def append(self, block: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None = None) -> None:
        """Append samples.

        Parameters
        ----------
        block : (time, channel), in `like`'s units; NaN where lost
        valid : (time,) by default false where a sample is NaN

        Raises
        ------
        ValueError : shapes that do not fit, or a sample beyond what `scale` can hold
        """
        expected = (len(block), self._like.sizes["channel"])
        if block.shape != expected or (valid is not None and valid.shape != expected[:1]):
            raise ValueError(
                f"a block of shape {block.shape}"
                + (f" with valid of shape {valid.shape}" if valid is not None else "")
                + f", expected (time, {expected[1]}), and (time,)"
            )
        self._signal.append(block)
        self._valid.append(~np.isnan(block).any(axis=1) if valid is None else valid)

    def close(
        self,
        *,
        markers: xr.Dataset | None = None,
        inputs: xr.Dataset | None = None,
        labels: Mapping[str, xr.Dataset] | None = None,
        signal_attrs: Mapping[str, Any] | None = None,
        **attrs: Any,
    ) -> Path:
        """Finish the store and give it its name; `attrs` as in `make`, `inputs` as markers."""
        self._signal.flush()
        self._valid.flush()
        group = zarr.open_group(self._partial / "emg", mode="r+")
        group.attrs.update(_time_attrs(self._index))
        group["signal"].attrs.update(_plain({**self._like.attrs, **(signal_attrs or {})}))
        group.attrs["coordinates"] = " ".join(["valid", *rules.CHANNEL_COORDS])
        zarr.open_group(self._partial, mode="r+").attrs.update(
            _plain({"participant": "", "session": "", "label_meaning": "instructed", **attrs})
        )
        table = model.empty_markers() if markers is None else markers
        _write_node(self._partial, "/markers", table)
        if inputs is not None:
            _write_node(self._partial, "/inputs", inputs)
        for coder, events in (labels or {}).items():
            _write_node(self._partial, f"/labels/{coder}", events)
        rules.check(open(self._partial))
        self._partial.replace(self._target)
        return self._target

    def abandon(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()


class _Rows:
    """One growing Zarr array along `time`; writes whole chunks only."""

    def __init__(
        self,
        path: Path,
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
            compressors=BloscCodec(cname="lz4", shuffle="bitshuffle"),
            fill_value=LOST if scale is not None else (np.nan if stored.kind == "f" else 0),
            dimension_names=dims,
            attributes={**attrs, **packing},
            zarr_format=3,
        )
        self._chunk = rows
        self._buffer = np.empty((rows, *shape), dtype=stored)
        self._filled = 0

    def append(self, block: npt.NDArray[Any]) -> None:
        packed = block if self._scale is None else pack(block, self._scale)
        done = 0
        while done < len(packed):
            take = min(self._chunk - self._filled, len(packed) - done)
            self._buffer[self._filled : self._filled + take] = packed[done : done + take]
            self._filled += take
            done += take
            if self._filled == self._chunk:
                self.flush()

    def reserve(self, rows: int) -> Any:
        """Make room for all rows, and return the array to write them to in any order."""
        self._array.resize((rows, *self._array.shape[1:]))
        return self._array

    def flush(self) -> None:
        if self._filled:
            at = self._array.shape[0]
            self._array.resize((at + self._filled, *self._array.shape[1:]))
            self._array[at:] = self._buffer[: self._filled]
            self._filled = 0


def pack(block: npt.NDArray[Any], scale: float) -> npt.NDArray[np.int16]:
    """Turn samples into 16-bit counts of `scale` units each; NaN becomes the code for lost."""
    counts = np.rint(np.asarray(block, dtype=np.float64) / scale)
    if np.nanmax(np.abs(counts), initial=0) > 32767:
        raise ValueError(
            f"a sample of {np.nanmax(np.abs(block)):g} does not fit 16 bits at {scale:g} a count"
        )
    return np.where(np.isnan(counts), float(LOST), counts).astype(np.int16)


def _write_node(store: Path, path: str, dataset: xr.Dataset) -> None:
    """Write a node: what runs along time by blocks, the rest at once."""
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
    rest.attrs = _plain(rest.attrs)
    if isinstance(index, TimeIndex):
        rest = rest.drop_vars("time", errors="ignore")
        rest.attrs |= _time_attrs(index)
        along_time = [name for name in along_time if name != "time"]
    coords = [str(name) for name in dataset.coords if name not in dataset.dims]
    if coords:
        rest = rest.reset_coords([name for name in coords if name in rest.coords])
        rest.attrs["coordinates"] = " ".join(coords)
    for name in rest.variables:
        rest[name].encoding.clear()
        if rest[name].dtype.kind == "U":
            # Fixed-width text has no place in the Zarr v3 specification, and an empty array of
            # objects no type at all.
            rest[name] = rest[name].astype(np.dtypes.StringDType())
    rest.to_zarr(store, group=path, mode="a", consolidated=False, zarr_format=3)
    rate = clock.sampling_rate(dataset) if _is_uniform(dataset) else 1000.0
    later: list[tuple[Any, Any]] = []
    for name in along_time:
        variable = dataset[name].variable
        variable = variable.transpose("time", *(dim for dim in variable.dims if dim != "time"))
        scale = _exact_scale(variable, rate)
        rows = _Rows(
            store / path.strip("/") / name,
            tuple(map(str, variable.dims)),
            variable.shape[1:],
            rate,
            _plain(variable.attrs),
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
    """Compute dask arrays into stored ones: together, for what they share is computed once."""
    import dask.array as da

    whole = []
    for source, target in arrays:
        # A chunk on disk is written by one task only.
        rows = -(-source.chunksize[0] // target.chunks[0]) * target.chunks[0]
        whole.append(source.rechunk({0: rows, **dict.fromkeys(range(1, source.ndim), -1)}))
    da.store(whole, [target for _, target in arrays], lock=False)


def _blocks(variable: xr.Variable, rate: float) -> Iterator[npt.NDArray[Any]]:
    size = min(max(round(CHUNK_SECONDS * rate), 1), MAX_CHUNK_ROWS)
    for start in range(0, variable.sizes["time"], size):
        yield variable.isel(time=slice(start, start + size)).values


def _exact_scale(variable: xr.Variable, rate: float) -> float | None:
    """Return the converter's step that the variable came from, if it still holds for each sample.

    An encoding survives copies in xarray, a change of values does not touch it: so it is proved.
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


def _time_attrs(index: TimeIndex) -> dict[str, float]:
    return {"time_start": float(index.start), "time_step": float(index.step)}


def _with_time(dataset: xr.Dataset) -> xr.Dataset:
    attrs = dict(dataset.attrs)
    start, step = attrs.pop("time_start"), attrs.pop("time_step")
    size = dataset.sizes.get("time", 0)
    index = TimeIndex.uniform(start, step, size)
    timed = dataset.assign_coords(xr.Coordinates.from_xindex(index))
    timed.attrs = attrs
    return timed


class _Packed(BackendArray):
    """16-bit counts on disk, float32 units in memory.

    xarray itself decodes a scale factor to float64, twice the memory of a signal for nothing.
    """

    def __init__(self, path: Path, scale: float) -> None:
        self._array = zarr.open_array(path, mode="r")
        self._scale = np.float32(scale)
        self.shape = self._array.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return found

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[np.float32]:
        counts = np.asarray(self._array.oindex[key])
        values = counts.astype(np.float32) * self._scale
        values[counts == LOST] = np.nan
        return values


def _packed(path: Path, variable: xr.Variable) -> xr.Variable:
    scale = float(variable.encoding["scale_factor"])
    data = indexing.LazilyIndexedArray(_Packed(path, scale))
    return xr.Variable(variable.dims, data, variable.attrs, {"scale_factor": scale})


def fresh(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return a path that is free, and the one to write to until the store is complete."""
    target = Path(path)
    if target.exists():
        raise FileExistsError(f"{target} exists and is not overwritten: choose another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    if partial.exists():
        raise FileExistsError(
            f"{partial} is there, left by a writer that did not finish or still writes: "
            "remove it or choose another name"
        )
    return target, partial


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON takes them."""
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
    }
