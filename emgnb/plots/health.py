"""A session's health at a glance: which channel, which measure, and when."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb import quality
from emgnb.plots.style import style

# Light to dark as well as blue to red: readable in grey, and by colour-blind eyes.
SHADES = ("#e4e4e4", "#cfe3f2", "#f0b244", "#b33a00")
TEXT = ("#555555", "#1d3b52", "#3d2800", "#ffffff")
WORDS = ("not measured", "good", "suspect", "bad")
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
CONTACT = {"good": 0, "fair": 1, "poor": 2, "none": 2}
# More columns than a screen has points are joined, the worst of them shown.
MOST_COLUMNS = 1200


def health(report: xr.Dataset, *, title: str = "") -> go.Figure:
    """Draw a session's health: each channel's measures in words, and its worst measure over time.

    Over time are shown the shares of mains, motion, clipped, flat, railed and lost samples; a
    window alone has no signal-to-noise ratio, and at rest the shape of its spectrum says nothing.

    Parameters
    ----------
    report : what `quality.report` gives

    Raises
    ------
    TypeError : something else
    """
    if not isinstance(report, xr.Dataset) or "contact" not in report:
        raise TypeError(
            f"expected what quality.report(session) gives; found {type(report).__name__}"
        )
    grades = quality.grades(report)
    names = [str(name) for name in report["channel"].values]
    columns = [name for name in HEADS if name in report]
    table = np.stack([_grade(report, grades, name) for name in columns], axis=1)
    words = [
        [_cell(report, name, k, int(table[k, i])) for i, name in enumerate(columns)]
        for k in range(len(names))
    ]
    hover = [
        [_hover(report, name, k, names[k], int(table[k, i])) for i, name in enumerate(columns)]
        for k in range(len(names))
    ]
    figure = make_subplots(
        rows=2,
        cols=1,
        row_heights=[0.6, 0.4],
        vertical_spacing=80 / (_height(names) - 140),
        subplot_titles=(
            "whole recording",
            "over time: the worst measure of each window; point at one to see which",
        ),
    )
    figure.add_heatmap(
        z=table,
        x=[HEADS[name] for name in columns],
        y=names,
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        row=1,
        col=1,
        **_colours(),
    )
    for k, row in enumerate(words):
        for i, word in enumerate(row):
            figure.add_annotation(
                x=HEADS[columns[i]],
                y=names[k],
                text=word,
                showarrow=False,
                font={"size": 11, "color": TEXT[int(table[k, i]) + 1]},
                row=1,
                col=1,
            )
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
    suspect, bad = (int((table == grade).any(axis=1).sum()) for grade in (1, 2))
    style(
        figure,
        title
        or f"signal health: {len(names)} channels, {bad} with a bad measure, "
        f"{suspect} with a suspect one",
    )
    # The first two annotations are the panels' titles; to the left there is room beside the legend.
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
    return figure


def _height(names: list[str]) -> int:
    return 260 + 58 * max(len(names), 2)


def _colours() -> dict[str, object]:
    """Four flat colours for −1, 0, 1, 2."""
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
    """What is written into a cell: the figure, and the word where it is not good."""
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
    """Middle of each window in s, its worst grade (channel, window), and the measures behind it."""
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
            "nothing measured"
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
