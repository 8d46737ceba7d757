"""The picture of the tuner, still empty: recorded and filtered signal, spectra, response."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

_RAW, _FILTERED = "#767676", "#0072B2"


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
    made.update_xaxes(matches="x3", row=3, col=2)
    made.update_xaxes(title_text="time (s)", title_standoff=2, row=2, col=1)
    made.update_xaxes(title_text="frequency (Hz)", row=3)
    made.update_yaxes(title_text=f"as recorded ({units})", row=1, col=1)
    made.update_yaxes(title_text=f"filtered ({units})", row=2, col=1)
    made.update_yaxes(
        title_text=f"power density ({units}²/Hz)", type="log", exponentformat="power", row=3, col=1
    )
    made.update_yaxes(title_text="zero-phase response (dB)", range=[-85, 5], row=3, col=2)
    return made
