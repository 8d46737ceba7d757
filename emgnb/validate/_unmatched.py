"""Explain bursts without a code and codes without a burst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from emgnb import facs
from emgnb._arrays import Floats, Mask
from emgnb.labels.matching import overlapping
from emgnb.validate._channels import Bursts, Codes, Pair

Row = dict[str, Any]
# Causes of a burst without a code, in the order in which they are tried, and in words.
CAUSES = {
    "own code": "during a code of the same muscle",
    "crosstalk": "with a code of a neighbouring muscle",
    "other code": "with codes of other muscles only",
    "nothing": "with nothing coded",
}
COVERED = "active, but the burst is matched with another code or begins outside the tolerance"


def bursts_without_code(
    codes: Codes, bursts: Bursts, pairs: Sequence[Pair], muscles: Mapping[str, str]
) -> list[Row]:
    """Return each unmatched burst with its possible explanation.

    Parameters
    ----------
    muscles : muscle by channel
    """
    taken = {pair.burst for pair in pairs}
    of = _overlaps(bursts.interval, codes.interval)
    return [
        {
            "channel": str(bursts.channel[i]),
            "onset": float(bursts.interval[i, 0]),
            "offset": float(bursts.interval[i, 1]),
        }
        | _explained(str(bursts.channel[i]), of.get(i, []), codes, muscles)
        for i in range(bursts.channel.size)
        if i not in taken
    ]


def codes_without_burst(codes: Codes, bursts: Bursts, pairs: Sequence[Pair]) -> list[Row]:
    """Return each code that no channel shows although one should have seen it."""
    found = {pair.code for pair in pairs}
    of = _overlaps(codes.interval, bursts.interval)
    return [
        {
            "code": codes.text(i),
            "onset": float(codes.interval[i, 0]),
            "offset": float(codes.interval[i, 1]),
            "expected_in": list(channels),
            "explanation": COVERED
            if any(bursts.channel[j] in channels for j in of.get(i, []))
            else "no burst at the time",
        }
        for i, channels in enumerate(codes.channels)
        if channels and i not in found
    ]


def codes_without_electrode(codes: Codes) -> list[Row]:
    """Count the codes that no electrode could see, by unit and side, with the reason."""
    rows: dict[tuple[str, str], Row] = {}
    for i, channels in enumerate(codes.channels):
        if channels:
            continue
        key = str(codes.au[i]), str(codes.side[i])
        row = rows.setdefault(
            key, {"code": facs.code(*key), "events": 0, "reason": _unreachable(*key)}
        )
        row["events"] += 1
    return sorted(rows.values(), key=lambda row: -int(row["events"]))


def crosstalk(codes: Codes, bursts: Bursts, x: xr.DataArray) -> xr.DataArray:
    """Return the share of the codes of each unit during which each channel is active.

    A channel that sees the unit counts all its codes. For any other channel, codes during which a
    code of that channel's own muscle occurs are left out; NaN if none remains.
    """
    channels = [str(name) for name in x["channel"].values]
    names = sorted(set(codes.au.tolist()), key=int)
    values = np.full((len(names), len(channels)), np.nan)
    number = np.zeros(values.shape, dtype=int)
    for c, channel in enumerate(channels):
        own = np.array([channel in seen for seen in codes.channels], dtype=bool)
        active = _touched(codes.interval, bursts.interval[bursts.channel == channel])
        covered = _touched(codes.interval, codes.interval[own])
        for a, name in enumerate(names):
            keep = (codes.au == name) & (own | ~covered)
            number[a, c] = keep.sum()
            values[a, c] = active[keep].mean() if keep.any() else np.nan
    return xr.DataArray(
        values,
        dims=("au", "channel"),
        coords={"au": names, "channel": channels, "codes": (("au", "channel"), number)},
        name="active",
    )


def _touched(a: Floats, b: Floats) -> Mask:
    """Return whether each row of `a` overlaps a row of `b`."""
    touched = np.zeros(len(a), dtype=bool)
    touched[overlapping(a, b)[0]] = True
    return touched


def _overlaps(a: Floats, b: Floats) -> dict[int, list[int]]:
    """Return the rows of `b` that overlap each row of `a`."""
    found: dict[int, list[int]] = {}
    for i, j in zip(*overlapping(a, b), strict=True):
        found.setdefault(int(i), []).append(int(j))
    return found


def _explained(channel: str, rows: list[int], codes: Codes, muscles: Mapping[str, str]) -> Row:
    """Return the cause and an explanation of a burst at the time of the codes `rows`."""
    own = [codes.text(i) for i in rows if channel in codes.channels[i]]
    units = _neighbours(muscles[channel])
    sources = [codes.text(i) for i in rows if codes.au[i] in units]
    others = [codes.text(i) for i in rows]
    if own:
        cause = "own code"
        text = f"begins outside the tolerance of {_listed(own)}, or is a further burst during it"
    elif sources:
        cause, text = "crosstalk", f"below visibility, or crosstalk from {_listed(sources)}"
    elif others:
        cause, text = "other code", f"below visibility; coded at the time: {_listed(others)}"
    else:
        cause, text = "nothing", "below visibility; nothing is coded at the time"
    return {"cause": cause, "explanation": text}


def _neighbours(muscle: str) -> set[str]:
    """Return the units whose muscles cause crosstalk, those of the other side included."""
    if muscle not in facs.MUSCLES:
        return set()
    return {
        au for name in (muscle, *facs.MUSCLES[muscle].crosstalk) for au in facs.MUSCLES[name].aus
    }


def _listed(words: list[str]) -> str:
    return ", ".join(f"AU {word}" for word in dict.fromkeys(words))


def _unreachable(au: str, side: str) -> str:
    if au not in facs.AUS or not facs.AUS[au].reachable_by_surface_emg:
        return "surface EMG does not see this unit"
    where = facs.EVENT_SIDES[side]
    return f"no electrode over {facs.AUS[au].muscle} ({where}) in this montage"
