"""Program a board through a serial port, and read every byte back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from emgnb.acquire import Port, PortError, PortLost, list_ports, open_port
from emgnb.acquire.ports.port import split_url, with_options
from emgnb.flash.boards import BOARDS, Board, chip_of
from emgnb.flash.exchange import Bootloader, DamagedError, FlashError, Request, Steps

T = TypeVar("T")
Progress = Callable[[str, float], None]

# Opening the port resets the board. The Uno's bootloader then blinks for 0.4 s, keeps three bytes
# that arrive meanwhile, and waits for a second. A greeting has two bytes, so there is one greeting
# per opening: a second one would be cut off, and the bootloader gives up at a cut request.
BLINKS = 0.45
# Maximum time (s) for the answer to a greeting, and for any other.
GREETING, ANSWER = 1.5, 4.0
# Number of times that programming is begun, because of damaged or lost bytes, and that the port is
# opened without an answer: a busy computer may greet too late.
ATTEMPTS, OPENINGS = 5, 3


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was programmed.

    board : key of `BOARDS`; "uno" also for a Nano, which has the same bootloader
    size : bytes written and read back
    seconds : duration
    """

    board: str
    size: int
    seconds: float

    def __str__(self) -> str:
        title = "Uno or Nano" if self.board == "uno" else BOARDS[self.board].title
        return f"{title}: {self.size} bytes written and verified in {self.seconds:.1f} s"


def program(url: str, board: str | None = None, *, progress: Progress | None = None) -> Flashed:
    """Program a board with emgnb's firmware, verify every byte, and start it.

    The bootloader is not changed, so an interrupted attempt can be repeated.

    Parameters
    ----------
    url : a serial port, such as "COM3" or "/dev/ttyACM0"
    board : key of `BOARDS`: "mega", "uno", "nano" or "nano-old"; by default, each is tried
    progress : called with "writing" or "verifying" and the share that is done, 0 to 1

    Raises
    ------
    FlashError : no bootloader answers, another board or processor, a byte that differs after
        several attempts, or a lost connection
    PortError : the port cannot be opened
    ValueError : `board` is unknown
    """
    if board is not None and board not in BOARDS:
        raise ValueError(f"board {board!r}, expected one of {', '.join(BOARDS)}")
    scheme = split_url(url)[0]
    if scheme != "serial":
        raise FlashError(
            f"a board is programmed through a serial port such as COM3, not through {scheme}://"
        )
    begin = time.monotonic()
    last: DamagedError | None = None
    for _ in range(ATTEMPTS):
        try:
            found, size = _attempt(url, board, progress or _silent)
        except DamagedError as error:
            last = error
        else:
            return Flashed(found, size, time.monotonic() - begin)
    raise FlashError(f"{ATTEMPTS} attempts failed, the last because {last}. Try another USB cable")


def steps(bootloader: Bootloader, board: Board, image: bytes, progress: Progress) -> Steps[None]:
    """Yield all requests that program a board and start it; see `exchange`.

    Raises
    ------
    FlashError : `image` is too large, or the processor is another
    DamagedError : a byte differs
    """
    size = len(image)
    if size > board.capacity:
        raise FlashError(f"{size} bytes do not fit into the {board.capacity} of a {board.title}")
    found = yield from bootloader.begin()
    if found != board.signature:
        raise FlashError(
            f"the board's processor is an {chip_of(found)}, but the firmware for "
            f"{board.title} needs an {chip_of(board.signature)}. Nothing was written"
        )
    padded = image + b"\xff" * (-size % board.page)
    addresses = range(0, len(padded), board.page)
    for address in addresses:
        yield from bootloader.write(address, padded[address : address + board.page])
        progress("writing", (address + board.page) / len(padded))
    for address in addresses:
        page = padded[address : address + board.page]
        _compare(address, page, (yield from bootloader.read(address, len(page))))
        progress("verifying", (address + board.page) / len(padded))
    yield from bootloader.leave()


def _compare(address: int, page: bytes, got: bytes) -> None:
    if len(got) != len(page):
        raise DamagedError(f"{len(got)} bytes were read back at {address}, expected {len(page)}")
    for place, (wanted, found) in enumerate(zip(page, got, strict=True), address):
        if wanted != found:
            raise DamagedError(f"byte {place} was read back as {found}, expected {wanted}")


def _silent(stage: str, share: float) -> None:
    """Show no progress."""


def _attempt(url: str, board: str | None, progress: Progress) -> tuple[str, int]:
    """Find the bootloader and program the board once; return the board and the number of bytes."""
    stage = "before anything was written"

    def noted(now: str, share: float) -> None:
        nonlocal stage
        stage = f"while {now} ({share:.0%})"
        progress(now, share)

    try:
        for name in ([board] if board else _likely_first(url)) * OPENINGS:
            with _bootloader(url, BOARDS[name]) as (port, bootloader):
                if bootloader is None:
                    continue
                image = BOARDS[name].image()
                _carry_out(port, steps(bootloader, BOARDS[name], image, noted))
                return name, len(image)
        raise FlashError(_nobody(url, board))
    except PortLost as error:
        raise FlashError(
            f"the connection was lost {stage}: {error} Its bootloader is intact: plug the board "
            "in again and repeat the command"
        ) from error


def _likely_first(url: str) -> list[str]:
    """Return the boards to try; the Nano is the Uno's twin."""
    described = {info.url: info.board for info in list_ports()}.get(split_url(url)[1], "")
    names = [name for name in BOARDS if name != "nano"]
    return sorted(names, key=lambda name: BOARDS[name].title not in described)


@contextlib.contextmanager
def _bootloader(url: str, board: Board) -> Iterator[tuple[Port, Bootloader | None]]:
    """Open the port, which resets the board, and greet its bootloader; None without an answer."""
    port = open_port(with_options(url, baud=board.baud))
    try:
        end = time.monotonic() + BLINKS
        while time.monotonic() < end:
            port.read()
        bootloader = board.bootloader()
        answers = _answer(port, bootloader.greet(), GREETING) is not None
        yield port, bootloader if answers else None
    finally:
        port.close()


def _carry_out(port: Port, procedure: Steps[T]) -> T:
    """Send each request of a procedure, and give it the answer."""
    try:
        request = next(procedure)
        while True:
            answer = _answer(port, request, ANSWER)
            if answer is None:
                raise DamagedError(f"the bootloader stopped answering for {ANSWER:g} s")
            request = procedure.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _answer(port: Port, request: Request, timeout: float) -> bytes | None:
    """Send a request; return its answer, None if there is none in time (s)."""
    try:
        port.write(request.data)
    except PortLost:
        raise
    except PortError:
        pass  # slow: on a busy computer, the bytes may have been sent nevertheless
    received = b""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        received += port.read()
        answer = request.find(received)
        if answer is not None:
            return answer
    return None


def _nobody(url: str, board: str | None) -> str:
    """Say that no bootloader answers, and which one does if another board was requested."""
    if board is None:
        return (
            f"no bootloader answers at {url}. Is it a Mega 2560, Uno or Nano? Close all programs "
            "that use the port; if the board has no automatic reset, press its reset button and "
            "repeat the command at once"
        )
    wanted = BOARDS[board]
    text = f"no bootloader of a {wanted.title} answers at {url} ({wanted.baud} baud)"
    for name in _likely_first(url):
        if name != board:
            with contextlib.suppress(PortError), _bootloader(url, BOARDS[name]) as (_, found):
                if found is not None:
                    return f"{text}, but that of a {BOARDS[name].title} does: use board {name!r}"
    return f"{text}. Is the board another one? Without its name, all are tried"
