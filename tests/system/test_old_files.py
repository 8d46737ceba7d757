"""Sessions and models that earlier code wrote open today, and mean the same.

The files were written by the code of commit 712b07e; what they held then lies beside them.
"""

from pathlib import Path

import numpy as np

from emgnb import features, labels, models, recording, windows

DATA = Path(__file__).parents[1] / "data"
SESSION = DATA / "sessions" / "session_712b07e.zarr"
EXPECTED = np.load(DATA / "models" / "expected_712b07e.npz")


def test_a_session_of_earlier_code_opens_with_the_same_samples():
    session = recording.open(SESSION)
    x = session["emg/signal"]
    np.testing.assert_array_equal(x.values, EXPECTED["signal"])
    assert not x["valid"].values[500:520].any()
    assert recording.sampling_rate(x) == 500.0
    assert recording.known_faults(session) == []


def test_a_label_table_of_earlier_code_means_both_sides_by_b():
    table = recording.open(SESSION)["labels/coder1"]
    assert table["au"].values.tolist() == ["12", "4"]
    assert table["side"].values.tolist() == ["L", ""]
    assert table["intensity"].values.tolist() == ["C", ""]


def test_a_model_of_earlier_code_predicts_the_same():
    session = recording.open(SESSION)
    table = features.extract(windows.cut(session, labels.trials(session), length=0.2, step=0.1))
    then = dict(zip(EXPECTED["names"].tolist(), EXPECTED["features"], strict=True))
    for name, values in then.items():
        np.testing.assert_allclose(table[name].values, values, rtol=1e-6)
    model = models.load(DATA / "models" / "lda_712b07e.npz")
    np.testing.assert_allclose(model.predict(table).values, EXPECTED["probability"], atol=1e-6)
