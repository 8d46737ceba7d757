"""Plot closed-loop tasks: what was asked and done, and Fitts's law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from emgnb.plots._style import FAINT, INK, colour, new_figure, style

if TYPE_CHECKING:
    from emgnb.live.tasks.result import Result as TaskResult

# Height of a lane, and of the rest of the figure (px).
LANE, REST = 130, 130


def task(result: TaskResult, *, title: str = "") -> go.Figure:
    """Plot the value of each unit over time, with the ranges that were asked; gaps are blank.

    Parameters
    ----------
    result : of a task of `live.tasks`
    title : title of the figure; the score by default

    Raises
    ------
    TypeError : not the result of a task
    """
    _need_result(result)
    trace = result.trace
    units = [str(unit) for unit in trace["unit"].values]
    time = trace["time"].values
    figure = make_subplots(rows=len(units), cols=1, shared_xaxes=True, vertical_spacing=0.03)
    for row, unit in enumerate(units, 1):
        mine = trace.sel(unit=unit)
        low, high = 100 * mine["low"].values, 100 * mine["high"].values
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        first = {"name": "asked", "legendgroup": "asked", "showlegend": row == 1}
        # Filled between two curves, which NaN would join: one piece for each trial.
        for k, number in enumerate(np.unique(trace["trial"].values[np.isfinite(low)])):
            at = (trace["trial"].values == number) & np.isfinite(low)
            figure.add_scatter(x=time[at], y=low[at], showlegend=False, **edge, row=row, col=1)
            shown = {**first, "showlegend": row == 1 and k == 0}
            fill = {"fill": "tonexty", "fillcolor": FAINT}
            figure.add_scatter(x=time[at], y=high[at], **fill, **edge, **shown, row=row, col=1)
        figure.add_scatter(
            x=time,
            y=100 * mine["value"].values,
            name="value",
            legendgroup="value",
            showlegend=row == 1,
            mode="lines",
            line={"color": colour(0), "width": 1.5},
            hovertemplate="%{x:.2f} s: %{y:.0f} %<extra></extra>",
            row=row,
            col=1,
        )
        figure.update_yaxes(title_text=f"{unit} (%)", range=[-3, 103], row=row, col=1)
    style(figure, title or str(result).splitlines()[0])
    figure.update_xaxes(title_text="time (s)", row=len(units), col=1)
    figure.update_layout(height=REST + LANE * max(len(units), 2))
    return figure


def fitts(result: TaskResult, *, title: str = "") -> go.Figure:
    """Plot the movement time of each target selected against its difficulty.

    Parameters
    ----------
    result : of a `live.tasks.Reach` task
    title : title of the figure; the throughput by default

    Raises
    ------
    TypeError : not the result of a task
    ValueError : the result of another task
    """
    _need_result(result)
    found = result.throughput
    if found is None:
        raise ValueError(f"expected the result of a Reach task, found {type(result.task).__name__}")
    figure = new_figure(title or f"throughput {found}")
    trials = result.trials
    hit = trials["score"].values == 100
    for name, mine, i in (("hits", hit, 0), ("misses", ~hit, 1)):
        figure.add_scatter(
            x=trials["difficulty"].values[mine],
            y=trials["movement_time"].values[mine],
            name=name,
            mode="markers",
            marker={"color": colour(i), "size": 7, "symbol": ("circle", "x")[i], "opacity": 0.6},
            hovertemplate="%{x:.2f} bits: %{y:.2f} s<extra></extra>",
        )
    bits = np.log2(found.conditions["distance"].values / found.conditions["width"].values + 1)
    figure.add_scatter(
        x=bits,
        y=found.conditions["movement_time"].values,
        name="mean",
        mode="markers",
        marker={"color": INK, "size": 12, "symbol": "line-ew-open", "line": {"width": 3}},
        hovertemplate="mean %{y:.2f} s<extra></extra>",
    )
    figure.update_xaxes(title_text="index of difficulty (bits)")
    figure.update_yaxes(title_text="movement time (s)", rangemode="tozero")
    figure.update_layout(height=340)
    return figure


def _need_result(result: TaskResult) -> None:
    # Imported here, because live decoding takes half a second to load.
    from emgnb.live.tasks.result import Result

    if not isinstance(result, Result):
        raise TypeError(
            f"expected the result of a task of live.tasks, found {type(result).__name__}"
        )
