"""Play a task: on a live decoder, or rehearsed by a simulated person without waiting."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters, recording, simulate
from emgnb.cues import MarkerSink
from emgnb.live.client import Decoding
from emgnb.live.decoder import Decoder
from emgnb.live.output import Output
from emgnb.live.proportional import Proportional, proportional
from emgnb.live.tasks.result import Result
from emgnb.live.tasks.run import Moment, Run
from emgnb.live.tasks.trial import Task

# Interval (s) between two outputs of a rehearsal.
PERIOD = 0.02
# Longest time (s) of the simulated person's clock that a rehearsal may take.
LONGEST = 3600.0
# Corner (Hz) of an envelope that is steady enough to be controlled.
CUTOFF = 2.0
# Length (s) of rest and of each contraction of a calibration, and the time to reach them.
REST, STRONG, REACTION = 3.0, 2.0, 0.5


def play(
    task: Task,
    outputs: Iterable[Output],
    *,
    recorder: MarkerSink | None = None,
    show: Callable[[Moment], object] | None = None,
) -> Result:
    """Run a task on the outputs of a decoder, and return its result.

    Parameters
    ----------
    task : `Hold`, `Follow`, `Reach` or `Copy`
    outputs : a decoder (`live.decode`), from now on; or outputs one after the other
    recorder : receives the markers of the trials, such as "smile" of a `Copy` task
    show : called with each `Moment`. `widgets.Feedback` shows it in a notebook

    Returns
    -------
    Result; not `complete` if the outputs end before the task

    Examples
    --------
    >>> from emgnb import live
    >>> from emgnb.live import tasks
    >>> at = (0.02 * k for k in range(1000))
    >>> held = (live.Output(0, 0, t, 0.0, "intensities", {"L12": 0.4}) for t in at)
    >>> tasks.play(tasks.Hold("L12", levels=(0.4,), repetitions=3), held).score
    100.0
    """
    run = Run(task, recorder=recorder)
    for output in fresh(outputs):
        moment = run.push(output)
        if show is not None:
            show(moment)
        if run.over:
            break
    return run.result()


def fresh(outputs: Iterable[Output]) -> Iterable[Output]:
    """Return the outputs of a decoder from now on; other outputs are returned as they are."""
    if isinstance(outputs, Decoding):
        outputs.new()
    return outputs


class Body(Protocol):
    """What turns a person's effort into outputs of a decoder."""

    @property
    def seconds(self) -> float:
        """Time of the newest output, in s."""

    def move(self, effort: Mapping[str, float]) -> list[Output]:
        """Hold an effort for one period, and return the outputs of it."""


class _Direct:
    """The effort itself is the value: decoding without noise, delay and crosstalk."""

    def __init__(self, units: Sequence[str]) -> None:
        self._units, self._number, self.seconds = units, 0, 0.0

    def move(self, effort: Mapping[str, float]) -> list[Output]:
        self._number += 1
        self.seconds = self._number * PERIOD
        values = {unit: effort.get(unit, 0.0) for unit in self._units}
        at = round(self.seconds * 1e9)
        return [Output(self._number, at, self.seconds, 0.0, "intensities", values)]


class Simulated:
    """A simulated face that a person moves, with electrodes, noise, and a live decoder.

    Parameters
    ----------
    face : its action units are moved by `LiveFace.steer`
    levels : of that face; `Simulated.calibrated` measures them
    lost : intervals (s) of the face's time in which no scan arrives

    Attributes
    ----------
    seconds : time of the face, in s

    Examples
    --------
    >>> from emgnb import simulate
    >>> from emgnb.live import tasks
    >>> face = simulate.LiveFace(channels=2, difficulty="easy")
    >>> body = tasks.Simulated.calibrated(face, units=("1", "2"))
    >>> outputs = [each for _ in range(25) for each in body.move({"L1": 0.5})]
    >>> outputs[-1].kind
    'intensities'
    """

    def __init__(
        self,
        face: simulate.LiveFace,
        levels: Proportional,
        *,
        lost: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.face, self.levels, self.lost = face, levels, tuple(lost)
        empty = _signal(face, face.read(0))
        self.decoder = Decoder(levels, empty, hop=PERIOD)
        self._scan = round(face.time * face.rate)

    @classmethod
    def calibrated(
        cls,
        face: simulate.LiveFace,
        units: Sequence[str],
        *,
        cutoff: float = CUTOFF,
        lost: Sequence[tuple[float, float]] = (),
    ) -> Simulated:
        """Measure the levels of a face at rest and with each unit at maximum, and return its body.

        Parameters
        ----------
        face : raw EMG, not read before
        units : action units to move one after the other, such as "12" (both sides) or "L12".
            The others are not told
        cutoff : of the envelope in Hz. A held contraction fluctuates by a quarter at 10 Hz, by a
            tenth at 2 Hz, which delays the value by 0.1 s
        lost : see `Simulated`
        """
        parts, most = [_read(face, {}, REST)], []
        for unit in units:
            begin = face.time
            parts.append(_read(face, {unit: 1.0}, STRONG))
            most.append((begin + REACTION, face.time))
            parts.append(_read(face, {}, REACTION))
        signal = _signal(face, np.concatenate(parts))
        chain = filters.Chain(
            *filters.preset_for(signal, live=True).steps, filters.Envelope(cutoff)
        )
        levels = proportional(signal, rest=[(REACTION, REST)], most=most, chain=chain)
        told = tuple(unit if _moves(units, unit) else "" for unit in levels.units_of)
        return cls(face, dataclasses.replace(levels, units_of=told), lost=lost)

    @property
    def seconds(self) -> float:
        """Time of the face, in s."""
        return self.face.time

    def move(self, effort: Mapping[str, float]) -> list[Output]:
        """Hold an effort (unit → fraction of maximum) for 20 ms, and return the outputs of it.

        Where scans are lost, the outputs announce it as those of a live decoder do.
        """
        values = _read(self.face, effort, PERIOD) * self.face.volts_per_count
        numbers = self._scan + np.arange(len(values))
        self._scan += len(values)
        host = np.round((numbers + 1) / self.face.rate * 1e9).astype(np.int64)
        if any(begin <= self.face.time < end for begin, end in self.lost):
            return self.decoder.tick(int(host[-1]))
        return self.decoder.push(numbers, values, host)


def rehearse(
    task: Task,
    player: simulate.Player,
    body: Body | None = None,
    *,
    show: Callable[[Moment], object] | None = None,
) -> Result:
    """Let a simulated person do a task, without waiting.

    The loop is closed: the person sees the target and the value, changes their effort, and the
    value follows.

    Parameters
    ----------
    task : `Hold`, `Follow`, `Reach` or `Copy`
    player : the person
    body : `Simulated` face and decoder; by default the value equals the effort
    show : called with each `Moment`

    Raises
    ------
    RuntimeError : the task does not end within an hour of the person's time

    Examples
    --------
    >>> from emgnb import simulate
    >>> from emgnb.live import tasks
    >>> task = tasks.Hold("L12", levels=(0.3, 0.5), repetitions=2)
    >>> tasks.rehearse(task, simulate.Player(noise=0.0)).score
    100.0
    """
    run = Run(task)
    body = _Direct(task.units) if body is None else body
    begin = body.seconds
    effort: dict[str, float] = {}
    while not run.over:
        for output in body.move(effort):
            run.push(output)
        moment = run.moment
        if show is not None:
            show(moment)
        asked = moment.target if moment.phase == "go" else {}
        effort = player.act(body.seconds, asked, moment.values, aimed=bool(moment.selection))
        if player.pressed:
            run.select()
        if body.seconds - begin > LONGEST:
            raise RuntimeError(
                f"the task did not end within {LONGEST:.0f} s: trial {moment.trial} of "
                f"{moment.of}, {moment.phase}, values {dict(moment.values)}"
            )
    return run.result()


def _moves(units: Sequence[str], unit: str) -> bool:
    """Return whether a unit, such as "L12", is one of those moved or a side of it."""
    return bool(unit) and (unit in units or unit.lstrip("LR") in units)


def _read(
    face: simulate.LiveFace, effort: Mapping[str, float], seconds: float
) -> npt.NDArray[np.uint16]:
    face.steer(effort)
    return face.read(round(seconds * face.rate))


def _signal(face: simulate.LiveFace, counts: npt.NDArray[np.uint16]) -> xr.DataArray:
    return recording.signal(
        counts * face.volts_per_count,
        rate=face.rate,
        units="V",
        channel=face.channels,
        muscle=face.muscle,
        side=face.side,
        signal_kind=face.signal_kind,
        gain=face.gain,
        nominal_rate=face.rate,
    )
