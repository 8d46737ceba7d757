"""Measure the speed of each dialect's decoder, compared with a parser in plain Python.

``python benchmarks/decode.py``: both decode the same stream in the same run, in the same chunks,
and must return the same values. A board at 500 000 baud sends 0.05 MB/s. Times are CPU times.
"""

import binascii
import struct
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from emgnb.acquire.wire import dialects
from emgnb.acquire.wire.frames import Encoder

Rows = list[tuple[float, ...]]


class Feeds(Protocol):
    def feed(self, data: bytes) -> Any: ...


class PlainFrames:
    """A simple decoder: split at zeros, decode COBS byte by byte, check the CRC, unpack."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> Rows:
        *frames, self._tail = (self._tail + data).split(b"\0")
        rows = []
        for frame in frames:
            body = self._unpack(frame)
            # binascii has the same CRC, in C.
            if len(body) < 9 or binascii.crc_hqx(body[:-2], 0xFFFF) != body[-2] | body[-1] << 8:
                continue
            _, mask, _ = struct.unpack_from("<BHI", body)
            rows.append(struct.unpack_from(f"<{mask.bit_count()}H", body, 7))
        return rows

    @staticmethod
    def _unpack(frame: bytes) -> bytes:
        out = bytearray()
        at = 0
        while at < len(frame):
            code = frame[at]
            out += frame[at + 1 : at + code]
            at += code
            if at < len(frame):
                out.append(0)
        return bytes(out)


class PlainLines:
    """A simple decoder: line by line, split at commas, convert to numbers."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> Rows:
        *lines, self._tail = (self._tail + data).split(b"\n")
        return [tuple(float(field) for field in line.split(b",")) for line in lines if line]


class PlainPackets:
    """A simple decoder: packet by packet, find the header, check the end, unpack."""

    def __init__(self, header: bytes, length: int, unpack: Callable[[bytes], Any]) -> None:
        self._header, self._length, self._unpack = header, length, unpack
        self._data = b""

    def feed(self, data: bytes) -> Rows:
        data = self._data + data
        rows, at = [], 0
        while at + self._length <= len(data):
            if not data.startswith(self._header, at):
                at += 1
                continue
            rows.append(self._unpack(data[at : at + self._length]))
            at += self._length
        self._data = data[at:]
        return rows


def plain_cyton() -> PlainPackets:
    def unpack(packet: bytes) -> tuple[int, ...]:
        return tuple(
            int.from_bytes(packet[at : at + 3], "big", signed=True) for at in range(2, 26, 3)
        )

    return PlainPackets(b"\xa0", 33, unpack)


class PlainSpikerBox:
    """A simple decoder: byte by byte, a scan begins at a set top bit."""

    def __init__(self) -> None:
        self._scan: list[int] = []

    def feed(self, data: bytes) -> Rows:
        rows = []
        for byte in data:
            if byte & 0x80 and self._scan:
                rows.append(
                    tuple(
                        (high & 0x7F) << 7 | low
                        for high, low in zip(self._scan[::2], self._scan[1::2], strict=True)
                    )
                )
                self._scan = []
            self._scan.append(byte)
        return rows


def streams(scans: int) -> dict[str, tuple[np.ndarray, bytes, Callable[[], Feeds], int]]:
    """dialect -> values, bytes, the plain parser, and scans a second of such a board."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 1024, (scans, 8)).astype(np.uint16)
    n = scans
    chords = np.zeros((n, 20), dtype=np.uint8)
    chords[:, 0], chords[:, 1], chords[:, 2], chords[:, -1] = 0xC7, 0x7C, np.arange(n) % 256, 1
    chords[:, 3:-1] = counts.astype(">u2").view(np.uint8).reshape(n, -1)
    fine = rng.integers(-(2**23), 2**23, (n, 8))
    cyton = np.zeros((n, 33), dtype=np.uint8)
    cyton[:, 0], cyton[:, 1], cyton[:, -1] = 0xA0, np.arange(n) % 256, 0xC0
    cyton[:, 2:26] = fine.astype(">i4").view(np.uint8).reshape(n, 8, 4)[:, :, 1:].reshape(n, -1)
    two = counts[:, :2]
    spiker = np.stack([two >> 7, two & 0x7F], axis=2).reshape(n, -1).astype(np.uint8)
    spiker[:, 0] |= 0x80
    lines = b"".join(b",".join(b"%d" % v for v in row) + b"\r\n" for row in counts.tolist())
    decimals = "".join(
        ",".join(f"{v * 5 / 1024:.4f}" for v in row) + "\r\n" for row in counts.tolist()
    ).encode()
    return {
        "frames": (counts, Encoder(8).scans(0, counts), PlainFrames, 1000),
        "csv": (counts, lines, PlainLines, 500),
        "csv volts": (counts * 5 / 1024, decimals, PlainLines, 500),
        "chords": (
            counts,
            chords.tobytes(),
            lambda: PlainPackets(b"\xc7\x7c", 20, struct.Struct(">3x8Hx").unpack),
            500,
        ),
        "cyton": (fine, cyton.tobytes(), plain_cyton, 250),
        "spikerbox": (two, spiker.tobytes(), PlainSpikerBox, 5000),
    }


def rate_of(decoder: Feeds, stream: bytes, chunk: int) -> float:
    """Return the speed (MB/s) of a decoder on a stream in chunks."""
    chunks = [stream[at : at + chunk] for at in range(0, len(stream), chunk)]
    begin = time.process_time()
    for each in chunks:
        decoder.feed(each)
    return len(stream) / 1e6 / (time.process_time() - begin)


def main(scans: int = 60_000) -> None:
    print(f"{scans} scans; MB/s of processor time, ours / plain Python (ratio)")
    print(f"{'dialect':>10} {'MB':>5} {'10 ms':>20} {'100 ms':>20} {'64 kB':>20} {'all':>20}")
    for name, (values, stream, plain, board_rate) in streams(scans).items():
        dialect = name.split()[0]
        whole = dialects.decoder(dialect)
        got = whole.feed(b"\n" + stream if dialect == "csv" else stream).values
        # The end of a scan may be known only when the next begins.
        assert len(got) >= scans - 1
        assert np.allclose(got, values[: len(got)], atol=1e-4), name
        theirs = plain().feed(stream)
        assert np.allclose(theirs, values[: len(theirs)], atol=1e-4), name
        cells = []
        for chunk in (
            round(len(stream) / scans * board_rate / 100),
            round(len(stream) / scans * board_rate / 10),
            1 << 16,
            len(stream),
        ):
            # Alternate, so that other load of the computer affects both.
            pairs = [
                (
                    rate_of(dialects.decoder(dialect), stream, chunk),
                    rate_of(plain(), stream, chunk),
                )
                for _ in range(3)
            ]
            ours, other = (float(np.median(column)) for column in zip(*pairs, strict=True))
            cells.append(f"{ours:7.1f} /{other:5.1f} ({ours / other:.1f})")
        print(f"{name:>10} {len(stream) / 1e6:5.1f} " + " ".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
