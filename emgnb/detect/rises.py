"""Move onsets of bursts to where their rise begins."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats

# Onsets (s) tried, from the onset detected, and how much signal is compared on either side.
EARLIEST, LATEST, BEFORE, AFTER = -0.08, 0.03, 0.12, 0.12
# Share of a burst that may belong to its rise.
SHARE = 0.6
# Rises tried (s), and powers of the plateau (dB) relative to the mean of the burst.
RISES = (0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
PLATEAUS = (-2.0, 0.0, 2.0, 4.0)
# SNR (dB) from which a threshold is crossed at once, and what precedes is the ringing of filters.
STRONG = 20.0


def rises(table: xr.Dataset, x: xr.DataArray | xr.DataTree) -> xr.Dataset:
    """Move onsets of bursts to where their rise begins, which a threshold crosses too late.

    `bursts` puts an onset where the power has clearly changed. In a movement that unfolds slowly,
    this is tens of milliseconds after its beginning: a slow rise delays any threshold (Staude 2001,
    doi:10.1155/S1110865701000191). Here, a model of Gaussian samples whose amplitude rises linearly
    to a plateau is compared with the signal around each onset, for rises of 4 to 256 ms and onsets
    from 80 ms before to 30 ms after the one detected. The onset is their mean, weighted by
    likelihood. Bursts of 20 dB and more keep theirs, because strong ones cross the threshold at
    once. Weak bursts that begin at once get onsets 8 ms (10 dB) to 15 ms (5 dB) too early, so keep
    the onsets of `bursts` for stimulated or reflex activity.

    Parameters
    ----------
    table : from `bursts`, of raw EMG
    x : the signal (time, channel) or session in which they were found, filtered in the same way;
        NaN does not count

    Returns
    -------
    The table with moved onsets (s), never after the apex nor before the previous burst of the
    channel, sorted by them, and `rise`: s, mean length of the rise, weighted in the same way

    Raises
    ------
    TypeError : not a table, session or signal
    ValueError : envelopes or rectified signals; a table without channel, snr or the levels at rest,
        or of channels that `x` lacks

    Examples
    --------
    >>> from emgnb import detect, filters, simulate
    >>> acts = [simulate.Act(2.0, "smile", 1.0, 0.03, rise=0.3)]
    >>> session = simulate.face(script=acts, duration=5, seed=1, artefacts=0)
    >>> x = filters.preset_for(session["emg/signal"])(session["emg/signal"])
    >>> found = detect.bursts(x.sel(channel=["zygomaticus_major_l"]), false_alarms=0.05)
    >>> found["onset"].values.round(2), detect.rises(found, x)["onset"].values.round(2)
    (array([2.02]), array([1.99]))
    """
    table = recording.need_table(table, "table", "detect.bursts(x)")
    x = recording.emg(x)
    recording.need_signal(x)
    rest = _read(table, x)
    rate = recording.sampling_rate(x)
    onset, rise = table["onset"].values.astype(float), np.zeros(table.sizes["event"])
    channel = table["channel"].values.astype(str)
    for name in np.unique(channel):
        one, rows = x.sel(channel=name), np.flatnonzero(channel == name)
        ends = table["offset"].values[rows]
        for row, before in zip(rows, np.r_[-np.inf, ends[:-1]], strict=True):
            event = table.isel(event=int(row))
            begin, rise[row] = _begin(event, one, float(before), rate, rest[str(name)])
            if float(event["snr"]) < STRONG:
                onset[row] = begin
    made = table.assign(
        onset=("event", np.minimum(onset, table["apex"].values), {"units": "s"}),
        rise=("event", rise, {"units": "s"}),
    )
    made = made.isel(event=np.argsort(made["onset"].values, kind="stable"))
    return recording.with_history(made, "rises")


def _read(table: xr.Dataset, x: xr.DataArray) -> dict[str, dict[str, float]]:
    """Return what is known of each channel at rest."""
    missing = [name for name in ("channel", "snr", "apex") if name not in table]
    if missing or "rest" not in table.attrs:
        lacks = ", ".join(missing) or "levels at rest (attrs['rest'])"
        raise ValueError(f"table: no {lacks}; expected the table of detect.bursts(x)")
    names = sorted(set(table["channel"].values.astype(str)))
    rest: dict[str, dict[str, float]] = json.loads(table.attrs["rest"])
    there = set(x["channel"].values.astype(str)) & set(rest)
    if odd := [name for name in names if name not in there]:
        raise ValueError(
            f"table: bursts in {', '.join(odd)}, which the signal or the levels at rest lack; "
            f"expected {', '.join(sorted(there)) or 'other channels'}"
        )
    kinds = {str(x["signal_kind"].sel(channel=name).values) for name in names}
    if kinds - {"raw"}:
        raise ValueError(
            f"the bursts are those of {', '.join(sorted(kinds))} channels, expected raw EMG: an "
            "envelope has no Gaussian samples; correct its delay with detect.bursts(x, lag=…)"
        )
    return rest


def _begin(
    event: xr.Dataset, one: xr.DataArray, before: float, rate: float, rest: dict[str, float]
) -> tuple[float, float]:
    """Return onset and length of the rise of a burst in s; `before` is the end of the last one."""
    onset, offset = float(event["onset"]), float(event["offset"])
    start = max(onset - BEFORE, before)
    stop = onset + min(AFTER, SHARE * (offset - onset))
    near = one.sel(time=slice(start, stop))
    time, values = near["time"].values, near.values.astype(np.float64)
    tried = onset + np.arange(round(EARLIEST * rate), round(LATEST * rate) + 1) / rate
    tried = tried[tried >= start]
    if not time.size:
        return onset, 0.0
    power = np.square(values / rest["level"])
    known = np.isfinite(power)
    shape = np.clip(
        (time - tried[:, np.newaxis, np.newaxis]) / np.array(RISES)[:, np.newaxis], 0, 1
    )
    over = 10.0 ** ((float(event["snr"]) + np.array(PLATEAUS)) / 10.0)
    fits = _likelihood(power[known], shape[..., known], over)
    # Neighbouring samples of filtered EMG are not independent.
    weight = np.exp(min(1.0, rest["independent"] / rate) * (fits - fits.max()))
    weight /= weight.sum()
    return float(weight.sum(axis=1) @ tried), float(weight.sum(axis=0) @ np.array(RISES))


def _likelihood(power: Floats, shape: npt.NDArray[Any], over: Floats) -> Floats:
    """Return the log-likelihood (onset, rise) of samples, its mean over the plateaus' powers."""
    each = []
    for most in over:
        expected = 1.0 + most * np.square(shape)
        each.append(-0.5 * (np.log(expected) + power / expected).sum(axis=-1))
    found: Floats = np.logaddexp.reduce(each, axis=0)
    return found
