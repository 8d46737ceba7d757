"""Streams of every dialect, as boards send them, and what is done to them on the way.

Written from the boards' own documents, independently of the decoders: plain Python, byte by byte.
"""

import struct
import zlib
from collections.abc import Callable

import numpy as np

from emgnb.acquire.wire.frames import Encoder


def frames(values: np.ndarray, first: int = 0) -> bytes:
    return Encoder(values.shape[1]).scans(first, values.astype(np.uint16))


def csv(values: np.ndarray) -> bytes:
    return "".join(",".join(map(str, row)) + "\r\n" for row in values.tolist()).encode()


def chords(values: np.ndarray, first: int = 1) -> bytes:
    out = bytearray()
    for n, row in enumerate(values.tolist()):
        out += bytes([0xC7, 0x7C, (first + n) % 256])
        for value in row:
            out += bytes([value >> 8, value & 0xFF])
        out.append(0x01)
    return bytes(out)


def cyton(values: np.ndarray, first: int = 0) -> bytes:
    out = bytearray()
    for n, row in enumerate(values.tolist()):
        out += bytes([0xA0, (first + n) % 256])
        for value in row:
            out += int(value).to_bytes(3, "big", signed=True)
        out += bytes([0, 17, 255, 240, 64, n % 251])
        out.append(0xC0)
    return bytes(out)


def spikerbox(values: np.ndarray) -> bytes:
    out = bytearray()
    for row in values.tolist():
        for channel, value in enumerate(row):
            out += bytes([value >> 7 | (0x80 if channel == 0 else 0), value & 0x7F])
    return bytes(out)


def lsl(values: np.ndarray, stamps: np.ndarray | None = None, first: int = 0) -> bytes:
    """Samples of four bytes, five to a packet."""
    stamps = np.arange(len(values)) / 1000 + 7.0 if stamps is None else stamps
    out = bytearray()
    for n in range(0, len(values), 5):
        rows = values[n : n + 5].tolist()
        packet = struct.pack("<4sBHHQ", b"\xabLSL", 1, values.shape[1], len(rows), first + n)
        packet += b"".join(struct.pack("<d", t) for t in stamps[n : n + 5])
        packet += b"".join(struct.pack("<f", value) for row in rows for value in row)
        out += packet + struct.pack("<I", zlib.crc32(packet))
    return bytes(out)


def spikerbox_message(text: str) -> bytes:
    return b"\xff\xff\x01\x01\x80\xff" + text.encode() + b"\xff\xff\x01\x01\x81\xff"


# dialect -> what makes its bytes, and the channels it is tried with
MAKERS: dict[str, tuple[Callable[[np.ndarray], bytes], int]] = {
    "frames": (frames, 8),
    "csv": (csv, 3),
    "chords": (chords, 6),
    "cyton": (cyton, 8),
    "spikerbox": (spikerbox, 2),
    "lsl": (lsl, 4),
}


def values(dialect: str, n: int, seed: int = 0) -> np.ndarray:
    """Samples that fit the dialect's range."""
    rng = np.random.default_rng(seed)
    channels = MAKERS[dialect][1]
    if dialect == "cyton":
        return rng.integers(-(2**23), 2**23, (n, channels))
    return rng.integers(0, 1024, (n, channels))


def corrupted(stream: bytes, share: float, rng: np.random.Generator) -> bytes:
    """Replace a share of the bytes by any others."""
    data = np.frombuffer(stream, dtype=np.uint8).copy()
    hit = rng.random(data.size) < share
    data[hit] ^= rng.integers(1, 256, int(hit.sum())).astype(np.uint8)
    return data.tobytes()


def heard_at(stream: bytes, sent: int, read: int) -> bytes:
    """What a UART at `read` baud makes of bytes sent back to back at `sent` baud."""
    data = np.frombuffer(stream, dtype=np.uint8)
    bits = np.ones((data.size, 10), dtype=np.uint8)  # start bit, eight bits from the lowest, stop
    bits[:, 0] = 0
    bits[:, 1:9] = data[:, np.newaxis] >> np.arange(8) & 1
    line = bits.ravel()
    ratio = sent / read
    out = bytearray()
    at = 0.0
    falls = np.flatnonzero(np.diff(line.astype(np.int8), prepend=1) < 0)
    while True:
        fall = np.searchsorted(falls, at - 1e-9)
        if fall == falls.size:
            return bytes(out)
        begin = float(falls[fall])
        places = (begin + (np.arange(1, 9) + 0.5) * ratio).astype(int)
        if places[-1] >= line.size:
            return bytes(out)
        out.append(int((line[places] << np.arange(8)).sum()))
        at = begin + 9.5 * ratio
