"""Answers the questions of a picture: tiles of the recording, as it is or through a chain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import filters
from emgnb.filters import Chain
from emgnb.widgets.labeller.tiles import BINS, FACTOR, Pyramid, Source

_PULSE = 0.25  # s between two words about how far a picture is built
Send = Callable[[dict[str, Any], list[bytes]], None]


class Server:
    """Serves the layers of one recording.

    Parameters
    ----------
    x : the recording
    chain : what the layers beside the raw one are made with
    send : brings a message and its buffers to the browser
    failed : told what went wrong while a layer was built

    Attributes
    ----------
    layers : their names, the raw one first
    levels : of each layer's pyramid
    """

    def __init__(
        self, x: xr.DataArray, chain: Chain | None, send: Send, failed: Callable[[Exception], None]
    ) -> None:
        self._x, self._send, self._failed = x, send, failed
        self._chains = _layers(chain)
        self.layers = list(self._chains)
        self._pyramids = {"raw": Source(x).pyramid()}
        self.levels = self._pyramids["raw"].levels
        self._irregular = False
        self._ended = threading.Event()

    def begin(self, *, irregular: bool) -> None:
        """Start building, now that the browser is there to be told."""
        self._irregular = irregular
        self._build_beside("raw")

    def close(self) -> None:
        """End what is still being built."""
        self._ended.set()

    def answer(self, layer: str, tiles: Sequence[Sequence[int]]) -> None:
        """Send tiles, each given as level and index.

        Raises
        ------
        ValueError : the chain does not suit the recording
        """
        about: list[dict[str, Any]] = []
        buffers: list[bytes] = []
        try:
            if layer not in self._pyramids:
                self._pyramids[layer] = Source(self._x, self._chains[layer]).pyramid()
                self._build_beside(layer)
            for level, indices in _by_level(tiles).items():
                for tile in self._pyramids[layer].tiles(level, indices):
                    buffers += tile.packed()
                    if self._irregular:
                        buffers.append(self._times(level, tile.index, tile.values.shape[1]))
                    about.append({"level": level, "index": tile.index, "partial": tile.partial})
        except Exception:
            self._send({"kind": "failed", "layer": layer}, [])
            raise
        self._send({"kind": "tiles", "layer": layer, "tiles": about}, buffers)

    def _times(self, level: int, index: int, count: int) -> bytes:
        """Time of each bin's middle, which no rate tells."""
        size = FACTOR**level
        middle = (index * BINS + np.arange(count)) * size + (size - 1) // 2
        rows = np.minimum(middle, self._x.sizes["time"] - 1)
        return bytes(self._x["time"].values[rows].astype("<f8").tobytes())

    def _build_beside(self, layer: str) -> None:
        pyramid = self._pyramids[layer]
        if pyramid.built < self._x.sizes["time"]:
            threading.Thread(
                target=_build,
                args=(layer, pyramid, self._send, self._failed, self._ended),
                name="emgnb picture",
                daemon=True,
            ).start()


def _build(
    layer: str,
    pyramid: Pyramid,
    send: Send,
    failed: Callable[[Exception], None],
    ended: threading.Event,
) -> None:
    told = time.monotonic()
    try:
        for _ in pyramid.build(ended.is_set):
            if time.monotonic() - told > _PULSE:
                told = time.monotonic()
                send({"kind": "built", "layer": layer}, [])
    except Exception as error:
        failed(error)
    if not ended.is_set():
        send({"kind": "built", "layer": layer}, [])


def _layers(chain: Chain | None) -> Mapping[str, Chain | None]:
    """Name what can be laid over one another: as recorded, filtered, the envelope of that."""
    layers: dict[str, Chain | None] = {"raw": None}
    if chain is not None:
        layers["filtered"] = chain
        if not any(isinstance(s, filters.Rectify | filters.Envelope) for s in chain.steps):
            # 20 Hz follows bursts of 50 ms
            layers["envelope"] = Chain(*chain.steps, filters.Rectify(), filters.Envelope(20))
    return layers


def _by_level(tiles: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    levels: dict[int, list[int]] = {}
    for level, index in tiles:
        levels.setdefault(int(level), []).append(int(index))
    return levels
