import numpy as np
import pytest

from emgnb import recording
from emgnb.spectra import spectrum


def tone(hertz: float, *, rate: float = 1000.0, seconds: float = 10.0, amplitude: float = 1.0):
    t = np.arange(round(rate * seconds)) / rate
    return amplitude * np.sin(2 * np.pi * hertz * t)


def noise(seconds: float = 20.0, *, sigma: float = 3.0, rate: float = 1000.0):
    return np.random.default_rng(1).normal(0, sigma, round(rate * seconds))


def test_the_power_of_a_tone_is_where_it_sounds():
    x = recording.signal(np.column_stack([tone(50, amplitude=2), tone(120)]), rate=1000, units="uV")
    spec = spectrum(x)
    assert spec.dims == ("frequency", "channel")
    assert [float(f) for f in spec["frequency"][spec.argmax("frequency")]] == [50, 120]


def test_the_area_under_the_spectrum_is_the_variance():
    x = recording.signal(
        np.column_stack([noise(), 5 * tone(80, seconds=20)]), rate=1000, units="mV"
    )
    area = spectrum(x).integrate("frequency")
    np.testing.assert_allclose(area, [9.0, 12.5], rtol=0.05)
    assert spectrum(x).attrs["units"] == "mV²/Hz"


def test_resolution_is_the_inverse_of_the_length():
    x = recording.signal(noise(), rate=1000, units="uV")
    assert np.diff(spectrum(x, length=0.25)["frequency"])[0] == pytest.approx(4.0)


def test_gaps_do_not_disturb_the_spectrum():
    whole = tone(50, seconds=30)
    torn = whole.copy()
    torn[10_000:10_400] = np.nan
    torn[20_000] = np.nan
    kept = spectrum(recording.signal(whole, rate=1000, units="uV"))
    left = spectrum(recording.signal(torn, rate=1000, units="uV"))
    np.testing.assert_allclose(left, kept, rtol=1e-3, atol=1e-6)
    assert left.attrs["segments"] < kept.attrs["segments"]


def test_samples_marked_invalid_are_left_out():
    values = tone(50)
    values[4000:4100] = 1e6
    valid = np.ones(values.size, dtype=bool)
    valid[4000:4100] = False
    spec = spectrum(recording.signal(values, rate=1000, units="uV", valid=valid))
    assert float(spec.max()) < 1.0


def test_too_short_a_stretch_is_refused_with_its_length():
    values = noise(2.0)
    values[::300] = np.nan
    x = recording.signal(values, rate=1000, units="uV")
    with pytest.raises(ValueError, match=r"299 samples \(0.299 s\).*needs 1000"):
        spectrum(x)


def test_a_dead_channel_is_named():
    values = np.column_stack([noise(3.0), np.full(3000, np.nan)])
    with pytest.raises(ValueError, match=r"channel ch2 has no valid sample\. Leave it out"):
        spectrum(recording.signal(values, rate=1000, units="uV"))


def test_infinite_samples_are_left_out_like_lost_ones():
    values = noise(10.0)
    values[5000] = np.inf
    assert np.isfinite(spectrum(recording.signal(values, rate=1000, units="uV"))).all()


def test_irregular_time_is_refused():
    x = recording.signal([1.0, 2.0, 3.0], time=[0.0, 0.1, 0.5], units="uV")
    with pytest.raises(ValueError, match="not uniform"):
        spectrum(x)


def test_the_signal_is_not_changed_and_the_history_grows():
    x = recording.signal(noise(3.0), rate=1000, units="uV")
    before = x.copy(deep=True)
    spec = spectrum(x)
    assert x.identical(before)
    assert recording.history(spec)[-1]["step"] == "spectrum"


def test_an_array_or_a_length_in_words_is_refused_with_what_was_expected():
    x = recording.signal(noise(3.0), rate=1000, units="uV")
    with pytest.raises(TypeError, match=r"session\['emg/signal'\].*found ndarray"):
        spectrum(x.values)
    with pytest.raises(ValueError, match=r"x.sel\(channel=\['ch1'\]\) keeps the dimension"):
        spectrum(x.sel(channel="ch1"))
    for length in (float("nan"), -1.0, "1 s"):
        with pytest.raises(ValueError, match=r"length=.*above 0"):
            spectrum(x, length=length)
