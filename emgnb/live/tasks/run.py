"""Run a task on the outputs of a live decoder. No clock of its own, no thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from emgnb._vocabulary import END
from emgnb.cues import MarkerSink
from emgnb.live.output import Output
from emgnb.live.tasks.result import Result
from emgnb.live.tasks.trial import HOME, Bands, Samples, Selection, Task, Trial

Phase = Literal["ready", "rest", "go", "gap", "over"]
# Longest time (s) between two outputs that is not a gap, and age from which the newest is too old.
LONGEST, STALE = 0.25, 0.5
# Sums of hops are not exact.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Moment:
    """What a task asks now, and how it goes.

    Attributes
    ----------
    phase : "ready" (no output yet), "rest", "go", "gap" or "over"
    trial, of : number of the trial, from 1, and of all trials
    name : what the trial asks, in words
    seconds : time of the newest output in the recording
    passed, left : s of this phase, gaps left out
    target : range (low, high) of each unit; of the coming trial during rest
    values : newest value of each unit; empty in a gap
    inside : whether all values are in their ranges; False outside of "go"
    held : s without interruption in the target
    selection, dwell : how the target is selected, see `Trial`
    note : what a gap is
    score : mean score of the trials so far, 0–100; NaN before the first
    """

    phase: Phase
    trial: int
    of: int
    name: str
    seconds: float
    passed: float
    left: float
    target: Bands
    values: Mapping[str, float]
    inside: bool = False
    held: float = 0.0
    selection: Selection = ""
    dwell: float = 0.0
    note: str = ""
    score: float = math.nan


class Run:
    """A task in progress: `push` takes the outputs of a decoder, in order.

    The clock of the task is that of the samples, and stands still in a gap: the trial then goes on
    with new time to react, and a target that is to be selected is shown again from rest.

    Parameters
    ----------
    task : `Hold`, `Follow`, `Reach`, `Copy`, or a `Task` of your own
    recorder : receives a marker at the beginning and end of each trial that has one (`Copy`)

    Attributes
    ----------
    moment : what is asked now

    Examples
    --------
    >>> from emgnb import live
    >>> from emgnb.live import tasks
    >>> run = tasks.Run(tasks.Hold("L12", rest=0.1))
    >>> for k in range(7):
    ...     values = {"L12": 0.0}
    ...     moment = run.push(live.Output(k, 0, 0.02 * k, 0.0, "intensities", values))
    >>> moment.phase, moment.trial
    ('go', 1)
    """

    def __init__(self, task: Task, *, recorder: MarkerSink | None = None) -> None:
        self.task = task
        self._recorder = recorder
        self._trials = task.trials
        self._at = 0
        self._phase: Literal["ready", "rest", "go", "over"] = "ready"
        self._passed = self._held = self._resumed = 0.0
        self._last: float | None = None  # s of the newest output; None after a gap
        self._newest_ns: int | None = None
        self._seconds = math.nan
        self._clock = -math.inf  # the same, before the first output
        self._values: dict[str, float] = {}
        self._note = ""
        self._begin = math.nan
        self._taken: list[tuple[float, float, list[float], Bands]] = []
        self._inside = False
        self._in_trial = 0  # gaps of this trial
        self._rows: list[dict[str, Any]] = []
        self._score = math.nan  # mean so far
        self._trace: list[tuple[float, int, bool, list[float], Bands]] = []
        self._gaps: list[tuple[float, str]] = []
        self.moment = self._now()

    @property
    def over(self) -> bool:
        """Whether the last trial has ended, or `stop` was called."""
        return self._phase == "over"

    def push(self, output: Output) -> Moment:
        """Take the next output, and return what is asked now.

        Parameters
        ----------
        output : of kind "intensities", "expression" or "gap". One without a value for a unit of
            the task is a gap

        Raises
        ------
        ValueError : an output that is much older than the one before
        """
        if self.over:
            return self.moment
        if output.seconds < self._seconds - LONGEST:
            raise ValueError(
                f"an output of {output.seconds:.3f} s after one of {self._seconds:.3f} s: push the "
                f"outputs of one decoder, in order"
            )
        self._newest_ns = output.host_ns + (
            0 if math.isnan(output.delay) else round(output.delay * 1e9)
        )
        values = {unit: output.values.get(unit, math.nan) for unit in self.task.units}
        missing = [unit for unit, value in values.items() if not math.isfinite(value)]
        if output.kind == "gap" or missing:
            self._gap(output.seconds, output.note or f"no value of {', '.join(missing)}")
        else:
            # Times are those of arrival: chunks that arrive unevenly overlap by some ms.
            self._take(max(output.seconds, self._clock), values)
        self.moment = self._now()
        return self.moment

    def tick(self, now_ns: int) -> Moment:
        """Return what is asked now; a gap if the newest output is older than 0.5 s.

        Parameters
        ----------
        now_ns : host clock in ns (`emgnb.acquire.clock.host_ns`)
        """
        newest = self._newest_ns
        if newest is not None and not self.over and (now_ns - newest) / 1e9 > STALE:
            self._gap(self._seconds, f"no output for {(now_ns - newest) / 1e9:.1f} s")
            self.moment = self._now()
        return self.moment

    def select(self) -> None:
        """Select now, in a task in which targets are selected by a key; else without effect."""
        trial = self._trials[min(self._at, len(self._trials) - 1)]
        ready = self._phase == "go" and trial.selection == "key" and not self._note
        if ready and len(self._taken) > 1:
            self._end(selected=True)
            self.moment = self._now()

    def ahead(self, seconds: float, step: float = 0.1) -> list[tuple[float, Bands]]:
        """Return the ranges to come: of this trial, or in a rest of the next.

        Parameters
        ----------
        seconds : how far ahead
        step : s between two of them

        Returns
        -------
        (s from now, unit → range). None for a target that is to be selected as soon as it appears
        """
        if self.over:
            return []
        trial = self._trials[self._at]
        begin, end = 0.0, trial.seconds - self._passed
        if self._phase != "go":
            begin, end = trial.rest - self._passed, trial.rest - self._passed + trial.seconds
            if trial.selection:
                return []
        at = np.arange(begin, min(end, seconds) + ROUNDING, step).tolist()
        passed = self._passed if self._phase == "go" else -begin
        return [(each, trial.band(each + passed)) for each in at]

    def stop(self) -> None:
        """End the task; the trial in progress is left out."""
        if self._phase == "go":
            self._mark(END)
        self._phase = "over"
        self.moment = self._now()

    def result(self) -> Result:
        """Return the result of the trials done so far."""
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        columns = names or ["name", "begin", "scored", "score", "gaps"]
        trials = xr.Dataset(
            {name: ("trial", np.array([row[name] for row in self._rows])) for name in columns},
            coords={"trial": np.arange(1, len(self._rows) + 1)},
        )
        for name in ("begin", "scored", "movement_time", "delay"):
            if name in trials:
                trials[name].attrs["units"] = "s"
        done = len(self._rows) == len(self._trials)
        return Result(self.task, trials, self._traced(), tuple(self._gaps), done)

    # ---- time

    def _take(self, seconds: float, values: dict[str, float]) -> None:
        step = 0.0 if self._last is None else seconds - self._last
        if step > LONGEST + ROUNDING:
            self._gap(seconds, f"no output for {step:.2g} s")
            step = 0.0
        if self._note:
            self._resume()
        self._last = self._seconds = self._clock = seconds
        self._values = values
        if self._phase == "ready":
            self._phase = "rest"
        self._passed += step
        trial = self._trials[self._at]
        if self._phase == "rest":
            self._sample(trial, 0, 0.0)
            if trial.selection and max(values.values()) > HOME:
                self._passed = 0.0
            if self._passed >= trial.rest - ROUNDING:
                self._go(trial)
        else:
            self._follow(trial, step)

    def _follow(self, trial: Trial, step: float) -> None:
        """Take a sample of a trial in progress, and end the trial if it is over."""
        scored = step if self._passed > self._resumed + trial.lead + ROUNDING else 0.0
        was_inside = self._inside
        self._sample(trial, self._at + 1, scored)
        self._held = self._held + step if self._inside and was_inside else 0.0
        dwelt = trial.selection == "dwell" and self._held >= trial.dwell - ROUNDING
        if dwelt or self._passed >= trial.seconds - ROUNDING:
            self._end(selected=dwelt)

    def _gap(self, seconds: float, note: str) -> None:
        at = seconds if math.isfinite(seconds) else 0.0
        if not self._note:
            self._gaps.append((at, note))
            self._in_trial += self._phase == "go"
            if self._trace:
                nothing = [math.nan] * len(self.task.units)
                self._trace.append((at, self._trace[-1][1], False, nothing, {}))
        else:
            self._gaps[-1] = (self._gaps[-1][0], note)
        self._note, self._last, self._values = note, None, {}
        self._held, self._inside = 0.0, False

    def _resume(self) -> None:
        """Go on after a gap."""
        self._note = ""
        trial = self._trials[self._at]
        self._resumed = self._passed
        if trial.selection and self._phase in ("rest", "go"):
            self._phase, self._passed, self._taken = "rest", 0.0, []

    # ---- trials

    def _go(self, trial: Trial) -> None:
        self._phase, self._begin = "go", self._seconds
        self._passed = self._held = 0.0
        self._resumed = 0.0
        self._taken = []
        self._sample(trial, self._at + 1, 0.0)
        self._mark(trial.marker)

    def _sample(self, trial: Trial, number: int, scored: float) -> None:
        band = trial.band(self._passed) if number else {}
        values = [self._values[unit] for unit in self.task.units]
        self._inside = bool(number) and _within(self._values, band)
        if number:
            self._taken.append((self._passed, scored, values, band))
        self._trace.append((self._seconds, number, scored > 0, values, band))

    def _end(self, *, selected: bool) -> None:
        trial = self._trials[self._at]
        time, weight, values, bands = zip(*self._taken, strict=True)
        low, high = self._limits(bands)
        samples = Samples(
            np.array(time), np.array(weight), np.array(values), low, high, selected=selected
        )
        self._rows.append(
            {
                "name": trial.name,
                "begin": self._begin,
                "scored": float(samples.weight.sum()),
                "gaps": self._in_trial,
                **trial.about,
                **self.task.measure(trial, samples),
            }
        )
        known = [row["score"] for row in self._rows if math.isfinite(row["score"])]
        self._score = sum(known) / len(known) if known else math.nan
        self._mark(END if trial.marker else "")
        self._at += 1
        self._phase = "rest" if self._at < len(self._trials) else "over"
        self._passed = self._held = self._resumed = 0.0
        self._in_trial, self._taken, self._inside = 0, [], False

    def _mark(self, text: str) -> None:
        if text and self._recorder is not None:
            self._recorder.mark(text)

    # ---- what is asked, and what was

    def _now(self) -> Moment:
        number = min(self._at, len(self._trials) - 1)
        trial = self._trials[number]
        length = {"rest": trial.rest, "go": trial.seconds}.get(self._phase, 0.0)
        gap = bool(self._note) and not self.over
        return Moment(
            phase="gap" if gap else self._phase,
            trial=number + 1,
            of=len(self._trials),
            name=trial.name,
            seconds=self._seconds,
            passed=self._passed,
            left=max(length - self._passed, 0.0),
            target=trial.band(self._passed if self._phase == "go" else 0.0),
            values=dict(self._values),
            inside=self._inside and self._phase == "go",
            held=self._held,
            selection=trial.selection,
            dwell=trial.dwell,
            note=self._note,
            score=self._score,
        )

    def _limits(self, bands: Any) -> tuple[Any, Any]:
        """Return the limits of each unit, (sample, unit); all values lie in those of no range."""
        every = (-math.inf, math.inf)
        both = np.array([[band.get(u, every) for u in self.task.units] for band in bands])
        return both[..., 0], both[..., 1]

    def _traced(self) -> xr.Dataset:
        rows = self._trace
        shape = (len(rows), len(self.task.units))
        low, high = self._limits([row[4] for row in rows]) if rows else (np.empty(shape),) * 2
        values = np.array([row[3] for row in rows]).reshape(shape)
        low, high = (np.where(np.isnan(values) | np.isinf(x), np.nan, x) for x in (low, high))
        return xr.Dataset(
            {
                "value": (("time", "unit"), values),
                "low": (("time", "unit"), low),
                "high": (("time", "unit"), high),
                "trial": ("time", np.array([row[1] for row in rows], dtype=int)),
                "scored": ("time", np.array([row[2] for row in rows], dtype=bool)),
            },
            coords={
                "time": ("time", np.array([row[0] for row in rows]), {"units": "s"}),
                "unit": list(self.task.units),
            },
        )


def _within(values: Mapping[str, float], band: Bands) -> bool:
    return all(low <= values[unit] <= high for unit, (low, high) in band.items())
