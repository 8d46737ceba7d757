"""Plot what a classifier needs, and how well it knows when it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb.plots._style import FAINT, INK, colour, dash, new_figure, style
from emgnb.recording import short_names, unit_of

# Falls below this are shaded without a number.
WRITTEN = 0.05
# Red-orange of the palette, behind curves; its opacity is the fall.
SHADE = "rgba(213,94,0,{:.2f})"
# Blue of the palette, for parts that take from an output.
SHADE_BELOW = "rgba(31,131,197,{:.2f})"
# Maximum length of a channel name next to its panel.
NAME_ROOM = 14


def occlusion(found: Any, *, expression: str | None = None, title: str = "") -> go.Figure:
    """Plot which channel and which time a classifier needs, over the mean signal of each class.

    Parts are shaded by the fall of the probability without them, and the fall is written on parts
    that lose at least 0.05.

    Parameters
    ----------
    found : result of `evaluate.occlusion`
    expression : class whose falls are shaded; by default the greatest fall of any class
    title : title of the figure

    Raises
    ------
    TypeError, ValueError : not the result of `evaluate.occlusion`, or no such class
    """
    if not hasattr(found, "fall") or not hasattr(found, "average"):
        raise TypeError(f"expected the result of evaluate.occlusion, found {type(found).__name__}")
    names = [str(name) for name in found.average["class"].values]
    if expression is not None and expression not in names:
        raise ValueError(f"no class {expression!r}; there are {', '.join(names)}")
    fall = found.fall.max("class") if expression is None else found.fall.sel({"class": expression})
    figure = _signals(found.average, title or _heading(expression))
    for row, channel in enumerate(found.average["channel"].values, start=1):
        for one in fall.sel(channel=channel).transpose("slice"):
            _shade(figure, row, one, -max(0.0, float(one)))
    return figure


def attribution(found: Any, *, expression: str | None = None, title: str = "") -> go.Figure:
    """Plot what each channel and time adds to an output, over the mean signal of each class.

    Parts that add to the output are shaded red-orange, parts that take from it blue. Contributions
    of at least 0.05 are written.

    Parameters
    ----------
    found : result of `evaluate.integrated_gradients`
    expression : class or action unit whose parts are shaded; by default the one with the largest
    title : title of the figure

    Raises
    ------
    TypeError, ValueError : not the result of `evaluate.integrated_gradients`, or no such class
    """
    if not hasattr(found, "parts") or not hasattr(found, "gap"):
        raise TypeError(
            f"expected the result of evaluate.integrated_gradients, found {type(found).__name__}"
        )
    names = [str(name) for name in found.parts["class"].values]
    if expression is not None and expression not in names:
        raise ValueError(f"no class {expression!r}; there are {', '.join(names)}")
    largest = np.abs(found.parts).max(("channel", "slice"))
    chosen = expression or names[int(largest.values.argmax())]
    part = found.parts.sel({"class": chosen})
    figure = _signals(found.average, title or f"what each part adds to {chosen}")
    for row, channel in enumerate(found.average["channel"].values, start=1):
        for one in part.sel(channel=channel).transpose("slice"):
            _shade(figure, row, one, float(one), SHADE if one > 0 else SHADE_BELOW)
    return figure


def _signals(average: xr.DataArray, title: str) -> go.Figure:
    """Plot the mean signal of each class, with a panel per channel."""
    names = [str(name) for name in average["class"].values]
    channels = [str(name) for name in average["channel"].values]
    figure = make_subplots(rows=len(channels), cols=1, shared_xaxes=True, vertical_spacing=0.02)
    for row, channel in enumerate(channels, start=1):
        for k, name in enumerate(names):
            one = average.sel({"class": name, "channel": channel})
            figure.add_scatter(
                x=1e3 * one["sample"].values,
                y=one.values.astype(np.float64),
                mode="lines",
                line={"color": colour(k), "dash": dash(k), "width": 1.5},
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                hovertemplate=f"{name}, {channel}<br>%{{x:.0f}} ms<br>%{{y:.4g}} "
                f"{unit_of(average)}<extra></extra>",
                row=row,
                col=1,
            )
    style(figure, title)
    for row, short in enumerate(short_names(channels, NAME_ROOM), start=1):
        figure.update_yaxes(title_text=short, nticks=3, row=row, col=1)
    figure.update_xaxes(title_text="time (ms)", row=len(channels), col=1)
    figure.update_layout(
        height=max(320, 120 + 85 * len(channels)),
        legend={"title": {"text": f"mean ({unit_of(average) or 'no unit'})"}},
    )
    return figure


def _heading(expression: str | None) -> str:
    of = "any class" if expression is None else expression
    return f"fall of the probability of {of} without a part"


def _shade(
    figure: go.Figure, row: int, part: xr.DataArray, added: float, shade: str = SHADE
) -> None:
    """Shade a slice by what it adds, and write the number."""
    start, stop = 1e3 * float(part["start"]), 1e3 * float(part["stop"])
    if abs(added) <= 0.005:
        return
    figure.add_vrect(
        x0=start,
        x1=stop,
        fillcolor=shade.format(0.6 * min(abs(added), 1.0)),
        line_width=0,
        layer="below",
        row=row,
        col=1,
    )
    if abs(added) >= WRITTEN:
        figure.add_annotation(
            x=(start + stop) / 2,
            y=1.0,
            yref=f"y{'' if row == 1 else row} domain",
            yanchor="top",
            text=f"{'−' if added < 0 else '+'}{abs(added):.2f}",
            font={"size": 11, "color": INK},
            showarrow=False,
            row=row,
            col=1,
        )


def rejection(curve: xr.Dataset, *, title: str = "") -> go.Figure:
    """Plot the accuracy of the most certain windows against the share of windows kept.

    Parameters
    ----------
    curve : result of `evaluate.rejection_curve`
    title : title of the figure

    Raises
    ------
    TypeError : not a rejection curve
    """
    if not isinstance(curve, xr.Dataset) or not {"kept", "accuracy"} <= set(curve.data_vars):
        raise TypeError(
            f"expected the result of evaluate.rejection_curve, found {type(curve).__name__}"
        )
    kept = 100 * curve["kept"].values
    figure = new_figure(title)
    low, high = (100 * curve[name].values for name in ("low", "high"))
    if np.isfinite(low).any():
        figure.add_scatter(
            x=np.concatenate([kept, kept[::-1]]),
            y=np.concatenate([low, high[::-1]]),
            fill="toself",
            fillcolor=FAINT,
            line_width=0,
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=kept,
        y=100 * curve["accuracy"].values,
        customdata=curve["threshold"].values,
        mode="lines+markers",
        line={"color": colour(0)},
        marker={"size": 5},
        showlegend=False,
        hovertemplate="%{x:.0f} % kept<br>accuracy %{y:.1f} %<br>"
        "probability at least %{customdata:.3f}<extra></extra>",
    )
    figure.update_xaxes(title_text="windows kept (%)", range=[100, 0])
    over = f", 95 % interval over {curve.attrs['over']}" if "over" in curve.attrs else ""
    figure.update_yaxes(title_text="accuracy of these (%)" + over.replace(", ", "<br>"))
    figure.update_layout(height=360)
    return figure


def calibration(result: Any, *, bins: int = 15, title: str = "") -> go.Figure:
    """Plot accuracy against the probability of the predicted class (reliability diagram).

    Parameters
    ----------
    result : result of `evaluate.cross_validate` or `evaluate.transfer`
    bins : number of bins, with about equal numbers of windows
    title : title of the figure; by default the expected calibration error

    Raises
    ------
    TypeError : not a result
    """
    if not hasattr(result, "prediction") or not hasattr(result, "ece"):
        raise TypeError(f"expected a result of evaluate, found {type(result).__name__}")
    values = result.prediction.values
    sure = values.max(axis=1).astype(np.float64)
    guess = result.prediction["class"].values.astype(str)[values.argmax(axis=1)]
    hit = guess == result.prediction["truth"].values.astype(str)
    edges = np.unique(np.quantile(sure, np.arange(1, bins) / bins))
    _, of = np.unique(np.searchsorted(edges, sure, side="right"), return_inverse=True)
    count = np.bincount(of)
    figure = new_figure(title or f"expected calibration error {100 * result.ece:.1f} %")
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": INK, "dash": "dash", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=100 * np.bincount(of, weights=sure) / count,
        y=100 * np.bincount(of, weights=hit) / count,
        customdata=count,
        mode="lines+markers",
        line={"color": colour(0)},
        showlegend=False,
        hovertemplate="said %{x:.1f} %<br>right %{y:.1f} %<br>%{customdata} windows<extra></extra>",
    )
    figure.update_xaxes(title_text="probability of the predicted class (%)", range=[0, 102])
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 102])
    figure.update_layout(height=380)
    return figure
