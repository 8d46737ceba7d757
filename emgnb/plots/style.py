"""What every figure shares: colours, grounds, axes, and how a unit is written."""

from __future__ import annotations

import plotly.graph_objects as go

# Okabe–Ito without its black and its yellow, which vanish on a dark and on a light page.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dot", "dash")
# A grey of contrast 4.5:1 on white that is as readable on black.
INK = "#767676"
FAINT = "rgba(128,128,128,0.25)"
BACKGROUND = "rgba(128,128,128,0.75)"


def new_figure(title: str) -> go.Figure:
    """Return an empty figure in the common style."""
    figure = go.Figure()
    style(figure, title)
    return figure


def style(figure: go.Figure, title: str) -> None:
    """Give a figure, after all its axes are made, the common style."""
    figure.update_layout(
        template="none",
        title={"text": title, "x": 0.01, "xanchor": "left", "font": {"size": 15}},
        font={"color": INK, "size": 12},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 70, "r": 20, "t": 50 if title else 25, "b": 50},
        legend={"tracegroupgap": 0},
        hoverlabel={"bgcolor": "#333333", "font": {"color": "#ffffff"}},
    )
    axis = {
        "gridcolor": FAINT,
        "linecolor": INK,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",
        "tickcolor": FAINT,
        "title_standoff": 8,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)


def colour(i: int) -> str:
    """Return the i-th colour, from the start again after the last."""
    return COLOURS[i % len(COLOURS)]


def dash(i: int) -> str:
    """Tell apart the curves that share a colour."""
    return DASHES[i // len(COLOURS) % len(DASHES)]
