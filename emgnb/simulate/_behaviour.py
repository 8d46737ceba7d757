"""Generate facial movements: action units with onset, apex and offset.

A `Performer` turns cues into movements as a person does, with delay, variation and occasional
errors, and adds blinks and spontaneous movements. The list of movements is the ground truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb._arrays import Floats
from emgnb._vocabulary import MVC, RESTING, asked
from emgnb.simulate._anatomy import opposed
from emgnb.simulate.people import UNASKED_LIMIT, UNASKED_SHARE, Person, generator, pull
from emgnb.simulate.script import SEVEN, Act

if TYPE_CHECKING:
    import xarray as xr


# Minimum reaction time (s); a live stream may be computed ahead of its cues by less than this.
FASTEST_REACTION = 0.15
# Mean blink rate (1/min).
BLINKS_PER_MINUTE = 15.0
# Action units of spontaneous movements.
_FIDGETS = ("1", "4", "12", "14", "17", "24")


@dataclass(eq=False)
class Movement:
    """Movement of one action unit; times in s, `fraction` of MVC at its apex.

    It rises from onset to apex, holds until `release` and falls until `offset`. While a live face
    holds an expression, release and offset are unknown and set to infinity.
    """

    onset: float
    apex: float
    release: float
    offset: float
    au: str
    side: str
    fraction: float
    label: str
    drive: Floats

    def profile(self, t: Floats) -> Floats:
        """Return the relative strength, 0 to 1, at times `t` in s."""
        up = np.clip((t - self.onset) / (self.apex - self.onset), 0.0, 1.0)
        # Recruitment starts abruptly and levels off, so the onset is well defined.
        out = up * (2.0 - up)
        if np.isfinite(self.offset):
            down = np.clip((self.offset - t) / (self.offset - self.release), 0.0, 1.0)
            out = out * down * down * (3.0 - 2.0 * down)
        return np.asarray(out)

    def let_go(self, time: float, fall: float) -> None:
        """Release at `time`, but not before the middle of the rise."""
        self.release = max(time, self.onset + 0.5 * (self.apex - self.onset))
        self.offset = self.release + fall


class Performer:
    """Simulated behaviour of a person. Pass cues and acts in order of time, then read `movements`.

    Parameters
    ----------
    person : person to simulate
    seed, key : random seed of the simulation, and (participant, session)
    blinked : called with (time in s, strength) for every blink
    """

    def __init__(
        self,
        person: Person,
        *,
        seed: int,
        key: tuple[int, int],
        blinked: Callable[[float, float], None],
    ) -> None:
        self.movements: list[Movement] = []
        self._active: list[Movement] = []
        self._held: list[Movement] = []
        self._steered = self._steered_before = np.zeros(person.mvc.size)
        self._person = person
        self._blinked = blinked
        self._trial, self._eyelid, self._hand = (generator(seed, 6, *key, i) for i in range(3))
        self._next_blink = self._blink_pause()
        fidgets = person.difficulty.fidgets_per_minute
        self._fidget_mean = 60.0 / fidgets if fidgets > 0 else np.inf
        self._next_fidget = self._fidget_mean * self._hand.exponential()

    def cue(self, time: float, text: str) -> bool:
        """Respond to a marker at `time` s; return False if the marker is unknown.

        "smile" and "practice smile" start a smile, "mvc smile" one of maximum strength. "baseline",
        "end", "pause", "rest", "relax", "stop" and "neutral" relax the face.
        """
        kind, name = asked(text)
        known = name in facs.EXPRESSIONS
        if not known and text not in RESTING:
            return False
        reaction = self._reaction()
        # Relaxing is faster than starting an expression.
        self._relax(time + max(0.85 * reaction, FASTEST_REACTION))
        fate = self._trial.random()
        if known and self._person.effort[name]:
            self._follow(time + reaction, name, fate, strongest=kind == MVC)
        return True

    def _follow(self, time: float, name: str, fate: float, *, strongest: bool) -> None:
        """Perform the expression from `time` s, or a lapse of it if `fate` is near 0."""
        person, rng = self._person, self._trial
        spread, lapse = person.difficulty.trial_spread, person.difficulty.failed
        strength = float(np.exp(0.6 * spread * rng.standard_normal()))
        weak = rng.uniform(0.15, 0.45)
        other = str(rng.choice([each for each in SEVEN if each not in (name, "neutral")]))
        if fate < lapse / 2:
            return
        if fate < lapse:
            name = other
        elif fate < lapse + person.difficulty.sloppy:
            strength *= weak
        wanted = facs.EXPRESSIONS[name].aus
        efforts: dict[str, float] = {}
        for unit, effort in person.effort[name].items():
            each = strength * float(np.exp(0.8 * spread * rng.standard_normal()))
            if unit in wanted:
                efforts[unit] = each * (facs.intensity_fraction("E") if strongest else effort)
            else:
                limit = min(UNASKED_LIMIT, UNASKED_SHARE * max(efforts.values()))
                efforts[unit] = min(each * effort, limit)
        for unit, effort in efforts.items():
            late = time + 0.04 * rng.random()
            rise = person.rise * float(np.exp(0.2 * rng.standard_normal()))
            self._move(unit, late, rise, None, 0.0, effort, name)

    def act(self, act: Act) -> None:
        """Perform an act exactly as scripted, without the person's habits."""
        efforts = act.units or _posed(act)
        rise = min(self._person.rise, 0.25 * act.duration) if act.rise is None else act.rise
        fall = min(self._person.fall, 0.25 * act.duration) if act.fall is None else act.fall
        for unit, effort in efforts.items():
            self._move(unit, act.time, rise, act.duration, fall, effort, act.expression, exact=True)

    def advance(self, until: float) -> None:
        """Draw the blinks and fidgets that begin before `until` s."""
        while self._next_blink < until:
            strength = float(np.exp(0.2 * self._eyelid.standard_normal()))
            self._blinked(self._next_blink, strength)
            self._move("45", self._next_blink, 0.025, 0.13, 0.06, 0.1 * strength, "", exact=True)
            self._next_blink += 0.3 + self._blink_pause()
        while self._next_fidget < until:
            rng = self._hand
            unit = str(rng.choice(_FIDGETS))
            lasting, effort = rng.uniform(0.2, 1.2), rng.uniform(0.03, 0.15)
            if self._free(unit, self._next_fidget, self._next_fidget + lasting):
                self._move(unit, self._next_fidget, 0.08, lasting, 0.1, effort, "")
            self._next_fidget += self._fidget_mean * rng.exponential()

    def steer(self, units: Mapping[str, float]) -> None:
        """Move units to given strengths by the end of the next block, and hold them there."""
        drives = [effort * pull(*_sided(unit)) for unit, effort in units.items()]
        self._steered = np.sum(drives, axis=0) if drives else np.zeros(self._person.mvc.size)

    def drive(self, t: Floats) -> Floats:
        """Return the drive (time, source) in fractions of MVC, and drop ended movements."""
        ramp = np.linspace(0.0, 1.0, t.size + 1)[1:, None]
        out = self._steered_before + ramp * (self._steered - self._steered_before)
        self._steered_before = self._steered
        for movement in self._active:
            if movement.onset > t[-1]:
                continue
            first, last = np.searchsorted(t, (movement.onset, movement.offset))
            if first < last:
                columns = np.flatnonzero(movement.drive)
                profile = movement.profile(t[first:last])
                out[first:last, columns] += profile[:, None] * movement.drive[columns]
        self._active = [move for move in self._active if move.offset > t[-1]]
        return out

    def _free(self, unit: str, start: float, stop: float) -> bool:
        """Return whether no movement of a unit, or opposed to it, lies between two times in s."""
        busy = [m.au for m in self.movements if m.onset < stop and m.offset > start]
        return unit not in busy and not opposed(unit, *busy)

    def _relax(self, time: float) -> None:
        # A cue ends spontaneous movements, but not blinks.
        for fidget in self._active:
            if not fidget.label and fidget.au != "45" and fidget.onset < time < fidget.release:
                fidget.let_go(time, self._person.fall)
        for movement in self._held:
            if movement.onset < time:
                movement.let_go(time, self._person.fall)
            else:
                self.movements.remove(movement)
                self._active.remove(movement)
        self._held = []

    def _reaction(self) -> float:
        reaction = self._person.reaction * np.exp(0.18 * self._trial.standard_normal())
        return float(np.clip(reaction, FASTEST_REACTION, 0.8))

    def _blink_pause(self) -> float:
        return float(self._eyelid.gamma(2.0, 60.0 / BLINKS_PER_MINUTE / 2.0))

    def _move(
        self,
        unit: str,
        onset: float,
        rise: float,
        lasting: float | None,
        fall: float,
        fraction: float,
        label: str,
        *,
        exact: bool = False,
    ) -> None:
        number, side = _sided(unit)
        fraction = float(np.clip(fraction, 0.005, 1.0))
        drive = fraction * pull(number, side)
        if not exact:
            drive = drive * self._person.left
        offset = np.inf if lasting is None else onset + lasting
        release = np.inf if lasting is None else offset - fall
        made = Movement(onset, onset + rise, release, offset, number, side, fraction, label, drive)
        self.movements.append(made)
        self._active.append(made)
        if lasting is None:
            self._held.append(made)

    def truth(self, until: float) -> xr.Dataset:
        """Return the event table of movements that began before `until` s; offsets end there."""
        # Imported here because xarray takes a second to load, and a port does not need it.
        import xarray as xr

        units = dict.fromkeys(("onset", "apex", "offset"), "s") | {"fraction": "fraction of MVC"}
        return xr.Dataset(
            {
                name: ("event", values, {"units": units[name]} if name in units else {})
                for name, values in self.columns(until).items()
            },
            attrs={"coder": "truth", "table_version": facs.FACS_TABLE_VERSION},
        )

    def columns(self, until: float) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of `truth`."""
        moves = sorted(
            (move for move in self.movements if move.onset < until),
            key=lambda move: (move.onset, int(move.au)),
        )
        offset = np.array([min(move.offset, until) for move in moves])
        letters = [facs.intensity_letter(move.fraction) for move in moves]
        return {
            "onset": np.array([move.onset for move in moves]),
            "apex": self._apexes(moves, offset),
            "offset": offset,
            "au": np.array([move.au for move in moves], dtype=str),
            "side": np.array([move.side for move in moves], dtype=str),
            "intensity": np.array(letters, dtype=str),
            "label": np.array([move.label for move in moves], dtype=str),
            "fraction": np.array([move.fraction for move in moves]),
        }

    @staticmethod
    def _apexes(moves: list[Movement], offset: Floats) -> Floats:
        apex = np.array([min(move.apex, move.release) for move in moves])
        return np.asarray(np.minimum(apex, offset))


def _sided(unit: str) -> tuple[str, str]:
    """Return the number of a unit and its side: "L12" is ("12", "L")."""
    return (unit[1:], unit[0]) if unit[0] in "LR" else (unit, "")


def _posed(act: Act) -> dict[str, float]:
    """Return the strength of the units of an act's expression, in fractions of MVC."""
    units = facs.EXPRESSIONS[act.expression].aus
    prototype = {unit: facs.intensity_fraction(letter) for unit, letter in units.items()}
    strongest = max(prototype.values(), default=1.0)
    scale = 1.0 if act.fraction is None else act.fraction / strongest
    return {unit: scale * effort for unit, effort in prototype.items()}
