import subprocess
import sys
import threading

import numpy as np
import pytest
import tones
import xarray as xr

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from tones import RATE

from emgnb import recording
from emgnb.widgets import Tuner
from emgnb.widgets.tuner._decimate import Decimated


@pytest.fixture
def session() -> xr.DataTree:
    return tones.session()


# ---- import


def test_importing_the_widgets_loads_neither_plotly_nor_keras() -> None:
    code = (
        "import sys, emgnb.widgets; "
        "print([name for name in ('plotly', 'keras', 'serial') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_misspelt_widget_is_answered_with_their_names() -> None:
    import emgnb.widgets

    with pytest.raises(AttributeError, match="Capture, Cues, Face, Feedback, Labeller, Study"):
        _ = emgnb.widgets.Labeler


# ---- what the browser draws


def test_a_stretch_keeps_the_only_high_sample() -> None:
    values = np.zeros((100_000, 2), dtype=np.float32)
    values[54_321, 1] = 7.0
    shown = Decimated(recording.signal(values, rate=RATE, units="uV"))
    times, ranges = shown.stretch(*shown.extent, 500)
    assert ranges.shape == (2, 500, 2)
    assert ranges[0].max() == 0
    assert ranges[1, :, 1].max() == 7
    assert times[ranges[1, :, 1].argmax()] == pytest.approx(54.321, abs=0.1)


def test_a_stretch_shorter_than_the_picture_is_every_sample_at_its_time() -> None:
    values = np.arange(1000, dtype=np.float32)
    shown = Decimated(recording.signal(values, rate=RATE, units="uV", start=10.0))
    times, ranges = shown.stretch(10.1, 10.2, 5000)
    np.testing.assert_allclose(times, 10.0 + ranges[0, :, 0] / RATE)
    np.testing.assert_array_equal(ranges[0, :, 0], ranges[0, :, 1])
    assert times[0] <= 10.1
    assert times[-1] >= 10.2


def test_a_lost_stretch_is_drawn_as_a_gap() -> None:
    values = np.ones(10_000, dtype=np.float32)
    values[4000:5000] = np.nan
    shown = Decimated(recording.signal(values, rate=RATE, units="uV"))
    times, ranges = shown.stretch(*shown.extent, 100)
    lost = np.isnan(ranges[0, :, 0])
    assert times[lost].min() == pytest.approx(4.05, abs=0.06)
    assert times[lost].max() == pytest.approx(4.95, abs=0.06)


def test_an_irregular_recording_is_drawn_at_its_own_times() -> None:
    time = np.array([0.0, 0.05, 0.2, 0.21, 0.5])
    shown = Decimated(recording.signal(np.arange(5.0), time=time, units="uV"))
    times, _ = shown.stretch(0, 0.5, 100)
    np.testing.assert_array_equal(times, time)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: Tuner("session.zarr"), "expected a signal .* found str"),
        (lambda s: Tuner(s["emg/signal"].values), "expected a signal .* found ndarray"),
        (lambda s: Tuner(s, "raw"), "expected a Chain"),
    ],
    ids=["path", "numbers", "chain"],
)
def test_what_a_widget_cannot_take_is_said_in_words(session, make, words) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make(session)
