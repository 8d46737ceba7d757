"""The intensities of a whole session, to be replayed in the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from emgnb import live, recording
from emgnb._arrays import Floats, runs
from emgnb.widgets.face._units import Muscles

# Values per second, and the most values of one unit: a day is shown with fewer per second.
RATE, MOST = 50.0, 200_000


@dataclass(frozen=True)
class Film:
    """Intensities over time.

    Attributes
    ----------
    codes : FACS codes of the units that the electrodes measure
    intensity : (time, unit) 0 to 1, NaN where it is not known
    muscles : of these units
    activity : (time, muscle) without crosstalk, 0 to 1
    start, rate : time of the first value in s, and values per second
    gaps : from and to in s, and what is missing
    """

    codes: list[str]
    intensity: Floats
    muscles: Muscles
    activity: Floats
    start: float
    rate: float
    gaps: list[tuple[float, float, str]]

    def about(self) -> dict[str, Any]:
        """Return everything but the values, for the page."""
        return {
            "codes": self.codes,
            "places": [[site.muscle, site.side] for site in self.muscles.sites],
            "start": self.start,
            "rate": self.rate,
            "gaps": self.gaps,
        }


def film_of(session: xr.DataTree | xr.DataArray, levels: live.Proportional | None = None) -> Film:
    """Return the intensities of a session, as a live decoder would have given them.

    Parameters
    ----------
    session : session or signal
    levels : `live.proportional` of this placement of the electrodes; by default of the session

    Raises
    ------
    TypeError : not a session or signal
    ValueError : the levels cannot be measured, or are those of other channels
    """
    x = recording.emg(session)
    levels = live.proportional(session) if levels is None else levels
    names = tuple(map(str, x["channel"].values))
    if levels.channel != names:
        raise ValueError(
            f"the levels are of the channels {', '.join(levels.channel)}, but the session has "
            f"{', '.join(names)}: measure them with live.proportional(session)"
        )
    rate = recording.sampling_rate(x)
    every = max(1, round(rate / RATE), -(-x.sizes["time"] // MOST))
    rows = levels.chain.causal(x).transpose("time", "channel").values[::every]
    found = [levels.intensities(row) for row in rows]
    codes = list(levels.names)
    intensity = np.array([[each.get(code, np.nan) for code in codes] for each in found])
    muscles = Muscles(codes)
    return Film(
        codes=codes,
        intensity=intensity,
        muscles=muscles,
        activity=muscles.activity(intensity),
        start=float(x["time"][0]),
        rate=rate / every,
        gaps=_gaps(x, rate),
    )


def _gaps(x: xr.DataArray, rate: float) -> list[tuple[float, float, str]]:
    start = float(x["time"][0])
    return [
        (start + first / rate, start + last / rate, f"{last - first} scans lost")
        for first, last in runs(~x["valid"].values.astype(bool)).tolist()
    ]
