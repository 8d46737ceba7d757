"""Features, training and results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb.plots.style import INK, colour, new_figure, style
from emgnb.recording import unit_of


def features(ds: xr.Dataset, *, channel: str | None = None, title: str = "") -> go.Figure:
    """Draw how each feature spreads over the labels, one box a label, a panel for each feature.

    Parameters
    ----------
    ds : one variable (window, channel) for each feature, `label(window)`
    channel : which one; by default each window's mean over its channels
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(
            f"expected features as features.extract(windows) gives them, found {type(ds).__name__}"
        )
    if channel is not None and channel not in ds["channel"].values:
        raise ValueError(
            f"no channel {channel!r}; there are {', '.join(map(str, ds['channel'].values))}"
        )
    if "label" not in ds.coords:
        raise ValueError("no coordinate `label(window)`: cut the windows with trials first")
    names = [str(name) for name in ds.data_vars]
    columns = min(3, len(names)) or 1
    rows = -(-len(names) // columns)
    figure = make_subplots(
        rows=max(rows, 1),
        cols=columns,
        horizontal_spacing=0.09,
        vertical_spacing=0.35 / max(rows, 1),
        subplot_titles=names if len(names) > 1 else None,
    )
    label = np.asarray(ds["label"].values, dtype=str)
    kinds = list(dict.fromkeys(label.tolist()))
    for k, name in enumerate(names):
        one = ds[name] if channel is None else ds[name].sel(channel=channel)
        values = one.mean("channel") if "channel" in one.dims else one
        for i, kind in enumerate(kinds):
            figure.add_box(
                y=values.values[label == kind].astype(np.float64),
                name=kind,
                legendgroup=kind,
                showlegend=False,
                marker={"color": colour(i), "size": 3},
                line={"width": 1},
                boxpoints="outliers",
                row=k // columns + 1,
                col=k % columns + 1,
            )
        figure.update_yaxes(
            title_text=unit_of(ds[name]) or "no unit", row=k // columns + 1, col=k % columns + 1
        )
    of = f"channel {channel}" if channel is not None else "mean over channels"
    style(figure, title or f"features by label, {of}")
    figure.update_layout(height=max(340, 250 * rows + 80), margin={"t": 80})
    return figure


def confusion(result: Any, *, title: str = "") -> go.Figure:
    """Draw which class was taken for which: counts, shaded by the share of each true class.

    Parameters
    ----------
    result : what `evaluate.cross_validate` gives, or its `.confusion`: (truth, predicted) counts
    """
    table = result if isinstance(result, xr.DataArray) else getattr(result, "confusion", None)
    if table is None or set(table.dims) != {"truth", "predicted"}:
        raise TypeError(
            "expected what evaluate.cross_validate gives, or its .confusion (truth, predicted); "
            f"found {type(result).__name__}{'' if table is None else f' {table.dims}'}"
        )
    table = table.transpose("truth", "predicted")
    counts = np.asarray(table.values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share = counts / counts.sum(axis=1, keepdims=True)
    text = [
        [f"{n:g}<br>{100 * p:.0f} %" if np.isfinite(p) else "" for n, p in zip(ns, ps, strict=True)]
        for ns, ps in zip(counts, share, strict=True)
    ]
    figure = new_figure(title or str(table.attrs.get("title", "")))
    figure.add_heatmap(
        z=share,
        x=[str(name) for name in table["predicted"].values],
        y=[str(name) for name in table["truth"].values],
        text=text,
        texttemplate="%{text}",
        # From the faintest to the full of one hue: readable without colour at all.
        colorscale=[[0.0, "#f2f6fa"], [1.0, "#0072B2"]],
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate="truth %{y}<br>predicted %{x}<br>%{text}<extra></extra>",
    )
    figure.update_xaxes(title_text="predicted", showgrid=False, constrain="domain")
    figure.update_yaxes(title_text="truth", showgrid=False, autorange="reversed", scaleanchor="x")
    figure.update_layout(height=max(340, 140 + 62 * len(counts)))
    return figure


def training(history: xr.Dataset, *, title: str = "") -> go.Figure:
    """Draw how a network learned, epoch by epoch.

    Parameters
    ----------
    history : over `epoch`; names that begin with `val_` are drawn dashed in the colour of the rest
        of their name, losses on the left and everything else on the right
    """
    if not isinstance(history, xr.Dataset):
        raise TypeError(
            "expected a Dataset over `epoch`, such as a fitted network's history; found "
            f"{type(history).__name__}"
        )
    names = [str(name) for name in history.data_vars]
    bases = list(dict.fromkeys(name.removeprefix("val_") for name in names))
    losses = [name for name in bases if "loss" in name]
    panels = [group for group in (losses, [b for b in bases if b not in losses]) if group]
    figure = make_subplots(rows=1, cols=max(len(panels), 1), horizontal_spacing=0.12)
    for k, group in enumerate(panels):
        for name in (n for n in names if n.removeprefix("val_") in group):
            base = name.removeprefix("val_")
            figure.add_scatter(
                x=history["epoch"].values.astype(np.float64),
                y=history[name].values.astype(np.float64),
                mode="lines+markers",
                name=f"{base}, validation" if name != base else f"{base}, training",
                line={
                    "color": colour(bases.index(base)),
                    "dash": "dot" if name != base else "solid",
                },
                marker={"size": 4},
                row=1,
                col=k + 1,
            )
        figure.update_xaxes(title_text="epoch", row=1, col=k + 1)
        figure.update_yaxes(title_text=" and ".join(group), row=1, col=k + 1)
    style(figure, title)
    figure.update_layout(height=340)
    return figure


def accuracy(results: Any, *, title: str = "") -> go.Figure:
    """Draw the accuracy of each model: a dot a person, the mean with its interval, and chance.

    Parameters
    ----------
    results : name → what `evaluate.cross_validate` gives, or one of these
    """
    several = dict(results) if isinstance(results, Mapping) else {"": results}
    if not several:
        raise ValueError("no result to draw: the mapping is empty")
    for name, result in several.items():
        if not hasattr(result, "by_group"):
            raise TypeError(
                f"{name or 'result'}: expected what evaluate.cross_validate gives, found "
                f"{type(result).__name__}"
            )
    figure = new_figure(title)
    for k, (name, result) in enumerate(several.items()):
        groups = [str(group) for group in result.by_group["group"].values]
        values = np.asarray(result.by_group["accuracy"].values, dtype=np.float64)
        # Spread sideways in a fixed pattern, so that the same result is drawn the same.
        aside = 0.12 * ((np.arange(values.size) % 5) - 2) / 2
        figure.add_scatter(
            x=k + aside,
            y=100 * values,
            mode="markers",
            marker={"color": colour(k), "size": 6, "opacity": 0.6},
            customdata=groups,
            showlegend=False,
            name=name,
            hovertemplate=f"{name} %{{customdata}}<br>%{{y:.1f}} %<extra></extra>",
        )
        low, high = (float(edge) for edge in result.interval)
        mean = float(result.accuracy)
        figure.add_scatter(
            x=[k + 0.25],
            y=[100 * mean],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - mean)],
                "arrayminus": [100 * (mean - low)],
                "width": 6,
            },
            mode="markers+text",
            text=[f"{100 * mean:.0f}"],
            textposition="middle right",
            marker={"color": colour(k), "size": 11, "symbol": "diamond"},
            showlegend=False,
            name=f"{name} mean",
            hovertemplate=f"{name}<br>mean %{{y:.1f}} %, interval {100 * low:.0f}–"
            f"{100 * high:.0f} %<extra></extra>",
        )
    chance = sorted({round(float(result.chance), 4) for result in several.values()})
    for level in chance:
        figure.add_hline(
            y=100 * level,
            line={"dash": "dash", "color": INK, "width": 1},
            annotation={"text": f"chance {100 * level:.0f} %", "font": {"color": INK}},
            annotation_position="bottom right",
        )
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 105])
    figure.update_xaxes(
        tickmode="array",
        tickvals=list(range(len(several))),
        ticktext=list(several),
        range=[-0.5, len(several) - 0.3],
        showgrid=False,
    )
    figure.update_layout(height=400)
    return figure
