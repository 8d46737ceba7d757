"""Plot signals, events and trials over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb._arrays import Floats
from emgnb.plots._overlays import (
    broken,
    draw_markers,
    draw_spans,
    shade_invalid,
    spans_of,
    stacked,
)
from emgnb.plots._style import BACKGROUND, colour, new_figure, style
from emgnb.plots._thin import MAX_POINTS, thin
from emgnb.recording import emg, need_signal, short_names, unit_of

# Maximum length of a channel name next to its row; the full name appears on hover.
NAME_ROOM = 20
# Distance of overlapping events in a lane of `timeline`, relative to that of two lanes.
SUB_ROW = 0.5


def signal(
    x: xr.DataArray | xr.DataTree,
    *,
    compare: xr.DataArray | None = None,
    markers: xr.Dataset | None = None,
    labels: xr.Dataset | None = None,
    title: str = "",
    names: tuple[str, str] = ("raw", "filtered"),
    max_points: int = MAX_POINTS,
) -> go.Figure:
    """Plot a signal over time, with the channels below each other on a common scale.

    Parameters
    ----------
    x : signal (time, channel), or a session with it; NaN breaks the line, invalid samples are
        shaded
    compare : (time, channel), drawn over `x` on the same scale, for example `x` after filtering
    markers : marker table (time, text), drawn as vertical lines
    labels : event table or trials (onset, offset in s, label or au), drawn as shaded spans;
        overlapping ones share the height
    title : title of the figure
    names : names of `x` and `compare` in the legend
    max_points : maximum number of points per curve; each bin of samples keeps its minimum and
        maximum

    Raises
    ------
    TypeError, ValueError : not a session or signal, `compare` lacks a channel, or a table lacks a
        column
    """
    x = emg(x).transpose("time", "channel")
    channels = [str(name) for name in x["channel"].values]
    curves = [thin(x.isel(channel=i), max_points) for i in range(len(channels))]
    over = None
    if compare is not None:
        compare = _matching(compare, x)
        over = [thin(compare.isel(channel=i), max_points) for i in range(len(channels))]
    spacing = _spacing([y for _, y in curves + (over or [])]) if len(channels) > 1 else 0.0
    figure = new_figure(title)
    for i, channel in enumerate(channels):
        drawn = [(curves[i], channel, colour(i))]
        if over:
            drawn = [(curves[i], names[0], BACKGROUND), (over[i], names[1], colour(0))]
        _draw_row(figure, i, channel, drawn, spacing, unit_of(x))
    low, high = _range(figure)
    shade_invalid(figure, x if compare is None else compare, low, high)
    if labels is not None:
        draw_spans(figure, labels, low, high)
    if markers is not None:
        draw_markers(figure, markers, low, high)
    figure.update_xaxes(title_text="time (s)")
    _name_rows(figure, channels, spacing, unit_of(x) + _kinds(x))
    height = max(320, 120 + 62 * len(channels))
    pad = 0.03 * (high - low)
    # Marker texts are drawn above the curves.
    headroom = (0.02 + 24 / height) * (high - low) if markers is not None else pad
    figure.update_yaxes(range=[low - pad, high + headroom])
    figure.update_layout(height=height, hovermode="closest")
    return figure


def _matching(compare: xr.DataArray, x: xr.DataArray) -> xr.DataArray:
    """Return the channels of `x` in `compare`.

    Raises
    ------
    ValueError : `compare` lacks a channel
    """
    need_signal(compare)
    names = x["channel"].values
    absent = [str(name) for name in names if name not in compare["channel"].values]
    if absent:
        raise ValueError(
            f"`compare` has no channel {', '.join(absent)}; it has "
            f"{', '.join(map(str, compare['channel'].values))}"
        )
    return compare.sel(channel=names).transpose("time", "channel")


def _draw_row(
    figure: go.Figure,
    i: int,
    channel: str,
    drawn: list[tuple[tuple[Floats, Any], str, str]],
    spacing: float,
    unit: str,
) -> None:
    """Draw a channel: each curve with its name and colour, the second over the first."""
    compared = len(drawn) > 1
    for (time, y), legend, ink in drawn:
        # A filter may remove the offset, so each curve is centred separately.
        middle = _middle(y) if spacing else 0.0
        figure.add_scatter(
            x=time,
            y=y - middle - i * spacing,
            customdata=y,
            mode="lines",
            line={"color": ink, "width": 1},
            name=legend,
            legendgroup=legend,
            showlegend=compared and i == 0,
            connectgaps=False,
            hovertemplate=f"{channel} {legend if compared else ''}<br>%{{x:.3f}} s<br>"
            f"%{{customdata:.4g}} {unit}<extra></extra>",
        )


def _name_rows(figure: go.Figure, channels: list[str], spacing: float, unit: str) -> None:
    if len(channels) == 1:
        figure.update_yaxes(title_text=f"{channels[0]} ({unit})")
        return
    figure.update_yaxes(
        title_text=f"row spacing {spacing:g} {unit}",
        tickmode="array",
        tickvals=[-i * spacing for i in range(len(channels))],
        ticktext=short_names(channels, NAME_ROOM),
        showgrid=True,
    )


def events(x: xr.DataArray, table: xr.Dataset, **options: Any) -> go.Figure:
    """Plot a signal with one lane per action unit below it.

    Parameters
    ----------
    x : (time, channel)
    table : event table: onset, offset and, if known, apex (s); au, side, intensity, label
    options : passed to `signal`
    """
    below = timeline(table)
    above = signal(x, **options)
    lanes = 0.4 - below.layout.yaxis.range[0]
    share = min(0.5, 0.12 + 0.05 * lanes)
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.04,
        row_heights=[1 - share, share],
    )
    figure.add_traces(list(above.data), rows=1, cols=1)
    figure.add_traces(list(below.data), rows=2, cols=1)
    for row, source in ((1, above), (2, below)):
        axis = source.layout.yaxis
        figure.update_yaxes(
            title_text=axis.title.text,
            tickmode=axis.tickmode,
            tickvals=axis.tickvals,
            ticktext=axis.ticktext,
            range=axis.range,
            row=row,
            col=1,
        )
    figure.update_xaxes(title_text="time (s)", row=2, col=1)
    style(figure, options.get("title", ""))
    figure.update_layout(height=int(above.layout.height + 60 + 26 * lanes))
    return figure


def timeline(table: xr.Dataset, *, title: str = "") -> go.Figure:
    """Plot events or trials as bars over time, with one lane per action unit, label or channel.

    Overlapping events of a lane are drawn below each other.

    Parameters
    ----------
    table : onset, offset (s), and `au`, `label` or (for bursts) `channel`; `apex` (s), if present,
        is drawn as a tick on the bar
    title : title of the figure

    Raises
    ------
    ValueError : the table has no onset or offset
    """
    onset, offset, names = spans_of(table)
    apex = np.asarray(table["apex"].values, dtype=float) if "apex" in table else None
    lanes = list(dict.fromkeys(names))
    figure = new_figure(title)
    top, middles = 0.0, []
    for k, lane in enumerate(lanes):
        mine = np.flatnonzero([name == lane for name in names])
        row, rows = stacked(onset[mine], offset[mine])
        y = top - SUB_ROW * row
        deepest = SUB_ROW * (float(rows.max()) - 1)
        middles.append(top - deepest / 2)
        top -= 1 + deepest
        figure.add_scatter(
            x=broken(onset[mine], offset[mine]),
            y=broken(y, y),
            mode="lines",
            line={"color": colour(k), "width": 12},
            name=lane,
            showlegend=False,
            hovertemplate=f"{lane}<br>%{{x:.3f}} s<extra></extra>",
        )
        if apex is not None:
            figure.add_scatter(
                x=apex[mine],
                y=y,
                mode="markers",
                marker={"symbol": "line-ns-open", "size": 8, "color": "#ffffff"},
                name="apex",
                showlegend=False,
                hovertemplate=f"{lane} apex<br>%{{x:.3f}} s<extra></extra>",
            )
    figure.update_xaxes(title_text="time (s)")
    if onset.size:
        # A bar that ends at the edge would look cut off.
        pad = 0.02 * float(offset.max() - onset.min()) or 0.5
        figure.update_xaxes(range=[float(onset.min()) - pad, float(offset.max()) + pad])
    figure.update_yaxes(
        tickmode="array",
        tickvals=middles,
        ticktext=lanes,
        range=[top + 0.4, 0.6],
        showgrid=False,
    )
    figure.update_layout(height=round(110 + 28 * max(-top, 1)))
    return figure


def _spacing(curves: Iterable[npt.NDArray[np.float32]]) -> float:
    """Return the distance between rows: the 99 % range of the widest curve, rounded up."""
    spans = [
        float(np.subtract(*np.percentile(y[np.isfinite(y)], [99.5, 0.5])))
        for y in curves
        if np.isfinite(y).any()
    ]
    widest = max(spans, default=0.0)
    if widest <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(widest))
    return float(
        next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= widest)
    )


def _middle(y: npt.NDArray[np.float32]) -> float:
    return float(np.nanmedian(y)) if np.isfinite(y).any() else 0.0


def _range(figure: go.Figure) -> tuple[float, float]:
    lows, highs = [], []
    for trace in figure.data:
        y = np.asarray(trace.y, dtype=np.float64)
        if np.isfinite(y).any():
            lows.append(float(np.nanmin(y)))
            highs.append(float(np.nanmax(y)))
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _kinds(x: xr.DataArray) -> str:
    if "signal_kind" not in x.coords:
        return ""
    kinds = sorted({str(kind) for kind in x["signal_kind"].values})
    return ", " + " and ".join(kinds)
