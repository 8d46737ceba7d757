"""What a file of arrays holds, with structs and cell arrays taken apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.interop.corpora.matfile import Variable

Array = npt.NDArray[Any]
# Classes of MATLAB objects, and how their contents become readable.
OBJECTS = {
    "string object": "label = cellstr(label)",
    "categorical object": "label = cellstr(label)",
    "table object": "s = table2struct(t, 'ToScalar', true)",
    "timetable object": "s = table2struct(timetable2table(t), 'ToScalar', true)",
    "datetime object": "t = posixtime(t)",
}


@dataclass(frozen=True)
class Held:
    """What a file of arrays holds.

    Parameters
    ----------
    arrays : name → numbers or texts; one number or text has the shape ()
    lists : name → arrays of numbers, one per example, of any lengths
    unread : variables that are neither, in words
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    lists: dict[str, list[Array]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def with_short_names(self) -> Held:
        """Return the same with fields named without their struct, where this names only one."""
        paths = [*self.arrays, *self.lists]
        last = Counter(path.rsplit(".", 1)[-1] for path in paths)
        short = {path: end if last[end := path.rsplit(".", 1)[-1]] == 1 else path for path in paths}
        return replace(
            self,
            arrays={short[path]: each for path, each in self.arrays.items()},
            lists={short[path]: each for path, each in self.lists.items()},
        )

    def described(self) -> str:
        """Return names, shapes and kinds, in words."""
        said = [f"`{name}` {each.shape}" for name, each in self.arrays.items()]
        said += [f"`{name}` ({len(each)} arrays)" for name, each in self.lists.items()]
        return shortened([*said, *self.unread]) or "nothing"


def shortened(words: Sequence[str], most: int = 8) -> str:
    """Return the first words, separated by commas."""
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")


def of_variables(found: Sequence[Variable]) -> Held:
    """Take the variables of a MATLAB file apart.

    Fields of a struct become arrays of their own. Fields of a struct array, and cells, become one
    array where they are single numbers or texts, otherwise a list of arrays.
    """
    made = Held()
    for each in found:
        # MATLAB's own data of objects has no name.
        if each.name:
            _add(made, each.name, each)
    return made.with_short_names()


def _add(made: Held, path: str, found: Variable) -> None:
    found = _bare(found)
    if found.numbers is not None:
        if found.numbers.size:
            shape = () if found.numbers.size == 1 else found.numbers.shape
            made.arrays[path] = found.numbers.reshape(shape)
    elif found.texts is not None:
        made.arrays[path] = np.array(found.texts if len(found.texts) > 1 else found.texts[0])
    elif found.cells is not None:
        _add_joined(made, path, found.cells, str(replace(found, name=path)))
    elif found.fields is not None:
        for name, values in found.fields.items():
            own = f"{path}.{name}"
            if len(values) == 1:
                _add(made, own, values[0])
            else:
                _add_joined(made, own, values, f"`{own}` (field of {len(values)} structs)")
    else:
        way = f": {OBJECTS[found.kind]} in MATLAB" if found.kind in OBJECTS else ""
        made.unread.append(f"{replace(found, name=path)}{way}")


def _add_joined(made: Held, path: str, values: Sequence[Variable], said: str) -> None:
    """Add the cells of a cell array, or a field of the elements of a struct array."""
    bare = [_bare(each) for each in values]
    texts = [each.texts[0] for each in bare if each.texts is not None and len(each.texts) == 1]
    numbers = [each.numbers for each in bare if each.numbers is not None]
    inner = [each.fields for each in bare if each.fields is not None]
    if not bare:
        return
    if len(texts) == len(bare):
        made.arrays[path] = np.array(texts)
    elif len(numbers) == len(bare):
        if all(each.size == 1 for each in numbers):
            made.arrays[path] = np.array([each.item() for each in numbers])
        else:
            made.lists[path] = numbers
    elif len(inner) == len(bare) and all(
        set(each) == set(inner[0]) and all(len(own) == 1 for own in each.values()) for each in inner
    ):
        for name in inner[0]:
            own = f"{path}.{name}"
            _add_joined(made, own, [each[name][0] for each in inner], f"`{own}` (fields)")
    else:
        made.unread.append(said)


def _bare(found: Variable) -> Variable:
    """Return the content of a cell array of one cell."""
    while found.cells is not None and len(found.cells) == 1:
        found = replace(found.cells[0], name=found.name)
    return found
