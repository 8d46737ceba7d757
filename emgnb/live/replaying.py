"""Decode a recording as a whole, as it was or would have been decoded live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import xarray as xr

from emgnb import recording
from emgnb.acquire import Recorder
from emgnb.live import _source
from emgnb.live._models import Model
from emgnb.live.decoder import Decoder
from emgnb.live.output import Output


def replay(
    x: str | os.PathLike[str] | Recorder | xr.DataTree | xr.DataArray, model: Model, **options: Any
) -> list[Output]:
    """Decode a recording as a whole; the decisions equal those made live, bit by bit.

    Parameters
    ----------
    x : a recording's folder or journal, its recorder, or a session or signal
    model : a `models.Classifier`, or levels measured with `live.proportional`
    options : chain, hop, reject, majority, hold; see `Decoder`

    Returns
    -------
    All outputs, without those that tell live that no scans came, or that outputs were skipped.
    Their `delay` is NaN. Of a session, `host_ns` is its time in ns

    Raises
    ------
    FileNotFoundError : no recording there
    ValueError : model and recording do not suit each other, or no scan of a known rate
    """
    if isinstance(x, xr.DataTree | xr.DataArray):
        return list(_session(recording.emg(x), model, options))
    if isinstance(x, Recorder):
        x = x.folder
    if (recording_path := os.fspath(x)).rstrip("/\\").endswith(".zarr"):
        return list(_session(recording.emg(recording.open(recording_path)), model, options))
    return list(_journal(x, model, options))


def _session(x: xr.DataArray, model: Model, options: dict[str, Any]) -> Iterator[Output]:
    decoder = Decoder(model, _source.like_of(x), **options)
    for scans in _source.of_session(x):
        yield from decoder.push(*scans)


def _journal(
    path: str | os.PathLike[str], model: Model, options: dict[str, Any]
) -> Iterator[Output]:
    journal = _source.Journal(path, model)
    decoder: Decoder | None = None
    try:
        while True:
            before = journal.position
            scans = journal.read()
            if scans.numbers.size:
                if decoder is None:
                    assert journal.like is not None
                    decoder = Decoder(model, journal.like, **options)
                yield from decoder.push(*scans)
            if journal.position == before:
                break
    finally:
        journal.close()
    if decoder is None:
        raise ValueError(f"{path}: no scan, or too few to measure the rate of the board")
