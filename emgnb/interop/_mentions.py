"""Search names and contents of files for the code of a participant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

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
        self._word = re.compile(_bounded(text))
        longer = [re.escape(each) for each in others if each != text and text in each]
        pattern = "|".join(sorted(longer, key=len, reverse=True)) or "(?!)"
        self._others, self._others_bytes = re.compile(pattern), re.compile(pattern.encode())
        wide = re.escape(text.encode("utf-16-le"))
        self._bytes = re.compile(_bounded(text).encode() + b"|" + wide)

    def in_name(self, name: str) -> bool:
        """Return whether a file's name contains the code."""
        return self._word.search(self._others.sub("", name)) is not None

    def in_text(self, content: bytes) -> bool:
        """Return whether bytes contain the code."""
        return self._bytes.search(self._others_bytes.sub(b"", content)) is not None

    def in_file(self, path: Path) -> bool:
        """Return whether a file contains the code; of binary files only the head is searched.

        Raises
        ------
        OSError : the file cannot be read
        """
        overlap = 2 * len(self.text) + 2
        with path.open("rb") as file:
            block = file.read(HEAD)
            if b"\0" in block and path.suffix.lower() not in _WHOLE:
                return self.in_text(block)
            while block:
                if self.in_text(block):
                    return True
                more = file.read(_STEP)
                block = block[-overlap:] + more if more else b""
        return False


def _bounded(text: str) -> str:
    return f"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])"
