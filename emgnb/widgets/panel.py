"""What the three widgets share: a place for messages, a line of code, and keys kept inside.

A `Panel` says what went wrong in words in its own area instead of printing a traceback under the
cell, shows the code that does what its controls do, and does not let a key pressed on one of its
buttons become a command to the notebook.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

HERE = Path(__file__).parent


class _Keys(anywidget.AnyWidget):
    _esm = HERE / "keys.js"
    _css = HERE / "panel.css"
    label = traitlets.Unicode().tag(sync=True)


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """A column of controls with a message area below and, last, the line of code.

    Attributes
    ----------
    error : the last error that was shown in words, None when the last action went well
    """

    def __init__(self, children: Sequence[Any], *, label: str) -> None:
        self.error: Exception | None = None
        self._text = self._line_of_code = ""
        self._message = ipywidgets.HTML()
        self._code = ipywidgets.HTML()
        super().__init__([_Keys(label=label), *children, self._message, self._code])
        self.add_class("emgnb-panel")

    @property
    def message(self) -> str:
        """What the message area says, as plain text."""
        return self._text

    @property
    def code(self) -> str:
        """The line of code that does what the controls say."""
        return self._line_of_code

    def _say(self, text: str, *, error: bool = False) -> None:
        self._text = text
        kind, role = ("error", "alert") if error else ("note", "status")
        said = html.escape(text).replace("\n", "<br>")
        self._message.value = (
            f'<div class="emgnb-{kind}" role="{role}">{said}</div>' if text else ""
        )

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._say(str(error) or type(error).__name__, error=True)

    def _show_code(self, line: str) -> None:
        self._line_of_code = line
        self._code.value = (
            '<div class="emgnb-code"><span>the same in code</span>'
            f"<code>{html.escape(line)}</code></div>"
        )

    def _try(self, action: Callable[[], object]) -> None:
        """Run what a click asked for; an error is shown, not raised into the notebook."""
        try:
            action()
        except Exception as error:
            self._fail(error)
