"""The scan counter on the host's clock."""

import numpy as np
import pytest

from emgnb.acquire.wire.clock_fit import Arrivals, fit


def arrivals(
    seconds: float, *, ppm: float, seed: int, rate: float = 1000.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scans, when they were there, and when they were taken, for chunks of some 10 ms."""
    rng = np.random.default_rng(seed)
    taken = np.cumsum(rng.uniform(0.008, 0.014, int(seconds / 0.011)))
    late = 0.0005 + rng.exponential(0.003, taken.size) + 0.05 * (rng.random(taken.size) < 0.01)
    scans = np.floor(taken * rate * (1 + ppm * 1e-6)).astype(np.int64)
    return scans, 86_400.0 + np.maximum.accumulate(taken + late), 86_400.0 + taken


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ppm", [5000.0, -5000.0, -6700.0, 0.0])
def test_a_minute_tells_the_boards_drift_within_50_ppm(ppm, seed):
    scans, there, _ = arrivals(60, ppm=ppm, seed=seed)
    found = fit(scans, there, nominal_rate=1000)
    assert found.drift_ppm == pytest.approx(ppm, abs=50)
    assert found.rate == pytest.approx(1000 * (1 + ppm * 1e-6), abs=0.05)


def test_moments_are_told_within_the_residual():
    scans, there, taken = arrivals(60, ppm=5000, seed=1)
    found = fit(scans, there)
    off = found.scan_at(taken) - scans
    assert np.abs(off).max() / found.rate <= found.residual_s + 1 / found.rate
    assert 0.001 < found.residual_s < 0.006
    np.testing.assert_allclose(found.scan_at(found.to_seconds([5, 5000])), [5, 5000])


def test_late_chunks_do_not_bend_the_clock():
    scans, there, _ = arrivals(60, ppm=0, seed=2)
    late = there.copy()
    late[2000:2300] = np.maximum(late[2000:2300], late[2300])  # the computer was busy for 3 s
    late[-20:] += 0.4
    assert fit(scans, late).rate == pytest.approx(fit(scans, there).rate, rel=20e-6)


def test_the_drift_is_nan_without_a_nominal_rate():
    assert np.isnan(fit([0, 10], [0.0, 0.01]).drift_ppm)


@pytest.mark.parametrize(("scans", "times"), [([], []), ([5], [1.0]), ([5, 5], [1.0, 2.0])])
def test_one_arrival_is_no_clock(scans, times):
    with pytest.raises(ValueError, match="needs two"):
        fit(scans, times)


def test_eight_hours_of_arrivals_fit_in_little_memory_and_follow_a_wandering_resonator():
    rng = np.random.default_rng(0)
    taken = np.arange(0, 8 * 3600, 0.05)
    warm = 1000 * (1 + 100e-6 * (1 - np.exp(-taken / 3600)))
    scans = np.floor(np.cumsum(warm * 0.05)).astype(np.int64)
    there = taken + rng.exponential(0.003, taken.size)
    collected = Arrivals()
    for scan, at in zip(scans.tolist(), there.tolist(), strict=True):
        collected.add(scan, at)
    points = len(collected._hulls) + len(collected._hull) + len(collected._sample)
    assert points < 15_000
    for moment in (100.0, 4000.0, 28_000.0):
        here = collected.fit(around=moment)
        assert here is not None
        true = np.interp(moment, taken, scans)
        assert abs(float(here.scan_at(moment)) - true) < 5


def test_arrivals_at_one_moment_are_no_clock():
    with pytest.raises(ValueError, match="needs two"):
        fit([0, 10], [1.0, 1.0])


def test_the_whole_is_fitted_from_few_points_however_long_it_lasts():
    rng = np.random.default_rng(1)
    collected = Arrivals(nominal_rate=1000)
    for n in range(200_000):
        collected.add(n * 180, n * 0.18 + rng.exponential(0.003))
    assert len(collected._whole) < 100
    found = collected.fit()
    assert found is not None
    assert found.seconds > 9.9 * 3600
    assert found.drift_ppm == pytest.approx(0, abs=1)
