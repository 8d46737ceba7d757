"""Features: each against its definition written out, and what must be true of any signal."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from emgnb import features, recording, windows

RATE = 1000.0
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
    "ar1": lambda x: burg(x)[0],
    "ar2": lambda x: burg(x)[1],
    "ar3": lambda x: burg(x)[2],
    "ar4": lambda x: burg(x)[3],
    "hjorth_activity": lambda x: variance(x, 0),
    "hjorth_mobility": mobility,
    "hjorth_complexity": complexity,
    "mnf": mean_frequency,
    "mdf": median_frequency,
    "mean": lambda x: sum(x) / len(x),
    "slope": slope_of_line,
    "std": lambda x: math.sqrt(variance(x, 1)),
    "max": max,
}


@pytest.mark.parametrize("samples", [50, 51])
def test_every_feature_is_its_definition(samples):
    w = noise(count=3, samples=samples, seed=samples)
    w = w.copy(data=np.cumsum(w.values, axis=-1) * 0.3 + w.values + 4)
    found = features.extract(w, sorted(features.FEATURES), threshold=LIMIT)
    assert set(found.data_vars) == set(DEFINITIONS)
    for name, define in DEFINITIONS.items():
        expected = [[define(row.tolist()) for row in window] for window in w.values]
        np.testing.assert_allclose(found[name].values, expected, rtol=2e-5, err_msg=name)


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
    power = {"mav": 1, "rms": 1, "wl": 1, "iemg": 1, "var": 2, "hjorth_activity": 2}
    for name in a.data_vars:
        expected = a[name].values * gain ** power.get(name, 0)
        if name == "log_rms":
            expected = a[name].values + 20 * np.log10(gain)
        slack = 1 if name in ("zc", "ssc", "wamp") else 0  # a difference may sit on the threshold
        np.testing.assert_allclose(b[name].values, expected, rtol=2e-3, atol=slack + 1e-3)


@given(st.integers(0, 50))
def test_turned_upside_down_a_window_keeps_its_features(seed):
    w = noise(seed=seed)
    a, b = (features.extract(x, "all") for x in (w, w.copy(data=-w.values)))
    for name in a.data_vars:
        np.testing.assert_allclose(a[name].values, b[name].values, rtol=1e-5, err_msg=name)


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
    spectral = ("mnf", "mdf", "hjorth_mobility", "hjorth_complexity", "ar1", "ar2", "ar3", "ar4")
    assert all(np.isnan(found[name]) for name in spectral)
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
    assert list(found.data_vars) == ["mean", "slope", "std", "max"]
    assert found["slope"].attrs["units"] == "V/s"


def test_windows_that_do_not_say_what_they_are_give_no_raw_features():
    with pytest.raises(ValueError, match="do not say what their channels are"):
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
    assert {k: v.attrs["units"] for k, v in found.data_vars.items()} == {
        **dict.fromkeys(["mav", "rms", "wl", "iemg"], "uV"),
        **dict.fromkeys(["zc", "ssc", "wamp", "ar1", "ar2", "ar3", "ar4"], "1"),
        **dict.fromkeys(["var", "hjorth_activity"], "uV^2"),
        **dict.fromkeys(["mnf", "mdf"], "Hz"),
        "log_rms": "dB re 1 uV",
        "hjorth_mobility": "1/s",
        "hjorth_complexity": "1",
    }
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
