"""What was happening when: cue markers become trials, action units become event tables.

A *trial* is the stretch in which one instructed expression was held: from a cue, a reaction time
later, to the next cue. An *event* is one action unit (or expression) with onset, apex and offset,
as a human coder writes it down; events overlap, have sides and intensities, and every coder has a
table of their own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import cues, recording

SIDES = recording.EVENT_SIDES
INTENSITIES = recording.EVENT_INTENSITIES


def trials(
    session: xr.DataTree,
    *,
    reaction: float = 0.3,
    tail: float = 0.0,
    duration: float | None = None,
    ignore: str | Sequence[str] = (),
) -> xr.Dataset:
    """Turn the cue markers of a session into trials.

    Every marker opens a trial that lasts until the next marker, or until the recording ends, but
    for the words of a protocol ("end", "pause", "baseline", "mvc …", "practice …"; see
    `cues.opens_trial`), which only end one; "spoilt" takes the trial before it back. Times are
    those of the recording; nothing is moved to samples.

    Parameters
    ----------
    session : with `emg` and `markers`
    reaction : s cut off the start, for the time a person needs to begin; the onset of EMG after a
        visual cue takes 0.2–0.4 s
    tail : s cut off the end
    duration : s, longest trial counted from its onset
    ignore : further texts that end a trial but open none; markers without text do the same

    Returns
    -------
    Dataset on `trial` (the number of its marker, from 0): `onset`, `offset` (s), `label`,
    `uncertainty` (s, of the marker's time). attrs: participant, session, label_meaning, `dropped`
    (JSON, counts by reason: nothing left after `reaction` and `tail`, outside the recording, or
    spoilt), history

    Raises
    ------
    TypeError : no session
    ValueError : no markers, markers out of order, two different ones at the same time, no trial
        left, or a negative time
    """
    if reaction < 0 or tail < 0 or (duration is not None and duration <= 0):
        raise ValueError(
            f"reaction={reaction:g}, tail={tail:g}, duration={duration}: expected s, not negative, "
            "a duration above 0"
        )
    x = recording.emg(session)
    if not x.sizes["time"]:
        raise ValueError("the recording has no samples: there is nothing to cut into trials")
    # A word is a sequence of letters: "end" in "weekend".
    ignore = [ignore] if isinstance(ignore, str) else list(ignore)
    if "markers" not in session.children or not session["markers"].sizes.get("marker", 0):
        raise ValueError(
            "the session has no markers: mark cues while recording (recorder.mark('smile')), or "
            "make trials from a coder's table with labels.trials_from_events"
        )
    found = session["markers"].to_dataset()
    time = np.asarray(found["time"].values, dtype=float)
    text = [str(t).strip() for t in found["text"].values]
    _in_order(time, text)
    start, end = _span(x)
    until = np.append(time[1:], end)
    onset = np.maximum(time + reaction, start)
    offset = np.minimum(until - tail, end)
    if duration is not None:
        offset = np.minimum(offset, onset + duration)
    opens = np.array([cues.opens_trial(t) and t not in ignore for t in text])
    spoilt = np.zeros(opens.size, dtype=bool)
    spoilt[cues.taken_back(text)] = True
    spoilt &= opens
    good = opens & ~spoilt
    outside = good & ((time >= end) | (until <= start))
    short = good & ~outside & (offset <= onset)
    keep = np.flatnonzero(good & ~outside & ~short)
    if not keep.size:
        raise ValueError(
            f"none of {len(text)} markers opens a trial ({_counted(text)}): {int(short.sum())} are "
            f"shorter than reaction={reaction:g} s and tail={tail:g} s, {int(outside.sum())} lie "
            f"outside the recording ({start:g}–{end:g} s), {int(spoilt.sum())} are spoilt, "
            f"{int((~opens).sum())} open none ({', '.join(sorted(set(ignore) | {'end', 'pause'}))} "
            "…)"
        )
    made = _table(
        session,
        keep,
        onset[keep],
        offset[keep],
        [text[i] for i in keep],
        found["uncertainty"].values[keep],
        dropped={
            "short": int(short.sum()),
            "outside": int(outside.sum()),
            "spoilt": int(spoilt.sum()),
        },
    )
    return recording.with_history(
        made, "trials", reaction=reaction, tail=tail, duration=duration, ignore=ignore
    )


def trials_from_events(session: xr.DataTree, coder: str, *, by: str = "label") -> xr.Dataset:
    """Turn a coder's events into trials, one each.

    Parameters
    ----------
    session : with `labels/<coder>`
    coder : name of the table
    by : "label" (expression) or "au" (label "AU12"); events without it are left out and counted

    Returns
    -------
    Dataset as `trials` gives, in order of onset; `trial` is the event's row

    Raises
    ------
    TypeError : no session
    ValueError : no such coder, no events with `by`, or events overlap, so that a moment would
        belong to two trials
    """
    recording.need_session(session)
    coders = list(session["labels"].children) if "labels" in session.children else []
    if coder not in coders:
        raise ValueError(f"no labels by {coder!r}: the session has {coders or 'none'}")
    if by not in ("label", "au"):
        raise ValueError(f"by={by!r}, expected 'label' or 'au'")
    table = session[f"labels/{coder}"].to_dataset()
    text = np.asarray([str(t).strip() for t in table[by].values], dtype=str)
    onset, offset = (np.asarray(table[name].values, dtype=float) for name in ("onset", "offset"))
    keep = np.flatnonzero(text != "")
    keep = keep[np.argsort(onset[keep], kind="stable")]
    if not keep.size:
        raise ValueError(f"labels/{coder}: none of {len(text)} events has `{by}`")
    over = np.flatnonzero(onset[keep][1:] < offset[keep][:-1])
    if over.size:
        a, b = keep[over[0]], keep[over[0] + 1]
        raise ValueError(
            f"labels/{coder}: {over.size} events overlap the one before, first {str(text[a])!r} "
            f"({onset[a]:g}–{offset[a]:g} s) and {str(text[b])!r} ({onset[b]:g}–{offset[b]:g} s): "
            "a window there would belong to two trials; select one action unit, or one side, first"
        )
    names = [f"AU{t}" if by == "au" else t for t in text[keep].tolist()]
    made = _table(
        session,
        keep,
        onset[keep],
        offset[keep],
        names,
        np.zeros(keep.size),
        dropped={f"no {by}": len(text) - keep.size},
    )
    return recording.with_history(made, "trials_from_events", coder=coder, by=by)


def events(
    onset: npt.ArrayLike,
    offset: npt.ArrayLike,
    *,
    apex: npt.ArrayLike | None = None,
    au: str | int | Sequence[str | int] = "",
    side: str | Sequence[str] = "",
    intensity: str | Sequence[str] = "",
    label: str | Sequence[str] = "",
    channel: str | Sequence[str] | None = None,
) -> xr.Dataset:
    """Make an event table; a single value holds for all rows.

    Parameters
    ----------
    onset, offset : (event,) s of the recording's time
    apex : s between them; NaN (the default) where nobody looked for it
    au : action unit, such as "12" (without "AU")
    side : L(eft), R(ight), B(oth), U(nilateral), T(op) or ""
    intensity : A (trace) to E (maximum) or ""
    label : name of an expression, or ""
    channel : the channel on which the event was seen, "" for all of them; without it there is no
        such column

    Raises
    ------
    ValueError : columns of unlike length, an event that ends before it begins, an apex outside,
        an unknown side or intensity; all faults in one message
    """
    begin, end = _seconds(onset, "onset"), _seconds(offset, "offset")
    peak = _seconds(np.nan if apex is None else apex, "apex")
    peak = np.repeat(peak, begin.size) if apex is None or np.ndim(apex) == 0 else peak
    words = {
        name: [str(value)] * begin.size if isinstance(value, str | int) else [*map(str, value)]
        for name, value in (
            ("au", au),
            ("side", side),
            ("intensity", intensity),
            ("label", label),
            *([] if channel is None else [("channel", channel)]),
        )
    }
    faults = [
        f"{name}: {len(column)} values for {begin.size} onsets"
        for name, column in {"offset": end.tolist(), "apex": peak.tolist(), **words}.items()
        if len(column) != begin.size
    ]
    recording.refuse(faults)
    table = xr.Dataset(
        {
            "onset": ("event", begin, {"units": "s"}),
            "apex": ("event", peak, {"units": "s"}),
            "offset": ("event", end, {"units": "s"}),
            **{
                name: ("event", np.asarray(column, dtype=str if column else "<U1"))
                for name, column in words.items()
            },
        }
    )
    recording.refuse(recording.event_faults(table))
    return table


def with_labels(session: xr.DataTree, coder: str, table: xr.Dataset) -> xr.DataTree:
    """Return a session that has `table` as this coder's labels, in place of an earlier one.

    Raises
    ------
    TypeError : no session, or no table
    ValueError : the name is empty or holds a slash, the table breaks the data model, or an event
        lies outside the recording; all faults in one message
    """
    recording.need_session(session)
    table = recording.need_table(table, f"labels/{coder}", "labels.events(onset, offset)")
    recording.check_labels(session, coder, table)
    made = session.copy()
    made[f"labels/{coder}"] = xr.DataTree(table)
    return made


def _in_order(time: npt.NDArray[np.float64], text: list[str]) -> None:
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        i = int(back[0])
        raise ValueError(
            f"markers are not in order of time: {text[i]!r} at {time[i]:g} s comes before "
            f"{text[i + 1]!r} at {time[i + 1]:g} s. Sort them: "
            "session['markers'].to_dataset().sortby('time')"
        )
    for i in np.flatnonzero(np.diff(time) == 0).tolist():
        if text[i] != text[i + 1]:
            raise ValueError(
                f"two markers at {time[i]:g} s: {text[i]!r} and {text[i + 1]!r}; which of them "
                "opens the trial? Remove one"
            )


def _span(x: xr.DataArray) -> tuple[float, float]:
    """First time of a recording, and the end of its last sample, in s."""
    first, last = (float(x["time"].isel(time=i)) for i in (0, -1))
    # A recording of 20 s ends at 20, not at 20.000000000000004.
    return first, float(f"{last + 1.0 / recording.measured_rate(x):.12g}")


def _seconds(values: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    try:
        return np.atleast_1d(np.array(values, dtype=np.float64)).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={values!r}, expected numbers, in s") from None


def _table(
    session: xr.DataTree,
    number: npt.NDArray[np.int64],
    onset: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    label: list[str],
    uncertainty: npt.NDArray[np.float64],
    *,
    dropped: dict[str, int],
) -> xr.Dataset:
    return xr.Dataset(
        {
            "onset": ("trial", onset, {"units": "s"}),
            "offset": ("trial", offset, {"units": "s"}),
            "label": ("trial", np.asarray(label, dtype=str)),
            "uncertainty": ("trial", uncertainty, {"units": "s"}),
        },
        coords={"trial": ("trial", number)},
        attrs={
            "participant": str(session.attrs.get("participant", "")),
            "session": str(session.attrs.get("session", "")),
            "label_meaning": str(session.attrs.get("label_meaning", "instructed")),
            "dropped": json.dumps({reason: count for reason, count in dropped.items() if count}),
        },
    )


def _counted(text: Sequence[str]) -> str:
    return ", ".join(f"{count} × {word!r}" for word, count in Counter(text).items())
