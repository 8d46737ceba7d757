"""Write messages and bundles of Open Sound Control (OSC 1.0). No I/O."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

# Larger datagrams are divided on their way through a network, and lost as a whole.
LARGEST_PACKET = 1400  # bytes
_IMMEDIATELY = b"#bundle\0" + struct.pack(">Q", 1)
_NUMBERS = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}


def message(address: str, types: str, *arguments: str | float) -> bytes:
    """Return a message.

    Parameters
    ----------
    types : one letter per argument: i and h for integers of 32 and 64 bits, f and d for floats of
        32 and 64 bits, s for text
    """
    encoded = [_head(address, types)]
    for kind, argument in zip(types, arguments, strict=True):
        if isinstance(argument, str):
            encoded.append(_padded(argument))
        else:
            encoded.append(struct.pack(_NUMBERS[kind], argument))
    return b"".join(encoded)


def packets(messages: Iterable[bytes]) -> list[bytes]:
    """Return bundles with the messages in order, each at most `LARGEST_PACKET` if it can be."""
    found: list[list[bytes]] = []
    size = LARGEST_PACKET
    for each in messages:
        size += 4 + len(each)
        if size > LARGEST_PACKET:
            found.append([_IMMEDIATELY])
            size = len(_IMMEDIATELY) + 4 + len(each)
        found[-1] += (struct.pack(">i", len(each)), each)
    return [b"".join(parts) for parts in found]


@lru_cache(maxsize=1024)
def _head(address: str, types: str) -> bytes:
    return _padded(address) + _padded("," + types)


def _padded(text: str) -> bytes:
    """Return text that ends in one to four zeros, at a multiple of four bytes."""
    data = text.encode()
    return data + bytes(4 - len(data) % 4)
