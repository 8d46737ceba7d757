"""Open a serial port: a board on USB, or a pseudo-terminal."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from emgnb.acquire.ports.bridge import bridged
from emgnb.acquire.ports.port import (
    CHANNELS,
    RATE,
    WAIT,
    Pace,
    Port,
    PortError,
    PortInfo,
    PortLost,
    numbers,
)

# Default baud rate.
BAUD = 500_000


# Bytes waiting behind the first one when Linux's buffer is full; more may follow then.
FULL = 4094


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
    (0x1A86, 0x7523): "board with CH340 (usually a clone)",
    (0x1A86, 0x55D4): "board with CH9102 (usually ESP32)",
    (0x10C4, 0xEA60): "board with CP210x (usually ESP32)",
    (0x0403, 0x6001): "board with FT232R",
}


def board_named(ids: str) -> str:
    """Return the board with these USB identifiers, such as "2341:0042"; "" if unknown."""
    vendor, _, product = ids.partition(":")
    return _BOARDS.get((int(vendor, 16), int(product, 16)), "")


def list_ports() -> list[PortInfo]:
    """List the ports of this computer, boards first, and the simulated face, always available.

    Boards that are connected to a page by `widgets.WebSerial` of this kernel follow. Without
    pyserial, no serial port is listed.
    """
    simulated = [
        *bridged(),
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

    Options: baud, and what to request of a board that takes commands: rate (Hz), channels.
    """

    listens = True

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        try:
            import serial
        except ImportError:
            raise PortError(
                f"to open {name} pyserial is required: pip install pyserial (sim://smile "
                "works without it)"
            ) from None
        found = numbers(url, options, baud=BAUD, rate=RATE, channels=CHANNELS)
        self.url = url
        self._name = name = _same_board(name, options.get("serial_number", ""))
        self._about: dict[str, Any] = {"device": name, "rate": found["rate"]}
        self._about |= {"channels": int(found["channels"]), "listens": True}
        self._about["baud"] = int(found["baud"])
        self._about |= _usb(name)
        self._pace = Pace()
        self._serial = serial.Serial()
        # Opening pulses DTR, which resets an Arduino. A pseudo-terminal has no DTR; pyserial
        # ignores the error.
        self._serial.port = name
        self._serial.timeout = WAIT
        self._serial.write_timeout = 1
        self._serial.exclusive = True
        try:
            self._serial.baudrate = 38400 if _is_mac_pty(name) else int(found["baud"])
            self._serial.open()
        except Exception as error:
            # A device that vanishes while it is opened fails in many ways, also as termios.error.
            raise _refused(name, error) from error
        others = _also_open_in(name)
        if others:
            self.close()
            raise PortError(_in_use(name, others))

    def set_baud(self, baud: int) -> None:
        """Change the baud rate; this does not reset the board.

        Raises
        ------
        PortError : the port does not support that baud rate, or is gone
        """
        try:
            self._serial.baudrate = baud
            self._serial.reset_input_buffer()
        except Exception as error:
            raise PortError(f"{self._name} does not take {baud} baud ({error})") from error
        self._about["baud"] = baud

    def read(self) -> bytes:
        """Return the bytes received."""
        self._pace.rest()
        parts = []
        try:
            parts.append(self._serial.read(1))  # waits for it
            while True:
                waiting = self._serial.in_waiting
                if waiting:
                    parts.append(self._serial.read(waiting))
                if waiting < FULL:
                    return b"".join(parts)
        except Exception as error:
            # An unplugged port fails in many ways: SerialException, OSError, termios.error, and
            # TypeError after it was closed.
            if any(parts):
                return b"".join(parts)
            raise PortLost(
                f"{self._name} was disconnected ({error}). Is the cable plugged in?"
            ) from error

    def write(self, data: bytes) -> None:
        """Send a command."""
        import serial

        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise PortError(f"{self._name} does not take bytes in time ({error})") from error
        except Exception as error:
            raise PortLost(f"{self._name} does not accept commands ({error})") from error

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Close the port."""
        try:
            self._serial.close()
        except Exception:
            # The device is gone; there is nothing to close.
            self._serial.is_open = False


def _usb(name: str) -> dict[str, str]:
    """Return the USB properties of a port."""
    from serial.tools.list_ports import comports

    for port in comports():
        if port.device == name and port.vid is not None:
            known = {"usb": f"{port.vid:04x}:{port.pid:04x}"}
            known["board"] = _BOARDS.get((port.vid, port.pid), port.description or "")
            return known | ({"serial_number": port.serial_number} if port.serial_number else {})
    return {}


def _same_board(name: str, serial_number: str) -> str:
    """Return a board's current port: after replugging, another may have its name."""
    if not serial_number:
        return name
    from serial.tools.list_ports import comports

    others = {}
    for port in comports():
        if port.serial_number == serial_number:
            return str(port.device)
        others[port.device] = port.serial_number
    if others.get(name):
        raise PortError(
            f"{name} is another board (serial number {others[name]}, expected {serial_number}). "
            "Plug in the board with which the recording began"
        )
    return name


def _is_mac_pty(name: str) -> bool:
    """Return whether a port is a macOS pseudo-terminal, which rejects high (unused) baud rates."""
    return sys.platform == "darwin" and Path(name).resolve().name.startswith("ttys")


def _refused(name: str, error: Exception) -> PortError:
    """Return the error of a failed open, with a remedy."""
    number = getattr(error, "errno", None)
    text = str(error)
    windows = sys.platform == "win32"
    if number == errno.ENOENT or "FileNotFoundError" in text:
        others = [info.url for info in list_ports() if not info.url.startswith("sim:")]
        seen = ", ".join(others) if others else "none"
        return PortError(
            f"no port {name}; serial ports here: {seen}. Is the board plugged in with a "
            f"data cable?{_brltty()} Without a board: sim://smile"
        )
    if number in (errno.EIO, errno.ENXIO, errno.ENODEV) or "not functioning" in text:
        return PortError(
            f"{name} exists but does not respond ({text}). Unplug the board, wait a "
            "moment, and plug it in again. If that does not help, try another cable or "
            "USB socket"
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
        f"{name} is in use by another program{who}. Close it (Arduino Serial Monitor, "
        "another notebook or recorder) and try again"
    )


def _also_open_in(name: str) -> list[str]:
    """Return which other programs have a device open, as far as Linux lets this user see it.

    A program without a lock would silently take part of the bytes.
    """
    found = []
    device = os.path.realpath(name)
    # A pseudo-terminal is always open in the program that created it.
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
    """Warn of brltty, the braille driver that claims boards with a CH340 chip."""
    if sys.platform.startswith("linux") and shutil.which("brltty"):
        return (
            " If a CH340 clone disappears immediately, brltty has claimed it: sudo apt remove "
            "brltty."
        )
    return ""


def _way_in(name: str) -> str:
    group = "dialout"
    if sys.platform != "win32":
        import grp

        with contextlib.suppress(OSError, KeyError):
            group = grp.getgrgid(Path(name).stat().st_gid).gr_name
    return f"add yourself to its group, `sudo usermod -aG {group} $USER`, then log out and in again"
