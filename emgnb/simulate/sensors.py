"""What the electronics make of the skin's signal: an amplifier, or a module that rectifies.

`RawSensor` amplifies. `V3Sensor` is the "EMG Muscle Sensor Module V3.0": it rectifies and smooths
inside, so what it gives is an envelope and never the EMG itself. Both stop at their supply, and an
`Adc` turns volts into counts. `sensor.apply(signal)` shows what a sensor would make of any raw
signal; `sensor.stream(rate, channels)` does the same block by block.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]

_VOLTS = {"uV": 1e-6, "mV": 1e-3, "V": 1.0}


class SensorStream(Protocol):
    """A sensor in use: gets uV at the skin, gives volts, remembers what it has to."""

    def push(self, skin: Array) -> Array:
        """Give (time, channel) volts for the next (time, channel) uV."""
        ...


class Sensor(Protocol):
    """What a sensor has: a kind, a gain in volts per volt, and a stream."""

    @property
    def signal_kind(self) -> str:
        """What it gives: "raw" or "envelope"."""
        ...

    @property
    def gain(self) -> float:
        """V per V."""
        ...

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Start it at `rate` Hz."""
        ...


@dataclass(frozen=True)
class RawSensor:
    """An amplifier of the raw signal, about half the supply.

    Parameters
    ----------
    gain : V per V
    offset : V, the output at rest
    supply : V; the output stops at 0 and here
    """

    gain: float = 1000.0
    offset: float = 2.5
    supply: float = 5.0

    @property
    def signal_kind(self) -> str:
        """What it gives: "raw"."""
        return "raw"

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Start it at `rate` Hz."""
        return _RawStream(self)

    def apply(self, signal: xr.DataArray) -> xr.DataArray:
        """Give what the sensor makes of a raw signal.

        Parameters
        ----------
        signal : (time, channel) raw, in uV, mV or V at the skin, uniform; NaN stays NaN

        Returns
        -------
        (time, channel) in V

        Raises
        ------
        ValueError : `signal` is not raw, or not in volts
        """
        return _apply(self, "raw_sensor", signal)


@dataclass(frozen=True)
class V3Sensor:
    """The V3 module: alternating-current input, full-wave rectifier, smoothing, gain.

    Parameters
    ----------
    gain : V per V of the rectified mean; a pot on the board. 15000 suits a face, 3000 an arm.
    offset : V at rest
    smoothing : time constant in s of the RC that smooths (80.6 kΩ · 1 µF on its predecessors)
    coupling : Hz, corner of the first-order high-pass at the input, without which the electrodes'
        direct voltage would be rectified, too; 0 for none (our assumption, not a data sheet's)
    supply : V the output reaches; ±9 V modules drive a 5 V pin beyond its range
    """

    gain: float = 15000.0
    offset: float = 0.1
    smoothing: float = 0.080
    coupling: float = 10.0
    supply: float = 7.5

    @property
    def signal_kind(self) -> str:
        """What it gives: "envelope"."""
        return "envelope"

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Start it at `rate` Hz."""
        return _V3Stream(self, rate, channels)

    def apply(self, signal: xr.DataArray) -> xr.DataArray:
        """Give what the sensor makes of a raw signal.

        Parameters
        ----------
        signal : (time, channel) raw, in uV, mV or V at the skin, uniform; from a NaN on the
            channel is NaN, as nobody knows what the smoother held

        Returns
        -------
        (time, channel) in V, `signal_kind` = envelope

        Raises
        ------
        ValueError : `signal` is not raw, not in volts, or not uniform
        """
        return _apply(self, "v3_sensor", signal)


class _RawStream:
    def __init__(self, sensor: RawSensor) -> None:
        self._sensor = sensor

    def push(self, skin: Array) -> Array:
        volts = self._sensor.offset + self._sensor.gain * 1e-6 * skin
        return np.asarray(np.clip(volts, 0.0, self._sensor.supply))


class _V3Stream:
    def __init__(self, sensor: V3Sensor, rate: float, channels: int) -> None:
        self._sensor = sensor
        pole = np.exp(-1.0 / (sensor.smoothing * rate)) if sensor.smoothing > 0 else 0.0
        self._smooth = (np.array([1.0 - pole]), np.array([1.0, -pole]))
        pole = np.exp(-2.0 * np.pi * sensor.coupling / rate)
        half = (1.0 + pole) / 2.0
        couple = sensor.coupling > 0
        self._couple = (np.array([half, -half]), np.array([1.0, -pole])) if couple else None
        self._before = np.zeros((1, channels))
        self._held = np.zeros((1, channels))

    def push(self, skin: Array) -> Array:
        x = skin * 1e-6
        if self._couple is not None:
            x, self._before = lfilter(*self._couple, x, axis=0, zi=self._before)
        x, self._held = lfilter(*self._smooth, np.abs(x), axis=0, zi=self._held)
        volts = self._sensor.offset + self._sensor.gain * x
        return np.asarray(np.clip(volts, 0.0, self._sensor.supply))


@dataclass(frozen=True)
class Adc:
    """A converter of 0 to `reference` volts into `bits`; what lies outside becomes its end."""

    bits: int = 10
    reference: float = 5.0

    @property
    def volts_per_count(self) -> float:
        """Width of a step in V."""
        return self.reference / float(2**self.bits)

    def counts(self, volts: Array) -> npt.NDArray[np.uint16]:
        """Convert volts into counts from 0 to 2**bits - 1, rounding down as the hardware does."""
        counts = np.floor(volts / self.volts_per_count)
        return np.clip(counts, 0, 2**self.bits - 1).astype(np.uint16)


def _apply(sensor: RawSensor | V3Sensor, step: str, signal: xr.DataArray) -> xr.DataArray:
    from emgnb import recording

    kinds = sorted({str(kind) for kind in signal["signal_kind"].values})
    units = signal.attrs.get("units")
    if kinds != ["raw"]:
        raise ValueError(f"a sensor needs the raw signal at the skin, this one is {kinds}")
    if units not in _VOLTS:
        raise ValueError(f"a sensor needs uV, mV or V at the skin, this signal is in {units!r}")
    values = signal.transpose("time", "channel")
    skin = values.values.astype(np.float64) * (_VOLTS[units] / 1e-6)
    stream = sensor.stream(recording.sampling_rate(signal), values.sizes["channel"])
    out = values.copy(data=stream.push(skin).astype(np.float32)).assign_attrs(units="V")
    width = values.sizes["channel"]
    out = out.assign_coords(
        signal_kind=("channel", np.full(width, sensor.signal_kind)),
        gain=("channel", np.full(width, sensor.gain)),
    )
    return recording.with_history(out, step, **asdict(sensor))


SENSORS: dict[str, Sensor] = {"raw": RawSensor(), "v3": V3Sensor()}


def sensor_of(sensor: str | Sensor) -> Sensor:
    """Look a sensor up by name ("raw", "v3"); a sensor passes."""
    if not isinstance(sensor, str):
        return sensor
    if sensor not in SENSORS:
        raise ValueError(f"sensor {sensor!r} is none of: {', '.join(SENSORS)}")
    return SENSORS[sensor]
