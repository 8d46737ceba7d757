"""Log-covariances and profiles: against SciPy, and what must not change them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.linalg
import xarray as xr

from emgnb import features


def cut(values, kind="raw"):
    values = np.asarray(values, dtype=np.float32)
    return xr.DataArray(
        values,
        dims=("window", "channel", "sample"),
        coords={
            "channel": ["zyg", "corr", "orb"][: values.shape[1]],
            "signal_kind": ("channel", [kind] * values.shape[1]),
            "label": ("window", [f"l{i}" for i in range(len(values))]),
        },
        attrs={"units": "uV", "rate": 1000.0, "length_s": values.shape[-1] / 1000, "history": ""},
    )


def noise(n=5, channels=3, samples=80):
    rng = np.random.default_rng(0)
    mix = np.array([[10.0, 3.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])[:channels, :channels]
    return mix @ rng.standard_normal((n, channels, samples)) + 500.0


def test_a_log_covariance_is_the_matrix_logarithm_of_the_shrunk_covariance():
    x = noise()
    found = features.covariance(cut(x))
    for row, window in zip(found.values, x.astype(np.float32).astype(float), strict=True):
        full = np.cov(window)
        shrunk = 0.95 * full + 0.05 * np.diag(np.diag(full))
        log = scipy.linalg.logm(shrunk)
        rows, columns = np.triu_indices(3)
        expected = log[rows, columns] * np.where(rows == columns, 1, np.sqrt(2))
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)
        assert np.linalg.norm(row) == pytest.approx(np.linalg.norm(log), rel=1e-5)


def test_a_log_covariance_names_its_pairs_and_keeps_what_belongs_to_the_windows():
    found = features.covariance(cut(noise(channels=2)))
    assert list(found.feature.values) == [
        "log_cov:zyg,zyg",
        "log_cov:zyg,corr",
        "log_cov:corr,corr",
    ]
    assert found.dtype == np.float32
    assert found.attrs["scale"] == "log"
    assert found.attrs["rate"] == 1000.0
    assert list(found.label.values) == [f"l{i}" for i in range(5)]
    assert json.loads(found.attrs["history"])["step"] == "features"


def test_a_gain_moves_the_diagonal_alone():
    x = noise()
    before, after = features.covariance(cut(x)), features.covariance(cut(4 * x))
    names = before.feature.values.astype(str)
    own = np.array([name.split(":")[1].split(",")[0] == name.split(",")[1] for name in names])
    moved = (after - before).values
    np.testing.assert_allclose(moved[:, own], 2 * np.log(4), atol=1e-4)
    np.testing.assert_allclose(moved[:, ~own], 0, atol=1e-4)


@pytest.mark.parametrize("samples", [2, 3, 40])
def test_few_samples_and_flat_channels_stay_finite(samples):
    x = noise(samples=samples)
    x[:, 1] = 7.0
    assert np.isfinite(features.covariance(cut(x))).all()


def test_only_windows_with_nan_or_without_any_change_are_nan():
    x = noise()
    x[1, 0, 3] = np.nan
    x[2] = 5.0
    assert features.covariance(cut(x)).isnull().any("feature").values.tolist() == [
        *(False, True, True, False, False)
    ]


def test_a_profile_is_the_same_at_any_common_gain():
    table = features.extract(cut(noise()), ["rms", "wl"])
    louder = features.extract(cut(7 * noise()), ["rms", "wl"])
    found = features.profile(table)
    xr.testing.assert_allclose(found, features.profile(louder), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["rms"].sum("channel"), 0, atol=1e-5)
    log = np.log(table["wl"].astype(float))
    np.testing.assert_allclose(found["wl"], log - log.mean("channel"), atol=1e-6)
    assert found.attrs["scale"] == "log"


def test_a_profile_of_counts_or_of_a_matrix_is_refused_with_what_to_do():
    table = features.extract(cut(noise()), "hudgins", threshold=1e6)
    with pytest.raises(ValueError, match=r"values of zc are at or below 0.*use amplitudes"):
        features.profile(table)
    with pytest.raises(ValueError, match="the Dataset that"):
        features.profile(features.matrix(table))


def test_centring_within_sessions_removes_a_mixing_of_the_channels():
    rng = np.random.default_rng(1)
    x = cut(rng.standard_normal((40, 3, 400)) * rng.uniform(0.5, 2, (40, 3, 1)))
    first = x.assign_coords(session=("window", ["1"] * 40))
    mixing = np.array([[2.0, 0.4, 0.0], [0.3, 0.5, 0.0], [0.0, 0.2, 1.0]])
    second = first.copy(data=np.einsum("ij,wjs->wis", mixing, x.values).astype(np.float32))
    both = xr.concat([first, second.assign_coords(session=("window", ["2"] * 40))], "window")
    apart = features.covariance(both).values
    centred = features.covariance(both, centre="session").values
    np.testing.assert_allclose(centred[:40].mean(axis=0), 0, atol=0.05)
    assert np.linalg.norm(centred[:40].mean(0) - centred[40:].mean(0)) < 0.05 * np.linalg.norm(
        apart[:40].mean(0) - apart[40:].mean(0)
    )


def test_centring_states_itself_in_the_history_and_needs_a_coordinate():
    x = cut(noise())
    with pytest.raises(ValueError, match="centre='session', expected a coordinate along window"):
        features.covariance(x, centre="session")
    found = features.covariance(x.assign_coords(session=("window", ["1"] * 5)), centre="session")
    assert json.loads(found.attrs["history"])["centre"] == "session"


def test_a_profile_of_logarithms_takes_them_as_they_are():
    table = xr.DataArray(
        np.random.default_rng(0).uniform(1, 5, (4, 3)), dims=("window", "channel"), name="rms"
    )
    xr.testing.assert_allclose(
        features.profile(np.log(table), log=False), features.profile(table), rtol=0, atol=1e-6
    )
