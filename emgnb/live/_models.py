"""Read models of both kinds, and keep the copy that a decoder uses."""

from __future__ import annotations

import os
from pathlib import Path

from emgnb import models
from emgnb.live.proportional import Proportional, load_levels

Model = models.Classifier | Proportional


def load(path: str | os.PathLike[str]) -> Model:
    """Read a classifier (.npz) or levels (.json).

    Raises
    ------
    FileNotFoundError : no such file
    ValueError : neither
    """
    if Path(path).suffix == ".json":
        return load_levels(path)
    return models.load(path)


def need_live(model: object) -> None:
    """Raise TypeError unless a model can run live."""
    if not isinstance(model, models.Classifier | Proportional):
        raise TypeError(
            f"a {type(model).__name__} cannot run live: expected a Classifier (models.fit), levels "
            f"(live.proportional), or the file of either"
        )


def words(model: Model) -> str:
    """Return kind and fingerprint of a model."""
    if isinstance(model, Proportional):
        return f"levels, {model.maximum}"
    return f"{model.model} {model.fingerprint}"


def signature(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None if there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
