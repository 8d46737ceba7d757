r"""Write an event as one line of text, and read such lines.

The line is the code, then what the code does not hold: ``L12C; label=smile; apex=1.25``. In values,
a backslash precedes a semicolon or a backslash, and characters that cannot be displayed are written
as ``\u`` and six hexadecimal digits.
"""

from __future__ import annotations

import math
import re

from emgnb import facs
from emgnb.interop.label_files._rows import NAN, Row, positional

# What a line of text holds beyond the code.
KEYS = ("label", "apex", "channel", "notation", "side", "intensity")
HELD = ("channel", "notation")
_PARTS = re.compile(r"(?:[^;\\]|\\.)+", re.DOTALL)
_PAIR = re.compile(rf"\s*({'|'.join(KEYS)})=(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(u[0-9a-f]{6}|.)", re.DOTALL)
# Text of an event without unit and label; an empty text would be silence.
_NOTHING = ";"


def text_of(row: Row, *, decimals: int | None = None) -> str:
    """Write an event without its onset and offset.

    Parameters
    ----------
    decimals : decimals of the apex; if omitted, as many as needed
    """
    pairs = {name: row.more[name] for name in HELD if row.more.get(name, "") != ""}
    if row.label:
        pairs = {"label": row.label, **pairs}
    if math.isfinite(row.apex):
        pairs["apex"] = positional(row.apex) if decimals is None else f"{row.apex:.{decimals}f}"
    head = facs.code(row.au, row.side, row.intensity) if row.au else ""
    if not row.au:
        pairs |= {k: v for k, v in (("side", row.side), ("intensity", row.intensity)) if v}
    told = [f"{name}={_escaped(str(value))}" for name, value in pairs.items()]
    if not head and not told:
        return _NOTHING
    return "; ".join([head, *told]) if head else "; " + "; ".join(told)


def read_text(
    text: str, where: str, onset: float, offset: float, *, tier: str = ""
) -> tuple[list[Row], list[str]]:
    """Return the events that a line names, one per unit, and remarks.

    A line of `text_of` gives the same event again. Other text is a coder's notation, such as
    "12C+6", or else the label of the event. If the tier is named by a unit, as in "AU12", the text
    is its intensity or a label.
    """
    head, pairs = _split(text)
    if head is None:
        return _foreign(text.strip(), tier, where, onset, offset)
    rows, remarks = (
        coded(head, where, onset, offset) if head else ([_row(where, onset, offset)], [])
    )
    for row in rows:
        row.label = pairs.get("label", "")
        row.side, row.intensity = (
            pairs.get(name, getattr(row, name)) for name in ("side", "intensity")
        )
        row.apex = _number(pairs["apex"], where, remarks) if "apex" in pairs else NAN
        row.more |= {name: pairs[name] for name in HELD if name in pairs}
    return rows, remarks


def coded(
    text: str, where: str, onset: float, offset: float, apex: float = NAN
) -> tuple[list[Row], list[str]]:
    """Return the events of a coder's notation, one per unit, and remarks.

    What an event does not hold (alternatives, a range of intensities, asymmetry, doubt) is kept in
    the column `notation`.

    Raises
    ------
    ValueError : the text is not a coder's notation
    """
    coding = facs.parse(text)
    remarks = [f"{where}: {remark}" for remark in coding.remarks]
    rows = []
    for term in coding.terms:
        first = term[0]
        row = _row(where, onset, offset, apex)
        row.au, row.side = first.au, first.side
        row.intensity = "" if first.upto else first.intensity
        written = "/".join(map(str, term))
        if written != facs.code(row.au, row.side, row.intensity):
            row.more["notation"] = written
            remarks.append(
                f"{where}: {written!r} is read as "
                f"{facs.code(row.au, row.side, row.intensity)!r}; `notation` keeps the rest"
            )
        rows.append(row)
    return rows, remarks


def _foreign(
    text: str, tier: str, where: str, onset: float, offset: float
) -> tuple[list[Row], list[str]]:
    """Read text that emgnb did not write."""
    unit = _unit_of_tier(tier)
    row = _row(where, onset, offset)
    if unit is not None:
        row.au, row.side, row.intensity = unit.au, unit.side, unit.intensity
        if text.upper() in facs.INTENSITIES:
            row.intensity = text.upper()
            return [row], []
        same = _codes(text)
        if len(same) == 1 and same[0].au == unit.au:
            return coded(text, where, onset, offset)
        row.label = text
        return [row], []
    try:
        rows, remarks = coded(text, where, onset, offset)
    except ValueError:
        rows, remarks = [], []
    if rows:
        return rows, remarks
    row.label = text
    return [row], []


def _unit_of_tier(tier: str) -> facs.Code | None:
    found = _codes(tier)
    return found[0] if len(found) == 1 else None


def _codes(text: str) -> tuple[facs.Code, ...]:
    try:
        return facs.parse(text).codes
    except ValueError:
        return ()


def _split(text: str) -> tuple[str | None, dict[str, str]]:
    """Return the code and the pairs of a line of `text_of`, or None if it is other text."""
    if text.strip() == _NOTHING:
        return "", {}
    parts = _PARTS.findall(text)
    head = "" if text.startswith(";") else (parts or [""])[0]
    rest = parts if text.startswith(";") else parts[1:]
    pairs = [_PAIR.fullmatch(part) for part in rest]
    if not pairs or not all(pairs) or (head and not _codes(head)):
        return None, {}
    return head, {pair[1]: _plain(pair[2]) for pair in pairs if pair}


def _escaped(text: str) -> str:
    def one(c: str, at_edge: bool) -> str:
        if c in ";\\":
            return "\\" + c
        return f"\\u{ord(c):06x}" if not c.isprintable() or (c == " " and at_edge) else c

    return "".join(one(c, i in (0, len(text) - 1)) for i, c in enumerate(text))


def _plain(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) == 1:
            return code
        value = int(code[1:], 16)
        return chr(value) if value <= 0x10FFFF else found[0]

    return _ESCAPED.sub(one, text.strip(" "))


def _number(text: str, where: str, remarks: list[str]) -> float:
    try:
        return float(text)
    except ValueError:
        remarks.append(f"{where}: apex={text!r} is not a number; the event has no apex")
        return NAN


def _row(where: str, onset: float, offset: float, apex: float = NAN) -> Row:
    return Row(where, onset, offset, apex)
