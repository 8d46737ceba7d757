"""Join the bursts of all channels into movements of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import labels, recording
from emgnb._arrays import Floats, Ints, Mask
from emgnb.labels.comparing import intervals_of
from emgnb.labels.matching import iou, overlapping

# Muscles above the cheeks: they do not take part in speech and chewing.
UPPER = frozenset({"frontalis_medialis", "frontalis_lateralis", "corrugator", "orbicularis_oculi"})
LIDS = "orbicularis_oculi"
# A burst is crosstalk if one stronger by this much (dB) covers half of it.
WEAKER = 10.0
# Movements of the upper and the lower face are one if their intervals agree this well (IoU).
SAME = 0.3
# Longest blink (s).
BLINK = 0.3
# Movements of speech and chewing follow each other within `PAUSE` s; they are at least `TRAIN`, or
# several in at least `LONG` s.
PAUSE, TRAIN, LONG = 1.0, 3, 1.5


@dataclass(frozen=True)
class _Bursts:
    interval: Floats
    apex: Floats
    snr: Floats
    channel: npt.NDArray[np.str_]
    muscle: npt.NDArray[np.str_]

    @property
    def upper(self) -> Mask:
        return np.isin(self.muscle, sorted(UPPER))


def movements(bursts: xr.Dataset, x: xr.DataArray | xr.DataTree) -> xr.Dataset:
    """Join the bursts of all channels into movements of the face.

    A burst is crosstalk if one that is stronger by 10 dB covers half of it. The other bursts of the
    upper or the lower face that overlap are one movement, and movements of both that agree
    (IoU ≥ 0.3) as well.

    Parameters
    ----------
    bursts : from `detect.bursts`, with `channel` and `snr`. With eight channels, few false alarms
        (false_alarms=0.05) are advisable: every channel adds its own
    x : signal or session, for the muscle of each channel

    Returns
    -------
    Event table sorted by onset: onset of the first and offset of the last burst, apex of the
    strongest (s); `channel` and `snr` (dB) of the strongest burst; `channels`, all of them, joined
    by commas; and `source`: "lids" (strongest over the orbicularis oculi, at most 0.3 s: a blink or
    a twitch of the lids), "train" (lower face; one of several movements at most 1 s apart, at least
    three or for at least 1.5 s, as in speech and chewing), or "" (a movement of its own). au, side,
    intensity and label are empty: bursts name no action unit

    Raises
    ------
    TypeError : not a table, session or signal
    ValueError : the table has no `channel` or `snr`, names a channel that `x` lacks, or violates
        the data model
    """
    found = _read(bursts, recording.emg(x))
    kept = np.flatnonzero(~_crosstalk(found))
    halves = [kept[found.upper[kept]], kept[~found.upper[kept]]]
    groups = _joined([group for half in halves for group in _overlapping(half, found)], found)
    groups.sort(key=lambda group: float(found.interval[group, 0].min()))
    return recording.with_history(_table(groups, found), "movements")


def _read(bursts: xr.Dataset, x: xr.DataArray) -> _Bursts:
    bursts = recording.need_table(bursts, "bursts", "detect.bursts(x)")
    recording.refuse(recording.event_faults(bursts))
    missing = [name for name in ("channel", "snr") if name not in bursts]
    if missing:
        raise ValueError(f"bursts: no {' and '.join(missing)}; expected the table of detect.bursts")
    muscle = dict(zip(x["channel"].values.astype(str), x["muscle"].values.astype(str), strict=True))
    channel = bursts["channel"].values.astype(str)
    if odd := sorted(set(channel) - set(muscle)):
        raise ValueError(
            f"bursts in channels that the signal lacks: {', '.join(odd)}; it has "
            f"{', '.join(muscle)}"
        )
    return _Bursts(
        intervals_of(bursts),
        bursts["apex"].values.astype(float),
        bursts["snr"].values.astype(float),
        channel,
        np.array([muscle[name] for name in channel], dtype=str),
    )


def _crosstalk(found: _Bursts) -> Mask:
    """Return which bursts a much stronger one covers."""
    i, j = overlapping(found.interval, found.interval)
    a, b = found.interval[i], found.interval[j]
    shared = np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0])
    covered = shared > 0.5 * (a[:, 1] - a[:, 0])
    out = np.zeros(len(found.interval), dtype=bool)
    out[i[covered & (found.snr[j] > found.snr[i] + WEAKER)]] = True
    return out


def _overlapping(rows: Ints, found: _Bursts) -> list[Ints]:
    """Divide bursts into groups that overlap."""
    if not rows.size:
        return []
    rows = rows[np.argsort(found.interval[rows, 0], kind="stable")]
    end = np.maximum.accumulate(found.interval[rows, 1])
    return np.split(rows, 1 + np.flatnonzero(found.interval[rows[1:], 0] >= end[:-1]))


def _joined(groups: list[Ints], found: _Bursts) -> list[Ints]:
    """Join groups of the upper and the lower face that are one movement."""
    if not groups:
        return []
    span = _spans(groups, found)
    upper = np.array([bool(found.upper[group[0]]) for group in groups])
    a, b = np.flatnonzero(upper), np.flatnonzero(~upper)
    i, j = overlapping(span[a], span[b])
    i, j = a[i], b[j]
    same = iou(span[i], span[j]) >= SAME
    out: dict[int, Ints] = dict(enumerate(groups))
    for one, other in zip(i[same].tolist(), j[same].tolist(), strict=True):
        if one in out and other in out:
            out[other] = np.concatenate([out[other], out.pop(one)])
    return list(out.values())


def _spans(groups: list[Ints], found: _Bursts) -> Floats:
    rows = [(found.interval[g, 0].min(), found.interval[g, 1].max()) for g in groups]
    return np.array(rows, dtype=float).reshape(-1, 2)


def _table(groups: list[Ints], found: _Bursts) -> xr.Dataset:
    strongest = np.array([group[np.argmax(found.snr[group])] for group in groups], dtype=int)
    span = _spans(groups, found)
    made = labels.events(
        span[:, 0],
        span[:, 1],
        apex=found.apex[strongest],
        channel=found.channel[strongest].tolist(),
    )
    joined = [",".join(dict.fromkeys(found.channel[group].tolist())) for group in groups]
    made["channels"] = ("event", np.array(joined, dtype=str))
    made["snr"] = ("event", found.snr[strongest], {"units": "dB"})
    made["source"] = ("event", np.array(_sources(span, strongest, found), dtype=str))
    return made


def _sources(span: Floats, strongest: Ints, found: _Bursts) -> list[str]:
    """Return "lids", "train" or "" for each movement, sorted by onset."""
    lids = (found.muscle[strongest] == LIDS) & (span[:, 1] - span[:, 0] <= BLINK)
    source = np.where(lids, "lids", "").astype("U5")
    lower = np.flatnonzero(~found.upper[strongest])
    if lower.size:
        end = np.maximum.accumulate(span[lower, 1])
        cuts = 1 + np.flatnonzero(span[lower[1:], 0] - end[:-1] > PAUSE)
        for train in np.split(lower, cuts):
            lasting = span[train, 1].max() - span[train[0], 0]
            if train.size >= TRAIN or (train.size > 1 and lasting >= LONG):
                source[train] = "train"
    return [str(each) for each in source]
