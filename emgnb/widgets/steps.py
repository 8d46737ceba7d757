"""A row of controls for each step of a filter chain: switch, sliders, up, down, away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets

from emgnb import filters
from emgnb.filters import Chain, Step

# name, lowest and highest value (a share of the rate when below 1), step of each slider
_SLIDERS: dict[tuple[str, str], tuple[str, float, float, float]] = {
    ("HighPass", "cutoff"): ("Hz", 1, 100, 1),
    ("LowPass", "cutoff"): ("Hz", 0.5, 20, 0.5),
    ("BandPass", "low"): ("from Hz", 1, 200, 1),
    ("BandPass", "high"): ("to Hz", 50, 0.49, 1),
    ("FirBandPass", "low"): ("from Hz", 1, 200, 1),
    ("FirBandPass", "high"): ("to Hz", 50, 0.49, 1),
    ("FirBandPass", "width"): ("edge Hz", 2, 40, 1),
    ("Notch", "q"): ("Q", 5, 100, 1),
    ("MainsFit", "length"): ("stretch s", 1, 10, 0.5),
    ("MainsTracker", "width"): ("width Hz", 0.2, 5, 0.1),
    ("MainsInterpolation", "width"): ("width Hz", 0.2, 5, 0.1),
    ("MotionArtefact", "threshold"): ("times rest", 2, 20, 0.5),
    ("Blink", "threshold"): ("times rest", 2, 20, 0.5),
    ("Envelope", "cutoff"): ("Hz", 0.5, 40, 0.5),
    ("Baseline", "percentile"): ("percentile", 0, 100, 1),
    ("Normalise", "percentile"): ("percentile", 0, 100, 1),
}
_WORDS = {"phase": ("linear", "minimum")}
State = tuple[tuple[Step, bool], ...]


class Rows(ipywidgets.VBox):  # type: ignore[misc]
    """The steps of a chain as rows; `state` is all of them with their switches.

    Parameters
    ----------
    state : steps, and whether each is on
    rate : Hz, which bounds the sliders
    channels : names, for steps that refer to one
    changed : called after each change by a person, with whether it only moved a slider
    """

    def __init__(
        self,
        state: State,
        *,
        rate: float,
        channels: Sequence[str],
        changed: Callable[[bool], None],
    ) -> None:
        self._rate, self._channels = rate, list(channels)
        self._changed = changed
        self.rows: list[_Row] = []
        super().__init__()
        self.state = state

    @property
    def state(self) -> State:
        """Steps in order, and whether each is on."""
        return tuple((row.step, row.on) for row in self.rows)

    @state.setter
    def state(self, wanted: State) -> None:
        # Rows of the same kinds in the same order keep their place, and the keyboard's focus.
        same = [row.name for row in self.rows] == [type(step).__name__ for step, _ in wanted]
        if same:
            for row, (step, on) in zip(self.rows, wanted, strict=True):
                row.show(step, on)
            return
        for row in self.rows:
            row.close()
        self.rows = [_Row(self, step, on) for step, on in wanted]
        self._lay_out()

    def add(self, step: Step, at: int | None = None) -> None:
        """Put a step in, at the end or before the row `at`."""
        self.rows.insert(len(self.rows) if at is None else at, _Row(self, step, True))
        self._lay_out()
        self._changed(False)

    def remove(self, row: _Row) -> None:
        """Take a step out."""
        self.rows.remove(row)
        row.close()
        self._lay_out()
        self._changed(False)

    def move(self, row: _Row, by: int) -> None:
        """Move a step up (−1) or down (1)."""
        at = self.rows.index(row)
        to = min(max(at + by, 0), len(self.rows) - 1)
        self.rows.insert(to, self.rows.pop(at))
        self._lay_out()
        self._changed(False)

    def _lay_out(self) -> None:
        for i, row in enumerate(self.rows):
            row.up.disabled, row.down.disabled = i == 0, i == len(self.rows) - 1
        self.children = [row.box for row in self.rows]


class _Row:
    """A step's switch and controls."""

    def __init__(self, rows: Rows, step: Step, on: bool) -> None:
        self._base = step
        self._rows = rows
        self._quiet = False
        self.name = type(step).__name__
        self._switch = ipywidgets.Checkbox(
            value=on, description=self.name, indent=False, layout={"width": "150px"}
        )
        self._controls: dict[str, Any] = {}
        for option in dataclasses.fields(step):
            control = _control(
                self.name, option.name, getattr(step, option.name), rows._rate, rows._channels
            )
            if control is not None:
                self._controls[option.name] = control
                control.observe(self._moved, "value")
        self._switch.observe(self._switched, "value")
        self.up, self.down, self.away = (
            ipywidgets.Button(icon=icon, tooltip=f"{what} {self.name}", layout={"width": "34px"})
            for icon, what in (
                ("arrow-up", "earlier:"),
                ("arrow-down", "later:"),
                ("times", "remove"),
            )
        )
        self.up.on_click(lambda _: rows.move(self, -1))
        self.down.on_click(lambda _: rows.move(self, 1))
        self.away.on_click(lambda _: rows.remove(self))
        self.box = ipywidgets.HBox(
            [self._switch, *self._controls.values(), self.up, self.down, self.away],
            layout={"flex_flow": "row wrap"},
        )

    @property
    def on(self) -> bool:
        return bool(self._switch.value)

    @property
    def step(self) -> Step:
        values = {name: _tidy(control.value) for name, control in self._controls.items()}
        return dataclasses.replace(self._base, **values)

    def show(self, step: Step, on: bool) -> None:
        """Let the controls say this step, without calling it a change by a person."""
        self._base, self._quiet = step, True
        try:
            for name, control in self._controls.items():
                _into(control, getattr(step, name))
            self._switch.value = on
        finally:
            self._quiet = False

    def set(self, on: bool, values: dict[str, float]) -> None:
        unknown = sorted(set(values) - set(self._controls))
        if unknown:
            raise ValueError(
                f"{self.name} has no control {', '.join(unknown)}: it has "
                f"{', '.join(self._controls) or 'none'}"
            )
        for name, value in values.items():
            _into(self._controls[name], value)
        self._switch.value = on

    def close(self) -> None:
        self.box.close()
        for child in self.box.children:
            child.close()

    def _moved(self, _: Any) -> None:
        if not self._quiet:
            self._rows._changed(True)

    def _switched(self, _: Any) -> None:
        if not self._quiet:
            self._rows._changed(False)


def offered(chain: Chain, steps: Sequence[Step]) -> State:
    """Give the chain's steps, switched on, with those it lacks, switched off, where they belong."""
    return tuple(_offered(chain, list(steps)))


def _offered(chain: Chain, missing: list[Step]) -> Iterator[tuple[Step, bool]]:
    order = [type(step) for step in missing]
    missing = [step for step in missing if type(step) not in {type(own) for own in chain.steps}]
    for own in chain.steps:
        place = order.index(type(own)) if type(own) in order else -1
        while missing and order.index(type(missing[0])) < place:
            yield missing.pop(0), False
        yield own, True
    yield from ((step, False) for step in missing)


def known(channels: Sequence[str]) -> dict[str, Step]:
    """Every step with its defaults, by name; one that refers to a channel gets the first."""
    made = {}
    for name, step in filters.STEPS.items():
        refers = any(option.name == "reference" for option in dataclasses.fields(step))
        options: dict[str, Any] = {"reference": channels[0]} if refers else {}
        made[name] = step(**options)
    return made


def _control(step: str, option: str, value: Any, rate: float, channels: list[str]) -> Any:
    """Make the control for an option; None for one that is set in code only."""
    if option == "mains":
        return ipywidgets.Dropdown(
            options=[(f"{mains:g}", mains) for mains in sorted({50.0, 60.0, float(value)})],
            value=float(value),
            description="mains Hz",
            layout={"width": "170px"},
        )
    if option == "reference":
        return ipywidgets.Dropdown(
            options=list(dict.fromkeys([value, *channels])),
            value=value,
            description="by channel",
            layout={"width": "280px"},
        )
    if option in _WORDS:
        return ipywidgets.Dropdown(
            options=_WORDS[option], value=value, description=option, layout={"width": "190px"}
        )
    if option == "order":
        return ipywidgets.BoundedIntText(
            value=value, min=1, max=12, description="order", layout={"width": "150px"}
        )
    if (step, option) not in _SLIDERS:
        return None
    name, low, high, by = _SLIDERS[step, option]
    high = high * rate if high < 1 else high
    return ipywidgets.FloatSlider(
        value=value,
        min=min(low, value),
        max=max(high, value),
        step=by,
        description=name,
        readout_format=".1f",
        layout={"width": "320px"},
    )


def _into(control: Any, value: Any) -> None:
    """Put a value into a control, whose bounds give way."""
    if hasattr(control, "max"):
        control.min, control.max = min(control.min, value), max(control.max, value)
    elif hasattr(control, "options") and value not in [
        option[1] if isinstance(option, tuple) else option for option in control.options
    ]:
        known = control.options
        pairs = bool(known) and isinstance(known[0], tuple)
        control.options = [*known, (f"{value:g}", value) if pairs else value]
    control.value = value


def _tidy(value: Any) -> Any:
    """Round what a slider in the browser says: 20 Hz comes back as 19.999999999999996."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
