"""Measure amplitude, duration and speed of each event."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from emgnb import labels, recording
from emgnb._arrays import Floats, Mask
from emgnb._vocabulary import MVC, asked
from emgnb.dynamics._envelopes import (
    HIGH,
    LOW,
    Envelopes,
    busy,
    envelopes,
    held,
    level_before,
    rise,
    size_in,
    words,
)
from emgnb.labels.comparing import intervals_of
from emgnb.labels.periods import span_of

MEASURES = (
    "baseline",
    "amplitude",
    "peak",
    "duration",
    "rise",
    "decay",
    "onset_speed",
    "offset_speed",
)


def describe(
    table: xr.Dataset,
    x: xr.DataArray | xr.DataTree,
    *,
    mvc: Mapping[str, float] | None = None,
    cutoff: float = 6.0,
    rest: float = 0.5,
    margin: float = 0.2,
) -> xr.Dataset:
    """Measure each event in each channel that shows it.

    A burst is measured in its own channel (`channel`), a coded action unit in all channels whose
    electrodes see it (`labels.channels_for`). Other events are left out.

    Parameters
    ----------
    table : event table, from `detect.bursts` or a coder
    x : signal or session. Raw EMG (free of mains) is high-passed at 20 Hz, unless it was filtered
        before, and smoothed by a zero-phase envelope; an envelope is used as it is, with the delay
        of its sensor
    mvc : channel → level of a maximum voluntary contraction in the unit of the envelope, see
        `mvc_levels`; adds `amplitude_mvc` and `onset_speed_mvc`
    cutoff : Hz, of the envelope. An instantaneous rise appears as one of 0.3 / `cutoff` s (50 ms at
        6 Hz), so the speed of short rises is underestimated
    rest : s, interval before each event in which its baseline is measured
    margin : s, between this interval and the onset, and how far a rise may begin before the onset
        or a decay end after the offset

    Returns
    -------
    Dataset with a row (event) per event and channel. `onset`, `offset` (s), `au`, `side`, `label`,
    `channel`; `event_row`, row in `table`; `apex` (s), time of the peak; `baseline`, median of the
    envelope before the event, outside all events of the channel; `peak`, largest value minus
    baseline; `amplitude`, median of what exceeds half of the peak, minus baseline (the envelope of
    a held contraction fluctuates, so its peak grows with the duration); `duration` (s), offset −
    onset; `rise` and `decay` (s), from 20 to 80 % of the amplitude and back; `onset_speed` and
    `offset_speed`, 60 % of the amplitude over this time (unit/s);
    `amplitude_mvc` (%MVC) and `onset_speed_mvc` (%MVC/s) with `mvc`. attrs: `left_out`, number of
    events that no channel shows

    Missing values: `amplitude`, `peak` and all that follow from them are NaN if a sample of the
    event is lost, or if less than half of `rest` is free of other events and lost samples; `rise`
    and `decay` are NaN if the envelope does not come from, or return to, 20 % within `margin`, or
    if the amplitude is not positive; the columns in %MVC are NaN for channels without `mvc`.

    Raises
    ------
    TypeError : not a table, or not a signal or session
    ValueError : the table violates the data model or names unknown channels, channels of several
        kinds, irregular time, or an MVC that is not positive
    """
    recording.need_positive(rest=rest, margin=margin)
    x = recording.emg(x)
    table = needed(table, x)
    _check_mvc(mvc, x)
    e = envelopes(x, cutoff)
    seen = [channels_of(table, i, x) for i in range(table.sizes["event"])]
    rows = [(i, e.channel.index(name)) for i, names in enumerate(seen) for name in names]
    interval = intervals_of(table)
    taken = {
        c: busy(e, interval[[i for i, at in rows if at == c]] + np.array([-margin, margin]))
        for c in {c for _, c in rows}
    }
    found = [_measured(e, c, interval[i], rest, margin, taken[c]) for i, c in rows]
    made = _as_table(table, e, rows, found, mvc)
    made.attrs = {"units": e.units, "left_out": sum(not names for names in seen)}
    made.attrs["history"] = str(x.attrs.get("history", ""))
    return recording.with_history(made, "describe", cutoff=cutoff, rest=rest, margin=margin)


def mvc_levels(
    x: xr.DataArray | xr.DataTree,
    spans: list[tuple[float, float]] | None = None,
    *,
    cutoff: float = 6.0,
) -> dict[str, float]:
    """Return the level of each channel at maximum voluntary contraction.

    Parameters
    ----------
    x : signal or session
    spans : intervals (s) of maximum contractions; by default from each marker "mvc …" of the
        session to the next marker
    cutoff : Hz, of the envelope; use that of the analysis

    Returns
    -------
    channel → level in the unit of the signal: in each span the median of what exceeds half of its
    peak, as the `amplitude` of `describe`; the largest of all spans. Lost samples are left out, and
    channels without a valid one

    Raises
    ------
    TypeError : not a signal or session
    ValueError : no spans, and no marker that requests a maximum contraction
    """
    if spans is None:
        spans = _requested(x)
    e = envelopes(x, cutoff)
    parts = [e.values[e.rows(begin, end)] for begin, end in spans]
    levels: dict[str, float] = {}
    for i, name in enumerate(e.channel):
        known = [part[np.isfinite(part[:, i]), i] for part in parts]
        found = [held(values) for values in known if values.size]
        if found:
            levels[name] = max(found)
    return levels


def _requested(x: xr.DataArray | xr.DataTree) -> list[tuple[float, float]]:
    if not isinstance(x, xr.DataTree) or "markers" not in x.children:
        raise ValueError("no spans: pass the intervals of maximum contractions, or a session")
    marks = x["markers"].to_dataset()
    time = np.append(marks["time"].values.astype(float), span_of(recording.emg(x))[1])
    kinds = [asked(str(text))[0] for text in marks["text"].values]
    found = [(float(time[i]), float(time[i + 1])) for i, kind in enumerate(kinds) if kind == MVC]
    if not found:
        raise ValueError(
            "the session has no marker 'mvc …', so no maximum contraction was requested: pass spans"
        )
    return found


def needed(table: xr.Dataset, x: xr.DataArray) -> xr.Dataset:
    """Return a valid event table whose channels are those of `x`, or raise."""
    table = recording.need_table(table, "table", "detect.bursts(x) or labels.events(onset, offset)")
    recording.refuse(recording.event_faults(table))
    known = {str(name) for name in x["channel"].values} | {""}
    odd = sorted({str(n) for n in table["channel"].values} - known) if "channel" in table else []
    if odd:
        raise ValueError(f"unknown channels {odd}; the signal has {sorted(known - {''})}")
    return table


def channels_of(table: xr.Dataset, row: int, x: xr.DataArray) -> list[str]:
    """Return the channels that show an event: its own, or those that see its action unit."""
    own = str(table["channel"].values[row]) if "channel" in table else ""
    if own:
        return [own]
    return labels.channels_for(x, str(table["au"].values[row]), str(table["side"].values[row]))


def _check_mvc(mvc: Mapping[str, float] | None, x: xr.DataArray) -> None:
    known = {str(name) for name in x["channel"].values}
    recording.refuse(
        [
            f"mvc[{name!r}]={value!r}: expected a channel of the signal and a number above 0"
            for name, value in (mvc or {}).items()
            if name not in known or not value > 0
        ]
    )


def _measured(
    e: Envelopes, channel: int, interval: Floats, rest: float, margin: float, taken: Mask
) -> dict[str, float]:
    """Return the measures of an event in a channel."""
    onset, offset = (float(time) for time in interval)
    size = size_in(e, channel, onset, offset, level_before(e, channel, onset - margin, rest, taken))
    baseline, amplitude, apex = size.baseline, size.amplitude, size.apex
    made = dict.fromkeys((*MEASURES, "apex"), float("nan"))
    made |= {"baseline": baseline, "amplitude": amplitude, "peak": size.peak}
    made["duration"] = offset - onset
    if apex >= 0:
        made["apex"] = e.start + apex / e.rate
    if amplitude > 0:
        before = e.values[e.row(onset - margin) : apex + 1, channel]
        after = e.values[apex : e.row(offset + margin), channel][::-1]
        for name, speed, values in (
            ("rise", "onset_speed", before),
            ("decay", "offset_speed", after),
        ):
            made[name] = rise(values, baseline, amplitude) / e.rate
            made[speed] = (HIGH - LOW) * amplitude / made[name] if made[name] > 0 else np.nan
    return made


def _as_table(
    table: xr.Dataset,
    e: Envelopes,
    rows: list[tuple[int, int]],
    found: list[dict[str, float]],
    mvc: Mapping[str, float] | None,
) -> xr.Dataset:
    at = [i for i, _ in rows]
    names = [e.channel[c] for _, c in rows]
    columns: dict[str, Floats] = {
        name: np.array([each[name] for each in found], dtype=float) for name in (*MEASURES, "apex")
    }
    units = dict.fromkeys(("apex", "duration", "rise", "decay"), "s")
    units |= {"onset_speed": f"{e.units}/s", "offset_speed": f"{e.units}/s"}
    if mvc is not None:
        scale = 100.0 / np.array([mvc.get(name, np.nan) for name in names], dtype=float)
        columns["amplitude_mvc"] = columns["amplitude"] * scale
        columns["onset_speed_mvc"] = columns["onset_speed"] * scale
        units |= {"amplitude_mvc": "%MVC", "onset_speed_mvc": "%MVC/s"}
    return xr.Dataset(
        {
            "onset": ("event", table["onset"].values[at], {"units": "s"}),
            "offset": ("event", table["offset"].values[at], {"units": "s"}),
            **{name: ("event", words(table[name].values[at])) for name in ("au", "side", "label")},
            "channel": ("event", words(names)),
            "event_row": ("event", np.array(at, dtype=np.int64)),
            **{
                name: ("event", values, {"units": units.get(name, e.units)})
                for name, values in columns.items()
            },
        }
    )
