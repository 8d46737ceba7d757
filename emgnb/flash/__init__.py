"""Program a board with emgnb's firmware through its Arduino bootloader.

`program` writes the firmware that comes with emgnb to a Mega 2560, Uno or Nano, and reads every
byte back. The bootloader itself is never changed, so an interrupted attempt can be repeated. The
protocols are STK500v2 (Mega) and STK500v1 (Uno and Nano). `copy_sketch` gives the source.
"""

from typing import TYPE_CHECKING

from emgnb._lazy import attach as _attach

if TYPE_CHECKING:
    from emgnb.flash.boards import BOARDS, Board
    from emgnb.flash.exchange import FlashError
    from emgnb.flash.programming import Flashed, program
    from emgnb.flash.sketch import copy_sketch

__all__ = ["BOARDS", "Board", "FlashError", "Flashed", "copy_sketch", "program"]

__getattr__, __dir__ = _attach(
    __name__,
    {
        "BOARDS": "boards",
        "Board": "boards",
        "FlashError": "exchange",
        "Flashed": "programming",
        "copy_sketch": "sketch",
        "program": "programming",
    },
)
