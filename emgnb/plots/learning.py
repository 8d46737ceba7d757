"""Plot features, training curves and evaluation results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb.plots._style import FAINT, INK, SHARES, colour, ink_on, new_figure, style
from emgnb.recording import unit_of


def features(ds: xr.Dataset, *, channel: str | None = None, title: str = "") -> go.Figure:
    """Plot the distribution of each feature per label, as box plots with one panel per feature.

    Parameters
    ----------
    ds : one variable (window, channel) per feature, with `label(window)`
    channel : channel to plot; by default the mean over channels
    title : title of the figure

    Raises
    ------
    TypeError, ValueError : not features, no labels, or no such channel
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(
            f"expected features from features.extract(windows), found {type(ds).__name__}"
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
    """Plot a confusion matrix: counts, shaded by the fraction of each true class.

    Parameters
    ----------
    result : result of `evaluate.cross_validate`, or its `.confusion`: (truth, predicted) counts
    title : title of the figure

    Raises
    ------
    TypeError : not a result or a confusion matrix
    """
    table = result if isinstance(result, xr.DataArray) else getattr(result, "confusion", None)
    if table is None or set(table.dims) != {"truth", "predicted"}:
        raise TypeError(
            "expected a result of evaluate.cross_validate, or its .confusion (truth, predicted); "
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
    predicted, truth = ([str(name) for name in table[dim].values] for dim in ("predicted", "truth"))
    figure.add_heatmap(
        z=share,
        x=predicted,
        y=truth,
        text=text,
        colorscale=SHARES,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate="truth %{y}<br>predicted %{x}<br>%{text}<extra></extra>",
    )
    figure.add_scatter(
        x=predicted * len(truth),
        y=[name for name in truth for _ in predicted],
        mode="text",
        text=[cell for row in text for cell in row],
        textfont={"size": 12, "color": [ink_on(p) for p in share.ravel()]},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(title_text="predicted", showgrid=False, constrain="domain")
    figure.update_yaxes(title_text="truth", showgrid=False, autorange="reversed", scaleanchor="x")
    figure.update_layout(height=max(340, 140 + 62 * len(counts)))
    return figure


def training(history: xr.Dataset, *, title: str = "") -> go.Figure:
    """Plot the training history of a network per epoch.

    Losses are plotted on the left, other metrics on the right.

    Parameters
    ----------
    history : variables over `epoch`; a name with the prefix `val_` is drawn dotted in the colour of
        the name without it
    title : title of the figure

    Raises
    ------
    TypeError : not a Dataset
    """
    if not isinstance(history, xr.Dataset):
        raise TypeError(
            "expected a Dataset over `epoch`, such as the .training of a classifier; found "
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
    """Plot the accuracy of each model: one dot per person, mean with interval, and chance level.

    For a single model, people are shown by name in order of accuracy, and the mean is a line with
    its interval as a band.

    Parameters
    ----------
    results : name → result of `evaluate.cross_validate`, or a single result
    title : title of the figure

    Raises
    ------
    TypeError, ValueError : not a result, or an empty mapping
    """
    several = dict(results) if isinstance(results, Mapping) else {"": results}
    if not several:
        raise ValueError("no result to plot: the mapping is empty")
    for name, result in several.items():
        if not hasattr(result, "by_group"):
            raise TypeError(
                f"{name or 'result'}: expected a result of evaluate.cross_validate, found "
                f"{type(result).__name__}"
            )
    figure = new_figure(title)
    if len(several) == 1:
        _one_model(figure, *next(iter(several.items())))
    else:
        for k, (name, result) in enumerate(several.items()):
            _model(figure, k, name, result)
        figure.update_xaxes(
            tickmode="array",
            tickvals=list(range(len(several))),
            ticktext=list(several),
            range=[-0.5, len(several) - 0.3],
            showgrid=False,
        )
    for level in sorted({round(float(result.chance), 4) for result in several.values()}):
        figure.add_hline(
            y=100 * level,
            line={"dash": "dash", "color": INK, "width": 1},
            annotation={"text": f"chance {100 * level:.0f} %", "font": {"color": INK}},
            annotation_position="bottom right",
        )
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 105])
    figure.update_layout(height=400)
    return figure


def _people(result: Any) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float64]]]:
    groups = [str(group) for group in result.by_group["group"].values]
    return groups, 100 * np.asarray(result.by_group["accuracy"].values, dtype=np.float64)


def _one_model(figure: go.Figure, name: str, result: Any) -> None:
    groups, values = _people(result)
    order = np.argsort(values, kind="stable")
    low, high = (100 * float(edge) for edge in result.interval)
    mean = 100 * float(result.accuracy)
    if np.isfinite(low):
        figure.add_hrect(y0=low, y1=high, fillcolor=FAINT, line_width=0, layer="below")
    spread = f", 95 % interval {low:.0f}–{high:.0f}" if np.isfinite(low) else ""
    figure.add_hline(y=mean, line={"color": colour(1), "width": 2})
    # Above the axes, because grey text would not be readable on the band.
    figure.add_annotation(
        text=f"mean {mean:.0f} %{spread}",
        font={"color": INK},
        showarrow=False,
        xref="paper",
        yref="paper",
        x=0.01,
        y=1.0,
        yanchor="bottom",
        xanchor="left",
    )
    figure.add_scatter(
        x=[groups[i] for i in order],
        y=values[order],
        mode="markers",
        marker={"color": colour(0), "size": 9},
        customdata=[groups[i] for i in order],
        showlegend=False,
        name=name,
        hovertemplate=f"{name} %{{customdata}}<br>%{{y:.1f}} %<extra></extra>",
    )
    by = str(getattr(result, "prediction", xr.DataArray()).attrs.get("by", "group"))
    figure.update_xaxes(title_text=f"left-out {by}", type="category", showgrid=False)


def _model(figure: go.Figure, k: int, name: str, result: Any) -> None:
    groups, values = _people(result)
    # Jitter in a fixed pattern, so that figures are reproducible.
    aside = 0.12 * ((np.arange(values.size) % 5) - 2) / 2
    figure.add_scatter(
        x=k + aside,
        y=values,
        mode="markers",
        marker={"color": colour(k), "size": 7},
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


def learning_curve(curves: Any, *, title: str = "") -> go.Figure:
    """Plot accuracy against the amount of calibration data, with 95 % intervals.

    Parameters
    ----------
    curves : result of `evaluate.learning_curve`, or name → result
    title : title of the figure

    Raises
    ------
    TypeError : not a learning curve
    """
    named = isinstance(curves, Mapping) and not isinstance(curves, xr.Dataset)
    several = dict(curves) if named else {"": curves}
    figure = new_figure(title)
    for k, (name, curve) in enumerate(several.items()):
        if not isinstance(curve, xr.Dataset) or "group_accuracy" not in curve:
            raise TypeError(
                f"curves{f'[{name!r}]' if name else ''}: expected a result of "
                f"evaluate.learning_curve, found {type(curve).__name__}"
            )
        value, low, high = (100 * curve[n].values for n in ("accuracy", "low", "high"))
        figure.add_scatter(
            x=curve["amount"].values,
            y=value,
            error_y={"type": "data", "array": high - value, "arrayminus": value - low, "width": 5},
            mode="lines+markers",
            name=name,
            showlegend=bool(name),
            line={"color": colour(k)},
            hovertemplate="%{x:g}: %{y:.1f} %<extra>" + name + "</extra>",
        )
    units = {str(curve.attrs["unit"]) for curve in several.values()}
    words = " or ".join(
        "s of windows" if unit == "s" else "trials per class" for unit in sorted(units)
    )
    figure.update_xaxes(title_text=f"calibration ({words})", rangemode="tozero")
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 105])
    figure.update_layout(height=400)
    return figure
