"""Write sessions to disk block by block while they are recorded or computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from zarr.storage import StorePath

from emgnb.recording import _reading, checks, model, sampling
from emgnb.recording._writing import ALL_STORED, Rows, plain, time_attrs, write_node
from emgnb.recording.timeindex import TimeIndex
from emgnb.recording.uploading import workshop


class SessionWriter:
    """Write a session block by block, for recordings larger than memory.

    Parameters
    ----------
    path : folder to create, or a URL of object storage, see `save`
    like : signal without samples (0, channel) from `recording.signal`; it defines names, kinds,
        units, rate and start
    scale : units per count; if given, samples are stored as 16-bit counts

    Raises
    ------
    FileExistsError : `path` exists
    ValueError : `like` does not have a uniform clock
    """

    def __init__(
        self, path: str | os.PathLike[str], like: xr.DataArray, *, scale: float | None = None
    ) -> None:
        rate = sampling.sampling_rate(like)
        index = like.xindexes["time"]
        if not isinstance(index, TimeIndex):
            raise ValueError("`like` has plain time stamps: make it with recording.signal(rate=…)")
        self._index = index
        self._workshop = workshop(path)
        self._partial: Path | StorePath = self._workshop.whole
        self._like = like
        try:
            self._begin(like, rate, scale)
        except BaseException:
            self.abandon()
            raise

    def _begin(self, like: xr.DataArray, rate: float, scale: float | None) -> None:
        zarr.create_group(self._partial, attributes=ALL_STORED, zarr_format=3)
        write_node(self._partial, "/emg", like.to_dataset(name="signal").drop_dims("time"))
        width = like.sizes["channel"]
        group = self._partial / "emg"
        self._signal = Rows(
            group / "signal", ("time", "channel"), (width,), rate, plain(like.attrs), scale
        )
        self._valid = Rows(group / "valid", ("time",), (), rate, {}, None, dtype=np.bool_)

    def append(self, block: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None = None) -> None:
        """Append samples.

        Parameters
        ----------
        block : (time, channel) in the units of `like`; NaN marks lost samples
        valid : (time,); by default False where a sample is NaN

        Raises
        ------
        ValueError : shapes do not match, or a sample exceeds the range that `scale` allows
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
        attrs: Mapping[str, Any] | None = None,
    ) -> Path | str:
        """Complete the store and rename it to its path, which is returned.

        On object storage, where nothing can be renamed, `zarr.json` is written last; see `save`.

        Parameters
        ----------
        markers, inputs : see `markers`
        labels : coder → event table
        signal_attrs : attributes of the signal, in addition to those of `like`
        attrs : attributes of the session: participant, session, started …; a mapping, so that any
            name is possible
        """
        self._signal.flush()
        self._valid.flush()
        group = zarr.open_group(self._partial / "emg", mode="r+")
        group.attrs.update(time_attrs(self._index))
        group["signal"].attrs.update(plain({**self._like.attrs, **(signal_attrs or {})}))
        group.attrs["coordinates"] = " ".join(["valid", *checks.CHANNEL_COORDS])
        zarr.open_group(self._partial, mode="r+").attrs.update(
            plain(
                {"participant": "", "session": "", "label_meaning": "instructed", **(attrs or {})}
            )
        )
        table = model.empty_markers() if markers is None else markers
        write_node(self._partial, "/markers", table)
        if inputs is not None:
            write_node(self._partial, "/inputs", inputs)
        for coder, events in (labels or {}).items():
            write_node(self._partial, f"/labels/{coder}", events)
        checks.check(_reading.read(self._workshop.readable(), None, check=False))
        return self._workshop.finish()

    def abandon(self) -> None:
        """Discard what has been written so far."""
        self._workshop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()
