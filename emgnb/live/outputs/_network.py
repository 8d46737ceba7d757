"""Read host and port of a URL, and send datagrams without waiting."""

from __future__ import annotations

import ipaddress
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Host and port of a URL, and its options.

    Attributes
    ----------
    host, port : as in the URL; the host is 127.0.0.1 if the URL has none
    family, address : for a socket
    local : whether the address is reachable from this computer only
    options : what follows "?" in the URL
    """

    host: str
    port: int
    family: socket.AddressFamily
    address: tuple[str, int]
    local: bool
    options: Mapping[str, str]

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place_of(url: str, *, example: str, options: tuple[str, ...] = ()) -> Place:
    """Return the place that a URL such as "osc://127.0.0.1:9000" names.

    Raises
    ------
    ValueError : no valid port, a path, or an unknown option
    OSError : the host is not known
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}. Expected a URL such as {example}") from None
    if port is None or parts.path not in ("", "/"):
        raise ValueError(f"{url!r}: expected scheme, host and port, such as {example}")
    given = options_of(url, options)
    host = parts.hostname or LOOPBACK
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise OSError(f"{url!r}: host {host!r} is not known ({error.strerror})") from error
    address = str(found[4][0])
    local = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    return Place(host, port, found[0], (address, port), local, given)


def options_of(url: str, known: tuple[str, ...]) -> dict[str, str]:
    """Return the options after "?" in a URL.

    Raises
    ------
    ValueError : an option that is not in `known`
    """
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    unknown = sorted(set(given) - set(known))
    if unknown:
        words = f"it has: {', '.join(known)}" if known else "it has none"
        raise ValueError(f"{url!r}: no option {unknown[0]!r}; {words}")
    return given


def warned(about: str, *, local: bool) -> str:
    """Return `about`, after a warning with the same words if data leaves this computer."""
    if not local:
        warnings.warn(about, UserWarning, stacklevel=5)
    return about


class Datagrams:
    """UDP socket that sends without waiting; what cannot be sent at once is dropped and counted."""

    def __init__(self, place: Place) -> None:
        self._address = place.address
        self._socket = socket.socket(place.family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.dropped = 0

    def send(self, packet: bytes) -> None:
        try:
            self._socket.sendto(packet, self._address)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        self._socket.close()
