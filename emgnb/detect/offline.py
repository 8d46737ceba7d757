"""Detect bursts in a whole recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.detect._amplitude import METHODS, Options, Reals
from emgnb.detect._events import around, described, table
from emgnb.detect._intervals import cut
from emgnb.detect._reading import Kept, Recording
from emgnb.detect._rest import Rest
from emgnb.detect._rest_search import look_for_rest
from emgnb.detect._scan import LONGEST, Hops
from emgnb.detect._search import Candidates, search


def bursts(
    x: xr.DataArray | xr.DataTree,
    *,
    false_alarms: float = 0.5,
    shortest: float = 0.03,
    method: str = "glr",
    lag: float = 0.0,
    rest: tuple[float, float] | xr.DataArray | None = None,
) -> xr.Dataset:
    """Detect the bursts of each channel: onset, apex and offset.

    Parameters
    ----------
    x : signal (time, channel), or a session with it; uniform, in memory, lazily opened or of
        dask arrays; raw without offset, mains and drift (filter first), rectified, or
        envelope. NaN and invalid samples belong to no burst, and no burst crosses them. A
        zero-phase notch rings around bursts 20 dB above rest, which makes them longer;
        `filters.MainsFit` does not
    false_alarms : expected false alarms per minute and channel in noise like that at rest
    shortest : s, the shortest burst to detect; detections below half of it are discarded as
        impulses
    method : "glr", the generalised likelihood ratio of increased power (raw, rectified; Staude
        2001, doi:10.1155/S1110865701000191) or level (envelope); "double_threshold", the fraction
        of samples above a first threshold, robust to single large samples (Bonato 1998,
        doi:10.1109/10.661154); "tkeo", the same on the Teager–Kaiser energy (Li 2007,
        doi:10.1016/j.clinph.2007.05.065), for raw
    lag : s, time constant of a smoothing sensor, compensated before edges are located; for
        envelopes
    rest : interval of rest, (start, stop) in s, or a calibration recording with the same channels;
        by default all of `x` that is not a burst, at least 30 · `shortest`

    Returns
    -------
    Event table sorted by onset (events longer than 2¹⁸ hops, half an hour at 1 kHz, are split):
    onset, apex, offset (s), `channel`, side (of the channel), au, intensity, label (""); `snr` (dB:
    10·log10((P_active − P_rest)/P_rest) from onset to offset, P the mean square; for envelopes
    20·log10 of the mean rise over the standard deviation at rest), `peak` (unit of `x`: RMS of
    `shortest` s around the apex, for envelopes the mean rise over the baseline) and `evidence`
    (nats). attrs: units, `rest` (JSON by channel: baseline, level, seconds, independent samples per
    second, required evidence), history

    Raises
    ------
    TypeError : not a session or signal
    ValueError : irregular time, an unknown method, `lag` for a raw signal, an offset in a raw
        signal, too little rest, or a calibration recording with other channels or rate

    Examples
    --------
    >>> from emgnb import detect, filters, simulate
    >>> script = [(1.0, "smile", 0.5), (3.0, "smile", 0.5)]
    >>> session = simulate.face(script=script, duration=5, seed=1, artefacts=0, difficulty="easy")
    >>> x = filters.Chain(filters.BandPass(20, 450))(session["emg/signal"])
    >>> table = detect.bursts(x.sel(channel=["zygomaticus_major_l"]))
    >>> strong = table.isel(event=table["snr"] > 10)
    >>> strong["onset"].values.round(1)
    array([1., 3.])
    """
    x = recording.emg(x)
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
    """Return the time of the first sample in s, without computing all of them."""
    first = x["time"].isel(time=slice(0, 1)).values
    return float(first[0]) if first.size else 0.0


Seen = tuple[list[Kept], Sequence[Reals | None]]


def calibrated(
    x: xr.DataArray,
    *,
    false_alarms: float,
    shortest: float,
    method: str,
    lag: float,
    rest: tuple[float, float] | xr.DataArray | None,
) -> tuple[list[Rest], Seen]:
    """Measure rest in each channel of `x`, or of `rest`; return also the data kept."""
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


def _counts(source: Recording, first: list[float]) -> Sequence[Reals | None]:
    return [None] * len(first) if source.options.method == "glr" else source.counts(first)


def _candidates(model: Rest, kept: Kept, counts: Reals | None) -> Candidates:
    """Find bursts in one channel."""
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
            "method='tkeo' needs raw signals, because rectified signals and envelopes have no "
            "Teager–Kaiser energy: use 'glr' or 'double_threshold'"
        )
    if not (isinstance(lag, int | float) and 0 <= lag < 10):
        faults.append(f"lag={lag!r}, expected s, 0 or more")
    elif lag and set(kinds) != {"envelope"}:
        faults.append(
            f"lag={lag:g} s compensates the smoothing of an envelope sensor, but the channels "
            f"are {', '.join(sorted(set(kinds)))}: use lag=0"
        )
    return faults


def _misfits(rest: xr.DataArray, x: xr.DataArray, rate: float) -> list[str]:
    faults = []
    for name in ("channel", "signal_kind"):
        mine, theirs = ([str(v) for v in each[name].values] for each in (x, rest))
        if mine != theirs:
            faults.append(f"the calibration recording's {name} is {theirs}, expected {mine}")
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
            f"rest=({start:g}, {stop:g}) s is not within the recording, "
            f"{zero:g}–{zero + n / rate:g} s"
        )
    return a, b
