"""Check whether power features can come from a muscle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from emgnb.quality import _score
from emgnb.quality._dependence import over_windows
from emgnb.quality.words import Verdict, depends

# Maximum number of rows per window.
MOST = 64


def features(x: xr.Dataset) -> Verdict:
    """Return the verdict on powers (window, channel), with the rows of a trial as a time series."""
    name = next((n for n in x.data_vars if set(x[n].dims) == {"window", "channel"}), None)
    if name is None:
        raise TypeError(
            "expected a signal, a session, or features with a variable (window, channel); found a "
            f"Dataset with {', '.join(map(str, x.data_vars)) or 'no variable'}"
        )
    values = x[name].transpose("window", "channel").values.astype(np.float64)
    faults = []
    bad = ~(np.isfinite(values) & (values > 0)).all(axis=1)
    if bad.any():
        faults.append(f"{int(bad.sum())} rows contain values that are not powers (not above 0)")
    copies = len(values) - len(np.unique(values, axis=0))
    if copies:
        faults.append(f"{copies} rows are duplicates")
    table = np.log(values[~bad])
    if "participant" in x.coords:
        scale = [
            float(np.median(table[x["participant"].values[~bad] == who]))
            for who in np.unique(x["participant"].values)
        ]
        if np.ptp(scale) > np.log(5):
            faults.append(
                f"the scale differs between people by a factor of {np.exp(np.ptp(scale)):.0f}: "
                "standardise within each person"
            )
    group = (
        [f"{a}/{b}" for a, b in zip(x["participant"].values, x["trial"].values, strict=True)]
        if {"participant", "trial"} <= set(x.coords)
        else ["all"] * len(values)
    )
    marks = np.array(group)[~bad]
    edges = np.flatnonzero(np.concatenate(([True], marks[1:] != marks[:-1], [True])))
    sizes = np.diff(edges)
    size = min(int(np.median(sizes)), MOST) if sizes.size else 0
    evidence = [f"{len(values)} rows of {values.shape[1]} powers, in {sizes.size} trials"]
    if size < 4:
        evidence.append("too few rows per trial to measure their autocorrelation")
        return Verdict(None, "power features", evidence, faults, "powers")
    cut = [
        table[i : i + size]
        for begin, end in pairwise(edges.tolist())
        for i in range(begin, end - size + 1, size)
    ]
    found = over_windows(np.stack(cut))
    evidence.append(depends(found).replace("samples", "rows of a trial", 1))
    if found.related or found.serial:
        return Verdict(
            True, "power of EMG (features, no signal)", evidence, faults, "powers", _score.POWERS
        )
    if found.enough:
        return Verdict(False, "independent draws", evidence, faults, "powers", _score.MADE)
    return Verdict(None, "power features", evidence, faults, "powers")
