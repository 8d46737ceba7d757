"""Simulate EMG sensors: an amplifier, and a module that rectifies and smooths.

`RawSensor` amplifies. `V3Sensor` models the "EMG Muscle Sensor Module V3.0", which rectifies and
smooths internally, so its output is an envelope and not raw EMG. The output of both is limited by
the supply. An `Adc` converts volts to counts. `sensor.apply(signal)` applies a sensor to any raw
signal, and `sensor.stream(rate, channels)` does so block by block.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from emgnb._arrays import Floats

if TYPE_CHECKING:
    import xarray as xr


_VOLTS = {"uV": 1e-6, "mV": 1e-3, "V": 1.0}


class SensorStream(Protocol):
    """Stateful sensor that converts uV at the skin to volts, block by block."""

    def push(self, skin: Floats) -> Floats:
        """Return (time, channel) in V for the next (time, channel) in uV."""
        ...


class Sensor(Protocol):
    """Interface of a sensor: a signal kind, a gain in V per V, and a stream."""

    @property
    def signal_kind(self) -> str:
        """Sensor output: "raw" or "envelope"."""
        ...

    @property
    def gain(self) -> float:
        """V per V."""
        ...

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Return a stream at `rate` Hz."""
        ...


@dataclass(frozen=True)
class RawSensor:
    """Amplifier of the raw signal, centred on half the supply.

    Parameters
    ----------
    gain : V per V
    offset : V, output at rest
    supply : V; the output is clipped at 0 and `supply`
    """

    gain: float = 1000.0
    offset: float = 2.5
    supply: float = 5.0

    @property
    def signal_kind(self) -> str:
        """Sensor output: "raw"."""
        return "raw"

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Return a stream at `rate` Hz."""
        return _RawStream(self)

    def apply(self, signal: xr.DataArray) -> xr.DataArray:
        """Return the output of the sensor for a raw signal.

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
    """V3 module: AC-coupled input, full-wave rectifier, smoothing and gain.

    Parameters
    ----------
    gain : V per V of the rectified mean, set by a potentiometer; 15000 suits a face, 3000 an arm
    offset : V, output at rest
    smoothing : s, time constant of the RC smoothing filter (80.6 kΩ · 1 µF on its predecessors)
    coupling : Hz, corner of the first-order high-pass at the input, without which the DC offset of
        the electrodes would be rectified too; 0 for none (our assumption, not from a data sheet)
    supply : V, maximum output; ±9 V modules exceed the range of a 5 V pin
    """

    gain: float = 15000.0
    offset: float = 0.1
    smoothing: float = 0.080
    coupling: float = 10.0
    supply: float = 7.5

    @property
    def signal_kind(self) -> str:
        """Sensor output: "envelope"."""
        return "envelope"

    def stream(self, rate: float, channels: int) -> SensorStream:
        """Return a stream at `rate` Hz."""
        return _V3Stream(self, rate, channels)

    def apply(self, signal: xr.DataArray) -> xr.DataArray:
        """Return the output of the sensor for a raw signal.

        Parameters
        ----------
        signal : (time, channel) raw, in uV, mV or V at the skin, uniform; after a NaN the rest of
            the channel is NaN, because the state of the smoothing filter is unknown

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

    def push(self, skin: Floats) -> Floats:
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

    def push(self, skin: Floats) -> Floats:
        x = skin * 1e-6
        if self._couple is not None:
            x, self._before = lfilter(*self._couple, x, axis=0, zi=self._before)
        x, self._held = lfilter(*self._smooth, np.abs(x), axis=0, zi=self._held)
        volts = self._sensor.offset + self._sensor.gain * x
        return np.asarray(np.clip(volts, 0.0, self._sensor.supply))


@dataclass(frozen=True)
class Adc:
    """Converter of 0 to `reference` V with `bits` bits; values outside the range are clipped."""

    bits: int = 10
    reference: float = 5.0

    @property
    def volts_per_count(self) -> float:
        """Step size in V."""
        return self.reference / float(2**self.bits)

    def counts(self, volts: Floats) -> npt.NDArray[np.uint16]:
        """Convert volts to counts from 0 to 2**bits - 1, rounded down as in hardware."""
        counts = np.floor(volts / self.volts_per_count)
        return np.clip(counts, 0, 2**self.bits - 1).astype(np.uint16)


def _apply(sensor: RawSensor | V3Sensor, step: str, signal: xr.DataArray) -> xr.DataArray:
    from emgnb import recording

    kinds = sorted({str(kind) for kind in signal["signal_kind"].values})
    units = signal.attrs.get("units")
    if kinds != ["raw"]:
        raise ValueError(f"a sensor needs the raw signal at the skin; this signal is {kinds}")
    if units not in _VOLTS:
        raise ValueError(f"a sensor needs a signal in uV, mV or V; this signal is in {units!r}")
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
    """Return a sensor by name ("raw", "v3"); a sensor is returned unchanged."""
    if not isinstance(sensor, str):
        return sensor
    if sensor not in SENSORS:
        raise ValueError(f"sensor {sensor!r} is not one of: {', '.join(SENSORS)}")
    return SENSORS[sensor]
