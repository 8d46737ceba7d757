"""Search names and contents of files for the code of a participant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import AnyStr

# Bytes read at once, and bytes of a binary file that are searched: headers and settings.
_STEP, HEAD = 1 << 20, 1 << 12
# Binary files that hold texts anywhere.
_WHOLE = (".nc", ".h5", ".hdf5", ".mat")


class Code:
    """A participant's code as a word: P1 is not found in P12.

    others : codes of other people; where the code is part of one of them, it is not found
    """

    def __init__(self, text: str, others: Iterable[str] = ()) -> None:
        self.text = text
        longer = sorted((each for each in others if each != text and text in each), key=len)
        # A longer code is matched first, as a whole; only the code itself is a group.
        first = "".join(f"{re.escape(each)}|" for each in reversed(longer))
        pattern = f"{first}({_bounded(text)})"
        wide = re.escape(text.encode("utf-16-le"))
        self._word = re.compile(pattern)
        self._bytes = re.compile(pattern.encode() + b"|(" + wide + b")")
        # Bytes that decide whether a match is the code: a longer one, and the letter beside it.
        self._reach = 2 * max(len(each.encode()) for each in (text, *longer)) + 2

    def in_name(self, name: str) -> bool:
        """Return whether a file's name contains the code."""
        return bool(_ends(self._word, name))

    def in_text(self, content: bytes) -> bool:
        """Return whether bytes contain the code."""
        return bool(_ends(self._bytes, content))

    def in_file(self, path: Path) -> bool:
        """Return whether a file contains the code; of binary files only the head is searched.

        Raises
        ------
        OSError : the file cannot be read
        """
        with path.open("rb") as file:
            block = file.read(HEAD)
            if b"\0" in block and path.suffix.lower() not in _WHOLE:
                return self.in_text(block)
            before = 0  # bytes of the block that were searched already
            while more := file.read(_STEP):
                # What follows may make a match at the end another word.
                last = len(block) - self._reach
                if any(before < end <= last for end in _ends(self._bytes, block)):
                    return True
                kept = block[-2 * self._reach :]
                before = max(len(kept) - self._reach, 0)
                block = kept + more
            return any(end > before for end in _ends(self._bytes, block))


def _ends(pattern: re.Pattern[AnyStr], text: AnyStr) -> list[int]:
    """Return where the code ends, each time that it occurs."""
    return [found.end() for found in pattern.finditer(text) if found.lastindex]


def _bounded(text: str) -> str:
    return f"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])"
