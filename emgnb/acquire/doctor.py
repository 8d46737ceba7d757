"""Listen to a port for some seconds and say in plain words how it is."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emgnb.acquire.clock import Arrivals, host_ns
from emgnb.acquire.ports import Port, open_port
from emgnb.acquire.reader import Talk
from emgnb.acquire.takes import Take

# Shares of samples at the converter's ends, of missing scans, and of rate that are worth a word.
CLIPPED, LOST, DRIFT = 0.01, 1e-3, 0.01
RAILS = (1023, 4095, 16383, 65535)


@dataclass(frozen=True, slots=True)
class Channel:
    """Level of a channel, in counts: mean, spread, and share of samples at the converter's ends."""

    name: str
    mean: float
    spread: float
    clipped: float

    @property
    def word(self) -> str:
        """What is odd about it, "" when nothing is."""
        if math.isnan(self.spread):
            return "never a number: what does the sketch print there?"
        if self.spread == 0:
            return "flat: is anything connected?"
        return "clipping: turn the gain down" if self.clipped > CLIPPED else ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What some seconds of listening showed; `complaints` in sentences, empty when all is well."""

    port: str
    dialect: str | None
    seconds: float
    bytes: int
    scans: int
    lost: int
    crc_errors: int
    rate: float | None
    nominal_rate: float | None
    texts: tuple[str, ...]
    channels: tuple[Channel, ...]

    @property
    def complaints(self) -> list[str]:
        """Every fault, with what to do."""
        if not self.bytes:
            return [
                f"nothing came in {self.seconds:.0f} s: is the sketch running, does it send at "
                "this baud rate, is it the right port?"
            ]
        if not self.scans:
            return [
                f"{self.bytes} bytes came, but neither frames nor lines of numbers: try another "
                "baud rate (serial://…?baud=115200), or load the sketch of firmware/"
            ]
        found = []
        if self.lost > LOST * self.scans:
            found.append(
                f"{self.lost} of {self.scans + self.lost} scans were lost: another USB socket "
                "without a hub, a lower rate, or fewer channels"
            )
        if self.crc_errors > LOST * self.scans:
            found.append(f"{self.crc_errors} damaged: a shorter cable, or a lower baud rate")
        if self.rate and self.nominal_rate and abs(self.rate / self.nominal_rate - 1) > DRIFT:
            found.append(
                f"it runs at {self.rate:.1f} Hz, not at {self.nominal_rate:g} Hz as it says"
            )
        found += [f"{channel.name} is {channel.word}" for channel in self.channels if channel.word]
        return found

    def __str__(self) -> str:
        rate = "unknown rate" if self.rate is None else f"{self.rate:.1f} Hz measured"
        if self.nominal_rate:
            rate += f", {self.nominal_rate:g} Hz claimed"
        lines = [
            f"port      {self.port}",
            f"speaks    {self.dialect or 'nothing known'}"
            + (f" ({self.texts[-1]})" if self.texts else ""),
            f"heard     {self.bytes} bytes, {self.scans} scans in {self.seconds:.1f} s; {rate}",
            f"missing   {self.lost} scans lost, {self.crc_errors} damaged"
            + (" (lines carry no counter: losses cannot be seen)" if self.dialect == "csv" else ""),
        ]
        lines += [
            f"  {each.name:26} mean {each.mean:8.1f}  spread {each.spread:7.1f}  "
            f"clipped {each.clipped:5.1%}  {each.word}".rstrip()
            for each in self.channels
        ]
        return "\n".join([*lines, *(f"! {fault}" for fault in self.complaints)])


def examine(url: str, *, seconds: float = 5.0) -> Examination:
    """Listen to a port; nothing is recorded.

    Parameters
    ----------
    url : see `open_port`
    seconds : how long; a board that resets on opening gets up to 8 s more to begin

    Raises
    ------
    PortError : it cannot be opened, or is lost meanwhile
    """
    port = open_port(url)
    try:
        return _listen(port, url, seconds)
    finally:
        port.close()


def _listen(port: Port, url: str, seconds: float) -> Examination:
    take = Take()
    take.device = port.describe()
    talk = Talk(port)
    arrivals = Arrivals()
    blocks: list[npt.NDArray[np.float64]] = []
    begin = heard = time.monotonic()
    patience = begin + seconds + 8.0 * bool(take.device.get("baud"))
    while not port.ended:
        data = port.read()
        now = time.monotonic()
        if not take.counts.scans:
            heard = now
        if now >= (heard + seconds if take.counts.scans else patience):
            break
        if not data:
            talk.step(take)
            continue
        new = [*take.push_raw(data, host_ns(), time.time_ns()), *take.flush()]
        talk.step(take)
        for block in new:
            blocks.append(block.values.astype(np.float64))
            for place, at in block.arrivals:
                if block.segment[place] == 0:
                    arrivals.add(int(block.scans[place]), at)
    while take.dialect == "frames" and talk.stop():
        port.read()
    blocks += [block.values.astype(np.float64) for block in take.finish()]
    fit = arrivals.fit() if arrivals.seconds > 1 else None
    counts = take.counts
    return Examination(
        port=url,
        dialect=take.dialect,
        seconds=time.monotonic() - (heard if counts.scans else begin),
        bytes=counts.bytes,
        scans=counts.scans,
        lost=counts.lost,
        crc_errors=counts.crc_errors,
        rate=fit.rate if fit else None,
        nominal_rate=take.nominal_rate,
        texts=tuple(take.texts),
        channels=_levels(np.concatenate(blocks), take) if blocks else (),
    )


def _levels(values: npt.NDArray[np.float64], take: Take) -> tuple[Channel, ...]:
    rail = next((rail for rail in RAILS if np.nanmax(values, initial=0) <= rail), np.inf)
    at_end = (values == 0) | (values == rail) if take.dialect == "frames" else np.zeros(1, bool)
    clipped = np.broadcast_to(at_end, values.shape).mean(axis=0)
    names = [row[0] for row in take.channel_rows()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel of NaN alone; it is said
        mean, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    return tuple(
        Channel(name, *map(float, figures))
        for name, *figures in zip(names, mean, spread, clipped, strict=True)
    )
