"""Show what stands after the colon of a parameter as its description, not as its type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from sphinx.application import Sphinx

ENTRIES = ("Parameters", "Other Parameters", "Attributes", "Raises")
ENTRY = re.compile(r"(\S.*?) : (.+)")


def sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield title and lines of each section; the text before the first has no title."""
    begins = [
        number
        for number in range(len(lines) - 1)
        if lines[number].strip() and re.fullmatch(r"-{3,}", lines[number + 1].strip())
    ]
    edges = [0, *begins, len(lines)]
    for first, last in pairwise(edges):
        yield (lines[first].strip() if first in begins else ""), lines[first:last]


def _entries(lines: list[str]) -> Iterator[str]:
    for line in lines:
        found = ENTRY.fullmatch(line)
        yield from (found[1], f"    {found[2]}") if found else (line,)


def _paragraphs(lines: list[str]) -> Iterator[str]:
    text = ""
    for line in [*lines, ""]:
        if line.strip() and not line.lstrip().startswith(("- ", "* ")):
            text = f"{text} {line.strip()}".strip()
            continue
        if text:
            yield text
        text = ""
        yield line


def mend(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    made: list[str] = []
    for title, part in sections(list(lines)):
        if title in ENTRIES:
            part = [*part[:2], *_entries(part[2:])]
        elif title == "Returns":
            part = [*part[:2], *_paragraphs(part[2:])]
        made += part
    lines[:] = made


def setup(app: Sphinx) -> dict[str, bool]:
    # Before numpydoc, which has the priority 500.
    app.connect("autodoc-process-docstring", mend, priority=400)
    return {"parallel_read_safe": True}
