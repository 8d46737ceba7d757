"""Write streams and their results as JSON, for WebSockets and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isnan
from typing import Any

from emgnb import __version__
from emgnb.live.output import Output, Stream

# Version of the messages, "emgnb-live" in the documentation.
FORMAT = "emgnb-live 1"
UNITS = {
    "intensities": "intensity, 0 at rest to 1 at the maximum",
    "expression": "probability, 0 to 1",
}


def told(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values that are known: without NaN."""
    return {name: float(value) for name, value in values.items() if not isnan(value)}


def description(stream: Stream) -> dict[str, Any]:
    """Return the message that describes a stream."""
    return {
        "type": "stream",
        "format": FORMAT,
        "program": f"emgnb {__version__}",
        "name": stream.name,
        "kind": stream.kind,
        "names": list(stream.names),
        "unit": UNITS[stream.kind],
        "rate_hz": stream.rate,
        "added_delay_s": stream.added_delay,
        "source": stream.source,
    }


def message(output: Output) -> dict[str, Any]:
    """Return the message with one result; a gap has no values, and its note."""
    common: dict[str, Any] = {
        "type": output.kind,
        "number": output.number,
        "host_ns": output.host_ns,
        "time_s": output.seconds,
        # Not known when a recording is replayed.
        "delay_s": None if isnan(output.delay) else output.delay,
    }
    if output.kind == "gap":
        return common | {"note": output.note}
    if output.kind == "expression":
        common["label"] = output.label
    return common | {"values": told(output.values)}


def text(content: Mapping[str, Any]) -> str:
    """Return a message as one line of JSON."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
