"""Turn cue markers and coded events into trials."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import cues, recording


def trials(
    session: xr.DataTree,
    *,
    reaction: float = 0.3,
    tail: float = 0.0,
    duration: float | None = None,
    ignore: str | Sequence[str] = (),
) -> xr.Dataset:
    """Turn the cue markers of a session into trials.

    Every marker opens a trial that lasts until the next marker or the end of the recording. The
    protocol's own markers ("end", "pause", "baseline", "mvc …", "practice …"; see
    `cues.opens_trial`) end a trial without opening one, and "spoilt" removes the trial before it.
    Times are those of the recording; they are not rounded to samples.

    Parameters
    ----------
    session : with `emg` and `markers`
    reaction : s removed from the start to allow for reaction time; EMG onset follows a visual cue
        by 0.2–0.4 s
    tail : s removed from the end
    duration : s, maximum duration of a trial from its onset
    ignore : further texts that end a trial but do not open one; so do markers without text

    Returns
    -------
    Dataset on `trial` (the number of its marker, from 0): `onset`, `offset` (s), `label`,
    `uncertainty` (s, of the marker's time). attrs: participant, session, label_meaning, `dropped`
    (JSON, counts by reason: too short after `reaction` and `tail`, outside the recording, or
    spoilt), history

    Raises
    ------
    TypeError : not a session
    ValueError : no markers, unsorted markers, two different markers at the same time, no trial
        left, or a negative time
    """
    if reaction < 0 or tail < 0 or (duration is not None and duration <= 0):
        raise ValueError(
            f"reaction={reaction:g}, tail={tail:g}, duration={duration}: expected s, not negative, "
            "a duration above 0"
        )
    recording.need_session(session)
    x = recording.emg(session)
    if not x.sizes["time"]:
        raise ValueError("the recording has no samples, so there are no trials")
    # A string would be searched for substrings: "end" in "weekend" is True.
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
    start, end = span_of(x)
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
    """Turn each event of a coder into a trial.

    Parameters
    ----------
    session : with `labels/<coder>`
    coder : name of the table
    by : "label" (expression) or "au" (label "AU12"); events without it are dropped and counted

    Returns
    -------
    Dataset as returned by `trials`, sorted by onset; `trial` is the row of the event

    Raises
    ------
    TypeError : not a session
    ValueError : no such coder, no events with `by`, or overlapping events, which would assign one
        time to two trials
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
            f"labels/{coder}: {over.size} events overlap the one before, first "
            f"{str(text[a])!r} ({onset[a]:g}–{offset[a]:g} s) and {str(text[b])!r} "
            f"({onset[b]:g}–{offset[b]:g} s): a window there would belong to two trials. "
            "Select one action unit or one side first"
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


def span_of(x: xr.DataArray) -> tuple[float, float]:
    """Return the first time of a recording and the end of its last sample, in s."""
    first, last = (float(x["time"].isel(time=i)) for i in (0, -1))
    # Rounded, so that a recording of 20 s ends at 20 and not at 20.000000000000004.
    return first, float(f"{last + 1.0 / recording.measured_rate(x):.12g}")


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
                f"two markers at {time[i]:g} s: {text[i]!r} and {text[i + 1]!r}. Only one "
                "of them can open the trial: remove the other"
            )


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
            **({"use": str(session.attrs["use"])} if session.attrs.get("use") else {}),
        },
    )


def _counted(text: Sequence[str]) -> str:
    return ", ".join(f"{count} × {word!r}" for word, count in Counter(text).items())
