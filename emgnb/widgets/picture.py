"""The picture of the tuner: recorded and filtered signal, both spectra, the chain's response.

The browser draws it on a canvas from at most a few thousand points, sent in one message. A plotly
figure of the same takes 110 to 210 ms from message to screen, which a slider would wait for.
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
from emgnb.widgets.decimate import Decimated
from emgnb.widgets.panel import joined

_POINTS = 1000  # each drawn as least and greatest value: what a screen has columns
_LOWEST = -120  # dB
_DECADES = 7  # what a 16-bit signal has; below is rounding
# What the last pane can show: variable and scale to draw, title of its axis, its range, and
# whether it is drawn over frequency.
RESPONSES: dict[str, tuple[str, float, str, tuple[float, float] | None, bool]] = {
    "magnitude": ("magnitude_zero_phase", 1.0, "zero-phase response (dB)", (-85, 5), True),
    "phase": ("phase", 1.0, "phase, live (rad)", None, True),
    "group delay": ("group_delay", 1e3, "group delay, live (ms)", None, True),
    "impulse": ("impulse_zero_phase", 1.0, "answer to one sharp tick", None, False),
}
Curve = tuple[NDArray[np.float64], NDArray[np.float32]]


class Picture(anywidget.AnyWidget):
    """One channel as recorded and filtered, both its spectra, and what the chain does.

    Attributes
    ----------
    curves : across and up of all that is drawn, by name: ``recorded``, ``filtered``,
        ``power recorded``, ``power filtered``, ``response``
    view : first and last second in view, empty for the whole; the browser sets it too
    """

    _esm = joined("dom.js", "picture.js")
    _css = joined("picture.css")
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
        raw, out : (time, 1) as recorded, and filtered; nothing is drawn of what is None
        powers : spectra (frequency, 1) of both
        response : see `filters.Chain.response`
        what : which of `RESPONSES` the last pane shows
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
        """Describe a pane; a float32 holds a place only from the start of its curve on."""
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
        # Where nothing passes, its delay is rounding.
        values = np.where(response["magnitude"].values > -40, values, np.nan)
    across = response["frequency" if over_frequency else "lag"].values
    if what == "impulse":  # only while it lasts
        there = np.flatnonzero(np.abs(values) >= 0.003 * np.abs(values).max())
        across, values = across[there[0] : there[-1] + 1], values[there[0] : there[-1] + 1]
    return across, values.astype(np.float32)
