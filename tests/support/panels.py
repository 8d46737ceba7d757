"""Use a widget as a person and a page do: by the names of its controls, and by messages."""

import html
from typing import Any

from emgnb.widgets.shared.panel import inside

Sent = list[tuple[dict[str, Any], list[bytes]]]


def control(panel: Any, name: str) -> Any:
    """The first control with that text, or with that tooltip."""
    return next(
        each
        for each in inside(panel)
        if name in (getattr(each, "description", None), getattr(each, "tooltip", None))
    )


def shown(panel: Any) -> str:
    """Every text that a panel shows, as HTML."""
    texts = (getattr(each, "value", None) for each in inside(panel))
    return html.unescape("\n".join(text for text in texts if isinstance(text, str)))


def says(front: Any, kind: str, **content: Any) -> None:
    """Let the page of a front end send a message."""
    data = {"method": "custom", "content": {"kind": kind, **content}}
    front.comm.handle_msg({"content": {"data": data}, "buffers": []})


def sent_by(front: Any) -> Sent:
    """Collect what is sent to the page from now on."""
    sent: Sent = []
    front.send = lambda content, buffers=(): sent.append((content, [bytes(b) for b in buffers]))
    return sent
