"""List the boards that can be programmed, with their bootloaders and firmware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from emgnb.flash._hexfile import parse
from emgnb.flash._stk500v1 import Stk500v1
from emgnb.flash._stk500v2 import Stk500v2
from emgnb.flash.exchange import Bootloader

# Names of processors by signature, for messages.
CHIPS = {
    b"\x1e\x98\x01": "ATmega2560",
    b"\x1e\x97\x03": "ATmega1280",
    b"\x1e\x95\x0f": "ATmega328P",
    b"\x1e\x95\x14": "ATmega328",
    b"\x1e\x95\x16": "ATmega328PB",
    b"\x1e\x94\x06": "ATmega168",
    b"\x1e\x93\x07": "ATmega8",
}


@dataclass(frozen=True, slots=True)
class Board:
    """A kind of board.

    page, capacity : bytes of one page, and of the memory below the bootloader
    baud : baud rate of the bootloader
    firmware : name of the file with emgnb's firmware
    """

    title: str
    signature: bytes
    page: int
    capacity: int
    baud: int
    bootloader: Callable[[], Bootloader]
    firmware: str

    def image(self) -> bytes:
        """Return emgnb's firmware for this board."""
        return parse((files("emgnb.flash") / self.firmware).read_text("ascii"))


_UNO = Board("Uno", b"\x1e\x95\x0f", 128, 32_256, 115_200, Stk500v1, "uno.hex")

BOARDS = {
    "mega": Board("Mega 2560", b"\x1e\x98\x01", 256, 253_952, 115_200, Stk500v2, "mega.hex"),
    "uno": _UNO,
    "nano": Board("Nano", _UNO.signature, 128, 32_256, 115_200, Stk500v1, "uno.hex"),
    "nano-old": Board(
        "Nano (old bootloader)", _UNO.signature, 128, 30_720, 57_600, Stk500v1, "uno.hex"
    ),
}


def chip_of(signature: bytes) -> str:
    """Return a processor's name and signature."""
    return f"{CHIPS.get(signature, 'unknown processor')} (signature {signature.hex(' ')})"
