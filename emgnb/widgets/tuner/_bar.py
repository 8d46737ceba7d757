"""Controls of the tuner other than its steps: channel, preset, undo, A and B, and part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ipywidgets

from emgnb.filters import Step
from emgnb.widgets.shared.panel import said
from emgnb.widgets.tuner._picture import RESPONSES

SLOTS = ("A", "B")
_WRAPPED = {"flex_flow": "row wrap"}


class Bar(ipywidgets.HBox):  # type: ignore[misc]
    """Controls for channel, preset, undo, redo, the two chains to compare, and the response."""

    def __init__(self, channels: Sequence[str], presets: Sequence[str]) -> None:
        self.channel = ipywidgets.Dropdown(
            options=list(_numbered(channels)),
            description="channel",
            tooltip="displayed channel",
            layout={"width": "300px"},
        )
        self.response = ipywidgets.Dropdown(
            options=list(RESPONSES), description="response", layout={"width": "200px"}
        )
        self.preset = ipywidgets.Dropdown(
            options=["preset …", *presets], tooltip="start from preset", layout={"width": "170px"}
        )
        self.undo, self.redo = button("Undo", "undo"), button("Redo", "repeat")
        self.slot = ipywidgets.ToggleButtons(
            options=list(SLOTS),
            value="A",
            tooltips=["compare: chain A", "compare: chain B"],
            style={"button_width": "34px"},
        )
        parts = [self.channel, self.preset, self.undo, self.redo, self.slot, self.response]
        super().__init__(parts, layout=_WRAPPED)


class Adding(ipywidgets.HBox):  # type: ignore[misc]
    """List of steps, and a button that adds the selected one."""

    def __init__(self, steps: dict[str, Step]) -> None:
        self._steps = steps
        self.new = ipywidgets.Dropdown(
            options=[(f"{name}: {_first_line(step)}", name) for name, step in steps.items()],
            tooltip="available steps",
            layout={"width": "440px"},
        )
        self.add = button("Add step", "plus", "add this step")
        super().__init__([self.new, self.add], layout=_WRAPPED)

    @property
    def chosen(self) -> Step:
        """Selected step, with default options."""
        return self._steps[self.new.value]


class Part(ipywidgets.HBox):  # type: ignore[misc]
    """Control for the start of the displayed part, with a note that describes the part."""

    def __init__(self, first: float, extent: tuple[float, float], seconds: float) -> None:
        begin, end = extent
        self.start = ipywidgets.BoundedFloatText(
            value=first,
            min=begin,
            max=max(first, round(end - seconds, 3)),
            step=max(1.0, seconds / 2),
            description="from (s)",
            layout={"width": "180px"},
        )
        self.note = ipywidgets.HTML()
        super().__init__([self.start, self.note], layout=_WRAPPED)


class JsonText(ipywidgets.VBox):  # type: ignore[misc]
    """The chain as JSON, to be copied or edited, with the fault of the last edit."""

    def __init__(self) -> None:
        self.text = ipywidgets.Text(
            description="as JSON", continuous_update=False, layout={"width": "98%"}
        )
        self._fault = ipywidgets.HTML()
        super().__init__([self.text, self._fault])

    def tell(self, fault: str) -> None:
        """Show a fault below the text; "" clears it."""
        self._fault.value = said(fault, error=True)


def button(text: str, icon: str, tip: str = "") -> ipywidgets.Button:
    """Return a button as wide as its text."""
    return ipywidgets.Button(
        description=text, icon=icon, tooltip=tip or text, layout={"width": "auto"}
    )


def _first_line(step: Step) -> str:
    return (type(step).__doc__ or "").strip().splitlines()[0].rstrip(".")


def _numbered(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield (name, position); positions are unique even if names are not."""
    return ((name, i) for i, name in enumerate(names))
