"""Prediction sets cover new people, and rejection raises the accuracy on the rest."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from people import people

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "conformal.py"


@pytest.fixture(scope="module")
def conformal():
    spec = importlib.util.spec_from_file_location("conformal_benchmark", SCRIPT)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def cells(row):
    """Return the first number of each cell."""
    found = [cell.split()[0] for cell in row.strip("| ").split("|")]
    return [float(cell) for cell in found if cell.replace(".", "").isdigit()]


def test_a_trial_has_the_mean_probability_of_its_windows(conformal):
    result = people(4)
    trials = conformal.of_trials(result)
    assert trials.prediction.sizes["window"] == 4 * 10
    assert np.allclose(trials.prediction.sum("class"), 1, atol=1e-5)
    own = result.prediction
    chosen = (own["participant"] == "P2") & (own["trial"] == 7)
    there = trials.prediction
    same = (there["participant"] == "P2") & (there["trial"] == 7)
    mean = own.values[chosen.values].mean(axis=0)
    assert np.allclose(there.values[same.values][0], mean, atol=1e-6)


def test_sets_cover_new_people_and_rejection_helps(conformal):
    known, new = people(24), people(60, seed=1, first=100)
    assert cells(conformal.covered("window", "lac", known, new))[0] > 87
    rows = [cells(row) for row in conformal.rejecting(known, new)]
    assert rows[0][1] == 0
    assert rows[-1][2] > rows[0][2] + 3
