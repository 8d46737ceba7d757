import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from emgnb import labels, recording
from emgnb.widgets import Labeller, Tuner
from emgnb.widgets.decimate import Decimated

RATE = 1000.0


def raw_signal(seconds: float = 5.0) -> xr.DataArray:
    """130 Hz to keep, 50 Hz mains and 2 Hz movement to take out, on two channels."""
    t = np.arange(round(seconds * RATE)) / RATE
    one = sum(a * np.sin(2 * np.pi * f * t) for f, a in ((130, 10), (50, 5), (2, 50)))
    return recording.signal(
        np.stack([one, one / 2], axis=1), rate=RATE, units="uV", channel=["zygo", "corr"]
    )


@pytest.fixture
def session() -> xr.DataTree:
    return recording.make(
        raw_signal(), markers=recording.markers([1.0, 3.0], ["smile", "rest"]), participant="P01"
    )


@pytest.fixture
def tuner(session: xr.DataTree) -> Iterator[Tuner]:
    made = Tuner(session)
    assert made.wait()
    yield made
    made.close()


def amplitude(x: xr.DataArray, frequency: float) -> float:
    """Amplitude of a tone in the middle of the first channel."""
    middle = x.isel(channel=0, time=slice(1000, 4000))
    turn = np.exp(-2j * np.pi * frequency * middle["time"].values)
    return float(2 * abs(np.mean(middle.values * turn)))


def drawn(tuner: Tuner, curve: int) -> np.ndarray[Any, Any]:
    return np.asarray(tuner.figure.data[curve].y, dtype=float)


def sent_by(widget: Any) -> list[tuple[dict[str, Any], list[bytes]]]:
    """Collect what a widget sends to its front end."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    widget.send = lambda content, buffers=(): sent.append((content, [bytes(b) for b in buffers]))
    return sent


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

    with pytest.raises(AttributeError, match="Capture, Labeller, Tuner"):
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


def until(fact: Callable[[], object], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not fact():
        assert time.monotonic() < deadline, "this did not come true"
        time.sleep(0.02)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


# ---- Labeller


def test_an_event_added_is_in_the_table_in_order_of_onset(session: xr.DataTree) -> None:
    labeller = Labeller(session, coder="AB")
    labeller.add(3.0, 3.2, au="4", intensity="B")
    labeller.add(1.0, 1.5, au="12", side="L", intensity="C", label="smile", apex=1.2)
    table = labeller.table
    assert table["onset"].values.tolist() == [1.0, 3.0]
    assert table["apex"].values[0] == 1.2
    assert np.isnan(table["apex"].values[1])
    assert table["au"].values.tolist() == ["12", "4"]
    assert table["side"].values.tolist() == ["L", ""]


def test_the_given_session_stays_as_it_was(session: xr.DataTree) -> None:
    labeller = Labeller(session, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.session["labels/AB/au"].values.tolist() == ["12"]
    assert "labels" not in session.children
    recording.check(labeller.session)


def test_undo_and_redo_walk_through_the_changes(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5, au="12")
    labeller.add(2.0, 2.5, au="4")
    labeller.undo()
    assert labeller.table["au"].values.tolist() == ["12"]
    labeller.undo()
    labeller.undo()  # nothing left to take back
    assert labeller.table.sizes["event"] == 0
    labeller.redo()
    labeller.redo()
    labeller.redo()
    assert labeller.table["au"].values.tolist() == ["12", "4"]
    labeller.undo()
    labeller.add(3.0, 3.5, au="1")
    labeller.redo()  # a new change ends what could be done again
    assert labeller.table["au"].values.tolist() == ["12", "1"]


@pytest.mark.parametrize(("onset", "offset"), [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (4.0, 5.5)])
def test_an_event_outside_the_recording_or_backwards_is_refused(
    session: xr.DataTree, onset: float, offset: float
) -> None:
    labeller = Labeller(session)
    with pytest.raises(ValueError, match=r"0\.000 to 4\.999 s"):
        labeller.add(onset, offset)
    assert labeller.table.sizes["event"] == 0


def test_labels_are_saved_into_the_stored_session(session: xr.DataTree, tmp_path: Path) -> None:
    stored = recording.save(session, tmp_path / "s.zarr")
    labeller = Labeller(stored, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.save() == stored
    assert recording.open(stored)["labels/AB/au"].values.tolist() == ["12"]
    again = Labeller(stored, coder="AB")
    assert again.table["onset"].values.tolist() == [1.0]
    assert Labeller(stored, coder="CD").table.sizes["event"] == 0


def test_a_file_that_exists_is_not_overwritten(session: xr.DataTree, tmp_path: Path) -> None:
    stored = recording.save(session, tmp_path / "s.zarr")
    labeller = Labeller(session)
    labeller.add(1.0, 1.5, au="12")
    with pytest.raises(FileExistsError):
        labeller.save(stored)
    assert "labels" not in recording.open(stored).children


def test_saving_without_a_path_says_how(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    with pytest.raises(ValueError, match=r"labeller\.save\('labelled\.zarr'\)"):
        labeller.save()
    labeller.save_button.click()
    assert "labelled.zarr" in labeller.message


def test_a_coder_needs_a_name(session: xr.DataTree) -> None:
    with pytest.raises(ValueError, match="give a name"):
        Labeller(session, coder="")


def test_the_browser_gets_the_stretch_it_asks_for(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    sent = sent_by(labeller._spans)
    labeller._asked(None, {"kind": "want", "from": 1.0, "to": 2.0, "bins": 300}, [])
    ((content, buffers),) = sent
    assert content == {"kind": "have", "from": 1.0, "to": 2.0}
    times = np.frombuffer(buffers[0], dtype="<f8")
    values = np.frombuffer(buffers[1], dtype="<f4").reshape(2, -1, 2)
    assert times.size == values.shape[1] <= 300
    assert times[0] <= 1.005
    assert times[-1] >= 1.995


def test_a_question_that_fails_is_answered_in_words(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller._asked(None, {"kind": "want", "from": "x", "to": 2.0, "bins": 300}, [])
    assert labeller.error is not None
    assert labeller.message


def test_the_choices_are_the_units_of_the_facs_table(session: xr.DataTree) -> None:
    choices = Labeller(session)._spans.choices
    assert ["12", "12 Lip Corner Puller"] in json.loads(json.dumps(choices["au"]))
    assert set(labels.SIDES) == {value for value, _ in choices["side"]}
    assert set(labels.INTENSITIES) == {value for value, _ in choices["intensity"]}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: Tuner("session.zarr"), "expected a signal .* found str"),
        (lambda s: Tuner(s["emg/signal"].values), "expected a signal .* found ndarray"),
        (lambda s: Tuner(s, "raw"), "expected a Chain"),
        (lambda s: Labeller(s["emg/signal"]), "expected a session.* found DataArray"),
        (lambda s: Labeller(s, coder=3), "give a name"),
    ],
    ids=["path", "numbers", "chain", "signal", "coder"],
)
def test_what_a_widget_cannot_take_is_said_in_words(session, make, words) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make(session)
