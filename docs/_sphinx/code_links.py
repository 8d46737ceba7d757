"""Link `filters.preset_for(x)` and other code in texts to the API reference."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"(?:emgnb\.)?([A-Za-z_]\w*(?:\.\w+)*)(?:\(.*\))?", re.DOTALL)
PAGE = re.compile(r"api/(?:generated/)?(emgnb(?:\.\w+)+)")


class CodeLinks(SphinxPostTransform):
    """Turn each literal that is a documented name into a link."""

    default_priority = 900

    def run(self, **kwargs: object) -> None:
        here = PAGE.match(self.env.docname)
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference) or not (
                found := NAME.fullmatch(node.astext())
            ):
                continue
            name = found.group(1)
            if "." not in name and not here:
                continue
            parts = here.group(1).split(".") if here else []
            around = [".".join(parts[:k]) for k in range(len(parts), 1, -1)]
            self._link(node, [f"emgnb.{name}", *(f"{each}.{name}" for each in around)])

    def _link(self, node: nodes.literal, names: list[str]) -> None:
        objects, here = self.env.domains.python_domain.objects, self.env.docname
        for name in names:
            entry = objects.get(name)
            if entry is not None and entry.docname != here:
                code = node.deepcopy()
                node.replace_self(
                    make_refnode(self.app.builder, here, entry.docname, entry.node_id, code)
                )
                return


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(CodeLinks)
    return {"parallel_read_safe": True}
