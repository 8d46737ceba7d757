"""Connect a recorder and a notebook's kernel on one computer, over loopback.

The recorder outlives kernels, so it is the one that listens. It writes its TCP port and two random
tokens to a file that only its user can read. Each end proves that it has read that file: other
users of the same computer can neither connect nor pose as the recorder.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Any, NamedTuple

from emgnb._lock import alone
from emgnb.acquire.ports.port import PortError

# Sizes (bytes) of a message's header and of its body.
_SIZES = struct.Struct("<II")
# Limits (bytes) of a header and of a body; the page's messages are far smaller.
_HEADER, _BODY = 1 << 16, 1 << 22
# Time (s) for the other end to take a message, and to prove itself.
PATIENCE, PROOF = 5.0, 0.5
_PIECE = 1 << 16


class Message(NamedTuple):
    """A JSON header, and bytes that belong to it."""

    header: dict[str, Any]
    body: bytes


class Link:
    """A connection that carries messages; any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE)
        self._socket = connection
        self._sending = threading.Lock()
        self._received = bytearray()

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send a message; raises OSError if the other end is gone or takes nothing."""
        text = json.dumps(header).encode()
        with self._sending:
            self._socket.sendall(_SIZES.pack(len(text), len(body)) + text + body)

    def fileno(self) -> int:
        """Return the number of the connection for `select`, -1 when it is closed."""
        return self._socket.fileno()

    def receive(self, wait: float = 0.0) -> list[Message]:
        """Return the messages that have arrived, after at most `wait` s.

        Raises
        ------
        EOFError : the other end closed the connection
        OSError, ValueError : it was lost, or carries something else
        """
        while select.select([self._socket], [], [], wait)[0]:
            piece = self._socket.recv(_PIECE)
            if not piece:
                if found := self._messages():
                    return found
                raise EOFError("the connection was closed")
            self._received += piece
            wait = 0.0
        return self._messages()

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _messages(self) -> list[Message]:
        found, at = [], 0
        while len(self._received) - at >= _SIZES.size:
            sizes = _SIZES.unpack_from(self._received, at)
            if sizes[0] > _HEADER or sizes[1] > _BODY:
                raise ValueError(f"a message of {sum(sizes)} bytes")
            begin = at + _SIZES.size
            end = begin + sum(sizes)
            if len(self._received) < end:
                break
            header = json.loads(bytes(self._received[begin : begin + sizes[0]]))
            found.append(Message(header, bytes(self._received[begin + sizes[0] : end])))
            at = end
        del self._received[:at]
        return found


class Meeting:
    """The place where a kernel finds the recorder of a name; one recorder at a time.

    Raises
    ------
    PortError : another recorder has this name, or the file cannot be written
    """

    def __init__(self, name: str) -> None:
        self._held = contextlib.ExitStack()
        try:
            self._path = _file(name)
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock")
            lock.touch(mode=0o600)
            self._held.enter_context(alone(lock, "busy"))
        except RuntimeError:
            raise PortError(
                f"webserial://{name} is in use by another recording or test. Stop it, or give this "
                "board another name: widgets.WebSerial('second')"
            ) from None
        except OSError as error:
            raise PortError(f"webserial://{name}: {error}") from error
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._tokens = secrets.token_hex(16), secrets.token_hex(16)
        about = {"port": self._server.getsockname()[1], "tokens": self._tokens}
        self._write(json.dumps(about))

    def wait(self, link: Link | None, seconds: float) -> None:
        """Wait until a kernel connects or a message arrives, at most so long."""
        places: list[socket.socket | Link] = [self._server]
        if link is not None:
            places.append(link)
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            select.select(places, [], [], seconds)

    def accept(self) -> Link | None:
        """Return a new link to a kernel that has proved itself, None if there is none."""
        try:
            connection, _ = self._server.accept()
        except OSError:
            return None
        link = Link(connection)
        try:
            (first, *_) = link.receive(PROOF)
            if secrets.compare_digest(str(first.header.get("token")), self._tokens[0]):
                link.send({"token": self._tokens[1]})
                return link
        except (OSError, EOFError, ValueError, AttributeError):
            pass
        link.close()
        return None

    def close(self) -> None:
        """Stop listening; closing twice is harmless."""
        if self._server.fileno() < 0:
            return
        self._server.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._held.close()

    def _write(self, text: str) -> None:
        made = self._path.with_suffix(".new")
        made.unlink(missing_ok=True)
        made.touch(mode=0o600)
        made.write_text(text, encoding="utf-8")
        made.replace(self._path)


def meet(name: str) -> Link | None:
    """Connect to the recorder of a name; None if there is none."""
    try:
        about = json.loads(_file(name).read_text(encoding="utf-8"))
        link = Link(socket.create_connection(("127.0.0.1", int(about["port"])), PATIENCE))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        link.send({"token": about["tokens"][0]})
        (first, *_) = link.receive(PATIENCE)
        if secrets.compare_digest(str(first.header.get("token")), about["tokens"][1]):
            return link
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        pass
    link.close()
    return None


def _file(name: str) -> Path:
    return Path.home() / ".emgnb" / "webserial" / f"{name}.json"
