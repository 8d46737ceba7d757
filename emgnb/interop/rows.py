"""Read other people's tables: a single file, or a folder with one file per trial or class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emgnb.interop import _arrays, _examples, _texts
from emgnb.interop._axes import Asked
from emgnb.recording import places

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".txt", ".mat", ".npz", ".parquet", ".feather")
# Endings of text tables that other programs write, searched in folders without one of those above.
OTHERS = (".dat", ".asc", ".tab", ".data", ".emg", ".log", "")
# Texts about a data set that lie among its tables.
ABOUT = ("readme", "license", "licence", "changes", "changelog", "notes", "citation", "copyright")
# Letters and number in a file name: D1M10T2 gives D = 1, M = 10, T = 2; R_1_C_2 gives R, C.
_FIELD = re.compile(r"([A-Za-z]+)_?(\d+)")
# What separates the parts of a file name: P01_smile_2, P01-smile-2.
_BETWEEN = re.compile(r"[_\-. ]+")
# Key of `DataFrame.attrs`: columns that come from names of files and folders.
FROM_NAMES = "from_names"


def read_rows(
    path: str | os.PathLike[str],
    *,
    axes: str | Sequence[str] = (),
    signal: str = "",
) -> pd.DataFrame:
    """Read a table, or a folder of tables, into one table.

    Parameters
    ----------
    path : a text table (CSV, TSV, TXT), with or without a header line, with commas, semicolons,
        tabs or blanks between columns and a decimal point or comma; a MATLAB file (of version 7.3,
        if h5py is installed); an `.npz` file; a Parquet or Feather file, if pyarrow is installed;
        or a folder of such files, which is searched recursively for the commonest ending (texts
        such as README are left out). A folder with none of these endings is searched for `.dat`,
        `.asc` and the like
    axes : of `.mat` and `.npz` files, the order of the signal's axes: "window,sample,channel" in
        any order (windows), "window,sample" (windows of one channel), or "sample,channel" (a
        recording, or one per trial). By default windows are counted by the axis that is as long as
        the labels, and of the other two the longer is time
    signal : of such files, the name of the array with the signal; by default chosen by its name

    Returns
    -------
    Table of all rows, with columns c1, c2, … for files without a header, and `name1`, `name2`, …
    for a matrix `name`. Windows (an array of three axes) and trials (a struct array or a cell
    array with a signal in each) become a row per sample, with a column `window` or `trial` that
    counts them, and their labels and groups repeated. For a folder the table also has the columns
    `file` and `folder` (`folder2` for the one above), and one per field of the file names:
    D1M10T2.csv gives D, M, T, and P01_smile_2.csv P, `name2` and `name3`; the names of files
    without any are `stem` if several folders have the same. Those are listed in
    `attrs["from_names"]`. A line of units below the header is in `attrs["units"]`, by column.
    `attrs["reading"]` holds sentences about what an array file's contents were taken as, and what
    was left aside. Objects in files (pickles) are never loaded.

    Raises
    ------
    FileNotFoundError : `path` does not exist, or the folder has no table
    ValueError : a file is no table, files of a folder have different columns, or the axes of an
        array cannot be told
    ImportError : a Parquet or Feather file, and pyarrow is not installed; a MATLAB 7.3 file, and
        h5py is not installed

    Examples
    --------
    >>> import numpy as np
    >>> from emgnb import interop
    >>> label, person = np.arange(40) % 2, np.arange(40) // 8
    >>> np.savez("cut.npz", X=np.zeros((40, 8, 200)), y=label, subject=person)
    >>> table = interop.read_rows("cut.npz")
    >>> len(table), list(table.columns[-3:])
    (8000, ['X8', 'y', 'subject'])
    >>> print(table.attrs["reading"][0])
    signal: `X` (40, 8, 200), 40 windows of 200 samples of 8 channels; windows are counted by the
    axis as long as `y`, and the longer of the other two is time
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    names = axes.replace(" ", "").split(",") if isinstance(axes, str) and axes else axes
    asked = Asked(tuple(names), signal)
    return _folder(path, asked) if path.is_dir() else _file(path, asked)


def session_stores(path: str | os.PathLike[str]) -> list[Path]:
    """Return the stores of sessions at a path: itself, or all below the folder.

    Stores may have any name; hidden folders are not searched. Sessions derived from others, such as
    filtered ones, are left out, as `recording.latest` does, unless there are no others.

    Parameters
    ----------
    path : store of a session, or folder

    Returns
    -------
    Paths, sorted; empty if there are none

    Examples
    --------
    >>> from emgnb import interop, recording, simulate
    >>> made = recording.save(simulate.face(duration=2, seed=1), "study/P01/first.zarr")
    >>> [path.as_posix() for path in interop.session_stores("study")]
    ['study/P01/first.zarr']
    """
    path = Path(path).expanduser()
    if (path / "zarr.json").is_file():
        return [path]
    found = sorted(places.stores_below(path))
    return [store for store in found if not places.is_derived(store)] or found


def _folder(path: Path, asked: Asked) -> pd.DataFrame:
    import pandas as pd

    files = _tables(path)
    parts = [_file(file, asked) for file in files]
    attrs, own = _shared_attrs(files, parts), set(parts[0].columns)
    fields = _fields([file.relative_to(path) for file in files])
    added: dict[str, None] = {}
    for number, (file, part) in enumerate(zip(files, parts, strict=True)):
        if set(part.columns) != own:
            raise ValueError(
                f"{files[0].name} has columns {_listed(own)}, {file.name} has "
                f"{_listed(set(part.columns))}: files of a folder must have the same; name a "
                "single file, or sort them"
            )
        known = {"file": str(file.relative_to(path)), "folder": file.parent.name, **fields[number]}
        new = {name: value for name, value in known.items() if name not in own}
        added |= dict.fromkeys(new)
        parts[number] = part.assign(**new)
    table = pd.concat(parts, ignore_index=True)
    table.attrs = attrs | {FROM_NAMES: list(added)}
    return table


def _fields(files: Sequence[Path]) -> list[dict[str, str]]:
    """What the names of files hold, by column.

    Letters before a number, P and R in P01_smile_R2, name it. Names of as many parts each have a
    column for each part that this leaves out and that differs, `name2` for the second; names of a
    single part are the `stem` if files of several folders have the same. So do the folders above
    the file's own: `folder2` is the next.
    """
    found = [dict(_FIELD.findall(file.stem)) for file in files]
    parts = [_BETWEEN.split(file.stem) for file in files]
    if len({len(each) for each in parts}) == 1 < len(parts[0]):
        common = set.intersection(*(set(each) for each in found))
        found = [{name: each[name] for name in each if name in common} for each in found]
        for place, texts in enumerate(zip(*parts, strict=True)):
            before = {each[place - 1] for each in parts} if place else set()
            if len(set(texts)) > 1 and not _named(texts, before, common):
                for each, text in zip(found, texts, strict=True):
                    each[f"name{place + 1}"] = text
    stems = [file.stem for file in files]
    if len(set(stems)) < len(stems) and not any(found):
        found = [{"stem": stem} for stem in stems]
    for above in range(2, min(len(file.parts) for file in files)):
        folders = [file.parts[-1 - above] for file in files]
        for each, folder in zip(found, folders, strict=True):
            each[f"folder{above}"] = folder
    return found


def _named(texts: Sequence[str], before: set[str], common: set[str]) -> bool:
    """Whether letters name a part of the file names: those in it, or the part before it."""
    if before and before <= common and all(text.isdigit() for text in texts):
        return True
    letters = {name for text in texts for name, _ in _FIELD.findall(text)}
    return letters <= common and not any(_FIELD.sub("", text) for text in texts)


def _shared_attrs(files: Sequence[Path], parts: Sequence[pd.DataFrame]) -> dict[str, object]:
    """What the readers said about the files: about the first, where they say much the same."""
    made: dict[str, object] = {
        key: value
        for key, value in parts[0].attrs.items()
        if all(part.attrs.get(key) == value for part in parts)
    }
    reading = parts[0].attrs.get(_examples.READING)
    if reading:
        made[_examples.READING] = [
            f"{len(files)} files, the first of them {files[0].name}",
            *reading,
        ]
    return made


def _tables(path: Path) -> list[Path]:
    """Files of a folder with the commonest ending of a table, without texts about the data."""
    below = [
        each
        for each in sorted(path.rglob("*"))
        if each.is_file() and not each.name.startswith(".") and each.stem.lower() not in ABOUT
    ]
    found = Counter(each.suffix.lower() for each in below)
    for known in (ENDINGS, OTHERS):
        there = {ending: count for ending, count in found.items() if ending in known}
        if there:
            commonest = max(there, key=lambda ending: there[ending])
            return [each for each in below if each.suffix.lower() == commonest]
    held = ", ".join(ending or "without one" for ending, _ in found.most_common(5)) or "no files"
    raise FileNotFoundError(
        f"no {', '.join(ENDINGS)} file in the folder {path}, which has {held}: export tables as "
        "CSV, or name a file"
    )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)[:6]) + (" …" if len(names) > 6 else "")


def _file(path: Path, asked: Asked) -> pd.DataFrame:
    """Read one file by what it holds, whatever its ending."""
    if not path.is_file():
        raise FileNotFoundError(f"no file or folder {path}")
    with path.open("rb") as file:
        begin = file.read(16)
    ending = path.suffix.lower()
    if begin.startswith(b"MATLAB 5") or ending == ".mat":
        return _arrays.read_mat(path, asked)
    if ending == ".npz":
        return _arrays.read_npz(path, asked)
    if asked:
        raise ValueError(
            f"{path.name} is a table of rows; axes and signal are for arrays in .mat and .npz files"
        )
    if begin.startswith((b"PAR1", b"ARROW1", b"FEA1")) or ending in (".parquet", ".feather"):
        return _arrays.read_parquet(path)
    return _texts.read_text(path)
