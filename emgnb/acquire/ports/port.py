"""Define the interface of all ports: boards, the simulated face, and replayed recordings.

A port is named by a string: ``COM3``, ``/dev/ttyACM0``, ``serial:///dev/ttyACM0?baud=500000``,
``tcp://192.168.4.1:3000``, ``webserial://board``, ``lsl://stream``,
``sim://smile?seed=1&sensor=v3``,
``replay://file?speed=1``. All ports behave the same: `read` waits until bytes arrive, but not for
long; `PortError` says what is wrong and what to do; `PortLost` means that the cable was unplugged.
A serial port is always opened exclusively: two programs on one port would each get part of the
bytes, and both recordings would be useless.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

# Default sampling rate (Hz) and number of channels to request from a board.
RATE = 1000.0
CHANNELS = 8
# Longest time (s) for which a read waits for bytes, and least time from one read to the next. A
# board sends a packet every millisecond, each of which would become a record of the journal.
WAIT, PAUSE = 0.05, 0.005

SCHEMES = ("serial", "tcp", "webserial", "lsl", "emulator", "sim", "replay")


class PortError(RuntimeError):
    """A port cannot be opened or used; the message says why and what to do."""


class PortLost(PortError):  # noqa: N818 - named after the event
    """An open port is gone: unplugged, or closed by the other end."""


class PortInfo(NamedTuple):
    """An available port."""

    url: str
    description: str
    board: str


class Pace:
    """Keep the beginnings of reads apart.

    Bytes that come after a silence are read at once; those of a steady stream, `PAUSE` after the
    previous read.

    Parameters
    ----------
    pause : least time (s) from one `rest` to the next
    clock, sleep : s
    """

    def __init__(
        self,
        pause: float = PAUSE,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pause, self._clock, self._sleep = pause, clock, sleep
        self._next = -math.inf

    def rest(self) -> None:
        """Sleep until the next read may begin."""
        left = self._next - self._clock()
        if left > 0:
            self._sleep(left)
        self._next = self._clock() + self._pause


class Port(ABC):
    """An open source of bytes."""

    url: str
    ended = False
    # Whether the other end takes commands: identify, start, stop.
    listens = False

    @abstractmethod
    def read(self) -> bytes:
        """Return the bytes received, none if none come within `WAIT`; raises `PortLost`."""

    def write(self, data: bytes) -> None:  # noqa: B027 - not every port takes commands
        """Send a command."""

    def tell(self, order: bytes) -> None:
        """Send a command, if any; a lost port is reported by the next read, not here."""
        if order:
            with contextlib.suppress(PortError):
                self.write(order)

    @property
    def trouble(self) -> str:
        """What keeps bytes from arriving, "" if nothing is known."""
        return ""

    def cue(self, text: str) -> None:  # noqa: B027 - only simulated faces take cues
        """Tell the simulated face the current cue."""

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device, as JSON types."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Close the port; closing twice is harmless."""


def split_url(url: str) -> tuple[str, str, dict[str, str]]:
    """Return the scheme, name and options of a port's URL."""
    scheme, parted, rest = url.strip().partition("://")
    if not parted:
        scheme, rest = "serial", url.strip()
    name, _, query = rest.partition("?")
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise PortError(
            f"port {url!r} begins with {scheme}://; expected {known}, or the device alone, "
            "such as COM3 or /dev/ttyACM0"
        )
    # Simulated ports are listed by scheme, so the scheme alone opens one.
    name = name or {"sim": "smile", "emulator": "mega", "webserial": "board"}.get(scheme, "")
    if not name:
        raise PortError(
            f"port {url!r} names no device; list the available ports with `emgnb ports`"
        )
    return scheme, name, dict(parse_qsl(query, keep_blank_values=True))


def check_name(url: str, name: str) -> None:
    """Raise `PortError` if a port's name is not of up to 40 letters, digits, - and _."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise PortError(f"port {url!r}: expected a name of letters, digits, - and _")


def without_folders(url: str) -> str:
    """Return the URL with the names of files only, so that it tells no folder and no user.

    A URL that no port has is returned as it is.

    Examples
    --------
    >>> without_folders("replay:///home/ann/P07/journal.emgj?speed=2")
    'replay://journal.emgj?speed=2'
    >>> without_folders("/dev/ttyACM0")
    '/dev/ttyACM0'
    """
    try:
        scheme, name, options = split_url(url)
    except PortError:
        return url
    short = _last(name) if scheme == "replay" else name
    found = {option: _last(value) for option, value in options.items()}
    if (short, found) == (name, options):
        return url
    return f"{scheme}://{short}" + ("?" + urlencode(found) if found else "")


def _last(path: str) -> str:
    """Return the last part of a path of any system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def with_options(url: str, **options: object) -> str:
    """Return `url` with more options; those that are None are omitted."""
    _, _, known = split_url(url)
    known |= {name: str(value) for name, value in options.items() if value is not None}
    return url.partition("?")[0] + ("?" + urlencode(known) if known else "")


def numbers(
    url: str, options: dict[str, str], *, words: Iterable[str] = (), **known: float
) -> dict[str, float]:
    """Return the options as numbers, with defaults; raise on unknown ones.

    `words` : text options, already removed from `options`, to list as known in the error
    """
    allowed = {*known, "serial_number"} if "baud" in known else set(known)
    odd = sorted(set(options) - allowed)
    if odd:
        told = ", ".join([*known, *words])
        raise PortError(f"port {url!r}: unknown option {odd[0]!r}; expected one of {told}")
    found = dict(known)
    for key in known:
        if key in options:
            try:
                found[key] = float(options[key])
            except ValueError:
                found[key] = math.nan
            positive = key in ("baud", "rate", "channels", "speed")
            if not math.isfinite(found[key]) or (positive and found[key] <= 0):
                raise PortError(f"port {url!r}: {key}={options[key]!r} is not a valid number")
    return found
