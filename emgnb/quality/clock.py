"""What is wrong with the time stamps, and with the order of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

Array = npt.NDArray[np.float64]

# Steps in a row of at least half a sample end a stale buffer.
CALM = 5
# Rows of the stretch that is looked for again elsewhere in the recording.
PROBE, PROBES = 64, 8


def clock_faults(x: xr.DataArray) -> list[str]:
    """Sentences about time stamps that are no clock; empty for a uniform one."""
    try:
        rate = recording.sampling_rate(x)
    except ValueError:
        return _irregular(np.asarray(x["time"].values, dtype=np.float64), x)
    claimed = x.attrs.get("nominal_rate")
    if claimed and abs(rate / float(claimed) - 1.0) > 0.02:
        return [f"the time stamps say {rate:.4g} Hz, the device claims {float(claimed):.4g} Hz"]
    return []


def stale_rows(time: Array, rate: float) -> int:
    """Count the rows at the start that a full serial buffer gave at once.

    The prefix before five steps in a row are at least half a sample long, if it holds more than
    twice the rows that fit in its time; 0 otherwise.
    """
    short = np.diff(time) < 0.5 / rate
    if not short.size or not short[: max(round(rate), 5)].any():
        return 0
    calm = np.convolve(~short, np.ones(CALM), mode="valid") == CALM
    rows = int(np.argmax(calm)) + 1 if calm.any() else time.size
    return rows if rows > 2 * (rate * (time[rows - 1] - time[0]) + 1) else 0


def without_stale(x: xr.DataArray) -> xr.DataArray:
    """Return the signal without the rows of a stale buffer at its start, if there are any."""
    time = np.asarray(x["time"].values, dtype=np.float64)
    if time.size < 2 or np.any(np.diff(time) < 0) or not time[-1] > time[0]:
        return x
    return x.isel(time=slice(stale_rows(time, recording.measured_rate(x)), None))


def repeats(values: Array) -> tuple[list[str], bool]:
    """Sentences about rows that come again, and whether the whole is one repeating pattern.

    Held rows, and stretches of 64 rows that recur exactly elsewhere.
    """
    found: list[str] = []
    rows = len(values)
    moving = values[:, _moves(values)]
    if rows < 4 * PROBE or not moving.size:
        return found, False
    same = (moving[1:] == moving[:-1]).all(axis=1)
    steps = np.abs(np.diff(moving, axis=0))
    real = steps[steps > 0]
    # Slow coarse codes stand still by nature; held rows stand still and then leap many codes.
    if same.mean() > 0.4 and real.size and np.median(real) > 3 * real.min():
        found.append(
            f"{100 * same.mean():.0f} % of rows repeat the row before: each sample is held for "
            f"{1 / max(1 - same.mean(), 1e-9):.1f} rows, the true rate is that much lower"
        )
    tried, apart = 0, []
    for at in np.linspace(0, rows - PROBE, PROBES).astype(int):
        probe = moving[at : at + PROBE]
        if not np.isfinite(probe).all() or (probe[1:] == probe[:-1]).all(axis=1).mean() > 0.9:
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
    whole = tried >= PROBES // 2 and len(apart) == tried and max(apart) <= rows // 4
    return found, whole


def copied_channels(values: Array, names: list[str]) -> list[str]:
    """Sentences about channels that hold the same numbers, whatever their scale."""
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


def _moves(values: Array) -> npt.NDArray[np.bool_]:
    """Which channels take more than one value."""
    there = np.isfinite(values)
    low = np.where(there, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(low < high)


def _irregular(time: Array, x: xr.DataArray) -> list[str]:
    if time.size < 2:
        return [f"{time.size} rows: no clock can be seen"]
    steps = np.diff(time)
    found = []
    if np.any(steps < 0):
        found.append(
            f"time runs backwards {int((steps < 0).sum())} times, by up to {-steps.min():.3g} s"
        )
    distinct, count = np.unique(time, return_counts=True)
    whole = bool(np.all(distinct == np.rint(distinct)))
    if distinct.size <= 0.5 * time.size and (whole or distinct.size < 3):
        span = float(distinct[-1] - distinct[0]) + (1.0 if whole else 0.0)
        found.append(
            f"{time.size} rows share {distinct.size} time stamp{'s' * (distinct.size > 1)}"
            f"{' in whole seconds' if whole else ''}, up to {int(count.max())} the same one"
            + (f": {time.size} rows in {span:g} s" if span > 0 else "")
            + "; no rate can be read from them"
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
            f"irregular time stamps: rows come at {rate:.1f} Hz, steps of "
            f"{1000 * after.mean():.1f} ± {1000 * after.std():.1f} ms"
        )
        gaps = after[after > 3.0 / rate]
        if gaps.size:
            found.append(f"{gaps.size} gaps of up to {gaps.max():.3g} s without a row")
    return found
