"""Bring notebooks and slides into the site, with pictures where a widget would be.

For a quick look at the pages, EMGNB_DOCS_SKIP="03 05" shows these notebooks without outputs.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

Cell = dict[str, Any]

# Last line of a cell → picture of the widget it shows.
WIDGETS = {
    "capture": "capture",
    "guide": "cues",
    "tuner": "tuner",
    "labeller": "labeller",
    "face": "face",
    "feedback": "feedback",
}
GLOSSARY = re.compile(r"\(glossary\.md(#[^)]*)?\)")
FIGURES = """\
import plotly.io


class Site(plotly.io.base_renderers.HtmlRenderer):
    def to_mimebundle(self, figure):
        none = {"include_plotlyjs": False, "include_mathjax": False}  # the page has the script
        return {"text/html": plotly.io.to_html(figure, full_html=False, **none)}


plotly.io.renderers["site"] = Site()
plotly.io.renderers.default = "site"
"""


def _markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _glossary(link: re.Match[str]) -> str:
    return f"(../glossary.md{(link[1] or '').lower()})"


def _cells(cell: Cell) -> list[Cell]:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        text = GLOSSARY.sub(_glossary, text)
        if cell["metadata"].get("slideshow", {}).get("slide_type") == "notes":
            text = f":::{{admonition}} For the teacher\n{text}\n:::"
        return [{**cell, "source": text}]
    widget = WIDGETS.get(text.rstrip().splitlines()[-1])
    if widget is None:
        return [cell]
    hidden = {**cell, "metadata": {"tags": ["remove-output"]}}
    return [hidden, _markdown(f"![the widget {widget}](../widgets/{widget}_light.png)")]


def page(notebook: dict[str, Any], *, run: bool = True) -> dict[str, Any]:
    """Return the notebook as a page of the site, with its outputs if it is to be run."""
    first = {
        "cell_type": "code",
        "metadata": {"tags": ["remove-cell"]},
        "source": FIGURES,
        "outputs": [],
        "execution_count": None,
    }
    cells = [each for cell in notebook["cells"] for each in _cells(cell)]
    for number, cell in enumerate(all_cells := [*cells[:1], first, *cells[1:]]):
        cell["id"] = f"cell-{number}"
    mode = {} if run else {"mystnb": {"execution_mode": "off"}}
    return {**notebook, "cells": all_cells, "metadata": {**notebook["metadata"], **mode}}


def write(app: Sphinx, config: Config) -> None:
    source = Path(app.srcdir).parent / "notebooks"
    for path in [*sorted(source.glob("0*.ipynb")), Path(app.srcdir) / "slides.ipynb"]:
        run = path.name[:2] not in os.environ.get("EMGNB_DOCS_SKIP", "").split()
        text = json.dumps(page(json.loads(path.read_text(encoding="utf-8")), run=run), indent=1)
        made = Path(app.srcdir) / "tutorials" / path.name
        if not made.exists() or made.read_text(encoding="utf-8") != text:
            made.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True}
