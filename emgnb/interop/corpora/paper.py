"""Read the two file types published with the paper on which this package is based.

The rows (`subject_*.csv`) are tables of eight channels with a label and muscle names in every row.
The captures (`emg_data*.csv`) were written by a serial reader from one Muscle Sensor v3 on a 10-bit
converter. The captures are consistent with recordings. The rows are not: see the faults that the
reader reports.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb.interop.corpora import _measures, _tables
from emgnb.labels import events
from emgnb.quality.timestamps import stale_rows

# Capacity of a serial line of 115200 baud with ten bits per byte (bytes/s).
LINE = 11_520
# Latest time that can be converted to a date (s since 1970).
YEAR_9999 = 253_370_764_800


def read_paper_rows(
    path: str | Path,
    *,
    rate: float | None = None,
    signal_kind: str = "envelope",
    participant: str | None = None,
    label_meaning: str = "instructed",
) -> xr.DataTree:
    """Read a table `timestamp, emotion_label, s1 … sN[, muscle_name]`.

    Parameters
    ----------
    path : CSV file
    rate : Hz. By default time is taken from the stamps in the file. If given, rows are assumed to
        be 1/rate apart, and the stamps are kept in `rows` only
    signal_kind : the output of the sensor named in the paper (Muscle Sensor v3) is an envelope
    participant : by default the name of the file
    label_meaning : "instructed", "coded AU" or "self-report"; not stated in the file

    Returns
    -------
    session : signal in counts, one channel per s column, with the muscle that the file names when
        only that channel is active; one marker and one event (`labels/file`) for each block of
        equal labels; node `rows` with `timestamp`, `emotion_label` and `muscle_name` of every row,
        separate from the signal so that models cannot use them as features

    Raises
    ------
    ValueError : other columns, or a column that should be numeric is not

    Notes
    -----
    Missing values become NaN and invalid. Rows without a time stamp are dropped and counted in
    `faults`, unless `rate` is given.
    """
    table = _tables.read(
        path, kind="a table of the paper's rows", needed=("timestamp", "emotion_label", "s1")
    )
    names = sorted((n for n in table.columns if re.fullmatch(r"s\d+", n)), key=lambda n: int(n[1:]))
    stamps = table.seconds("timestamp")
    values = np.column_stack([table.numbers(name) for name in names])
    labels = table.text("emotion_label")
    muscles = table.text("muscle_name") if "muscle_name" in table.columns else [""] * table.rows
    found = list(table.oddities)
    if rate is None and np.isnan(stamps).any():
        kept = np.isfinite(stamps)
        found.append(f"{int((~kept).sum())} rows have no time stamp and are left out.")
        stamps, values = stamps[kept], values[kept]
        labels = [label for label, keep in zip(labels, kept, strict=True) if keep]
        muscles = [muscle for muscle, keep in zip(muscles, kept, strict=True) if keep]
    since = stamps - stamps[np.isfinite(stamps)][0]
    found += _clock_faults(since, table.bytes_per_row)
    blocks = _measures.runs(labels)
    found += _row_faults(values, labels, muscles, blocks)
    alone = _muscle_of_channel(values, muscles)
    x = recording.signal(
        values,
        time=since if rate is None else None,
        rate=rate,
        units="count",
        channel=names,
        muscle=[alone.get(k, "") for k in range(len(names))],
        signal_kind=signal_kind,
    )
    step = _resolution(since) if rate is None else 1.0 / rate
    markers, coded = _blocks_as_events(x["time"].values, labels, blocks, step)
    stem = Path(path).stem
    session = recording.make(
        x,
        markers=markers,
        labels={"file": coded},
        participant=stem if participant is None else participant,
        session="1",
        label_meaning=label_meaning,
        started=_started(stamps),
        source=Path(path).name,
        faults=json.dumps(found, ensure_ascii=False),
    )
    session["rows"] = _rows(stamps, labels, muscles)
    return session


def _blocks_as_events(
    time: Floats, labels: list[str], blocks: list[tuple[int, int]], step: float
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return one marker and one event for each block of equal labels."""
    first = np.array([begin for begin, _ in blocks])
    last = np.array([end for _, end in blocks])
    # Minimum and maximum, so that blocks with a clock that runs backwards are not lost.
    onset = np.array([time[begin:end].min() for begin, end in blocks])
    offset = np.array([time[begin:end].max() for begin, end in blocks]) + step
    texts = [labels[i] for i in first]
    markers = recording.markers(
        [*onset, offset[-1]], [*texts, "end"], uncertainty=step, source="file"
    )
    table = events(onset, offset, label=texts)
    return markers, table.assign(first_row=("event", first), last_row=("event", last - 1))


def _rows(stamps: Floats, labels: list[str], muscles: list[str]) -> xr.DataTree:
    """Return the columns that are kept apart from the signal."""
    return xr.DataTree(
        xr.Dataset(
            {
                "timestamp": ("row", stamps, {"units": "s"}),
                "emotion_label": ("row", np.array(labels, dtype=str)),
                "muscle_name": ("row", np.array(muscles, dtype=str)),
            }
        )
    )


def read_paper_capture(
    path: str | Path, *, signal_kind: str = "envelope", participant: str = ""
) -> xr.DataTree:
    """Read a table `Timestamp, EMG_Value`: one channel, time-stamped by the host on arrival.

    Parameters
    ----------
    path : CSV file
    signal_kind : according to the source the sensor is a Muscle Sensor v3, whose output is an
        envelope
    participant : name of the participant; not stated in the file

    Returns
    -------
    session : signal in counts on the irregular clock of the file; attributes `measured_rate` (Hz),
        `stale_rows` (number of rows at the start that came from a full serial buffer) and `faults`.
        All rows with a time stamp are kept. `recording.uniform(x)` interpolates them onto a uniform
        clock.

    Raises
    ------
    ValueError : other columns, or a column that should be numeric is not
    """
    table = _tables.read(path, kind="a single-channel capture", needed=("timestamp", "emg_value"))
    stamps, values = table.seconds("timestamp"), table.numbers("emg_value")
    found = list(table.oddities)
    kept = np.isfinite(stamps)
    if not kept.all():
        found.append(f"{int((~kept).sum())} rows have no time stamp and are left out.")
        stamps, values = stamps[kept], values[kept]
    since = stamps - stamps[0]
    x = recording.signal(
        values, time=since, units="count", channel=["emg"], signal_kind=signal_kind
    )
    rate, stale = 0.0, 0
    if since[-1] > 0 and not np.any(np.diff(since) < 0):
        rate = recording.measured_rate(x)
        stale = stale_rows(since, rate)
        found += _capture_clock_faults(since, rate, stale)
    else:
        found += _clock_faults(since, table.bytes_per_row)
    found += _clipping(values[stale:], "after the stale rows" if stale else "")
    smooth = _measures.lag_one(values[stale:, np.newaxis])
    if smooth < 0.3:
        found.append(
            f"Neighbouring samples are almost uncorrelated (r = {smooth:.2f}): this is not "
            "the smooth envelope that the sensor outputs."
        )
    if float(np.nanmin(values, initial=0.0)) < 0 and signal_kind == "envelope":
        found.append(f"The minimum is {np.nanmin(values):g}: an envelope is never negative.")
    return recording.make(
        x,
        participant=participant,
        session=Path(path).stem,
        started=_started(stamps),
        device="one Muscle Sensor v3 by its source",
        source=Path(path).name,
        measured_rate=float(rate),
        stale_rows=stale,
        faults=json.dumps(found, ensure_ascii=False),
    )


def _started(stamps: Floats) -> str:
    first = float(stamps[np.isfinite(stamps)][0])
    # Earlier than 2001: time since the start of a device, not since 1970.
    return datetime.fromtimestamp(first, UTC).isoformat() if 1e9 < first < YEAR_9999 else ""


def _resolution(since: Floats) -> float:
    """Return the resolution of the time stamps in s; 1 for whole seconds."""
    distinct = np.unique(since)
    if np.all(distinct == np.rint(distinct)) or distinct.size < 2:
        return 1.0
    return float(np.diff(distinct).min())


def _clock_faults(since: Floats, bytes_per_row: float) -> list[str]:
    """Return faults of the time stamps as a clock."""
    found = []
    steps = np.diff(since[np.isfinite(since)])
    back = int((steps < 0).sum())
    if back:
        found.append(f"Time runs backwards {back} times, by up to {-steps.min():.3g} s.")
    distinct = np.unique(since[np.isfinite(since)])
    if distinct.size > 0.5 * since.size:
        return found
    whole = bool(np.all(distinct == np.rint(distinct)))
    busiest = int(np.unique(since, return_counts=True)[1].max())
    found.append(
        f"{since.size} rows share {distinct.size} time "
        f"stamp{'s' if distinct.size > 1 else ''}{' in whole seconds' if whole else ''}, "
        f"up to {busiest} rows each: the stamps are not a clock, and the sampling rate "
        "cannot be determined."
    )
    # Stamps may be rounded, so the recording may be longer by up to one resolution step.
    span = distinct[-1] - distinct[0] + (1.0 if whole else 0.0)
    capacity = LINE / bytes_per_row
    if span > 0 and since.size / span > capacity:
        found.append(
            f"That is at least {since.size / span:.0f} rows per second of "
            f"{bytes_per_row:.0f} bytes each; a serial line of 115200 baud transmits at "
            f"most {capacity:.0f}."
        )
    return found


def _capture_clock_faults(since: Floats, rate: float, stale: int) -> list[str]:
    found = []
    if stale:
        span = since[stale - 1] - since[0]
        found.append(
            f"{stale} rows come {f'in the first {span:.3g} s' if span > 0 else 'at once'}, "
            f"where {rate * span + 1:.0f} would be expected at {rate:.1f} Hz: a stale "
            "serial buffer. Their time stamps are arrival times; the sampling times are "
            "unknown."
        )
    steps = np.diff(since[stale:])
    if not steps.size:
        return found
    found.append(
        f"Rows come at {rate:.1f} Hz (steps of {1000 * steps.mean():.1f} ± "
        f"{1000 * steps.std():.1f} ms), stamped by the host on arrival: the clock is not "
        f"uniform, and frequencies above {rate / 2:.1f} Hz cannot be resolved."
    )
    doubled = int((steps == 0).sum())
    if doubled:
        found.append(f"{doubled} rows have the same time stamp as the previous row.")
    gaps = steps[steps > 3 / rate]
    if gaps.size:
        found.append(f"{gaps.size} gaps of up to {gaps.max():.3g} s without a row.")
    return found


def _clipping(values: Floats, where: str) -> list[str]:
    top = _measures.converter_top(values)
    at_top = int((values == top).sum()) if top else 0
    if top is None or at_top < 2:
        return []
    return [
        f"{at_top} of {values.size} rows "
        f"{where + ' ' if where else ''}({100 * at_top / values.size:.1f} %) are at {top}, "
        f"the maximum of a {(top + 1).bit_length() - 1}-bit converter: clipped; the true "
        "peaks are unknown."
    ]


def _row_faults(
    values: Floats, labels: list[str], muscles: list[str], blocks: list[tuple[int, int]]
) -> list[str]:
    """Return faults that show the rows are not a physiological recording."""
    found = []
    block = np.repeat(np.arange(len(blocks)), [end - begin for begin, end in blocks])
    unnamed = sum(not label for label in labels)
    if unnamed:
        found.append(f"{unnamed} rows have no label.")
    related = _measures.lag_one(values, block)
    deviation = np.abs(values - np.nanmedian(values, axis=0))
    swelling = _measures.lag_one(deviation, block)
    if len(values) >= 500 and abs(related) < 0.05 and abs(swelling) < 0.05:
        found.append(
            "Rows are independent: within a label, successive rows are uncorrelated (r = "
            f"{related:.4f}, of absolute deviations {swelling:.4f}). EMG and envelopes are "
            "autocorrelated: this is not physiology."
        )
    flat = _measures.flatness(values, block)
    if flat > 0.95:
        found.append(
            f"The spectrum along the rows is flat (flatness {flat:.3f} of 1): white noise; "
            "EMG, sensors and mains have structured spectra."
        )
    kinds = set(labels)
    if len(kinds) > 1 and len(blocks) == len(kinds):
        sizes = [end - begin for begin, end in blocks]
        size = f"{sizes[0]}" if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
        found.append(
            f"Each of {len(kinds)} labels is one continuous block of {size} rows: the "
            "label equals the position in the file, so any drift or smoothing along the "
            "rows predicts the label."
        )
    if _switches(values):
        low, high = _measures.empty_band(values)
        found.append(
            f"No value lies between {low:g} and {high:g}: each channel is either off or "
            "on, unlike muscle activity."
        )
    found += _muscle_name_faults(values, muscles)
    for k in range(values.shape[1]):
        found += _clipping(values[:, k], f"of s{k + 1}")
    return found


def _switches(values: Floats) -> bool:
    """Return whether more than a tenth of the range contains no value."""
    low, high = _measures.empty_band(values)
    return bool(high - low > 0.1 * (np.nanmax(values) - np.nanmin(values)))


def _active(values: Floats) -> npt.NDArray[np.bool_]:
    low, high = _measures.empty_band(values)
    return np.asarray(values > (low + high) / 2)


def _named(muscles: list[str]) -> list[frozenset[str]]:
    return [frozenset(part.strip() for part in text.split(",") if part.strip()) for text in muscles]


def _muscle_name_faults(values: Floats, muscles: list[str]) -> list[str]:
    if not any(muscles):
        return []
    active, sets = _active(values), _named(muscles)
    by_pattern: dict[bytes, Counter[frozenset[str]]] = defaultdict(Counter)
    for row, names in zip(active, sets, strict=True):
        by_pattern[row.tobytes()][names] += 1
    told = sum(max(seen.values()) for seen in by_pattern.values()) / len(sets)
    commonest = max(Counter(sets).values()) / len(sets)
    # With nearly as many patterns as rows, each pattern predicts its row trivially.
    if told < 0.99 or commonest > 0.9 or len(by_pattern) > len(sets) / 20:
        return []
    low, high = _measures.empty_band(values)
    return [
        f"`muscle_name`, ignoring order, is determined in {100 * told:.1f} % of rows by "
        f"which channels of the same row exceed {(low + high) / 2:g} ({len(by_pattern)} "
        "patterns): it is derived from the values and must not be used as a feature."
    ]


def _muscle_of_channel(values: Floats, muscles: list[str]) -> dict[int, str]:
    """Return the muscle that the file always names for a channel that is active alone.

    Channels with several names or none are omitted.
    """
    if not _switches(values):
        return {}
    active, sets = _active(values), _named(muscles)
    seen: dict[int, set[frozenset[str]]] = defaultdict(set)
    for row, names in zip(active, sets, strict=True):
        if row.sum() == 1:
            seen[int(row.argmax())].add(names)
    return {
        k: "_".join(next(iter(names)).lower().split())
        for k, kinds in seen.items()
        for names in kinds
        if len(kinds) == 1 and len(names) == 1
    }
