"""Work that is worth doing for the newest wish only."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any


class LatestWins:
    """One thread that fulfils the newest wish; wishes overtaken meanwhile are never begun.

    When a wish is fulfilled and no other waits, `after` is called with it: for what may take
    longer. The owner is known weakly, so one that nobody holds any more ends its thread.

    Parameters
    ----------
    work, after : functions of the owner and a wish
    """

    def __init__(
        self,
        owner: Any,
        work: Callable[[Any, Any], None],
        after: Callable[[Any, Any], None],
        *,
        name: str,
    ) -> None:
        self._owner = weakref.ref(owner, lambda _: self.end())
        self._work, self._after = work, after
        self._wish: Any = None
        self._ended = False
        self._news = threading.Condition()
        self.idle = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def ask(self, wish: Any) -> None:
        """Take a new wish, in place of the one that waits."""
        with self._news:
            self._wish = wish
            self.idle.clear()
            self._news.notify()

    @property
    def overtaken(self) -> bool:
        """Whether a newer wish waits."""
        return self._wish is not None

    def end(self) -> None:
        """End the thread when what it does now is done."""
        with self._news:
            self._ended = True
            self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                while self._wish is None and not self._ended:
                    self.idle.set()
                    self._news.wait()
                if self._ended:
                    return
                wish, self._wish = self._wish, None
            for act in (self._work, self._after):
                owner = self._owner()
                if owner is not None and not self.overtaken and not self._ended:
                    act(owner, wish)
                del owner
