"""Locate sessions: the one in a recording's folder, and the newest below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.recording._chunks import described
from emgnb.recording.checks import parsed_history
from emgnb.recording.remote import Place, listed
from emgnb.recording.urls import METADATA, UNFINISHED, located, names_below

# Steps that create a recording; any other step derives a session from one.
ORIGINS = ("raw_sensor", "v3_sensor")
# File and folder names in a recording's folder.


def store_at(path: str | os.PathLike[str]) -> Place:
    """Return the store at a path or URL: itself, or the session in a recording's folder.

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : `path` is a file, or the folder holds no session yet or several
    PermissionError, ConnectionError : the object storage denies access, or does not answer
    """
    place = located(path)
    return _remote_store(place) if isinstance(place, str) else local_store(place)


def local_store(place: Path) -> Path:
    """Return the store at a path on disk; see `store_at`."""
    if not place.exists():
        raise FileNotFoundError(f"no session at {place}: check the name, or record one first")
    if not place.is_dir():
        raise ValueError(
            f"{place} is a file and not a session: expected a folder, such as {SESSION}"
        )
    if (place / "zarr.json").exists():
        return place
    if (place / SESSION / "zarr.json").exists():
        return place / SESSION
    found = [store for store in stores_below(place) if not is_derived(store)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{place} holds {len(found)} sessions, such as {found[0].relative_to(place)}: name "
            f"one, or take the newest: recording.open(recording.latest({str(place)!r}))"
        )
    if (place / JOURNAL).exists():
        raise ValueError(
            f"{place} holds a journal and no session yet: stop the recording, or, if it was "
            f"interrupted, acquire.recover({str(place)!r})"
        )
    raise ValueError(f"{place} is not a session store, and holds none")


def _remote_store(url: str) -> Place:
    if url.endswith(".zarr"):  # as a rule a session: one round trip less
        found = listed(url)
        if (found / METADATA).exists():
            return found
    names = names_below(url)
    if METADATA in names:
        return listed(url)
    if not names:
        raise FileNotFoundError(f"no session at {url}: check the name, or save one there first")
    if UNFINISHED in names:
        raise ValueError(
            f"{url} is an unfinished session: its upload is still running, or was interrupted. The "
            "object zarr.json, which completes it, is not written. Save it again from its source "
            f"(after an interruption, recording.remove_unfinished({url!r}) first)"
        )
    if SESSION in names and METADATA in names_below(f"{url}/{SESSION}"):
        return listed(f"{url}/{SESSION}")
    raise ValueError(
        f"{url} is not a session: it holds no zarr.json, but {', '.join(names[:3])}"
        f"{', …' if len(names) > 3 else ''}. Name a session; recording.study({url!r}) lists them"
    )


def latest(folder: str | os.PathLike[str], name: str = "") -> Path | None:
    """Return the newest recording below a folder, or None if there is none.

    Derived sessions, such as filtered or resampled ones, are recognised by the signal's history
    and skipped, unless `name` is given.

    Parameters
    ----------
    folder : folder to search, including its subfolders
    name : first part of the store's name; if given, derived sessions are included

    Returns
    -------
    The store that was started last, by its attribute `started`; without that attribute, by the
    time of writing

    Raises
    ------
    ValueError : `folder` is a URL

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.latest("no-such-folder") is None
    True
    """
    if isinstance(place := located(folder), str):
        raise ValueError(
            f"the newest session is searched on disk only, not in {place}. "
            "recording.study(url) lists the sessions there"
        )
    found = [
        store
        for store in stores_below(place)
        if (store.name.startswith(name) if name else not is_derived(store))
    ]
    return max(found, key=_began, default=None)


def is_derived(store: Path) -> bool:
    """Return whether a stored session is derived from another, by the signal's history."""
    history = str(_attributes(store / "emg" / "signal").get("history", ""))
    try:
        return any(step["step"] not in ORIGINS for step in parsed_history(history))
    except ValueError:
        return True


def stores_below(folder: Path) -> Iterator[Path]:
    """Yield the sessions below a folder; stores and hidden folders are not searched."""
    for place, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if "zarr.json" in files:
            inner.clear()
            if (Path(place) / "emg" / "signal" / "zarr.json").exists():
                yield Path(place)


def _began(store: Path) -> tuple[float, int]:
    written = (store / "zarr.json").stat().st_mtime_ns
    try:
        started = datetime.fromisoformat(str(_attributes(store).get("started", "")))
        aware = started if started.tzinfo else started.replace(tzinfo=UTC)
        return aware.timestamp(), written
    except (ValueError, OverflowError, OSError):
        return written / 1e9, written


def _attributes(folder: Place) -> dict[str, Any]:
    try:
        found = (described(folder) or {}).get("attributes")
    except (ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}
