"""Plot the symmetry of movements, and whether a code is stable over time."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emgnb._arrays import Floats
from emgnb.dynamics import Stability, Symmetry
from emgnb.dynamics.sides import ALL, NONE, where
from emgnb.dynamics.wording import Estimate
from emgnb.plots._style import BACKGROUND, INK, colour, style

# Height of a row of points, and of the rest of the figure (px).
ROW, REST = 46, 150


def asymmetry(found: Symmetry, *, title: str = "") -> go.Figure:
    """Plot asymmetry and lag of each event, with the mean or median and its 95 % interval.

    Left: (left − right) / (left + right). Right: lag in ms, positive if the left side is first.

    Parameters
    ----------
    found : result of `dynamics.symmetry`
    title : title of the figure; by default it warns of amplitudes without a reference

    Raises
    ------
    TypeError : not the result of `dynamics.symmetry`
    """
    if not isinstance(found, Symmetry):
        raise TypeError(f"expected the result of dynamics.symmetry, found {type(found).__name__}")
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=("asymmetry, (L − R) / (L + R)", "lag (ms), positive: left first"),
    )
    for i, (muscle, label) in enumerate(found.asymmetry):
        events = found.events
        mine = (events["muscle"].values == muscle) & (
            (events["label"].values == label) | (label == ALL)
        )
        name = where(muscle, label).replace("_", " ")
        for col, values, estimate in (
            (1, events["asymmetry"].values[mine], found.asymmetry[muscle, label]),
            (2, 1e3 * events["lag"].values[mine], _scaled(found.lag[muscle, label], 1e3)),
        ):
            _points(figure, values, estimate, name, colour(i), col)
    for col in (1, 2):
        figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dash"}, row=1, col=col)
    warning = "gain and strength together: not asymmetry of the face"
    style(figure, title or (warning if found.reference == NONE else ""))
    figure.update_xaxes(range=[-1.05, 1.05], row=1, col=1)
    figure.update_yaxes(autorange="reversed", showticklabels=True, col=1)
    figure.update_layout(height=REST + ROW * len(found.asymmetry), showlegend=False, margin_t=70)
    return figure


def stability(found: Stability, *, title: str = "") -> go.Figure:
    """Plot the accuracy at each time of classifiers trained at each time.

    Left: rows are times of training, columns times of testing. A stable code fills a square, a
    dynamic one the diagonal only. Right: trained and tested at the same time, and the classifier of
    the best time tested at all times.

    Parameters
    ----------
    found : result of `dynamics.temporal_stability`
    title : title of the figure; the verdict by default

    Raises
    ------
    TypeError : not the result of `dynamics.temporal_stability`
    """
    if not isinstance(found, Stability):
        raise TypeError(
            f"expected the result of dynamics.temporal_stability, found {type(found).__name__}"
        )
    at, percent = found.scores["trained"].values, 100 * found.scores.values
    figure = make_subplots(
        rows=1,
        cols=2,
        horizontal_spacing=0.2,
        subplot_titles=("balanced accuracy (%)", "accuracy over time (%)"),
    )
    figure.add_heatmap(
        x=at,
        y=at,
        z=percent,
        zmin=100 * found.chance,
        zmax=100,
        colorscale=[[0, "rgba(31,131,197,0.03)"], [1, "rgba(31,131,197,1)"]],
        colorbar={"x": 0.41, "thickness": 10, "outlinewidth": 0, "ticksuffix": " %"},
        hovertemplate="trained %{y:.2f} s, tested %{x:.2f} s<br>%{z:.0f} %<extra></extra>",
        row=1,
        col=1,
    )
    best = int(np.argmax(np.diag(percent)))
    for i, (name, values) in enumerate(
        (("same time", np.diag(percent)), (f"trained at {at[best]:.2f} s", percent[best]))
    ):
        figure.add_scatter(
            x=at,
            y=values,
            name=name,
            mode="lines",
            line={"color": colour(i), "width": 2, "dash": "solid" if i == 0 else "dot"},
            row=1,
            col=2,
        )
    chance = {"color": BACKGROUND, "width": 1, "dash": "dash"}
    figure.add_hline(y=100 * found.chance, line=chance, row=1, col=2)
    style(figure, title or f"{found.verdict} code")
    figure.update_xaxes(title_text="tested (s)", constrain="domain", row=1, col=1)
    figure.update_yaxes(title_text="trained (s)", scaleanchor="x", row=1, col=1)
    figure.update_xaxes(title_text="time (s)", row=1, col=2)
    figure.update_yaxes(range=[0, 103], row=1, col=2)
    figure.update_layout(height=380, margin_t=80, legend={"x": 0.62, "y": 0.05})
    return figure


def _points(
    figure: go.Figure, values: Floats, estimate: Estimate, name: str, shade: str, col: int
) -> None:
    known = values[np.isfinite(values)]
    figure.add_scatter(
        x=known,
        y=[name] * known.size,
        mode="markers",
        marker={"color": shade, "size": 6, "opacity": 0.4},
        hovertemplate="%{x:.3g}<extra></extra>",
        row=1,
        col=col,
    )
    value, low, high = estimate
    error = {
        "type": "data",
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
        "thickness": 2,
        "color": INK,
    }
    figure.add_scatter(
        x=[value],
        y=[name],
        error_x=error if np.isfinite(low) else None,
        mode="markers",
        marker={"color": INK, "size": 10, "symbol": "diamond"},
        hovertemplate=f"{value:.3g} ({low:.3g} to {high:.3g})<extra></extra>",
        row=1,
        col=col,
    )


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    value, low, high = (factor * each for each in estimate)
    return value, low, high
