"""Describe problems of a running recording, with advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import xarray as xr

from emgnb import advice
from emgnb.acquire import Health
from emgnb.doctor import wrong_channels

# Limits for warnings: unwritten data of the recorder (bytes), and remaining time on the disk (s).
BEHIND, LITTLE = 1_000_000, 1800.0
WAITING = "waiting for port"


class Trouble(NamedTuple):
    """`level` : "warn" or "bad"; `what` : the finding; `todo` : the advice."""

    level: str
    what: str
    todo: str


def troubles(
    health: Health,
    *,
    free: float | None = None,
    report: xr.Dataset | None = None,
    span: float | None = None,
) -> list[Trouble]:
    """Return the problems of a recording, with the limits of `emgnb doctor`.

    Parameters
    ----------
    health : status of the recorder
    free : bytes left on the disk
    report : `quality.report` of the last seconds
    span : range of the converter in the unit of the signal, if known
    """
    return [*_of_stream(health), *_of_disk(health, free), *_of_signal(health, report, span)]


def _of_stream(health: Health) -> Iterator[Trouble]:
    if health.state == WAITING:
        yield Trouble(
            "bad",
            f"The port is disconnected. {health.message}",
            "Recording resumes when the port is available again.",
        )
    elif health.message:
        yield Trouble("warn", _sentence(health.message), "")
    yield from (_told(each) for each in health.findings)


def _of_disk(health: Health, free: float | None) -> Iterator[Trouble]:
    if health.buffer > BEHIND:
        yield Trouble(
            "warn",
            f"The disk is slow: {health.buffer / 1e6:.1f} MB are waiting to be written.",
            "Record to a local disk, not to a network drive.",
        )
    pace = health.bytes / health.seconds if health.seconds > 5 else 0.0
    if free is not None and pace and free / pace < LITTLE:
        yield Trouble(
            "bad",
            f"The disk will be full in {free / pace / 60:.0f} min ({free / 1e6:.0f} MB left).",
            "Free disk space now. Recorded data is safe.",
        )


def _of_signal(health: Health, report: xr.Dataset | None, span: float | None) -> Iterator[Trouble]:
    wrong = {} if report is None else wrong_channels(report, span)
    # A channel without a signal may also clip; report the cause, not the effect.
    wrong |= {name: "clipped" for name in health.clipped if wrong.get(name) not in ("none", "open")}
    for problem, found in advice.CHANNEL.items():
        if names := [name for name, what in wrong.items() if what == problem]:
            yield _told(found._replace(what=f"{found.what}: {_names(names)}"))


def _told(found: advice.Finding) -> Trouble:
    return Trouble(found.level, _sentence(found.what), _sentence(found.todo))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
