"""Small files of a run, in a folder or on object storage."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emgnb.recording.files import settle
from emgnb.recording.urls import filesystem, located, told


def file_name(session: str) -> str:
    """Return the name of the file about a session, whose path has slashes."""
    return f"{quote(session, safe='')}.json"


def as_read(about: Any) -> Any:
    """Return a value as it is after writing and reading it: tuples are lists."""
    return json.loads(json.dumps(about))


def read_all(folder: str) -> dict[str, Any]:
    """Return the content of all JSON files in a folder by name; {} if it does not exist.

    A file that holds no JSON is left out: its session counts as not done.
    """
    fs, root = _system(folder)
    with told(folder):
        fs.invalidate_cache()
        try:
            paths = [path for path in fs.ls(root, detail=False) if str(path).endswith(".json")]
        except FileNotFoundError:
            return {}
        contents = fs.cat_ranges(paths, None, None, on_error="raise")
    found = {}
    for path, content in zip(paths, contents, strict=True):
        try:
            found[str(path).rpartition("/")[2]] = json.loads(content)
        except ValueError:
            continue
    return found


def write(place: str, about: Any) -> None:
    """Write a JSON file, which replaces an earlier one in one step."""
    content = json.dumps(about, indent=2, ensure_ascii=False).encode()
    target = located(place)
    if isinstance(target, str):
        fs, root = filesystem(target)
        with told(target):
            fs.pipe_file(root, content)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    beside.write_bytes(content)
    settle(beside)  # otherwise a power cut may leave an empty file under the name
    beside.replace(target)


def remove(folder: str, names: Iterable[str]) -> None:
    """Remove these stores from a folder, and the folder if nothing else is in it."""
    fs, root = _system(folder)
    with told(folder):
        fs.invalidate_cache()
        for name in names:
            if fs.exists(f"{root}/{name}"):
                fs.rm(f"{root}/{name}", recursive=True)
        fs.invalidate_cache()
    place = located(folder)
    if isinstance(place, Path):
        with contextlib.suppress(OSError):
            place.rmdir()


def _system(folder: str) -> tuple[Any, str]:
    place = located(folder)
    if isinstance(place, Path):
        import fsspec

        return fsspec.filesystem("file"), os.fspath(place.absolute()).replace(os.sep, "/")
    return filesystem(place)
