"""Serve plotly's JavaScript from the site itself, to the pages that have figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly
from docutils import nodes
from sphinx.application import Sphinx

SCRIPT = "plotly.min.js"
# A figure is drawn when the page has no table of contents beside it yet, so it is too wide.
FITTED = """
window.addEventListener("load", () => {
  for (const figure of document.querySelectorAll(".plotly-graph-div")) Plotly.Plots.resize(figure);
});
"""


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if doctree is not None and any(
        "plotly-graph-div" in node.astext() for node in doctree.findall(nodes.raw)
    ):
        app.add_js_file(SCRIPT, priority=100)
        app.add_js_file(None, body=FITTED)


def copy_script(app: Sphinx, error: Exception | None) -> None:
    if error is None:
        script = Path(plotly.__file__).parent / "package_data" / SCRIPT
        target = Path(app.outdir) / "_static" / SCRIPT
        target.write_bytes(script.read_bytes())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_script)
    app.connect("build-finished", copy_script)
    return {"parallel_read_safe": True}
