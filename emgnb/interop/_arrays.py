"""Read what files of arrays hold: MATLAB, NumPy and Parquet."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import _extras
from emgnb.interop import _examples
from emgnb.interop._axes import Asked
from emgnb.interop._held import Held, of_variables
from emgnb.interop.corpora import mat73, matfile

if TYPE_CHECKING:
    import pandas as pd

# Bytes that the arrays of a file may unpack to.
MOST = 1 << 29
PICKLED = (
    "which are not loaded, because loading them can run code. Save texts as names.astype(str), and "
    "signals of different lengths one after the other, with a number for each: "
    "np.savez(file, emg=np.concatenate(signals), "
    "trial=np.repeat(range(len(signals)), [len(s) for s in signals]), label=…)"
)


def read_mat(path: Path, asked: Asked) -> pd.DataFrame:
    """Read the examples in a MATLAB file.

    Raises
    ------
    ImportError : a file of version 7.3, and h5py is not installed
    ValueError : no MATLAB file, or no examples in it
    """
    read = mat73.variables if mat73.is_one(path) else matfile.variables
    return _examples.table(path.name, of_variables(read(path, most=MOST)), asked)


def read_npz(path: Path, asked: Asked) -> pd.DataFrame:
    """Read the examples in an `.npz` file; pickled objects are refused.

    Raises
    ------
    ValueError : no such file, too large, it holds Python objects, or no examples
    """
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(each.file_size for each in file.infolist())
            if size > MOST:
                raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, more than {MOST / 1e6:.0f}")
            pickled, single = _pickled(file)
        with np.load(path, allow_pickle=False) as held:
            made = {name: held[name] for name in held.files if name not in {*pickled, *single}}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise ValueError(f"{path.name} is no .npz file that can be read: {error}") from None
    if pickled:
        named = ", ".join(f"`{name}`" for name in pickled)
        raise ValueError(f"{path.name}: {named} {_hold(pickled)} Python objects, {PICKLED}")
    return _examples.table(path.name, _of_arrays(made, single), asked)


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


def _hold(names: Sequence[str]) -> str:
    return "holds" if len(names) == 1 else "hold"


def _pickled(file: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    """Return the names of arrays of Python objects, and of single objects, from their headers.

    Raises
    ------
    ValueError : a header is damaged, or declares more than the file holds
    """
    arrays, single = list[str](), list[str]()
    for member in file.infolist():
        if not member.filename.endswith(".npy"):
            continue
        name = member.filename.removesuffix(".npy")
        with file.open(member) as content:
            version = np.lib.format.read_magic(content)
            if version not in ((1, 0), (2, 0)):
                continue
            read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
            shape, _, dtype = read[version[0]](content)
        if dtype.hasobject:
            (arrays if shape else single).append(name)
        elif int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
            raise ValueError(f"`{name:.40}` {shape} has {member.file_size} bytes")
    return arrays, single


def _of_arrays(found: dict[str, Any], single: Sequence[str]) -> Held:
    """Sort the arrays of an `.npz` file into those that can be used and others."""
    made = Held(unread=[f"`{name}` (a Python object)" for name in single])
    for name, values in found.items():
        if not isinstance(values, np.ndarray):
            made.unread.append(f"`{name}` (no array)")
        elif values.dtype.names:
            for field in values.dtype.names:
                _add(made, f"{name}.{field}", values[field])
        else:
            _add(made, name, values)
    return made.with_short_names()


def _add(made: Held, name: str, values: npt.NDArray[Any]) -> None:
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind not in "biufUMm":
        made.unread.append(f"`{name}` {values.shape} ({values.dtype})")
    elif values.size:
        made.arrays[name] = values
