"""Write reports as JSON, and as HTML pages that need no other file."""

from __future__ import annotations

import html
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emgnb.recording import atomic_path

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;
background:#fff;color:#111}
table{border-collapse:collapse;margin:1.5rem 0}caption{text-align:left;font-weight:600}
td,th{border:1px solid #8888;padding:.3rem .6rem;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}
"""


def page(title: str, body: str, style: str = "") -> str:
    """Return an HTML page with a heading; `style` is added to the common one."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}{style}</style></head><body><h1>{html.escape(title)}</h1>{body}</body>"
        "</html>"
    )


def table(caption: str, lines: Sequence[Sequence[str]]) -> str:
    """Format rows of text as an HTML table with a caption; the first row is the header."""
    head = "".join(f"<th scope='col'>{html.escape(c)}</th>" for c in lines[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in line) + "</tr>" for line in lines[1:]
    )
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def plain(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(value: Any) -> str:
    """Return JSON text; NaN and infinity become null."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def written(path: str | os.PathLike[str], text: str) -> Path:
    """Write a new file, whole or not at all.

    Raises
    ------
    FileExistsError : `path` exists
    """
    with atomic_path(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return Path(path)
