"""The verdict against fakes, its score, and the kind of a signal."""

import numpy as np
import pytest
import xarray as xr
from scipy import signal as dsp

from emgnb import quality, recording, simulate
from emgnb.quality import _score

RATE = 1000.0
SCRIPT = [(1.0, "smile", 2.0), (5.0, "frown", 2.0)]


def face(seed: int = 3, *, sensor: str = "raw", rate: float = RATE) -> xr.DataArray:
    made = simulate.face(
        participant=seed, seed=seed, sensor=sensor, rate=rate, script=SCRIPT, duration=9.0
    )
    return made["emg/signal"].isel(channel=slice(4))


def raw(values: np.ndarray, rate: float = RATE) -> xr.DataArray:
    return recording.signal(values, rate=rate, units="uV")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def phases(values: np.ndarray, *, alike: bool = False) -> np.ndarray:
    """Noise of the same spectrum."""
    spectrum = np.fft.rfft(values, axis=0)
    turned = spectrum * np.exp(2j * np.pi * rng().random((len(spectrum), 1 if alike else 4)))
    return np.fft.irfft(turned, n=len(values), axis=0) + values.mean(axis=0)


def without_drift(x: xr.DataArray) -> np.ndarray:
    sos = dsp.butter(2, 20.0, "high", fs=recording.sampling_rate(x), output="sos")
    return dsp.sosfiltfilt(sos, x.values.astype(float), axis=0)


def coloured(values: np.ndarray) -> np.ndarray:
    """Noise of an autoregressive process of order one, above 0."""
    noise = dsp.lfilter([1.0], [1.0, -0.98], rng().normal(size=values.shape), axis=0)
    return noise - 1.2 * noise.min(axis=0)


FAKES = {
    "uniform draws": lambda x: rng().uniform(-9, 9, x.shape),
    "normal draws": lambda x: rng().normal(size=x.shape),
    "autoregressive noise above 0": coloured,
    "rows shuffled": lambda x: rng().permutation(x),
    "phases randomised": phases,
    "the same phases in all channels": lambda x: phases(x, alike=True),
    "a segment repeated": lambda x: np.tile(x[1000:2500], (5, 1)),
    "two halves alike": lambda x: np.tile(x[:4500], (2, 1)),
    "a segment repeated, with noise": lambda x: (
        np.tile(x[1000:2500], (5, 1)) + 0.1 * x.std(axis=0) * rng().normal(size=(7500, x.shape[1]))
    ),
}

CERTAIN = [what for what in FAKES if "draws" in what or "halves" in what or "segment" in what]


@pytest.mark.parametrize("what", FAKES)
def test_no_naive_fake_is_physiology(what):
    verdict = quality.is_physiology(raw(FAKES[what](without_drift(face()))))
    assert verdict.physiology is not True, verdict
    assert verdict.score < 0.5


@pytest.mark.parametrize(
    "what", [k for k in FAKES if "draws" in k or "halves" in k or "segment" in k]
)
def test_what_no_muscle_at_rest_gives_is_no_physiology(what):
    verdict = quality.is_physiology(raw(FAKES[what](without_drift(face()))))
    assert verdict.physiology is False, verdict


def test_contractions_in_random_order_are_no_physiology():
    band = dsp.butter(2, [20, 450], "band", fs=RATE, output="sos")
    on = np.repeat([0.05, 1.0, 0.05, 1.0], 3000)[:, np.newaxis]
    bursts = on * dsp.sosfilt(band, rng().normal(size=(12_000, 2)), axis=0)
    assert quality.is_physiology(raw(bursts)).physiology is True
    verdict = quality.is_physiology(raw(rng(1).permutation(bursts)))
    assert verdict.looks_like == "rows in random order"
    assert verdict.physiology is False


@pytest.mark.parametrize("what", ["autoregressive noise above 0", "phases randomised"])
def test_noise_like_an_envelope_is_not_physiology(what):
    x = face(sensor="v3", rate=200.0)
    verdict = quality.is_physiology(raw(FAKES[what](x.values.astype(float)), 200.0))
    assert verdict.physiology is not True, verdict


@pytest.mark.parametrize("sensor", ["raw", "v3"])
def test_a_face_scores_above_its_fakes(sensor):
    x = face(sensor=sensor)
    own = quality.is_physiology(x)
    assert own.physiology is True
    assert own.score > 0.8
    for what in ("phases randomised", "rows shuffled"):
        assert quality.is_physiology(raw(FAKES[what](x.values.astype(float)))).score < own.score


def test_a_score_rises_with_the_evidence_and_stays_within_its_bounds():
    scores = [_score.beyond_chance(ratio, 2.0) for ratio in (0.01, 1.0, 2.0, 4.0, 1e9)]
    assert scores == sorted(scores)
    assert scores[0] == _score.LEAST
    assert scores[-1] == _score.MOST
    assert _score.beyond_chance(float("nan"), float("inf")) == _score.UNKNOWN


def test_a_verdict_tells_its_score_and_kind():
    verdict = quality.is_physiology(face())
    said = f"score {verdict.score:.2f}"
    assert said in str(verdict)
    assert said in verdict._repr_html_()
    assert "kind: raw" in str(verdict)


# --- the kind ---------------------------------------------------------------------------------


def irregular(x: xr.DataArray, rate: float, *, in_chunks: bool = False) -> xr.DataArray:
    """Take samples at jittered times, or give evenly taken samples the time they arrived."""
    own = recording.sampling_rate(x)
    count = int((x.sizes["time"] - 1) / own * rate)
    time = (np.arange(count) + 0.3 * rng().uniform(-0.5, 0.5, count)) / rate
    values = x.values[np.rint(np.clip(time, 0, None) * own).astype(int)]
    if in_chunks:
        late = time[7::8] + 0.005 * rng(1).random(count // 8)
        time = (late[:, np.newaxis] + 1e-5 * np.arange(8)).ravel()
        values = values[: time.size]
    return recording.signal(values, time=time, units="count")


def averaged(x: xr.DataArray, rate: float, seconds: float) -> xr.DataArray:
    """Rectify, average over a moving window, and take samples at a lower rate."""
    own = recording.sampling_rate(x)
    rectified = np.abs(without_drift(x))
    size = round(seconds * own)
    smooth = dsp.lfilter(np.full(size, 1.0 / size), [1.0], rectified, axis=0)[size:]
    return recording.signal(smooth[:: round(own / rate)], rate=rate, units="uV")


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("rate", [100.0, 250.0])
@pytest.mark.parametrize(("sensor", "kind"), [("raw", "raw"), ("v3", "envelope")])
def test_the_kind_does_not_depend_on_the_clock(sensor, kind, rate, in_chunks):
    verdict = quality.is_physiology(irregular(face(sensor=sensor), rate, in_chunks=in_chunks))
    assert verdict.kind == kind, verdict


@pytest.mark.parametrize("seconds", [0.03, 0.1])
@pytest.mark.parametrize("rate", [50.0, 100.0, 200.0])
def test_averaged_emg_is_an_envelope_and_never_raw(rate, seconds):
    assert quality.is_physiology(averaged(face(), rate, seconds)).kind == "envelope"


@pytest.mark.parametrize(("sensor", "kind"), [("raw", ("raw", "undetermined")), ("v3", "envelope")])
def test_a_short_recording_has_a_kind_where_it_shows(sensor, kind):
    x = face(sensor=sensor).isel(time=slice(800, 2800, 20))
    verdict = quality.is_physiology(recording.signal(x.values, rate=50.0, units="count"))
    assert verdict.kind in kind, verdict
    assert verdict.physiology is not False


def swelling(period: float, rows: int) -> np.ndarray:
    """Return an envelope of bursts, of a converter whose last digit is noise."""
    time = np.arange(rows) / 1000
    swell = np.clip(np.sin(2 * np.pi * time / period), 0, None) ** 2
    smooth = np.convolve(np.abs(rng(5).normal(size=rows)) * swell, np.hanning(161) / 80, "same")
    return np.rint(30 + 500 * smooth + rng(6).normal(size=rows))


@pytest.mark.parametrize("period", [0.8, 1.5, 3.0])
def test_an_envelope_of_bursts_is_one_whichever_part_is_seen(period):
    # With more than half of the windows at rest, rows may seem independent; raw they never are.
    kinds = {"envelope"} if period < 2 else {"envelope", "undetermined"}
    whole, begins = swelling(period, 9000), rng(int(10 * period)).integers(0, 5000, 16)
    for begin, rows in zip(begins, rng(1).integers(1500, 4000, 16), strict=True):
        verdict = quality.is_physiology(raw(whole[begin : begin + rows, np.newaxis]))
        assert verdict.kind in kinds, f"rows {begin} to {begin + rows}: {verdict}"


def emg_of(rows: int) -> np.ndarray:
    band = dsp.butter(2, [20, 400], "band", fs=1000, output="sos")
    made = dsp.sosfilt(band, rng(3).normal(size=rows + 500))[500:]
    return made / made.std()


@pytest.mark.parametrize("seconds", [0.06, 0.15, 0.5])
def test_bursts_that_are_not_smoothed_are_no_envelope(seconds):
    time = np.arange(6000) / 1000
    gate = 0.03 + (time % 1.5 < seconds)
    for values in (100 * np.abs(emg_of(6000) * gate), 512 + 80 * emg_of(6000) * gate):
        verdict = quality.is_physiology(raw(np.rint(values)[:, np.newaxis]))
        assert verdict.kind != "envelope", verdict


@pytest.mark.parametrize("both_ways", [False, True])
def test_motion_in_raw_emg_around_an_offset_makes_no_envelope(both_ways):
    moved = np.sin(2 * np.pi * np.arange(6000) / 1500)
    moved = 400 * moved**3 if both_ways else 300 * np.clip(moved, 0, None) ** 4
    verdict = quality.is_physiology(raw(np.rint(512 + 10 * emg_of(6000) + moved)[:, np.newaxis]))
    assert verdict.kind in ("raw", "undetermined"), verdict


def test_a_kind_that_does_not_show_is_undetermined_with_the_reason():
    # Smooth, above 0, and as far from the median upwards as downwards.
    wave = dsp.lfilter([1.0], [1.0, -0.8], rng(1).normal(size=600))
    x = recording.signal(wave - wave.min(), rate=20.0, units="count")
    verdict = quality.is_physiology(x)
    assert verdict.kind == "undetermined"
    assert any("kind undetermined" in sentence for sentence in verdict.evidence)
