"""Draw events, markers and invalid samples over a signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import xarray as xr

from emgnb import facs
from emgnb._arrays import Floats, Ints, runs
from emgnb._vocabulary import END
from emgnb.plots._style import COLOURS, FAINT, INK, colour
from emgnb.plots._thin import at

# Hatches of spans beyond the first colours: six names are plain, the next six hatched.
HATCHES = ("", "/", "x", ".")
# Width of a character of a marker's text (fraction of the width of the figure).
LETTER = 0.015


def spans_of(table: xr.Dataset) -> tuple[Floats, Floats, list[str]]:
    """Return onsets, offsets and names of events or trials."""
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
        f"AU {facs.code(str(u), str(s))}" if str(u) else str(text)
        for u, s, text in zip(au, side, label, strict=True)
    ]
    return (
        np.asarray(table["onset"].values, dtype=np.float64),
        np.asarray(table["offset"].values, dtype=np.float64),
        names,
    )


def stacked(onset: Floats, offset: Floats) -> tuple[Ints, Ints]:
    """Return for each event a row in which it overlaps no other, and the number of rows there.

    Events that overlap, directly or through others, share the number; an event by itself has row 0
    of 1.
    """
    row, group = np.zeros(onset.size, dtype=np.int64), np.zeros(onset.size, dtype=np.int64)
    ends: list[float] = []
    groups = 0
    for i in np.lexsort([offset, onset]):
        if ends and onset[i] >= max(ends):
            ends, groups = [], groups + 1
        free = (k for k, end in enumerate(ends) if end <= onset[i])
        row[i], group[i] = next(free, len(ends)), groups
        ends[row[i] : row[i] + 1] = [float(offset[i])]
    rows = np.zeros(groups + 1, dtype=np.int64)
    np.maximum.at(rows, group, row + 1)
    return row, rows[group]


def _boxes(
    begin: Floats, end: Floats, low: float | Floats, high: float | Floats
) -> tuple[Floats, Floats]:
    """Return rectangles as one curve, separated by NaN, which is faster than plotly shapes."""
    nan = np.full(begin.size, np.nan)
    lows, highs = np.broadcast_to(low, begin.shape), np.broadcast_to(high, begin.shape)
    across = np.column_stack([begin, begin, end, end, begin, nan]).ravel()
    up = np.column_stack([lows, highs, highs, lows, lows, nan]).ravel()
    return across, up


def broken(begin: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
    """Return lines as one curve: begin, end, NaN, begin, end, NaN, …"""
    a, b = np.asarray(begin, dtype=np.float64), np.asarray(end, dtype=np.float64)
    return np.column_stack([a, b, np.full(a.size, np.nan)]).ravel()


def draw_spans(figure: go.Figure, table: xr.Dataset, low: float, high: float) -> None:
    """Draw events or trials as shaded spans below the curves, with one look per name.

    Overlapping ones share the height.
    """
    curves = len(figure.data)
    onset, offset, names = spans_of(table)
    row, rows = stacked(onset, offset)
    tall = (high - low) / rows
    roof = high - row * tall
    for k, name in enumerate(dict.fromkeys(names)):
        mine = np.flatnonzero([n == name for n in names])
        across, up = _boxes(onset[mine], offset[mine], (roof - tall)[mine], roof[mine])
        hatch = HATCHES[k // len(COLOURS) % len(HATCHES)]
        figure.add_scatter(
            x=across,
            y=up,
            mode="lines",
            fill="toself",
            line={"width": 0, "color": colour(k)},
            opacity=0.9 if hatch else 0.5,
            fillpattern={"shape": hatch},
            name=name or "event",
            hoverinfo="name",
        )
    # Behind the curves, whose colours they would change.
    figure.data = figure.data[curves:] + figure.data[:curves]


def draw_markers(figure: go.Figure, markers: xr.Dataset, low: float, high: float) -> None:
    """Draw markers as vertical lines with their texts."""
    time = np.asarray(markers["time"].values, dtype=np.float64)
    if not time.size:
        return
    figure.add_scatter(
        x=broken(time, time),
        y=broken(np.full(time.size, low), np.full(time.size, high)),
        mode="lines",
        line={"color": INK, "width": 1, "dash": "dot"},
        showlegend=False,
        hoverinfo="skip",
        name="markers",
    )
    words = [str(text) for text in markers["text"].values]
    figure.add_scatter(
        x=time,
        y=np.full(time.size, high),
        mode="text",
        text=_apart(time, words, LETTER * _across(figure)),
        customdata=words,
        textposition="top right",
        textfont={"color": INK, "size": 11},
        showlegend=False,
        name="markers",
        hovertemplate="%{customdata}<br>%{x:.3f} s<extra></extra>",
    )


def _apart(time: Floats, words: list[str], letter: float) -> list[str]:
    """Keep the texts that do not overlap; names of expressions take priority over "end"."""
    kept = [""] * len(words)
    taken: list[tuple[float, float]] = []
    for i in sorted(range(len(words)), key=lambda i: words[i] == END):
        begin, end = time[i], time[i] + letter * (len(words[i]) + 1)
        if all(end <= first or begin >= last for first, last in taken):
            kept[i] = words[i]
            taken.append((begin, end))
    return kept


def _across(figure: go.Figure) -> float:
    """Return the time span of the curves in s."""
    ends = [np.asarray(trace.x, dtype=np.float64)[[0, -1]] for trace in figure.data if len(trace.x)]
    return float(np.nanmax(ends) - np.nanmin(ends)) if ends else 0.0


def shade_invalid(figure: go.Figure, x: xr.DataArray, low: float, high: float) -> None:
    """Shade the samples that are not valid."""
    if "valid" not in x.coords or bool(x["valid"].all()):
        return
    lost = runs(~x["valid"].values)
    begin = at(x["time"], lost[:, 0])
    end = at(x["time"], np.minimum(lost[:, 1], x.sizes["time"] - 1))
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
