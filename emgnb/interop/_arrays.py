"""Read tables from files of arrays: MATLAB, NumPy and Parquet."""

from __future__ import annotations

import importlib
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import _extras
from emgnb.interop.corpora import matfile

if TYPE_CHECKING:
    import pandas as pd

# Key of `DataFrame.attrs`: variables of a file that are no matrices of numbers, in words.
NOT_READ = "not_read"
# Bytes that the arrays of a file may unpack to, and columns of a table.
MOST, WIDEST = 1 << 30, 20_000


def read_mat(path: Path) -> pd.DataFrame:
    """Read the matrices of a MATLAB file (version 4 to 7) that have a row per example.

    Raises
    ------
    ValueError : no MATLAB file of these versions, or no matrix
    """
    found = matfile.variables(path)
    others = [each for each in found if each.numbers is None]
    if len(others) == len(found) and found:
        raise ValueError(
            f"{path.name} holds {_named(others)}, expected matrices with a row per example. In "
            "MATLAB, save(file, '-struct', name) writes the fields of a struct as matrices, and "
            "[~, ~, label] = unique(names) turns texts into numbers"
        )
    made = _table(path, {each.name: each.numbers for each in found if each.numbers is not None})
    if others:
        made.attrs[NOT_READ] = _named(others)
    return made


def _named(found: list[matfile.Variable]) -> str:
    return ", ".join(map(str, found[:8])) + (" …" if len(found) > 8 else "")


def read_npz(path: Path) -> pd.DataFrame:
    """Read the arrays of an `.npz` file that have a row per example; pickled objects are refused.

    Raises
    ------
    ValueError : no such file, too large, or it holds Python objects
    """
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(each.file_size for each in file.infolist())
        if size > MOST:
            raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, more than {MOST / 1e6:.0f}")
        with np.load(path, allow_pickle=False) as held:
            made = {name: held[name] for name in held.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise ValueError(f"{path.name} is no .npz file that can be read: {error}") from None
    return _table(path, made)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet or Feather file.

    Raises
    ------
    ImportError : pyarrow is not installed
    ValueError : no such file
    """
    import pandas as pd

    with _extras.explained(f"{path.name}, a Parquet or Feather file,"):
        importlib.import_module("pyarrow")
    reader = pd.read_parquet if path.suffix.lower() != ".feather" else pd.read_feather
    try:
        return reader(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path.name} is not a Parquet or Feather file: {error}") from None


def _table(path: Path, held: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Columns of all arrays with the commonest number of rows."""
    import pandas as pd

    arrays = {name: _rows_first(each) for name, each in held.items() if each.ndim and each.size > 1}
    lengths = Counter(len(each) for each in arrays.values() if len(each) > 1)
    if not lengths:
        listed = ", ".join(f"{name} {each.shape}" for name, each in held.items()) or "nothing"
        raise ValueError(f"{path.name} holds {listed}, expected arrays with a row per example")
    # Of equally common numbers of rows the one of the largest array.
    size = max(lengths, key=lambda n: (lengths[n], _largest(arrays, n)))
    columns: dict[str, Any] = {}
    for name, each in arrays.items():
        if len(each) == size:
            flat = each.reshape(size, -1)
            wide = flat.shape[1]
            names = [name] if wide == 1 else [f"{name}{k + 1}" for k in range(wide)]
            columns |= dict(zip(names, flat.T, strict=True))
    if len(columns) > WIDEST:
        raise ValueError(f"{path.name} gives {len(columns)} columns, at most {WIDEST} are read")
    return pd.DataFrame(columns)


def _rows_first(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A row vector as a column."""
    return values.T if values.ndim == 2 and values.shape[0] == 1 else values


def _largest(arrays: Mapping[str, npt.NDArray[Any]], n: int) -> int:
    return max(each.size for each in arrays.values() if len(each) == n)
