"""Features: each against its definition written out, and what must be true of any signal."""

from __future__ import annotations

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from emgnb import features, quality, recording, windows
from emgnb.features import _engine

RATE = 1000.0
PIECE = _engine.PIECE
RAW_ONLY = sorted(name for name, feature in features.FEATURES.items() if feature.raw_only)


def wrap(values, *, units="uV", kind="raw", gain=1.0, rate=RATE):
    """Windows (window, channel, sample) of given samples."""
    values = np.asarray(values, dtype=np.float32)
    values = values.reshape((1,) * (3 - values.ndim) + values.shape)
    channels = values.shape[1]
    return xr.DataArray(
        values,
        dims=("window", "channel", "sample"),
        coords={
            "channel": [f"c{i}" for i in range(channels)],
            "signal_kind": ("channel", np.broadcast_to(kind, channels).astype(str)),
            "gain": ("channel", np.broadcast_to(gain, channels).astype(float)),
        },
        attrs={"units": units, "rate": rate, "history": ""},
    )


def noise(count=5, channels=2, samples=200, sigma=20.0, seed=0, **options):
    rng = np.random.default_rng(seed)
    return wrap(sigma * rng.standard_normal((count, channels, samples)), **options)


def tone(frequency, samples=200, amplitude=30.0, phase=0.3):
    t = np.arange(samples) / RATE
    return wrap(amplitude * np.sin(2 * np.pi * frequency * t + phase))


def value(w, name, **options):
    return float(features.extract(w, name, **options)[name].values[0, 0])


# definitions, written out in plain Python


def crossings(x, limit):
    return sum((a >= 0) != (b >= 0) and abs(a - b) >= limit for a, b in pairwise(x))


def turns(x, limit):
    return sum(
        ((b > a and b > c) or (b < a and b < c)) and max(abs(b - a), abs(b - c)) >= limit
        for a, b, c in zip(x, x[1:], x[2:], strict=False)
    )


def variance(x, ddof):
    mean = sum(x) / len(x)
    return sum((v - mean) ** 2 for v in x) / (len(x) - ddof)


def steps(x):
    return [b - a for a, b in pairwise(x)]


def mobility(x):
    slope = [RATE * d for d in steps(x)]
    return math.sqrt(variance(slope, 0) / variance(x, 0))


def complexity(x):
    return mobility(steps(x)) / mobility(x)


def burg(x, order=4):
    """Burg's recursion on the prediction error filter, as in textbooks; its sign turned at last."""
    mean = sum(x) / len(x)
    f = [v - mean for v in x]
    b = list(f)
    a = [1.0]
    for m in range(1, order + 1):
        above = -2 * sum(f[n] * b[n - 1] for n in range(m, len(x)))
        below = sum(f[n] ** 2 + b[n - 1] ** 2 for n in range(m, len(x)))
        k = above / below
        a = [p + k * q for p, q in zip([*a, 0.0], [0.0, *reversed(a)], strict=True)]
        new_f, new_b = list(f), list(b)
        for n in range(m, len(x)):
            new_f[n] = f[n] + k * b[n - 1]
            new_b[n] = b[n - 1] + k * f[n]
        f, b = new_f, new_b
    return [-v for v in a[1:]]


def power_spectrum(x):
    mean, n = sum(x) / len(x), len(x)
    found = []
    for k in range(n // 2 + 1):
        angle = 2 * math.pi * k / n
        re = sum((v - mean) * math.cos(angle * i) for i, v in enumerate(x))
        im = sum((v - mean) * math.sin(angle * i) for i, v in enumerate(x))
        found.append((re * re + im * im) * (1 if k in (0, n / 2) else 2))
    return found, RATE / n


def mean_frequency(x):
    power, width = power_spectrum(x)
    return sum(k * width * p for k, p in enumerate(power)) / sum(power)


def median_frequency(x):
    power, width = power_spectrum(x)
    left = sum(power) / 2
    for k, p in enumerate(power):
        if p >= left:
            low, high = max(k - 0.5, 0) * width, min((k + 0.5) * width, RATE / 2)
            return low + (high - low) * left / p
        left -= p
    raise AssertionError


def slope_of_line(x):
    t = [i / RATE for i in range(len(x))]
    mt, mx = sum(t) / len(t), sum(x) / len(x)
    above = sum((a - mt) * (b - mx) for a, b in zip(t, x, strict=True))
    return above / sum((a - mt) ** 2 for a in t)


def cepstrum(x):
    """From the logarithm of the model's spectrum, as the word says."""
    line = np.fft.fft([1.0, *(-a for a in burg(x))], 4096)
    return np.fft.ifft(-np.log(np.abs(line) ** 2)).real[1:5]


def descriptors(x):
    """Khushaba's six of one series."""
    first, second = steps(x), steps(steps(x))
    n = len(x) - 1
    m0 = (math.sqrt(sum(v * v for v in x)) / n) ** 0.1 / 0.1
    m2 = math.sqrt(sum(v * v for v in first) / n) ** 0.1 / 0.1
    m4 = math.sqrt(sum(v * v for v in second) / n) ** 0.1 / 0.1
    return [
        math.log(abs(m0)),
        math.log(abs(m0 - m2)),
        math.log(abs(m0 - m4)),
        math.log(math.sqrt(abs((m0 - m2) * (m0 - m4))) / m0),
        math.log(m2 / math.sqrt(m0 * m4)),
        math.log(math.sqrt(sum(map(abs, first)) / sum(map(abs, second)))),
    ]


def tdpsd(x):
    logs = [math.log(v * v + np.spacing(1)) for v in x]
    return [
        -2 * f * g / (f * f + g * g) for f, g in zip(descriptors(x), descriptors(logs), strict=True)
    ]


def sample_entropy(x):
    near, n, alike = 0.2 * math.sqrt(variance(x, 0)), len(x), {}
    for m in (2, 3):
        pieces = [x[i : i + m] for i in range(n - 2)]
        alike[m] = sum(
            max(abs(a - b) for a, b in zip(pieces[i], pieces[j], strict=True)) <= near
            for i in range(n - 2)
            for j in range(i)
        )
    return math.log(alike[2] / alike[3]) if alike[3] else math.nan


def share_below(x, share):
    power, width = power_spectrum(x)
    left = sum(power) * share
    for k, p in enumerate(power):
        if p >= left:
            low, high = max(k - 0.5, 0) * width, min((k + 0.5) * width, RATE / 2)
            return low + (high - low) * left / p
        left -= p
    raise AssertionError


def spread_of_spectrum(x):
    power, width = power_spectrum(x)
    middle = mean_frequency(x)
    return math.sqrt(sum((k * width - middle) ** 2 * p for k, p in enumerate(power)) / sum(power))


def entropy_of_spectrum(x):
    power = power_spectrum(x)[0][1:]
    shares = [p / sum(power) for p in power]
    return -sum(p * math.log(p) for p in shares) / math.log(len(shares))


# Daubechies' filter from its polynomial, not from a table.
def daubechies(moments):
    rest = [math.comb(moments - 1 + k, k) for k in range(moments)][::-1]
    zeros = []
    for y in np.roots(rest):
        pair = np.roots([1, 4 * y - 2, 1])
        zeros.append(pair[np.abs(pair) < 1][0])
    taps = np.real(np.poly([*([-1.0] * moments), *zeros]))
    return taps * math.sqrt(2) / taps.sum()


def wavelet_shares(x, levels=4):
    """Percival's pyramid in time: circular, filters over √2, holes of 2ʲ⁻¹ − 1 zeros."""
    n, low = len(x), [v - sum(x) / len(x) for v in x]
    smooth = daubechies(4) / math.sqrt(2)
    detail = [(-1) ** k * g for k, g in enumerate(smooth[::-1])]
    whole, shares = sum(v * v for v in low), []
    for level in range(levels):
        hole = 2**level
        high = [sum(h * low[(t - hole * k) % n] for k, h in enumerate(detail)) for t in range(n)]
        low = [sum(g * low[(t - hole * k) % n] for k, g in enumerate(smooth)) for t in range(n)]
        shares.append(sum(v * v for v in high) / whole)
    return shares


def half_difference(x):
    half = len(x) // 2
    return (sum(map(abs, x[-half:])) - sum(map(abs, x[:half]))) / half


LIMIT = 7.0
DEFINITIONS = {
    "mav": lambda x: sum(map(abs, x)) / len(x),
    "rms": lambda x: math.sqrt(sum(v * v for v in x) / len(x)),
    "wl": lambda x: sum(map(abs, steps(x))),
    "zc": lambda x: crossings(x, LIMIT),
    "ssc": lambda x: turns(x, LIMIT),
    "var": lambda x: variance(x, 1),
    "iemg": lambda x: sum(map(abs, x)),
    "wamp": lambda x: sum(abs(d) >= LIMIT for d in steps(x)),
    "log_rms": lambda x: 10 * math.log10(sum(v * v for v in x) / len(x)),
    "log_detector": lambda x: scipy.stats.gmean(np.abs(x)),
    "dasdv": lambda x: math.sqrt(sum(d * d for d in steps(x)) / (len(x) - 1)),
    "mfl": lambda x: math.log10(math.sqrt(sum(d * d for d in steps(x)))),
    "lscale": lambda x: sum(abs(a - b) for a in x for b in x) / (2 * len(x) * (len(x) - 1)),
    "skewness": scipy.stats.skew,
    "kurtosis": scipy.stats.kurtosis,
    "mav_slope": half_difference,
    "onset_speed": lambda x: slope_of_line([abs(v) for v in x]),
    **{f"ar{k + 1}": lambda x, k=k: burg(x)[k] for k in range(4)},
    **{f"cc{k + 1}": lambda x, k=k: cepstrum(x)[k] for k in range(4)},
    "hjorth_activity": lambda x: variance(x, 0),
    "hjorth_mobility": mobility,
    "hjorth_complexity": complexity,
    **{f"tdpsd{k + 1}": lambda x, k=k: tdpsd(x)[k] for k in range(6)},
    "sampen": sample_entropy,
    "mnf": mean_frequency,
    "mdf": lambda x: share_below(x, 0.5),
    "edge95": lambda x: share_below(x, 0.95),
    "peak_frequency": lambda x: np.argmax(power_spectrum(x)[0]) * RATE / len(x),
    "bandwidth": spread_of_spectrum,
    "spectral_entropy": entropy_of_spectrum,
    **{f"wavelet{k + 1}": lambda x, k=k: wavelet_shares(x)[k] for k in range(4)},
    "mean": lambda x: sum(x) / len(x),
    "slope": slope_of_line,
    "std": lambda x: math.sqrt(variance(x, 1)),
    "max": max,
    "peak_to_peak": lambda x: max(x) - min(x),
}


def laid_out(values, n, hop, how):
    """The same windows of (time, channel): a view, a copy that goes on, or in no order."""
    view = np.lib.stride_tricks.sliding_window_view(values, n, axis=0)[::hop]
    return view if how == "a view" else np.array(view)


def computed(values, n, hop, how, *, limit=LIMIT, dtype=np.float64, names=None):
    """All features of such windows, as the engine computes them."""
    data = laid_out(values, n, hop, how)
    known = 0 if how == "each alone" else hop
    limits = dict.fromkeys(("zc", "ssc", "wamp"), np.full(values.shape[1], limit))
    return data, _engine.compute(
        data, names or sorted(features.FEATURES), rate=RATE, hop=known, limits=limits, dtype=dtype
    )


def coloured(samples, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((samples, channels))
    return 30 * (white + np.cumsum(white, axis=0) * 0.3) + 4


LAYOUTS = ["a view", "a copy", "each alone"]


@pytest.mark.parametrize("how", LAYOUTS)
@pytest.mark.parametrize(("n", "hop"), [(48, 12), (45, 9), (40, 24)])
def test_every_feature_is_its_definition_to_nine_digits(n, hop, how):
    data, found = computed(coloured(n + 3 * hop), n, hop, how)
    assert set(found) == set(DEFINITIONS)
    for name, define in DEFINITIONS.items():
        expected = [[define(row.tolist()) for row in window] for window in data]
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-11, err_msg=name)


def test_in_float32_features_are_their_definition_to_six_digits():
    data, found = computed(coloured(200), 48, 12, "a view", dtype=np.float32)
    for name, define in DEFINITIONS.items():
        expected = [[define(row.tolist()) for row in window] for window in data]
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-6, err_msg=name)


# windows that share samples


@pytest.mark.parametrize("how", ["a view", "a copy"])
@pytest.mark.parametrize(
    ("n", "hop"), [(200, 25), (200, 50), (200, 200), (250, 100), (200, 30), (203, 7), (64, 8)]
)
def test_windows_that_share_samples_have_the_features_of_each_alone(n, hop, how):
    values = coloured(6000, channels=3, seed=n).astype(np.float32)
    names = sorted(set(features.FEATURES) - {"sampen"})
    _, alone = computed(values, n, hop, "each alone", names=names)
    _, found = computed(values, n, hop, how, names=names)
    for name, values_alone in alone.items():
        np.testing.assert_allclose(
            found[name], values_alone, rtol=1e-9, atol=1e-9, err_msg=name, strict=True
        )


def hum(t):
    return 300 * np.sin(2 * np.pi * 50 * t)


HARD = {
    "an offset": lambda x, t: x + 1e6,
    "a drift": lambda x, t: x + 1e5 * t,
    "an artefact": lambda x, t: np.where((np.arange(len(x)) % 400 == 199)[:, None], 1e7, x),
    "steps between levels": lambda x, t: x + 1e6 * (t > 2),
    "nothing but hum": lambda x, t: 0 * x + hum(t),
    "silence": lambda x, t: np.where(t > 1.5, x, 0.0),
}


@pytest.mark.parametrize("what", HARD)
@pytest.mark.parametrize("how", ["a view", "a copy"])
def test_digits_are_not_lost_where_sums_cancel(what, how):
    t = np.arange(4000)[:, None] / RATE
    values = HARD[what](coloured(4000), t)
    _, alone = computed(values, 200, 25, "each alone", names=features.SETS["nine"])
    _, found = computed(values, 200, 25, how, names=features.SETS["nine"])
    for name, expected in alone.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-7, atol=1e-7, err_msg=name)


def test_memory_does_not_grow_with_overlap(monkeypatch):
    monkeypatch.setattr(_engine, "THREADS", 2)
    data = laid_out(coloured(60_000, channels=8).astype(np.float32), 200, 5, "a view")
    limits = dict.fromkeys(("zc", "ssc"), np.full(8, LIMIT))
    tracemalloc.start()
    found = _engine.compute(data, features.SETS["nine"], rate=RATE, hop=5, limits=limits)
    peak = tracemalloc.get_traced_memory()[1] - sum(column.nbytes for column in found.values())
    tracemalloc.stop()
    assert 8 * data.size > 150e6  # as float64, laid out
    assert peak < 40e6


def test_a_hole_in_the_signal_takes_only_the_windows_that_hold_it():
    values = coloured(2000)
    values[777, 0] = np.nan
    values[1200, 1] = np.inf
    data, found = computed(values, 200, 25, "a view", names=features.SETS["all"])
    filled = np.where(np.isfinite(values), values, 0.0)
    _, whole = computed(filled, 200, 25, "a view", names=features.SETS["all"])
    holed = ~np.isfinite(data).all(axis=-1)
    assert holed.sum() == 16
    for name, column in found.items():
        np.testing.assert_array_equal(np.isnan(column), holed, err_msg=name)
        np.testing.assert_allclose(column[~holed], whole[name][~holed], rtol=1e-7, err_msg=name)


def test_each_channel_has_its_own_threshold_however_windows_lie():
    values = 30 * np.random.default_rng(0).standard_normal((3000, 3))
    limits = {"zc": np.array([1.0, 20.0, 60.0])}
    columns = [
        _engine.compute(laid_out(values, 200, 25, how), ["zc"], rate=RATE, hop=hop, limits=limits)
        for how, hop in (("a view", 25), ("a copy", 25), ("a copy", 0))
    ]
    for column in columns[1:]:
        np.testing.assert_array_equal(column["zc"], columns[0]["zc"])
    first = columns[0]["zc"].mean(axis=0)
    assert first[0] > first[1] > first[2]


def test_windows_of_trials_have_the_features_of_each_alone():
    x = recording.signal(coloured(9000), rate=RATE, units="uV")
    spans = {"onset": ("trial", [0.5, 3.013, 6.0]), "offset": ("trial", [2.7, 3.3, 8.9])}
    trials = xr.Dataset(spans | {"label": ("trial", list("abc"))})
    w = windows.cut(x, trials, length=0.2, step=0.025)
    together = features.extract(w, "all")
    shuffled = w.isel(window=np.random.default_rng(0).permutation(w.sizes["window"]))
    alone = features.extract(shuffled, "all").sortby("time")
    for name in together.data_vars:
        np.testing.assert_allclose(
            together[name].values, alone[name].values, rtol=1e-6, atol=1e-6, err_msg=name
        )


# facts of nature


@pytest.mark.parametrize("frequency", [40, 100, 230])
def test_a_tone_has_its_own_frequency_for_mean_and_median(frequency):
    assert value(tone(frequency), "mnf") == pytest.approx(frequency, abs=0.01)
    assert value(tone(frequency), "mdf") == pytest.approx(frequency, abs=0.01)


def test_the_median_frequency_is_not_bound_to_the_lines_of_the_spectrum():
    found = features.extract(noise(count=200), "mdf")["mdf"].values
    assert (np.abs(found / 5 - np.rint(found / 5)) > 0.01).mean() > 0.9
    assert found.mean() == pytest.approx(250, abs=5)


def test_a_tone_crosses_zero_twice_a_period_and_turns_as_often():
    assert value(tone(50, samples=2000), "zc") == pytest.approx(200, abs=1)
    assert value(tone(50, samples=2000), "ssc", threshold=0.1) == pytest.approx(200, abs=1)


def test_a_slow_tone_has_its_angular_frequency_for_mobility_and_complexity_one():
    w = tone(5, samples=1000)
    assert value(w, "hjorth_mobility") == pytest.approx(2 * np.pi * 5, rel=1e-3)
    assert value(w, "hjorth_complexity") == pytest.approx(1, rel=1e-2)


def test_an_autoregressive_process_gives_its_coefficients_back():
    a = np.array([1.2, -0.8, 0.3, -0.1])
    rng = np.random.default_rng(1)
    x = np.zeros(50_000)
    e = rng.standard_normal(x.size)
    for t in range(4, x.size):
        x[t] = a @ x[t - 4 : t][::-1] + e[t]
    found = features.extract(wrap(10 * x), "ar4")
    np.testing.assert_allclose([found[f"ar{k}"].values[0, 0] for k in (1, 2, 3, 4)], a, atol=0.02)


scale = st.floats(0.01, 100)


@given(scale, st.integers(0, 50))
def test_amplitudes_scale_with_the_gain_and_rates_do_not(gain, seed):
    quiet, loud = noise(seed=seed), noise(seed=seed, sigma=20 * gain)
    a = features.extract(quiet, "all", threshold=5.0)
    b = features.extract(loud, "all", threshold=5.0 * gain)
    power = {"{}": 1, "{}/s": 1, "{}^2": 2}
    columns = {
        column: power.get(feature.units, 0)
        for name, feature in features.FEATURES.items()
        for column in feature.columns or (name,)
    }
    for name in a.data_vars:
        if name.startswith("tdpsd"):
            continue  # depends on the unit, and says so
        expected = a[name].values * gain ** columns[name]
        if name in ("log_rms", "mfl"):
            expected = a[name].values + (20 if name == "log_rms" else 1) * np.log10(gain)
        slack = 1 if name in ("zc", "ssc", "wamp") else 0  # a difference may sit on the threshold
        np.testing.assert_allclose(b[name].values, expected, rtol=2e-3, atol=slack + 1e-3)


@given(st.integers(0, 50))
def test_turned_upside_down_a_window_keeps_its_features(seed):
    w = noise(seed=seed)
    a, b = (features.extract(x, "all") for x in (w, w.copy(data=-w.values)))
    for name in a.data_vars:
        sign = -1 if name == "skewness" else 1
        np.testing.assert_allclose(a[name].values, sign * b[name].values, rtol=1e-5, err_msg=name)


def test_an_offset_does_not_reach_what_is_about_the_mean():
    w = noise()
    names = ["var", "ar4", "hjorth_activity", "hjorth_mobility", "mnf", "mdf", "wl", "std", "slope"]
    a = features.extract(w, names)
    b = features.extract(w.copy(data=w.values + 500), names)
    for name in a.data_vars:
        np.testing.assert_allclose(a[name].values, b[name].values, rtol=1e-3, atol=1e-2)


def test_more_threshold_never_counts_more():
    w = noise(count=20)
    for name in ("zc", "ssc", "wamp"):
        counts = [features.extract(w, name, threshold=t)[name].values for t in (1, 5, 20, 60, 500)]
        for less, more in zip(counts[1:], counts[:-1], strict=True):
            assert (less <= more).all()
        assert (counts[-1] == 0).all()


def test_ten_bit_noise_crosses_zero_as_often_as_what_it_was_made_of():
    rng = np.random.default_rng(3)
    fine = 1.5 * rng.standard_normal((400, 1, 200))
    true = features.extract(wrap(fine), "zc", threshold=1e-6)["zc"].values.mean()
    counts = features.extract(wrap(np.rint(fine), units="count"), "zc")["zc"].values.mean()
    assert true == pytest.approx(99.5, abs=1)
    assert counts == pytest.approx(true, rel=0.1)


# what has no value


@pytest.mark.parametrize("constant", [0.0, 512.0, 0.1])
def test_a_flat_window_has_no_activity_and_no_frequency(constant):
    w = wrap(np.full(200, constant))
    found = {k: float(v.values[0, 0]) for k, v in features.extract(w, "all").data_vars.items()}
    for name in ("wl", "zc", "ssc", "wamp"):
        assert found[name] == 0
    for name in ("var", "hjorth_activity"):
        assert found[name] == pytest.approx(0, abs=1e-9)
    for name in ("mav", "rms"):
        assert found[name] == pytest.approx(constant)
    level = {"mav", "rms", "iemg", "log_detector", "log_rms"}
    still = {"wl", "zc", "ssc", "wamp", "var", "hjorth_activity", "dasdv", "lscale", "mav_slope"}
    still |= {"onset_speed", "peak_to_peak"}
    assert {k for k, v in found.items() if not np.isnan(v)} - {"log_rms"} == (level | still) - {
        "log_rms"
    }
    assert all(found[name] == pytest.approx(0, abs=1e-6) for name in still)
    assert np.isnan(found["log_rms"]) == (constant == 0)


def test_a_straight_line_has_mobility_but_no_complexity():
    found = features.extract(wrap(np.arange(64.0)), ["hjorth_mobility", "hjorth_complexity"])
    assert found["hjorth_mobility"].values == pytest.approx(0, abs=1e-3)
    assert np.isnan(found["hjorth_complexity"].values).all()


def test_a_window_with_a_nan_has_no_feature_and_spoils_no_other():
    w = noise(count=3)
    holed = w.copy(deep=True)
    holed.values[1, 0, 17] = np.nan
    names = sorted(features.FEATURES)
    a, b = features.extract(w, names), features.extract(holed, names)
    for name in a.data_vars:
        assert np.isnan(b[name].values[1, 0])
        kept = ~np.isnan(b[name].values)
        assert kept.sum() == 5
        np.testing.assert_array_equal(a[name].values[kept], b[name].values[kept])


# refusals


@pytest.mark.parametrize("kind", ["envelope", "rectified"])
@pytest.mark.parametrize("name", RAW_ONLY)
def test_what_counts_crossings_or_frequencies_refuses_what_is_not_raw(name, kind):
    w = noise(kind=["raw", kind])
    with pytest.raises(ValueError, match=rf"{name} of c1 \({kind}\).*describe the sensor"):
        features.extract(w, name, threshold=1.0)


def test_an_envelope_has_features_of_its_own():
    found = features.extract(noise(kind="envelope", units="V"), "envelope")
    assert list(found.data_vars) == ["mean", "wl", "slope", "std", "max"]
    assert found["slope"].attrs["units"] == "V/s"


def test_windows_that_do_not_say_what_they_are_give_no_raw_features():
    with pytest.raises(ValueError, match="have no `signal_kind`"):
        features.extract(noise().drop_vars("signal_kind"), "mnf")


@pytest.mark.parametrize("threshold", [0, -1.0, {"zc": 0.0}])
def test_a_threshold_of_zero_is_refused(threshold):
    with pytest.raises(ValueError, match="must be above 0"):
        features.extract(noise(), "zc", threshold=threshold)


def test_the_default_threshold_is_a_count_or_two_microvolts_at_the_skin():
    def used(**options):
        return features.extract(noise(**options), "zc")["zc"].attrs["threshold"]

    assert used(units="count") == 1.0
    assert used(units="uV") == 2.0
    assert used(units="mV") == 0.002
    assert used(units="V", gain=1000.0) == 0.002
    assert used(units="V", gain=[1000.0, 500.0]) == [0.002, 0.001]
    with pytest.raises(ValueError, match=r"threshold=…, in V: its gain is unknown"):
        used(units="V")
    with pytest.raises(ValueError, match="no default in this unit"):
        used(units="%MVC")
    given = features.extract(noise(units="V"), "zc", threshold=0.01)["zc"].attrs
    assert (given["threshold"], given["threshold_units"]) == (0.01, "V")


def test_features_may_have_thresholds_of_their_own():
    found = features.extract(noise(), ["zc", "wamp"], threshold={"wamp": 30.0})
    assert found["zc"].attrs["threshold"] == 2.0
    assert found["wamp"].attrs["threshold"] == 30.0
    with pytest.raises(ValueError, match="rms have no threshold"):
        features.extract(noise(), "time", threshold={"rms": 1.0})


def test_unknown_features_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no feature 'energy': there are mav, .* sets hudgins"):
        features.extract(noise(), ["mav", "energy"])
    with pytest.raises(ValueError, match="no feature asked for"):
        features.extract(noise(), [])


def test_a_signal_that_was_not_cut_is_refused():
    with pytest.raises(ValueError, match=r"windows\.cut first"):
        features.extract(recording.signal(np.zeros(50), rate=RATE, units="uV"))
    with pytest.raises(ValueError, match="windows of 7 samples"):
        features.extract(noise(samples=7))


# the table


def cut(seconds=10.0):
    rng = np.random.default_rng(0)
    x = recording.signal(
        rng.standard_normal((round(seconds * RATE), 2)),
        rate=RATE,
        units="uV",
        channel=["zygomaticus_major_l", "corrugator_l"],
        side="left",
    )
    return windows.cut(x, participant="P01", session="1")


def test_features_carry_units_names_and_the_windows_coordinates():
    w = cut()
    found = features.extract(w, "all")
    units = {k: v.attrs["units"] for k, v in found.data_vars.items()}
    assert [units[k] for k in ("mav", "zc", "var", "mnf", "ar3")] == ["uV", "1", "uV^2", "Hz", "1"]
    assert [units[k] for k in ("log_rms", "mfl")] == ["dB re 1 uV", "log10 uV"]
    assert [units[k] for k in ("hjorth_mobility", "onset_speed")] == ["1/s", "uV/s"]
    assert all(v.attrs["long_name"] for v in found.data_vars.values())
    for name in ("time", "label", "trial", "participant", "session", "channel", "side"):
        assert found[name].equals(w[name])
    assert {v.dtype for v in found.data_vars.values()} == {np.dtype(np.float32)}
    last = recording.history(found)[-1]
    assert (last["step"], last["threshold"]["zc"]) == ("features", 2.0)
    assert found.attrs["rate"] == RATE


def test_the_matrix_names_feature_and_channel():
    w = cut()
    found = features.extract(w, ["rms", "wl"])
    m = features.matrix(found)
    assert m["feature"].values.tolist() == [
        "rms:zygomaticus_major_l",
        "rms:corrugator_l",
        "wl:zygomaticus_major_l",
        "wl:corrugator_l",
    ]
    np.testing.assert_array_equal(m.sel(feature="wl:corrugator_l"), found["wl"].values[:, 1])
    assert m["participant"].equals(w["participant"])
    assert (m.dtype, m.dims) == (np.dtype(np.float32), ("window", "feature"))


def test_what_the_labels_mean_is_known_to_the_end():
    w = cut().assign_attrs(label_meaning="coded AU")
    found = features.extract(w)
    assert found.attrs["label_meaning"] == "coded AU"
    assert features.matrix(found).attrs["label_meaning"] == "coded AU"
    assert "label_meaning" not in features.extract(cut()).attrs


# between channels, and in time


def levels(values, channels=("z_l", "z_r", "c"), **coords):
    values = np.asarray(values, dtype=np.float32)
    return xr.DataArray(
        values,
        dims=("window", "channel"),
        name="rms",
        coords={
            "channel": list(channels),
            "muscle": ("channel", ["zygomaticus_major", "zygomaticus_major", "corrugator"]),
            "side": ("channel", ["left", "right", "left"]),
            **{name: ("window", np.asarray(value)) for name, value in coords.items()},
        },
        attrs={"units": "uV"},
    )


def test_asymmetry_is_one_for_the_left_alone_and_zero_for_both_alike():
    level = levels([[10, 0, 1], [5, 5, 1], [0, 8, 1], [6, 2, 1], [0, 0, 1], [np.nan, 1, 1]])
    found = features.asymmetry(level)
    assert found["pair"].values.tolist() == ["z_l|z_r"]
    np.testing.assert_array_equal(found.values[:, 0], [1, 0, -1, 0.5, np.nan, np.nan])
    turned = features.asymmetry(level, pairs=[("z_r", "z_l")])
    np.testing.assert_array_equal(turned.values, -found.values)


def test_co_activation_is_what_two_channels_have_in_common():
    level = levels([[4, 4, 0], [3, 1, 2], [0, 0, 0]])
    found = features.co_activation(level)
    assert found["pair"].values.tolist() == ["z_l|z_r", "z_l|c", "z_r|c"]
    expected = [[1, 0, 0], [0.5, 0.8, 2 / 3], [np.nan] * 3]
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


def test_correlation_is_numpys_and_one_for_crosstalk():
    w = noise(count=600, channels=3)
    w = w.copy(data=np.concatenate([w.values[:, :2], 0.1 * w.values[:, :1]], axis=1))
    w.values[3, 1] = 7.0
    found = features.correlation(w)
    np.testing.assert_allclose(found.sel(pair="c0|c2"), 1, rtol=1e-6)
    assert np.isnan(found.values[3]).tolist() == [True, False, True]
    for i in (0, 599):
        expected = np.corrcoef(w.values[i])[[0, 0, 1], [1, 2, 2]]
        np.testing.assert_allclose(found.values[i], expected, rtol=1e-4, atol=1e-6)


def test_a_short_burst_stands_out_of_what_is_held_and_a_held_level_does_not():
    time = np.arange(200) * 0.05
    level = np.full((200, 3), 4.0)
    level[140:146, 0] = 12.0
    level[:, 1] = np.where(time < 5, 1.0, 9.0)
    trial = np.where(time < 5, 0, 1)
    found = features.phasic_tonic(levels(level, time=time, trial=trial), tonic=1.0)
    np.testing.assert_allclose(found.values[140:146, 0], 2)
    assert not np.delete(found.values[:, 0], np.s_[140:146]).any()
    assert not found.values[:, 1:].any()


def test_pairs_join_the_features_of_single_channels():
    x = recording.signal(
        20 * np.random.default_rng(0).standard_normal((3000, 2)),
        rate=RATE,
        units="uV",
        channel=["z_l", "z_r"],
        muscle="zygomaticus_major",
        side=["left", "right"],
    )
    w = windows.cut(x)
    found = features.extract(w, ["rms", "wl"])
    more = features.asymmetry(found["rms"]), features.phasic_tonic(found["rms"])
    m = features.matrix(found, *more)
    assert m["feature"].values.tolist() == [
        *("rms:z_l", "rms:z_r", "wl:z_l", "wl:z_r", "asymmetry:z_l|z_r"),
        *("phasic_tonic:z_l", "phasic_tonic:z_r"),
    ]
    np.testing.assert_array_equal(m.values[:, 4], more[0].values[:, 0])
    with pytest.raises(ValueError, match="asymmetry has other windows"):
        features.matrix(found, more[0].isel(window=slice(1, None)))
    with pytest.raises(ValueError, match=r"expected a name and \(window, pair\)"):
        features.matrix(found, w)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: features.asymmetry(x.drop_vars("side")), ValueError, r"give pairs=\[\("),
        (lambda x: features.asymmetry(x, [("z_l", "a")]), ValueError, "a unknown; there are z_l"),
        (lambda x: features.co_activation(x, []), ValueError, "no pair"),
        (lambda x: features.co_activation(-x), ValueError, "the level falls to -1"),
        (lambda x: features.co_activation(x[:, :1]), ValueError, "a pair needs two channels"),
        (lambda x: features.co_activation(x.values), TypeError, "found ndarray"),
        (lambda x: features.asymmetry(x.rename(window="w")), ValueError, "take one feature"),
        (lambda x: features.correlation(x), ValueError, r"windows\.cut first"),
        (lambda x: features.phasic_tonic(x), ValueError, r"no coordinate time\(window\)"),
        (lambda x: features.phasic_tonic(x, tonic=0), ValueError, "tonic=0"),
    ],
)
def test_levels_handed_over_by_mistake_are_told_apart(call, error, words):
    with pytest.raises(error, match=words):
        call(levels(np.ones((4, 3))))


def test_many_windows_give_what_each_gives_alone():
    w = cut(seconds=60)
    together = features.extract(w, "all")
    at = [0, 327, 328, 655, 656, w.sizes["window"] - 1]
    alone = features.extract(w.isel(window=at), "all")
    for name in together.data_vars:
        np.testing.assert_allclose(
            together[name].values[at], alone[name].values, rtol=1e-6, err_msg=name
        )


def test_windows_are_not_changed():
    w = cut()
    before = w.copy(deep=True)
    features.extract(w, "all")
    xr.testing.assert_identical(w, before)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda w: features.extract(w.values), TypeError, "expected windows .* found ndarray"),
        (lambda w: features.extract(w.to_dataset(name="signal")), TypeError, "found Dataset"),
        (lambda w: features.extract(w.drop_attrs()), ValueError, "lost their units and rate"),
        (lambda w: features.extract(w, threshold="two"), ValueError, "threshold='two'"),
        (lambda w: features.matrix(w), TypeError, "expected features"),
        (lambda w: features.matrix(features.extract(w)[[]]), ValueError, "no feature"),
    ],
)
def test_what_is_handed_over_by_mistake_is_told_apart(call, error, words):
    with pytest.raises(error, match=words):
        call(noise())


# recordings longer than the memory


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A stored session with a gap, a long invalid stretch, and parts of a few seconds."""
    monkeypatch.setattr(recording, "PART", 4.0)
    monkeypatch.setattr("emgnb.windows.parts.FEWEST_ROWS", 1)
    monkeypatch.setattr(_engine, "PIECE", 1 << 13)
    monkeypatch.setattr("emgnb.quality.reporting.BLOCK_ROWS", 5_000)
    values = coloured(40_000, channels=3)
    values[9_000:9_100, 0] = np.nan
    valid = np.isfinite(values).all(axis=1)
    valid[20_010:27_000] = False
    x = recording.signal(values, rate=RATE, units="uV", valid=valid)
    return recording.save(recording.make(x, participant="P1"), tmp_path / "long.zarr")


def whole(path):
    return recording.open(path)["emg/signal"].load()


def lazily(path):
    return recording.open(path, chunks=3)["emg/signal"]


@pytest.mark.parametrize(("length", "step"), [(0.2, 0.025), (0.2, 0.05), (0.25, 0.3), (0.064, 0.1)])
def test_features_of_parts_are_those_of_the_whole_to_the_last_digit(session, length, step):
    w = [
        windows.cut(x, length=length, step=step)
        for x in (whole(session), recording.open(session)["emg/signal"], lazily(session))
    ]
    loaded, opened, lazy = (features.extract(one, "all") for one in w)
    assert not w[1].variable._in_memory  # extract has not read it as a whole
    assert all(v.chunks and v.dtype == np.float32 for v in lazy.data_vars.values())
    assert len(lazy["rms"].chunks[0]) > 2
    xr.testing.assert_identical(opened, loaded)
    xr.testing.assert_identical(lazy.compute(), loaded)
    pairs = [features.correlation(one) for one in w]
    assert recording.is_lazy(pairs[2])
    xr.testing.assert_identical(pairs[1], pairs[0])
    xr.testing.assert_identical(pairs[2].compute(), pairs[0])
    levels = [features.co_activation(found["rms"]) for found in (loaded, lazy)]
    xr.testing.assert_identical(*levels)
    xr.testing.assert_identical(
        *(
            features.matrix(found, level)
            for found, level in zip((loaded, lazy), levels, strict=True)
        )
    )


def test_features_of_trials_in_any_order_are_the_same_in_dask_arrays(session):
    spans = {"onset": ("trial", [30.0, 1.003, 12.0]), "offset": ("trial", [38.0, 11.0, 14.0])}
    trials = xr.Dataset(spans | {"label": ("trial", list("abc"))}, {"trial": range(3)})
    loaded, lazy = (
        features.extract(windows.cut(x, trials), "nine") for x in (whole(session), lazily(session))
    )
    xr.testing.assert_identical(lazy.compute(), loaded)


def test_what_is_not_computed_yet_can_be_sent_to_another_process(session):
    pickled = pytest.importorskip("cloudpickle")
    lazy = features.extract(windows.cut(lazily(session), length=0.25, step=0.3), "nine")
    sent = pickled.loads(pickled.dumps(lazy))
    assert recording.is_lazy(sent["rms"])
    loaded = features.extract(windows.cut(whole(session), length=0.25, step=0.3), "nine")
    xr.testing.assert_identical(sent.compute(), loaded)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:.*FixedLengthUTF32")
def test_two_processes_give_the_digits_of_one_and_write_them(
    session, tmp_path, monkeypatch, cluster
):
    from dask.distributed import Client

    # The other processes have pieces of the usual size: parts must be as long.
    monkeypatch.setattr(_engine, "PIECE", PIECE)
    monkeypatch.setattr(recording, "PART", 8.0)
    x = whole(session)
    expected = features.extract(windows.cut(x, step=0.008), "nine"), quality.report(x)
    with Client(cluster):
        lazy = lazily(session)
        found = features.extract(windows.cut(lazy, step=0.008), "nine")
        assert len(found["rms"].chunks[0]) > 2
        found.to_zarr(tmp_path / "nine.zarr", consolidated=False)
        report = quality.report(lazy)
    written = xr.open_zarr(tmp_path / "nine.zarr", chunks=None, consolidated=False).load()
    xr.testing.assert_identical(written.drop_encoding(), expected[0])
    xr.testing.assert_identical(report, expected[1])
