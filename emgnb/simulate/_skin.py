"""Simulate the continuous signal at the skin, for sessions and live ports."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emgnb import facs
from emgnb._arrays import Floats
from emgnb.simulate._artefacts import Sines, Surroundings
from emgnb.simulate._behaviour import Performer
from emgnb.simulate.muscles import MotorUnits
from emgnb.simulate.people import SOURCES, Difficulty, Person, Placement, generator

# Minimum mixing weight at any electrode; weaker muscles are not computed.
AUDIBLE = 0.01
# Slow fluctuation of held contractions (RMS, relative).
UNSTEADY = 0.12
# Baseline shift of a good electrode from skin stretch at full contraction (uV).
STRETCH_UV = 60.0


class Skin:
    """Signal at the skin of one person with one electrode placement, block by block.

    Parameters
    ----------
    montage : sites, one per channel
    rate : Hz
    participant, session, seed : numbers of the person and of the electrode placement, and the
        random seed of the simulation
    difficulty : variation between people
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
        self.placement = Placement.draw(self.person, montage, seed=seed, key=key)
        self.surroundings = Surroundings(
            rate,
            self.placement,
            mains=mains,
            artefacts=difficulty.artefacts,
            seed=seed,
            key=key,
        )
        self.performer = Performer(self.person, seed=seed, key=key, blinked=self.surroundings.blink)
        self.scan = 0
        self._heard = np.flatnonzero(self.placement.mixing.max(axis=0) > AUDIBLE)
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
        mixing = self.placement.mixing[:, self._heard]
        # Muscle tone is a constant drive.
        self._tone = (self.person.tone / self.person.mvc)[self._heard]
        self._to_channels = (mixing * self.person.mvc[self._heard]).T
        stretch = rng.choice((-1.0, 1.0), count) * STRETCH_UV * difficulty.artefacts
        self._stretch = (mixing * stretch).T

    def push(self, n: int) -> tuple[Floats, Floats]:
        """Return the next `n` scans: (signal at skin, EMG alone), each (time, channel) in uV."""
        t = (self.scan + np.arange(n)) / self.rate
        self.scan += n
        self.performer.advance(self.scan / self.rate)
        effort = self.performer.drive(t)[:, self._heard]
        steady = 1.0 + self._steadiness.at(t)
        drive = np.clip(effort * steady + self._tone, 0.0, 1.0)
        # Not `@`, because BLAS starts threads even for small products.
        clean = np.einsum("ts,sc->tc", self._units.push(drive), self._to_channels)
        skin = self.surroundings.push(t, self.rate)
        skin += clean
        skin += np.einsum("ts,sc->tc", effort, self._stretch)
        return skin, clean
