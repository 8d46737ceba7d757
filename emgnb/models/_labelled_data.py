"""Read classes, trials and recordings from the windows of a new person."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb import evaluate
from emgnb._vocabulary import RELAXED
from emgnb.models._input_spec import Data
from emgnb.models._population import Numbers
from emgnb.models.classifier import Classifier


def truth_of(model: Classifier, data: Data) -> Numbers:
    """Return the class of each labelled window."""
    label = str(model.spec["label"])
    if label not in data.coords or data[label].dims != ("window",):
        raise ValueError(
            f"trials have no coordinate {label!r} along window: cut them with trials, or give them "
            f"as unlabelled="
        )
    return _numbers(model, data[label].values.astype(str))


def _numbers(model: Classifier, names: npt.NDArray[np.str_]) -> Numbers:
    place = {name: number for number, name in enumerate(model.classes)}
    strange = sorted(set(names.tolist()) - set(place))
    if strange:
        raise ValueError(
            f"labels {', '.join(strange[:4])} are not classes of the model, which are "
            f"{', '.join(model.classes)}"
        )
    return np.array([place[name] for name in names.tolist()], dtype=np.intp)


def rest_of(model: Classifier, data: Data) -> Numbers:
    """Return the class of windows of rest."""
    names = [name for name in model.classes if name.lower() in RELAXED]
    label = str(model.spec["label"])
    own = np.unique(data[label].values.astype(str)) if label in data.coords else np.array([])
    if len(own) == 1 and own[0] in model.classes:
        names = [str(own[0])]
    if len(names) != 1:
        raise ValueError(
            f"no single class of the model is the relaxed face: {', '.join(model.classes)}. Give "
            f"the windows their class: rest.assign_coords({label}=('window', […]))"
        )
    return np.full(data.sizes["window"], model.classes.index(names[0]), dtype=np.intp)


def trials_of(data: Data) -> Numbers | None:
    """Return the trial of each window, None if the data name no trials."""
    try:
        names = evaluate.group_names(data, "trial")
    except ValueError:
        return None
    return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.intp)


def trial_numbers(data: Data, cells: Numbers) -> Numbers:
    """Return the trial of each window; without trials, a run of windows of one class is a trial."""
    found = trials_of(data)
    if found is not None:
        return found
    changes = (cells[:, 1:] != cells[:, :-1]).any(axis=0)
    return np.concatenate([[0], np.cumsum(changes)]).astype(np.intp)


def participants_of(*parts: Data | Classifier | None) -> dict[str, list[str]]:
    """Return the entry of a model's spec with the codes of all people in data and other models.

    Empty if a part does not name them.
    """
    found: set[str] = set()
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Classifier):
            codes = part.participants or ()
        else:
            named = "participant" in part.coords
            codes = tuple(np.unique(part["participant"].values.astype(str))) if named else ()
        if not codes or "" in codes:
            return {}
        found.update(map(str, codes))
    return {"participants": sorted(found)}


def recordings_of(data: Data) -> npt.NDArray[np.str_]:
    """Return participant and session of each window as one text."""
    out = np.full(data.sizes["window"], "", dtype=np.str_)
    for name in ("participant", "session"):
        if name in data.coords and data[name].dims == ("window",):
            out = np.char.add(np.char.add(out, "/"), data[name].values.astype(str))
    return np.asarray(out)
