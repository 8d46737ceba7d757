"""Plot how far muscles and action units agree."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emgnb._arrays import Floats
from emgnb.plots._style import FAINT, INK, SHARES, colour, ink_on, style
from emgnb.recording import short_names
from emgnb.validate import Report

# Maximum length of a channel name on the axis.
NAME_ROOM = 14


def validation(report: Report, *, title: str = "") -> go.Figure:
    """Plot the lags of each action unit, the camera's resolution, and the crosstalk matrix.

    Left: one point per matched code, the mean over its channels, with the median and quartiles of
    the report, in ms; negative if the muscle was first. The grey band is what the camera resolves.
    Right: share of the codes of a unit during which a channel is active.

    Parameters
    ----------
    report : result of `validate.compare`
    title : title of the figure

    Raises
    ------
    TypeError : not the result of `validate.compare`
    """
    if not isinstance(report, Report):
        raise TypeError(f"expected the result of validate.compare, found {type(report).__name__}")
    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.5, 0.5],
        horizontal_spacing=0.12,
        subplot_titles=("lag, burst − code (ms)", "codes with the channel active (%)"),
    )
    _lags(figure, report)
    _crosstalk(figure, report)
    style(figure, title)
    figure.update_layout(height=max(340, 130 + 32 * report.crosstalk.sizes["au"]), showlegend=False)
    figure.update_layout(margin_t=70)
    return figure


def _lags(figure: go.Figure, report: Report) -> None:
    for i, row in enumerate(report.units):
        lag = 1e3 * _of_codes(report, row["au"])
        low, high = (1e3 * value for value in row["lag_quartiles"])
        reach = 1.5 * (high - low)
        inside = lag[(lag >= low - reach) & (lag <= high + reach)]
        figure.add_box(
            x=[lag],
            y=[f"AU {row['au']}"],
            orientation="h",
            q1=[low],
            median=[1e3 * row["lag"][0]],
            q3=[high],
            lowerfence=[inside.min(initial=low)],
            upperfence=[inside.max(initial=high)],
            name=f"AU {row['au']}",
            boxpoints="all",
            pointpos=0,
            jitter=0.4,
            marker={"color": colour(i), "size": 4, "opacity": 0.6},
            line={"width": 1.5},
            row=1,
            col=1,
        )
    rate = report.settings["frame_rate"]
    if rate is not None:
        width = 1e3 / rate
        figure.add_vrect(
            x0=-width, x1=width, fillcolor=FAINT, line_width=0, layer="below", row=1, col=1
        )
    figure.add_vline(x=0, line={"color": INK, "width": 1, "dash": "dash"}, row=1, col=1)
    figure.update_xaxes(title_text="lag (ms)", row=1, col=1)


def _of_codes(report: Report, au: str) -> Floats:
    """Return the lag (s) of each matched code of a unit, the mean over its channels."""
    pairs = report.pairs.isel(pair=np.flatnonzero(report.pairs["au"].values.astype(str) == au))
    lags: dict[tuple[str, float], list[float]] = {}
    columns = (pairs[name].values.tolist() for name in ("code", "onset", "lag"))
    for code, onset, lag in zip(*columns, strict=True):
        lags.setdefault((code, onset), []).append(lag)
    return np.array([np.mean(each) for each in lags.values()], dtype=np.float64)


def _crosstalk(figure: go.Figure, report: Report) -> None:
    share = report.crosstalk
    percent = 100 * share.values
    channels = short_names([str(name) for name in share["channel"].values], NAME_ROOM)
    units = [f"AU {name}" for name in share["au"].values]
    figure.add_heatmap(
        z=percent,
        x=channels,
        y=units,
        xgap=2,
        ygap=2,
        customdata=share["codes"].values,
        zmin=0,
        zmax=100,
        colorscale=SHARES,
        showscale=False,
        hovertemplate="%{y}, %{x}<br>%{z:.0f} % of %{customdata} codes<extra></extra>",
        row=1,
        col=2,
    )
    # Not by the heatmap, whose text would be dark on a dark page where a cell has no colour.
    figure.add_scatter(
        x=channels * len(units),
        y=[name for name in units for _ in channels],
        mode="text",
        text=["–" if np.isnan(v) else f"{v:.0f}" for v in percent.ravel()],
        textfont={"color": [ink_on(v / 100) for v in percent.ravel()]},
        hoverinfo="skip",
        row=1,
        col=2,
    )
    figure.update_xaxes(tickangle=-40, showgrid=False, row=1, col=2)
    figure.update_yaxes(showgrid=False, row=1, col=2)
