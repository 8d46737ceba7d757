"""Remove the share of a muscle's activity that electrodes pick up from its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from emgnb import facs
from emgnb._arrays import Floats
from emgnb.simulate.people import DEPTH_MM, PLACES

# Most passes of the solver over all muscles, and the change of a power at which it ends earlier.
_PASSES, _SMALL = 60, 1e-10


def without_crosstalk(activity: xr.DataArray) -> xr.DataArray:
    """Return muscle activity without the share that electrodes pick up from neighbouring muscles.

    The power at an electrode is the sum of the powers of its own muscle and of the neighbours in
    `facs.MUSCLES`, because their signals are uncorrelated. The amplitude of a neighbour at distance
    d is that of a current dipole at a depth of 14 mm, (1 + (d / 14 mm)²)^(-3/2), as in `simulate`.
    Non-negative least squares gives the activities that explain the measured ones.
    Only muscles with electrodes are considered. Positions are those of an average face.

    Parameters
    ----------
    activity : (…, channel) of any unit that is 0 at rest, with the coordinates `muscle` and `side`,
        for example in %MVC above the resting level

    Returns
    -------
    Activity of the same shape, 0 or more. NaN stays NaN, and counts as no activity for the others

    Raises
    ------
    ValueError : `activity` has no dimension channel, or no `muscle` and `side` along it
    """
    missing = [name for name in ("muscle", "side") if name not in activity.coords]
    if "channel" not in activity.dims or missing:
        raise ValueError(
            f"activity has the dimensions {activity.dims} and the coordinates "
            f"{sorted(map(str, activity.coords))}: expected (…, channel) with muscle and side, as "
            "recording.signal makes them"
        )
    names = (activity[name].values.astype(str) for name in ("channel", "muscle", "side"))
    mixing = mixing_of([facs.Site(*row) for row in zip(*names, strict=True)])
    last = activity.transpose(..., "channel")
    values = np.asarray(last.values, dtype=np.float64)
    made = last.copy(data=unmixed(values, mixing).astype(last.dtype))
    return made.transpose(*activity.dims)


def mixing_of(sites: Sequence[facs.Site]) -> Floats:
    """Return the share of each muscle's power at each electrode, (site, site), 1 for its own."""
    mixing = np.eye(len(sites))
    for i, here in enumerate(sites):
        for j, there in enumerate(sites):
            known = here.muscle in facs.MUSCLES and there.muscle in PLACES
            if i != j and known and there.muscle in facs.MUSCLES[here.muscle].crosstalk:
                away = np.subtract(_place(here), _place(there))
                mixing[i, j] = (1.0 + float(away @ away) / DEPTH_MM**2) ** -3.0
    return mixing


def _place(site: facs.Site) -> Floats:
    x, y = PLACES[site.muscle]
    return np.array([{"left": x, "right": -x}.get(site.side, 0.0), y])


def unmixed(activity: Floats, mixing: Floats) -> Floats:
    """Return the activities (…, site) that explain the measured ones, see `without_crosstalk`."""
    power = np.square(np.nan_to_num(activity))
    square, wanted = mixing.T @ mixing, power @ mixing
    found = power.copy()
    for _ in range(_PASSES if (mixing != np.eye(len(mixing))).any() else 0):
        before = found.copy()
        for j in range(len(mixing)):
            step = (wanted[..., j] - found @ square[:, j]) / square[j, j]
            found[..., j] = np.maximum(0.0, found[..., j] + step)
        if np.abs(found - before).max(initial=0.0) < _SMALL:
            break
    return np.where(np.isnan(activity), np.nan, np.sqrt(found))
