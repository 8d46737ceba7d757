"""Send outputs to other programs; one that fails is left out and named."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from emgnb.live.output import Output, Stream
from emgnb.live.outputs import Destination, open_output


class Subscribers:
    """The subscribers of a decoder.

    Attributes
    ----------
    problem : which subscribers failed, and why; empty if none
    about : where the outputs go, in sentences, with the address for receivers
    """

    def __init__(self, to: Sequence[str]) -> None:
        self._to = list(to)
        self._open: dict[str, Destination] = {}
        self.problem = ""
        self.about: tuple[str, ...] = ()

    def open(self, stream: Stream) -> None:
        """Open all addresses.

        Raises
        ------
        ValueError, OSError, ImportError : an address is invalid or in use, or a package missing
        """
        for url in self._to:
            self._open[url] = open_output(url, stream)
        self.about = tuple(f"{each.url}: {each.about}" for each in self._open.values())

    def send(self, outputs: Sequence[Output]) -> None:
        """Send outputs to all; one that raises is closed and gets no more."""
        for url, subscriber in list(self._open.items()):
            try:
                for output in outputs:
                    subscriber.send(output)
            except Exception as error:  # other programs fail in many ways; decoding goes on
                self.problem = f"{url} failed and gets no more outputs: {error}"
                self._open.pop(url)
                with contextlib.suppress(Exception):
                    subscriber.close()

    def close(self) -> None:
        """Close all."""
        for subscriber in self._open.values():
            with contextlib.suppress(Exception):
                subscriber.close()
        self._open.clear()
