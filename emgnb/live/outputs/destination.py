"""Define what all destinations of live results have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from emgnb.live.output import Output


class Destination(ABC):
    """Destination of live results. Usable in a ``with`` statement, which closes it.

    Attributes
    ----------
    url : where receivers find the results; for a WebSocket it includes the token
    about : where the results go, and who can receive them, in sentences
    dropped : messages that were not sent, because the network or a receiver was too slow
    """

    url: str
    about: str
    dropped: int = 0

    @abstractmethod
    def send(self, output: Output) -> None:
        """Send one result; never waits for a receiver, and receivers that fail cause no error.

        Raises
        ------
        OSError : a file cannot be written
        """

    @abstractmethod
    def close(self) -> None:
        """Send what is waiting and close; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.about}>"
