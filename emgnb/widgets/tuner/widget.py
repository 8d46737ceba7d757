"""Tune a filter chain with sliders, with live plots of signal, spectra and filter response.

Every control is an option of one `Chain`. The widget applies the chain to the signal and plots the
result. It shows the chain as code, to be copied into the notebook. The effect of the chain is
measured after a short delay and shown below.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets
import xarray as xr

from emgnb import filters, recording
from emgnb.filters import Chain, Step
from emgnb.widgets.shared.panel import Panel, said
from emgnb.widgets.shared.undo import Undoing
from emgnb.widgets.tuner._applying import Applying
from emgnb.widgets.tuner._bar import SLOTS, Adding, Bar, JsonText, Part
from emgnb.widgets.tuner._figures import MEASURING, Figures
from emgnb.widgets.tuner._picture import Picture
from emgnb.widgets.tuner._rows import NoChainError, Rows, State, known, offered
from emgnb.widgets.tuner._starts import STARTS, STEPS, kind_of, need_chain, starting, suggested
from emgnb.widgets.tuner._trial import Trial, Wish
from emgnb.widgets.tuner._wording import as_code, outcome, part_note, source_note
from emgnb.widgets.tuner._worker import LatestWins


class Tuner(Panel):
    """Tune a filter chain on a signal.

    Parameters
    ----------
    x : session, or signal (time, channel) with channels of one kind
    chain : initial chain; by default the preset for the kind and rate of the signal
    start, seconds : start and duration (s) of the part that is filtered, drawn and measured at each
        change; by default from the start of the signal

    Attributes
    ----------
    chain : `Chain` with the settings of the controls
    filtered : the whole signal, filtered by the chain
    part : first and last time (s) of the part that is drawn and measured
    effect : effect of the chain on each channel in this part, see `quality.effect`; None before it
        is measured
    doubts : warnings about removed EMG and filters without effect, see `quality.doubts`

    Raises
    ------
    TypeError : not a session or signal, or not a chain
    ValueError : channels of several kinds, which need separate chains

    Notes
    -----
    All controls work by keyboard: Tab moves between controls, arrow keys move a slider. Two chains,
    A and B, can be compared.
    """

    def __init__(
        self,
        x: xr.DataArray | xr.DataTree,
        chain: Chain | None = None,
        *,
        start: float | None = None,
        seconds: float = 60.0,
    ) -> None:
        self._work: LatestWins | None = None  # for `close` after an error below
        self._applying: Applying | None = None
        self._x = recording.emg(x) if isinstance(x, xr.DataTree) else x
        recording.need_signal(self._x)
        need_chain(chain)
        self._kind = kind_of(self._x)
        self._rate = recording.measured_rate(self._x)
        self._seconds = seconds
        begin = float(self._x["time"].isel(time=0))
        self._trial = Trial(self._x, begin if start is None else start, seconds)
        self.effect: xr.Dataset | None = None
        self.doubts: list[str] = []
        doubt: ValueError | None = None
        if chain is None:
            chain, doubt = suggested(self._trial.shown)
        names = [str(name) for name in self._x["channel"].values]
        state = offered(chain, STEPS[self._kind])
        self._rows = Rows(state, rate=self._rate, channels=names, changed=self._edited)
        self._slots = {slot: Undoing(state) for slot in SLOTS}
        self._faults: Mapping[int, str] = {}
        self._measured: tuple[Chain, Trial] | None = None
        self._asked = 0
        self._saying = threading.Lock()
        self.picture = Picture()
        self._figures = Figures()
        self._applying = Applying(lambda: self.chain)
        self._controls(names)
        self._frame = ipywidgets.VBox().add_class("emgnb-tuner")
        super().__init__([self._frame], label="filter tuner")
        self._lay_out()
        self._work = LatestWins(self, Tuner._draw, Tuner._measure, name="emgnb tuner")
        self.picture.observe(lambda _: self._changed(), "view")
        self._changed()
        if doubt is not None:
            self._fail(doubt)

    @property
    def chain(self) -> Chain:
        """Chain with the settings of the controls.

        Raises
        ------
        ValueError : the settings are invalid, for example a low corner above the high one
        """
        return Chain(*(step for step, on in self._rows.state if on))

    @chain.setter
    def chain(self, wanted: Chain) -> None:
        self._put(tuple((step, True) for step in wanted.steps))

    @property
    def filtered(self) -> xr.DataArray:
        """The whole signal with all channels, filtered by the chain."""
        return self.chain(self._x)

    @property
    def outdated(self) -> bool:
        """Whether `effect` and `doubts` belong to an earlier chain or part."""
        return self._figures.stale

    @property
    def part(self) -> tuple[float, float]:
        """First and last time (s) of the part that is drawn and measured."""
        return self._trial.span

    @property
    def faults(self) -> dict[str, str]:
        """Name of each step that is not suitable for the signal → its fault."""
        return {row.name: row.fault for row in self._rows.rows if row.fault}

    def set(self, step: str, *, on: bool = True, **values: float) -> None:
        """Set the controls of a step: ``tuner.set("BandPass", low=30, high=400)``.

        Raises
        ------
        ValueError : no such step or control
        """
        for row in self._rows.rows:
            if row.name == step:
                row.set(on, values)
                return
        raise ValueError(
            f"no step {step!r} in the tuner: it has {', '.join(r.name for r in self._rows.rows)}"
        )

    def add(self, step: Step) -> None:
        """Add a step at the end: ``tuner.add(filters.MotionArtefact())``.

        Raises
        ------
        TypeError : not a step
        """
        if not isinstance(step, Step):
            raise TypeError(f"{step!r} is not a step, expected one of {', '.join(filters.STEPS)}")
        self._rows.add(step)

    def undo(self) -> None:
        """Undo the last change; dragging a slider is one change."""
        if self._impossible or self._versions.undo():
            self._show()

    def redo(self) -> None:
        """Redo the last undone change."""
        if self._versions.redo():
            self._show()

    def apply(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        again: bool = False,
        progress: Callable[[int, float], None] | None = None,
    ) -> list[Path]:
        """Filter stored sessions into new stores ``name-filtered.zarr`` in the same folders.

        Parameters
        ----------
        paths : stores
        again : whether to filter sessions that are filtered already, according to their history
        progress : called with the number of the store and the fraction of it that is done

        Returns
        -------
        Paths of the new stores

        Raises
        ------
        FileNotFoundError, ValueError : no such store, the chain is not suitable for it (stores
            written before are kept), or it is filtered already (nothing is written)
        """
        assert self._applying is not None
        return self._applying.apply(paths, again=again, progress=progress)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until the current settings are drawn; return False after `timeout` s."""
        return self._work is not None and self._work.idle.wait(timeout)

    def close(self) -> None:
        """Close the widget and stop its threads."""
        if self._applying is not None:
            self._applying.end()
        if self._work is not None:
            self._work.end()
        super().close()

    # ---- controls

    def _controls(self, names: list[str]) -> None:
        self._bar = Bar(names, STARTS[self._kind])
        self._adding = Adding(known(names))
        self._extent = self._x["time"].values[[0, -1]].tolist()
        self._part = Part(self.part[0], self._extent, self._seconds)
        self._part.layout.display = "none" if self._trial.whole else None
        self._json = JsonText()
        for control in (self._bar.channel, self._bar.response, self._part.start):
            control.observe(lambda _: self._changed(), "value")
        self._bar.preset.observe(lambda it: self._try(lambda: self._take(it["new"])), "value")
        self._bar.slot.observe(lambda _: self._show(), "value")
        self._json.text.observe(lambda _: self._read_json(), "value")
        self._bar.undo.on_click(lambda _: self._try(self.undo))
        self._bar.redo.on_click(lambda _: self._try(self.redo))
        self._adding.add.on_click(lambda _: self._try(lambda: self.add(self._adding.chosen)))
        self._show_history()
        self._show_part()

    def _show_part(self) -> None:
        self._part.note.value = said(part_note(self.part, self._extent))

    def _lay_out(self) -> None:
        """Arrange the controls, with messages between the steps and the display."""
        source = ipywidgets.HTML(said(source_note(self._x), error=True))
        self._frame.children = [
            source,
            *(self._bar, self._rows, self._adding, self._message),
            *(self._part, self.picture, self._figures),
            *(self._json, self._applying),
        ]
        self.children = [self._names, self._frame, self._code]

    # ---- the chain, and its versions

    @property
    def _versions(self) -> Undoing[State]:
        return self._slots[self._bar.slot.value]

    @property
    def _impossible(self) -> bool:
        """Whether the settings of the controls are invalid."""
        try:
            _ = self._rows.state
        except NoChainError:
            return True
        return False

    def _edited(self, by: object) -> None:
        """Add a change by the user to the history, and draw; a drag is one change.

        Values that the browser returns with other rounding are not changes.
        """
        try:
            state = self._rows.state
        except NoChainError:
            pass  # `_changed` shows the reason; the last valid state stays in the history
        else:
            if not self._versions.change(state, by) and not self._faults:
                return
        self._settle()

    def _put(self, state: State) -> None:
        """Set the controls to another state, as one change."""
        self._versions.change(state)
        self._show()

    def _show(self) -> None:
        self._rows.state = self._versions.now
        self._settle()

    def _settle(self) -> None:
        self._changed()
        self._show_history()

    def _show_history(self) -> None:
        versions = self._versions
        self._bar.undo.disabled = not versions.past and not self._impossible
        self._bar.redo.disabled = not versions.future

    def _take(self, name: str) -> None:
        if name not in STARTS[self._kind]:
            return
        self.chain = starting(name, self._trial.shown)
        self._bar.preset.value = self._bar.preset.options[0]

    def _read_json(self) -> None:
        text = self._json.text.value.strip()
        try:
            if text and (self._impossible or text != self.chain.to_json()):
                self.chain = Chain.from_json(text)
        except (ValueError, TypeError) as error:
            self.error, self._text = error, str(error)
            self._json.tell(str(error))
        else:
            self._json.tell("")

    # ---- drawing

    def _changed(self) -> None:
        if self._work is None:
            return
        chain: Chain | None = None
        with self._saying:
            self._asked += 1
            try:
                chain = self.chain
            except NoChainError as error:
                self._show_code("# " + str(error).replace("\n", "\n# "))
                self._blame(error, error.faults)
        start, bar = self._part.start.value, self._bar
        if chain is not None:
            self._show_code(f"chain = {as_code(chain)}")
            self._json.text.value = chain.to_json()
            self._mark_figures(chain, start)
        wish = Wish(chain, start, bar.channel.value, bar.response.value, self._asked)
        self._work.ask(wish)

    def _mark_figures(self, chain: Chain, start: float) -> None:
        if self._measured == (chain, self._trial) and start == self._trial.asked:
            self._figures.confirm()
        else:
            self._figures.outdate(MEASURING)

    def _blame(self, error: Exception, faults: Mapping[int, str]) -> None:
        """Show an error, at the steps that cause it if they are known."""
        self._fail(error)
        self._faults = faults
        self._rows.tell(faults)
        if faults:
            self._message.value = ""
        self._figures.outdate(
            "The table shows an earlier chain, because the current one gives no result."
        )

    def _draw(self, wanted: Wish) -> None:
        """Filter and draw; called in the worker thread, for the latest request only."""
        self._try(lambda: self._drawn(wanted))

    def _drawn(self, wanted: Wish) -> None:
        trial, chain, i = self._on_part(wanted.start), wanted.chain, wanted.channel
        if chain is None:  # the reason has been shown
            self.picture.draw(trial.channel(i), None, None, None, wanted.response)
            return
        try:
            out, response = trial.through(chain, i)
            powers = trial.powers(out, i)
        except ValueError as error:
            self.picture.draw(trial.channel(i), None, None, None, wanted.response)
            faults = chain.refusals(trial.shown)
            with self._saying:
                if wanted.number == self._asked:
                    on = self._rows.on
                    self._blame(error, {on[at]: why for at, why in faults.items()})
            return
        self.picture.draw(trial.channel(i), out, powers, response, wanted.response)
        with self._saying:  # the settings may be invalid by now, with an error shown
            if wanted.number == self._asked:
                self.error, self._faults = None, {}
                self._rows.tell({})
                self._say(outcome(out, response))

    def _on_part(self, start: float) -> Trial:
        """Return the part that begins at `start`; it is read if it differs from the current one."""
        if start != self._trial.asked:
            self._trial = Trial(self._x, start, self._seconds)
            self._show_part()
        return self._trial

    def _measure(self, wanted: Wish) -> None:
        """Measure the effect on all channels; called when no newer request is waiting."""
        self._try(lambda: self._weigh(wanted))

    def _weigh(self, wanted: Wish) -> None:
        chain, trial = wanted.chain, self._trial
        if chain is None or (chain, trial) == self._measured:
            return
        found = trial.weigh(chain)
        with self._saying:
            if wanted.number == self._asked:
                self.effect, self.doubts = found
                self._measured = (chain, trial) if found.effect is not None else None
                self._figures.show(found)
