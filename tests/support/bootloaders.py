"""Bootloaders in Python: they answer requests as the Arduino's do, and their flash can be read."""

from collections.abc import Callable, Generator
from typing import Any

from emgnb.flash.exchange import Request


class Chip:
    """A flash memory: pages are erased, and writing clears bits."""

    def __init__(self, signature: bytes, page: int, size: int = 1 << 16) -> None:
        self.signature, self.page = signature, page
        self.flash = bytearray(b"\x55" * size)
        self.writes = 0
        self.running = False

    def erase(self, address: int) -> None:
        self.flash[address : address + self.page] = b"\xff" * self.page

    def write(self, address: int, data: bytes) -> None:
        self.writes += 1
        for place, byte in enumerate(data, address):
            self.flash[place] &= byte


class Version1(Chip):
    address = 0

    def answer(self, asked: bytes) -> bytes:
        assert asked[-1:] == b" "
        letter, rest = asked[:1], asked[1:-1]
        content = b""
        if letter == b"U":
            self.address = 2 * int.from_bytes(rest, "little")
        elif letter == b"u":
            content = self.signature
        elif letter == b"d":
            assert int.from_bytes(rest[:2], "big") == len(rest) - 3 == self.page
            self.erase(self.address)
            self.write(self.address, rest[3:])
        elif letter == b"t":
            content = bytes(self.flash[self.address :][: int.from_bytes(rest[:2], "big")])
        elif letter == b"Q":
            self.running = True
        return b"\x14" + content + b"\x10"


class Version2(Chip):
    address = erased = 0

    def answer(self, asked: bytes) -> bytes:
        content = self.content(asked[5:-1])
        frame = asked[:2] + len(content).to_bytes(2, "big") + b"\x0e" + content
        check = 0
        for byte in frame:
            check ^= byte
        return frame + bytes([check])

    def content(self, asked: bytes) -> bytes:
        command = asked[0]
        good = bytes([command, 0])
        if command == 0x01:
            return good + b"\x08AVRISP_2"
        if command == 0x06:
            self.address = 2 * int.from_bytes(asked[1:], "big")
        elif command == 0x12:
            self.erased = 0
            return bytes([command, 0xC0])
        elif command == 0x1B:
            return good + self.signature[asked[4] : asked[4] + 1] + b"\0"
        elif command == 0x13:
            # Pages are erased in order, whatever the address is.
            self.erase(self.erased)
            self.erased += self.page
            self.write(self.address, asked[10:])
            assert int.from_bytes(asked[1:3], "big") == len(asked) - 10 == self.page
        elif command == 0x14:
            size = int.from_bytes(asked[1:3], "big")
            return good + bytes(self.flash[self.address :][:size]) + b"\0"
        elif command == 0x11:
            self.running = True
        return good


def drive(
    procedure: Generator[Request, bytes, Any], answer: Callable[[bytes], bytes], chunk: int = 0
) -> Any:
    """Carry out a procedure; answers arrive whole, or in chunks, after some junk."""
    try:
        request = next(procedure)
        while True:
            whole = answer(request.data)
            for end in range(1, len(whole)) if chunk else ():
                assert request.find(whole[:end]) is None
            found = request.find(whole)
            assert found is not None, whole
            request = procedure.send(found)
    except StopIteration as stop:
        return stop.value
