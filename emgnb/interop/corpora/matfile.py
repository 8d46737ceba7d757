"""Read untrusted MATLAB files of version 4 to 7 in bounded time and memory.

SciPy's reader crashes the process on some damaged files, and allocates whatever size a file
declares. This reader returns matrices of real numbers, char matrices, cell arrays and structs; for
other variables it returns name, shape and class. The format is described in "MAT-File Format" by
MathWorks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# Maximum size of a file, and of all its unpacked variables (bytes); feature matrices need far less.
MOST = 1 << 26
# Maximum number of variables in a file, of cells and fields in all of them, and of their levels.
MOST_VARIABLES, MOST_PARTS, DEEPEST = 1000, 300_000, 4

HEADER, MATRIX, COMPRESSED = 128, 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {
    **{1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "f8", 7: "f4"},
    **{8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"},
    17: "opaque",
}
# Types of the letters of a char matrix; `-le` or `-be` is added to those of more than a byte.
LETTERS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
COMPLEX = 0x0800
V4_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
V4_CLASSES = ("numbers", "char", "sparse")


@dataclass(frozen=True)
class Variable:
    """Variable: name, shape, class, and what it holds.

    Parameters
    ----------
    numbers : the numbers of a real matrix, otherwise None
    texts : the rows of a char matrix, otherwise None
    cells : the contents of a cell array in column order, otherwise None
    fields : name of a field → its value in each element of a struct (array), otherwise None
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    numbers: npt.NDArray[Any] | None = None
    texts: tuple[str, ...] | None = None
    cells: tuple[Variable, ...] | None = None
    fields: Mapping[str, tuple[Variable, ...]] | None = None

    def __str__(self) -> str:
        shape = f" {self.shape}" if self.shape else ""
        return f"`{self.name}`{shape}" + (f" ({self.kind})" if self.numbers is None else "")


class _Parts:
    """The number of cells and fields that may still be read."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, count: int) -> None:
        self.left -= count
        if count < 0 or self.left < 0:
            raise ValueError(f"it holds more than {MOST_PARTS} cells and fields")


def variables(file: Path, *, most: int = MOST) -> list[Variable]:
    """Return the variables of a file.

    Parameters
    ----------
    file : MATLAB file of version 4 to 7
    most : bytes that the file, and its unpacked variables, may have

    Raises
    ------
    ValueError : not a MATLAB file, a file of version 7.3, or larger than `most` when unpacked
    """
    if file.stat().st_size > most:
        raise ValueError(_too_much(file, most))
    raw = file.read_bytes()
    if raw.startswith(b"\x89HDF") or raw[:HEADER][:10] == b"MATLAB 7.3":
        raise ValueError(
            f"{file.name} is a MATLAB 7.3 file (HDF5), expected one of version 4 to 7: "
            "save it again with save(…, '-v7')"
        )
    try:
        found = []
        for each in _version_4(raw) if 0 in raw[:4] else _version_5(raw, most):
            found.append(each)
            if len(found) > MOST_VARIABLES:
                raise ValueError(f"it holds more than {MOST_VARIABLES} variables")
    except MemoryError:
        raise ValueError(_too_much(file, most)) from None
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise ValueError(f"{file.name} is not a MATLAB file, or is damaged: {error}") from None
    return found


def _version_5(file: bytes, most: int) -> Iterator[Variable]:
    order = {b"IM": "<", b"MI": ">"}.get(file[HEADER - 2 : HEADER])
    if order is None:
        raise ValueError("its first 128 bytes are not a header")
    raw, at, left, parts = memoryview(file), HEADER, most, _Parts(MOST_PARTS)
    while at < len(raw):
        kind, content, at = _element(raw, at, order)
        if kind == COMPRESSED:
            whole = memoryview(_inflated(content, left))
            left -= len(whole)
            kind, content, _ = _element(whole, 0, order)
        if kind == MATRIX:
            yield _matrix(content, order, parts)


def _element(raw: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
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


def _inflated(packed: memoryview, most: int) -> bytes:
    unpack = zlib.decompressobj()
    whole = unpack.decompress(packed, most)
    if unpack.unconsumed_tail:
        raise MemoryError
    if not unpack.eof:
        raise ValueError("a compressed variable ends too early")
    return whole


def _matrix(raw: memoryview, order: str, parts: _Parts, depth: int = 0) -> Variable:
    if not len(raw):
        # MATLAB writes an empty cell without a header.
        return Variable("", (0, 0), "f8", np.empty((0, 0)))
    _, flags, at = _element(raw, 0, order)
    (word,) = struct.unpack_from(order + "I", flags)
    kind = CLASSES.get(word & 0xFF, "unknown")
    if kind == "opaque":
        return _opaque(raw, at, order)
    _, sizes, at = _element(raw, at, order)
    _, name, at = _element(raw, at, order)
    shape = tuple(np.frombuffer(sizes, order + "i4").tolist())
    text = bytes(name).decode("latin-1")
    if word & COMPLEX:
        return Variable(text, shape, "complex")
    if kind in ("cell", "struct"):
        if depth >= DEEPEST:
            return Variable(text, shape, f"{kind} more than {DEEPEST} levels deep")
        read = _cells if kind == "cell" else _fields
        return read(Variable(text, shape, kind), raw[at:], order, parts, depth + 1)
    if kind not in TYPES.values() and kind != "char":
        return Variable(text, shape, kind)
    stored, content, _ = _element(raw, at, order)
    if kind == "char":
        return Variable(text, shape, kind, texts=_texts(text, shape, content, stored, order))
    if stored not in TYPES:
        raise ValueError(f"`{text}` holds elements of the unknown type {stored}")
    values = np.frombuffer(content, order + TYPES[stored])
    return Variable(text, shape, kind, _shaped(text, values, shape).astype(kind))


def _opaque(raw: memoryview, at: int, order: str) -> Variable:
    """Return name and class of an object, such as a string array or a table, without contents."""
    _, name, at = _element(raw, at, order)
    _, _, at = _element(raw, at, order)
    _, kind, _ = _element(raw, at, order)
    return Variable(bytes(name).decode("latin-1"), (), f"{bytes(kind).decode('latin-1')} object")


def _nested(
    raw: memoryview, order: str, parts: _Parts, depth: int, count: int
) -> Iterator[Variable]:
    """Yield matrices that lie one after the other."""
    parts.take(count)
    at = 0
    for _ in range(count):
        kind, content, at = _element(raw, at, order)
        if kind != MATRIX:
            raise ValueError(f"a cell or field of the unknown type {kind}")
        yield _matrix(content, order, parts, depth)


def _cells(found: Variable, raw: memoryview, order: str, parts: _Parts, depth: int) -> Variable:
    count = _count(found.name, found.shape)
    return replace(found, cells=tuple(_nested(raw, order, parts, depth, count)))


def _fields(found: Variable, raw: memoryview, order: str, parts: _Parts, depth: int) -> Variable:
    count = _count(found.name, found.shape)
    _, length, at = _element(raw, 0, order)
    _, joined, at = _element(raw, at, order)
    (size,) = struct.unpack_from(order + "i", length)
    if size < 1 or len(joined) % size:
        raise ValueError(f"`{found.name:.40}` has names of fields of {size} bytes")
    named = [bytes(joined[k : k + size]).split(b"\0")[0] for k in range(0, len(joined), size)]
    names = [name.decode("latin-1") for name in named]
    if len(set(names)) < len(names):
        raise ValueError(f"`{found.name:.40}` has two fields of one name")
    values = list(_nested(raw[at:], order, parts, depth, count * len(names)))
    held = {name: tuple(values[k :: len(names)]) for k, name in enumerate(names)}
    return replace(found, fields=held)


def _texts(
    name: str, shape: tuple[int, ...], content: memoryview, stored: int, order: str
) -> tuple[str, ...]:
    """Return the rows of a char matrix without blanks at their ends."""
    if stored not in LETTERS:
        raise ValueError(f"`{name:.40}` holds letters of the unknown type {stored}")
    codec = LETTERS[stored]
    if codec[-2:] in ("16", "32"):
        codec += "-le" if order == "<" else "-be"
    letters = bytes(content).decode(codec, "replace")
    if _count(name, shape) == 0:
        return ("",)
    rows = shape[0]
    # A letter of two units counts twice in the shape.
    if rows > 1 and len(letters) != _count(name, shape):
        raise ValueError(f"`{name:.40}` {shape} has {len(letters)} letters")
    return tuple(letters[row::rows].rstrip("\0 ") for row in range(rows))


def _count(name: str, shape: tuple[int, ...]) -> int:
    """Return the number of elements of a shape."""
    if min(shape, default=0) < 0:
        raise ValueError(f"`{name:.40}` has the shape {shape}")
    return int(np.prod(shape, dtype=object))


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
        if kind == 1 and not imaginary:
            values = _shaped(name, np.frombuffer(raw[begin : begin + size], dtype), (rows, columns))
            texts = tuple("".join(map(_letter, row)).rstrip("\0 ") for row in values.tolist())
            yield Variable(name, (rows, columns), "char", texts=texts or ("",))
        elif kind or imaginary:
            yield Variable(name, (rows, columns), V4_CLASSES[kind] if kind else "complex")
        else:
            values = np.frombuffer(raw[begin : begin + size], dtype)
            made = _shaped(name, values, (rows, columns))
            yield Variable(name, (rows, columns), V4_TYPES[number], made)


def _letter(code: float) -> str:
    return chr(int(code)) if 0 <= code < 0x110000 else "?"


def _shaped(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if min(shape, default=0) < 0 or int(np.prod(shape, dtype=object)) != values.size:
        raise ValueError(f"`{name:.40}` {shape} has {values.size} numbers")
    return values.reshape(shape, order="F")


def _too_much(file: Path, most: int) -> str:
    return f"{file.name} unpacks to more than {most / 1e6:.0f} MB, which is not read"
