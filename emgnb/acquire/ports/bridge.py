"""Pass messages between a page that has a board open and the recorder, in the notebook's kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from emgnb.acquire.ports._loopback import Link, meet
from emgnb.acquire.ports.port import PortInfo, check_name

# Interval (s) between looks for a recorder, and the longest wait for one of its messages.
_LOOK, _WAIT = 0.2, 0.1


class Bridge:
    """Relay between a page and whichever process opens ``webserial://NAME``.

    It keeps nothing but the page's last report of its board: a restarted kernel loses no bytes.

    Parameters
    ----------
    name : name of the port, letters and digits
    to_page : sends a message to the page; called in another thread

    Attributes
    ----------
    url : the port to record from

    Raises
    ------
    PortError : the name has other characters
    """

    def __init__(self, name: str, to_page: Callable[[dict[str, Any], bytes], object]) -> None:
        self.url = f"webserial://{name}"
        check_name(self.url, name)
        self._name = name
        self._to_page = to_page
        self._board: dict[str, Any] = {"kind": "board", "connected": False}
        self._link: Link | None = None
        self._over = threading.Event()
        _open.append(self)
        self._thread = threading.Thread(target=self._run, name="emgnb web serial", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether the page has a board open."""
        return bool(self._board.get("connected"))

    @property
    def about(self) -> dict[str, Any]:
        """Last report of the page: `connected`, `usb`, `baud`, `reason`."""
        return dict(self._board)

    def from_page(self, content: dict[str, Any], body: bytes = b"") -> None:
        """Pass a message of the page on; without a recorder it is dropped."""
        if content.get("kind") == "board":
            self._board = content
        link = self._link
        if link is not None:
            try:
                link.send(content, body)
            except OSError:
                link.close()  # the page sends it again

    def close(self) -> None:
        """End the relay; the page keeps its bytes for the next one."""
        self._over.set()
        if self in _open:
            _open.remove(self)
        if self._thread is not threading.current_thread():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._over.is_set():
            link = meet(self._name)
            if link is None:
                self._over.wait(_LOOK)
                continue
            self._relay(link)

    def _relay(self, link: Link) -> None:
        """Pass the recorder's messages on until it ends."""
        try:
            link.send(self._board)
            self._link = link
            while not self._over.is_set():
                for message in link.receive(_WAIT):
                    self._to_page(message.header, message.body)
        except (OSError, EOFError, ValueError):
            pass
        finally:
            self._link = None
            link.close()


_open: list[Bridge] = []


def bridged() -> list[PortInfo]:
    """List the ports of the pages that this kernel is connected to."""
    return [
        PortInfo(each.url, "board at the browser" if each.connected else "no board connected", "")
        for each in list(_open)
    ]
