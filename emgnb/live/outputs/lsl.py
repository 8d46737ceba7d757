"""Send live results as a stream of the Lab Streaming Layer (LSL)."""

from __future__ import annotations

import hashlib
import socket
import sys
from math import nan
from urllib.parse import unquote, urlsplit

from emgnb import __version__
from emgnb.acquire.clock import host_ns
from emgnb.live.output import Output, Stream
from emgnb.live.outputs._messages import UNITS, told
from emgnb.live.outputs._network import options_of, warned
from emgnb.live.outputs.destination import Destination

_USED_BEFORE = "pylsl" in sys.modules
import pylsl  # noqa: E402

DECISION = "decision"
ABSTAINED = -1.0
KEPT = 60  # s that a receiver may be late before it loses the oldest samples
# liblsl reads its configuration once, at its first use in a process.
_LOOPBACK = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
ListenAddress = 127.0.0.1
[log]
level = -2
"""
_scope = "network" if _USED_BEFORE else ""


def connect(url: str, stream: Stream) -> Destination:
    """Create the stream of "lsl://name", without a name that of `stream`.

    The stream is announced on this computer only, and with "lsl://name?scope=network" as LSL's own
    configuration says, by default in the local network.

    Raises
    ------
    ValueError : an unknown option, or another scope than that of an earlier stream in this process
    """
    parts = urlsplit(url)
    scope = options_of(url, ("scope",)).get("scope", "machine")
    if scope not in ("machine", "network") or parts.path not in ("", "/"):
        raise ValueError(f"{url!r}: expected lsl://name or lsl://name?scope=network")
    return _Lsl(unquote(parts.netloc) or stream.name, stream, _configured(scope))


def _configured(scope: str) -> str:
    """Configure liblsl for `scope` if it is still possible, and return the scope in effect."""
    global _scope
    if not _scope:
        if scope == "machine":
            pylsl.set_config_content(_LOOPBACK)
        _scope = scope
    if _scope == "machine" and scope == "network":
        raise ValueError(
            "LSL streams of this process are announced on this computer only, because the first "
            "one was; restart the process to announce them in the network"
        )
    return _scope


class _Lsl(Destination):
    """LSL outlet with a float channel per value, and for a classifier its decision.

    A value that is not known is NaN, and a gap is a sample of NaN. The channel "decision" has the
    index of the class, or -1 if the classifier abstains. Time stamps are those of the newest sample
    used. The description of the stream has channel names, units, rate, added delay and source.
    """

    def __init__(self, name: str, stream: Stream, scope: str) -> None:
        self.url = f"lsl://{name}"
        self.about = warned(_about(name, scope), local=scope == "machine")
        self._names = stream.names
        self._decides = stream.kind == "expression"
        self._offset = 0.0
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            _info(name, stream), max_buffered=KEPT
        )

    def send(self, output: Output) -> None:
        if self._outlet is None:
            raise ValueError(f"{self.url} is closed")
        values = told(output.values)
        sample = [values.get(name, nan) for name in self._names]
        if self._decides:
            sample.append(self._decision(output))
        self._outlet.push_sample(sample, self._stamp(output.host_ns))

    def close(self) -> None:
        self._outlet = None

    def _decision(self, output: Output) -> float:
        if output.kind == "gap":
            return nan
        return ABSTAINED if output.label is None else float(self._names.index(output.label))

    def _stamp(self, sampled_ns: int) -> float:
        """Return a time of the host clock on LSL's clock, in s; on Linux they are the same."""
        offset = pylsl.local_clock() - host_ns() / 1e9
        if abs(offset - self._offset) > 1e-3:
            self._offset = offset
        return sampled_ns / 1e9 + self._offset


def _about(name: str, scope: str) -> str:
    if scope == "machine":
        return (
            f"LSL stream {name!r}, announced on this computer only. LSL accepts connections on all "
            "network interfaces; a firewall can close its ports, 16572 to 16604"
        )
    return f"LSL stream {name!r}, announced in the local network and not encrypted"


def _info(name: str, stream: Stream) -> pylsl.StreamInfo:
    kind, unit = ("ActionUnits", "intensity 0-1")
    if stream.kind == "expression":
        kind, unit = ("Expression", "probability 0-1")
    channels = [(each, kind, unit) for each in stream.names]
    if stream.kind == "expression":
        channels.append((DECISION, kind, f"index of the class, {ABSTAINED:g} if undecided"))
    known = f"{socket.gethostname()} {name} {stream.source}"
    identity = f"emgnb-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
    info = pylsl.StreamInfo(name, kind, len(channels), stream.rate, "float32", identity)
    _describe(info.desc(), stream, channels)
    return info


def _describe(desc: pylsl.XMLElement, stream: Stream, channels: list[tuple[str, str, str]]) -> None:
    desc.append_child_value("manufacturer", "emgnb")
    listed = desc.append_child("channels")
    for label, kind, unit in channels:
        channel = listed.append_child("channel")
        for key, value in (("label", label), ("type", kind), ("unit", unit)):
            channel.append_child_value(key, value)
    decoder = desc.append_child("decoder")
    for key, value in (
        ("program", f"emgnb {__version__}"),
        ("kind", stream.kind),
        ("values", UNITS[stream.kind]),
        ("rate_hz", f"{stream.rate:g}"),
        ("added_delay_s", f"{stream.added_delay:g}"),
        ("source", stream.source),
        ("gaps", "NaN in all channels"),
    ):
        decoder.append_child_value(key, value)
