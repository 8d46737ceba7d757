"""A face that answers: counts of an ADC, block after block, and expressions on cue."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb.simulate.behaviour import FASTEST_REACTION
from emgnb.simulate.people import Difficulty, as_montage, difficulty_of
from emgnb.simulate.sensors import Adc, Sensor, sensor_of
from emgnb.simulate.stream import Skin

if TYPE_CHECKING:
    import xarray as xr

# Computed ahead of what was read; shorter than any reaction, so that a cue never comes too late.
AHEAD = 0.05
ARDUINO = Adc(bits=10, reference=5.0)


class LiveFace:
    """The simulated face behind a microcontroller's ADC, for ports.

    The stream does not depend on how it is read: one scan at a time or a minute, the same bytes.
    Time is what was read, not the clock on the wall. Threads may share it.

    Parameters
    ----------
    rate : Hz, scans a second
    channels : how many sites of `facs.WIDE_MONTAGE` (1 to 16), or a montage as in `face`
    sensor : "raw", "v3", or a sensor of your own
    seed, participant, session : as in `face`
    difficulty, mains : as in `face`
    repeats : an expression to make by itself, 2 s in every 4, until the first cue; None: keep still
    adc : the converter; 10 bits over 5 V as on an Arduino

    Raises
    ------
    ValueError : unknown names, more channels than sites
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
                f"no expression {repeats!r}; the face knows: {', '.join(facs.EXPRESSIONS)}"
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
        """Scans a second, Hz."""
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
        """What the sensors give: raw or envelope."""
        return self._sensor.signal_kind

    @property
    def units(self) -> str:
        """Unit of what `read` gives: counts of the ADC."""
        return "count"

    @property
    def volts_per_count(self) -> float:
        """V a count at the ADC's pin."""
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
        """Give the next `n_scans`, (scan, channel) counts."""
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
        """Ask for an expression now; it begins after a reaction time and is held till the next cue.

        "rest", "neutral", "relax", "end", "stop" and "pause" let the face go. Other words are not
        understood and change nothing: gives False.
        """
        with self._lock:
            understood = self._skin.performer.cue(self.time, text)
            if understood:
                self._repeats = None
            return understood

    def truth(self) -> xr.Dataset:
        """Give the event table of all movements that began before the next scan.

        What is still held has its offset at the next scan.
        """
        with self._lock:
            return self._skin.performer.truth(self.time)

    def movements(self) -> dict[str, list[Any]]:
        """Give the columns of `truth` as lists, as JSON takes them."""
        with self._lock:
            columns = self._skin.performer.columns(self.time)
        return {name: column.tolist() for name, column in columns.items()}

    def _repeat(self) -> None:
        # Called for every block, before it is computed; calls fall on block borders and so do not
        # depend on how the stream is read.
        now = self._skin.scan / self._rate
        if self._repeats is None or now < self._next_call[0]:
            return
        time, text = self._next_call
        self._skin.performer.cue(now, text or "rest")
        self._next_call = (time + 2.0, "rest" if text == self._repeats else self._repeats)
