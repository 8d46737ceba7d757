"""What the three widgets share: a place for messages, a line of code, and keys kept inside.

A `Panel` says what went wrong in words in its own area instead of printing a traceback under the
cell, shows the code that does what its controls do, and does not let a key pressed on one of its
buttons become a command to the notebook.
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

HERE = Path(__file__).parent


def joined(*files: str) -> str:
    """Join files of front-end code into one module: it cannot import from beside it."""
    return "\n".join((HERE / file).read_text("utf-8") for file in files)


class _Front(anywidget.AnyWidget):
    _esm = HERE / "panel.js"
    _css = HERE / "panel.css"
    label = traitlets.Unicode().tag(sync=True)


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """A column of controls with a message area below and, last, the line of code.

    Attributes
    ----------
    error : the last error that was shown in words, None when the last action went well
    """

    _forget: Callable[[], None] | None = None

    def __init__(self, children: Sequence[Any], *, label: str) -> None:
        self.error: Exception | None = None
        self._text = self._line_of_code = ""
        self._message = ipywidgets.HTML()
        self._code = ipywidgets.HTML()
        super().__init__([_Front(label=label), *children, self._message, self._code])
        self.add_class("emgnb-panel")
        self._forget = _when_its_cell_runs_again(self.close)

    def close(self) -> None:
        """Take the widget away. The cell that made it does so when it is run again."""
        if self._forget is not None:
            self._forget()
        for each in list(_inside(self)):
            each.close()  # one that stays open holds its observers, and through them the recording
        super().close()

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


def _inside(box: Any) -> Iterator[Any]:
    """Give all widgets in a box, those in boxes within it too."""
    for child in getattr(box, "children", ()):
        yield from _inside(child)
        yield child


def _when_its_cell_runs_again(action: Callable[[], None]) -> Callable[[], None]:
    """Call `action` before the cell now running is run once more; returns how to call that off."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    if not hasattr(shell, "get_parent"):
        return lambda: None  # no notebook
    mine = (shell.get_parent() or {}).get("metadata", {}).get("cellId")
    if mine is None:
        return lambda: None

    def again(info: Any) -> None:
        if getattr(info, "cell_id", None) == mine:
            action()

    def forget() -> None:
        with contextlib.suppress(ValueError):  # called off before
            shell.events.unregister("pre_run_cell", again)

    shell.events.register("pre_run_cell", again)
    return forget
