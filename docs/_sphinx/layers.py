"""Directive `layers`: the imports between the packages, drawn from the code at each build."""

from __future__ import annotations

import import_matrix
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Layers(SphinxDirective):
    """Replace the block, whose text is for readers outside of the site, by the drawing."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        names = import_matrix.layers()
        drawn = import_matrix.svg(names, import_matrix.imports(names))
        # On a narrow screen it scrolls.
        framed = f'<div style="overflow-x:auto">{drawn}</div>'
        return [nodes.raw("", framed, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("layers", Layers)
    return {"parallel_read_safe": True}
