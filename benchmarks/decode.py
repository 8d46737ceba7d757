"""How fast bytes become scans: the block decoder against a frame-by-frame parser in plain Python.

``python benchmarks/decode.py``: both decode the same stream in the same run, in the same chunks,
and must give the same scans. A board at 500 000 baud sends 0.05 MB/s.
"""

import binascii
import struct
import time

import numpy as np

from emgnb.acquire.dialects import LineDecoder
from emgnb.acquire.frames import Decoder, Encoder

CHANNELS = 8
SCANS = 60_000


class PlainDecoder:
    """What one writes first: split at zeros, unpack COBS byte by byte, check the CRC, unpack."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> list[tuple[int, tuple[int, ...]]]:
        *frames, self._tail = (self._tail + data).split(b"\0")
        scans = []
        for frame in frames:
            body = self._unpack(frame)
            # binascii has the very CRC, in C.
            if len(body) < 9 or binascii.crc_hqx(body[:-2], 0xFFFF) != body[-2] | body[-1] << 8:
                continue
            _, mask, counter = struct.unpack_from("<BHI", body)
            scans.append((counter, struct.unpack_from(f"<{mask.bit_count()}H", body, 7)))
        return scans

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


def rate_of(decoder: "Decoder | PlainDecoder | LineDecoder", stream: bytes, chunk: int) -> float:
    """Decode the stream, and return MB/s (best of three would hide what a notebook feels)."""
    begin = time.perf_counter()
    for at in range(0, len(stream), chunk):
        decoder.feed(stream[at : at + chunk])
    return len(stream) / 1e6 / (time.perf_counter() - begin)


def main() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 1024, (SCANS, CHANNELS)).astype(np.uint16)
    begin = time.perf_counter()
    stream = Encoder(CHANNELS).scans(0, values)
    encoding = len(stream) / 1e6 / (time.perf_counter() - begin)
    plain = PlainDecoder().feed(stream)
    block = Decoder().feed(stream)
    assert [scan for scan, _ in plain] == block.scans.tolist()
    assert np.array_equal(np.array([row for _, row in plain]), block.values)
    lines = b"".join(b",".join(b"%d" % v for v in row) + b"\r\n" for row in values.tolist())

    print(f"{SCANS} scans of {CHANNELS} channels, {len(stream) / 1e6:.2f} MB")
    print(f"{'chunk':>12} {'blocks MB/s':>12} {'plain MB/s':>12} {'ratio':>6}")
    for chunk, name in ((270, "10 ms"), (2700, "100 ms"), (1 << 16, "64 kB"), (1 << 22, "all")):
        ours = rate_of(Decoder(), stream, chunk)
        theirs = rate_of(PlainDecoder(), stream, chunk)
        print(f"{name:>12} {ours:12.1f} {theirs:12.1f} {ours / theirs:6.1f}")
    csv = rate_of(LineDecoder(), lines, 1 << 16)
    print(f"encoding {encoding:.0f} MB/s; lines of numbers {csv:.1f} MB/s")


if __name__ == "__main__":
    main()
