"""Define each measure, and from which values it is suspect or bad."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import xarray as xr

from emgnb import advice

# Below this rate (Hz) the EMG band (20 to 450 Hz) is incomplete, and its shape is undefined.
SHAPE_RATE = 800.0

# measure -> (suspect from, bad from); for snr: suspect below, bad below. Values are our own.
LIMITS: MappingProxyType[str, tuple[float, float]] = MappingProxyType(
    {
        "snr": (10.0, 3.0),
        "mains": (0.1, advice.MAINS),
        "motion": (0.5, advice.MOTION),
        "clipped": (0.001, advice.CLIPPED),
        "flat": (0.01, 0.2),
        "railed": (0.0001, 0.01),
        "dropped": (0.001, 0.05),
        "deformation": (1.4, 2.0),
    }
)

DEFINITIONS: MappingProxyType[str, tuple[str, str, str]] = MappingProxyType(
    {
        "snr": (
            "signal-to-noise ratio",
            "dB",
            "10·log10((P_active − P_rest) / P_rest), P the power in 20 to 450 Hz without mains "
            "(of an envelope: its squared mean, as it stands for amplitude), P_rest the 10th and "
            "P_active the 95th percentile of the windows",
        ),
        "mains": (
            "mains share",
            "1",
            "power within ±1 Hz (or one bin) of mains and its harmonics beyond that of EMG, "
            "estimated 3 to 8 Hz (or bins) away on either side, over all power above 0 Hz; "
            " over time: in the window, over its power or the mean of all windows, "
            "whichever is more",
        ),
        "motion": (
            "motion share",
            "1",
            "power below 20 Hz over all power above 0 Hz; each window's straight line is removed; "
            "over time: in the window, over its power or the mean of all windows, whichever is "
            "more",
        ),
        "clipped": (
            "clipped share",
            "1",
            "samples at the channel's greatest or least value, or within 2 % of its range below "
            "the greatest, where samples pile up there",
        ),
        "flat": ("flat share", "1", "samples in runs of equal values of 0.25 s and 10 samples up"),
        "railed": (
            "railed share",
            "1",
            "flat samples at an extreme: where the channel clips, or stuck for good at the end of "
            "the converter or beyond all that other channels reach",
        ),
        "dropped": (
            "share lost",
            "1",
            "samples lost or invalid; with irregular time stamps also the rows that a window lacks "
            "of the measured rate, where it lacks more than a fifth",
        ),
        "deformation": (
            "spectral deformation Ω",
            "1",
            "√(M2/M0) / (M1/M0), Mn the n-th moment of the power spectrum (Sinderby et al. 1995, "
            "doi:10.1152/jappl.1995.79.5.1803); a flat spectrum has 1.15, more says that motion "
            "and high frequencies outweigh EMG",
        ),
        "level": ("RMS about the mean (of an envelope: mean)", "", "of the window's samples"),
    }
)


def grades(report: xr.Dataset) -> xr.Dataset:
    """Grade the measures of a report by `LIMITS`: 0 good, 1 suspect, 2 bad, −1 not measured; int8.

    Parameters
    ----------
    report : result of `report`; each variable in `LIMITS` is graded, also over time

    Examples
    --------
    >>> from emgnb import quality, simulate
    >>> grades = quality.grades(quality.report(simulate.face(duration=6, seed=1)))
    >>> int(grades["dropped"].max())  # 0 is good
    0
    """
    made = {}
    for name, (suspect, bad) in LIMITS.items():
        sign = -1.0 if suspect > bad else 1.0
        for column in (name, f"{name}_over_time"):
            if column not in report:
                continue
            values = sign * report[column]
            grade = (values >= sign * suspect).astype(np.int8) + (values >= sign * bad)
            made[column] = grade.where(report[column].notnull(), -1).astype(np.int8)
            made[column].attrs = {"suspect": suspect, "bad": bad}
    return xr.Dataset(made)
