"""Follow a source of live outputs in a thread, and hand on the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from emgnb.live import Output
from emgnb.widgets.shared.turns import SHORT_TURNS

# Time (s) between two looks at a source that is asked, and least time between two outputs: half of
# that between two frames of a page, so that outputs every 10 ms do not wait for one another.
LOOK, LEAST = 0.002, 1 / 120
# Time (s) without an output after which threads take turns of the usual length again.
QUIET = 1.0


class HasLatest(Protocol):
    """A decoder: `latest` is its newest output, None before the first."""

    @property
    def latest(self) -> Output | None:
        """Newest output."""


Source = Iterable[Output] | Callable[[], Output | None] | HasLatest


class Feed:
    """Follow a source from `start` until it ends or `close` is called.

    Parameters
    ----------
    source : a decoder with `latest`, a function that returns the newest output, or outputs one
        after the other
    take : receives the newest output, at most 120 per second, and the gaps since the last one
    ended : called once: with None at the end of the outputs, or with the source's error
    """

    def __init__(
        self,
        source: Source,
        take: Callable[[Output, list[Output]], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._take, self._ended = take, ended
        self._closed, self._news = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._newest: Output | None = None
        self._gaps: list[Output] = []
        self._over = False
        self._said = (-1, "")
        self._error: Exception | None = None
        self._threads = [threading.Thread(target=self._send, daemon=True)]
        reader = self._reader(source)
        self._threads.append(threading.Thread(target=reader, daemon=True))

    def start(self) -> None:
        """Begin to follow."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop following. A source that is waiting for its next output is left to it."""
        self._closed.set()
        self._news.set()

    def _reader(self, source: Any) -> Callable[[], None]:
        if hasattr(source, "latest"):
            return lambda: self._poll(lambda: source.latest)
        if callable(source):
            return lambda: self._poll(source)
        if isinstance(source, Iterable):
            return lambda: self._read(iter(source))
        raise TypeError(
            f"expected a live decoder, a function that returns an Output, or Outputs one after the "
            f"other; found {type(source).__name__}"
        )

    def _poll(self, newest: Callable[[], Output | None]) -> None:
        try:
            while not self._closed.wait(LOOK):
                output = newest()
                if output is None:
                    continue
                # A decoder that was killed gives a gap with the number of its last output.
                if (said := (output.number, output.note)) != self._said:
                    self._said = said
                    self._put(output)
        except Exception as error:
            self._error = error
        self._finish()

    def _read(self, outputs: Iterator[Output]) -> None:
        try:
            for output in outputs:
                if self._closed.is_set():
                    return
                self._put(output)
        except Exception as error:
            self._error = error
        self._finish()

    def _put(self, output: Output) -> None:
        with self._lock:
            if output.kind == "gap":
                self._gaps.append(output)
            self._newest = output
        self._news.set()

    def _finish(self) -> None:
        self._over = True
        self._news.set()

    def _send(self) -> None:
        over = False
        while not over:
            self._news.wait()
            with SHORT_TURNS:
                over = self._send_while_new()

    def _send_while_new(self) -> bool:
        """Send outputs until none has come for `QUIET`; return whether there will be no more."""
        while self._news.wait(QUIET):
            self._news.clear()
            with self._lock:
                output, gaps, over = self._newest, self._gaps, self._over
                self._newest, self._gaps = None, []
            if self._closed.is_set():
                return True
            if output is not None:
                self._take(output, gaps)
            if over and self._newest is None:
                self._ended(self._error)
                return True
            self._closed.wait(LEAST)
        return False
