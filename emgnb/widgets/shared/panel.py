"""Base class of the widgets: message area, equivalent code, and keyboard handling.

A `Panel` shows errors in its message area instead of printing a traceback below the cell, shows the
code that is equivalent to its controls, and keeps key presses on its buttons from triggering
notebook commands.
"""

from __future__ import annotations

import contextlib
import html
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from emgnb.widgets.shared.modules import combined
from emgnb.widgets.shared.subshells import deliver_all

# Folder of the widgets.
HERE = Path(__file__).parents[1]


def front(entry: str) -> str:
    """Return the front end of a widget: its entry module, combined with all that it imports."""
    return combined(HERE / entry)


def styles(*files: str) -> str:
    """Return style sheets as one."""
    return "\n".join((HERE / file).read_text("utf-8") for file in files)


class _Front(anywidget.AnyWidget):
    _esm = front("shared/panel.js")
    _css = HERE / "shared/panel.css"
    label = traitlets.Unicode().tag(sync=True)


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """Column of controls, followed by a message area and the equivalent code.

    Attributes
    ----------
    error : last error that was shown; None if the last action succeeded
    """

    _forget: Callable[[], None] | None = None

    def __init__(self, children: Sequence[Any], *, label: str) -> None:
        deliver_all()
        self.error: Exception | None = None
        self._text = self._line_of_code = ""
        self._message = ipywidgets.HTML()
        self._code = ipywidgets.HTML()
        self._names = _Front(label=label)
        super().__init__([self._names, *children, self._message, self._code])
        self.add_class("emgnb-panel")
        self._forget = _when_its_cell_runs_again(self.close)

    def close(self) -> None:
        """Close the widget. Running its cell again also closes it."""
        if self._forget is not None:
            self._forget()
        for each in list(inside(self)):
            each.close()  # open widgets keep their observers alive, and with them the recording
        super().close()

    @property
    def message(self) -> str:
        """Text of the message area."""
        return self._text

    @property
    def code(self) -> str:
        """Code that is equivalent to the controls."""
        return self._line_of_code

    def _say(self, text: str, *, error: bool = False) -> None:
        self._text = text
        self._message.value = said(text, error=error)

    def _fail(self, error: Exception) -> None:
        self._say(str(error) or type(error).__name__, error=True)
        self.error = error

    def _show_code(self, line: str) -> None:
        self._line_of_code = line
        self._code.value = (
            '<div class="emgnb-code"><span>equivalent code</span>'
            f"<code>{html.escape(line)}</code></div>"
        )

    def _try(self, action: Callable[[], object]) -> None:
        """Run an action; an error is shown in the message area and not raised."""
        try:
            action()
        except Exception as error:
            self._fail(error)


def said(text: str, *, error: bool = False) -> str:
    """Format a message or an error as HTML for screen readers; "" for an empty text."""
    kind, role = ("error", "alert") if error else ("note", "status")
    words = html.escape(text).replace("\n", "<br>")
    return f'<div class="emgnb-{kind}" role="{role}">{words}</div>' if text else ""


def inside(box: Any) -> Iterator[Any]:
    """Yield all widgets in a box, recursively."""
    for child in getattr(box, "children", ()):
        yield from inside(child)
        yield child


def _when_its_cell_runs_again(action: Callable[[], None]) -> Callable[[], None]:
    """Call `action` before the current cell is run again; return a function that cancels this."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    if not hasattr(shell, "get_parent"):
        return lambda: None  # not in a notebook
    mine = (shell.get_parent() or {}).get("metadata", {}).get("cellId")
    if mine is None:
        return lambda: None

    def again(info: Any) -> None:
        if getattr(info, "cell_id", None) == mine:
            action()

    def forget() -> None:
        with contextlib.suppress(ValueError):  # already cancelled
            shell.events.unregister("pre_run_cell", again)

    shell.events.register("pre_run_cell", again)
    return forget
