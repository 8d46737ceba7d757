"""Measure EMG–EEG coherence, and tell coupling from muscle activity in the EEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, Mask
from emgnb.coupling import _grid, _segments
from emgnb.coupling._lag import lag

VERDICTS = {
    "coupling": "coupling: a part with a lag remains after the EMG is removed at lag zero",
    "muscle": "this is muscle: all coherence is at lag zero, as volume conduction makes it",
    "none": "none found",
    "undetermined": "undetermined: too few segments",
}
MEANING = (
    "Coherence describes two signals. It shows no direction of cause and is no diagnosis. Scalp "
    "EEG above 20 Hz is largely muscle (Whitham 2007, doi:10.1016/j.clinph.2007.04.027)."
)
FEWEST = 30
Span = tuple[float, float]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Coupling:
    """Coherence of EEG and EMG channels; `print` and a notebook show the verdicts.

    Attributes
    ----------
    pairs : one row per pair: eeg, emg (names), verdict (a key of `VERDICTS`), p_lagged,
        p_instantaneous, p_plain over the band, lag (value, low, high) in s or None
    spectra : (eeg, emg, frequency) `plain`, `instantaneous`, `lagged` coherence, and the thresholds
        `plain_threshold`, `lagged_threshold` that 1 − alpha of the surrogates stay below, frequency
        by frequency
    settings : band, alpha, segments and others
    """

    pairs: tuple[Row, ...]
    spectra: xr.Dataset
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        s = self.settings
        first, last = s["band"]
        head = (
            f"{first:g}–{last:g} Hz, {s['segments']} segments of {s['length']:g} s, "
            f"{s['surrogates']} surrogates, alpha {s['alpha']:g} per pair"
        )
        return "\n".join([head, *(_line(row) for row in self.pairs), MEANING])

    __repr__ = __str__


def coherence(
    eeg: xr.DataArray,
    emg: xr.DataArray | xr.DataTree,
    *,
    band: Span = (30.0, 50.0),
    length: float = 1.0,
    rectify: bool = False,
    surrogates: int = 499,
    alpha: float = 0.05,
    instant: float = 0.003,
    longest: float = 0.06,
    seed: int = 0,
) -> Coupling:
    """Measure the coherence of EEG and EMG, with surrogates and a control for contamination.

    Muscles near the scalp electrodes are recorded by them at once, so that EMG in the EEG makes
    coherence at lag zero. For each frequency the real (instantaneous) mixture of all EMG channels
    that fits the EEG best is therefore removed, and the coherence of the rest with the EMG, the
    *lagged* coherence, is tested. Adding any instantaneous mixture of the EMG channels to the EEG
    does not change it. Muscles without an electrode of their own are not removed.

    Surrogates rotate each segment of the EMG, all channels together, by a random phase. Both
    signals keep their spectra and the course of their amplitudes; only their phase relation is
    lost. The statistic is the mean over the band, p = (k + 1) / (surrogates + 1).

    The lag is that of a pure delay of either polarity beside the mixture; its interval is a
    bootstrap over segments. It is positive if the EEG is first. A coupling whose lag is an integer
    multiple of half a period throughout the band cannot be distinguished from a mixture. Lags up to
    `instant` count as muscle: clocks and analogue filters cause such lags.

    The EMG should be raw. Rectification changes its spectrum and is debated (McClelland 2012);
    with `rectify=True` a mixture is no longer linear, and the control does not hold.

    Parameters
    ----------
    eeg : (time, channel) at a uniform rate, on the EMG's clock (see `align`)
    emg : (time, channel) at a uniform rate, or the session; raw
    band : (first, last) in Hz that is tested
    length : duration of a segment in s; segments overlap by half, and those with lost samples are
        left out
    rectify : use the absolute value of the EMG
    surrogates : number of surrogates, at least 1 / alpha
    alpha : level of each test. It is not corrected for the number of pairs
    instant : longest lag that counts as instantaneous, s
    longest : longest lag that is searched, s
    seed : of surrogates and bootstrap

    Returns
    -------
    Verdicts, lags, coherences and thresholds; `plots.coherence` draws them

    Raises
    ------
    TypeError, ValueError : not uniform signals; they do not overlap; the EMG is an envelope; a
        channel is constant; or the band does not fit the rates and the segments

    References
    ----------
    Nolte 2004, doi:10.1016/j.clinph.2004.04.029; Pascual-Marqui 2007, arXiv:0711.1455 (lagged
    coherence); Whitham 2007, doi:10.1016/j.clinph.2007.04.027 (muscle in EEG); McClelland 2012,
    doi:10.1016/j.jneumeth.2011.11.001 (rectification)
    """
    emg = recording.emg(emg)
    recording.need_signal(eeg)
    recording.need_positive(length=length, alpha=alpha, longest=longest)
    _need_raw(emg)
    if surrogates * alpha < 1:
        raise ValueError(
            f"surrogates={surrogates}, expected at least {int(np.ceil(1 / alpha))} for "
            f"alpha={alpha:g}"
        )
    x, y, rate = _grid.common(_detrended(eeg), _detrended(abs(emg) if rectify else emg))
    _need_band(band, rate, length)
    xs, ys, frequency = _segments.transformed(x, y, rate, length, _grid.USABLE * rate)
    settings = {
        "band": band,
        "length": length,
        "rate": rate,
        "segments": len(xs),
        "surrogates": surrogates,
        "alpha": alpha,
        "instant": instant,
        "longest": longest,
        "rectify": rectify,
        "seed": seed,
    }
    inside = (frequency >= band[0]) & (frequency <= band[1])
    names = [[str(name) for name in each["channel"].values] for each in (eeg, emg)]
    if len(xs):
        _need_power(xs, ys, inside, names)
    turned = _segments.rotations(surrogates, len(xs), seed)
    rows: list[Row] = []
    curves = []
    for i, name in enumerate(names[0]):
        found, curve = _tested(xs[..., i], ys, turned, inside, alpha)
        curves.append(curve)
        for j, muscle in enumerate(names[1]):
            row: Row = {"eeg": name, "emg": muscle, **{key: p[j] for key, p in found.items()}}
            row["lag"] = None
            if len(xs) >= FEWEST and row["p_lagged"] <= alpha:
                both = xs[:, inside, i], ys[:, inside, j]
                row["lag"] = lag(*both, frequency[inside], longest=longest, seed=seed)
            rows.append({**row, "verdict": _verdict(row, len(xs), alpha, instant)})
    made = _dataset(curves, frequency, names)
    return Coupling(tuple(rows), made, settings)


def _tested(
    x: _segments.Complex,
    y: _segments.Complex,
    turned: _segments.Complex,
    inside: Mask,
    alpha: float,
) -> tuple[dict[str, list[float]], dict[str, Floats]]:
    """Return p-values per EMG channel, and curves."""
    own = _segments.spectra(x, y)
    cleaned = _segments.spectra(_segments.without_instantaneous(x, y), y)
    before, after = (_segments.surrogate(each, turned) for each in (own, cleaned))
    tests = {
        "plain": (_segments.plain(own, own.xy), _segments.plain(own, before)),
        "instantaneous": (
            _segments.instantaneous(own, own.xy),
            _segments.instantaneous(own, before),
        ),
        "lagged": (_segments.lagged(own, own.xy), _segments.lagged(cleaned, after)),
    }
    found, curve = {}, {}
    for name, (value, null) in tests.items():
        statistic, chance = value[inside].mean(axis=0), null[:, inside].mean(axis=1)
        found[f"p_{name}"] = [
            float(p) for p in ((chance >= statistic).sum(axis=0) + 1) / (len(null) + 1)
        ]
        curve[name] = value
        curve[f"{name}_threshold"] = np.quantile(null, 1 - alpha, axis=0)
    return found, curve


def _verdict(row: Row, segments: int, alpha: float, instant: float) -> str:
    if segments < FEWEST:
        return "undetermined"
    if row["lag"] is not None:
        return "muscle" if abs(row["lag"][0]) <= instant else "coupling"
    return "muscle" if row["p_instantaneous"] <= alpha else "none"


def _line(row: Row) -> str:
    text = f"{row['eeg']} – {row['emg']}: {VERDICTS[row['verdict']]}"
    if row["lag"] is not None:
        value, low, high = (1e3 * each for each in row["lag"])
        first = "EEG" if value > 0 else "EMG"
        text += f"; {first} first by {abs(value):.1f} ms ({low:+.1f} to {high:+.1f})"
    return (
        f"{text} (p lagged {row['p_lagged']:.3f}, instantaneous {row['p_instantaneous']:.3f}, "
        f"plain {row['p_plain']:.3f})"
    )


def _dataset(
    curves: list[dict[str, Floats]], frequency: Floats, names: list[list[str]]
) -> xr.Dataset:
    dims = ("eeg", "emg", "frequency")
    return xr.Dataset(
        {
            key: (dims, np.stack([curve[key].T for curve in curves]))
            for key in curves[0]
            if key != "instantaneous_threshold"
        },
        coords={
            "frequency": ("frequency", frequency, {"units": "Hz"}),
            "eeg": names[0],
            "emg": names[1],
        },
    )


def _detrended(x: xr.DataArray) -> xr.DataArray:
    """Subtract the mean, so that gaps filled with 0 make no step."""
    return x - x.mean("time")


def _need_raw(emg: xr.DataArray) -> None:
    if "signal_kind" in emg.coords:
        kinds = {str(kind) for kind in emg["signal_kind"].values} - {"raw"}
        if kinds:
            raise ValueError(
                f"signal_kind is {', '.join(sorted(kinds))}, expected raw: envelopes hold no "
                "phase above a few Hz"
            )


def _need_band(band: Span, rate: float, length: float) -> None:
    first, last = band
    if not 0 < first < last <= _grid.USABLE * rate:
        raise ValueError(
            f"band={band}: expected 0 < first < last ≤ {_grid.USABLE * rate:g} Hz "
            f"({_grid.USABLE:g} × the slower rate)"
        )
    if (last - first) * length < 4:
        raise ValueError(
            f"band={band} has fewer than five frequencies at length={length:g} s, too few for a "
            "lag: use longer segments or a wider band"
        )


def _need_power(
    x: _segments.Complex,
    y: _segments.Complex,
    inside: Mask,
    names: list[list[str]],
) -> None:
    for each, channels in zip((x, y), names, strict=True):
        power = np.sum(np.abs(each[:, inside]) ** 2, axis=(0, 1))
        dead = [name for name, p in zip(channels, power, strict=True) if not p > 0]
        if dead:
            raise ValueError(f"channel {', '.join(dead)} is constant: leave it out")
