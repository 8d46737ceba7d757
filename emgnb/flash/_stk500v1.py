"""STK500 version 1, the protocol of the Uno's and Nano's bootloaders (Atmel, AVR061)."""

from __future__ import annotations

from emgnb.flash.exchange import Bootloader, Request, Steps

_END = b" "
_IN_SYNC, _OK = 0x14, 0x10


class Stk500v1(Bootloader):
    """Requests end with a space; answers are enclosed in two fixed bytes."""

    def greet(self) -> Request:
        """Return a request that a waiting bootloader answers, at any time."""
        return _request(b"0")

    def begin(self) -> Steps[bytes]:
        """Return the signature."""
        yield _request(b"P")
        return (yield _request(b"u", 3))

    def write(self, address: int, page: bytes) -> Steps[None]:
        """Erase and write one page."""
        yield _load(address)
        yield _request(b"d" + len(page).to_bytes(2, "big") + b"F" + page)

    def read(self, address: int, size: int) -> Steps[bytes]:
        """Read at most a page."""
        yield _load(address)
        return (yield _request(b"t" + size.to_bytes(2, "big") + b"F", size))

    def leave(self) -> Steps[None]:
        """Start the firmware."""
        yield _request(b"Q")


def _load(address: int) -> Request:
    # The address counts words of two bytes.
    return _request(b"U" + (address // 2).to_bytes(2, "little"))


def _request(command: bytes, answer: int = 0) -> Request:
    """Return a request whose answer has `answer` bytes."""

    def find(received: bytes) -> bytes | None:
        begin = received.find(_IN_SYNC)
        end = begin + 1 + answer
        if begin < 0 or len(received) <= end or received[end] != _OK:
            return None
        return received[begin + 1 : end]

    return Request(command + _END, find)
