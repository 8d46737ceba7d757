"""What is wrong with a recording, and what to do about it; nothing while all is well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from emgnb import quality
from emgnb.acquire import Health

# Shares of scans, and ppm of rate, from which on it is worth a word or bad.
LOST, DRIFT, CLIPPED = 1e-3, 5000.0, 0.01
# Bytes that the recorder holds back, and s of disk that are left, when it gets serious.
BEHIND, LITTLE = 1_000_000, 1800.0
WAITING = "waiting for port"


class Trouble(NamedTuple):
    """`level` : "warn" or "bad"; `what` : the finding; `todo` : what to do about it."""

    level: str
    what: str
    todo: str


def troubles(
    health: Health, *, free: float | None = None, report: xr.Dataset | None = None
) -> list[Trouble]:
    """Find what is wrong.

    Parameters
    ----------
    health : how the recorder says it is doing
    free : bytes left on the disk
    report : `quality.report` of the last seconds
    """
    return [*_of_stream(health), *_of_disk(health, free), *_of_signal(health, report)]


def _of_stream(health: Health) -> Iterator[Trouble]:
    if health.state == WAITING:
        yield Trouble(
            "bad", f"The port is gone. {health.message}", "Recording goes on when it is back."
        )
    elif health.message:
        yield Trouble("warn", _sentence(health.message), "")
    sent = max(health.scans + health.lost, 1)
    if health.lost:
        yield Trouble(
            _level(health.lost / sent, LOST),
            f"{health.lost} of {sent} scans lost.",
            "Another USB socket without a hub, a lower rate, or fewer channels.",
        )
    if health.crc_errors:
        yield Trouble(
            _level(health.crc_errors / sent, LOST),
            f"{health.crc_errors} frames or lines damaged.",
            "A shorter cable, or a lower baud rate.",
        )
    told = ((health.overruns, "scans overrun"), (health.dropped, "bytes dropped"))
    if missed := [f"{count} {what}" for count, what in told if count]:
        yield Trouble(
            "bad",
            f"The board cannot keep up: {', '.join(missed)}.",
            "A lower rate, fewer channels, or a higher baud rate.",
        )
    if health.drift_ppm is not None and abs(health.drift_ppm) > DRIFT:
        yield Trouble(
            "warn",
            f"It runs at {health.rate:.1f} Hz, not at {health.nominal_rate:g} Hz as it says.",
            "Times are right all the same: they follow the measured rate.",
        )


def _of_disk(health: Health, free: float | None) -> Iterator[Trouble]:
    if health.buffer > BEHIND:
        yield Trouble(
            "warn",
            f"The disk is slow: {health.buffer / 1e6:.1f} MB wait to be written.",
            "Record to a disk of this computer, not over the network.",
        )
    pace = health.bytes / health.seconds if health.seconds > 5 else 0.0
    if free is not None and pace and free / pace < LITTLE:
        yield Trouble(
            "bad",
            f"The disk is full in {free / pace / 60:.0f} min ({free / 1e6:.0f} MB are left).",
            "Make room now; what is recorded is safe.",
        )


def _of_signal(health: Health, report: xr.Dataset | None) -> Iterator[Trouble]:
    clipped = [name for name, share in health.clipping.items() if share > CLIPPED]
    if clipped:
        yield Trouble("bad", f"Clipping: {_names(clipped)}.", "Turn the gain down.")
    if report is None:
        return
    bad = quality.grades(report) == 2
    names = report["channel"].values
    contact = report["contact"].values
    none = contact == "none"
    if none.any():
        yield Trouble(
            "bad",
            f"No signal: {_names(names[none])}.",
            "Is the electrode on, the lead plugged in, the sensor powered?",
        )
    poor = (contact == "poor") & ~none
    hum = bad["mains"].values & ~none
    if hum.any():
        yield Trouble(
            "warn",
            f"Mains hum is over half of the power: {_names(names[hum])}.",
            "Clean the skin, check the reference electrode, run the laptop on battery.",
        )
    moves = poor & ~hum
    if moves.any():
        yield Trouble(
            "warn",
            f"Movement is nearly all of the power: {_names(names[moves])}.",
            "Press the electrode on, fix its cable, ask the person to keep the head still.",
        )


def _level(share: float, limit: float) -> str:
    return "bad" if share > limit else "warn"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _names(names: Sequence[str] | np.ndarray[tuple[int], np.dtype[np.str_]]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")
