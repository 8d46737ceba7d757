"""Where bytes come from: a board, the simulated face, or an earlier recording.

A port is named by one string: ``COM3``, ``/dev/ttyACM0``, ``serial:///dev/ttyACM0?baud=500000``,
``tcp://192.168.4.1:3000``, ``sim://smile?seed=1&sensor=v3``, ``replay://file?speed=1``. All behave
the same: `read` gives what has come, quickly, `PortError` says what is wrong and what to do,
`PortLost` that the cable went. A serial port is always opened exclusively: two programs on one port
share the bytes out between them, and both recordings are rubbish.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

BAUD = 500_000
RATE = 1000.0
CHANNELS = 8
# A wait between looks at the port: 0.7 % of a core, and far shorter than what its buffer holds.
PAUSE = 0.01
# What Linux says is waiting when its buffer is full; then there may be more.
FULL = 4095

SCHEMES = ("serial", "tcp", "emulator", "sim", "replay")

_BOARDS = {
    (0x2341, 0x0042): "Arduino Mega 2560",
    (0x2341, 0x0010): "Arduino Mega 2560",
    (0x2A03, 0x0042): "Arduino Mega 2560",
    (0x2341, 0x0043): "Arduino Uno",
    (0x2341, 0x0001): "Arduino Uno",
    (0x2341, 0x0069): "Arduino Uno R4 Minima",
    (0x2341, 0x1002): "Arduino Uno R4 WiFi",
    (0x2341, 0x8036): "Arduino Leonardo",
    (0x2341, 0x8037): "Arduino Micro",
    (0x16C0, 0x0483): "Teensy",
    (0x2E8A, 0x000A): "Raspberry Pi Pico",
    (0x303A, 0x1001): "ESP32-S3 or -C3",
    (0x1A86, 0x7523): "board with CH340 (a clone, as a rule)",
    (0x1A86, 0x55D4): "board with CH9102 (ESP32, as a rule)",
    (0x10C4, 0xEA60): "board with CP210x (ESP32, as a rule)",
    (0x0403, 0x6001): "board with FT232R",
}


class PortError(RuntimeError):
    """A port cannot be opened or used; the message says why and what to do."""


class PortLost(PortError):  # noqa: N818 - it is the event that is named
    """An open port is gone: unplugged, or the other end closed it."""


class PortInfo(NamedTuple):
    """A port to choose from."""

    url: str
    description: str
    board: str


class Port(ABC):
    """An open source of bytes."""

    url: str
    ended = False
    # Whether something at the other end may be asked, told to start, and told to stop.
    listens = False

    @abstractmethod
    def read(self) -> bytes:
        """Return what has come, after a wait of some 10 ms; raises `PortLost`."""

    def write(self, data: bytes) -> None:  # noqa: B027 - not every source listens
        """Send a command."""

    def cue(self, text: str) -> None:  # noqa: B027 - only the simulated face can hear
        """Say to the face what the person is asked for."""

    def describe(self) -> dict[str, Any]:
        """Return what is known of the device, as JSON takes it."""
        return {}

    @abstractmethod
    def close(self) -> None:
        """Give the port back; a second time does nothing."""


def open_port(url: str) -> Port:
    """Open a port by its name.

    Parameters
    ----------
    url : a device ("COM3", "/dev/ttyACM0"), "serial://…?baud=500000&rate=1000&channels=8",
        "tcp://host:port", "sim://smile?seed=1&rate=1000&channels=8&sensor=raw&drift_ppm=-1300",
        "emulator://mega?face=smile&sensor=v3" (see `emulator`), or "replay://file?speed=1"

    Raises
    ------
    PortError : missing, busy, no permission, unknown option …: what it is and what to do
    """
    scheme, name, options = split_url(url)
    if scheme == "serial":
        return SerialPort(url, name, options)
    if scheme == "tcp":
        from emgnb.acquire.tcp import TcpPort

        return TcpPort(url, name, options)
    if scheme == "emulator":
        from emgnb.acquire.emulator import EmulatedBoard

        return EmulatedBoard(url, name, options)
    from emgnb.acquire import virtual

    if scheme == "sim":
        return virtual.SimPort(url, name, options)
    return virtual.ReplayPort(url, name, options)


def split_url(url: str) -> tuple[str, str, dict[str, str]]:
    """Return scheme, name and options of a port's name."""
    scheme, parted, rest = url.strip().partition("://")
    if not parted:
        scheme, rest = "serial", url.strip()
    name, _, query = rest.partition("?")
    if scheme not in SCHEMES:
        known = ", ".join(f"{each}://" for each in SCHEMES)
        raise PortError(
            f"port {url!r} begins with {scheme}://; known are {known}, or just the device, such as "
            "COM3 or /dev/ttyACM0"
        )
    if not name:
        raise PortError(f"port {url!r} names no device: try `emgnb ports` for what is there")
    return scheme, name, dict(parse_qsl(query, keep_blank_values=True))


def with_options(url: str, **options: object) -> str:
    """Return `url` with further options, None left out."""
    _, _, known = split_url(url)
    known |= {name: str(value) for name, value in options.items() if value is not None}
    return url.partition("?")[0] + ("?" + urlencode(known) if known else "")


def list_ports() -> list[PortInfo]:
    """List the ports of this computer, boards first, and the simulated face, which is always there.

    Without pyserial only the latter.
    """
    simulated = [
        PortInfo("sim://smile?seed=1", "simulated face, raw EMG", "no hardware"),
        PortInfo("sim://smile?seed=1&sensor=v3", "simulated face, envelope sensor", "no hardware"),
    ]
    try:
        from serial.tools.list_ports import comports
    except ImportError:
        return simulated
    found = []
    for port in comports():
        ids = (port.vid, port.pid)
        described = port.description if port.description not in (None, "n/a") else "serial port"
        found.append((port.vid is None, PortInfo(port.device, described, _BOARDS.get(ids, ""))))
    return [info for _, info in sorted(found)] + simulated


class SerialPort(Port):
    """A board on a USB or other serial port, or a pseudo-terminal.

    Options: baud, and what to ask of a board that takes commands: rate (Hz), channels.
    """

    listens = True

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        try:
            import serial
        except ImportError:
            raise PortError(
                f"to open {name} pyserial is needed: pip install pyserial "
                "(or record from sim://smile without it)"
            ) from None
        found = numbers(url, options, baud=BAUD, rate=RATE, channels=CHANNELS)
        self.url = url
        self._name = name
        self._about: dict[str, Any] = {"device": name, "rate": found["rate"]}
        self._about |= {"channels": int(found["channels"]), "listens": True}
        self._about["baud"] = int(found["baud"])
        self._about |= _usb(name)
        self._serial = serial.Serial()
        # Opening pulses DTR, which resets an Arduino; a pseudo-terminal has no DTR and pyserial
        # lets that pass.
        self._serial.port = _same_board(name, str(options.get("serial_number", "")))
        self._serial.timeout = 0
        self._serial.write_timeout = 1
        self._serial.exclusive = True
        try:
            self._serial.baudrate = 38400 if _is_mac_pty(name) else int(found["baud"])
            self._serial.open()
        except Exception as error:
            # A device that vanishes while it is opened fails in many ways, as termios.error too.
            raise _refused(name, error) from error
        others = _also_open_in(self._serial.port)
        if others:
            self.close()
            raise PortError(_in_use(name, others))

    def set_baud(self, baud: int) -> None:
        """Listen at another speed from now on; the board is not reset by it.

        Raises
        ------
        PortError : the port cannot go that fast, or is gone
        """
        try:
            self._serial.baudrate = baud
            self._serial.reset_input_buffer()
        except Exception as error:
            raise PortError(f"{self._name} does not take {baud} baud ({error})") from error
        self._about["baud"] = baud

    def read(self) -> bytes:
        """Return what has come."""
        time.sleep(PAUSE)
        parts = []
        try:
            while True:
                waiting = self._serial.in_waiting
                if waiting:
                    parts.append(self._serial.read(waiting))
                if waiting < FULL:
                    return b"".join(parts)
        except Exception as error:
            # An unplugged port fails in many ways: SerialException, OSError, termios.error, and
            # TypeError once it was closed.
            if parts:
                return b"".join(parts)
            raise PortLost(f"{self._name} is gone ({error}): is the cable in?") from error

    def write(self, data: bytes) -> None:
        """Send a command."""
        try:
            self._serial.write(data)
        except Exception as error:
            raise PortLost(f"{self._name} takes no commands ({error})") from error

    def describe(self) -> dict[str, Any]:
        """Return what is known of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Give the port back."""
        try:
            self._serial.close()
        except Exception:
            # The device is gone; there is nothing left to give back.
            self._serial.is_open = False


def numbers(url: str, options: dict[str, str], **known: float) -> dict[str, float]:
    """Return the options as numbers, with defaults; refuse what is not known."""
    allowed = {*known, "serial_number"} if "baud" in known else set(known)
    odd = sorted(set(options) - allowed)
    if odd:
        raise PortError(f"port {url!r}: unknown option {odd[0]!r}; known are {', '.join(known)}")
    found = dict(known)
    for key in known:
        if key in options:
            try:
                found[key] = float(options[key])
            except ValueError:
                found[key] = math.nan
            positive = key in ("baud", "rate", "channels", "speed")
            if not math.isfinite(found[key]) or (positive and found[key] <= 0):
                raise PortError(f"port {url!r}: {key}={options[key]!r} is not a number that fits")
    return found


def _usb(name: str) -> dict[str, str]:
    """Return what USB says of a port."""
    from serial.tools.list_ports import comports

    for port in comports():
        if port.device == name and port.vid is not None:
            known = {"usb": f"{port.vid:04x}:{port.pid:04x}"}
            known["board"] = _BOARDS.get((port.vid, port.pid), port.description or "")
            return known | ({"serial_number": port.serial_number} if port.serial_number else {})
    return {}


def _same_board(name: str, serial_number: str) -> str:
    """Return where a board is now: unplugged and put back, it may have another name."""
    from serial.tools.list_ports import comports

    if serial_number and not Path(name).exists():
        for port in comports():
            if port.serial_number == serial_number:
                return str(port.device)
    return name


def _is_mac_pty(name: str) -> bool:
    """Tell a pseudo-terminal of macOS, which refuses high speeds though they mean nothing."""
    return sys.platform == "darwin" and Path(name).resolve().name.startswith("ttys")


def _refused(name: str, error: Exception) -> PortError:
    """Return the error of an open that failed, with a way out."""
    number = getattr(error, "errno", None)
    text = str(error)
    windows = sys.platform == "win32"
    if number == errno.ENOENT or "FileNotFoundError" in text:
        others = [info.url for info in list_ports() if not info.url.startswith("sim:")]
        seen = ", ".join(others) if others else "none"
        return PortError(
            f"no port {name}; serial ports here: {seen}. Is the board plugged in, with a cable "
            f"that carries data?{_brltty()} Without a board: sim://smile"
        )
    if number in (errno.EIO, errno.ENXIO, errno.ENODEV) or "not functioning" in text:
        return PortError(
            f"{name} is there but does not answer ({text}): unplug the board, wait a moment, plug "
            "it in again; if that does not help, another cable or USB socket"
        )
    if number in (errno.EAGAIN, errno.EBUSY) or (windows and "PermissionError" in text):
        return PortError(_in_use(name, _also_open_in(name)))
    if number in (errno.EACCES, errno.EPERM):
        return PortError(f"no permission for {name}: {_way_in(name)}")
    if isinstance(error, ValueError):
        return PortError(f"{name}: {error}")
    return PortError(f"{name} cannot be opened as a serial port: {text}")


def _in_use(name: str, others: list[str]) -> str:
    who = f" ({', '.join(others)})" if others else ""
    return (
        f"{name} is in use by another program{who}: close the Arduino Serial Monitor, another "
        "notebook or recorder, and try again"
    )


def _also_open_in(name: str) -> list[str]:
    """Say which other programs have a device open, as far as Linux lets this user see it.

    A program that took no lock would get part of the bytes, and nobody would be told.
    """
    found = []
    device = os.path.realpath(name)
    # A pseudo-terminal is always open in the program that made it.
    if not sys.platform.startswith("linux") or device.startswith("/dev/pts/"):
        return []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if any(str(file.readlink()) == device for file in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()}, process {process.name}")
    return found


def _brltty() -> str:
    """Warn of the braille driver that takes boards with a CH340 chip for its own."""
    if sys.platform.startswith("linux") and shutil.which("brltty"):
        return " A clone that vanishes at once is taken by brltty: sudo apt remove brltty."
    return ""


def _way_in(name: str) -> str:
    group = "dialout"
    if sys.platform != "win32":
        import grp

        with contextlib.suppress(OSError, KeyError):
            group = grp.getgrgid(Path(name).stat().st_gid).gr_name
    return f"add yourself to its group, `sudo usermod -aG {group} $USER`, then log out and in again"
