"""Draw bars and lines as small SVG files, readable on light and dark pages.

The colours are those of Okabe and Ito; shapes and patterns also distinguish the series. The grey of
texts and axes has contrast on both backgrounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, FAINT, OTHER = "#767676", "#76767640", "#9a9a9a"
WIDTH, FONT = 760, 13
DASHES = ("", "6 4", "2 3")


@dataclass(frozen=True)
class Bars:
    """Values by name, one bar each or one per series; NaN leaves a gap.

    With one series, bars whose names begin with "emgnb" are coloured and the others grey.
    """

    title: str
    unit: str
    names: list[str]
    series: dict[str, list[float]]
    logarithmic: bool = False


@dataclass(frozen=True)
class Lines:
    """Curves through points, each (x, y)."""

    title: str
    x: str
    y: str
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def bars(chart: Bars) -> str:
    """Draw horizontal bars with their values."""
    left = min(320, 12 + max((_width(name) for name in chart.names), default=0))
    many = len(chart.series)
    high = 18 if many == 1 else 12
    row = many * high + 10
    top = 44 if many == 1 else 66
    values = [v for each in chart.series.values() for v in each if math.isfinite(v)]
    low, most = _limits(values, chart.logarithmic)
    ticks = _ticks(low, most, chart.logarithmic)
    high_end = max(ticks[-1], most)
    room = WIDTH - left - 84

    def place(value: float) -> float:
        if chart.logarithmic:
            share = math.log(max(value, low) / low) / math.log(high_end / low)
        else:
            share = value / high_end
        return left + room * share

    bottom = top + row * len(chart.names)
    parts = [_text(8, 22, chart.title, size=15)]
    for tick in ticks:
        x = place(tick)
        parts.append(f'<path d="M{x:.1f} {top - 4}V{bottom}" stroke="{FAINT}"/>')
        parts.append(_text(x, bottom + 18, _short(tick), anchor="middle"))
    parts.append(_text(left + room / 2, bottom + 38, chart.unit, anchor="middle"))
    if many > 1:
        at = float(left)
        for k, name in enumerate(chart.series):
            parts.append(f'<rect x="{at:.0f}" y="36" width="14" height="12" fill="{COLOURS[k]}"/>')
            parts.append(_text(at + 20, 47, name))
            at += 44 + _width(name)
    for i, name in enumerate(chart.names):
        y = top + i * row
        parts.append(_text(left - 8, y + many * high / 2 + 5, name, anchor="end", most=left - 12))
        for k, each in enumerate(chart.series.values()):
            ours = many > 1 or name.startswith("emgnb")
            colour = COLOURS[k] if ours else OTHER
            if not math.isfinite(each[i]):
                continue
            end = max(place(each[i]), left + 1)
            parts.append(
                f'<rect x="{left}" y="{y + k * high}" width="{end - left:.1f}" '
                f'height="{high - 2}" fill="{colour}"/>'
            )
            size = FONT if many == 1 else 11
            parts.append(_text(end + 6, y + (k + 1) * high - 4, _short(each[i]), size=size))
    return _page(bottom + 48, parts, f"{chart.title}, {chart.unit}")


def lines(chart: Lines) -> str:
    """Draw curves with a marker at each point, on an axis that starts at 0."""
    left, top, wide, tall = 74, 44, WIDTH - 74 - 200, 260
    points = [p for curve in chart.curves.values() for p in curve]
    x_ticks = _ticks(0, max((x for x, _ in points), default=1.0), False)
    y_ticks = _ticks(0, max((y for _, y in points), default=1.0), False)

    def at(x: float, y: float) -> tuple[float, float]:
        return left + wide * x / x_ticks[-1], top + tall * (1 - y / y_ticks[-1])

    parts = [_text(8, 22, chart.title, size=15)]
    for tick in y_ticks:
        y = at(0, tick)[1]
        parts.append(f'<path d="M{left} {y:.1f}H{left + wide}" stroke="{FAINT}"/>')
        parts.append(_text(left - 8, y + 4, _short(tick), anchor="end"))
    for tick in x_ticks:
        x = at(tick, 0)[0]
        parts.append(f'<path d="M{x:.1f} {top + tall}v5" stroke="{INK}"/>')
        parts.append(_text(x, top + tall + 20, _short(tick), anchor="middle"))
    parts.append(_text(left + wide / 2, top + tall + 42, chart.x, anchor="middle"))
    middle = top + tall / 2
    parts.append(
        f'<text x="18" y="{middle}" text-anchor="middle" fill="{INK}" '
        f'transform="rotate(-90 18 {middle})">{escape(chart.y)}</text>'
    )
    for k, (name, curve) in enumerate(chart.curves.items()):
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*p) for p in sorted(curve)))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        parts += [_mark(k, *at(*p), colour) for p in curve]
        y = top + 10 + 24 * k
        x = left + wide + 20
        parts.append(
            f'<path d="M{x} {y}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        parts += [_mark(k, x + 14, y, colour), _text(x + 36, y + 5, name)]
    return _page(top + tall + 54, parts, f"{chart.title}, {chart.y} over {chart.x}")


def _mark(k: int, x: float, y: float, colour: str) -> str:
    if k % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    if k % 3 == 1:
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z" fill="{colour}"/>'
    return f'<path d="M{x:.1f} {y - 6:.1f}l5.5 10h-11z" fill="{colour}"/>'


def _limits(values: list[float], logarithmic: bool) -> tuple[float, float]:
    most = max(values, default=1.0)
    if not logarithmic:
        return 0.0, most
    least = min((v for v in values if v > 0), default=most / 10)
    return 10.0 ** math.floor(math.log10(least) - 0.3), most


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if logarithmic:
        first, last = round(math.log10(low)), math.ceil(math.log10(high))
        return [10.0**k for k in range(first, max(last, first + 1) + 1)]
    rough = max(high, 1e-12) / 5
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(ten * k for k in (1, 2, 5, 10) if ten * k >= rough * (1 - 1e-9))
    return [step * k for k in range(math.ceil(high / step - 1e-9) + 1)]


def _short(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.0e}"


def _width(text: str) -> float:
    return 0.56 * FONT * len(text)


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = FONT, most: float = 0
) -> str:
    if most and _width(words) > most:
        words = words[: int(most / (0.56 * FONT)) - 1] + "…"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{INK}">{escape(words)}</text>'
    )


def _page(height: float, parts: list[str], described: str) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" font-size="{FONT}" '
        f'role="img" aria-label="{escape(described)}">\n{body}\n</svg>\n'
    )


Table = tuple[list[str], list[list[str]]]


def tables(text: str) -> list[Table]:
    """Return the Markdown tables of a text: header and rows, as strings."""
    found: list[Table] = []
    lines_of = [line.strip() for line in text.splitlines()]
    for above, rule in pairwise([*enumerate(lines_of), (len(lines_of), "")]):
        if above[1].startswith("|") and set(rule[1]) <= set("|-: ") and "---" in rule[1]:
            rows = []
            for line in lines_of[rule[0] + 1 :]:
                if not line.startswith("|"):
                    break
                rows.append(_cells(line))
            found.append((_cells(above[1]), rows))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
