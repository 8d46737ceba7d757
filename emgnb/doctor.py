"""Listen to a port for some seconds and say in plain words how it is, and what to do.

What a board speaks, how fast, what is lost on the way, and of each channel how loud it is and what
it looks like: raw EMG, an envelope, nothing connected, noise that was never measured. Nothing is
recorded. A muscle that keeps still says little: frown and smile meanwhile.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import quality
from emgnb.acquire.dialects import DIALECTS
from emgnb.acquire.listening import Heard, listen, unclear
from emgnb.acquire.sessions import scale_of

# What is worth a complaint: shares of clipped samples, of missing or damaged scans, of rate; and a
# rate that shows nothing of a muscle.
CLIPPED, LOST, DRIFT, SLOW = 0.01, 1e-3, 0.01, 100.0
# Mains hum: most of the power may be hum at rest; where it also fills so much of the converter's
# range, the input is open.
MAINS, FILLS = 0.5, 0.02
# µV that stand for the range of a converter of 24 bits, of which EMG uses little.
FINE_RANGE = 8000.0
# s over which the noise floor is measured, and the share of quiet ones among them.
FLOOR_S, QUIET = 0.25, 10.0
# Rows that a verdict on one channel reads.
ENOUGH = 4096
_UNCONNECTED = "is anything connected, is the sensor powered, are the electrodes on?"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel in the signal's unit: mean, spread (standard deviation) and noise floor.

    clipped, mains : shares of the samples at an end of the converter, and of the power in the hum
    looks : "raw EMG", "an envelope", "nothing connected" …
    advice : what to do, "" when all is well
    """

    name: str
    mean: float
    spread: float
    floor: float
    clipped: float
    mains: float
    looks: str
    advice: str


@dataclass(frozen=True)
class Examination:
    """What some seconds of listening showed."""

    heard: Heard
    channels: tuple[Channel, ...]
    units: str
    looks: str

    @property
    def bytes(self) -> int:
        """How many bytes came."""
        return self.heard.take.counts.bytes

    @property
    def scans(self) -> int:
        """How many scans came."""
        return self.heard.take.counts.scans

    @property
    def complaints(self) -> list[str]:
        """Every fault in a sentence, with what to do; empty when all is well."""
        heard, counts, status = self.heard, self.heard.take.counts, self.heard.take.status
        found = [heard.complaint] if heard.complaint else []
        if not counts.scans:
            return found or [_silence(heard)]
        if heard.wrong_baud is not None:
            found.append(
                f"it sends at {heard.take.device['baud']} baud, not at {heard.wrong_baud}: name "
                f"the port {heard.url}"
            )
        if counts.lost > LOST * counts.scans:
            found.append(
                f"{counts.lost} of {counts.scans + counts.lost} scans were lost: another USB "
                "socket without a hub, a lower rate, or fewer channels"
            )
        if status and status.overruns:
            found.append(
                f"the board itself missed {status.overruns} scans: a lower rate or fewer channels"
            )
        if counts.crc_errors + counts.impossible > LOST * counts.scans:
            found.append(
                f"{counts.crc_errors + counts.impossible} scans came damaged: a shorter cable, "
                "another USB socket, or a lower baud rate"
            )
        rate = heard.fit.rate if heard.fit else None
        nominal = heard.take.nominal_rate
        if rate and nominal and abs(rate / nominal - 1) > DRIFT:
            found.append(
                f"it runs at {rate:.1f} Hz, not at {nominal:g} Hz as it says: trust the measured "
                "rate, a session does"
            )
        if rate and rate < SLOW:
            found.append(
                f"{rate:.1f} Hz is too slow for EMG, raw needs 1000 Hz, an envelope 100 Hz: load "
                "the sketch of firmware/, or take delay() and slow printing out of yours"
            )
        return found + [f"{each.name}: {each.advice}" for each in self.channels if each.advice]

    def __str__(self) -> str:
        lines = [*self._about(), *self._table()]
        return "\n".join([*lines, *(f"! {fault}" for fault in self.complaints)])

    def _about(self) -> list[str]:
        heard, take = self.heard, self.heard.take
        dialect = DIALECTS[take.dialect] if take.dialect else None
        board = take.device.get("board") or take.device.get("device", "")
        usb = f" (USB {take.device['usb']})" if "usb" in take.device else ""
        said = next((text for text in take.texts if text.startswith("emgnb")), "")
        said = said or (take.texts[0] if take.texts else "says nothing of itself")
        lines = [
            f"port      {heard.url}",
            f"board     {board}{usb}",
            f"firmware  {said}",
            f"speaks    {dialect.speaks if dialect else 'nothing known'}"
            + (f", {take.device['baud']} baud" if "baud" in take.device else ""),
            f"heard     {self.bytes} bytes, {self.scans} scans in {heard.seconds:.1f} s",
        ]
        if not take.counts.scans:
            return lines
        counts = take.counts
        seen = "" if not dialect or not dialect.blind else f" ({dialect.blind})"
        lines += [
            f"rate      {_rate(heard)}",
            f"missing   {counts.lost} scans lost, {counts.crc_errors} damaged, "
            f"{counts.impossible} of impossible number{seen}",
        ]
        if heard.late.size:
            median, p95 = np.percentile(heard.late, [50, 95]) * 1e3
            lines.append(
                f"jitter    scans are there {median:.1f} ms after the earliest in the median, "
                f"{p95:.1f} ms in 19 of 20"
            )
        return [*lines, f"signal    looks like {self.looks}"]

    def _table(self) -> list[str]:
        if not self.channels:
            return []
        width = max(len(each.name) for each in self.channels)
        head = f"  {'channel':{width}}  {'mean':>9} {'spread':>9} {'noise':>9}  clipped  mains"
        return [
            f"{head}  looks like (mean, spread and noise in {self.units})",
            *(
                f"  {each.name:{width}}  {each.mean:9.4g} {each.spread:9.3g} {each.floor:9.3g}  "
                f"{each.clipped:7.1%} {_percent(each.mains)}  {each.looks}"
                for each in self.channels
            ),
        ]


def examine(url: str, *, seconds: float = 5.0) -> Examination:
    """Listen to a port; nothing is recorded.

    Parameters
    ----------
    url : see `acquire.open_port`
    seconds : how long; a board that resets on opening gets some more to begin

    Raises
    ------
    PortError : it cannot be opened, or is lost meanwhile
    """
    heard = listen(url, seconds=seconds)
    signal = heard.signal
    if signal is None:
        return Examination(heard, _levels(heard), "count", "too little to tell")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel of NaN alone; it is said
        channels, looks = _judged(signal, heard)
    return Examination(heard, channels, str(signal.attrs["units"]), looks)


def _judged(signal: xr.DataArray, heard: Heard) -> tuple[tuple[Channel, ...], str]:
    """What each channel looks like, and all together."""
    whole = quality.is_physiology(signal)
    made = quality.report(signal)
    hums = made.attrs["mains_stands_out"] >= made.attrs["mains_chance"]
    kind_known = "signal_kind" in heard.take.device
    channels = []
    for k, name in enumerate(signal["channel"].values.tolist()):
        values = signal.values[:, k].astype(np.float64)
        clipped = _clipped(values, made, heard, k)
        mains = float(made["mains"].values[k]) if hums else 0.0
        own = quality.is_physiology(signal.isel(channel=[k], time=slice(-ENOUGH, None)))
        hum = math.sqrt(mains) * float(np.nanstd(values)) if mains > MAINS else 0.0
        open_input = hum > FILLS * _range(heard)
        looks, advice = _looks(own, whole, float(np.nanstd(values)), clipped, open_input)
        if looks == "an envelope" and not kind_known:
            looks += " (record it with --kind envelope)"
        channels.append(
            Channel(
                name=str(name),
                mean=float(np.nanmean(values)),
                spread=float(np.nanstd(values)),
                floor=_floor(values, heard.fit.rate if heard.fit else 0.0),
                clipped=clipped,
                mains=float(made["mains"].values[k]),
                looks=looks,
                advice=advice,
            )
        )
    return tuple(channels), f"{whole.looks_like}"


def _looks(
    own: quality.Verdict,
    whole: quality.Verdict,
    spread: float,
    clipped: float,
    open_input: bool,
) -> tuple[str, str]:
    """Say what a channel looks like by its own verdict and that on all, and what to do."""
    if math.isnan(spread):
        return "never a number", "never a number: what does the sketch print there?"
    if spread == 0:
        return "nothing connected: flat", f"flat: {_UNCONNECTED}"
    if "uniform draws" in own.looks_like or "bounded draws" in own.looks_like:
        return "uniform noise", (
            "numbers drawn at random, no measurement: is it a sketch for demonstration, or a pin "
            "that no wire goes to?"
        )
    if open_input:
        return "nothing connected: mains hum", f"mostly mains hum: {_UNCONNECTED}"
    if own.physiology is False and own.looks_like.startswith("white noise"):
        return "nothing connected: white noise", f"only the converter's own noise: {_UNCONNECTED}"
    if "pattern" in own.looks_like or "pure tone" in own.looks_like:
        return own.looks_like, "a generator, no muscle: which sketch is it?"
    if clipped > CLIPPED:
        return "clipped", "clipped: turn the sensor's gain down, or check its supply and electrodes"
    if "envelope" in own.looks_like or "envelope" in whole.looks_like:
        return "an envelope", ""
    if own.physiology:
        return own.looks_like, ""
    # One channel alone tells less than all: at rest, noise is all there is.
    if own.looks_like.startswith("a tone"):
        return "mains hum, and a muscle at rest if any: frown and smile, and listen again", ""
    if own.physiology is None and "noise" in own.looks_like:
        return "raw EMG at rest, or noise: frown and smile, and listen again", ""
    if own.physiology is None:
        return f"cannot be told ({own.looks_like})", ""
    return "slow drift more than muscle: are the electrodes settled?", ""


def _clipped(values: npt.NDArray[Any], made: xr.Dataset, heard: Heard, k: int) -> float:
    """Share of samples at an end: of the converter where it is known, else where they pile up."""
    if heard.values.dtype.kind == "u":
        counts = heard.values[:, k]
        return float(np.mean((counts == 0) | (counts == _steps(heard) - 1)))
    return float(made["clipped"].values[k]) if np.nanstd(values) else 0.0


def _steps(heard: Heard) -> int:
    """How many codes the converter has: the fewest that hold all that came."""
    most = float(np.nanmax(heard.values, initial=0))
    return next((2**bits for bits in (10, 12, 14) if most < 2**bits), 2**16)


def _range(heard: Heard) -> float:
    """What the converter can show, in the signal's unit."""
    if heard.values.dtype.kind == "i":
        return FINE_RANGE
    _, per_count = scale_of(heard.take)
    # A sketch that prints volts prints small numbers.
    in_volts = heard.values.dtype.kind == "f" and np.nanmax(heard.values, initial=0) <= 5.5
    return 5.0 if in_volts else _steps(heard) * per_count


def _floor(values: npt.NDArray[np.float64], rate: float) -> float:
    """Noise floor: the level of the quietest tenth of short stretches, their straight line off."""
    size = max(round(FLOOR_S * rate), 4)
    count = values.size // size
    if not count:
        return math.nan
    cut = values[: count * size].reshape(count, size)
    ramp = np.arange(size) - (size - 1) / 2
    cut = cut - cut.mean(axis=1, keepdims=True)
    cut -= (cut @ ramp / (ramp @ ramp))[:, np.newaxis] * ramp
    return float(np.nanpercentile(cut.std(axis=1), QUIET))


def _levels(heard: Heard) -> tuple[Channel, ...]:
    """Means and spreads of too few scans to judge."""
    if not heard.scans.size:
        return ()
    values = heard.values.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        means, spreads = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    names = [row[0] for row in heard.take.channel_rows()]
    return tuple(
        Channel(name, float(mean), float(spread), math.nan, 0.0, math.nan, "too short to tell", "")
        for name, mean, spread in zip(names, means, spreads, strict=True)
    )


def _rate(heard: Heard) -> str:
    nominal = heard.take.nominal_rate
    if heard.fit is None:
        return "too little to measure" + (f", {nominal:g} Hz promised" if nominal else "")
    text = f"{heard.fit.rate:.2f} Hz measured"
    if not nominal:
        return f"{text}, none promised"
    drift = heard.fit.rate / nominal - 1
    if abs(drift) > DRIFT:
        return f"{text}, {nominal:g} Hz promised: {drift:+.1%}"
    return f"{text}, {nominal:g} Hz promised: the board's clock drifts by {1e6 * drift:+.0f} ppm"


def _silence(heard: Heard) -> str:
    """Why no scan may have come."""
    if not heard.take.counts.bytes:
        return (
            f"nothing came in {heard.seconds:.0f} s, whatever was asked: is the sketch loaded and "
            "running, is it the right port, does it wait for a key?"
        )
    if heard.take.dialect is not None:
        return (
            f"it answers ({heard.take.texts[-1] if heard.take.texts else heard.take.dialect}), but "
            "no samples came: press the board's reset button and try again"
        )
    return f"{heard.take.counts.bytes} bytes came, but no samples: {unclear(heard)}"


def _percent(share: float) -> str:
    return "    –" if math.isnan(share) else f"{share:5.0%}"
