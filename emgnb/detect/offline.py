"""Bursts of a whole recording as an event table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.detect.access import Kept, Recording
from emgnb.detect.amplitude import METHODS, Floats, Options
from emgnb.detect.events import around, described, table
from emgnb.detect.rest import Rest, look_for_rest
from emgnb.detect.scan import LONGEST, Hops
from emgnb.detect.search import Candidates, search
from emgnb.detect.stretches import cut


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
    x : (time, channel) uniform, in memory, lazily opened or of dask arrays; raw without offset,
        hum and drift (filter first), rectified, or envelope. NaN and invalid samples belong to no
        burst, and no burst crosses them. A zero-phase notch rings before and after a burst 20 dB
        above rest, which is then found that much too long: `filters.MainsFit` does not.
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
    event table in order of onset (what lasts longer than 2¹⁸ hops, half an hour at 1 kHz, is given
    in parts): onset, apex, offset (s), `channel`, side (of the channel), au,
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
    models, seen = calibrated(
        x, false_alarms=false_alarms, shortest=shortest, method=method, lag=lag, rest=rest
    )
    whole = Recording(x, models[0].options)
    if rest is not None:
        seen = whole.kept(), _counts(whole, [model.first for model in models])
    found = [_candidates(*one) for one in zip(models, *seen, strict=True)]
    wanted, size = zip(*(around(*one) for one in zip(models, found, strict=True)), strict=True)
    near = whole.around(wanted, size[0])
    made = table(
        [described(*one) for one in zip(models, found, near, strict=True)],
        models,
        x,
        start=start_of(x),
    )
    span = "a recording" if isinstance(rest, xr.DataArray) else rest and [float(t) for t in rest]
    return recording.with_history(
        made,
        "bursts",
        false_alarms=false_alarms,
        shortest=shortest,
        method=method,
        lag=lag,
        rest=span,
    )


def start_of(x: xr.DataArray) -> float:
    """Time of the first sample in s, without computing all of them."""
    first = x["time"].isel(time=slice(0, 1)).values
    return float(first[0]) if first.size else 0.0


Seen = tuple[list[Kept], Sequence[Floats | None]]


def calibrated(
    x: xr.DataArray,
    *,
    false_alarms: float,
    shortest: float,
    method: str,
    lag: float,
    rest: tuple[float, float] | xr.DataArray | None,
) -> tuple[list[Rest], Seen]:
    """Measure rest in each channel of `x`, or where `rest` says; give what was kept of it, too."""
    recording.need_signal(x)
    recording.need_positive(false_alarms=false_alarms, shortest=shortest)
    rate = recording.sampling_rate(x)
    faults = _option_faults(method, lag, [str(kind) for kind in x["signal_kind"].values])
    if shortest * rate < 4:
        faults.append(
            f"shortest={shortest:g} s is {shortest * rate:.2g} samples at {rate:.4g} Hz, at least "
            f"4 are needed: shortest >= {4 / rate:.2g}"
        )
    everywhere = False
    if isinstance(rest, xr.DataArray):
        recording.need_signal(rest)
        faults += _misfits(rest, x, rate)
        x = rest
    elif rest is not None:
        everywhere = True
        x = x.isel(time=slice(*_span(rest, x, rate)))
    recording.refuse(faults)
    source = Recording(x, Options(float(false_alarms), float(shortest), method, float(lag), rate))
    kept = source.kept()
    names = [str(name) for name in x["channel"].values]
    calm = [
        look_for_rest(one, options=source.options, kind=kind, everywhere=everywhere, name=name)
        for one, kind, name in zip(kept, source.kinds, names, strict=True)
    ]
    first = [np.nan if method == "glr" else one.first() for one in calm]
    counts = _counts(source, first)
    models = [
        one.rest(beyond, least) for one, beyond, least in zip(calm, counts, first, strict=True)
    ]
    return models, (kept, counts)


def _counts(source: Recording, first: list[float]) -> Sequence[Floats | None]:
    return [None] * len(first) if source.options.method == "glr" else source.counts(first)


def _candidates(model: Rest, kept: Kept, counts: Floats | None) -> Candidates:
    """Look for bursts in one channel."""
    power = model.power(kept.sums)
    hops = power if counts is None else Hops(counts)
    first, last = cut(*model.scan.regions(hops), LONGEST)
    return search(model.scan, hops, power, first, last)


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
    zero, n = start_of(x), x.sizes["time"]
    a, b = round((start - zero) * rate), round((stop - zero) * rate)
    if not 0 <= a < b <= n:
        raise ValueError(
            f"rest=({start:g}, {stop:g}) s does not lie within the recording, "
            f"{zero:g}–{zero + n / rate:g} s"
        )
    return a, b
