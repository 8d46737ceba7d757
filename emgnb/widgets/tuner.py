"""Tune a filter by hand: move a slider, see the signal, its spectrum and the filter's response.

Every control is a number in one `Chain`. The widget calls that chain on the signal and draws what
comes out; the line of code it shows is the chain, to be copied into the notebook. What the chain
gains and costs is measured a moment later, and said beside it.
"""

from __future__ import annotations

import dataclasses
import glob
import html
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from emgnb import filters, quality, recording, spectra
from emgnb.filters import Chain, Step
from emgnb.widgets.panel import Panel
from emgnb.widgets.picture import RESPONSES, Picture
from emgnb.widgets.steps import Rows, State, known, offered
from emgnb.widgets.worker import LatestWins

# which steps a kind of signal has controls for at first, in the order in which they make sense
_STEPS: dict[str, tuple[Step, ...]] = {
    "raw": (filters.BandPass(), filters.Notch(), filters.Rectify(), filters.Envelope()),
    "rectified": (filters.Envelope(), filters.Baseline()),
    "envelope": (filters.LowPass(), filters.Baseline()),
}
_FITTING = "for this recording"
_SLOTS = ("A", "B")
Wish = tuple[Chain, int, str, int]  # chain, channel, response, number


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
    effect : what it does to each channel, a Dataset as of `quality.effect`; None before it is
        measured
    doubts : sentences about what it kills or does for nothing, as of `quality.doubts`

    Raises
    ------
    ValueError : channels of several kinds, which no chain suits at once

    Notes
    -----
    The whole is worked by keyboard: Tab goes through the controls, arrows move a slider. Two
    chains can be compared: A and B hold one each.
    """

    def __init__(
        self,
        x: xr.DataArray | xr.DataTree,
        chain: Chain | None = None,
        *,
        seconds: float = 60.0,
    ) -> None:
        self._work: LatestWins | None = None  # there is none yet when a refusal ends this early
        self._applying: threading.Thread | None = None
        self._cancelled = threading.Event()
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
        self._kind = kinds[0]
        self._rate = recording.measured_rate(self._x)
        self._shown = self._x.isel(time=slice(0, max(2, round(seconds * self._rate)))).load()
        self._powers: dict[int, xr.DataArray] = {}
        self.effect: xr.Dataset | None = None
        self.doubts: list[str] = []
        doubt: ValueError | None = None
        if chain is None:
            preset = "raw" if self._kind == "raw" else "envelope"
            try:
                chain = filters.preset(preset, rate=self._rate)
            except ValueError as error:
                chain, doubt = filters.PRESETS[preset], error
        names = [str(name) for name in self._shown["channel"].values]
        state = offered(chain, _STEPS[self._kind])
        self._rows = Rows(state, rate=self._rate, channels=names, changed=self._edited)
        self._past: list[State] = []
        self._future: list[State] = []
        self._dragging = False
        self._now = state
        self._slots = dict.fromkeys(_SLOTS, state)
        self._steps = known(names)
        self._controls(names)
        self._made: tuple[tuple[Chain, int], xr.DataArray, xr.Dataset] | None = None
        self._measured: Chain | None = None
        self._asked = 0
        self._saying = threading.Lock()
        self.picture = Picture()
        self.picture.observe(lambda _: self._changed(), "view")
        super().__init__(
            [
                self._bar,
                self._rows,
                self._adding,
                self._doubts,
                self.picture,
                self._table,
                self._more,
            ],
            label="filter tuner",
        )
        self._work = LatestWins(self, Tuner._draw, Tuner._measure, name="emgnb tuner")
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
        return Chain(*(step for step, on in self._rows.state if on))

    @chain.setter
    def chain(self, wanted: Chain) -> None:
        self._put(tuple((step, True) for step in wanted.steps))

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
        for row in self._rows.rows:
            if row.name == step:
                row.set(on, values)
                return
        raise ValueError(
            f"no controls for {step!r}: there are {', '.join(r.name for r in self._rows.rows)}"
        )

    def add(self, step: Step) -> None:
        """Put a step behind the others: ``tuner.add(filters.MotionArtefact())``."""
        if not isinstance(step, Step):
            raise TypeError(f"{step!r} is no step: there are {', '.join(filters.STEPS)}")
        self._rows.add(step)

    def undo(self) -> None:
        """Take back the last change; a slider's way from rest to rest is one."""
        self._step_in_time(self._past, self._future)

    def redo(self) -> None:
        """Do again what `undo` took back."""
        self._step_in_time(self._future, self._past)

    def apply(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        progress: Callable[[int, float], None] | None = None,
    ) -> list[Path]:
        """Filter stored sessions into new stores beside them, ``name-filtered.zarr``.

        Parameters
        ----------
        paths : stores
        progress : called with the number of the store and the share of it that is done

        Returns
        -------
        the new stores

        Raises
        ------
        FileNotFoundError, ValueError : no such store, or the chain does not suit it; stores made
            before stay
        """
        chain, made = self.chain, []
        for i, path in enumerate(map(Path, paths)):
            target = recording.free_path(path.with_name(f"{path.stem}-filtered.zarr"))

            def told(share: float, i: int = i) -> None:
                if self._cancelled.is_set():
                    raise _Cancelled
                if progress is not None:
                    progress(i, share)

            made.append(filters.filter_session(path, chain, target, progress=told))
        return made

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until what the controls say is drawn; False when it took longer than `timeout` s."""
        return self._work is not None and self._work.idle.wait(timeout)

    def close(self) -> None:
        """Take the widget away and end its threads."""
        self._cancelled.set()
        if self._work is not None:
            self._work.end()
        super().close()

    # ---- controls

    def _controls(self, names: list[str]) -> None:
        def button(text: str, icon: str, act: Callable[[], object], tip: str = "") -> Any:
            made = ipywidgets.Button(
                description=text, icon=icon, tooltip=tip or text, layout={"width": "auto"}
            )
            made.on_click(lambda _: self._try(act))
            return made

        self._channel = ipywidgets.Dropdown(
            options=list(_numbered(names)),
            description="channel",
            tooltip="channel shown",
            layout={"width": "300px"},
        )
        self._what = ipywidgets.Dropdown(
            options=list(RESPONSES), description="response", layout={"width": "200px"}
        )
        for control in (self._channel, self._what):
            control.observe(lambda _: self._changed(), "value")
        self._preset = ipywidgets.Dropdown(
            options=["preset …", _FITTING, *filters.PRESETS],
            tooltip="begin anew with a preset",
            layout={"width": "150px"},
        )
        self._preset.observe(lambda change: self._try(lambda: self._take(change["new"])), "value")
        self._undo = button("Undo", "undo", self.undo)
        self._redo = button("Redo", "repeat", self.redo)
        self._slot = ipywidgets.ToggleButtons(
            options=list(_SLOTS),
            value="A",
            tooltips=["compare: chain A", "compare: chain B"],
            style={"button_width": "34px"},
        )
        self._slot.observe(self._swapped, "value")
        row = {"flex_flow": "row wrap"}
        self._bar = ipywidgets.HBox(
            [self._channel, self._preset, self._undo, self._redo, self._slot, self._what],
            layout=row,
        )
        self._new = ipywidgets.Dropdown(
            options=[(f"{name}: {_first_line(step)}", name) for name, step in self._steps.items()],
            tooltip="steps there are",
            layout={"width": "440px"},
        )
        add = button(
            "Add step", "plus", lambda: self.add(self._steps[self._new.value]), "add this step"
        )
        self._adding = ipywidgets.HBox([self._new, add], layout=row)
        self._doubts = ipywidgets.HTML()
        self._table = ipywidgets.HTML()
        self._json = ipywidgets.Text(
            description="as JSON", continuous_update=False, layout={"width": "98%"}
        )
        self._json.observe(lambda _: self._try(self._read_json), "value")
        self._paths = ipywidgets.Text(
            placeholder="recordings/*/session.zarr", description="sessions", layout={"width": "60%"}
        )
        self._apply = button("Filter them", "play", self._start_applying, "filter these sessions")
        self._cancel = button("Cancel", "stop", self._cancelled.set)
        self._cancel.disabled = True
        self._progress = ipywidgets.FloatProgress(max=1.0, layout={"width": "160px"})
        self._more = ipywidgets.VBox(
            [
                self._json,
                ipywidgets.HBox(
                    [self._paths, self._apply, self._cancel, self._progress], layout=row
                ),
            ]
        )
        self._show_history()

    def _edited(self, slider: bool) -> None:
        """Keep what was before a change by a person, and draw; a drag is one change."""
        if not (slider and self._dragging):
            self._past.append(self._now)
            self._future.clear()
        self._dragging = slider
        self._settle()

    def _settle(self) -> None:
        try:
            self._now = self._rows.state
            self._slots[self._slot.value] = self._now
        except ValueError:
            pass  # no chain: `_changed` says why, and the last good one stays to come back to
        self._show_history()
        self._changed()

    def _put(self, state: State) -> None:
        """Let the controls stand for something else, as one change."""
        self._past.append(self._now)
        self._future.clear()
        self._show(state)

    def _show(self, state: State) -> None:
        self._dragging = False
        self._rows.state = state
        self._settle()

    def _step_in_time(self, source: list[State], target: list[State]) -> None:
        if source:
            target.append(self._now)
            self._show(source.pop())

    def _show_history(self) -> None:
        self._undo.disabled, self._redo.disabled = not self._past, not self._future

    def _swapped(self, change: Any) -> None:
        self._slots[change["old"]] = self._now
        self._put(self._slots[change["new"]])

    def _take(self, name: str) -> None:
        if name in filters.PRESETS:
            self.chain = filters.preset(name, rate=self._rate)
        elif name == _FITTING:
            self.chain = filters.preset_for(self._shown)
        else:
            return
        self._preset.value = self._preset.options[0]

    def _read_json(self) -> None:
        text = self._json.value.strip()
        try:
            same = text == self.chain.to_json()
        except ValueError:
            same = False
        if text and not same:
            self.chain = Chain.from_json(text)

    # ---- drawing

    def _changed(self) -> None:
        if self._work is None:
            return
        try:
            chain = self.chain
        except ValueError as error:
            with self._saying:
                self._asked += 1
                self._fail(error)
            return
        self._show_code(f"chain = {_code(chain)}")
        self._json.value = chain.to_json()
        self._asked += 1
        self._work.ask((chain, int(self._channel.value), self._what.value, self._asked))

    def _draw(self, wanted: Wish) -> None:
        """Filter and draw; called in the worker's thread, for the newest wish only."""
        self._try(lambda: self._drawn(*wanted))

    def _drawn(self, chain: Chain, i: int, what: str, number: int) -> None:
        raw = self._shown.isel(channel=[i])
        try:
            out, response = self._through(chain, i)
            powers = [self._power(i), spectra.spectrum(out, length=self._segment)]
        except ValueError as error:
            self.picture.draw(raw, None, None, None, what)
            with self._saying:
                if number == self._asked:
                    self._fail(error)
            return
        self.picture.draw(raw, out, powers, response, what)
        kind = str(np.atleast_1d(out["signal_kind"].values)[0])
        said = [f"comes out as {kind}, in {out.attrs['units']}"]
        if lost := 100 * (1 - float(out["valid"].mean())):
            said.append(f"{lost:.2g} % of this channel is lost or disturbed by a gap")
        if bent := response.attrs["nonlinear"]:
            said.append(f"{bent} has no response; drawn is that of the first linear filters")
        with self._saying:  # what the controls say now may be no chain, and that was said
            if number == self._asked:
                self.error = None
                self._say("; ".join(said))

    def _through(self, chain: Chain, i: int) -> tuple[xr.DataArray, xr.Dataset]:
        """Filter the channel shown, unless only the picture of the same is to change."""
        if self._made is None or self._made[0] != (chain, i):
            response = chain.response(self._rate, frequency=_frequencies(chain, self._rate))
            out = (
                chain(self._shown.isel(channel=[i]))
                if chain.channelwise
                else chain(self._shown).isel(channel=[i])
            )
            self._made = ((chain, i), out, response)
        return self._made[1:]

    def _measure(self, wanted: Wish) -> None:
        """Say what the chain gains and costs in all channels, when nothing newer is to be drawn."""
        self._try(lambda: self._weigh(wanted[0]))

    def _weigh(self, chain: Chain) -> None:
        if chain == self._measured:
            return
        self._measured, self.effect, self.doubts = None, None, []
        try:
            self.effect = quality.effect(self._shown, chain(self._shown))
            self.doubts = quality.doubts(self._shown, chain)
            self._measured = chain
        except ValueError as error:
            # Too short or too slow to measure, or another channel refuses: the picture is there all
            # the same; without it the message says why.
            if self._made is not None and self._made[0][0] == chain:
                self.doubts = [str(error)]
        self._doubts.value = "".join(
            f'<div class="emgnb-error" role="status">{html.escape(one)}</div>'
            for one in self.doubts
        )
        self._table.value = "" if self.effect is None else _effect_table(self.effect)

    @property
    def _segment(self) -> float:
        return min(1.0, self._shown.sizes["time"] / self._rate / 2)

    def _power(self, i: int) -> xr.DataArray:
        """Give the spectrum of a channel as recorded, worked out once."""
        if i not in self._powers:
            x = self._shown.isel(channel=[i])
            self._powers[i] = spectra.spectrum(x, length=self._segment)
        return self._powers[i]

    # ---- other sessions

    def _start_applying(self) -> None:
        if self._applying is not None and self._applying.is_alive():
            raise RuntimeError("sessions are being filtered already: wait, or press Cancel")
        pattern = self._paths.value.strip()
        paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - it may begin at a root
        if not paths:
            raise FileNotFoundError(
                f"no session at {pattern!r}: give a store, or a pattern such as "
                "recordings/*/session.zarr"
            )
        self._cancelled.clear()
        self._cancel.disabled, self._apply.disabled = False, True
        self._applying = threading.Thread(
            target=self._apply_to, args=(paths,), name="emgnb tuner applies", daemon=True
        )
        self._applying.start()

    def _apply_to(self, paths: list[str]) -> None:
        def told(i: int, share: float) -> None:
            self._progress.value = (i + share) / len(paths)

        try:
            made = self.apply(paths, progress=told)
        except _Cancelled:
            self._say("cancelled; the sessions filtered before are there")
        except Exception as error:
            self._fail(error)
        else:
            self._say(f"filtered into {', '.join(map(str, made))}")
        finally:
            self._cancel.disabled, self._apply.disabled = True, False


class _Cancelled(Exception):  # noqa: N818 - no error
    """Somebody pressed Cancel."""


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


def _first_line(step: Step) -> str:
    return (type(step).__doc__ or "").strip().splitlines()[0].rstrip(".")


def _effect_table(effect: xr.Dataset) -> str:
    """The figures of `quality.effect`, a row a channel."""

    def cell(value: float, pattern: str) -> str:
        return f"<td>{format(value, pattern) if np.isfinite(value) else '–'}</td>"

    hum = effect.attrs["mains_hz"]
    mains = f"mains {hum:g} Hz" if np.isfinite(hum) else "mains"
    rows = []
    for name in effect["channel"].values:
        one = effect.sel(channel=name)
        rows.append(
            f"<tr><th scope='row'>{html.escape(str(name))}</th>"
            + cell(float(one["snr_before"]), ".1f")
            + cell(float(one["snr_after"]), ".1f")
            + cell(100 * float(one["mains_before"]), ".1f")
            + cell(100 * float(one["mains_after"]), ".1f")
            + cell(100 * float(one["kept"]), ".0f")
            + "</tr>"
        )
    return (
        "<table class='emgnb-effect'><thead><tr><th scope='col'>channel</th>"
        "<th scope='col'>SNR before (dB)</th><th scope='col'>after</th>"
        f"<th scope='col'>{mains} before (% of power)</th><th scope='col'>after</th>"
        "<th scope='col'>muscle kept (%)</th></tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table>"
    )


def _numbered(names: list[str]) -> Iterator[tuple[str, int]]:
    """Give (name, position): two channels may share a name, their positions differ."""
    return ((name, i) for i, name in enumerate(names))


def _frequencies(chain: Chain, rate: float) -> NDArray[np.float64]:
    """Give an even grid that misses no corner and no notch."""
    corners = [f for step in chain.steps for f in step.corners(rate)]
    return np.unique(np.concatenate([np.linspace(0, rate / 2, 401), corners]))
