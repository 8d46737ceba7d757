"""Parse many lines of plain numbers at once into a table.

Only the most common form is parsed here: signed decimals without an exponent, one separator, no
blanks. All other lines are left to the parser that reads line by line.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

NEWLINE, RETURN, MINUS, POINT, ZERO = 10, 13, 45, 46, 48
# Up to 15 digits and their power of ten are exact in a float64, and their quotient is rounded once.
MOST_DIGITS = 15


def table(
    text: bytes, separator: int, width: int, *, longest: int
) -> tuple[I64, npt.NDArray[np.bool_], F64]:
    r"""Parse the numbers of whole lines.

    Parameters
    ----------
    text : lines, each ended by ``\n`` or ``\r\n``
    separator : code of the character between two numbers
    width : numbers per line
    longest : maximum characters per line, line end excluded

    Returns
    -------
    (lines,) position after each line's end; (lines,) whether the line has the common form;
    (lines of that form, width) their numbers
    """
    code = np.frombuffer(text, dtype=np.uint8)
    borders = np.flatnonzero((code == separator) | (code == NEWLINE))
    is_line = code[borders] == NEWLINE
    line_ends = borders[is_line]
    # Of each number: where it begins and ends, and its line.
    begin = np.concatenate([[0], borders[:-1] + 1])
    end = borders - (is_line & (code[borders - 1] == RETURN) & (borders > begin))
    line = np.cumsum(is_line) - is_line
    negative = (code[begin] == MINUS) & (end > begin)
    begin = begin + negative

    points = np.flatnonzero(code == POINT)
    of = np.searchsorted(borders, points)
    decimals = np.zeros(borders.size, dtype=np.int64)
    decimals[of] = end[of] - points - 1
    digits = end - begin - np.bincount(of, minlength=borders.size)

    well = (digits >= 1) & (digits <= MOST_DIGITS)
    well[of[1:][of[1:] == of[:-1]]] = False  # two decimal points
    # Only digits, points, signs, separators and line ends are allowed.
    plain = (code - np.uint8(ZERO)) < 10
    plain[borders] = plain[points] = True
    plain[begin[negative] - 1] = True
    plain[end[end < borders]] = True
    well[np.searchsorted(borders, np.flatnonzero(~plain))] = False

    size = np.bincount(line, minlength=line_ends.size)
    formed = (size == width) & (np.bincount(line, weights=~well, minlength=line_ends.size) == 0)
    formed &= np.diff(line_ends, prepend=-1) <= longest + 1
    if not formed.all():
        use = formed[line]
        begin, end, negative, decimals = begin[use], end[use], negative[use], decimals[use]
    values = _values(code, begin, end - begin, pointed=points.size > 0)
    if points.size:
        values /= 10.0**decimals
    return line_ends + 1, formed, np.where(negative, -values, values).reshape(-1, width)


def _values(code: npt.NDArray[np.uint8], begin: I64, size: I64, *, pointed: bool) -> F64:
    """Return the whole numbers formed by the digits from `begin` on, decimal points ignored."""
    values = np.zeros(begin.size, dtype=np.float64)
    longest = int(size.max(initial=0))
    shortest = int(size.min(initial=0))
    for place in range(longest):
        digit = code.take(begin + place, mode="clip")
        more = values * 10.0 + (digit - np.uint8(ZERO))
        if pointed or place >= shortest:
            keep = place >= size
            if pointed:
                keep |= digit == POINT
            more = np.where(keep, values, more)
        values = more
    return values
