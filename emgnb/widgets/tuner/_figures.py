"""Show the measured effect of a chain as a table and warnings, and whether it is up to date."""

from __future__ import annotations

import html

import ipywidgets
import numpy as np
import xarray as xr

from emgnb.widgets.tuner._trial import Weighed

_STALE = "emgnb-stale"
MEASURING = "Measuring …"


class Figures(ipywidgets.VBox):  # type: ignore[misc]
    """Table of `quality.effect` and warnings of `quality.doubts`.

    Attributes
    ----------
    doubts, table, state : warnings; table; and, if they are outdated, the reason
    """

    def __init__(self) -> None:
        self.doubts, self.table, self.state = (ipywidgets.HTML() for _ in range(3))
        super().__init__([self.state, self.doubts, self.table])

    @property
    def stale(self) -> bool:
        """Whether the table and warnings belong to an earlier chain."""
        return _STALE in self.table._dom_classes

    def outdate(self, why: str) -> None:
        """Mark the table and warnings as outdated."""
        self.state.value = f'<div class="emgnb-state" role="status">{html.escape(why)}</div>'
        for part in (self.doubts, self.table):
            part.add_class(_STALE)

    def show(self, found: Weighed) -> None:
        """Show the measurements of the current chain."""
        self.doubts.value = "".join(
            f'<div class="emgnb-error" role="status">{html.escape(one)}</div>'
            for one in found.doubts
        )
        self.table.value = "" if found.effect is None else _table(found.effect)
        self.confirm()

    def confirm(self) -> None:
        """Mark the table and warnings as up to date."""
        self.state.value = ""
        for part in (self.doubts, self.table):
            part.remove_class(_STALE)


def _table(effect: xr.Dataset) -> str:
    """Format `quality.effect` as an HTML table with one row per channel."""

    def cell(value: float, pattern: str) -> str:
        return f"<td>{format(value, pattern) if np.isfinite(value) else '–'}</td>"

    hum = effect.attrs["mains_hz"]
    mains = f"mains {hum:g} Hz" if np.isfinite(hum) else "mains"
    rows = []
    for name in effect["channel"].values:
        one = effect.sel(channel=name)
        rows.append(
            f"<tr><th scope='row'>{html.escape(str(name))}</th>"
            + cell(float(one["snr_before"]), ".1f")
            + cell(float(one["snr_after"]), ".1f")
            + cell(100 * float(one["mains_before"]), ".1f")
            + cell(100 * float(one["mains_after"]), ".1f")
            + cell(100 * float(one["kept"]), ".0f")
            + "</tr>"
        )
    return (
        "<table class='emgnb-effect'><thead><tr><th scope='col'>channel</th>"
        "<th scope='col'>SNR before (dB)</th><th scope='col'>after</th>"
        f"<th scope='col'>{mains} before (% of power)</th><th scope='col'>after</th>"
        "<th scope='col'>EMG power retained (%)</th></tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table>"
    )
