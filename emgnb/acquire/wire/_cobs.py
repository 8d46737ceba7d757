"""Encode and decode COBS frames, and compute their checksum.

Consistent overhead byte stuffing (Cheshire & Baker 1999, doi:10.1109/90.769765) replaces each zero
by the distance to the next, so that a 0 on the line can only be the end of a frame. The functions
on arrays take many frames of equal length, one per row, and loop over the columns.
"""

from __future__ import annotations

import binascii
from functools import cache

import numpy as np
import numpy.typing as npt

# Bytes of a frame before encoding. Up to this length COBS adds exactly one byte.
MAX_BODY = 253
MAX_PACKED = MAX_BODY + 1
CRC_BYTES = 2

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]


def crc16(rows: U8) -> U16:
    """Return the CRC-16/CCITT-FALSE of each row of (n, length) bytes."""
    n, length = rows.shape
    # The CRC is linear: a byte's contribution depends only on its distance from the end.
    shares, start = _shares(length)
    crc = np.full(n, start, dtype=np.uint16)
    for share, column in zip(shares, rows.T, strict=True):
        crc ^= share.take(column)
    return crc


def cobs_encode(rows: U8) -> U8:
    """Encode (n, length) bytes as (n, length + 1) without zeros; length is at most `MAX_BODY`."""
    n, length = rows.shape
    if length > MAX_BODY:
        raise ValueError(f"a frame of {length} bytes; at most {MAX_BODY} can be packed")
    packed = np.empty((n, length + 1), dtype=np.uint8)
    following = np.full(n, length + 1, dtype=np.int16)
    for at in range(length, 0, -1):
        column = rows[:, at - 1]
        zero = column == 0
        packed[:, at] = np.where(zero, following - at, column)
        following[zero] = at
    packed[:, 0] = following
    return packed


def cobs_decode(rows: U8) -> tuple[U8, npt.NDArray[np.bool_]]:
    """Decode (n, length) bytes to (n, length - 1); also return which rows were valid, (n,)."""
    columns = np.array(rows.T, order="C")
    left = columns[0].copy()  # bytes until the next code; at least 1, so it never becomes negative
    for column in columns[1:]:
        left -= 1
        code = (left == 0) * column
        left += code
        column -= code
    return columns[1:].T, left == 1


def unpack(frame: bytes) -> bytes | None:
    """Return the body of one encoded frame, None if its encoding or checksum is invalid."""
    body = bytearray(frame)
    size = len(body)
    at = body[0]
    while at < size:
        code = body[at]
        body[at] = 0
        at += code
    if at != size or binascii.crc_hqx(body[1:-CRC_BYTES], 0xFFFF) != body[-2] | body[-1] << 8:
        return None
    return bytes(body[1:-CRC_BYTES])


def framed(rows: U8) -> bytes:
    """Return frames of (n, length) bytes: checksum appended, encoded, each ended by a zero."""
    crc = crc16(rows).astype("<u2").view(np.uint8).reshape(-1, CRC_BYTES)
    packed = cobs_encode(np.concatenate([rows, crc], axis=1))
    return np.pad(packed, ((0, 0), (0, 1))).tobytes()


def framed_one(body: bytes) -> bytes:
    """Return the frame of some bytes."""
    return framed(np.frombuffer(body, dtype=np.uint8)[np.newaxis])


def number_at(rows: U8, at: int, kind: str) -> npt.NDArray[np.int64]:
    """Return the number of dtype `kind` ("<u2") at byte `at` of each of (n, length) rows."""
    size = np.dtype(kind).itemsize
    column = np.ascontiguousarray(rows[:, at : at + size]).view(kind)
    return column[:, 0].astype(np.int64)


@cache
def _shares(length: int) -> tuple[U16, int]:
    """Return the contribution of each byte to the CRC, (length, 256), and of the start value."""
    shares = np.empty((length, 256), dtype=np.uint16)
    share, start = _one_byte(np.arange(256, dtype=np.uint16) << np.uint16(8)), np.uint16(0xFFFF)
    for row in shares[::-1]:
        row[:] = share
        share = _one_byte(share)
        start = _one_byte(np.array([start]))[0]
    return shares, int(start)


def _one_byte(crc: U16) -> U16:
    """Shift a zero byte into each CRC."""
    for _ in range(8):
        crc = np.where(crc & np.uint16(0x8000), (crc << np.uint16(1)) ^ np.uint16(0x1021), crc << 1)
    return crc.astype(np.uint16)
