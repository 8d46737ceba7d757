"""What the face does: a list of movements, each one action unit from onset over apex to offset.

A `Performer` turns cues into movements as a person would, late, uneven and sometimes wrong, and
adds what nobody asked for: blinks and fidgets. The list of movements *is* the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb.simulate.people import Person, generator, pull
from emgnb.simulate.script import RESTING, SEVEN, Act

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]

# Nobody reacts faster; also the reason why a live stream may run this much ahead of its cues.
FASTEST_REACTION = 0.15
BLINKS_PER_MINUTE = 15.0
_FIDGETS = ("1", "4", "12", "14", "17", "24")


@dataclass(eq=False)
class Movement:
    """One action unit's movement; times in s, `fraction` of MVC at its apex.

    It rises from onset to apex, holds to `release`, falls to `offset`. While a live face holds an
    expression, release and offset are not yet known: infinite.
    """

    onset: float
    apex: float
    release: float
    offset: float
    au: str
    side: str
    fraction: float
    label: str
    drive: Array

    def profile(self, t: Array) -> Array:
        """Share of the full movement at the times `t` in s."""
        up = np.clip((t - self.onset) / (self.apex - self.onset), 0.0, 1.0)
        # Recruitment starts abruptly and levels out, so an onset is a moment one can point at.
        out = up * (2.0 - up)
        if np.isfinite(self.offset):
            down = np.clip((self.offset - t) / (self.offset - self.release), 0.0, 1.0)
            out = out * down * down * (3.0 - 2.0 * down)
        return np.asarray(out)

    def let_go(self, time: float, fall: float) -> None:
        """Begin to fall at `time`, or half-way up where that is later."""
        self.release = max(time, self.onset + 0.5 * (self.apex - self.onset))
        self.offset = self.release + fall


class Performer:
    """A person in action. Give it cues and acts in order of time, then read `movements`.

    Parameters
    ----------
    person : who
    seed, key : which world, and (participant, session)
    blinked : called with (time in s, strength) of every blink
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
        self._person = person
        self._blinked = blinked
        self._trial, self._eyelid, self._hand = (generator(seed, 6, *key, i) for i in range(3))
        self._next_blink = self._blink_pause()
        fidgets = person.difficulty.fidgets_per_minute
        self._fidget_mean = 60.0 / fidgets if fidgets > 0 else np.inf
        self._next_fidget = self._fidget_mean * self._hand.exponential()

    def cue(self, time: float, text: str) -> bool:
        """Hear `text` at `time` s; begin that expression, or let go. False: no such word."""
        known = text in facs.EXPRESSIONS
        if not known and text not in RESTING:
            return False
        person, rng = self._person, self._trial
        reaction = self._reaction()
        # Letting go is quicker than choosing what to do.
        self._relax(time + max(0.85 * reaction, FASTEST_REACTION))
        fate = rng.random()
        lapse = person.difficulty.failed
        if not known or not person.effort[text]:
            return True
        performed, strength = (
            text,
            float(np.exp(0.6 * person.difficulty.trial_spread * rng.standard_normal())),
        )
        weak = rng.uniform(0.15, 0.45)
        other = str(rng.choice([name for name in SEVEN if name not in (text, "neutral")]))
        if fate < lapse / 2:
            return True
        if fate < lapse:
            performed = other
        elif fate < lapse + person.difficulty.sloppy:
            strength *= weak
        for unit, effort in person.effort[performed].items():
            each = float(np.exp(0.8 * person.difficulty.trial_spread * rng.standard_normal()))
            late = time + reaction + 0.04 * rng.random()
            rise = person.rise * float(np.exp(0.2 * rng.standard_normal()))
            self._move(unit, late, rise, None, 0.0, effort * strength * each, performed)
        return True

    def act(self, act: Act) -> None:
        """Do exactly what the script says, without a person's habits."""
        units = facs.EXPRESSIONS[act.expression].aus
        if not units:
            return
        prototype = {unit: facs.intensity_fraction(letter) for unit, letter in units.items()}
        scale = 1.0 if act.fraction is None else act.fraction / max(prototype.values())
        rise = min(self._person.rise, 0.25 * act.duration)
        fall = min(self._person.fall, 0.25 * act.duration)
        for unit, effort in prototype.items():
            self._move(
                unit, act.time, rise, act.duration, fall, effort * scale, act.expression, exact=True
            )

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
            self._move(unit, self._next_fidget, 0.08, lasting, 0.1, effort, "")
            self._next_fidget += self._fidget_mean * rng.exponential()

    def drive(self, t: Array) -> Array:
        """Give the (time, source) drive, in fractions of MVC, and forget what has ended."""
        out = np.zeros((t.size, self._person.mvc.size))
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

    def _relax(self, time: float) -> None:
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
        side, number = (unit[0], unit[1:]) if unit[0] in "LR" else ("B", unit)
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
        """Give the event table of all that began before `until` s; what is held ends there."""
        # A port needs no xarray, which takes a second to load: a recording starts without it.
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
        """Give the columns of `truth`."""
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
    def _apexes(moves: list[Movement], offset: Array) -> Array:
        apex = np.array([min(move.apex, move.release) for move in moves])
        return np.asarray(np.minimum(apex, offset))
