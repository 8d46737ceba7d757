"""The picture of the tuner: recorded and filtered signal, both spectra, the chain's response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from emgnb.widgets.decimate import Decimated

_RAW, _FILTERED = "#767676", "#0072B2"
_POINTS = 1000  # each drawn as least and greatest value: what a screen has columns
_LOWEST = -120  # dB
# What the fourth panel can show: variable and scale to draw, title of its axis, its range, and
# whether it is drawn over frequency.
RESPONSES: dict[str, tuple[str, float, str, tuple[float, float] | None, bool]] = {
    "magnitude": ("magnitude_zero_phase", 1.0, "zero-phase response (dB)", (-85, 5), True),
    "phase": ("phase", 1.0, "phase, live (rad)", None, True),
    "group delay": ("group_delay", 1e3, "group delay, live (ms)", None, True),
    "impulse": ("impulse_zero_phase", 1.0, "answer to one sharp tick", None, False),
}


class _Figure(go.FigureWidget):  # type: ignore[misc]
    """A figure that bears quick changes.

    After each change the browser reports how what it drew differs from what it was sent. When the
    next change is there already, the report holds samples, on which plotly 6 and 7 stumble over
    ``if not array``, and a zoom that comes in the same message is lost. Nothing here needs it.
    """

    @staticmethod
    def _remove_overlapping_props(*_: Any) -> list[Any]:
        return []


def figure(x: xr.DataArray) -> Any:
    """Lay out the five curves: recorded, filtered, both their spectra, the response in dB.

    Parameters
    ----------
    x : (time, channel), of which the axes take the unit
    """
    units = x.attrs["units"]
    made = _Figure(
        make_subplots(
            rows=3,
            cols=2,
            specs=[[{"colspan": 2}, None], [{"colspan": 2}, None], [{}, {}]],
            row_heights=[0.28, 0.28, 0.44],
            vertical_spacing=0.09,
            horizontal_spacing=0.09,
        )
    )
    made._config = {"responsive": True, "displaylogo": False}  # as wide as the notebook
    for name, colour, row, col in (
        ("as recorded", _RAW, 1, 1),
        ("filtered", _FILTERED, 2, 1),
        ("as recorded", _RAW, 3, 1),
        ("filtered", _FILTERED, 3, 1),
        ("response", "#D55E00", 3, 2),
    ):
        made.add_scatter(
            x=[],
            y=[],
            mode="lines",
            name=name,
            line={"color": colour, "width": 1},
            row=row,
            col=col,
        )
    made.update_layout(
        autosize=True,
        height=560,
        margin={"l": 70, "r": 10, "t": 10, "b": 40},
        showlegend=False,
        template="none",
        font={"color": "#767676", "size": 11},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    made.update_xaxes(gridcolor="rgba(128,128,128,0.2)", zeroline=False)
    made.update_yaxes(gridcolor="rgba(128,128,128,0.2)", zeroline=False)
    made.update_xaxes(showticklabels=False, row=1, col=1)
    made.update_xaxes(matches="x", row=2, col=1)
    made.update_xaxes(title_text="time (s)", title_standoff=2, row=2, col=1)
    made.update_xaxes(title_text="frequency (Hz)", row=3)
    made.update_yaxes(title_standoff=4, row=3, col=2)
    made.update_yaxes(title_text=f"as recorded ({units})", row=1, col=1)
    made.update_yaxes(title_text=f"filtered ({units})", row=2, col=1)
    made.update_yaxes(
        title_text=f"power density ({units}²/Hz)", type="log", exponentformat="power", row=3, col=1
    )
    return made


def draw(
    figure: Any,
    raw: xr.DataArray,
    out: xr.DataArray | None,
    view: tuple[float, float] | None,
    powers: Sequence[xr.DataArray] | None,
    response: xr.Dataset | None,
    what: str,
) -> None:
    """Put one channel into the figure, in one message to the browser.

    Parameters
    ----------
    raw, out : (time, 1) as recorded, and filtered; nothing is drawn of what is None
    view : first and last second drawn; the whole by default
    powers : spectra (frequency, 1) of both
    response : see `filters.Chain.response`
    what : which of `RESPONSES` the last panel shows
    """
    data, layout = figure.data, figure.layout
    with figure.batch_update():
        for curve, x in zip(data[:2], (raw, out), strict=True):
            if x is None:
                curve.y = []
                continue
            whole = Decimated(x)
            start, end = view or whole.extent
            times, values = whole.stretch(float(start), float(end), _POINTS)
            curve.x = np.repeat(times, 2).astype(np.float32)
            curve.y = values[0].reshape(-1)
        for curve, power in zip(data[2:4], powers or (None, None), strict=True):
            curve.y = [] if power is None else _positive(power)
            if power is not None:
                curve.x = power["frequency"].values.astype(np.float32)
        if powers:
            # seven decades are what a 16-bit signal has; below is rounding
            top = float(np.log10(max(1e-30, np.nanmax([float(p.max()) for p in powers]))))
            layout.yaxis3.range = [top - 7, top + 0.5]
        _draw_response(data[4], layout, response, what)
        if out is not None:
            layout.yaxis2.title.text = f"filtered ({out.attrs['units']})"


def _draw_response(curve: Any, layout: Any, response: xr.Dataset | None, what: str) -> None:
    name, scale, title, span, over_frequency = RESPONSES[what]
    if response is None:
        curve.y = []
        return
    values = scale * response[name].values
    if what == "magnitude":
        values = np.maximum(values, _LOWEST)
    elif what == "group delay":
        # Where nothing passes, its delay is rounding.
        values = np.where(response["magnitude"].values > -40, values, np.nan)
    curve.x = response["frequency" if over_frequency else "lag"].values.astype(np.float32)
    curve.y = values.astype(np.float32)
    layout.yaxis4.title.text = title
    layout.yaxis4.range = span
    layout.yaxis4.autorange = span is None
    layout.xaxis4.title.text = "frequency (Hz)" if over_frequency else "time (s)"


def _positive(power: xr.DataArray) -> NDArray[np.float32]:
    values: NDArray[np.float32] = power.values[:, 0].astype(np.float32)
    values[values <= 0] = np.nan  # no place on a logarithmic axis
    return values
