"""Measure responses to events: the level after an event relative to that before."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.windows import need_windows

Span = tuple[float, float]


def response(
    windows: xr.DataArray,
    *,
    baseline: Span = (-1.0, 0.0),
    window: Span = (0.0, 1.0),
    log: bool = True,
) -> xr.DataArray:
    """Measure each channel's response to an event, corrected for the level before it.

    Parameters
    ----------
    windows : (window, channel, sample) from `windows.around`
    baseline, window : s since the onset, half-open intervals
    log : return the natural logarithm of the ratio to the baseline, which suits levels that differ
        between people; otherwise the difference

    Returns
    -------
    (window, channel), `response`, dimensionless or in the unit of the signal; the level is the RMS
    of raw EMG and the mean of rectified EMG and envelopes. NaN stays NaN. Standardise within each
    person with `evaluate.standardise_within` before comparing people (on the effect of this choice
    see Rutkowska 2024, doi:10.3758/s13428-024-02421-4)

    Raises
    ------
    TypeError, ValueError : not windows, windows without time since onset, an interval outside of
        them, or a level at or below 0 with `log`

    Examples
    --------
    >>> from emgnb import features, labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> films = windows.around(session, labels.trials(session, reaction=0), before=0.5, after=1.5)
    >>> answer = features.response(films, baseline=(-0.5, 0), window=(0.5, 1.5))
    >>> answer.dims, answer.attrs["units"]
    (('window', 'channel'), '1')
    """
    need_windows(windows)
    if "sample" not in windows.coords:
        raise ValueError(
            "the windows have no time since an onset: cut them with windows.around(x, trials)"
        )
    after, before = (
        _level(windows, span, name) for span, name in ((window, "window"), (baseline, "baseline"))
    )
    if log:
        low = int((np.minimum(after.values, before.values) <= 0).sum())
        if low:
            raise ValueError(
                f"{low} levels are at or below 0, which have no logarithm: use log=False, or a "
                "signal whose resting level was not subtracted"
            )
        made: xr.DataArray = after.copy(data=np.log(after.values / before.values))
    else:
        made = after - before
    made = made.rename("response").assign_attrs(
        units="1" if log else windows.attrs["units"],
        long_name="log ratio to baseline" if log else "change from baseline",
        history=windows.attrs.get("history", ""),
    )
    return recording.with_history(
        made, "response", baseline=list(baseline), window=list(window), log=log
    )


def _level(windows: xr.DataArray, span: Span, name: str) -> xr.DataArray:
    clock = windows["sample"].values
    inside = (clock >= span[0] - 1e-9) & (clock < span[1] - 1e-9)
    rate = float(windows.attrs["rate"])
    if not inside.any() or span[0] < clock[0] - 1e-9 or span[1] > clock[-1] + 1 / rate + 1e-9:
        raise ValueError(
            f"{name}={span}: the windows reach from {clock[0]:g} to {clock[-1] + 1 / rate:g} s "
            "about the onset"
        )
    part = windows.isel(sample=inside).astype(np.float64)
    strength: xr.DataArray = (part**2).mean("sample", skipna=False) ** 0.5
    return strength.where(
        windows["signal_kind"] == "raw", part.mean("sample", skipna=False)
    ).transpose("window", "channel")
