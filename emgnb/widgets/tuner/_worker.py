"""Run only the latest request in background threads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any


class LatestWins:
    """Threads that run only the latest request; superseded requests are never started.

    When a request is done and no other arrives for `pause` seconds, `after` is called with it in a
    second thread. Use it for slower work that must not delay newer requests. The threads hold a
    weak reference to the owner, and end when it is deleted.

    Parameters
    ----------
    owner : object that is passed to `work` and `after`
    work, after : functions of the owner and a request; they must not raise
    name : name of the threads
    pause : s without a newer request before `after` is called
    """

    def __init__(
        self,
        owner: Any,
        work: Callable[[Any, Any], None],
        after: Callable[[Any, Any], None],
        *,
        name: str,
        pause: float = 0.25,
    ) -> None:
        self._owner = weakref.ref(owner, lambda _: self.end())
        self._work, self._after, self._pause = work, after, pause
        self._wish: Any = None
        self._fulfilled: Any = None
        self._running = 0
        self._ended = False
        self._news = threading.Condition()
        self.idle = threading.Event()
        self.idle.set()
        for run, what in ((self._fulfil, name), (self._follow, f"{name}, after")):
            threading.Thread(target=run, name=what, daemon=True).start()

    def ask(self, wish: Any) -> None:
        """Submit a request, which replaces a waiting one."""
        with self._news:
            self._wish, self._fulfilled = wish, None
            self.idle.clear()
            self._news.notify_all()

    def end(self) -> None:
        """Stop the threads after their current work."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _fulfil(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ended or self._wish is not None)
                if self._ended:
                    return
                wish, self._wish = self._wish, None
                self._running += 1
            self._act(self._work, wish)
            with self._news:
                self._running -= 1
                if self._wish is None:
                    self._fulfilled = wish
                    self._news.notify_all()

    def _follow(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ended or self._fulfilled is not None)
                if self._ended:
                    return
                if self._news.wait_for(lambda: self._ended or self._fulfilled is None, self._pause):
                    continue  # a newer request has arrived
                wish, self._fulfilled = self._fulfilled, None
                self._running += 1
            self._act(self._after, wish)
            with self._news:
                self._running -= 1
                if self._wish is None and self._fulfilled is None and not self._running:
                    self.idle.set()

    def _act(self, act: Callable[[Any, Any], None], wish: Any) -> None:
        owner = self._owner()
        if owner is not None and not self._ended:
            act(owner, wish)
