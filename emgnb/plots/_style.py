"""Define the common style of figures: colours, backgrounds and axes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

# Okabe–Ito colours without black and yellow, which are hard to see on dark and light pages, and
# with a lighter blue: contrast 4:1 on white and on #111 of a dark notebook.
COLOURS = ("#1F83C5", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Line styles for curves that share a colour.
DASHES = ("solid", "dot", "dash")
# Grey of axes and text: contrast 4.5:1 on white, and similar on black.
INK = "#767676"
# Grey of grids and shaded areas.
FAINT = "rgba(128,128,128,0.35)"
# Grey of a reference curve behind another.
BACKGROUND = "rgba(128,128,128,0.75)"


def new_figure(title: str) -> go.Figure:
    """Return an empty figure in the common style."""
    figure = go.Figure()
    style(figure, title)
    return figure


def style(figure: go.Figure, title: str) -> None:
    """Apply the common style to a figure; call it after all axes are created."""
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
        "showline": True,
        "linecolor": INK,
        "zeroline": False,
        "automargin": True,
        "ticks": "outside",
        "tickcolor": INK,
        "title_standoff": 8,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)


def colour(i: int) -> str:
    """Return the i-th colour; the colours repeat after the last."""
    return COLOURS[i % len(COLOURS)]


def readable_on(red: float, green: float, blue: float) -> str:
    """Return black or white, whichever has more contrast (≥ 4.5:1) to a colour (RGB, 0 to 1)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def _hex(shade: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in shade)


# Colours of a table of shares: a single hue from light to dark, which is readable without colour.
PALE, FULL = (0.949, 0.965, 0.980), (0.0, 0.290, 0.470)
SHARES = [[0.0, _hex(PALE)], [1.0, _hex(FULL)]]


def ink_on(share: float) -> str:
    """Return the text colour of a cell coloured by `SHARES`; of a cell without colour for NaN."""
    if np.isnan(share):
        return INK
    red, green, blue = (a + share * (b - a) for a, b in zip(PALE, FULL, strict=True))
    return readable_on(red, green, blue)


def dash(i: int) -> str:
    """Return the line style of the i-th curve, to distinguish curves of the same colour."""
    return DASHES[i // len(COLOURS) % len(DASHES)]
