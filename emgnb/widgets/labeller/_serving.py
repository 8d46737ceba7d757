"""Serve tiles of the recording to the browser, as recorded or filtered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import filters
from emgnb.filters import Chain
from emgnb.widgets.labeller._tiles import BINS, FACTOR, Pyramid, Source

_PULSE = 0.25  # interval between progress messages (s)
Send = Callable[[dict[str, Any], list[bytes]], None]


class Server:
    """Serve the layers of one recording.

    Parameters
    ----------
    x : recording
    chain : filter chain of the other layers
    send : sends a message and its buffers to the browser
    failed : called with an exception raised while building a layer

    Attributes
    ----------
    layers : names of the layers, the raw one first
    levels : number of levels of each pyramid
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
        """Start building; call it when the browser can receive messages."""
        self._irregular = irregular
        self._build_beside("raw")

    def close(self) -> None:
        """Stop building."""
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
        """Return the time of each bin's centre, for irregular sampling."""
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
    """Return the layers by name: as recorded, filtered, and the envelope of the filtered signal."""
    layers: dict[str, Chain | None] = {"raw": None}
    if chain is not None:
        layers["filtered"] = chain
        if not any(isinstance(s, filters.Rectify | filters.Envelope) for s in chain.steps):
            # 20 Hz resolves bursts of 50 ms.
            layers["envelope"] = Chain(*chain.steps, filters.Rectify(), filters.Envelope(20))
    return layers


def _by_level(tiles: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    levels: dict[int, list[int]] = {}
    for level, index in tiles:
        levels.setdefault(int(level), []).append(int(index))
    return levels
