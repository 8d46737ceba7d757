"""Which port has the board: what USB says, and where that is not enough, who answers.

Opening a port resets the board behind it, so only as many are opened as must be.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from emgnb.acquire.dialects import DIALECTS
from emgnb.acquire.listening import Ear
from emgnb.acquire.ports import PortError, PortInfo, list_ports, open_port

# Seconds that a board gets for its reset and an answer.
PATIENCE = 5.0


class Answer(NamedTuple):
    """What a port said: the dialect, None when nothing known, and the board's own words."""

    dialect: str | None
    words: str


def ask(url: str, *, patience: float = PATIENCE) -> Answer:
    """Open a port, and learn who is there; a board that was told to start is told to stop again.

    Raises
    ------
    PortError : it cannot be opened
    """
    port = open_port(url)
    try:
        ear = Ear(port)
        end = time.monotonic() + patience
        while time.monotonic() < end and ear.take.dialect is None and not ear.talk.answered:
            ear.hear()
        ear.talk.stop()
        texts = [*ear.take.texts, *ear.talk.words.split("\n")]
        said = next((text.strip() for text in texts if text.strip()), "")
        known = ear.take.dialect or ear.talk.speaks
        return Answer(known, said if known else "")
    finally:
        port.close()


def boards() -> list[PortInfo]:
    """List the serial ports that may have a board: those that USB knows for one, else all."""
    serial = [info for info in list_ports() if "://" not in info.url]
    return [info for info in serial if info.board] or serial


def find() -> str:
    """Name the port of the one board that is plugged in.

    A single one that USB knows is taken at its word; several are asked, each for some seconds.

    Raises
    ------
    PortError : none, or more than one that answers: says what there is, and what to do
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
        raise PortError(f"several boards are plugged in, name the one to use: {listed}")
    if not found:
        raise PortError(
            "no board is plugged in: is its cable in, and does it carry data? Without a board: "
            "sim://smile"
        )
    silent = ", ".join(info.url for info in found)
    raise PortError(
        f"no board answers at {silent}: `emgnb doctor {found[0].url}` says what is wrong"
        + "".join(f". {trouble}" for trouble in troubles)
    )
