"""Simulate noise and artefacts: mains, baseline wander, cable motion, heartbeat and blinks.

All components are functions of time (drifting sines) or lists of events drawn in sequence, so the
result does not depend on the block size. All amplitudes are in uV at the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats
from emgnb.simulate.people import EYE, Placement, generator

# Amplifier and electrode noise (uV per square root of Hz): 0.7 uV RMS over 500 Hz.
NOISE_DENSITY = 0.03
# RMS of the mains fundamental (uV).
MAINS_UV = 3.0
# Mains harmonics relative to the fundamental; odd ones dominate, due to rectifiers and lamps.
MAINS_HARMONICS = (1.0, 0.12, 0.35, 0.06, 0.18)
# RMS drift of the mains frequency (Hz).
MAINS_DRIFT_HZ = 0.15
# RMS of baseline wander (uV).
WANDER_UV = 25.0
# Median amplitude of motion artefacts (uV).
MOTION_UV = 120.0
# Mean rate of motion artefacts (1/min).
MOTIONS_PER_MINUTE = 2.0
# Scale of the R peak (uV).
HEART_UV = 3.0
# Scale of the blink potential (uV).
BLINK_UV = 90.0
# Spacing of interpolation points for slow functions of time (s).
GRID = 0.01


@dataclass(frozen=True)
class Sines:
    """Sum of slow sines with separate weights per channel: weight · sin(2π·frequency·t)."""

    frequency: Floats
    sine: Floats
    cosine: Floats

    @classmethod
    def draw(
        cls, rng: np.random.Generator, frequency: npt.ArrayLike, channels: int, rms: Floats
    ) -> Sines:
        """Draw weights that give each channel the required RMS, divided equally among the sines."""
        f = np.asarray(frequency, dtype=np.float64)
        phase = rng.uniform(0.0, 2 * np.pi, (f.size, channels))
        weight = rms[None, :] * np.sqrt(2.0 / f.size)
        return cls(f, weight * np.cos(phase), weight * np.sin(phase))

    def at(self, t: Floats) -> Floats:
        """Return the values at times `t` in s, (time, channel)."""
        # Linear interpolation between points 10 ms apart is within 0.5 % of a 3 Hz sine, and much
        # faster. The points are at fixed times, so the result does not depend on block borders.
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
    """Mains interference with harmonics, and a frequency that drifts about its nominal value."""

    def __init__(
        self, rng: np.random.Generator, mains: float, rate: float, amplitude: Floats
    ) -> None:
        self._mains = mains
        order = np.arange(1, len(MAINS_HARMONICS) + 1)
        size = np.asarray(MAINS_HARMONICS) * np.exp(0.4 * rng.standard_normal(order.size))
        # `amplitude` is that of the fundamental, so only the overtones vary.
        size[0] = 1.0
        size[order * mains >= rate / 2] = 0.0
        phase = rng.uniform(0.0, 2 * np.pi, (order.size, amplitude.size))
        self._weight = amplitude[None, :] * size[:, None] * np.exp(1j * phase)
        self._rhythm = rng.uniform(0.005, 0.05, 3)
        self._start = rng.uniform(0.0, 2 * np.pi, 3)
        self._depth = MAINS_DRIFT_HZ * np.sqrt(2.0 / 3.0)

    def frequency(self, t: Floats) -> Floats:
        """Return the instantaneous frequency in Hz at times `t` in s."""
        angle = 2 * np.pi * t[:, None] * self._rhythm + self._start
        return np.asarray(self._mains + self._depth * np.sin(angle).sum(axis=1))

    def at(self, t: Floats) -> Floats:
        """Return the interference in uV at times `t` in s, (time, channel)."""
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
    """Transient deflection: `shape` over (t - time) / width, in uV on each channel."""

    time: float
    width: float
    shape: str
    weight: Floats

    @property
    def end(self) -> float:
        """Time in s after which the pulse is negligible."""
        return self.time + (12.0 if self.shape == "tug" else 4.0) * self.width

    def add_to(self, out: Floats, t: Floats) -> None:
        """Add the pulse to `out` (time, channel) at times `t` in s."""
        first, last = np.searchsorted(t, (self.time, self.end))
        if first == last:
            return
        u = (t[first:last] - self.time) / self.width
        # A cable tug rises fast and decays slowly; a blink is symmetric.
        wave = u * np.exp(1.0 - u) if self.shape == "tug" else np.exp(-8.0 * np.square(u - 1.0))
        out[first:last] += wave[:, None] * self.weight[None, :]


class Surroundings:
    """Noise and artefacts, as (time, channel) in uV at the skin.

    Parameters
    ----------
    rate : Hz
    placement : contact and position of each electrode
    mains : Hz, or 0 for none
    artefacts : scale of all artefacts except amplifier noise and blinks; 0 leaves only these two
    seed, key : random seed of the simulation, and (participant, session)
    """

    def __init__(
        self,
        rate: float,
        placement: Placement,
        *,
        mains: float,
        artefacts: float,
        seed: int,
        key: tuple[int, int],
    ) -> None:
        rngs = [generator(seed, 3, *key, i) for i in range(6)]
        channels = placement.contact.size
        self._noise, self._motion_rng, self._heart_rng = rngs[:3]
        self._noise_rms = NOISE_DENSITY * np.sqrt(rate / 2.0)
        self._place = placement.place
        self._contact = placement.contact
        amplitude = artefacts * MAINS_UV * np.sqrt(2.0) * placement.contact
        hums = mains > 0 and artefacts > 0
        self.mains = Mains(rngs[3], mains, rate, amplitude) if hums else None
        rhythm = rngs[4].uniform(0.05, 0.6, 5)
        wander = artefacts * WANDER_UV * placement.contact
        self._wander = Sines.draw(rngs[4], rhythm, channels, wander)
        self._artefacts = artefacts
        self._motion_mean = 60.0 / (MOTIONS_PER_MINUTE * artefacts) if artefacts > 0 else np.inf
        self._next_motion = self._motion_mean * self._motion_rng.exponential()
        self._heart_period = float(self._heart_rng.uniform(0.75, 1.0))
        # The heartbeat is stronger lower on the face, nearer to the neck.
        low = np.clip(-placement.place[:, 1] / 90.0, 0.0, 1.0)
        self._heart_weight = artefacts * HEART_UV * (0.4 + 0.9 * low)
        self._beats = [-self._heart_rng.uniform(0.0, self._heart_period)]
        self._pulses: list[Pulse] = []

    def blink(self, time: float, strength: float) -> None:
        """Add the potential of a blink that begins at `time` s (strength: about 1)."""
        away = np.abs(self._place) - np.asarray(EYE)
        near = (1.0 + np.square(away).sum(axis=1) / 30.0**2) ** -1.5
        # The potential has opposite signs above and below the eye.
        sign = np.where(self._place[:, 1] > EYE[1], 1.0, -0.6)
        weight = BLINK_UV * strength * near * sign
        self._pulses.append(Pulse(time, 0.12, "lid", weight))

    def push(self, t: Floats, rate: float) -> Floats:
        """Return (time, channel) for the next times `t` in s."""
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


# Waves P, Q, R, S and T: delay after the R peak (s), width (s), height relative to R.
_HEART = (
    (-0.16, 0.022, 0.12),
    (-0.030, 0.009, -0.15),
    (0.0, 0.011, 1.0),
    (0.030, 0.010, -0.25),
    (0.26, 0.045, 0.25),
)


def _heart(t: Floats, beats: Floats) -> Floats:
    out = np.zeros_like(t)
    for beat in beats:
        first, last = np.searchsorted(t, (beat - 0.25, beat + 0.45))
        u = t[first:last] - beat
        for delay, width, height in _HEART:
            out[first:last] += height * np.exp(-0.5 * np.square((u - delay) / width))
    return out
