"""Find missing chunks of a stored array without reading its values.

Zarr returns the fill value for a chunk whose file is missing. Without this check, an interrupted
copy or an incomplete synchronised folder would open as an empty recording.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.recording._jsontext import parsed
from emgnb.recording.remote import Place

# Maximum number of values in a chunk of samples (2 GB as float64).
MOST_IN_CHUNK = 1 << 28
# Maximum number of values in a table or any of its chunks.
MOST_IN_TABLE = 1 << 22

Run = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Location and chunk grid of a stored array.

    Attributes
    ----------
    path : the array's folder
    shape, chunk : shape of the array and of one chunk, in values
    dims : names of the dimensions
    """

    path: Place
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dims: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Return the number of rows in a chunk."""
        return self.chunk[0] if self.chunk else 1

    def missing(self) -> list[Run]:
        """Return the half-open row intervals whose chunk files are missing or empty."""
        if not self.shape:
            return [] if _holds(self.path / "c") else [(0, 1)]
        if all(0 < size <= chunk for size, chunk in zip(self.shape, self.chunk, strict=True)):
            only = self.path.joinpath("c", *["0"] * len(self.shape))
            return [] if _holds(only) else [(0, self.shape[0])]
        count = -(-self.shape[0] // self.rows)
        tails = ["/".join(map(str, tail)) for tail in self._tails()]
        found = sorted(
            number
            for number in _numbers(self.path / "c")
            if number < count
            and all(_holds(self.path / "c" / str(number) / tail) for tail in tails)
        )
        edges = [-1, *found, count]
        return [
            (self.rows * (a + 1), min(self.rows * b, self.shape[0]))
            for a, b in itertools.pairwise(edges)
            if b > a + 1
        ]

    def _tails(self) -> Iterable[tuple[int, ...]]:
        rest = zip(self.shape[1:], self.chunk[1:], strict=True)
        return itertools.product(*(range(-(-size // chunk)) for size, chunk in rest))


def layout(path: Place) -> Layout | None:
    """Return the layout of the array in a folder, or None if the folder holds no array.

    Raises
    ------
    ValueError : the metadata is invalid, or declares more values than any session holds
    """
    about = described(path)
    if about is None or about.get("node_type") != "array":
        return None
    try:
        shape = tuple(about["shape"])
        chunk = tuple(about["chunk_grid"]["configuration"]["chunk_shape"])
        dims = tuple(str(name) for name in about.get("dimension_names") or ())
    except (KeyError, TypeError):
        raise ValueError(f"{path / 'zarr.json'} does not describe an array") from None
    whole = all(type(n) is int and n >= 0 for n in shape) and all(
        type(n) is int and n > 0 for n in chunk
    )
    if not whole or len(shape) != len(chunk) or len(shape) > 8 or len(dims) != len(shape):
        raise ValueError(
            f"{path / 'zarr.json'} declares the shape {shape} in chunks of {chunk} along {dims}"
        )
    _bounded(path, shape, chunk, dims)
    return Layout(path, shape, chunk, dims)


def _bounded(
    path: Place, shape: tuple[int, ...], chunk: tuple[int, ...], dims: tuple[str, ...]
) -> None:
    along_time = "time" in dims
    most = MOST_IN_CHUNK if along_time else MOST_IN_TABLE
    values = int(np.prod([int(n) for n in chunk], dtype=object))
    # Samples are read in parts; only their time stamps are read at once.
    if not along_time or path.name == "time":
        values = max(values, int(np.prod([int(n) for n in shape], dtype=object)))
    across = [n for n, dim in zip(shape, dims, strict=True) if dim != "time"]
    if along_time:
        values = max(values, int(np.prod(across, dtype=object)))
    if values > most:
        raise ValueError(
            f"{path} declares {values} values to be read at once, expected at most {most}: "
            "the file is damaged"
        )


def described(path: Place) -> dict[str, Any] | None:
    """Return the Zarr metadata of a folder, or None if it has none.

    Raises
    ------
    ValueError : the metadata is not a JSON object
    """
    file = path / "zarr.json"
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    about = parsed(content, str(file))
    if not isinstance(about, dict):
        raise ValueError(f"{file} is not a JSON object")
    return about


def joined(runs: Iterable[Run]) -> list[Run]:
    """Sort runs, and merge those that touch or overlap."""
    found: list[Run] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def inside(rows: npt.NDArray[np.int64], runs: Sequence[Run]) -> npt.NDArray[np.bool_]:
    """Return which rows lie in one of the runs, which must be sorted and disjoint."""
    edges = np.array(runs, dtype=np.int64).ravel()
    return np.asarray(np.searchsorted(edges, rows, side="right") % 2 == 1)


def _numbers(folder: Place) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(each.name) for each in folder.iterdir() if each.name.isdecimal()]


def _holds(file: Place) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
