"""Begin training from the weights of another network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from emgnb.models import _networks
from emgnb.models.classifier import Classifier

Weights = dict[str, npt.NDArray[Any]]

# Fields of an architecture that depend on the classes, not on the windows.
OF_CLASSES = ("classes",)


def initial_weights(
    start: Classifier | None, shape: _networks.Architecture, classes: Sequence[str]
) -> Weights:
    """Return the weights to begin with, by name; empty for a network that starts afresh.

    The scale of the channels is left out: it is measured in the new data. The last layer is left
    out if the classes differ.

    Raises
    ------
    ValueError : `start` is not a network, or one for other windows
    """
    if start is None:
        return {}
    if "architecture" not in start.spec:
        raise ValueError(
            f"start is of model {start.model!r}, expected a network: {', '.join(_networks.KINDS)}"
        )
    wanted, found = _networks.to_spec(shape), start.spec["architecture"]
    other = [
        f"{name} {found.get(name)!r}, expected {value!r}"
        for name, value in wanted.items()
        if name not in OF_CLASSES and found.get(name) != value
    ]
    if other:
        raise ValueError(
            f"start is a network for other windows: {'; '.join(other)}. Train it on windows of the "
            "same length, rate, number and kind of channels"
        )
    skipped = ("scale/",) if list(start.classes) == list(classes) else ("scale/", "classes/")
    return {name: array for name, array in start.arrays.items() if not name.startswith(skipped)}
