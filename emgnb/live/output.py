"""The results of live decoding, and what describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

OutputKind = Literal["intensities", "expression", "gap"]
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Stream:
    """What a live decoder sends: described once, before the first output.

    Attributes
    ----------
    name : name of the stream
    kind : "intensities" (0–1 each) or "expression" (a probability each)
    names : names of the values, in order
    rate : outputs per second, expected
    added_delay : s that filters, window and smoothing add by design
    source : name of the recording
    """

    name: str
    kind: OutputKind
    names: tuple[str, ...]
    rate: float
    added_delay: float
    source: str = ""


@dataclass(frozen=True)
class Output:
    """One result of a live decoder.

    Attributes
    ----------
    number : counts all outputs, those that were dropped included
    host_ns : host clock of the newest sample used, in ns (`emgnb.acquire.clock.host_ns`)
    seconds : time of that sample since the recording began, in s
    delay : s from the newest sample to the moment when this output was made
    kind : "intensities", "expression" or "gap"
    values : intensity 0–1 of each action unit, or probability of each class; empty in a gap.
        An intensity that cannot be told is missing, not 0
    label : the class decided for; None if the decoder abstains, for intensities and in a gap
    note : what a gap is, for example "412 scans lost"; else empty
    """

    number: int
    host_ns: int
    seconds: float
    delay: float
    kind: OutputKind
    values: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    label: str | None = None
    note: str = ""
