"""Define what a bootloader's protocol provides: requests to send, and how to read the answers.

No I/O: a procedure is a generator that yields each request and is sent its answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class FlashError(RuntimeError):
    """A board cannot be programmed; the message says why and what to do."""


class DamagedError(FlashError):
    """A byte was damaged on the way; another attempt may succeed."""


class Request(NamedTuple):
    """Bytes to send, and the function that finds the answer in the bytes received since.

    find : returns the content of the answer, or None until it is complete
    """

    data: bytes
    find: Callable[[bytes], bytes | None]


Steps = Generator[Request, bytes, T]


class Bootloader(ABC):
    """Protocol of a bootloader. Addresses and sizes are in bytes."""

    @abstractmethod
    def greet(self) -> Request:
        """Return a request that a waiting bootloader answers, at any time."""

    @abstractmethod
    def begin(self) -> Steps[bytes]:
        """Begin programming at address 0; return the three bytes of the processor's signature."""

    @abstractmethod
    def write(self, address: int, page: bytes) -> Steps[None]:
        """Erase and write one page."""

    @abstractmethod
    def read(self, address: int, size: int) -> Steps[bytes]:
        """Read at most a page."""

    @abstractmethod
    def leave(self) -> Steps[None]:
        """Start the firmware."""
