"""Open a TCP connection to a board; the bytes are the same as over a serial port."""

from __future__ import annotations

import errno
import socket
from typing import Any

from emgnb.acquire.ports.port import CHANNELS, RATE, WAIT, Pace, Port, PortError, PortLost, numbers

# Time (s) for the board to accept the connection, and to take a command.
PATIENCE, WRITE_PATIENCE = 5.0, 1.0
# Bytes per read.
_PIECE = 1 << 16


class TcpPort(Port):
    """A plain TCP connection, such as to a board with Wi-Fi or a serial port shared by ser2net.

    Options: what to request of a board that takes commands: rate (Hz), channels.
    """

    listens = True

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        found = numbers(url, options, rate=RATE, channels=CHANNELS)
        self.url = url
        self._name = name
        self._about: dict[str, Any] = {"device": f"tcp {name}", "rate": found["rate"]}
        self._about |= {"channels": int(found["channels"]), "listens": True}
        host, _, port = name.rstrip("/").rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise PortError(
                f"port {url!r}: expected tcp://host:port, such as tcp://192.168.4.1:3000"
            )
        try:
            self._socket = socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
        except OSError as error:
            raise _refused(name, error) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A computer that is switched off sends nothing; without keepalive, that goes unnoticed.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket.settimeout(WAIT)
        self._pace = Pace()

    def read(self) -> bytes:
        """Return the bytes received."""
        self._pace.rest()
        try:
            data = self._socket.recv(_PIECE)
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                return b""  # nothing came; with a number, keepalive found that the board is gone
            raise PortLost(f"the connection to {self._name} was lost ({error})") from error
        if not data:
            raise PortLost(f"{self._name} closed the connection. Is the board on?")
        return data

    def write(self, data: bytes) -> None:
        """Send a command."""
        try:
            self._socket.settimeout(WRITE_PATIENCE)
            self._socket.sendall(data)
            self._socket.settimeout(WAIT)
        except OSError as error:
            raise PortLost(f"{self._name} does not accept commands ({error})") from error

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Close the port."""
        self._socket.close()


def _refused(name: str, error: OSError) -> PortError:
    if isinstance(error, socket.gaierror):
        return PortError(f"unknown host {name.rpartition(':')[0]}: check the name")
    if isinstance(error, ConnectionRefusedError):
        return PortError(
            f"{name} refused the connection: the host is reachable, but no program listens "
            "on this port. Is the board's program running, and is the port number right?"
        )
    if isinstance(error, TimeoutError) or error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return PortError(
            f"{name} does not respond. Is the board on, and is this computer in the same network?"
        )
    return PortError(f"{name} cannot be reached: {error}")
