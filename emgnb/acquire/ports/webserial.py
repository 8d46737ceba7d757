"""Read a board that is plugged in where the browser runs, when the kernel runs elsewhere.

A page with `emgnb.widgets.WebSerial` opens the board by Web Serial and sends its bytes to the
kernel, which passes them on to the recorder (`bridge`). The bytes are numbered: the recorder
acknowledges those that it has, and the page keeps the others and sends them again after the network
or the kernel was away. Bytes that the page had to drop end the segment, like an unplugged cable.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from emgnb.acquire.ports._loopback import Link, Meeting, Message
from emgnb.acquire.ports.port import (
    CHANNELS,
    PAUSE,
    RATE,
    WAIT,
    Pace,
    Port,
    PortError,
    PortLost,
    check_name,
    numbers,
)
from emgnb.acquire.ports.serial import board_named

# Time (s) to wait for a kernel whose page has the board open.
PATIENCE = 3.0
# Time (s) without a message after which the connection to the page counts as interrupted.
QUIET = 3.0


class Inbox:
    """Put the messages of a page into the order of the board's bytes. No I/O.

    Attributes
    ----------
    stream : random name of the bytes since the port was opened
    next : number of the next byte
    begun : whether the page has begun to send this stream
    """

    def __init__(self) -> None:
        self.stream = secrets.token_hex(8)
        self.next = 0
        self.begun = False

    def chunk(self, header: dict[str, Any], body: bytes) -> bytes:
        """Return the new bytes of a chunk; those of another stream or received before are not.

        Nor are those after bytes that a broken connection lost: the page has these still, and sends
        everything again when the acknowledgements stay away.

        Raises
        ------
        PortLost : bytes before it were dropped by the page
        """
        if header.get("stream") != self.stream:
            return b""
        self.begun = True
        first = int(header["first"])
        if first > self.next:
            if int(header.get("after", 0)) > self.next:
                return b""
            raise PortLost(
                f"the page dropped {first - self.next} bytes of the board: its buffer was full, or "
                "the browser reported a transmission error"
            )
        new = body[self.next - first :]
        self.next += len(new)
        return new

    def board(self, header: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a page that reports its board.

        Raises
        ------
        PortLost : the page has no board, or was reloaded and lost the bytes it had
        """
        if not header.get("connected"):
            raise PortLost(str(header.get("reason") or "the board was disconnected in the page"))
        if header.get("stream") == self.stream:
            self.begun = True
            return {
                "kind": "resume",
                "stream": self.stream,
                "next": self.next,
                "ask": header.get("ask"),
            }
        if self.begun:
            raise PortLost("the page was reloaded, or the board was connected again")
        return {"kind": "open", "stream": self.stream}


class WebSerialPort(Port):
    """A board connected to the browser; ``webserial://NAME`` with the name of the widget.

    Options: what to request of a board that takes commands: rate (Hz), channels. The baud rate is
    chosen in the widget.
    """

    listens = True

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        found = numbers(url, options, rate=RATE, channels=CHANNELS)
        check_name(url, name)
        self.url = url
        self._name = name
        self._inbox = Inbox()
        self._pace = Pace()
        self._link: Link | None = None
        self._connected = self._unacknowledged = False
        self._lost: PortLost | None = None
        self._heard = time.monotonic()
        self._about: dict[str, Any] = {"device": f"web serial {name}", "listens": True}
        self._about |= {"rate": found["rate"], "channels": int(found["channels"])}
        self._meeting = Meeting(name)
        try:
            self._wait_for_board()
        except Exception:
            self.close()
            raise

    def read(self) -> bytes:
        """Return the bytes received."""
        self._pace.rest()
        if self._lost:
            raise self._lost
        self._acknowledge()
        self._meeting.wait(self._link, WAIT)
        self._accept()
        received = b"".join(self._take(message) for message in self._messages())
        self._unacknowledged |= bool(received)
        if self._lost and not received:
            raise self._lost
        return received

    def write(self, data: bytes) -> None:
        """Send a command; it is dropped while the page is not connected."""
        self._send({"kind": "write"}, data)

    @property
    def trouble(self) -> str:
        """What keeps bytes from arriving, "" if nothing is known."""
        quiet = time.monotonic() - self._heard
        if self._link is None:
            return (
                "the notebook's kernel is not connected; the page keeps the board's bytes. Run the "
                "cell with widgets.WebSerial again"
            )
        if quiet > QUIET:
            return (
                f"no message from the page for {quiet:.0f} s; it keeps the board's bytes. Is the "
                "network down, the kernel busy or the page closed?"
            )
        return ""

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
        return dict(self._about)

    def close(self) -> None:
        """Close the port."""
        self._acknowledge()
        self._send({"kind": "end", "stream": self._inbox.stream})
        self._drop_link()
        self._meeting.close()

    def _wait_for_board(self) -> None:
        deadline = time.monotonic() + PATIENCE
        answered = False
        while time.monotonic() < deadline:
            self._accept()
            for message in self._messages():
                answered, self._lost = True, None
                self._take(message)
                if self._connected:
                    return
            time.sleep(PAUSE)
        if answered:
            raise PortError(
                f"webserial://{self._name}: no board is connected in the page. Click *Connect "
                "board* in the WebSerial widget"
            )
        raise PortError(
            f"webserial://{self._name}: no notebook has this port. Show "
            f"widgets.WebSerial({self._name!r}) in a notebook and connect the board there"
        )

    def _accept(self) -> None:
        """Accept a kernel, in place of one that is gone or whose page has no board."""
        link = self._meeting.accept()
        if link is None:
            return
        if self._link and self._connected:
            link.close()
            return
        self._drop_link()
        self._link = link

    def _messages(self) -> list[Message]:
        if self._link is None:
            return []
        try:
            return self._link.receive()
        except (OSError, EOFError, ValueError):
            self._drop_link()
            return []

    def _take(self, message: Message) -> bytes:
        """Return the bytes of a message; what ends the stream is raised by the next read."""
        self._heard = time.monotonic()
        header = message.header
        if self._lost:
            return b""
        try:
            if header.get("kind") == "chunk":
                return self._inbox.chunk(header, message.body)
            if header.get("kind") == "board":
                self._learn(header)
                self._send(self._inbox.board(header))
        except PortLost as error:
            self._lost = error
        except (KeyError, ValueError, TypeError):
            pass  # not a message of the page's
        return b""

    def _learn(self, header: dict[str, Any]) -> None:
        """Keep what the page tells of the board."""
        self._connected = bool(header.get("connected"))
        ids = header.get("usb")
        if isinstance(ids, str) and re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", ids):
            self._about |= {"usb": ids, "board": board_named(ids)}
        if isinstance(header.get("baud"), int):
            self._about["baud"] = header["baud"]

    def _acknowledge(self) -> None:
        """Acknowledge what an earlier read has returned: it is in the recorder's hands."""
        if self._unacknowledged:
            self._unacknowledged = False
            inbox = self._inbox
            self._send({"kind": "ack", "stream": inbox.stream, "next": inbox.next})

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        if self._link:
            try:
                self._link.send(header, body)
            except OSError:
                self._drop_link()

    def _drop_link(self) -> None:
        if self._link:
            self._link.close()
        self._link = None
