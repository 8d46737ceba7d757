"""Process one session, in a worker."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import xarray as xr

import emgnb
from emgnb import detect, features, filters, labels, recording, windows
from emgnb.batch import _files
from emgnb.batch.plan import Plan, Table

# What is made of a session. Nothing else in its folder is ever removed.
CLEAN, FEATURES = "clean.zarr", "features.zarr"
# Longer recordings (s) are processed part by part, in bounded memory.
LONG = 3600.0


def process(source: str, target: str, plan: Plan) -> dict[str, Any]:
    """Process a session; if it fails, leave nothing of it in the output. See `processed`."""
    try:
        return processed(source, target, plan)
    except BaseException:
        with contextlib.suppress(Exception):
            _files.remove(target, (CLEAN, FEATURES))
        raise


def processed(source: str, target: str, plan: Plan) -> dict[str, Any]:
    """Filter a session, find its bursts and compute its features; return a row of the report.

    Parameters
    ----------
    source : session
    target : folder for `clean.zarr` and `features.zarr`. Those that an interrupted run has left are
        removed first; other files in it stay
    plan : see `Plan`
    """
    import dask

    began = time.perf_counter()
    _files.remove(target, (CLEAN, FEATURES))
    # The worker has one core; other sessions keep the others busy.
    with dask.config.set(scheduler="synchronous"):
        session = _opened(source, plan.kind)
        x = recording.emg(session)
        seconds = x.sizes["time"] / recording.sampling_rate(x)
        chain = plan.chain or filters.preset_for(x, mains=plan.mains)
        made = recording.with_signal(session, chain(x))
        about: dict[str, Any] = {}
        if plan.false_alarms is not None:
            found = detect.bursts(made, false_alarms=plan.false_alarms)
            made["bursts"] = xr.DataTree(found)
            about["bursts"] = found.sizes["event"]
        recording.save(made, f"{target}/{CLEAN}")
        if plan.features is not None:
            table = _table(f"{target}/{CLEAN}", seconds > LONG, plan.features)
            recording.save_table(table, f"{target}/{FEATURES}")
            about["windows"] = table.sizes["window"]
    return {
        "participant": str(session.attrs.get("participant", "")),
        "recorded_s": round(seconds, 3),
        "took_s": round(time.perf_counter() - began, 3),
        "chain": json.loads(chain.to_json()),
        **about,
        "emgnb": emgnb.__version__,
    }


def _opened(source: str, kind: str | None) -> xr.DataTree:
    session = recording.open(source)
    x = recording.emg(session)
    if x.sizes["time"] > LONG * recording.sampling_rate(x):
        session = recording.open(source, chunks=recording.PART)
        x = recording.emg(session)
    if kind is None:
        return session
    kinds = x["signal_kind"].values.astype(str)
    if kind not in kinds:
        raise ValueError(f"no channel of kind {kind!r}: it has {', '.join(sorted(set(kinds)))}")
    return recording.with_signal(session, x.isel(channel=kinds == kind))


def _table(clean: str, long: bool, wanted: Table) -> xr.Dataset:
    session = recording.open(clean, chunks=recording.PART if long else None)
    trials = labels.trials(session, reaction=wanted.reaction) if wanted.trials else None
    cut = windows.cut(session, trials, length=wanted.length, step=wanted.step)
    names = wanted.names if isinstance(wanted.names, str) else list(wanted.names)
    return features.extract(cut, names)
