"""Draw which package imports which, from the import graph that import-linter checks."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "emgnb"
# Side of a cell, room for names at the left and above, largest radius of a dot: px.
CELL, LEFT, ABOVE, LARGEST = 22, 90, 56, 8.5

Pairs = Mapping[tuple[str, str], int]


def layers() -> list[str]:
    """Return the public packages in the order of the data's path, from the rules of the linter."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    rows = next(each["layers"] for each in rules["contracts"] if each["type"] == "layers")
    names = [name.strip() for row in reversed(rows) for name in row.split("|")]
    return [name for name in names if not name.startswith("_")]


def imports(names: Sequence[str]) -> Pairs:
    """Return (importing, imported) package → number of imports between their modules.

    Imports for type checkers are left out.
    """
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = (_top(module), _top(other))
            if pair[0] != pair[1] and set(pair) <= set(names):
                found[pair] += 1
    return found


def _top(module: str) -> str:
    """Return the package directly below emgnb that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def _middle(column: int, row: int) -> tuple[float, float]:
    return LEFT + CELL * (column + 0.5), ABOVE + CELL * (row + 0.5)


def svg(names: Sequence[str], pairs: Pairs) -> str:
    """Draw a matrix: a dot where the package of the row imports that of the column."""
    side = CELL * len(names)
    wide, tall = LEFT + side + 60, ABOVE + side + 8
    most = max(pairs.values(), default=1)
    parts = []
    for k, name in enumerate(names):
        x, y = _middle(k, k)
        parts += [
            f'<path d="M{LEFT} {y}H{LEFT + CELL * k}M{x} {ABOVE + CELL * k}V{ABOVE + side}" '
            'stroke="currentColor" opacity="0.15"/>',
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>',
            f'<text transform="translate({x + 4} {ABOVE + CELL * k - 6}) rotate(-50)">'
            f"{escape(name)}</text>",
        ]
    for (row, column), count in sorted(pairs.items()):
        x, y = _middle(names.index(column), names.index(row))
        radius = max(2.0, LARGEST * math.sqrt(count / most))
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="#0072B2">'
            f"<title>{escape(row)} imports {escape(column)}: {count}</title></circle>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}" '
        'style="min-width:36rem" font-size="12" font-family="sans-serif" '
        'fill="currentColor" role="img" aria-label="Imports between the packages of emgnb">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )
