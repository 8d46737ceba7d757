"""Shorten channel names for narrow displays."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W\d_]+")


def short_names(names: Sequence[str], most: int) -> list[str]:
    """Shorten the names that are too long: zygomaticus_major_l → zygo_majo_l.

    A name that fits is unchanged. In a longer one, every word keeps as many letters as fit; sides
    and numbers stay, so the two sides of a muscle are shortened in the same way. Names stay
    distinct: if shortening would make two of them equal, all words are cut to the same number of
    letters, and no further than the names still differ.

    Parameters
    ----------
    names : all names of one display
    most : maximum number of characters

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.short_names(["zygomaticus_major_l", "mentalis"], 11)
    ['zygo_majo_l', 'mentalis']
    """
    cut = [_fitted(name, most) for name in names]
    return cut if len(set(cut)) == len(set(names)) else _alike(list(names), most)


def _fitted(name: str, most: int) -> str:
    """Shorten one name to `most` characters, or to one letter per word."""
    longest = max(map(len, _WORD.findall(name)), default=0)
    short = name
    for keep in range(longest, 0, -1):
        if len(short) <= most:
            break
        short = _cut(name, keep)
    return short


def _alike(names: list[str], most: int) -> list[str]:
    """Cut all words to the same number of letters, as long as the names differ."""
    best = names
    longest = max((len(word) for name in names for word in _WORD.findall(name)), default=0)
    for keep in range(longest, 0, -1):
        if max(map(len, best)) <= most:
            break
        cut = [_cut(name, keep) for name in names]
        if len(set(cut)) < len(set(names)):
            break
        best = cut
    return best


def _cut(name: str, keep: int) -> str:
    return _WORD.sub(lambda word: word[0][:keep], name)
