"""Bursts of a whole recording as an event table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.detect.families import Array
from emgnb.detect.rest import METHODS, Options, Rest, measure
from emgnb.detect.scan import Ints, Mask, runs

SIDES = {"left": "L", "right": "R", "midline": "", "": ""}
# Time about the apex, in lengths of the shortest burst, over which the peak is taken.
PEAK = 1.0


@dataclass(frozen=True)
class Found:
    """Bursts of one channel, in samples of the recording, and what was measured on them."""

    onset: Ints
    apex: Ints
    offset: Ints
    evidence: Array
    snr: Array
    peak: Array


def bursts(
    x: xr.DataArray,
    *,
    false_alarms: float = 0.5,
    shortest: float = 0.03,
    method: str = "glr",
    lag: float = 0.0,
    rest: tuple[float, float] | xr.DataArray | None = None,
) -> xr.Dataset:
    """Find the bursts of each channel: onset, apex and offset.

    Parameters
    ----------
    x : (time, channel) uniform; raw without offset, hum and drift (filter first), rectified, or
        envelope. NaN and invalid samples belong to no burst, and no burst crosses them. A
        zero-phase notch rings before and after a burst 20 dB above rest, which is then found that
        much too long: `filters.MainsInterpolation` does not.
    false_alarms : alarms a minute and channel that noise like that at rest may give
    shortest : s, the shortest burst looked for; what comes out below half of it is dropped as an
        impulse
    method : "glr", the generalised likelihood ratio of more power (raw, rectified; Staude 2001,
        doi:10.1155/S1110865701000191) or a higher level (envelope); "double_threshold", the share
        of samples beyond a first threshold, which no single large sample can raise (Bonato 1998,
        doi:10.1109/10.661154); "tkeo", the same on the Teager–Kaiser energy (Li 2007,
        doi:10.1016/j.clinph.2007.05.065), for raw
    lag : s, time constant of a sensor that smooths, which is undone before edges are looked for;
        for envelopes
    rest : where rest is, (start, stop) in s, or a calibration recording with the same channels; by
        default whatever is no burst in `x`, of which there must be a second

    Returns
    -------
    event table in order of onset: onset, apex, offset (s), `channel`, side (of the channel), au,
    intensity, label (""), and of each burst `snr` (dB: 10·log10((P_active − P_rest)/P_rest) from
    onset to offset, P the mean square; of an envelope 20·log10 of its mean rise over the standard
    deviation at rest), `peak` (unit of `x`: RMS of `shortest` s about the apex, of an envelope its
    mean rise over the baseline) and `evidence` (nats). attrs: units, `rest` (JSON by channel:
    baseline, level, seconds, independent samples a second, evidence asked for), history

    Raises
    ------
    TypeError : no signal
    ValueError : irregular time, an unknown method, `lag` for a raw signal, an offset in a raw
        signal, too little rest, or a calibration recording of other channels or rate
    """
    models = calibrated(
        x, false_alarms=false_alarms, shortest=shortest, method=method, lag=lag, rest=rest
    )
    found = [search(model, column(x, i)) for i, model in enumerate(models)]
    start = float(x["time"].isel(time=0))
    made = table(found, models, x, start=start)
    calibration = isinstance(rest, xr.DataArray)
    span = "a recording" if calibration else rest if rest is None else [float(t) for t in rest]
    return recording.with_history(
        made,
        "bursts",
        false_alarms=false_alarms,
        shortest=shortest,
        method=method,
        lag=lag,
        rest=span,
    )


def calibrated(
    x: xr.DataArray,
    *,
    false_alarms: float,
    shortest: float,
    method: str,
    lag: float,
    rest: tuple[float, float] | xr.DataArray | None,
) -> list[Rest]:
    """Measure rest in each channel of `x`, or of the calibration recording, for these options."""
    recording.need_signal(x)
    recording.need_positive(false_alarms=false_alarms, shortest=shortest)
    rate = recording.sampling_rate(x)
    kinds = [str(kind) for kind in x["signal_kind"].values]
    faults = _option_faults(method, lag, kinds)
    if shortest * rate < 4:
        faults.append(
            f"shortest={shortest:g} s is {shortest * rate:.2g} samples at {rate:.4g} Hz, at least "
            f"4 are needed: shortest >= {4 / rate:.2g}"
        )
    span = None
    if isinstance(rest, xr.DataArray):
        recording.need_signal(rest)
        faults += _misfits(rest, x, rate)
        x = rest
    elif rest is not None:
        span = _span(rest, x, rate)
    recording.refuse(faults)
    options = Options(float(false_alarms), float(shortest), method, float(lag), rate)
    names = [str(name) for name in x["channel"].values]
    return [
        measure(column(x, i), options=options, kind=kind, span=span, name=name)
        for i, (kind, name) in enumerate(zip(kinds, names, strict=True))
    ]


def column(x: xr.DataArray, i: int) -> Array:
    """One channel's samples in float64, NaN where lost, infinite or invalid."""
    values = np.array(x.isel(channel=i).values, dtype=np.float64)
    values[~np.isfinite(values) | ~np.asarray(x["valid"].values, dtype=bool)] = np.nan
    return values


def search(model: Rest, values: Array) -> Found:
    """Find the bursts in one channel."""
    scan = model.scan
    size, ok = model.normal(values)
    sums = np.empty(len(size) + 1)
    sums[0] = 0.0
    np.cumsum(size, out=sums[1:])
    n = len(size) // scan.hop
    whole = np.ones(n, dtype=bool) if ok.all() else by_hop(ok, scan.hop)
    hops = sums[: n * scan.hop + 1 : scan.hop]
    first, last = runs(scan.cover(hops, whole))
    return described(model, values, sums, *scan.search(sums, hops, first, last))


def by_hop(ok: Mask, hop: int) -> Mask:
    """Hops of which every sample is known."""
    return np.asarray(ok[: len(ok) // hop * hop].reshape(-1, hop).all(axis=1))


def described(
    model: Rest, values: Array, sums: Array, onset: Ints, apex: Ints, offset: Ints
) -> Found:
    """Measure bursts whose edges are known."""
    mean = (sums[offset] - sums[onset]) / np.maximum(offset - onset, 1)
    evidence = model.scan.evidence(offset - onset, mean)
    half = max(1, round(0.5 * PEAK * model.options.samples))
    top, over = np.empty(len(onset)), np.empty(len(onset))
    for k, (a, p, b) in enumerate(zip(onset.tolist(), apex.tolist(), offset.tolist(), strict=True)):
        whole, near = values[a:b], values[max(a, p - half) : min(b, p + half)]
        if model.kind == "envelope":
            over[k] = ((np.mean(whole) - model.baseline) / model.level) ** 2
            top[k] = np.mean(near) - model.baseline
        else:
            over[k] = np.dot(whole, whole) / (len(whole) * model.level**2) - 1.0
            top[k] = np.sqrt(np.dot(near, near) / len(near))
    snr = 10.0 * np.log10(np.maximum(over, 1e-3))
    return Found(onset, apex, offset, evidence, snr, top)


def table(
    found: Sequence[Found], models: Sequence[Rest], x: xr.DataArray, *, start: float
) -> xr.Dataset:
    """Event table of all channels' bursts; `x` gives channels and unit, `start` (s) sample 0."""
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


def _option_faults(method: str, lag: float, kinds: list[str]) -> list[str]:
    faults = []
    if method not in METHODS:
        faults.append(f"method={method!r}, expected one of {', '.join(METHODS)}")
    if method == "tkeo" and set(kinds) - {"raw"}:
        faults.append(
            "method='tkeo' takes the energy of an oscillation, and a rectified signal or an "
            "envelope has none: use 'glr' or 'double_threshold'"
        )
    if not (isinstance(lag, int | float) and 0 <= lag < 10):
        faults.append(f"lag={lag!r}, expected s, 0 or more")
    elif lag and set(kinds) != {"envelope"}:
        faults.append(
            f"lag={lag:g} s undoes the smoothing of a sensor, but the channels are "
            f"{', '.join(sorted(set(kinds)))}: a signal without smoothing has no such lag"
        )
    return faults


def _misfits(rest: xr.DataArray, x: xr.DataArray, rate: float) -> list[str]:
    faults = []
    for name in ("channel", "signal_kind"):
        mine, theirs = ([str(v) for v in each[name].values] for each in (x, rest))
        if mine != theirs:
            faults.append(f"the calibration recording's {name} is {theirs}, that of x {mine}")
    other = recording.sampling_rate(rest)
    if abs(other - rate) > 0.01 * rate:
        faults.append(f"the calibration recording runs at {other:.5g} Hz, x at {rate:.5g} Hz")
    if rest.attrs.get("units") != x.attrs.get("units"):
        faults.append(
            f"the calibration recording is in {rest.attrs.get('units')}, x in "
            f"{x.attrs.get('units')}"
        )
    return faults


def _span(rest: tuple[float, float], x: xr.DataArray, rate: float) -> tuple[int, int]:
    try:
        start, stop = (float(t) for t in rest)
    except (TypeError, ValueError):
        raise ValueError(f"rest={rest!r}, expected (start, stop) in s, or a recording") from None
    zero, n = float(x["time"].isel(time=0)), x.sizes["time"]
    a, b = round((start - zero) * rate), round((stop - zero) * rate)
    if not 0 <= a < b <= n:
        raise ValueError(
            f"rest=({start:g}, {stop:g}) s does not lie within the recording, "
            f"{zero:g}–{zero + n / rate:g} s"
        )
    return a, b
