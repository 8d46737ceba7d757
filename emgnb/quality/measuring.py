"""The report: what is measured of each channel, as a whole and window by window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.quality import bands, levels
from emgnb.quality.assembling import Windows, assembled
from emgnb.quality.rows import Bounds, rate_of, signal_of, spread, values_of

Array = npt.NDArray[np.float64]

BLOCK_ROWS = 131_072
# Rows of a stretch where not all are read.
STRETCH_ROWS = 16_384


def report(
    x: xr.DataArray | xr.DataTree, *, window: float = 1.0, mains: float | str = "auto"
) -> xr.Dataset:
    """Measure the quality of each channel, as a whole and over time. Nothing is repaired.

    Parameters
    ----------
    x : (time, channel) or a session; any kind, any clock. A uniform one is gone through three
        times in blocks, so that a day fits into memory, and on all cores or on a cluster where it
        is a dask array; the figures are the same to the last digit
    window : s; its inverse is the resolution in frequency. Rows that fill no window are left out
        of the course over time
    mains : 50 or 60 Hz, or "auto": whichever stands out more

    Returns
    -------
    Dataset with `snr` (dB), `mains`, `motion`, `clipped`, `flat`, `railed`, `dropped` (shares),
    `deformation` and `contact` (words: an estimate from the figures, no impedance) over `channel`;
    all but `snr` and `contact` again as `<name>_over_time` (window, channel), with `level` in the
    signal's unit; `time` is the end of a window in s. Each variable has its definition in `attrs`,
    and in `not_measured` (JSON, channel → reason) why a figure is NaN. Attributes: `mains_hz`,
    `mains_stands_out` (times its surroundings) and `mains_chance` (how far noise may), `rate` (Hz,
    NaN with an irregular clock)

    Raises
    ------
    TypeError, ValueError : no signal; `window` or `mains` is no number above 0; no rows

    Notes
    -----
    NaN and invalid samples count as dropped; a window with one has no spectral figures. On an
    envelope the shares of mains and motion and the deformation say nothing and are NaN.
    """
    return measured(signal_of(x), window=window, mains=mains)


def measured(
    x: xr.DataArray, *, window: float = 1.0, mains: float | str = "auto", most: int | None = None
) -> xr.Dataset:
    """Measure a signal (time, channel) as `report` does, or evenly spaced stretches of it.

    `most` : so many rows are read at most; on an irregular clock the first.
    """
    recording.need_positive(window=window)
    if isinstance(mains, str) and mains != "auto":
        raise ValueError(f"mains={mains!r}, expected 50, 60 or 'auto'")
    if not isinstance(mains, str):
        recording.need_positive(mains=mains)
    if not x.sizes["time"]:
        raise ValueError("the signal has no rows: nothing can be measured")
    candidates = bands.CANDIDATES if isinstance(mains, str) else (float(mains),)
    rate = rate_of(x)
    if rate is None and most is not None:
        x = x.isel(time=slice(most))
    rows = x.sizes["time"]
    kinds = [str(kind) for kind in x["signal_kind"].values] if "signal_kind" in x.coords else []
    envelope = np.array([kind == "envelope" for kind in kinds] or [False] * x.sizes["channel"])
    size = BLOCK_ROWS if rate is None else min(max(round(window * rate), 2), rows)
    hold = levels.hold_rows(rate or 0.0)
    all_of_it = most is None or rows <= most
    # More than `hold`, so that a part's first row tells where the next block begins.
    step = max((BLOCK_ROWS if all_of_it else STRETCH_ROWS) // size, hold // size + 1) * size
    limit = rows if all_of_it or most is None else most

    ends = levels.find_ends(x, spread(rows, limit, step, size))
    stuck = _stuck(x, ends)
    # The resting level of an envelope may lie below what its converter sees: cut off, not stuck.
    rails = replace(ends, low=np.where(envelope, np.nan, ends.low))
    if rate is None:
        over, close = _irregular(x, window, ends, rails, stuck)
        chosen, stands_out = (candidates[0] if not isinstance(mains, str) else np.nan), 0.0
        pick = 0
    else:
        blocks = spread(rows // size * size, limit, step, size)
        plan = _Plan(size, step, hold, rate, candidates, ends, rails, stuck)
        over, close = _uniform(x, blocks, plan)
        frequency = np.asarray(np.fft.rfftfreq(size, 1.0 / rate), dtype=np.float64)
        assert over.density is not None
        found = [bands.prominence(over.density, frequency, f, rate) for f in candidates]
        pick = int(np.argmax(found))
        chosen, stands_out = candidates[pick], found[pick]
    return assembled(x, over, close, ends, envelope, rate, window, pick, chosen, stands_out)


@dataclass(frozen=True)
class _Plan:
    """How windows are measured: in blocks of `step` rows, with `hold` rows more on either side."""

    size: int
    step: int
    hold: int
    rate: float
    candidates: tuple[float, ...]
    ends: levels.Ends
    rails: levels.Ends
    stuck: npt.NDArray[np.bool_]


def _uniform(x: xr.DataArray, blocks: list[Bounds], plan: _Plan) -> tuple[Windows, Array]:
    """Measure whole windows; also when each ends, in s."""
    rows = x.sizes["time"]
    # A flat run may reach over the block's border.
    wide = [(max(begin - plan.hold, 0), min(end + plan.hold, rows)) for begin, end in blocks]
    last = rows // plan.size * plan.size
    found = recording.over_rows(_block, x, wide, plan, last)
    density = found[0][1]
    for _, more in found[1:]:
        density = more + density
    over = Windows([part for part, _ in found], density, plan.size)
    index = np.concatenate([np.arange(begin, end, plan.size) for begin, end in blocks])
    close = np.asarray(x["time"].isel(time=index + plan.size - 1).values, dtype=np.float64)
    return over, close + 1.0 / plan.rate


def _block(
    rows: xr.DataArray, first: int, plan: _Plan, last: int
) -> tuple[dict[str, Array], Array]:
    """Measure the windows of a block, and give the sum of their densities."""
    begin = first + plan.hold if first else 0
    wide = values_of(rows)
    mine = slice(begin - first, min(begin + plan.step, last) - first)
    still, values = levels.flat(wide, plan.hold)[mine], wide[mine]
    cut = values.reshape(-1, plan.size, values.shape[1])
    power = bands.measure(cut, plan.rate, plan.candidates)
    part = {
        "total": power.total,
        "motion": power.motion,
        "emg": power.emg.transpose(1, 0, 2),
        "mains": power.mains.transpose(1, 0, 2),
        "deformation": power.deformation,
        **_counts(cut, still.reshape(cut.shape), plan.ends, plan.rails, plan.stuck),
    }
    # Laid out alike whichever way they travel: the order in which numbers are summed depends on it.
    laid = {name: np.ascontiguousarray(values) for name, values in part.items()}
    return laid, np.ascontiguousarray(power.density)


def _irregular(
    x: xr.DataArray,
    window: float,
    ends: levels.Ends,
    rails: levels.Ends,
    stuck: npt.NDArray[np.bool_],
) -> tuple[Windows, Array]:
    """Measure what needs no clock, in windows of the time stamps; rows lost are counted by rate."""
    parts = []
    time = np.asarray(x["time"].values, dtype=np.float64)
    try:
        rate = recording.measured_rate(x)
    except ValueError:
        rate = 0.0
    span = float(np.nanmax(time) - np.nanmin(time)) if time.size else 0.0
    # Stamps that leap must not make millions of windows.
    count = max(min(int(span / window) + 1, 100_000), 1)
    place = np.clip(((time - np.nanmin(time)) / window).astype(np.int64), 0, count - 1)
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.arange(count + 1))
    values = values_of(x)
    still = levels.flat(values, levels.hold_rows(rate))
    full = rate * window
    for k in range(count):
        rows = order[borders[k] : borders[k + 1]]
        got = _counts(values[np.newaxis, rows], still[np.newaxis, rows], ends, rails, stuck)
        # Jitter moves rows from one window to the next; a hole is more than that.
        if k < count - 1 and rows.size < 0.8 * full - 2:
            got["rows"] = np.full_like(got["rows"], full)
        parts.append(got)
    return Windows(parts), np.nanmin(time) + window * (np.arange(count) + 1)


def _counts(
    cut: Array,
    still: npt.NDArray[np.bool_],
    ends: levels.Ends,
    rails: levels.Ends,
    stuck: npt.NDArray[np.bool_],
) -> dict[str, Array]:
    """Counts of samples in windows (window, sample, channel), and their level."""
    there = np.isfinite(cut)
    beyond = ends.beyond(cut)
    present = there.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, cut, 0.0).sum(axis=1) / present
        about = np.where(there, cut - mean[:, np.newaxis, :], 0.0)
        rms = np.sqrt(np.square(about).sum(axis=1) / present)
    return {
        "rows": np.full(present.shape, float(cut.shape[1])),
        "present": present,
        "clipped": beyond.sum(axis=1).astype(np.float64),
        "flat": still.sum(axis=1).astype(np.float64),
        "railed": (still & (rails.beyond(cut) | stuck)).sum(axis=1).astype(np.float64),
        "mean": mean,
        "rms": rms,
    }


def _stuck(x: xr.DataArray, ends: levels.Ends) -> npt.NDArray[np.bool_]:
    """Which constant channels stand at an end rather than at just some value.

    0 is where an unused input of a converter rests, or the end of one; only the counts of a raw
    sensor, which rests in the middle, tell.
    """
    value = ends.greatest
    reach = np.fmax(np.abs(ends.greatest), np.abs(ends.least))
    others = np.where(ends.constant, -np.inf, reach)
    beyond = np.abs(value) > 2.0 * max(float(others.max(initial=-np.inf)), 0.0)
    if x.attrs.get("units") == "count":
        codes = np.isin(value, [2.0**bits - 1 for bits in (8, 10, 12, 14, 16)])
        raw = np.array([str(kind) == "raw" for kind in x["signal_kind"].values])
        return np.asarray(ends.constant & (codes | (raw & (value == 0.0) & (ends.least == 0.0))))
    return np.asarray(ends.constant & beyond & (value != 0.0))
