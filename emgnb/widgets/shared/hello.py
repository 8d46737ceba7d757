"""Answer the pages of a widget that ask for what they missed.

A message may be lost while a page is restored. A page therefore repeats its hello until the answer
has arrived, see `hello.js`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

# Time (s) after an answer in which further hellos of the same page are those that have waited, with
# the first one, for a busy kernel. A page waits longer than that before it repeats its hello.
WAITED = 1.0


class Hellos:
    """Answer the hellos of pages, each once.

    Parameters
    ----------
    send : sends a message to the pages
    clock : returns s
    """

    def __init__(
        self, send: Callable[[dict[str, Any]], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send, self._clock = send, clock
        self._answered: dict[str, float] = {}

    def answer(self, content: Mapping[str, Any], tell: Callable[[], object]) -> None:
        """Answer a page.

        Parameters
        ----------
        content : of the page's message
        tell : sends to the page what it shows
        """
        page = str(content.get("page", ""))
        now = self._clock()
        self._answered = {each: at for each, at in self._answered.items() if now - at < WAITED}
        if page in self._answered:
            return
        tell()
        if page:
            self._answered[page] = self._clock()
            self._send({"kind": "greeted", "page": page})
