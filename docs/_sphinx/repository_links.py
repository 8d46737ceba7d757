"""Follow links that lead out of docs/, to a page of the site or to plain text."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "",
    "SECURITY.md": "project/security.md",
    "firmware/README.md": "firmware.md",
    "slides.ipynb": "tutorials/slides.ipynb",
}
FOLDERS = ("benchmarks", "emgnb", "firmware", "notebooks", "tests")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(((?:\.\./)*)([^):#]*)(#[^)]*)?\)")


def _followed(link: re.Match[str]) -> str:
    text, up, path, anchor = link.groups()
    if page := PAGES.get(path):
        return f"[{text}]({up[3:]}{page}{anchor or ''})"
    inside = path.split("/")[0] not in FOLDERS
    return link.group() if inside else text


def follow(app: Sphinx, docname: str, source: list[str]) -> None:
    source[0] = LINK.sub(_followed, source[0])


def follow_included(app: Sphinx, path: Path, parent: str, source: list[str]) -> None:
    follow(app, parent, source)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", follow)
    app.connect("include-read", follow_included)
    return {"parallel_read_safe": True}
