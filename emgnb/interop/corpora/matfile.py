"""Read matrices from untrusted MATLAB files of version 4 to 7 in bounded time and memory.

SciPy's reader crashes the process on some damaged files, and allocates whatever size a file
declares. This reader returns matrices of real numbers only; for other variables it returns name,
shape and class. The format is described in "MAT-File Format" by MathWorks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Maximum size of a file, and of all its unpacked variables (bytes); feature matrices need far less.
MOST = 1 << 26
# Maximum number of variables in a file.
MOST_VARIABLES = 1000

HEADER, MATRIX, COMPRESSED = 128, 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {
    **{1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "f8", 7: "f4"},
    **{8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"},
}
COMPLEX = 0x0800
V4_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
V4_CLASSES = ("numbers", "char", "sparse")


@dataclass(frozen=True)
class Variable:
    """Variable: name, shape, class, and its numbers if it is a real matrix."""

    name: str
    shape: tuple[int, ...]
    kind: str
    numbers: npt.NDArray[Any] | None

    def __str__(self) -> str:
        return f"`{self.name}` {self.shape}" + (f" ({self.kind})" if self.numbers is None else "")


def variables(file: Path) -> list[Variable]:
    """Return the variables of a file.

    Raises
    ------
    ValueError : not a MATLAB file, a file of version 7.3, or larger than 67 MB when unpacked
    """
    if file.stat().st_size > MOST:
        raise ValueError(_too_much(file))
    raw = file.read_bytes()
    if raw.startswith(b"\x89HDF") or raw[:HEADER][:10] == b"MATLAB 7.3":
        raise ValueError(
            f"{file.name} is a MATLAB 7.3 file (HDF5), expected one of version 4 to 7: "
            "save it again with save(…, '-v7')"
        )
    try:
        found = []
        for each in _version_4(raw) if 0 in raw[:4] else _version_5(raw):
            found.append(each)
            if len(found) > MOST_VARIABLES:
                raise ValueError(f"it holds more than {MOST_VARIABLES} variables")
    except MemoryError:
        raise ValueError(_too_much(file)) from None
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise ValueError(f"{file.name} is not a MATLAB file, or is damaged: {error}") from None
    return found


def _version_5(raw: bytes) -> Iterator[Variable]:
    order = {b"IM": "<", b"MI": ">"}.get(raw[HEADER - 2 : HEADER])
    if order is None:
        raise ValueError("its first 128 bytes are not a header")
    at, left = HEADER, MOST
    while at < len(raw):
        kind, content, at = _element(raw, at, order)
        if kind == COMPRESSED:
            whole = _inflated(content, left)
            left -= len(whole)
            kind, content, _ = _element(whole, 0, order)
        if kind == MATRIX:
            yield _matrix(content, order)


def _element(raw: bytes, at: int, order: str) -> tuple[int, bytes, int]:
    """Return type and content of an element, and the position of the next."""
    kind, size = struct.unpack_from(order + "II", raw, at)
    if kind >> 16:
        # Small element: four bytes hold size and type, the other four the content.
        kind, size, begin, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
    else:
        begin = at + 8
        after = begin + size if kind == COMPRESSED else begin + -(-size // 8) * 8
    content = raw[begin : begin + size]
    if len(content) != size:
        raise ValueError(f"an element of {size} bytes has only {len(content)}")
    return kind, content, after


def _inflated(packed: bytes, most: int) -> bytes:
    unpack = zlib.decompressobj()
    whole = unpack.decompress(packed, most)
    if unpack.unconsumed_tail:
        raise MemoryError
    if not unpack.eof:
        raise ValueError("a compressed variable ends too early")
    return whole


def _matrix(raw: bytes, order: str) -> Variable:
    _, flags, at = _element(raw, 0, order)
    _, sizes, at = _element(raw, at, order)
    _, name, at = _element(raw, at, order)
    (word,) = struct.unpack_from(order + "I", flags)
    kind = CLASSES.get(word & 0xFF, "unknown")
    shape = tuple(np.frombuffer(sizes, order + "i4").tolist())
    text = name.decode("latin-1")
    if kind not in TYPES.values() or word & COMPLEX:
        return Variable(text, shape, "complex" if word & COMPLEX else kind, None)
    stored, content, _ = _element(raw, at, order)
    if stored not in TYPES:
        raise ValueError(f"`{text}` holds elements of the unknown type {stored}")
    values = np.frombuffer(content, order + TYPES[stored])
    return Variable(text, shape, kind, _shaped(text, values, shape).astype(kind))


def _version_4(raw: bytes) -> Iterator[Variable]:
    at = 0
    order = "<" if struct.unpack_from("<I", raw)[0] < 5000 else ">"
    while at < len(raw):
        word, rows, columns, imaginary, length = struct.unpack_from(order + "5I", raw, at)
        number, kind = divmod(word % 100, 10)
        if word not in range(5000) or number >= len(V4_TYPES) or kind >= len(V4_CLASSES):
            raise ValueError("its first bytes are not a header")
        dtype = np.dtype(order + V4_TYPES[number])
        begin = at + 20 + length
        size = rows * columns * dtype.itemsize
        name = raw[at + 20 : begin].rstrip(b"\0").decode("latin-1")
        at = begin + size * (2 if imaginary else 1)
        if at > len(raw):
            raise ValueError(f"`{name:.40}` {rows} × {columns} has {len(raw) - begin} bytes")
        if kind or imaginary:
            yield Variable(name, (rows, columns), V4_CLASSES[kind] if kind else "complex", None)
        else:
            values = np.frombuffer(raw[begin : begin + size], dtype)
            made = _shaped(name, values, (rows, columns))
            yield Variable(name, (rows, columns), V4_TYPES[number], made)


def _shaped(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if min(shape, default=0) < 0 or int(np.prod(shape, dtype=object)) != values.size:
        raise ValueError(f"`{name:.40}` {shape} has {values.size} numbers")
    return values.reshape(shape, order="F")


def _too_much(file: Path) -> str:
    return f"{file.name} unpacks to more than {MOST / 1e6:.0f} MB: no matrix of features does"
