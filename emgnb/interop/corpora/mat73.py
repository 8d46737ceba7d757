"""Read MATLAB files of version 7.3, which are HDF5 files, into the variables of `matfile`.

Links to other files, and datasets whose samples lie in other files, are not followed. MATLAB writes
axes in reversed order, cells and the elements of struct arrays as references to a hidden group.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from emgnb import _extras
from emgnb.interop.corpora.matfile import DEEPEST, MOST_PARTS, MOST_VARIABLES, Variable

# Places of the signature in a file: MATLAB writes a header before it.
SIGNATURE, PLACES = b"\x89HDF\r\n\x1a\n", (0, 512)


def is_one(path: Path) -> bool:
    """Return whether a file is an HDF5 file."""
    with path.open("rb") as file:
        begin = file.read(max(PLACES) + len(SIGNATURE))
    return any(begin[place : place + len(SIGNATURE)] == SIGNATURE for place in PLACES)


def variables(path: Path, *, most: int) -> list[Variable]:
    """Return the variables of a file.

    Parameters
    ----------
    path : MATLAB file of version 7.3
    most : bytes that its arrays may have together

    Raises
    ------
    ImportError : h5py is not installed
    ValueError : no such file, a damaged one, or a larger one
    """
    with _extras.explained(
        f"{path.name}, a MATLAB 7.3 file (save(…, '-v7') writes one that needs nothing),"
    ):
        import h5py

    try:
        with h5py.File(path, "r") as file:
            return _Reader(file, most).all()
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise ValueError(
            f"{path.name} is no MATLAB 7.3 file that can be read ({error}): save it again with "
            "save(…, '-v7')"
        ) from None


class _Reader:
    """Reads nodes of an open HDF5 file, with a bound on bytes, nodes and levels."""

    def __init__(self, file: Any, most: int) -> None:
        import h5py

        self.file, self.left, self.parts, self.h5 = file, most, MOST_PARTS, h5py

    def all(self) -> list[Variable]:
        if len(self.file) > MOST_VARIABLES:
            raise ValueError(f"it holds more than {MOST_VARIABLES} variables")
        return [self.node(name, each, 0) for name, each in self._members(self.file)]

    def node(self, name: str, node: Any, depth: int) -> Variable:
        self.parts -= 1
        if self.parts < 0:
            raise ValueError(f"it holds more than {MOST_PARTS} cells and fields")
        kind = _text(node.attrs.get("MATLAB_class", b""))
        if isinstance(node, self.h5.Group):
            if "MATLAB_sparse" in node.attrs:
                return Variable(name, (), "sparse")
            if kind not in ("struct", ""):
                return Variable(name, (), f"{kind} object")
            if depth >= DEEPEST:
                return Variable(name, (), f"struct more than {DEEPEST} levels deep")
            return self._struct(name, node, depth)
        shape = tuple(node.shape or ())[::-1]
        if node.external or node.is_virtual:
            return Variable(name, shape, "data in another file")
        if "MATLAB_object_decode" in node.attrs:
            return Variable(name, (), f"{kind} object")
        if "MATLAB_empty" in node.attrs:
            return _empty(name, kind)
        if kind == "cell":
            if depth >= DEEPEST:
                return Variable(name, shape, f"cell more than {DEEPEST} levels deep")
            cells = tuple(self.node("", each, depth + 1) for each in self._referenced(node))
            return Variable(name, shape, kind, cells=cells)
        return self._values(name, node, kind, shape)

    def _struct(self, name: str, node: Any, depth: int) -> Variable:
        fields: dict[str, tuple[Variable, ...]] = {}
        for key, each in self._members(node):
            array = isinstance(each, self.h5.Dataset) and "MATLAB_class" not in each.attrs
            if array and each.dtype == self.h5.ref_dtype:
                held = self._referenced(each)
                fields[key] = tuple(self.node("", one, depth + 1) for one in held)
            else:
                fields[key] = (self.node(key, each, depth + 1),)
        counts = {len(values) for values in fields.values()}
        if len(counts) > 1:
            raise ValueError(f"the fields of `{name:.40}` differ in number")
        return Variable(name, (1, *counts), "struct", fields=fields)

    def _values(self, name: str, node: Any, kind: str, shape: tuple[int, ...]) -> Variable:
        if node.dtype.kind not in "biuf" or not shape:
            return Variable(name, shape, kind or str(node.dtype))
        self.left -= int(np.prod(shape, dtype=object)) * node.dtype.itemsize
        if self.left < 0:
            raise ValueError("it unpacks to more than is read")
        values = np.asarray(node[()]).T
        if kind != "char":
            return Variable(name, shape, values.dtype.str[1:], values)
        rows = [np.ascontiguousarray(row).astype("<u2").tobytes() for row in values]
        texts = tuple(row.decode("utf-16-le", "replace").rstrip("\0 ") for row in rows)
        return Variable(name, shape, kind, texts=texts or ("",))

    def _members(self, group: Any) -> Iterator[tuple[str, Any]]:
        """Yield what lies in a group itself, without MATLAB's own groups."""
        for name in group:
            if not name.startswith("#") and isinstance(
                group.get(name, getlink=True), self.h5.HardLink
            ):
                yield name, group[name]

    def _referenced(self, node: Any) -> Iterator[Any]:
        if node.size > self.parts:
            raise ValueError(f"it holds more than {MOST_PARTS} cells and fields")
        for reference in node[()].reshape(-1):
            yield self.file[reference]


def _empty(name: str, kind: str) -> Variable:
    if kind == "char":
        return Variable(name, (0, 0), kind, texts=("",))
    if kind == "cell":
        return Variable(name, (0, 0), kind, cells=())
    return Variable(name, (0, 0), kind or "f8", np.empty((0, 0)))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
