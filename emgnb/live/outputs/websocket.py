"""Serve live results as JSON messages to WebSocket clients that have a token."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from collections import deque
from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlencode

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from emgnb.live.output import Output, Stream
from emgnb.live.outputs._messages import description, message, text
from emgnb.live.outputs._network import place_of, warned
from emgnb.live.outputs._repeat import Repeat
from emgnb.live.outputs.destination import Destination

DESCRIBED_EVERY = 5.0  # s
# Messages that wait for a client; beyond that the oldest are dropped.
WAITING = 256
# The operating system's buffer per client, which holds a few hundred messages as well.
BUFFER = 65536  # bytes
GOODBYE = 1.0  # s that clients have at the end to receive what waits for them


def connect(url: str, stream: Stream) -> Destination:
    """Serve at "ws://127.0.0.1:port"; port 0 takes a free one.

    The token is that of "?token=…" in the URL, or a random one.

    Raises
    ------
    ValueError : no port in the URL, or an unknown option
    OSError : the port is in use, or the host is not one of this computer
    """
    return _WebSockets(url, stream)


class _WebSockets(Destination):
    """WebSocket server; `url` is the address with the token.

    Clients receive the description of the stream at the beginning and every 5 s, then each result.
    A client that reads too slowly loses the oldest messages, and is sent
    ``{"type": "dropped", "messages": n}`` in their place.
    """

    def __init__(self, url: str, stream: Stream) -> None:
        place = place_of(url, example="ws://127.0.0.1:8765", options=("token",))
        self._token = place.options.get("token") or secrets.token_urlsafe(16)
        sockets = _listening(place.port, place.host)
        port = sockets[0].getsockname()[1]
        host = f"[{place.host}]" if ":" in place.host else place.host
        self.url = f"ws://{host}:{port}/?{urlencode({'token': self._token})}"
        reach = "programs on this computer" if place.local else "other computers, not encrypted"
        self.about = warned(
            f"WebSocket server at {host}:{port} for {reach}, with a token", local=place.local
        )
        self._described = text(description(stream))
        self._lock = threading.Lock()
        self._clients: dict[_Client, Mailbox] = {}
        self._lost = 0
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(sockets,), name="emgnb-websocket", daemon=True
        )
        self._thread.start()
        self._repeat = Repeat(self._describe)

    def send(self, output: Output) -> None:
        self._post(text(message(output)))

    def close(self) -> None:
        if self._thread.is_alive():
            self._repeat.close()
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def allows(self, token: str) -> bool:
        """Return whether `token` is the server's."""
        return secrets.compare_digest(token.encode(), self._token.encode())

    def joined(self, client: _Client) -> Mailbox:
        """Return the messages for a new client; called in the server's thread."""
        mailbox = Mailbox(self._loop)
        mailbox.put(self._described)
        with self._lock:
            self._clients[client] = mailbox
        return mailbox

    def left(self, client: _Client) -> None:
        """Forget a client."""
        with self._lock:
            mailbox = self._clients.pop(client, None)
            self._lost += mailbox.lost if mailbox else 0

    def _post(self, content: str) -> None:
        with self._lock:
            for mailbox in self._clients.values():
                mailbox.put(content)
            self.dropped = self._lost + sum(each.lost for each in self._clients.values())

    def _describe(self) -> float:
        self._post(self._described)
        return DESCRIBED_EVERY

    def _run(self, sockets: list[socket.socket]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(sockets))
        finally:
            self._loop.close()

    async def _serve(self, sockets: list[socket.socket]) -> None:
        handlers = [(r"/", _Client, {"server": self})]
        application = Application(handlers, log_function=lambda handler: None)
        server = HTTPServer(application)
        server.add_sockets(sockets)
        await self._stopped.wait()
        server.stop()
        with self._lock:
            clients = dict(self._clients)
        if clients:
            ends = [mailbox.ended() for mailbox in clients.values()]
            await asyncio.wait(ends, timeout=GOODBYE)
        for client in clients:
            client.disconnect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=GOODBYE)


def _listening(port: int, host: str) -> list[socket.socket]:
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise OSError(
            f"cannot serve at {host}:{port} ({error.strerror}); use another port, or 0 for any"
        ) from error
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return sockets


class Mailbox:
    """Messages that wait for a client: at most `WAITING`, the oldest are dropped and counted."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lost = 0
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[str | None] = deque()
        self._missed = 0
        self._filled = asyncio.Event()
        self._emptied = loop.create_future()

    def put(self, content: str | None) -> None:
        """Add a message, from any thread; None is the end."""
        with self._lock:
            if len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._missed += 1
                self.lost += 1
            self._waiting.append(content)
            first = len(self._waiting) == 1
        if first:
            with contextlib.suppress(RuntimeError):  # the server has just ended
                self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> str | None:
        """Return the next message, or how many are missing before it; None at the end."""
        while True:
            with self._lock:
                if self._missed:
                    missed, self._missed = self._missed, 0
                    return text({"type": "dropped", "messages": missed})
                if self._waiting:
                    return self._waiting.popleft()
                self._filled.clear()
            await self._filled.wait()

    def ended(self) -> asyncio.Future[None]:
        """Add the end, and return what is done once the client has everything before it."""
        self.put(None)
        return self._emptied

    def finish(self) -> None:
        """Tell that the client has everything, or has gone."""
        if not self._emptied.done():
            self._emptied.set_result(None)


class _Client(WebSocketHandler):
    """One client."""

    def initialize(self, server: _WebSockets) -> None:
        self._server = server
        self._mailbox: Mailbox | None = None

    def check_origin(self, origin: str) -> bool:
        """Accept any page: whoever has the token may read."""
        return True

    def prepare(self) -> Awaitable[None] | None:
        if not self._server.allows(self.get_query_argument("token", "")):
            raise HTTPError(403, reason="The token is missing or wrong")
        return None

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self._stream = self.ws_connection.stream if self.ws_connection else None
        self._mailbox = self._server.joined(self)
        self._task = asyncio.create_task(self._feed(self._mailbox))

    def on_message(self, content: str | bytes) -> Any:
        """Ignore what clients send."""

    def on_close(self) -> None:
        if self._mailbox is not None:
            self._server.left(self)
            self._mailbox.put(None)
            self._mailbox.finish()

    def disconnect(self) -> None:
        """Close the connection, whether or not the client reads."""
        if self._stream is not None:
            self._stream.close()

    async def _feed(self, mailbox: Mailbox) -> None:
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            while (content := await mailbox.take()) is not None:
                await self.write_message(content)
            mailbox.finish()
            self.close(1001, "the stream has ended")
