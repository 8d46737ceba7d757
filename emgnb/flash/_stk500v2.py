"""STK500 version 2, the protocol of the Mega's bootloader (Atmel, AVR068)."""

from __future__ import annotations

from functools import reduce
from operator import xor

from emgnb.flash.exchange import Bootloader, FlashError, Request, Steps

_START, _TOKEN = 0x1B, 0x0E
# Start, sequence number, size (2) and token before the content; a checksum after it.
_HEAD = 5
_SIGN_ON, _LOAD_ADDRESS, _LEAVE, _ERASE = 0x01, 0x06, 0x11, 0x12
_WRITE, _READ, _SIGNATURE = 0x13, 0x14, 0x1B
_OK = 0x00


class Stk500v2(Bootloader):
    """Requests and answers are frames with a sequence number and a checksum."""

    def __init__(self) -> None:
        self._number = 0

    def greet(self) -> Request:
        """Return a request that a waiting bootloader answers, at any time."""
        # Old bootloaders accept no other first number.
        self._number = 0
        return self._request(bytes([_SIGN_ON]))

    def begin(self) -> Steps[bytes]:
        """Begin programming at address 0; return the signature."""
        # This erases nothing and may report a failure, but then pages are erased from address 0
        # on, even if the board was not reset.
        yield self._request(bytes([_ERASE, 0, 0, 0, 0, 0, 0]), may_fail=True)
        found = b""
        for place in range(3):
            found += (yield self._request(bytes([_SIGNATURE, 0, 0, 0, place, 0])))[:1]
        return found

    def write(self, address: int, page: bytes) -> Steps[None]:
        """Erase and write one page; the bootloader erases pages in order from address 0."""
        yield self._load(address)
        options = bytes(7)  # for other programmers; ignored here
        yield self._request(bytes([_WRITE]) + len(page).to_bytes(2, "big") + options + page)

    def read(self, address: int, size: int) -> Steps[bytes]:
        """Read at most a page."""
        yield self._load(address)
        got = yield self._request(bytes([_READ]) + size.to_bytes(2, "big") + b"\0")
        return got[:size]

    def leave(self) -> Steps[None]:
        """Start the firmware."""
        yield self._request(bytes([_LEAVE, 1, 1]))

    def _load(self, address: int) -> Request:
        # The address counts words of two bytes.
        return self._request(bytes([_LOAD_ADDRESS]) + (address // 2).to_bytes(4, "big"))

    def _request(self, content: bytes, *, may_fail: bool = False) -> Request:
        self._number = self._number % 255 + 1
        number = self._number

        def find(received: bytes) -> bytes | None:
            answer = _content(received, number)
            if answer is None or answer[0] != content[0]:
                return None
            if answer[1] != _OK and not may_fail:
                raise FlashError(
                    f"the bootloader rejects command 0x{content[0]:02x} (status "
                    f"0x{answer[1]:02x}): it may be another bootloader than the Arduino's"
                )
            return answer[2:]

        return Request(_frame(number, content), find)


def _frame(number: int, content: bytes) -> bytes:
    frame = bytes([_START, number]) + len(content).to_bytes(2, "big") + bytes([_TOKEN]) + content
    return frame + bytes([reduce(xor, frame)])


def _content(received: bytes, number: int) -> bytes | None:
    """Return the content of the first whole frame with this number."""
    head = bytes([_START, number])
    at = received.find(head)
    while at >= 0:
        size = int.from_bytes(received[at + 2 : at + 4], "big")
        content = received[at + _HEAD : at + _HEAD + size]
        if size >= 2 and received[at:].startswith(_frame(number, content)):
            return content
        at = received.find(head, at + 1)
    return None
