"""Combine JavaScript modules and their imports into the one module that a widget is made of.

anywidget sends one module text per widget. The page has no address from which it could load the
files that this text imports, and a strict content security policy may forbid modules from `data:`
and `blob:` addresses. The imports are therefore resolved here: each module becomes a function scope
of its own, placed before the modules that import it. No build step and no Node.js are needed.

The modules keep to a small part of the language: ``import { a, b as c } from "./file.js";`` and
``export const``, ``export function`` and ``export class``, each at the start of a line. The entry
module also has ``export default``.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+)";\n?', re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?=(?:async function|function\*?|class|const) ([\w$]+))", re.MULTILINE
)
_OTHER = re.compile(r"^(?:import\b|export\b(?! default)).*", re.MULTILINE)
_NAME = re.compile(r"([\w$]+)(?: as ([\w$]+))?")


def combined(entry: Path) -> str:
    """Return a JavaScript module and all that it imports as the text of one module.

    Parameters
    ----------
    entry : module with ``export default``

    Returns
    -------
    text without imports; only the entry module exports

    Raises
    ------
    FileNotFoundError : an imported file does not exist
    ValueError : modules import each other in a circle, a module does not export an imported name,
        exports or imports a name twice, or uses another form of import or export
    """
    scopes: dict[Path, _Scope] = {}
    _visit(entry.resolve(), (), scopes)
    *libraries, main = scopes.values()
    return "\n".join([*(each.wrapped() for each in libraries), main.body])


class _Scope:
    """One module: its exported names, and its text with the imports replaced."""

    def __init__(self, path: Path, number: int, text: str, exports: list[str]) -> None:
        self.path, self.name, self.body, self.exports = path, f"${number}", text, exports

    def wrapped(self) -> str:
        exports = ", ".join(self.exports)
        body = _EXPORT.sub("", self.body).rstrip()
        return (
            f"// {self.path.parent.name}/{self.path.name}\n"
            f"const {self.name} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"
        )


def _visit(path: Path, above: tuple[Path, ...], scopes: dict[Path, _Scope]) -> _Scope:
    if path in above:
        circle = " → ".join(each.name for each in (*above[above.index(path) :], path))
        raise ValueError(
            f"These modules import each other in a circle: {circle}. Move what they share into a "
            "module of its own."
        )
    if path in scopes:
        return scopes[path]
    text = _read(path, above)
    _check_names(path, text)
    body = _IMPORT.sub(lambda found: _binding(path, found, (*above, path), scopes), text)
    exports = [found[1] for found in _EXPORT.finditer(text)]
    scopes[path] = _Scope(path, len(scopes), body, exports)
    return scopes[path]


def _read(path: Path, above: tuple[Path, ...]) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        importer = f"{above[-1].name} imports" if above else "The widget is made of"
        raise FileNotFoundError(f"{importer} {path}, which does not exist.") from None


def _binding(
    path: Path, found: re.Match[str], above: tuple[Path, ...], scopes: dict[Path, _Scope]
) -> str:
    """Replace an import by a destructuring of the imported scope."""
    scope = _visit((path.parent / found[2]).resolve(), above, scopes)
    pairs = _NAME.findall(found[1])
    for name, _ in pairs:
        if name not in scope.exports:
            known = ", ".join(scope.exports) or "nothing"
            raise ValueError(
                f"{path.name} imports {name} from {scope.path.name}, which exports {known}."
            )
    names = ", ".join(f"{name}: {other}" if other else name for name, other in pairs)
    return f"const {{ {names} }} = {scope.name};\n"


def _check_names(path: Path, text: str) -> None:
    """Check the forms of import and export, and that no name is exported or imported twice."""
    other = _OTHER.search(_EXPORT.sub("", _IMPORT.sub("", text)))
    if other:
        raise ValueError(
            f'{path.name} has "{other[0]}". Expected import {{ name }} from "./file.js"; or '
            "export const, export function or export class."
        )
    imported = [
        new or old for found in _IMPORT.finditer(text) for old, new in _NAME.findall(found[1])
    ]
    for verb, names in (("exports", _EXPORT.findall(text)), ("imports", imported)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{path.name} {verb} {', '.join(twice)} twice. Rename one of them.")
