"""The two kinds of file published with the paper that this package starts from.

The rows (`subject_*.csv`) are a table of eight channels with a label and muscle names in every row;
the captures (`emg_data*.csv`) are what a serial reader wrote down of one Muscle Sensor v3 on a
10-bit converter. The captures look recorded. The rows do not: see what the reader reports.
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
from emgnb.interop.corpora import measures, tables
from emgnb.labels import events
from emgnb.quality.clock import stale_rows

Floats = npt.NDArray[np.float64]

# Bytes that a serial line of 115200 baud carries in a second: ten bits each.
LINE = 11_520


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
    path : the CSV file
    rate : Hz. By default the stamps of the file are the time; a number is your own claim that its
        rows lie 1/rate apart, and the stamps are then kept in `rows` only
    signal_kind : the sensor named in the paper (Muscle Sensor v3) gives an envelope
    participant : the name of the file by default
    label_meaning : "instructed", "coded AU" or "self-report"; the file does not say

    Returns
    -------
    session : signal in counts, a channel for each s column, with the muscle that the file names
        when that channel alone is active; one marker and one event (`labels/file`) for each block
        of equal labels; node `rows` with `timestamp`, `emotion_label` and `muscle_name` of every
        row, apart from the signal so that no model takes them for features

    Raises
    ------
    ValueError : other columns, or a column of numbers that holds none

    Notes
    -----
    Missing values become NaN, invalid. Rows without a time stamp cannot be placed and are left out,
    counted in `faults`, unless `rate` is given.
    """
    table = tables.read(
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
    blocks = measures.runs(labels)
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
    time = x["time"].values
    first = np.array([begin for begin, _ in blocks])
    last = np.array([end for _, end in blocks])
    step = _resolution(since) if rate is None else 1.0 / rate
    # The least and the greatest stamp: a clock that runs backwards must not lose the block.
    onset = np.array([time[begin:end].min() for begin, end in blocks])
    offset = np.array([time[begin:end].max() for begin, end in blocks]) + step
    texts = [labels[i] for i in first]
    table_of_blocks = events(onset, offset, label=texts).assign(
        first_row=("event", first), last_row=("event", last - 1)
    )
    stem = Path(path).stem
    session = recording.make(
        x,
        markers=recording.markers(
            [*onset, offset[-1]], [*texts, "end"], uncertainty=step, source="file"
        ),
        labels={"file": table_of_blocks},
        participant=stem if participant is None else participant,
        session="1",
        label_meaning=label_meaning,
        started=_started(stamps),
        source=Path(path).name,
        faults=json.dumps(found, ensure_ascii=False),
    )
    session["rows"] = xr.DataTree(
        xr.Dataset(
            {
                "timestamp": ("row", stamps, {"units": "s"}),
                "emotion_label": ("row", np.array(labels, dtype=str)),
                "muscle_name": ("row", np.array(muscles, dtype=str)),
            }
        )
    )
    return session


def read_paper_capture(
    path: str | Path, *, signal_kind: str = "envelope", participant: str = ""
) -> xr.DataTree:
    """Read a table `Timestamp, EMG_Value`: one channel, stamped by the host as each line arrived.

    Parameters
    ----------
    path : the CSV file
    signal_kind : by its source a Muscle Sensor v3, which gives an envelope
    participant : who it was; the file does not say

    Returns
    -------
    session : signal in counts on the irregular clock of the file; attributes `measured_rate` (Hz),
        `stale_rows` (how many rows at the start came out of a full serial buffer) and `faults`.
        All rows are kept. `recording.uniform(x)` lays them on a clock when you want one.

    Raises
    ------
    ValueError : other columns, or a column of numbers that holds none
    """
    table = tables.read(path, kind="a single-channel capture", needed=("timestamp", "emg_value"))
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
    smooth = measures.lag_one(values[stale:, np.newaxis])
    if smooth < 0.3:
        found.append(
            f"Neighbouring values are hardly related (correlation {smooth:.2f}): this is not the "
            "smooth envelope that its sensor gives."
        )
    if float(np.nanmin(values, initial=0.0)) < 0 and signal_kind == "envelope":
        found.append(f"The least value is {np.nanmin(values):g}: no envelope goes below 0.")
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
    # Anything earlier than 2001 counts from the start of a device, not from 1970.
    return datetime.fromtimestamp(first, UTC).isoformat() if first > 1e9 else ""


def _resolution(since: Floats) -> float:
    """How long one time stamp stands for, in s: a whole second lasts until the next."""
    distinct = np.unique(since)
    if np.all(distinct == np.rint(distinct)) or distinct.size < 2:
        return 1.0
    return float(np.diff(distinct).min())


def _clock_faults(since: Floats, bytes_per_row: float) -> list[str]:
    """What is wrong with the time stamps as a clock."""
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
        f"{since.size} rows share {distinct.size} time stamp{'s' if distinct.size > 1 else ''}"
        f"{' in whole seconds' if whole else ''}, up to {busiest} rows the same one: time is no "
        "clock here, and no sampling rate can be read from it."
    )
    # The stamps may be rounded: the recording lasted at most one resolution longer than they say.
    span = distinct[-1] - distinct[0] + (1.0 if whole else 0.0)
    capacity = LINE / bytes_per_row
    if span > 0 and since.size / span > capacity:
        found.append(
            f"That is at least {since.size / span:.0f} rows in a second of {bytes_per_row:.0f} "
            f"bytes each; a serial line of 115200 baud carries {capacity:.0f}."
        )
    return found


def _capture_clock_faults(since: Floats, rate: float, stale: int) -> list[str]:
    found = []
    if stale:
        span = since[stale - 1] - since[0]
        found.append(
            f"{stale} rows come {f'in the first {span:.3g} s' if span > 0 else 'at once'}, where "
            f"{rate * span + 1:.0f} would be expected at {rate:.1f} Hz: a stale serial buffer. "
            "Their time stamps are arrival, not sampling; when they were sampled is unknown."
        )
    steps = np.diff(since[stale:])
    if not steps.size:
        return found
    found.append(
        f"Rows come at {rate:.1f} Hz (steps of {1000 * steps.mean():.1f} ± "
        f"{1000 * steps.std():.1f} ms), stamped by the host on arrival: "
        f"no uniform clock, and nothing above {rate / 2:.1f} Hz can be seen."
    )
    doubled = int((steps == 0).sum())
    if doubled:
        found.append(f"{doubled} rows carry the time stamp of the row before.")
    gaps = steps[steps > 3 / rate]
    if gaps.size:
        found.append(f"{gaps.size} gaps of up to {gaps.max():.3g} s without a row.")
    return found


def _clipping(values: Floats, where: str) -> list[str]:
    top = measures.converter_top(values)
    at_top = int((values == top).sum()) if top else 0
    if top is None or at_top < 2:
        return []
    return [
        f"{at_top} of {values.size} rows {where + ' ' if where else ''}"
        f"({100 * at_top / values.size:.1f} %) stand at {top}, the top of a "
        f"{(top + 1).bit_length() - 1}-bit converter: clipped, the true peaks are unknown."
    ]


def _row_faults(
    values: Floats, labels: list[str], muscles: list[str], blocks: list[tuple[int, int]]
) -> list[str]:
    """What rows that claim to be a recording show when one looks at them."""
    found = []
    block = np.repeat(np.arange(len(blocks)), [end - begin for begin, end in blocks])
    unnamed = sum(not label for label in labels)
    if unnamed:
        found.append(f"{unnamed} rows have no label.")
    related = measures.lag_one(values, block)
    deviation = np.abs(values - np.nanmedian(values, axis=0))
    swelling = measures.lag_one(deviation, block)
    if len(values) >= 500 and abs(related) < 0.05 and abs(swelling) < 0.05:
        found.append(
            f"Rows are independent: within a label, a row says nothing about the next "
            f"(correlation {related:.4f}, of the size of the deviation {swelling:.4f}). Neither "
            "EMG nor its envelope does that: this is not physiology."
        )
    flat = measures.flatness(values, block)
    if flat > 0.95:
        found.append(
            f"The spectrum along the rows is flat (flatness {flat:.3f} of 1): white noise; muscle, "
            "sensor and mains all leave a shape."
        )
    kinds = set(labels)
    if len(kinds) > 1 and len(blocks) == len(kinds):
        sizes = [end - begin for begin, end in blocks]
        size = f"{sizes[0]}" if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
        found.append(
            f"Each of {len(kinds)} labels is one unbroken block of {size} rows: label and place in "
            "the file are one, so anything that smooths or drifts along the rows tells the label."
        )
    if _switches(values):
        low, high = measures.empty_band(values)
        found.append(
            f"No value lies between {low:g} and {high:g}: a channel is either off or on, which no "
            "muscle is."
        )
    found += _muscle_name_faults(values, muscles)
    for k in range(values.shape[1]):
        found += _clipping(values[:, k], f"of s{k + 1}")
    return found


def _switches(values: Floats) -> bool:
    """Whether a band of more than a tenth of the range is empty."""
    low, high = measures.empty_band(values)
    return bool(high - low > 0.1 * (np.nanmax(values) - np.nanmin(values)))


def _active(values: Floats) -> npt.NDArray[np.bool_]:
    low, high = measures.empty_band(values)
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
    # With nearly as many patterns as rows, each tells its own row and nothing is shown.
    if told < 0.99 or commonest > 0.9 or len(by_pattern) > len(sets) / 20:
        return []
    low, high = measures.empty_band(values)
    return [
        f"`muscle_name`, order aside, follows in {100 * told:.1f} % of rows from which channels of "
        f"the same row exceed {(low + high) / 2:g} ({len(by_pattern)} patterns): it is made from "
        "the values, never a feature beside them."
    ]


def _muscle_of_channel(values: Floats, muscles: list[str]) -> dict[int, str]:
    """Muscle of each channel where the file is unequivocal: named whenever it alone is active."""
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
