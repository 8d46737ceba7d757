"""Plot the signal quality of a session by channel, measure and time."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb import quality
from emgnb.plots._style import style

# Cell colours of the grades; lightness and hue both vary, for greyscale and colour blindness.
SHADES = ("#e4e4e4", "#cfe3f2", "#f0b244", "#b33a00")
# Text colours on these.
TEXT = ("#555555", "#1d3b52", "#3d2800", "#ffffff")
# Names of the grades −1, 0, 1, 2.
WORDS = ("not measured", "good", "suspect", "bad")
# Measure → column heading.
HEADS = {
    "snr": "SNR",
    "mains": "mains",
    "motion": "motion",
    "clipped": "clipped",
    "flat": "flat",
    "railed": "railed",
    "dropped": "lost",
    "deformation": "shape Ω",
    "contact": "contact",
}
# Grade of each contact rating.
CONTACT = {"good": 0, "fair": 1, "poor": 2, "none": 2}
# Maximum number of columns over time; more are merged, and the worst grade is shown.
MOST_COLUMNS = 1200


def health(report: xr.Dataset, *, title: str = "") -> go.Figure:
    """Plot the quality of a session: the measures of each channel, and the worst one over time.

    The plot over time includes mains, motion, clipped, flat, railed and lost samples. It excludes
    the signal-to-noise ratio, which is not defined for a single window, and spectral deformation,
    which is not informative at rest.

    Parameters
    ----------
    report : result of `quality.report`
    title : title of the figure

    Raises
    ------
    TypeError : not a report
    """
    if not isinstance(report, xr.Dataset) or "contact" not in report:
        raise TypeError(
            f"expected the result of quality.report(session), found {type(report).__name__}"
        )
    grades = quality.grades(report)
    names = [str(name) for name in report["channel"].values]
    columns = [name for name in HEADS if name in report]
    table = np.stack([_grade(report, grades, name) for name in columns], axis=1)
    figure = make_subplots(
        rows=2,
        cols=1,
        row_heights=[0.6, 0.4],
        vertical_spacing=80 / (_height(names) - 140),
        subplot_titles=(
            "whole recording",
            "over time: worst measure of each window, named on hover",
        ),
    )
    _draw_table(figure, report, table, names, columns)
    _draw_course(figure, report, grades, names)
    _draw_legend(figure)
    suspect, bad = (int((table == grade).any(axis=1).sum()) for grade in (1, 2))
    style(
        figure,
        title
        or f"signal quality: {len(names)} channels, {bad} with bad measures, "
        f"{suspect} with suspect ones",
    )
    _lay_out(figure, names)
    return figure


def _draw_table(
    figure: go.Figure,
    report: xr.Dataset,
    table: npt.NDArray[np.int_],
    names: list[str],
    columns: list[str],
) -> None:
    """Draw the measures (column) of each channel (row), with their grades as colours."""
    hover = [
        [_hover(report, name, k, names[k], int(table[k, i])) for i, name in enumerate(columns)]
        for k in range(len(names))
    ]
    place = {"row": 1, "col": 1}
    figure.add_heatmap(
        z=table,
        x=[HEADS[name] for name in columns],
        y=names,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        **place,
        **_colours(),
    )
    for k, channel in enumerate(names):
        for i, name in enumerate(columns):
            grade = int(table[k, i])
            figure.add_annotation(
                x=HEADS[name],
                y=channel,
                text=_cell(report, name, k, grade),
                showarrow=False,
                font={"size": 11, "color": TEXT[grade + 1]},
                **place,
            )


def _draw_course(
    figure: go.Figure, report: xr.Dataset, grades: xr.Dataset, names: list[str]
) -> None:
    centre, worst, why = _course(report, grades)
    figure.add_heatmap(
        z=worst,
        x=centre,
        y=names,
        customdata=why,
        hovertemplate="%{y}, %{x:.1f} s<br>%{customdata}<extra></extra>",
        row=2,
        col=1,
        **{**_colours(), "xgap": 0},
    )


def _draw_legend(figure: go.Figure) -> None:
    for shade, word in zip(SHADES, WORDS, strict=True):
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            marker={"symbol": "square", "size": 12, "color": shade, "line": {"width": 1}},
            name=word,
            row=2,
            col=1,
        )


def _lay_out(figure: go.Figure, names: list[str]) -> None:
    # The first two annotations are the panel titles; moved to the left, away from the legend.
    for k in range(2):
        figure.layout.annotations[k].update(x=0.0, xanchor="left", font={"size": 13})
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(showgrid=False)
    figure.update_xaxes(type="category", side="bottom", ticks="", row=1, col=1)
    figure.update_xaxes(title_text="time (s)", row=2, col=1)
    figure.update_layout(
        height=_height(names),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        margin={"t": 90},
    )


def _height(names: list[str]) -> int:
    return 260 + 58 * max(len(names), 2)


def _colours() -> dict[str, object]:
    """Return a colour scale of four flat colours for −1, 0, 1, 2."""
    scale = [[edge, SHADES[i]] for i in range(4) for edge in (i / 4, (i + 1) / 4)]
    return {
        "colorscale": scale,
        "zmin": -1.5,
        "zmax": 2.5,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }


def _grade(report: xr.Dataset, grades: xr.Dataset, name: str) -> npt.NDArray[np.int_]:
    if name == "contact":
        return np.array([CONTACT.get(str(word), -1) for word in report["contact"].values])
    return grades[name].values.astype(int)


def _cell(report: xr.Dataset, name: str, k: int, grade: int) -> str:
    """Return the text of a cell: the value, and the grade if it is not good."""
    if name == "contact":
        return str(report["contact"].values[k])
    if grade < 0:
        return "–"
    word = f"<br>{WORDS[grade + 1]}" if grade else ""
    return _figure(float(report[name].values[k]), str(report[name].attrs["units"]), name) + word


def _figure(value: float, unit: str, name: str) -> str:
    if unit == "dB":
        return f"{value:.0f} dB"
    if name == "deformation":
        return f"{value:.2f}"
    share = 100 * value
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"


def _hover(report: xr.Dataset, name: str, k: int, channel: str, grade: int) -> str:
    attrs = report[name].attrs
    reason = ""
    if name == "contact":
        reason = json.loads(attrs["reasons"]).get(channel, "")
    elif grade < 0:
        reason = json.loads(attrs["not_measured"]).get(channel, "")
    said = f"{channel}, {attrs.get('long_name', name)}: {WORDS[grade + 1]}"
    return f"{said}<br>{reason}" if reason else said


def _course(
    report: xr.Dataset, grades: xr.Dataset
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int_], list[list[str]]]:
    """Return window centres (s), worst grades (channel, window), and the measures behind them."""
    names = [n for n in HEADS if f"{n}_over_time" in grades and n != "deformation"]
    stack = np.stack([grades[f"{n}_over_time"].values.T.astype(int) for n in names])
    centre = report["time"].values.astype(np.float64) - 0.5 * float(report.attrs["window_s"])
    join = -(-centre.size // MOST_COLUMNS)
    if join > 1:
        whole = centre.size // join * join
        stack = stack[:, :, :whole].reshape(*stack.shape[:2], -1, join).max(axis=-1)
        centre = centre[:whole].reshape(-1, join).mean(axis=1)
    worst = stack.max(axis=0)
    why = [
        [
            "not measured"
            if worst[c, w] < 0
            else "good"
            if worst[c, w] == 0
            else f"{WORDS[worst[c, w] + 1]}: "
            + ", ".join(HEADS[n] for i, n in enumerate(names) if stack[i, c, w] == worst[c, w])
            for w in range(worst.shape[1])
        ]
        for c in range(worst.shape[0])
    ]
    return centre, worst, why
