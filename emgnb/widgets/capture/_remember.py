"""Store the state of the live view in the folder: hidden channels, bipolar pairs, spectra.

A hidden channel stays hidden after a restart of the kernel, and in the next recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = ".live_view.json"
NAMES = ("hidden", "pairs", "spectral")


def load(folder: Path) -> dict[str, Any]:
    """Return the stored state of a folder, or {} if there is none.

    Raises
    ------
    ValueError : the file has other content
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except (ValueError, RecursionError):
        found = None
    if not _is_whole(found):
        raise ValueError(
            f"{path} is not a stored view, so all channels are shown: delete this file"
        )
    return {name: found[name] for name in NAMES}


def save(folder: Path, view: Any) -> None:
    """Store the state of a view in the folder.

    Raises
    ------
    OSError : the folder is not writable
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: getattr(view, name) for name in NAMES}, ensure_ascii=False, indent=1)
    fresh = folder / f"{FILE}.new"
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(folder / FILE)


def _is_whole(found: Any) -> bool:
    if not isinstance(found, dict) or set(found) != set(NAMES):
        return False
    hidden, pairs = found["hidden"], found["pairs"]
    return (
        _are_texts(hidden)
        and isinstance(pairs, dict)
        and all(_are_texts(pair) and len(pair) == 2 for pair in pairs.values())
        and isinstance(found["spectral"], bool)
    )


def _are_texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)
