"""Measure signal quality per channel and window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.quality import _bands, _clipping
from emgnb.quality._figures import Windows, assembled
from emgnb.quality._rows import Bounds, bridged, laid, rate_of, signal_of, spread, values_of

BLOCK_ROWS = 131_072
# Longest gap of irregular rows that is bridged for spectra (s): a quarter of a mains period.
BRIDGE_S = 0.005
# Rows of a piece if not all rows are read.
STRETCH_ROWS = 16_384


def report(
    x: xr.DataArray | xr.DataTree, *, window: float = 1.0, mains: float | str = "auto"
) -> xr.Dataset:
    """Measure the quality of each channel, overall and over time. Nothing is repaired.

    Parameters
    ----------
    x : (time, channel) or a session; any kind, uniform or irregular. Uniform signals are read three
        times in blocks, so memory is bounded; dask arrays use all cores or a cluster. Results are
        bit-identical
    window : s; its inverse is the frequency resolution. Rows that do not fill a window are excluded
        from the measures over time
    mains : 50 or 60 Hz, or "auto": whichever is stronger

    Returns
    -------
    Dataset with `snr` (dB), `mains`, `motion`, `clipped`, `flat`, `railed`, `dropped` (shares),
    `deformation` and `contact` (words, estimated from the measures, not from impedance) over
    `channel`; all but `snr` and `contact` also as `<name>_over_time` (window, channel), with
    `level` in the unit of the signal; `time` is the end of a window in s. Each variable has its
    definition in `attrs`, and the reasons for NaN in `not_measured` (JSON, channel → reason).
    Attributes: `mains_hz`, `mains_stands_out` (ratio to its surroundings) and `mains_chance` (the
    ratio that noise may reach), `rate` (Hz, NaN for irregular time)

    Raises
    ------
    TypeError, ValueError : not a signal; `window` or `mains` is not a positive number; no rows

    Notes
    -----
    NaN and invalid samples count as dropped; windows that contain one have no spectral measures.
    Irregular samples are counted as they are; their spectral measures are those of
    `recording.uniform(x)`, with gaps of up to 5 ms bridged. Shares of mains and motion and the
    deformation are undefined for envelopes, and NaN.

    Examples
    --------
    >>> from emgnb import quality, simulate
    >>> report = quality.report(simulate.face(duration=6, seed=1))
    >>> float(report["dropped"].max()), report.attrs["mains_hz"]
    (0.0, 50.0)
    """
    return measured(signal_of(x), window=window, mains=mains)


def measured(
    x: xr.DataArray, *, window: float = 1.0, mains: float | str = "auto", most: int | None = None
) -> xr.Dataset:
    """Measure a signal (time, channel) like `report`, or evenly spaced pieces of it.

    `most` : maximum number of rows read; of irregular signals, the first
    """
    recording.need_positive(window=window)
    if isinstance(mains, str) and mains != "auto":
        raise ValueError(f"mains={mains!r}, expected 50, 60 or 'auto'")
    if not isinstance(mains, str):
        recording.need_positive(mains=mains)
    if not x.sizes["time"]:
        raise ValueError("the signal has no rows: nothing can be measured")
    candidates = _bands.CANDIDATES if isinstance(mains, str) else (float(mains),)
    rate = rate_of(x)
    if rate is None and most is not None:
        x = x.isel(time=slice(most))
    uniform = rate is not None
    rows = x.sizes["time"]
    kinds = [str(kind) for kind in x["signal_kind"].values] if "signal_kind" in x.coords else []
    envelope = np.array([kind == "envelope" for kind in kinds] or [False] * x.sizes["channel"])
    size = BLOCK_ROWS if rate is None else min(max(round(window * rate), 2), rows)
    hold = _clipping.hold_rows(rate or 0.0)
    all_of_it = most is None or rows <= most
    # Longer than `hold`, so that the first row of a part gives the start of the next block.
    step = max((BLOCK_ROWS if all_of_it else STRETCH_ROWS) // size, hold // size + 1) * size
    limit = rows if all_of_it or most is None else most

    ends = _clipping.find_ends(x, spread(rows, limit, step, size))
    stuck = _stuck(x, ends)
    # The resting level of an envelope may be below the range of the converter; this is not railed.
    rails = replace(ends, low=np.where(envelope, np.nan, ends.low))
    why = ""
    if rate is None:
        over, close = _irregular(x, window, ends, rails, stuck)
        even, why = laid(x)
        if even is not None:
            rate = recording.sampling_rate(even)
            over = _with_spectra(over, close, even, window, candidates)
    else:
        blocks = spread(rows // size * size, limit, step, size)
        plan = _Plan(size, step, hold, rate, candidates, ends, rails, stuck)
        over, close = _uniform(x, blocks, plan)
    pick, stands_out = 0, 0.0
    chosen = candidates[0] if not isinstance(mains, str) else np.nan
    if rate is not None:
        frequency = np.asarray(np.fft.rfftfreq(over.size, 1.0 / rate), dtype=np.float64)
        assert over.density is not None
        found = [_bands.prominence(over.density, frequency, f, rate) for f in candidates]
        pick = int(np.argmax(found))
        chosen, stands_out = candidates[pick], found[pick]
    made = assembled(x, over, close, ends, envelope, rate, window, pick, chosen, stands_out, why)
    return made if uniform else made.assign_attrs(rate=np.nan)


@dataclass(frozen=True)
class _Plan:
    """Parameters of the measurement: blocks of `step` rows, plus `hold` rows on either side."""

    size: int
    step: int
    hold: int
    rate: float
    candidates: tuple[float, ...]
    ends: _clipping.Ends
    rails: _clipping.Ends
    stuck: npt.NDArray[np.bool_]


def _uniform(x: xr.DataArray, blocks: list[Bounds], plan: _Plan) -> tuple[Windows, Floats]:
    """Measure whole windows; return also the end of each in s."""
    rows = x.sizes["time"]
    # Flat runs may extend beyond a block.
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
) -> tuple[dict[str, Floats], Floats]:
    """Measure the windows of a block, and return the sum of their densities."""
    begin = first + plan.hold if first else 0
    wide = values_of(rows)
    mine = slice(begin - first, min(begin + plan.step, last) - first)
    still, values = _clipping.flat(wide, plan.hold)[mine], wide[mine]
    cut = values.reshape(-1, plan.size, values.shape[1])
    power = _bands.measure(cut, plan.rate, plan.candidates)
    part = {
        **_powers(power),
        **_counts(cut, still.reshape(cut.shape), plan.ends, plan.rails, plan.stuck),
    }
    # Use one memory layout, because the order of summation depends on it.
    laid = {name: np.ascontiguousarray(values) for name, values in part.items()}
    return laid, np.ascontiguousarray(power.density)


def _irregular(
    x: xr.DataArray,
    window: float,
    ends: _clipping.Ends,
    rails: _clipping.Ends,
    stuck: npt.NDArray[np.bool_],
) -> tuple[Windows, Floats]:
    """Measure windows of an irregular signal, without spectra; estimate lost rows from the rate."""
    parts = []
    time = np.asarray(x["time"].values, dtype=np.float64)
    try:
        rate = recording.measured_rate(x)
    except ValueError:
        rate = 0.0
    span = float(np.nanmax(time) - np.nanmin(time)) if time.size else 0.0
    # Limit the number of windows if time stamps jump.
    count = max(min(int(span / window) + 1, 100_000), 1)
    place = np.clip(((time - np.nanmin(time)) / window).astype(np.int64), 0, count - 1)
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.arange(count + 1))
    values = values_of(x)
    still = _clipping.flat(values, _clipping.hold_rows(rate))
    full = rate * window
    for k in range(count):
        rows = order[borders[k] : borders[k + 1]]
        got = _counts(values[np.newaxis, rows], still[np.newaxis, rows], ends, rails, stuck)
        # Jitter moves rows between windows; larger deficits are gaps.
        if k < count - 1 and rows.size < 0.8 * full - 2:
            got["rows"] = np.full_like(got["rows"], full)
        parts.append(got)
    return Windows(parts), np.nanmin(time) + window * (np.arange(count) + 1)


def _with_spectra(
    over: Windows, close: Floats, even: xr.DataArray, window: float, candidates: tuple[float, ...]
) -> Windows:
    """Add powers of interpolated rows to the counts of irregular ones.

    Each window of interpolated rows is assigned to the window of time stamps that contains its
    middle.
    """
    rate = recording.sampling_rate(even)
    rows = even.sizes["time"]
    size = min(max(round(window * rate), 2), rows)
    found = []
    for begin, end in recording.bounds(rows // size * size, max(BLOCK_ROWS // size, 1) * size):
        values = bridged(values_of(even.isel(time=slice(begin, end))), int(BRIDGE_S * rate))
        power = _bands.measure(values.reshape(-1, size, values.shape[1]), rate, candidates)
        found.append((begin, _powers(power), power.density))
    begins = np.concatenate([b + size * np.arange(len(p["total"])) for b, p, _ in found])
    middle = float(even["time"].isel(time=0)) + (begins + size / 2) / rate
    place = np.clip(np.searchsorted(close, middle), 0, close.size - 1)
    parts: list[dict[str, Floats]] = [{name: over.joined(name) for name in over.parts[0]}]
    for name, first in found[0][1].items():
        parts[0][name] = np.full((close.size, *first.shape[1:]), np.nan)
        parts[0][name][place] = np.concatenate([powers[name] for _, powers, _ in found])
    return Windows(parts, sum((density for *_, density in found), np.zeros(())), size)


def _powers(power: _bands.Bands) -> dict[str, Floats]:
    """Return powers of windows by name, with windows along the first axis."""
    return {
        "total": power.total,
        "motion": power.motion,
        "emg": power.emg.transpose(1, 0, 2),
        "mains": power.mains.transpose(1, 0, 2),
        "deformation": power.deformation,
    }


def _counts(
    cut: Floats,
    still: npt.NDArray[np.bool_],
    ends: _clipping.Ends,
    rails: _clipping.Ends,
    stuck: npt.NDArray[np.bool_],
) -> dict[str, Floats]:
    """Count samples in windows (window, sample, channel), and measure their level."""
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


def _stuck(x: xr.DataArray, ends: _clipping.Ends) -> npt.NDArray[np.bool_]:
    """Return which constant channels are at a limit of the converter.

    An unused converter input is at 0, which is also its lower limit. Only the counts of a raw
    sensor, which rests at mid-range, are conclusive.
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
