"""Signals, events and trials over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb.plots.style import BACKGROUND, FAINT, INK, colour, new_figure, style
from emgnb.plots.thin import MAX_POINTS, Floats, at, thin
from emgnb.recording import need_signal, unit_of


def signal(
    x: xr.DataArray,
    *,
    compare: xr.DataArray | None = None,
    markers: xr.Dataset | None = None,
    labels: xr.Dataset | None = None,
    title: str = "",
    names: tuple[str, str] = ("raw", "filtered"),
    max_points: int = MAX_POINTS,
) -> go.Figure:
    """Draw a signal over time, its channels one below the other at one scale.

    Parameters
    ----------
    x : (time, channel); NaN breaks the line, invalid samples are shaded
    compare : (time, channel), drawn over `x` at the same scale, such as `x` after a filter
    markers : table of called-out moments (time, text), drawn as vertical lines
    labels : event table or trials (onset, offset in s, label or au), drawn as shaded spans
    names : what `x` and `compare` are called in the legend
    max_points : points a curve at most; each bin of samples keeps its least and its greatest

    Raises
    ------
    TypeError, ValueError : no signal (time, channel), `compare` lacks a channel, or a table lacks
        its columns
    """
    need_signal(x)
    x = x.transpose("time", "channel")
    channels = [str(name) for name in x["channel"].values]
    curves = [thin(x.isel(channel=i), max_points) for i in range(len(channels))]
    over = None
    if compare is not None:
        need_signal(compare)
        absent = [name for name in channels if name not in compare["channel"].values]
        if absent:
            raise ValueError(
                f"`compare` has no channel {', '.join(absent)}; it has "
                f"{', '.join(map(str, compare['channel'].values))}"
            )
        compare = compare.sel(channel=x["channel"].values).transpose("time", "channel")
        over = [thin(compare.isel(channel=i), max_points) for i in range(len(channels))]
    unit = unit_of(x)
    spacing = _spacing([y for _, y in curves + (over or [])]) if len(channels) > 1 else 0.0
    middles = [_middle(y) if len(channels) > 1 else 0.0 for _, y in curves]
    figure = new_figure(title)
    kinds = _kinds(x)
    for i, name in enumerate(channels):
        drawn = [(curves[i], names[0] if over else name, colour(i), middles[i])]
        if over:
            # A filter may remove the level: each curve sits on its own middle.
            middle = _middle(over[i][1]) if len(channels) > 1 else 0.0
            drawn = [
                (curves[i], names[0], BACKGROUND, middles[i]),
                (over[i], names[1], colour(0), middle),
            ]
        for (time, y), legend, ink, middle in drawn:
            figure.add_scatter(
                x=time,
                y=y - middle - i * spacing,
                customdata=y,
                mode="lines",
                line={"color": ink, "width": 1},
                name=legend,
                legendgroup=legend,
                showlegend=over is not None and i == 0,
                connectgaps=False,
                hovertemplate=f"{name} {legend if over else ''}<br>%{{x:.3f}} s<br>"
                f"%{{customdata:.4g}} {unit}<extra></extra>",
            )
    low, high = _range(figure)
    _shade_invalid(figure, x if compare is None else compare, low, high)
    if labels is not None:
        _spans(figure, labels, low, high)
    if markers is not None:
        _moments(figure, markers, low, high)
    figure.update_xaxes(title_text="time (s)")
    if len(channels) == 1:
        figure.update_yaxes(title_text=f"{channels[0]} ({unit}{kinds})")
    else:
        figure.update_yaxes(
            title_text=f"one row = {spacing:g} {unit}{kinds}",
            tickmode="array",
            tickvals=[-i * spacing for i in range(len(channels))],
            ticktext=channels,
            showgrid=True,
        )
    height = max(320, 120 + 62 * len(channels))
    pad = 0.03 * (high - low)
    # The texts of the markers stand above the curves.
    headroom = (0.02 + 24 / height) * (high - low) if markers is not None else pad
    figure.update_yaxes(range=[low - pad, high + headroom])
    figure.update_layout(height=height, hovermode="closest")
    return figure


def events(x: xr.DataArray, table: xr.Dataset, **options: Any) -> go.Figure:
    """Draw a signal with a lane for each action unit below it.

    Parameters
    ----------
    x : (time, channel)
    table : event table: onset, offset and, if known, apex (s); au, side, intensity, label
    options : of `signal`
    """
    below = timeline(table)
    above = signal(x, **options)
    lanes = len(below.layout.yaxis.ticktext or ())
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
    """Draw events or trials as bars in time, a lane for each action unit, label or channel.

    Parameters
    ----------
    table : onset, offset (s), and `au`, `label` or (bursts) `channel`; `apex` (s) is a tick on its
        bar where there is one
    """
    onset, offset, names = _spans_of(table)
    apex = np.asarray(table["apex"].values, dtype=float) if "apex" in table else None
    lanes = list(dict.fromkeys(names))
    figure = new_figure(title)
    for k, lane in enumerate(lanes):
        mine = np.flatnonzero([name == lane for name in names])
        figure.add_scatter(
            x=_broken(onset[mine], offset[mine]),
            y=_broken(np.full(mine.size, -k), np.full(mine.size, -k)),
            mode="lines",
            line={"color": colour(k), "width": 12},
            name=lane,
            showlegend=False,
            hovertemplate=f"{lane}<br>%{{x:.3f}} s<extra></extra>",
        )
        if apex is not None:
            figure.add_scatter(
                x=apex[mine],
                y=np.full(mine.size, -float(k)),
                mode="markers",
                marker={"symbol": "line-ns-open", "size": 14, "color": "#ffffff"},
                name="apex",
                showlegend=False,
                hovertemplate=f"{lane} apex<br>%{{x:.3f}} s<extra></extra>",
            )
    figure.update_xaxes(title_text="time (s)")
    figure.update_yaxes(
        tickmode="array",
        tickvals=[-k for k in range(len(lanes))],
        ticktext=lanes,
        range=[-len(lanes) + 0.4, 0.6],
        showgrid=False,
    )
    figure.update_layout(height=110 + 28 * max(len(lanes), 1))
    return figure


def _spacing(curves: Iterable[npt.NDArray[np.float32]]) -> float:
    """Distance between rows: what most of the widest curve needs, as a round number."""
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


def _spans_of(table: xr.Dataset) -> tuple[Floats, Floats, list[str]]:
    """Onsets, offsets and names of an event table or of trials."""
    missing = [name for name in ("onset", "offset") if name not in table]
    if missing:
        raise ValueError(
            f"no {' and no '.join(missing)} in the table; found {sorted(map(str, table.variables))}"
        )
    size = table["onset"].size
    au = table["au"].values if "au" in table else [""] * size
    side = table["side"].values if "side" in table else [""] * size
    unnamed = table["channel"].values if "channel" in table else [""] * size
    label = table["label"].values if "label" in table else [""] * size
    label = [text or name for text, name in zip(label, unnamed, strict=True)]
    names = [
        f"AU {u} {s}".strip() if str(u) else str(text)
        for u, s, text in zip(au, side, label, strict=True)
    ]
    return (
        np.asarray(table["onset"].values, dtype=np.float64),
        np.asarray(table["offset"].values, dtype=np.float64),
        names,
    )


def _boxes(begin: Floats, end: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Outlines of many rectangles as one curve, broken by NaN: fast where shapes are slow."""
    nan = np.full(begin.size, np.nan)
    lows, highs = np.full(begin.size, low), np.full(begin.size, high)
    across = np.column_stack([begin, begin, end, end, begin, nan]).ravel()
    up = np.column_stack([lows, highs, highs, lows, lows, nan]).ravel()
    return across, up


def _broken(begin: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
    a, b = np.asarray(begin, dtype=np.float64), np.asarray(end, dtype=np.float64)
    return np.column_stack([a, b, np.full(a.size, np.nan)]).ravel()


def _spans(figure: go.Figure, table: xr.Dataset, low: float, high: float) -> None:
    onset, offset, names = _spans_of(table)
    for k, name in enumerate(dict.fromkeys(names)):
        mine = np.flatnonzero([n == name for n in names])
        across, up = _boxes(onset[mine], offset[mine], low, high)
        figure.add_scatter(
            x=across,
            y=up,
            mode="lines",
            fill="toself",
            line={"width": 0, "color": colour(k)},
            opacity=0.25,
            name=name or "event",
            hoverinfo="name",
        )


def _moments(figure: go.Figure, markers: xr.Dataset, low: float, high: float) -> None:
    time = np.asarray(markers["time"].values, dtype=np.float64)
    if not time.size:
        return
    figure.add_scatter(
        x=_broken(time, time),
        y=_broken(np.full(time.size, low), np.full(time.size, high)),
        mode="lines",
        line={"color": INK, "width": 1, "dash": "dot"},
        showlegend=False,
        hoverinfo="skip",
        name="markers",
    )
    figure.add_scatter(
        x=time,
        y=np.full(time.size, high),
        mode="text",
        text=[str(text) for text in markers["text"].values],
        textposition="top right",
        textfont={"color": INK, "size": 11},
        showlegend=False,
        name="markers",
        hovertemplate="%{text}<br>%{x:.3f} s<extra></extra>",
    )


def _shade_invalid(figure: go.Figure, x: xr.DataArray, low: float, high: float) -> None:
    if "valid" not in x.coords or bool(x["valid"].all()):
        return
    bad = ~x["valid"].values
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False]))))
    last = bad.size - 1
    begin = at(x["time"], edges[::2])
    end = at(x["time"], np.minimum(edges[1::2], last))
    across, up = _boxes(begin, end, low, high)
    figure.add_scatter(
        x=across,
        y=up,
        mode="lines",
        fill="toself",
        fillcolor=FAINT,
        line={"width": 1, "color": FAINT},
        name="invalid",
        hoverinfo="name",
    )


def _kinds(x: xr.DataArray) -> str:
    if "signal_kind" not in x.coords:
        return ""
    kinds = sorted({str(kind) for kind in x["signal_kind"].values})
    return ", " + " and ".join(kinds)
