"""List the features: names, units and sets.

Some features of LibEMG 2 and TSFEL 0.2 are omitted for these reasons.
- Redundant: MAVFD (`wl` / (N − 1)), ISD and total or mean power (N·`rms`², `var`), spectral moments
  SM1–SM3 (contained in `mnf` and `bandwidth`), absolute and squared sums, distances, mean and
  median differences, interquartile and absolute deviations (`lscale`), turning points (`ssc`).
- Without a sound unit or definition: MSR (the root of negative samples), COR, MLK, MDIFF, the
  absolute temporal moments, the phasor and map features (a sum over all pairs of channels that
  depends on their order), 1/e lag of the autocorrelation, histogram mode, ECDF.
- For other signals: MFCC and human range energy (sound and walking), fundamental frequency and
  spectral peaks beyond the first, LPCC with 12 coefficients.
- Requiring more than a window: Hurst, DFA, Higuchi, Lempel–Ziv, multiscale entropy, which are
  dominated by bias at 200 samples; fuzzy entropy, a more expensive variant of `sampen`.
- Fixed bands (DFTR) and decimated wavelets: `wavelet` has bands for any rate and preserves energy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emgnb._arrays import Floats
from emgnb.features import _definitions as of
from emgnb.features import _frequencies as at
from emgnb.features._block import Block


@dataclass(frozen=True)
class Feature:
    """A feature: its function, name, unit and requirements."""

    compute: Callable[[Block, of.Limit], Floats]
    long_name: str
    units: str = "{}"
    raw_only: bool = False
    thresholded: bool = False
    columns: tuple[str, ...] = ()


def _raw(
    compute: Callable[[Block, of.Limit], Floats],
    long_name: str,
    units: str,
    columns: str = "",
    *,
    thresholded: bool = False,
) -> Feature:
    """Return a feature for raw EMG only."""
    return Feature(compute, long_name, units, True, thresholded, tuple(columns.split()))


FEATURES: dict[str, Feature] = {
    "mav": Feature(of.mav, "mean absolute value"),
    "rms": Feature(of.rms, "root mean square"),
    "wl": Feature(of.wl, "waveform length"),
    "zc": _raw(of.zc, "zero crossings", "1", thresholded=True),
    "ssc": _raw(of.ssc, "slope sign changes", "1", thresholded=True),
    "var": Feature(of.var, "variance", "{}^2"),
    "iemg": Feature(of.iemg, "integrated EMG"),
    "wamp": _raw(of.wamp, "Willison amplitude", "1", thresholded=True),
    "log_rms": Feature(of.log_rms, "level of the RMS", "dB re 1 {}"),
    "log_detector": Feature(of.log_detector, "geometric mean of the absolute value"),
    "dasdv": Feature(of.dasdv, "root mean square of the differences"),
    "mfl": Feature(of.mfl, "maximum fractal length", "log10 {}"),
    "lscale": Feature(of.lscale, "L-scale"),
    "skewness": Feature(of.skewness, "skewness", "1"),
    "kurtosis": Feature(of.kurtosis, "excess kurtosis", "1"),
    "mav_slope": Feature(of.mav_slope, "mean absolute value, second half less first"),
    "onset_speed": _raw(of.onset_speed, "slope of the absolute value", "{}/s"),
    "ar4": _raw(of.ar4, "autoregressive coefficient", "1", "ar1 ar2 ar3 ar4"),
    "cepstrum": _raw(of.cepstrum, "cepstral coefficient", "1", "cc1 cc2 cc3 cc4"),
    "hjorth_activity": Feature(of.hjorth_activity, "Hjorth activity", "{}^2"),
    "hjorth_mobility": _raw(of.hjorth_mobility, "Hjorth mobility", "1/s"),
    "hjorth_complexity": _raw(of.hjorth_complexity, "Hjorth complexity", "1"),
    "tdpsd": _raw(
        of.tdpsd,
        "time-domain power spectral descriptor",
        "1",
        "tdpsd1 tdpsd2 tdpsd3 tdpsd4 tdpsd5 tdpsd6",
    ),
    "sampen": _raw(of.sampen, "sample entropy", "1"),
    "mnf": _raw(at.mnf, "mean frequency", "Hz"),
    "mdf": _raw(at.mdf, "median frequency", "Hz"),
    "edge95": _raw(at.edge95, "frequency with 95 % of the power below", "Hz"),
    "peak_frequency": _raw(at.peak_frequency, "frequency of the greatest power", "Hz"),
    "bandwidth": _raw(at.bandwidth, "standard deviation of the spectrum", "Hz"),
    "spectral_entropy": _raw(at.spectral_entropy, "spectral entropy", "1"),
    "wavelet": _raw(
        at.wavelet,
        "share of variance at a wavelet scale",
        "1",
        "wavelet1 wavelet2 wavelet3 wavelet4",
    ),
    "mean": Feature(of.mean, "mean level"),
    "slope": Feature(of.slope, "slope", "{}/s"),
    "std": Feature(of.std, "standard deviation"),
    "max": Feature(of.maximum, "greatest sample"),
    "peak_to_peak": Feature(of.peak_to_peak, "greatest less smallest sample"),
}

_TIME = ("mav", "rms", "wl", "zc", "ssc", "var", "iemg", "wamp")
_HJORTH = ("hjorth_activity", "hjorth_mobility", "hjorth_complexity")
_FREQUENCY = ("mnf", "mdf", "edge95", "peak_frequency", "bandwidth", "spectral_entropy")

SETS: dict[str, tuple[str, ...]] = {
    "hudgins": ("mav", "wl", "zc", "ssc"),
    "time": _TIME,
    "nine": ("mav", "wl", "zc", "ssc", "rms", "var", "mnf", "mdf", "ar4"),
    "tdpsd": ("tdpsd",),
    "hjorth": _HJORTH,
    "frequency": _FREQUENCY,
    "facial": ("log_rms", "wl", "zc", "ssc", "onset_speed", "mnf", "wavelet"),
    "all": (
        *(*_TIME, "log_rms", "log_detector", "dasdv", "mfl", "lscale", "skewness", "kurtosis"),
        *("mav_slope", "onset_speed", "peak_to_peak", "ar4", "cepstrum", *_HJORTH, "tdpsd"),
        *(*_FREQUENCY, "wavelet"),
    ),
    "envelope": ("mean", "wl", "slope", "std", "max"),
}
