"""Check a port for some seconds: protocol, rate, losses, and the signal quality of each channel.

Nothing is recorded. A muscle at rest gives little signal: frown and smile during the check.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import advice, quality
from emgnb.acquire.ports.probe import ProbeResult, listen, unclear
from emgnb.acquire.wire.converter_span import codes_of, span_of
from emgnb.acquire.wire.dialects import DIALECTS

# Segment length (s) for the noise floor, and the percentile of segment levels that is taken.
FLOOR_S, QUIET = 0.25, 10.0
# Number of last samples from which each single channel is judged.
ENOUGH = 4096


@dataclass(frozen=True, slots=True)
class Channel:
    """Result for one channel; mean, spread (standard deviation) and noise floor in its unit.

    clipped, mains : shares of samples at an end of the converter, and of power in mains hum
    looks : "raw EMG", "an envelope", "nothing connected" …
    advice : the problem and what to do, "" if there is none
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
    """Result of checking a port."""

    probed: ProbeResult
    channels: tuple[Channel, ...]
    units: str
    looks: str

    @property
    def bytes(self) -> int:
        """Bytes received."""
        return self.probed.stream.counts.bytes

    @property
    def scans(self) -> int:
        """Scans received."""
        return self.probed.stream.counts.scans

    @property
    def complaints(self) -> list[str]:
        """Every problem in a sentence, with what to do; empty if there is none."""
        probed, counts, status = self.probed, self.probed.stream.counts, self.probed.stream.status
        found = [probed.complaint] if probed.complaint else []
        if not counts.scans:
            return found or [_silence(probed)]
        if probed.wrong_baud is not None:
            found.append(
                f"the board sends at {probed.stream.device['baud']} baud, not at "
                f"{probed.wrong_baud}: use the port {probed.url}"
            )
        stream = advice.of_stream(
            scans=counts.scans,
            lost=counts.lost,
            damaged=counts.crc_errors + counts.impossible,
            overruns=status.overruns if status else 0,
            dropped=status.dropped if status else 0,
            rate=probed.fit.rate if probed.fit else None,
            nominal=probed.stream.nominal_rate,
        )
        found += [f"{each.what}: {each.todo}" for each in stream]
        return found + [f"{each.name}: {each.advice}" for each in self.channels if each.advice]

    def __str__(self) -> str:
        lines = [*self.about, *self._table()]
        return "\n".join([*lines, *(f"! {fault}" for fault in self.complaints)])

    @property
    def about(self) -> list[str]:
        """Port, board, protocol, rate and losses, in one line each."""
        probed, stream = self.probed, self.probed.stream
        dialect = DIALECTS[stream.dialect] if stream.dialect else None
        board = stream.device.get("board") or stream.device.get("device", "")
        usb = f" (USB {stream.device['usb']})" if "usb" in stream.device else ""
        said = next((text for text in stream.texts if text.startswith("emgnb")), "")
        said = said or (stream.texts[0] if stream.texts else "unknown")
        lines = [
            f"port      {probed.url}",
            f"board     {board}{usb}",
            f"firmware  {said}",
            f"protocol  {dialect.speaks if dialect else 'unknown'}"
            + (f", {stream.device['baud']} baud" if "baud" in stream.device else ""),
            f"received  {self.bytes} bytes, {self.scans} scans in {probed.seconds:.1f} s",
        ]
        if not stream.counts.scans:
            return lines
        counts = stream.counts
        seen = "" if not dialect or not dialect.blind else f" ({dialect.blind})"
        lines += [
            f"rate      {_rate(probed)}",
            f"missing   {counts.lost} scans lost, {counts.crc_errors} damaged, "
            f"{counts.impossible} invalid sequence numbers{seen}",
        ]
        if probed.late.size:
            median, p95 = np.percentile(probed.late, [50, 95]) * 1e3
            lines.append(f"jitter    median {median:.1f} ms, 95th percentile {p95:.1f} ms")
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
    """Check a port; nothing is recorded.

    Parameters
    ----------
    url : see `acquire.open_port`
    seconds : duration of the check, in s; a board that resets on opening gets additional time

    Raises
    ------
    PortError : the port cannot be opened, or is lost meanwhile
    """
    probed = listen(url, seconds=seconds)
    signal = probed.signal
    if signal is None:
        return Examination(probed, _levels(probed), "count", "too short to judge")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an all-NaN channel is reported below
        channels, looks = _judged(signal, probed)
    return Examination(probed, channels, str(signal.attrs["units"]), looks)


def _judged(signal: xr.DataArray, probed: ProbeResult) -> tuple[tuple[Channel, ...], str]:
    """Judge each channel, and all channels together."""
    whole = quality.is_physiology(signal)
    report = quality.report(signal)
    wrong = wrong_channels(report, span_of(probed.stream, probed.values))
    kind_known = "signal_kind" in probed.stream.device
    channels = []
    for k, name in enumerate(signal["channel"].values.tolist()):
        values = signal.values[:, k].astype(np.float64)
        clipped = _clipped(values, report, probed, k)
        own = quality.is_physiology(signal.isel(channel=[k], time=slice(-ENOUGH, None)))
        problem = wrong.get(str(name), "")
        looks, todo = _looks(own, whole, float(np.nanstd(values)), clipped, problem)
        if looks == "an envelope" and not kind_known:
            looks += " (record it with --kind envelope)"
        channels.append(
            Channel(
                name=str(name),
                mean=float(np.nanmean(values)),
                spread=float(np.nanstd(values)),
                floor=_floor(values, probed.fit.rate if probed.fit else 0.0),
                clipped=clipped,
                mains=float(report["mains"].values[k]),
                looks=looks,
                advice=todo,
            )
        )
    return tuple(channels), f"{whole.looks_like}"


def wrong_channels(report: xr.Dataset, span: float | None = None) -> dict[str, str]:
    """Return the problem of each channel that has one: a key of `advice.CHANNEL`.

    Parameters
    ----------
    report : of the last seconds, see `quality.report`
    span : range of the converter in the signal's unit; None if unknown
    """
    # Mains power that does not stand out from its surroundings is noise.
    stands_out = report.attrs["mains_stands_out"] >= report.attrs["mains_chance"]
    level = np.sqrt((report["level_over_time"].values.astype(np.float64) ** 2).mean(axis=0))
    found = {}
    for k, name in enumerate(report["channel"].values.tolist()):
        found[str(name)] = advice.of_channel(
            contact=str(report["contact"].values[k]),
            mains=float(report["mains"].values[k]) if stands_out else 0.0,
            motion=float(report["motion"].values[k]),
            fills=None if span is None else float(level[k] / span),
        )
    return {name: problem for name, problem in found.items() if problem}


def _looks(
    own: quality.Verdict, whole: quality.Verdict, spread: float, clipped: float, problem: str
) -> tuple[str, str]:
    """Describe a channel from its own verdict and that of all channels, and say what to do."""
    if math.isnan(spread):
        return "no numbers", "not a number: check what the sketch prints for this channel"
    if spread == 0 or problem == "none":
        return "nothing connected: flat", _advice("none")
    if "uniform draws" in own.looks_like or "bounded draws" in own.looks_like:
        return "uniform noise", (
            "random numbers, not a measurement. Is it a demonstration sketch, or an "
            "unconnected pin?"
        )
    if problem == "open":
        return "nothing connected: mains hum", _advice("open")
    if own.physiology is False and own.looks_like.startswith("white noise"):
        return "nothing connected: white noise", _advice("none")
    if "pattern" in own.looks_like or "pure tone" in own.looks_like:
        return own.looks_like, "a generated signal, not EMG. Check which sketch is running"
    if clipped > advice.CLIPPED:
        return "clipped", _advice("clipped")
    kind = _kind_of(own, whole)
    # An envelope's power shares say nothing about mains and motion.
    return kind, _advice(problem) if problem and kind != "an envelope" else ""


def _kind_of(own: quality.Verdict, whole: quality.Verdict) -> str:
    """Return the kind of signal on a channel."""
    if "envelope" in own.looks_like or "envelope" in whole.looks_like:
        return "an envelope"
    if own.physiology:
        return own.looks_like
    # A single channel is less informative than all together: at rest it contains only noise.
    if own.looks_like.startswith("a tone"):
        return "mains hum, or a muscle at rest: frown and smile, and test again"
    if own.physiology is None and "noise" in own.looks_like:
        return "raw EMG at rest, or noise: frown and smile, and test again"
    if own.physiology is None:
        return f"undetermined ({own.looks_like})"
    return "slow drift, little EMG: wait until the electrodes have settled"


def _advice(problem: str) -> str:
    found = advice.CHANNEL[problem]
    return f"{found.what}: {found.todo}"


def _clipped(values: npt.NDArray[Any], report: xr.Dataset, probed: ProbeResult, k: int) -> float:
    """Return the share of samples at the converter's ends, or where samples pile up if unknown."""
    if probed.values.dtype.kind == "u":
        counts = probed.values[:, k]
        return float(np.mean((counts == 0) | (counts == codes_of(probed.values) - 1)))
    return float(report["clipped"].values[k]) if np.nanstd(values) else 0.0


def _floor(values: npt.NDArray[np.float64], rate: float) -> float:
    """Return the noise floor: 10th percentile of the SD of short, linearly detrended segments."""
    size = max(round(FLOOR_S * rate), 4)
    count = values.size // size
    if not count:
        return math.nan
    cut = values[: count * size].reshape(count, size)
    ramp = np.arange(size) - (size - 1) / 2
    cut = cut - cut.mean(axis=1, keepdims=True)
    cut -= (cut @ ramp / (ramp @ ramp))[:, np.newaxis] * ramp
    return float(np.nanpercentile(cut.std(axis=1), QUIET))


def _levels(probed: ProbeResult) -> tuple[Channel, ...]:
    """Return means and spreads of a recording too short to judge."""
    if not probed.scans.size:
        return ()
    values = probed.values.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        means, spreads = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    names = [row[0] for row in probed.stream.channel_rows()]
    return tuple(
        Channel(name, float(mean), float(spread), math.nan, 0.0, math.nan, "too short to judge", "")
        for name, mean, spread in zip(names, means, spreads, strict=True)
    )


def _rate(probed: ProbeResult) -> str:
    nominal = probed.stream.nominal_rate
    if probed.fit is None:
        return "too short to measure" + (f", nominal {nominal:g} Hz" if nominal else "")
    text = f"{probed.fit.rate:.2f} Hz measured"
    if not nominal:
        return f"{text}, no nominal rate"
    drift = probed.fit.rate / nominal - 1
    if abs(drift) > advice.DRIFT:
        return f"{text}, nominal {nominal:g} Hz ({drift:+.1%})"
    return f"{text}, nominal {nominal:g} Hz (clock drift {1e6 * drift:+.0f} ppm)"


def _silence(probed: ProbeResult) -> str:
    """Say why no scan may have arrived."""
    if not probed.stream.counts.bytes:
        return (
            f"no bytes in {probed.seconds:.0f} s. Is the sketch loaded and running, is "
            "this the right port, or does the sketch wait for a key?"
        )
    if probed.stream.dialect is not None:
        answer = probed.stream.texts[-1] if probed.stream.texts else probed.stream.dialect
        return (
            f"the board responds ({answer}), but sent no samples. Press its reset button "
            "and try again"
        )
    return f"{probed.stream.counts.bytes} bytes received, but no samples: {unclear(probed)}"


def _percent(share: float) -> str:
    return "    –" if math.isnan(share) else f"{share:5.0%}"
