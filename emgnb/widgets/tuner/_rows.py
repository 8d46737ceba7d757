"""Controls for each step of a filter chain: switch, sliders, up, down, remove."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ipywidgets

from emgnb import filters
from emgnb.filters import Chain, Step
from emgnb.widgets.shared.panel import inside, said

# Label, lowest and highest value (fraction of the rate if below 1), and step of each slider.
_SLIDERS: dict[tuple[str, str], tuple[str, float, float, float]] = {
    ("HighPass", "cutoff"): ("cutoff (Hz)", 1, 100, 1),
    ("LowPass", "cutoff"): ("cutoff (Hz)", 0.5, 20, 0.5),
    ("BandPass", "low"): ("from (Hz)", 1, 200, 1),
    ("BandPass", "high"): ("to (Hz)", 50, 0.49, 1),
    ("FirBandPass", "low"): ("from (Hz)", 1, 200, 1),
    ("FirBandPass", "high"): ("to (Hz)", 50, 0.49, 1),
    ("FirBandPass", "width"): ("transition (Hz)", 2, 40, 1),
    ("Notch", "q"): ("Q", 5, 100, 1),
    ("MainsFit", "length"): ("window (s)", 1, 10, 0.5),
    ("MainsTracker", "width"): ("width (Hz)", 0.2, 5, 0.1),
    ("MainsInterpolation", "width"): ("width (Hz)", 0.2, 5, 0.1),
    ("MotionArtefact", "threshold"): ("threshold (× rest)", 2, 20, 0.5),
    ("Blink", "threshold"): ("threshold (× rest)", 2, 20, 0.5),
    ("Envelope", "cutoff"): ("cutoff (Hz)", 0.5, 40, 0.5),
    ("Baseline", "percentile"): ("percentile", 0, 100, 1),
    ("Normalise", "percentile"): ("percentile", 0, 100, 1),
}
_WORDS = {"phase": ("linear", "minimum")}
State = tuple[tuple[Step, bool], ...]


class NoChainError(ValueError):
    """The settings of the controls are not a valid chain.

    Attributes
    ----------
    faults : position of each invalid step → reason
    """

    def __init__(self, faults: Mapping[int, str]) -> None:
        super().__init__("\n".join(dict.fromkeys(faults.values())))
        self.faults = dict(faults)


class Rows(ipywidgets.VBox):  # type: ignore[misc]
    """Rows of controls for the steps of a chain; `state` is all steps with their switches.

    Parameters
    ----------
    state : steps, and whether each is on
    rate : Hz, which limits the sliders
    channels : channel names, for steps that refer to one
    changed : called after each change with the control that changed, or with None for a change that
        is complete in itself, such as an added step. Also called when the browser returns a value
    """

    def __init__(
        self,
        state: State,
        *,
        rate: float,
        channels: Sequence[str],
        changed: Callable[[object], None],
    ) -> None:
        self._rate, self._channels = rate, list(channels)
        self._changed = changed
        self.rows: list[_Row] = []
        super().__init__()
        self.add_class("emgnb-steps")
        self.state = state

    @property
    def state(self) -> State:
        """Steps in order, and whether each is on.

        Raises
        ------
        NoChainError : a step that is on is invalid
        """
        made: list[tuple[Step, bool]] = []
        faults: dict[int, str] = {}
        for i, row in enumerate(self.rows):
            try:
                made.append((row.step, row.on))
            except ValueError as error:
                faults[i] = str(error)
        if faults:
            raise NoChainError(faults)
        return tuple(made)

    @state.setter
    def state(self, wanted: State) -> None:
        # Reuse rows of the same types in the same order, so that they keep the keyboard focus.
        same = [row.name for row in self.rows] == [type(step).__name__ for step, _ in wanted]
        if same:
            for row, (step, on) in zip(self.rows, wanted, strict=True):
                row.show(step, on)
            return
        for row in self.rows:
            row.close()
        self.rows = [_Row(self, step, on) for step, on in wanted]
        self._lay_out()

    @property
    def on(self) -> list[int]:
        """Positions of the rows that are switched on."""
        return [i for i, row in enumerate(self.rows) if row.on]

    def tell(self, faults: Mapping[int, str]) -> None:
        """Show faults at their steps, and clear the others."""
        for i, row in enumerate(list(self.rows)):
            row.tell(faults.get(i, ""))

    def add(self, step: Step, at: int | None = None) -> None:
        """Add a step at the end, or before the row `at`."""
        self.rows.insert(len(self.rows) if at is None else at, _Row(self, step, True))
        self._lay_out()
        self._changed(None)

    def remove(self, row: _Row) -> None:
        """Remove a step."""
        self.rows.remove(row)
        row.close()
        self._lay_out()
        self._changed(None)

    def move(self, row: _Row, by: int) -> None:
        """Move a step up (−1) or down (1)."""
        at = self.rows.index(row)
        to = min(max(at + by, 0), len(self.rows) - 1)
        self.rows.insert(to, self.rows.pop(at))
        self._lay_out()
        self._changed(None)

    def _lay_out(self) -> None:
        for i, row in enumerate(self.rows):
            row.up.disabled, row.down.disabled = i == 0, i == len(self.rows) - 1
        self.children = [row.box for row in self.rows]


class _Row:
    """Switch and controls of a step, with its fault below."""

    def __init__(self, rows: Rows, step: Step, on: bool) -> None:
        self._base = step
        self._rows = rows
        self._quiet = False
        self.name = type(step).__name__
        self._switch = ipywidgets.Checkbox(
            value=on, description=self.name, indent=False, layout={"width": "auto"}
        )
        self._controls: dict[str, Any] = {}
        for option in dataclasses.fields(step):
            control = self._made(option.name, getattr(step, option.name))
            if control is not None:
                self._controls[option.name] = control
        self._switch.observe(self._switched, "value")
        self.up, self.down, self.away = (
            ipywidgets.Button(icon=icon, tooltip=f"{what} {self.name}", layout={"width": "34px"})
            for icon, what in (
                ("arrow-up", "move up"),
                ("arrow-down", "move down"),
                ("times", "remove"),
            )
        )
        self.up.on_click(lambda _: rows.move(self, -1))
        self.down.on_click(lambda _: rows.move(self, 1))
        self.away.on_click(lambda _: rows.remove(self))
        self._fault = ipywidgets.HTML()
        self._middle = ipywidgets.HBox(list(self._controls.values()))
        line = ipywidgets.Box(
            [self._switch, self._middle, ipywidgets.HBox([self.up, self.down, self.away])]
        ).add_class("emgnb-step")
        self.box = ipywidgets.VBox([line, self._fault])

    @property
    def on(self) -> bool:
        return bool(self._switch.value)

    @property
    def step(self) -> Step:
        """Step with the settings of the controls; if it is off and invalid, the last valid one."""
        values = {name: _tidy(control.value) for name, control in self._controls.items()}
        try:
            return dataclasses.replace(self._base, **values)
        except ValueError:
            if self.on:
                raise
            return self._base

    @property
    def fault(self) -> str:
        """Fault that is shown for the step."""
        return self._said

    _said = ""

    def tell(self, fault: str) -> None:
        """Show a fault below the controls; "" clears it."""
        if fault == self._said:
            return
        self._said = fault
        self._fault.value = said(fault, error=True)

    def show(self, step: Step, on: bool) -> None:
        """Set the controls to a step, without reporting a change."""
        self._base, self._quiet = step, True
        try:
            for name in list(self._controls):
                self._put(name, getattr(step, name))
            self._switch.value = on
        finally:
            self._quiet = False

    def set(self, on: bool, values: dict[str, float]) -> None:
        """Set controls, as one change."""
        unknown = sorted(set(values) - set(self._controls))
        if unknown:
            raise ValueError(
                f"{self.name} has no control {', '.join(unknown)}: it has "
                f"{', '.join(self._controls) or 'none'}"
            )
        moved = (self, *sorted(values)) if on == self.on else None
        self._quiet = True
        try:
            for name, value in values.items():
                self._put(name, value)
            self._switch.value = on
        finally:
            self._quiet = False
        self._rows._changed(moved)

    def _put(self, name: str, value: Any) -> None:
        """Set the value of a control, and extend its range if necessary.

        After a change of range the browser returns a value clamped to the old one, so the control
        is replaced by one with the new range.
        """
        control = self._controls[name]
        if not hasattr(control, "max") or control.min <= value <= control.max:
            _into(control, value)
            return
        self._controls[name] = self._made(name, value)
        self._middle.children = list(self._controls.values())
        control.close()

    def _made(self, name: str, value: Any) -> Any:
        control = _control(self.name, name, value, self._rows._rate, self._rows._channels)
        if control is not None:
            control.observe(self._moved, "value")
        return control

    def close(self) -> None:
        for each in inside(self.box):
            each.close()
        self.box.close()

    def _moved(self, change: Any) -> None:
        if not self._quiet:
            (name,) = (name for name, one in self._controls.items() if one is change["owner"])
            self._rows._changed((self, name))

    def _switched(self, _: Any) -> None:
        if not self._quiet:
            self._rows._changed(None)


def offered(chain: Chain, steps: Sequence[Step]) -> State:
    """Return the steps of the chain, on, with missing ones of `steps` inserted in order, off."""
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
    """Return all steps with defaults, by name; those that refer to a channel get the first."""
    made = {}
    for name, step in filters.STEPS.items():
        refers = any(option.name == "reference" for option in dataclasses.fields(step))
        options: dict[str, Any] = {"reference": channels[0]} if refers else {}
        made[name] = step(**options)
    return made


def _control(step: str, option: str, value: Any, rate: float, channels: list[str]) -> Any:
    """Return the control for an option, or None if it can be set in code only."""
    if option == "mains":
        return ipywidgets.Dropdown(
            options=[(f"{mains:g}", mains) for mains in sorted({50.0, 60.0, float(value)})],
            value=float(value),
            description="mains (Hz)",
            layout={"width": "170px"},
        )
    if option == "reference":
        return ipywidgets.Dropdown(
            options=list(dict.fromkeys([value, *channels])),
            value=value,
            description="reference channel",
            layout={"width": "280px"},
        )
    if option in _WORDS:
        return ipywidgets.Dropdown(
            options=_WORDS[option], value=value, description=option, layout={"width": "190px"}
        )
    if option == "order":
        return ipywidgets.BoundedIntText(
            value=value, min=1, max=max(12, value), description="order", layout={"width": "150px"}
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
    """Set the value of a control; for a list, add it to the options if necessary."""
    if hasattr(control, "options") and value not in [
        option[1] if isinstance(option, tuple) else option for option in control.options
    ]:
        known = control.options
        pairs = bool(known) and isinstance(known[0], tuple)
        control.options = [*known, (f"{value:g}", value) if pairs else value]
    control.value = value


def _tidy(value: Any) -> Any:
    """Round the value of a browser slider, which returns 19.999999999999996 for 20 Hz."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
