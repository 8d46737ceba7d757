"""Find the port with a board, from its USB identifiers or, if they are ambiguous, by asking.

Opening a port resets the board behind it, so as few ports as possible are opened.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from emgnb.acquire.ports.opening import open_port
from emgnb.acquire.ports.port import PortError, PortInfo
from emgnb.acquire.ports.probe import Probe
from emgnb.acquire.ports.serial import list_ports
from emgnb.acquire.wire.dialects import DIALECTS

# Time (s) for a board's reset and answer.
PATIENCE = 5.0


class Answer(NamedTuple):
    """Answer of a port: the dialect, None if unknown, and the board's text."""

    dialect: str | None
    words: str


def ask(url: str, *, patience: float = PATIENCE) -> Answer:
    """Open a port and identify the board; a board that was started is stopped again.

    Raises
    ------
    PortError : the port cannot be opened
    """
    port = open_port(url)
    try:
        probe = Probe(port)
        end = time.monotonic() + patience
        while (
            time.monotonic() < end and probe.stream.dialect is None and not probe.handshake.answered
        ):
            probe.hear()
        port.tell(probe.handshake.stop())
        texts = [*probe.stream.texts, *probe.handshake.words.split("\n")]
        said = next((text.strip() for text in texts if text.strip()), "")
        known = probe.stream.dialect or probe.handshake.speaks
        return Answer(known, said if known else "")
    finally:
        port.close()


def boards() -> list[PortInfo]:
    """List the serial ports with a board's USB identifiers; if there are none, all."""
    serial = [info for info in list_ports() if "://" not in info.url]
    return [info for info in serial if info.board] or serial


def find() -> str:
    """Return the port of the one board that is plugged in.

    A single board with known USB identifiers is not opened; several are asked, each for some
    seconds.

    Raises
    ------
    PortError : no board answers, or more than one does; lists the ports and says what to do
    """
    found = boards()
    if len(found) == 1 and found[0].board:
        return found[0].url
    answers: dict[str, str] = {}
    troubles: list[str] = []
    for info in found:
        try:
            answer = ask(info.url, patience=PATIENCE)
        except PortError as error:
            troubles.append(str(error))
            continue
        if answer.dialect:
            answers[info.url] = answer.words or DIALECTS[answer.dialect].speaks
    if len(answers) == 1:
        return next(iter(answers))
    if answers:
        listed = "; ".join(f"{url} ({words})" for url, words in answers.items())
        raise PortError(f"several boards are plugged in. Name the one to use: {listed}")
    if not found:
        raise PortError(
            "no board found. Is its cable plugged in, and is it a data cable? Without a "
            "board, use sim://smile"
        )
    silent = ", ".join(info.url for info in found)
    raise PortError(
        f"no board responds at {silent}: `emgnb doctor {found[0].url}` shows the reason"
        + "".join(f". {trouble}" for trouble in troubles)
    )
