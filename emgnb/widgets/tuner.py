"""Tune a filter by hand: move a slider, see the signal, its spectrum and the filter's response.

Every control is a number in one `Chain`. The widget calls that chain on the signal and draws what
comes out; the line of code it shows is the chain, to be copied into the notebook.
"""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ipywidgets
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import filters, recording, spectra
from emgnb.filters import Chain, Step
from emgnb.widgets.decimate import Decimated
from emgnb.widgets.panel import Panel
from emgnb.widgets.picture import figure

Floats = NDArray[np.float32]
_POINTS = 1000  # each drawn as least and greatest value: what a screen has columns
# which steps a kind of signal has controls for, in the order in which they make sense
_STEPS: dict[str, tuple[Step, ...]] = {
    "raw": (filters.BandPass(), filters.Notch(), filters.Rectify(), filters.Envelope()),
    "rectified": (filters.Envelope(), filters.Baseline()),
    "envelope": (filters.LowPass(), filters.Baseline()),
}
# name, lowest and highest value (a share of the rate when below 1), step of each slider
_SLIDERS: dict[tuple[str, str], tuple[str, float, float, float]] = {
    ("HighPass", "cutoff"): ("Hz", 1, 100, 1),
    ("LowPass", "cutoff"): ("Hz", 0.5, 20, 0.5),
    ("BandPass", "low"): ("from Hz", 1, 200, 1),
    ("BandPass", "high"): ("to Hz", 50, 0.49, 1),
    ("Notch", "q"): ("Q", 5, 100, 1),
    ("Envelope", "cutoff"): ("Hz", 0.5, 40, 0.5),
    ("Baseline", "percentile"): ("percentile", 0, 100, 1),
    ("Normalise", "percentile"): ("percentile", 0, 100, 1),
}


class Tuner(Panel):
    """Tune a filter chain on a signal.

    Parameters
    ----------
    x : a session, or a signal (time, channel) whose channels are of one kind
    chain : where to begin; by default the preset for the kind and the rate of the signal
    seconds : how much of the signal, from its start, is filtered at each change and drawn

    Attributes
    ----------
    chain : the `Chain` the controls stand for
    filtered : the whole signal through that chain

    Raises
    ------
    ValueError : channels of several kinds, which no chain suits at once
    """

    def __init__(
        self,
        x: xr.DataArray | xr.DataTree,
        chain: Chain | None = None,
        *,
        seconds: float = 60.0,
    ) -> None:
        self._work: _LatestWins | None = None  # there is none yet when a refusal ends this early
        self._x = recording.emg(x) if isinstance(x, xr.DataTree) else x
        recording.need_signal(self._x)
        if not isinstance(chain, Chain | None):
            raise TypeError(
                f"chain={chain!r}, expected a Chain: filters.Chain(filters.BandPass(20, 450)), or "
                f"filters.preset('raw', rate=1000)"
            )
        kinds = sorted(set(np.atleast_1d(self._x["signal_kind"].values).tolist()))
        if len(kinds) > 1:
            raise ValueError(
                f"channels of several kinds ({', '.join(kinds)}) need a chain each: give one kind, "
                f"as in Tuner(x.sel(channel=x.signal_kind == {kinds[0]!r}))"
            )
        rate = recording.measured_rate(self._x)
        self._shown = self._x.isel(time=slice(0, max(2, round(seconds * rate)))).load()
        self._rate = rate
        self._powers: dict[int, xr.DataArray] = {}
        doubt: ValueError | None = None
        if chain is None:
            preset = "raw" if kinds[0] == "raw" else "envelope"
            try:
                chain = filters.preset(preset, rate=rate)
            except ValueError as error:
                chain, doubt = filters.PRESETS[preset], error
        self._rows = [
            _Row(step, on, rate, self._changed) for step, on in _offered(chain, _STEPS[kinds[0]])
        ]
        names = [str(name) for name in self._shown["channel"].values]
        self._channel = ipywidgets.Dropdown(
            options=list(_numbered(names)), description="channel", tooltip="channel shown"
        )
        self._channel.observe(lambda _: self._changed(), "value")
        self.figure = figure(self._shown)
        self._view: tuple[float, float] | None = None
        self.figure.layout.on_change(self._zoomed, "xaxis.range", "xaxis.autorange")
        super().__init__(
            [self._channel, *(row.box for row in self._rows), self.figure], label="filter tuner"
        )
        self._work = _LatestWins(self)
        self._changed()
        if doubt is not None:
            self._fail(doubt)

    @property
    def chain(self) -> Chain:
        """The chain the controls stand for.

        Raises
        ------
        ValueError : they stand for none, such as a band whose low corner is above its high one
        """
        return Chain(*(row.step for row in self._rows if row.on))

    @property
    def filtered(self) -> xr.DataArray:
        """The whole signal, all its channels, through the chain."""
        return self.chain(self._x)

    def set(self, step: str, *, on: bool = True, **values: float) -> None:
        """Move the controls of a step: ``tuner.set("BandPass", low=30, high=400)``.

        Raises
        ------
        ValueError : there is no such step or control
        """
        for row in self._rows:
            if row.name == step:
                row.set(on, values)
                return
        raise ValueError(
            f"no controls for {step!r}: there are {', '.join(r.name for r in self._rows)}"
        )

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until what the controls say is drawn; False when it took longer than `timeout` s."""
        return self._work is not None and self._work.idle.wait(timeout)

    def close(self) -> None:
        """Take the widget away and end its thread."""
        if self._work is not None:
            self._work.end()
        super().close()

    def _changed(self) -> None:
        if self._work is None:
            return
        try:
            chain = self.chain
        except ValueError as error:
            self._fail(error)
            return
        self._show_code(f"chain = {_code(chain)}")
        self._work.ask((chain, int(self._channel.value), self._view))

    def _zoomed(self, _: Any, span: tuple[float, float] | None, whole: bool | None) -> None:
        """Draw the stretch in view from its own samples, no longer thinned for the whole."""
        if whole:
            self._view = None
            with self.figure.batch_update():  # else the next zoom, to the same span, is no change
                self.figure.layout.xaxis.autorange = self.figure.layout.xaxis.range = None
        elif span is not None:
            self._view = (float(span[0]), float(span[1]))
        else:
            return
        self._changed()

    def _draw(self, wanted: tuple[Chain, int, tuple[float, float] | None]) -> None:
        """Filter and draw; called in the worker's thread, for the newest wish only."""
        chain, i, view = wanted
        try:
            out = chain(self._shown)
            response = chain.response(self._rate, frequency=_frequencies(chain, self._rate))
            pair = [one.isel(channel=[i]) for one in (self._shown, out)]
            powers = [self._power(i), spectra.spectrum(pair[1], length=self._segment)]
        except ValueError as error:
            self._fail(error)
            self._curves(self._shown.isel(channel=[i]), None, view)
            return
        self._curves(pair[0], pair[1], view, powers, response)
        self.error = None
        kind = str(np.atleast_1d(out["signal_kind"].values)[0])
        said = [f"comes out as {kind}, in {out.attrs['units']}"]
        if lost := 100 * (1 - float(out["valid"].mean())):
            said.append(f"{lost:.2g} % of the samples are lost or disturbed by a gap")
        if bent := response.attrs["nonlinear"]:
            said.append(f"{bent} has no response; drawn is that of the first linear filters")
        self._say("; ".join(said))

    @property
    def _segment(self) -> float:
        return min(1.0, self._shown.sizes["time"] / self._rate / 2)

    def _power(self, i: int) -> xr.DataArray:
        """Give the spectrum of a channel as recorded, worked out once."""
        if i not in self._powers:
            x = self._shown.isel(channel=[i])
            self._powers[i] = spectra.spectrum(x, length=self._segment)
        return self._powers[i]

    def _curves(
        self,
        raw: xr.DataArray,
        out: xr.DataArray | None,
        view: tuple[float, float] | None,
        powers: list[xr.DataArray] | None = None,
        response: xr.Dataset | None = None,
    ) -> None:
        data = self.figure.data
        with self.figure.batch_update():
            for curve, x in zip(data[:2], (raw, out), strict=True):
                if x is None:
                    curve.y = []
                    continue
                whole = Decimated(x)
                start, end = view or whole.extent
                times, values = whole.stretch(float(start), float(end), _POINTS)
                curve.x = np.repeat(times, 2).astype(np.float32)
                curve.y = values[0].reshape(-1)
            for curve, power in zip(data[2:4], powers or (None, None), strict=True):
                curve.y = [] if power is None else _positive(power)
                if power is not None:
                    curve.x = power["frequency"].values.astype(np.float32)
            if powers:
                # seven decades are what a 16-bit signal has; below is rounding
                top = float(np.log10(max(1e-30, np.nanmax([float(p.max()) for p in powers]))))
                self.figure.layout.yaxis3.range = [top - 7, top + 0.5]
            data[4].y = [] if response is None else _decibels(response)
            if response is not None:
                data[4].x = response["frequency"].values.astype(np.float32)
            if out is not None:
                self.figure.layout.yaxis2.title.text = f"filtered ({out.attrs['units']})"


class _Row:
    """A step's switch and sliders."""

    def __init__(self, step: Step, on: bool, rate: float, changed: Callable[[], None]) -> None:
        self._base = step
        self.name = type(step).__name__
        self._switch = ipywidgets.Checkbox(
            value=on, description=self.name, indent=False, layout={"width": "110px"}
        )
        self._controls: dict[str, Any] = {}
        for option in dataclasses.fields(step):
            control = _control(self.name, option.name, getattr(step, option.name), rate)
            if control is not None:
                self._controls[option.name] = control
        for control in (self._switch, *self._controls.values()):
            control.observe(lambda _: changed(), "value")
        self.box = ipywidgets.HBox([self._switch, *self._controls.values()])

    @property
    def on(self) -> bool:
        return bool(self._switch.value)

    @property
    def step(self) -> Step:
        values = {name: _tidy(control.value) for name, control in self._controls.items()}
        return dataclasses.replace(self._base, **values)

    def set(self, on: bool, values: dict[str, float]) -> None:
        unknown = sorted(set(values) - set(self._controls))
        if unknown:
            raise ValueError(
                f"{self.name} has no control {', '.join(unknown)}: it has "
                f"{', '.join(self._controls) or 'none'}"
            )
        for name, value in values.items():
            control = self._controls[name]
            if hasattr(control, "max"):
                control.min, control.max = min(control.min, value), max(control.max, value)
            control.value = value
        self._switch.value = on


class _LatestWins:
    """One thread that draws the newest wish; wishes overtaken meanwhile are never drawn.

    It knows its tuner weakly, so a tuner that nobody holds any more ends its thread.
    """

    def __init__(self, tuner: Tuner) -> None:
        self._tuner = weakref.ref(tuner, lambda _: self.end())
        self._wish: Any = None
        self._ended = False
        self._news = threading.Condition()
        self.idle = threading.Event()
        threading.Thread(target=self._run, name="emgnb tuner", daemon=True).start()

    def ask(self, wish: Any) -> None:
        with self._news:
            self._wish = wish
            self.idle.clear()
            self._news.notify()

    def end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                while self._wish is None and not self._ended:
                    self.idle.set()
                    self._news.wait()
                if self._ended:
                    return
                wish, self._wish = self._wish, None
            tuner = self._tuner()
            if tuner is not None:
                tuner._try(partial(tuner._draw, wish))
            del tuner


def _offered(chain: Chain, steps: tuple[Step, ...]) -> Iterator[tuple[Step, bool]]:
    """Give the chain's steps, switched on, with those it lacks, switched off, where they belong."""
    order = [type(step) for step in steps]
    missing = [step for step in steps if type(step) not in {type(own) for own in chain.steps}]
    for own in chain.steps:
        place = order.index(type(own)) if type(own) in order else -1
        while missing and order.index(type(missing[0])) < place:
            yield missing.pop(0), False
        yield own, True
    yield from ((step, False) for step in missing)


def _control(step: str, option: str, value: Any, rate: float) -> Any:
    """Make the control for an option; None for one that is set in code only."""
    if (step, option) == ("Notch", "mains"):
        return ipywidgets.Dropdown(
            options=[(f"{mains:g}", mains) for mains in sorted({50.0, 60.0, float(value)})],
            value=float(value),
            description="mains Hz",
            layout={"width": "170px"},
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


def _tidy(value: Any) -> Any:
    """Round what a slider in the browser says: 20 Hz comes back as 19.999999999999996."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _code(chain: Chain) -> str:
    """Write the chain as code, without the options that are at their defaults."""
    steps = []
    for step in chain.steps:
        shown = []
        for option in dataclasses.fields(step):
            value = getattr(step, option.name)
            if value != option.default or option.name in ("low", "high", "cutoff", "mains"):
                text = f"{value:g}" if isinstance(value, float) else repr(value)
                shown.append(f"{option.name}={text}")
        steps.append(f"{type(step).__name__}({', '.join(shown)})")
    return f"Chain({', '.join(steps)})"


def _numbered(names: list[str]) -> Iterator[tuple[str, int]]:
    """Give (name, position): two channels may share a name, their positions differ."""
    return ((name, i) for i, name in enumerate(names))


def _frequencies(chain: Chain, rate: float) -> NDArray[np.float64]:
    """Give an even grid that misses no corner and no notch."""
    corners = [f for step in chain.steps for f in step.corners(rate)]
    return np.unique(np.concatenate([np.linspace(0, rate / 2, 401), corners]))


def _positive(power: xr.DataArray) -> Floats:
    values: Floats = power.values[:, 0].astype(np.float32)
    values[values <= 0] = np.nan  # no place on a logarithmic axis
    return values


def _decibels(response: xr.Dataset) -> Floats:
    shown: Floats = np.maximum(response["magnitude_zero_phase"].values, -120).astype(np.float32)
    return shown
