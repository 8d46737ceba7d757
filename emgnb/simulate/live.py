"""Simulate a live face: a stream of ADC counts, with expressions on cue."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb.simulate._behaviour import FASTEST_REACTION
from emgnb.simulate._skin import Skin
from emgnb.simulate.people import Difficulty, as_montage, difficulty_of
from emgnb.simulate.sensors import Adc, Sensor, sensor_of

if TYPE_CHECKING:
    import xarray as xr

# Time computed ahead of reading (s); shorter than any reaction time, so cues are never too late.
AHEAD = 0.05
# Converter of an Arduino.
ARDUINO = Adc(bits=10, reference=5.0)


class LiveFace:
    """Simulated face behind the ADC of a microcontroller, for ports.

    The stream does not depend on how it is read: block sizes of one scan or one minute give the
    same values. Time is determined by the number of scans read, not by the wall clock. Instances
    are thread-safe.

    Parameters
    ----------
    rate : Hz, scans per second
    channels : number of sites from `facs.WIDE_MONTAGE` (1 to 16), or a montage as in `face`
    sensor : "raw", "v3", or a custom sensor
    seed, participant, session : as in `face`
    difficulty, mains : as in `face`
    repeats : expression to repeat, 2 s in every 4, until the first cue; None for no movement
    adc : converter; by default 10 bits over 5 V, as on an Arduino

    Raises
    ------
    ValueError : unknown names, more channels than sites, or `rate` outside 50 to 50 000 Hz
    """

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        channels: int | Sequence[Any] = 8,
        sensor: str | Sensor = "raw",
        seed: int = 0,
        participant: int = 0,
        session: int = 0,
        difficulty: str | Difficulty = "field",
        mains: float = 50.0,
        repeats: str | None = None,
        adc: Adc = ARDUINO,
    ) -> None:
        if isinstance(channels, int):
            if not 1 <= channels <= len(facs.WIDE_MONTAGE):
                raise ValueError(
                    f"{channels} channels: the face has 1 to {len(facs.WIDE_MONTAGE)} sites"
                )
            channels = facs.WIDE_MONTAGE[:channels]
        if repeats is not None and repeats not in facs.EXPRESSIONS:
            raise ValueError(
                f"no expression {repeats!r}; expected one of {', '.join(facs.EXPRESSIONS)}"
            )
        if not 50.0 <= rate <= 50_000.0:
            raise ValueError(f"rate {rate} Hz is outside 50 to 50000 Hz")
        assert AHEAD < FASTEST_REACTION
        self._sites = as_montage(channels)
        self._rate = float(rate)
        self._sensor = sensor_of(sensor)
        self._adc = adc
        self._skin = Skin(
            self._sites,
            rate=self._rate,
            participant=participant,
            session=session,
            seed=seed,
            difficulty=difficulty_of(difficulty),
            mains=mains,
        )
        self._stream = self._sensor.stream(self._rate, len(self._sites))
        self._block = max(1, int(AHEAD * self._rate))
        self._left = np.empty((0, len(self._sites)), dtype=np.uint16)
        self._read = 0
        self._repeats = repeats
        self._next_call = (1.0, repeats)
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Sampling rate in Hz (scans per second)."""
        return self._rate

    @property
    def channels(self) -> list[str]:
        """Channel names."""
        return [site.channel for site in self._sites]

    @property
    def muscle(self) -> list[str]:
        """Muscle under each channel."""
        return [site.muscle for site in self._sites]

    @property
    def side(self) -> list[str]:
        """Side of each channel: left, right or midline."""
        return [site.side for site in self._sites]

    @property
    def signal_kind(self) -> str:
        """Sensor output: raw or envelope."""
        return self._sensor.signal_kind

    @property
    def units(self) -> str:
        """Unit of the values that `read` returns: counts of the ADC."""
        return "count"

    @property
    def volts_per_count(self) -> float:
        """V per count at the ADC's pin."""
        return self._adc.volts_per_count

    @property
    def gain(self) -> float:
        """V at the pin per V at the skin."""
        return self._sensor.gain

    @property
    def time(self) -> float:
        """Time of the next scan in s."""
        return self._read / self._rate

    def read(self, n_scans: int) -> npt.NDArray[np.uint16]:
        """Return the next `n_scans` scans, (scan, channel) in counts."""
        with self._lock:
            parts = [self._left[:n_scans]]
            self._left = self._left[n_scans:]
            missing = n_scans - parts[0].shape[0]
            while missing > 0:
                self._repeat()
                skin, _ = self._skin.push(self._block)
                counts = self._adc.counts(self._stream.push(skin))
                parts.append(counts[:missing])
                self._left = counts[missing:]
                missing -= parts[-1].shape[0]
            self._read += n_scans
            return parts[0].copy() if len(parts) == 1 else np.concatenate(parts)

    def cue(self, text: str) -> bool:
        """Cue an expression now; it begins after a reaction time and is held until the next cue.

        The markers of `emgnb.cues` are supported: "smile", "practice smile" and "mvc smile" (of
        maximum strength) start a smile; "baseline", "end", "pause", "rest", "relax", "stop" and
        "neutral" relax the face. Other texts have no effect, and False is returned.
        """
        with self._lock:
            understood = self._skin.performer.cue(self.time, text)
            if understood:
                self._repeats = None
            return understood

    def steer(self, units: Mapping[str, float]) -> None:
        """Move action units to these strengths now, and hold them until the next call.

        For somebody who controls the face from outside, as `simulate.Player`. The change begins
        with the next block, at most 50 ms later, and takes one block. It is added to movements on
        cue, and `truth` does not list it.

        Parameters
        ----------
        units : action unit, such as "12" or "L12" → fraction of MVC, 0 to 1; others go to rest

        Raises
        ------
        ValueError : an unknown unit, or a fraction outside 0 to 1

        Examples
        --------
        >>> from emgnb import simulate
        >>> face = simulate.LiveFace(channels=8, difficulty="easy")
        >>> quiet = face.read(1000).std(axis=0)
        >>> face.steer({"12": 0.8})
        >>> loud = face.read(1000).std(axis=0)
        >>> face.channels[(loud / quiet).argmax()].startswith("zygomaticus_major")
        True
        """
        for unit, fraction in units.items():
            number = unit[1:] if unit[:1] in ("L", "R") else unit
            if number not in facs.AUS or not 0.0 <= fraction <= 1.0:
                raise ValueError(
                    f"{unit!r}: {fraction!r}, expected an action unit of facs.AUS, such as 'L12', "
                    f"and a fraction of MVC from 0 to 1"
                )
        with self._lock:
            self._skin.performer.steer(units)

    def truth(self) -> xr.Dataset:
        """Return the event table of all movements that began before the next scan.

        Movements that are still held have their offset at the next scan.
        """
        with self._lock:
            return self._skin.performer.truth(self.time)

    def movements(self) -> dict[str, list[Any]]:
        """Return the columns of `truth` as JSON-serialisable lists."""
        with self._lock:
            columns = self._skin.performer.columns(self.time)
        return {name: column.tolist() for name, column in columns.items()}

    def _repeat(self) -> None:
        # Called before each block is computed. Cues are at block borders and so do not depend on
        # how the stream is read.
        now = self._skin.scan / self._rate
        if self._repeats is None or now < self._next_call[0]:
            return
        time, text = self._next_call
        self._skin.performer.cue(now, text or "rest")
        self._next_call = (time + 2.0, "rest" if text == self._repeats else self._repeats)
