"""Display of the tuner: recorded and filtered signal, both spectra, and the filter response.

The browser draws it on a canvas from a few thousand points that are sent in one message. An
equivalent plotly figure takes 110 to 210 ms from message to screen, which is too slow for sliders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from emgnb import recording
from emgnb.widgets.shared.panel import front, styles
from emgnb.widgets.tuner._decimate import Decimated

_POINTS = 1000  # maximum number of bins, each drawn as minimum and maximum
_LOWEST = -120  # lowest magnitude drawn (dB)
_DECADES = 7  # range of the power axis; a 16-bit signal has nothing but rounding below
# Options of the last pane: variable, scale factor, axis title, axis range, and whether it is drawn
# over frequency.
RESPONSES: dict[str, tuple[str, float, str, tuple[float, float] | None, bool]] = {
    "magnitude": ("magnitude_zero_phase", 1.0, "zero-phase response (dB)", (-85, 5), True),
    "phase": ("phase", 1.0, "phase, live (rad)", None, True),
    "group delay": ("group_delay", 1e3, "group delay, live (ms)", None, True),
    "impulse": ("impulse_zero_phase", 1.0, "impulse response, zero-phase", None, False),
}
Curve = tuple[NDArray[np.float64], NDArray[np.float32]]


class Picture(anywidget.AnyWidget):
    """Display of one channel as recorded and filtered, both spectra, and the filter response.

    Attributes
    ----------
    curves : name → x and y values: ``recorded``, ``filtered``, ``power recorded``,
        ``power filtered``, ``response``
    view : first and last second in view, empty for the whole part; also set by the browser
    """

    _esm = front("tuner/picture.js")
    _css = styles("tuner/picture.css", "tuner/tuner.css")
    panes = traitlets.List(traitlets.Dict()).tag(sync=True)
    view: traitlets.List[float] = traitlets.List(traitlets.Float()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self.curves: dict[str, Curve] = {}
        super().__init__(**traits)

    def draw(
        self,
        raw: xr.DataArray,
        out: xr.DataArray | None,
        powers: Sequence[xr.DataArray] | None,
        response: xr.Dataset | None,
        what: str,
    ) -> None:
        """Draw one channel, in one message to the browser.

        Parameters
        ----------
        raw, out : (time, 1) as recorded and filtered; None is not drawn
        powers : spectra (frequency, 1) of both
        response : see `filters.Chain.response`
        what : key of `RESPONSES` for the last pane
        """
        self.curves = dict(_curves(raw, out, self.view, powers, response, what))
        units = recording.unit_of(raw)
        extent = [float(raw["time"][i]) for i in (0, -1)]
        top = float(np.log10(max(1e-30, *(float(p.max()) for p in powers)))) if powers else 0.0
        _, _, title, span, over_frequency = RESPONSES[what]
        self.panes = [
            self._pane(f"as recorded ({units})", "s", ["recorded"], extent=extent),
            self._pane(
                f"filtered ({recording.unit_of(raw if out is None else out)})",
                "s",
                ["filtered"],
                extent=extent,
                said="" if out is not None else "no result: see the message above",
            ),
            self._pane(
                f"power density ({units}²/Hz)",
                "Hz",
                ["power recorded", "power filtered"],
                span=[top - _DECADES, top + 0.5],
                log=True,
            ),
            self._pane(title, "Hz" if over_frequency else "s", ["response"], span=span),
        ]

    def _pane(self, title: str, unit: str, names: list[str], **more: Any) -> dict[str, Any]:
        """Return the data of a pane; x values are relative to the start, to fit float32."""
        curves = []
        for name in names:
            across, up = self.curves[name]
            start = float(across[0]) if across.size else 0.0
            curves.append(
                {
                    "name": name,
                    "start": start,
                    "across": (across - start).astype("<f4").tobytes(),
                    "up": up.astype("<f4").tobytes(),
                }
            )
        return {"title": title, "unit": unit, "curves": curves, **more}


def _curves(
    raw: xr.DataArray,
    out: xr.DataArray | None,
    view: Sequence[float],
    powers: Sequence[xr.DataArray] | None,
    response: xr.Dataset | None,
    what: str,
) -> Iterator[tuple[str, Curve]]:
    nothing = np.empty(0), np.empty(0, dtype=np.float32)
    for name, x in (("recorded", raw), ("filtered", out)):
        yield name, nothing if x is None else _thinned(x, view)
    for name, power in zip(("recorded", "filtered"), powers or (None, None), strict=True):
        yield (
            f"power {name}",
            nothing if power is None else (power["frequency"].values, power.values[:, 0]),
        )
    yield "response", nothing if response is None else _answer(response, what)


def _thinned(x: xr.DataArray, view: Sequence[float]) -> Curve:
    whole = Decimated(x)
    start, end = view or whole.extent
    times, values = whole.stretch(float(start), float(end), _POINTS)
    return np.repeat(times, 2), values[0].reshape(-1)


def _answer(response: xr.Dataset, what: str) -> Curve:
    name, scale, _, _, over_frequency = RESPONSES[what]
    values = scale * response[name].values
    if what == "magnitude":
        values = np.maximum(values, _LOWEST)
    elif what == "group delay":
        # In the stop band the delay is rounding error.
        values = np.where(response["magnitude"].values > -40, values, np.nan)
    across = response["frequency" if over_frequency else "lag"].values
    if what == "impulse":  # only where it is not negligible
        there = np.flatnonzero(np.abs(values) >= 0.003 * np.abs(values).max())
        across, values = across[there[0] : there[-1] + 1], values[there[0] : there[-1] + 1]
    return across, values.astype(np.float32)
