"""Write a page of the API reference for each public module of emgnb."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

import emgnb

SHOWN, EMPTY = 12, '""'
# Public modules inside of others.
INNER = (
    "facs.blendshapes",
    "interop.corpora",
    "live.calibration",
    "live.outputs",
    "live.tasks",
)


def public_names(module: ModuleType) -> list[str]:
    """Return `__all__`, or the functions and classes that the module defines."""
    own = (
        name
        for name, each in vars(module).items()
        if not name.startswith("_") and getattr(each, "__module__", "") == module.__name__
    )
    return sorted(getattr(module, "__all__", own))


def is_documented(value: Any) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _summary(title: str, names: Iterable[str]) -> str:
    if not (rows := "".join(f"   {name}\n" for name in names)):
        return ""
    return f"{_heading(title, '-')}\n.. autosummary::\n   :toctree: generated\n\n{rows}"


def _constant(name: str, value: Any) -> str:
    text = f"*{type(value).__name__}*"
    if isinstance(value, (str, int, float)):
        text += f": ``{value!r}``"
    elif hasattr(value, "__len__"):
        keys = [f"``{each or EMPTY}``" for each in list(value)[:SHOWN] if isinstance(each, str)]
        dots = " …" if len(value) > len(keys) else ""
        text += f" of {len(value)}" + (f": {', '.join(keys)}{dots}" if keys else "")
    return f".. py:data:: {name}\n\n   {text}\n"


def page(name: str) -> str:
    """Return the page of module `name` as reStructuredText."""
    module = import_module(f"emgnb.{name}")
    named = {each: getattr(module, each) for each in public_names(module)}
    values = {each: v for each, v in named.items() if not inspect.ismodule(v)}
    parts = [
        _heading(f"emgnb.{name}", "="),
        f".. automodule:: emgnb.{name}\n   :no-members:\n",
        f".. currentmodule:: emgnb.{name}\n",
        _summary("Functions", (each for each, v in values.items() if inspect.isroutine(v))),
        _summary("Classes", (each for each, v in values.items() if inspect.isclass(v))),
    ]
    tables = [_constant(each, v) for each, v in values.items() if not is_documented(v)]
    if tables:
        parts += [_heading("Constants", "-"), *tables]
    return "\n".join(parts)


def write(app: Sphinx, config: Config) -> None:
    folder = Path(app.srcdir) / "api"
    for name in (*emgnb._MODULES, *INNER):
        path, text = folder / f"emgnb.{name}.rst", page(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True}
