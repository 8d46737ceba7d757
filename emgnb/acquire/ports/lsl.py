"""Receive a stream of the Lab Streaming Layer (LSL), such as of another program's amplifier."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from emgnb._extras import explained
from emgnb._vocabulary import VOLTS
from emgnb.acquire.ports.port import WAIT, Pace, Port, PortError, PortLost
from emgnb.acquire.wire.lsl_packets import FORMATS, fitting, packed

# Time (s) for streams to answer, and for the chosen one to describe itself.
PATIENCE, DESCRIBED = 3.0, 5.0
# Time (s) for a second stream of the same name to answer.
SECOND = 0.5
# Samples taken at once, and seconds that LSL keeps for a busy reader.
_PIECE, _KEPT = 1024, 360


class LslPort(Port):
    """A stream of numbers in the local network, named ``lsl://NAME``.

    Samples are recorded with their own time stamps. Time in the session is their number divided by
    the measured rate, as for every port; the clock is that of their arrival.

    Options: source_id, if several streams have the name.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        self.url = url
        self._name, source = unquote(name), options.pop("source_id", None)
        if options:
            raise PortError(f"port {url!r}: unknown option {min(options)!r}; expected source_id")
        try:
            with explained("lsl://"):
                import pylsl
        except (ImportError, OSError, RuntimeError) as error:
            raise PortError(str(error)) from error
        self._lost: type[Exception] = pylsl.util.LostError
        found = _found(pylsl, self._name, source)
        try:
            self._inlet = pylsl.StreamInlet(found, max_buflen=_KEPT, recover=False)
            self._info = self._inlet.info(DESCRIBED)
            self._inlet.open_stream(DESCRIBED)
        except (TimeoutError, RuntimeError) as error:
            raise PortError(
                f"LSL stream {self._name!r} is announced but does not answer ({error}). Does a "
                "firewall block it?"
            ) from error
        self._buffer = np.empty((_PIECE, self._info.channel_count()), self._dtype())
        self._count = 0
        self._pace = Pace()
        self._about = self._described()

    def _dtype(self) -> np.dtype[Any]:
        kind, channels = FORMATS.get(self._info.channel_format()), self._info.channel_count()
        if kind is None:
            raise PortError(
                f"LSL stream {self._name!r} holds texts, expected samples. Markers of other "
                "programs are not recorded"
            )
        if not fitting(channels, kind):
            raise PortError(
                f"LSL stream {self._name!r} has {channels} channels, of {kind[1:]}: too many"
            )
        return np.dtype(kind)

    def read(self) -> bytes:
        """Return the samples received, in packets."""
        self._pace.rest()
        stamps = self._pull(self._buffer[:1], WAIT)
        if not stamps:
            return b""
        with contextlib.suppress(PortLost):  # raised again by the next read
            stamps += self._pull(self._buffer[1:], 0.0)
        first, self._count = self._count, self._count + len(stamps)
        return packed(first, np.array(stamps), self._buffer[: len(stamps)])

    def _pull(self, into: npt.NDArray[Any], wait: float) -> list[float]:
        """Fill rows with samples, and return their time stamps; `wait` s at most."""
        try:
            _, stamps = self._inlet.pull_chunk(wait, max_samples=len(into), dest_obj=into)
        except self._lost as error:
            raise PortLost(
                f"LSL stream {self._name!r} has ended, or its computer is gone. Recording "
                "continues when it is back"
            ) from error
        return list(stamps)

    @property
    def trouble(self) -> str:
        """What keeps samples from arriving."""
        return f"LSL stream {self._name!r} sends no samples. Does its program still record?"

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Close the port."""
        self._inlet.close_stream()

    def _described(self) -> dict[str, Any]:
        info = self._info
        rows = [
            {each.tag: (each.text or "").strip() for each in row}
            for row in ElementTree.fromstring(info.as_xml()).iterfind("desc/channels/channel")
        ]
        labels = [row.get("label", "") for row in rows]
        units = {VOLTS.get(row.get("unit", "").lower()) for row in rows}
        about: dict[str, Any] = {
            "device": f"LSL stream {self._name}",
            "channels": info.channel_count(),
            "source_id": info.source_id(),
            "stream_type": info.type(),
        }
        if info.nominal_srate() > 0:
            about["rate"] = info.nominal_srate()
        if len(set(labels)) == info.channel_count() and all(labels):
            about["montage"] = [(label, "", "") for label in labels]
        if len(rows) == info.channel_count() and len(units) == 1 and (unit := units.pop()):
            about |= {"units": unit, "units_per_count": 1.0}
        # What to add to the sender's time stamps, for whoever reads them from the journal.
        with contextlib.suppress(TimeoutError, RuntimeError):
            about["clock_offset"] = self._inlet.time_correction(DESCRIBED)
        return about


def _found(pylsl: Any, name: str, source: str | None) -> Any:
    """Return the one stream of that name."""
    streams = pylsl.resolve_byprop("name", name, minimum=1, timeout=PATIENCE)
    if streams:
        streams = pylsl.resolve_byprop("name", name, minimum=2, timeout=SECOND) or streams
    chosen = [s for s in streams if source is None or s.source_id() == source]
    if len(chosen) == 1:
        return chosen[0]
    if not streams:
        others = sorted({s.name() for s in pylsl.resolve_streams(1.0)})
        raise PortError(
            f"no LSL stream {name!r}; there "
            + (f"are {', '.join(others)}" if others else "is none in this network")
            + ". Is the program that sends it running?"
        )
    listed = ", ".join(f"{s.source_id() or 'none'} on {s.hostname()}" for s in streams)
    raise PortError(
        f"{len(chosen)} LSL streams {name!r} fit, expected one. Choose one, such as "
        f"lsl://{name}?source_id=…; their source ids: {listed}"
    )
