"""The report as HTML: accuracies and sizes drawn, and a table of all findings."""

from __future__ import annotations

import html
from collections.abc import Iterable

from emgnb import _pages
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Finding, Results, Score

WIDTH, LEFT, ROW = 640, 250, 26
# Name, value, interval and verdict (its colour) of a bar.
Bar = tuple[str, float, tuple[float, float] | None, str]
COLOURS = {FOUND: "#d55e00", UNDETERMINED: "#8a8a8a", NOT_FOUND: "#0072b2"}
STYLE = (
    ".audit{font:15px/1.5 system-ui,sans-serif;max-width:72rem}"
    ".audit table{border-collapse:collapse}"
    ".audit td,.audit th{border:1px solid #8888;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top;white-space:normal}.audit tr.found td:first-child{font-weight:700}"
    ".audit svg{max-width:100%;display:block;margin:.5rem 0}.audit text{fill:currentColor}"
)


def whole(report: Results) -> str:
    """Return a page that stands alone."""
    return _pages.page("Audit", body(report))


def body(report: Results) -> str:
    """Return the report without the page around it, as a notebook shows it."""
    order = (FOUND, UNDETERMINED, NOT_FOUND)
    findings = sorted(report.findings, key=lambda finding: order.index(finding.verdict))
    return (
        f"<div class='audit'><style>{STYLE}</style><p><b>{html.escape(report.headline)}</b></p>"
        f"<p>{html.escape(report.summary)}. "
        f"<b>Honest:</b> {html.escape(str(report.honest or 'cannot be measured'))}; "
        f"<b>careless:</b> {html.escape(str(report.careless or '–'))}; "
        f"chance {100 * report.chance:.1f} %, majority {100 * report.majority:.1f} %; "
        f"{html.escape(report.model)}.</p>{_reading(report)}{_accuracies(report)}"
        f"{_sizes(report.found)}{_table(findings)}</div>"
    )


def _reading(report: Results) -> str:
    if not report.reading:
        return ""
    lines = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in report.reading)
    return f"<p><b>Read as</b></p><ul>{lines}</ul>"


def _table(findings: Iterable[Finding]) -> str:
    rows = "".join(
        f"<tr class='{f.verdict.replace(' ', '-')}'><td>{html.escape(f.verdict)}</td>"
        f"<td>{html.escape(f.leak)}</td><td>{'' if f.points is None else f'{f.points:+.1f}'}</td>"
        f"<td>{html.escape(f.evidence)}</td><td>{html.escape(f.advice)}</td></tr>"
        for f in findings
    )
    return (
        "<table><caption>Leaks looked for</caption><thead><tr><th scope='col'>verdict</th>"
        "<th scope='col'>leak</th><th scope='col'>points</th><th scope='col'>evidence</th>"
        f"<th scope='col'>what to do</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _accuracies(report: Results) -> str:
    """Bars of the honest and the careless accuracy, with interval, beside chance and majority."""
    bars: list[Bar] = [
        ("chance", 100 * report.chance, None, UNDETERMINED),
        ("majority", 100 * report.majority, None, UNDETERMINED),
    ]
    for name, score, colour in (
        ("honest", report.honest, NOT_FOUND),
        ("careless", report.careless, FOUND),
    ):
        if score is not None:
            bars.append((name, 100 * score.accuracy, _interval(score), colour))
    return _drawn("Accuracy (%)", bars, 100.0)


def _interval(score: Score) -> tuple[float, float] | None:
    return None if score.low != score.low else (100 * score.low, 100 * score.high)


def _sizes(found: Iterable[Finding]) -> str:
    """Bars of the points of accuracy behind each leak that was found."""
    bars: list[Bar] = [
        (each.leak, each.points, None, FOUND)
        for each in found
        if each.points is not None and each.points > 0
    ]
    return _drawn("Size of what was found (points)", bars, 100.0) if bars else ""


def _drawn(title: str, bars: list[Bar], most: float) -> str:
    scale = (WIDTH - LEFT - 60) / most
    lines = []
    for number, (name, value, spread, colour) in enumerate(bars):
        y = ROW * (number + 1)
        end = LEFT + scale * min(max(value, 0.0), most)
        lines.append(
            f"<text x='{LEFT - 8}' y='{y + 15}' text-anchor='end'>{html.escape(name)}</text>"
            f"<rect x='{LEFT}' y='{y + 3}' width='{end - LEFT:.1f}' height='{ROW - 9}' "
            f"fill='{COLOURS[colour]}'/>"
        )
        if spread is not None:
            low, high = (LEFT + scale * min(max(each, 0.0), most) for each in spread)
            lines.append(
                f"<path d='M{low:.1f} {y + 11}H{high:.1f}' stroke='currentColor' stroke-width='2'/>"
            )
            end = max(end, high)
        lines.append(f"<text x='{end + 6:.1f}' y='{y + 15}'>{value:.1f}</text>")
    height = ROW * (len(bars) + 1)
    words = ", ".join(f"{name} {value:.1f}" for name, value, *_ in bars)
    return (
        f"<svg role='img' aria-label='{html.escape(title + ': ' + words, quote=True)}' "
        f"viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' font-size='13'>"
        f"<text x='0' y='16' font-weight='700'>{html.escape(title)}</text>{''.join(lines)}</svg>"
    )
