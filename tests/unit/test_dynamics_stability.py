"""A planted dynamic code is told from a stable one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from emgnb import dynamics, labels, plots, recording, windows

RATE, CHANNELS, TRIALS = 200.0, 6, 80


def trials(kind: str, *, seed: int = 0, strength: float = 1.0) -> xr.DataArray:
    """Return windows of two classes; from 0.2 s on, a code is planted over the noise."""
    rng = np.random.default_rng(seed)
    seconds = 4.0 * TRIALS + 4
    values = rng.normal(0, 1, (round(seconds * RATE), CHANNELS)) + 5.0
    at = np.arange(round(1.2 * RATE)) / RATE
    pattern = np.zeros((at.size, CHANNELS))
    if kind == "stable":
        pattern[:, 0], pattern[:, 1] = 1.0, -1.0
    elif kind == "dynamic":
        # One pair of channels after the other, as in a sequence of muscles.
        for i in range(3):
            pattern[(at >= 0.4 * i) & (at < 0.4 * (i + 1)), 2 * i : 2 * i + 2] = (1.0, -1.0)
    onset = 3.0 + 4.0 * np.arange(TRIALS)
    word = np.array(["smile", "frown"])[rng.permutation(np.arange(TRIALS) % 2)]
    for time, label in zip(onset, word, strict=True):
        first = round((time + 0.2) * RATE)
        values[first : first + at.size] += strength * (1 if label == "smile" else -1) * pattern
    x = recording.signal(values, rate=RATE, units="uV", signal_kind="envelope")
    session = recording.make(x, labels={"ann": labels.events(onset, onset + 1.5, label=word)})
    return windows.around(x, labels.trials_from_events(session, "ann"), before=0.4, after=1.4)


def test_a_stable_code_generalises_over_time():
    made = dynamics.temporal_stability(trials("stable"))
    assert made.verdict == "stable"
    assert made.dynamics[0] == pytest.approx(0, abs=0.1)
    at = made.scores["trained"].values
    assert made.informative.values[(at > 0.3) & (at < 1.3)].all()
    assert not made.informative.values[at < 0.1].any()
    assert "lies" in str(made)


def test_a_dynamic_code_does_not():
    made = dynamics.temporal_stability(trials("dynamic"), apart=0.5)
    assert made.verdict == "dynamic"
    value, low, high = made.dynamics
    assert value == pytest.approx(1, abs=0.15)
    assert low < value < high
    # It is read as well as a stable one by the classifier of the same time.
    assert np.diag(made.scores)[made.informative.values].min() > 0.8


def test_without_a_code_there_is_no_information():
    made = dynamics.temporal_stability(trials("none", seed=3))
    assert made.verdict == "no information"
    assert np.isnan(made.dynamics[0])
    assert made.scores.values.mean() == pytest.approx(0.5, abs=0.05)
    assert "no information" in str(made)


def test_the_gain_of_a_channel_changes_no_score():
    cut = trials("dynamic")
    scaled = cut.copy(data=cut.values * np.array([1, 7, 1, 0.1, 1, 1], dtype=np.float32)[:, None])
    one, other = (dynamics.temporal_stability(each).scores for each in (cut, scaled))
    np.testing.assert_allclose(one, other, atol=0.026)


def test_windows_and_labels_are_needed():
    cut = trials("none")
    with pytest.raises(ValueError, match="at least two classes"):
        dynamics.temporal_stability(cut.isel(window=cut["label"].values == "smile"))
    with pytest.raises(ValueError, match="at least two bins"):
        dynamics.temporal_stability(cut, width=1.5)
    with pytest.raises(TypeError, match="expected windows"):
        dynamics.temporal_stability(cut.values)
    with pytest.raises(ValueError, match="shrinkage"):
        dynamics.temporal_stability(cut, shrinkage=2)


def test_the_matrix_is_drawn():
    made = dynamics.temporal_stability(trials("dynamic"))
    figure = plots.stability(made)
    heat = next(trace for trace in figure.data if trace.type == "heatmap")
    np.testing.assert_allclose(heat.z, 100 * made.scores)
    assert heat.zmin == 50
    assert "dynamic" in figure.layout.title.text
    with pytest.raises(TypeError, match="temporal_stability"):
        plots.stability(made.scores)
