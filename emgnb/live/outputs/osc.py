"""Send live results as Open Sound Control (OSC 1.0) messages over UDP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emgnb.live.output import Output, Stream
from emgnb.live.outputs._bundles import message, packets
from emgnb.live.outputs._messages import told
from emgnb.live.outputs._network import Datagrams, place_of, warned
from emgnb.live.outputs._repeat import Repeat
from emgnb.live.outputs.destination import Destination

DESCRIBED_EVERY = 2.0  # s
_FORBIDDEN = re.compile(r"[\s#*,/?\[\]{}]")


def connect(url: str, stream: Stream) -> Destination:
    """Send to "osc://host:port".

    Raises
    ------
    ValueError : no port in the URL
    OSError : the host is not known
    """
    return _Osc(url, stream)


class _Osc(Destination):
    """OSC messages, one bundle per result.

    ``/emgnb/stream`` name, kind, rate in Hz, added delay in s, source, names: at the beginning and
    every 2 s. ``/emgnb/output`` number, time in s, delay in s. ``/emgnb/value/NAME`` value, for
    each value that is known. ``/emgnb/label`` decision of a classifier, "" if it abstains.
    ``/emgnb/gap`` number, time in s, note.
    """

    def __init__(self, url: str, stream: Stream) -> None:
        place = place_of(url, example="osc://127.0.0.1:9000")
        where = "on this computer" if place.local else "outside this computer, not encrypted"
        self.url = f"osc://{place}"
        self.about = warned(f"OSC messages to {place}, {where}", local=place.local)
        self._addresses = {name: _address(name) for name in stream.names}
        self._described = packets([_described(stream)])
        self._socket = Datagrams(place)
        self._repeat = Repeat(self._describe)

    def send(self, output: Output) -> None:
        for packet in packets(self._messages(output)):
            self._socket.send(packet)
        self.dropped = self._socket.dropped

    def close(self) -> None:
        self._repeat.close()
        self._socket.close()

    def _describe(self) -> float:
        for packet in self._described:
            self._socket.send(packet)
        return DESCRIBED_EVERY

    def _messages(self, output: Output) -> Iterator[bytes]:
        if output.kind == "gap":
            yield message("/emgnb/gap", "hds", output.number, output.seconds, output.note)
            return
        yield message("/emgnb/output", "hdf", output.number, output.seconds, output.delay)
        if output.kind == "expression":
            yield message("/emgnb/label", "s", output.label or "")
        for name, value in told(output.values).items():
            yield message(self._addresses[name], "f", value)


def _address(name: str) -> str:
    return f"/emgnb/value/{_FORBIDDEN.sub('_', name)}"


def _described(stream: Stream) -> bytes:
    head = (stream.name, stream.kind, stream.rate, stream.added_delay, stream.source)
    return message("/emgnb/stream", "ssffs" + "s" * len(stream.names), *head, *stream.names)
