"""The simulated face as an endless signal at the skin; sessions and live ports are cut from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb.simulate.artefacts import Sines, Surroundings
from emgnb.simulate.behaviour import Performer
from emgnb.simulate.muscles import MotorUnits
from emgnb.simulate.people import SOURCES, Difficulty, Person, Wearing, generator

Array = npt.NDArray[np.float64]

# A muscle that reaches no electrode by more than this is not worth computing.
AUDIBLE = 0.01
# Held by a human, no contraction is steady: RMS of the slow relative fluctuation.
UNSTEADY = 0.12
# uV by which a fully contracted muscle's stretched skin shifts the baseline of a good electrode.
STRETCH_UV = 60.0


class Skin:
    """One person in one wearing: gives (time, channel) uV at the skin, block after block.

    Parameters
    ----------
    montage : the channels
    rate : Hz
    participant, session, seed : who, which wearing, in which world
    difficulty : how much people differ
    mains : Hz, or 0 for none
    """

    def __init__(
        self,
        montage: Sequence[facs.Site],
        *,
        rate: float,
        participant: int,
        session: int,
        seed: int,
        difficulty: Difficulty,
        mains: float,
    ) -> None:
        key = (participant, session)
        self.rate = rate
        self.person = Person.draw(participant, seed=seed, difficulty=difficulty)
        self.wearing = Wearing.draw(self.person, montage, seed=seed, key=key)
        self.surroundings = Surroundings(
            rate,
            self.wearing,
            mains=mains,
            artefacts=difficulty.artefacts,
            seed=seed,
            key=key,
        )
        self.performer = Performer(self.person, seed=seed, key=key, blinked=self.surroundings.blink)
        self.scan = 0
        self._heard = np.flatnonzero(self.wearing.mixing.max(axis=0) > AUDIBLE)
        count = self._heard.size
        rng = generator(seed, 7, *key)
        self._steadiness = Sines.draw(
            rng, rng.uniform(0.4, 3.0, 4), count, np.full(count, UNSTEADY)
        )
        self._units = MotorUnits(
            rate,
            [SOURCES[i].muscle for i in self._heard],
            np.full(count, self.person.pitch),
            (generator(seed, 8, *key), generator(seed, 9, *key)),
        )
        mixing = self.wearing.mixing[:, self._heard]
        # No muscle is ever quite silent: tone is a drive that does not stop.
        self._tone = (self.person.tone / self.person.mvc)[self._heard]
        self._to_channels = (mixing * self.person.mvc[self._heard]).T
        stretch = rng.choice((-1.0, 1.0), count) * STRETCH_UV * difficulty.artefacts
        self._stretch = (mixing * stretch).T

    def push(self, n: int) -> tuple[Array, Array]:
        """Give the next `n` scans: (signal at the skin, EMG alone), each (time, channel) in uV."""
        t = (self.scan + np.arange(n)) / self.rate
        self.scan += n
        self.performer.advance(self.scan / self.rate)
        effort = self.performer.drive(t)[:, self._heard]
        steady = 1.0 + self._steadiness.at(t)
        drive = np.clip(effort * steady + self._tone, 0.0, 1.0)
        # Not `@`: BLAS starts threads for products too small to gain from them.
        clean = np.einsum("ts,sc->tc", self._units.push(drive), self._to_channels)
        skin = self.surroundings.push(t, self.rate)
        skin += clean
        skin += np.einsum("ts,sc->tc", effort, self._stretch)
        return skin, clean
