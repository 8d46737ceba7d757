"""Measure detected bursts, and create the event table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb._arrays import Floats
from emgnb.detect._amplitude import Reals
from emgnb.detect._intervals import Ints
from emgnb.detect._rest import Rest
from emgnb.detect._search import LEAST, NEAR, Candidates, edges, moved, running

SIDES = {"left": "L", "right": "R", "midline": "", "": ""}


@dataclass(frozen=True)
class Found:
    """Bursts of one channel, in samples of the recording, with their measurements."""

    onset: Ints
    apex: Ints
    offset: Ints
    evidence: Floats
    snr: Floats
    peak: Floats


def around(model: Rest, found: Candidates) -> tuple[Ints, int]:
    """Return the samples around which `described` needs the signal, and how far on either side."""
    hop = model.options.hop
    return np.concatenate([found.a, found.b]) * hop, NEAR * hop


def described(model: Rest, found: Candidates, near: Reals) -> Found:
    """Refine edges to the sample, discard candidates with too little evidence, measure the others.

    Parameters
    ----------
    near : (2 · candidate, sample) samples requested by `around`
    """
    scan = model.scan
    tested, power = (running(each) for each in model.samples(near))
    onset, offset = edges(scan, found, tested)
    length = offset - onset
    mean = moved(scan, found, found.total, tested, onset, offset) / length
    strength = moved(scan, found, found.power, power, onset, offset) / length
    evidence = scan.evidence(length, mean)
    keep = (length >= LEAST * scan.shortest) & (evidence >= scan.threshold)
    over = np.square(np.maximum(strength, 0.0)) if model.kind == "envelope" else strength - 1.0
    peak = found.peak if model.kind == "envelope" else np.sqrt(np.maximum(found.peak, 0.0))
    return Found(
        onset[keep],
        np.clip(found.apex, onset, offset)[keep],
        offset[keep],
        evidence[keep],
        10.0 * np.log10(np.maximum(over[keep], 1e-3)),
        model.level * peak[keep],
    )


def table(
    found: Sequence[Found], models: Sequence[Rest], x: xr.DataArray, *, start: float
) -> xr.Dataset:
    """Return the event table of all channels; `x` defines channels and unit, `start` is in s."""
    rate = models[0].options.rate
    names = [str(name) for name in x["channel"].values]
    sides = [SIDES[str(side)] for side in x["side"].values]
    units = str(x.attrs["units"])
    which = np.repeat(np.arange(len(found)), [len(one.onset) for one in found])
    times = {
        name: start + np.concatenate([getattr(one, name) for one in found]) / rate
        for name in ("onset", "apex", "offset")
    }
    order = np.lexsort((which, times["onset"]))
    which = which[order]
    empty = np.full(len(order), "", dtype="<U1")

    def words(each: list[str]) -> npt.NDArray[np.str_]:
        return np.asarray(each, dtype=str)[which] if len(which) else empty

    made = xr.Dataset(
        {
            **{name: ("event", at[order], {"units": "s"}) for name, at in times.items()},
            "au": ("event", empty),
            "side": ("event", words(sides)),
            "intensity": ("event", empty),
            "label": ("event", empty),
            "channel": ("event", words(names)),
            **{
                name: (
                    "event",
                    np.concatenate([getattr(one, name) for one in found])[order],
                    {"units": unit},
                )
                for name, unit in (("snr", "dB"), ("peak", units), ("evidence", "nat"))
            },
        }
    )
    figures = {
        name: {
            "baseline": model.baseline,
            "level": model.level,
            "seconds": model.seconds,
            "independent": model.independent * rate,
            "wander": model.wander,
            "evidence": model.scan.threshold,
        }
        for name, model in zip(names, models, strict=True)
    }
    rounded = {
        name: {key: float(f"{value:.6g}") for key, value in row.items()}
        for name, row in figures.items()
    }
    return made.assign_attrs(
        units=units, rest=json.dumps(rounded), history=str(x.attrs.get("history", ""))
    )
