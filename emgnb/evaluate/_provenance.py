"""Describe what a result was computed from: data, software and settings of the models."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate.splits import Data, group_names

PACKAGES = ("emgnb", "numpy", "scipy", "xarray", "scikit-learn", "keras", "jax")


def provenance(
    data: Data, truth: npt.NDArray[np.str_], settings: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """Return fingerprint and size of the data, versions and settings, each as JSON.

    Parameters
    ----------
    settings : of the model of each fold, see `settings_of`; kept once where all are equal
    """
    same = all(each == settings[0] for each in settings)
    return {
        "data": json.dumps({"fingerprint": fingerprint(data, truth), **sizes(data)}),
        "versions": json.dumps(versions()),
        "settings": json.dumps(settings[0] if settings and same else list(settings)),
    }


def fingerprint(data: Data, truth: npt.NDArray[np.str_]) -> str:
    """Return a hash of all values and labels, as 16 hexadecimal digits."""
    table = data.to_dataarray() if isinstance(data, xr.Dataset) else data
    made = hashlib.blake2b(digest_size=8)
    rows = table.transpose("window", ...).values
    made.update(f"{rows.shape} {rows.dtype}".encode())
    made.update(np.ascontiguousarray(rows).data)
    made.update("\0".join(truth.tolist()).encode())
    return made.hexdigest()


def sizes(data: Data) -> dict[str, int]:
    """Return the numbers of windows, people, sessions and trials; without those not named."""
    found = {"windows": int(data.sizes["window"])}
    for name, by in (("people", "participant"), ("sessions", "session"), ("trials", "trial")):
        try:
            found[name] = len(np.unique(group_names(data, by)))
        except ValueError:
            continue
    return found


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that compute."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def settings_of(classifier: Any) -> dict[str, Any]:
    """Return kind and settings (with the seed) that a classifier states in `spec`, if it does."""
    spec = getattr(classifier, "spec", None)
    if not isinstance(spec, Mapping):
        return {"model": type(classifier).__name__}
    more = {"calibration": spec["calibration"]} if "calibration" in spec else {}
    return {"model": spec.get("model"), **spec.get("settings", {}), **more}
