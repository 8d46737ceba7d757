"""What else the electrodes pick up: mains, wandering baseline, tugged cables, the heart, blinks.

Everything here is a function of time (drifting sines) or a list of events drawn one after another,
so a recording made block by block is the one made at once. All amplitudes are uV at the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb.simulate.people import EYE, Wearing, generator

Array = npt.NDArray[np.float64]

# Amplifier and electrode noise, uV per square root of Hz: 0.7 uV RMS over 500 Hz.
NOISE_DENSITY = 0.03
MAINS_UV = 3.0
# Odd harmonics outweigh even ones where rectifiers and lamps feed back into the supply.
MAINS_HARMONICS = (1.0, 0.12, 0.35, 0.06, 0.18)
MAINS_DRIFT_HZ = 0.15
WANDER_UV = 25.0
MOTION_UV = 120.0
MOTIONS_PER_MINUTE = 2.0
HEART_UV = 3.0
BLINK_UV = 90.0
# s between the points of slow functions of time.
GRID = 0.01


@dataclass(frozen=True)
class Sines:
    """A sum of slow sines, different for each channel: sum of weight · sin(2π·frequency·t)."""

    frequency: Array
    sine: Array
    cosine: Array

    @classmethod
    def draw(
        cls, rng: np.random.Generator, frequency: npt.ArrayLike, channels: int, rms: Array
    ) -> Sines:
        """Draw weights that give each channel the RMS asked for, shared equally by the sines."""
        f = np.asarray(frequency, dtype=np.float64)
        phase = rng.uniform(0.0, 2 * np.pi, (f.size, channels))
        weight = rms[None, :] * np.sqrt(2.0 / f.size)
        return cls(f, weight * np.cos(phase), weight * np.sin(phase))

    def at(self, t: Array) -> Array:
        """Value at the times `t` in s, (time, channel)."""
        # Straight lines between points 10 ms apart are within 0.5 % of a 3 Hz sine, and far
        # cheaper. The points lie at fixed times, so that a block's border changes nothing.
        first = np.floor(t[0] / GRID)
        grid = GRID * np.arange(first, np.floor(t[-1] / GRID) + 2.0)
        angle = 2 * np.pi * grid[:, None] * self.frequency[None, :]
        points = np.sin(angle) @ self.sine + np.cos(angle) @ self.cosine
        place = t / GRID - first
        before = np.clip(place.astype(np.int64), 0, grid.size - 2)
        step = np.diff(points, axis=0)[before]
        step *= (place - before)[:, None]
        step += points[before]
        return np.asarray(step)


class Mains:
    """Mains hum whose frequency drifts slowly about its nominal value, with harmonics."""

    def __init__(
        self, rng: np.random.Generator, mains: float, rate: float, amplitude: Array
    ) -> None:
        self._mains = mains
        order = np.arange(1, len(MAINS_HARMONICS) + 1)
        size = np.asarray(MAINS_HARMONICS) * np.exp(0.4 * rng.standard_normal(order.size))
        # The amplitude asked for is the fundamental's, so that only the overtones vary.
        size[0] = 1.0
        size[order * mains >= rate / 2] = 0.0
        phase = rng.uniform(0.0, 2 * np.pi, (order.size, amplitude.size))
        self._weight = amplitude[None, :] * size[:, None] * np.exp(1j * phase)
        self._rhythm = rng.uniform(0.005, 0.05, 3)
        self._start = rng.uniform(0.0, 2 * np.pi, 3)
        self._depth = MAINS_DRIFT_HZ * np.sqrt(2.0 / 3.0)

    def frequency(self, t: Array) -> Array:
        """Momentary frequency in Hz at the times `t` in s."""
        angle = 2 * np.pi * t[:, None] * self._rhythm + self._start
        return np.asarray(self._mains + self._depth * np.sin(angle).sum(axis=1))

    def at(self, t: Array) -> Array:
        """Hum in uV at the times `t` in s, (time, channel)."""
        angle = 2 * np.pi * t[:, None] * self._rhythm + self._start
        swing = ((np.cos(self._start) - np.cos(angle)) / (2 * np.pi * self._rhythm)).sum(axis=1)
        turn = np.exp(2j * np.pi * (self._mains * t + self._depth * swing))
        out = np.zeros((t.size, self._weight.shape[1]))
        power = np.ones_like(turn)
        for weight in self._weight:
            power = power * turn
            out += power.real[:, None] * weight.real - power.imag[:, None] * weight.imag
        return out


@dataclass(frozen=True)
class Pulse:
    """A passing deflection: `shape` over (t - time) / width, in uV on each channel."""

    time: float
    width: float
    shape: str
    weight: Array

    @property
    def end(self) -> float:
        """Time in s after which nothing of it is left."""
        return self.time + (12.0 if self.shape == "tug" else 4.0) * self.width

    def add_to(self, out: Array, t: Array) -> None:
        """Add the pulse to (time, channel) at the times `t` in s."""
        first, last = np.searchsorted(t, (self.time, self.end))
        if first == last:
            return
        u = (t[first:last] - self.time) / self.width
        # A tug rises at once and creeps back; an eyelid goes down and up.
        wave = u * np.exp(1.0 - u) if self.shape == "tug" else np.exp(-8.0 * np.square(u - 1.0))
        out[first:last] += wave[:, None] * self.weight[None, :]


class Surroundings:
    """All that is not muscle, as (time, channel) uV at the skin.

    Parameters
    ----------
    rate : Hz
    wearing : contact and place of each electrode
    mains : Hz, or 0 for none
    artefacts : factor on everything but the amplifier's noise; 0 leaves noise and blinks
    seed, key : which world, and (participant, session)
    """

    def __init__(
        self,
        rate: float,
        wearing: Wearing,
        *,
        mains: float,
        artefacts: float,
        seed: int,
        key: tuple[int, int],
    ) -> None:
        rngs = [generator(seed, 3, *key, i) for i in range(6)]
        channels = wearing.contact.size
        self._noise, self._motion_rng, self._heart_rng = rngs[:3]
        self._noise_rms = NOISE_DENSITY * np.sqrt(rate / 2.0)
        self._place = wearing.place
        self._contact = wearing.contact
        amplitude = artefacts * MAINS_UV * np.sqrt(2.0) * wearing.contact
        hums = mains > 0 and artefacts > 0
        self.mains = Mains(rngs[3], mains, rate, amplitude) if hums else None
        rhythm = rngs[4].uniform(0.05, 0.6, 5)
        wander = artefacts * WANDER_UV * wearing.contact
        self._wander = Sines.draw(rngs[4], rhythm, channels, wander)
        self._artefacts = artefacts
        self._motion_mean = 60.0 / (MOTIONS_PER_MINUTE * artefacts) if artefacts > 0 else np.inf
        self._next_motion = self._motion_mean * self._motion_rng.exponential()
        self._heart_period = float(self._heart_rng.uniform(0.75, 1.0))
        # Down the face and nearer the neck the heart is stronger.
        low = np.clip(-wearing.place[:, 1] / 90.0, 0.0, 1.0)
        self._heart_weight = artefacts * HEART_UV * (0.4 + 0.9 * low)
        self._beats = [-self._heart_rng.uniform(0.0, self._heart_period)]
        self._pulses: list[Pulse] = []

    def blink(self, time: float, strength: float) -> None:
        """Add the potential of an eyelid that begins to move at `time` s (strength: about 1)."""
        away = np.abs(self._place) - np.asarray(EYE)
        near = (1.0 + np.square(away).sum(axis=1) / 30.0**2) ** -1.5
        # Above the eye the potential has the other sign than below it.
        sign = np.where(self._place[:, 1] > EYE[1], 1.0, -0.6)
        weight = BLINK_UV * strength * near * sign
        self._pulses.append(Pulse(time, 0.12, "lid", weight))

    def push(self, t: Array, rate: float) -> Array:
        """Give (time, channel) for the next times `t` in s."""
        until = float(t[-1]) + 1.0 / rate
        self._draw_events(until)
        out = self._noise.standard_normal((t.size, self._contact.size))
        out *= self._noise_rms
        out += self._wander.at(t)
        if self.mains is not None:
            out += self.mains.at(t)
        out += _heart(t, np.asarray(self._beats))[:, None] * self._heart_weight
        for pulse in self._pulses:
            pulse.add_to(out, t)
        self._pulses = [pulse for pulse in self._pulses if pulse.end > until]
        self._beats = [beat for beat in self._beats if beat > until - 1.0]
        return out

    def _draw_events(self, until: float) -> None:
        while self._beats[-1] < until + 1.0:
            step = self._heart_period * (1.0 + 0.05 * self._heart_rng.standard_normal())
            self._beats.append(self._beats[-1] + max(step, 0.4))
        while self._next_motion < until:
            rng = self._motion_rng
            centre = self._place[rng.integers(self._place.shape[0])]
            reach = 1.0 / (1.0 + np.square(self._place - centre).sum(axis=1) / 25.0**2)
            size = MOTION_UV * self._artefacts * np.exp(0.6 * rng.standard_normal())
            weight = rng.choice((-1.0, 1.0)) * size * reach * self._contact
            width = rng.uniform(0.03, 0.15)
            self._pulses.append(Pulse(self._next_motion, width, "tug", weight))
            self._next_motion += self._motion_mean * rng.exponential()


# (delay after the R peak in s, width in s, height against R) of P, Q, R, S and T.
_HEART = (
    (-0.16, 0.022, 0.12),
    (-0.030, 0.009, -0.15),
    (0.0, 0.011, 1.0),
    (0.030, 0.010, -0.25),
    (0.26, 0.045, 0.25),
)


def _heart(t: Array, beats: Array) -> Array:
    out = np.zeros_like(t)
    for beat in beats:
        first, last = np.searchsorted(t, (beat - 0.25, beat + 0.45))
        u = t[first:last] - beat
        for delay, width, height in _HEART:
            out[first:last] += height * np.exp(-0.5 * np.square((u - delay) / width))
    return out
