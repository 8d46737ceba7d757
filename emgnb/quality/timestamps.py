"""Find faults of time stamps and of the order of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.quality._rows import shared_stamps

# Consecutive steps of at least half a sampling interval that end a stale buffer.
CALM = 5
# Interpolation error, in standard deviations, that is reported as a fault.
DOUBTFUL = 0.1
# Rows of a probe that is searched elsewhere in the recording, number of probes, and how many are
# needed. Probes of few codes recur by chance.
PROBE, PROBES, NEEDED, CODES = 64, 24, 4, 8


def clock_faults(x: xr.DataArray) -> list[str]:
    """Describe faults of the time stamps; empty if there are none."""
    try:
        rate = recording.sampling_rate(x)
    except ValueError:
        return _irregular(np.asarray(x["time"].values, dtype=np.float64), x)
    found = interpolated(x, DOUBTFUL)
    claimed = x.attrs.get("nominal_rate")
    if claimed and abs(rate / float(claimed) - 1.0) > 0.02:
        found.append(
            f"the time stamps give {rate:.4g} Hz, the nominal rate is {float(claimed):.4g} Hz"
        )
    return found


def interpolated(x: xr.DataArray, least: float = 0.0) -> list[str]:
    """Describe the interpolation error of samples made by `recording.uniform`, if any.

    `least` : error in standard deviations that is reported
    """
    steps = [step for step in recording.history(x) if step["step"] == "uniform"]
    errors = [e for step in steps for e in step.get("error", {}).values() if e is not None]
    if not errors or max(errors) < least:
        return []
    return [
        f"interpolated from irregular rows to {steps[-1]['rate']:.4g} Hz, with an error of up to "
        f"{100 * max(errors):.2g} % of a channel's standard deviation"
    ]


def stale_rows(time: Floats, rate: float) -> int:
    """Count the rows at the start that were read at once from a full serial buffer.

    They end before five consecutive steps of at least half a sampling interval, and count only if
    there are more than twice as many as fit in their time; 0 otherwise.
    """
    short = np.diff(time) < 0.5 / rate
    if not short.size or not short[: max(round(rate), 5)].any():
        return 0
    calm = np.convolve(~short, np.ones(CALM), mode="valid") == CALM
    rows = int(np.argmax(calm)) + 1 if calm.any() else time.size
    return rows if rows > 2 * (rate * (time[rows - 1] - time[0]) + 1) else 0


def without_stale(x: xr.DataArray) -> xr.DataArray:
    """Return the signal without stale rows at its start."""
    time = np.asarray(x["time"].values, dtype=np.float64)
    if time.size < 2 or np.any(np.diff(time) < 0) or not time[-1] > time[0]:
        return x
    return x.isel(time=slice(stale_rows(time, recording.measured_rate(x)), None))


def repeats(values: Floats) -> tuple[list[str], bool]:
    """Describe repeated rows, and return whether the recording is one repeating pattern.

    Checks held rows, and pieces of 64 rows that recur exactly elsewhere.
    """
    found: list[str] = []
    rows = len(values)
    moving = values[:, _moves(values)]
    if rows < 3 * PROBE or not moving.size:
        return found, False
    same = (moving[1:] == moving[:-1]).all(axis=1)
    steps = np.abs(np.diff(moving, axis=0))
    real = steps[steps > 0]
    # Slow coarse signals repeat codes naturally; held rows repeat and then jump by many codes.
    if same.mean() > 0.4 and real.size and np.median(real) > 3 * real.min():
        found.append(
            f"{100 * same.mean():.0f} % of rows repeat the row before: each sample is held for "
            f"{1 / max(1 - same.mean(), 1e-9):.1f} rows, the true rate is that much lower"
        )
    tried, apart = 0, []
    for at in np.linspace(0, rows - PROBE, PROBES).astype(int):
        probe = moving[at : at + PROBE]
        same_as_next = (probe[1:] == probe[:-1]).all(axis=1).mean()
        few = max(np.unique(column).size for column in probe.T) < CODES
        if not np.isfinite(probe).all() or same_as_next > 0.9 or few:
            continue
        tried += 1
        others = np.flatnonzero((moving[: rows - PROBE + 1] == probe[0]).all(axis=1))
        others = others[np.abs(others - at) >= 2]
        again = [i for i in others[:2000] if np.array_equal(moving[i : i + PROBE], probe)]
        if again:
            apart.append(min(abs(int(i) - int(at)) for i in again))
    if apart:
        found.append(
            f"stretches of {PROBE} rows recur exactly ({len(apart)} of {tried} tried), such as "
            f"{min(apart)} rows apart: part of the recording is a copy"
        )
    whole = tried >= NEEDED and len(apart) == tried
    return found, whole


def copied_channels(values: Floats, names: list[str]) -> list[str]:
    """Describe channels that are copies of each other, up to scale."""
    found = []
    moves = _moves(values)
    spread = np.zeros(values.shape[1])
    spread[moves] = np.nanstd(values[:, moves], axis=0)
    values = np.where(moves, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = (values - np.nanmean(values, axis=0)) / spread
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            if not (spread[i] > 0 and spread[j] > 0):
                continue
            apart = np.nanmax(np.abs(unit[:, i] - unit[:, j]))
            if apart < 1e-5:
                found.append(f"{names[i]} and {names[j]} are copies of one another")
    return found


def _moves(values: Floats) -> npt.NDArray[np.bool_]:
    """Return which channels take more than one value."""
    there = np.isfinite(values)
    low = np.where(there, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(low < high)


def _irregular(time: Floats, x: xr.DataArray) -> list[str]:
    if time.size < 2:
        return [f"{time.size} rows: too few for a sampling rate"]
    steps = np.diff(time)
    found = []
    if np.any(steps < 0):
        found.append(
            f"time runs backwards {int((steps < 0).sum())} times, by up to {-steps.min():.3g} s"
        )
    if shared_stamps(time):
        distinct, count = np.unique(time, return_counts=True)
        whole = bool(np.all(distinct == np.rint(distinct)))
        span = float(distinct[-1] - distinct[0]) + (1.0 if whole else 0.0)
        found.append(
            f"{time.size} rows share {distinct.size} time stamp{'s' * (distinct.size > 1)}"
            f"{' in whole seconds' if whole else ''}, up to {int(count.max())} the same one"
            + (f": {time.size} rows in {span:g} s" if span > 0 else "")
            + "; no rate can be derived from them"
        )
        return found
    if found:
        return found
    rate = recording.measured_rate(x)
    stale = stale_rows(time, rate)
    if stale:
        span = float(time[stale - 1] - time[0])
        found.append(
            f"stale buffer: {stale} rows in the first {span:.3g} s, where "
            f"{rate * span + 1:.0f} would be expected at {rate:.1f} Hz; when they were sampled "
            "is unknown"
        )
    after = steps[stale:]
    if after.size:
        found.append(
            f"irregular time stamps: mean rate {rate:.1f} Hz, steps of "
            f"{1000 * after.mean():.1f} ± {1000 * after.std():.1f} ms"
        )
        gaps = after[after > 3.0 / rate]
        if gaps.size:
            found.append(f"{gaps.size} gaps of up to {gaps.max():.3g} s without a row")
    return found
