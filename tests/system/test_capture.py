"""Recording from a notebook: what the Capture widget promises, without a browser."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from panels import Sent, says, sent_by
from waiting import until

from emgnb import acquire, cues, facs, filters, labels, quality, recording, spectra
from emgnb.acquire.record.settings import OWN
from emgnb.filters import Chain, HighPass
from emgnb.widgets import Capture, Cues
from emgnb.widgets.capture import _desk
from emgnb.widgets.capture._clocks import BrowserClock
from emgnb.widgets.capture._examining import verdict
from emgnb.widgets.capture._live_view import LiveView
from emgnb.widgets.capture._trouble import troubles

CONSENT = {"version": "2", "date": "2026-05-04", "scope": "teaching", "sharing": "none"}


# ---- what a recording takes from the widget


def test_a_mark_heard_late_lies_where_it_was_meant_and_says_how_surely(tmp_path: Path) -> None:
    recorder = acquire.start("sim://rest?seed=1&channels=2", tmp_path, attrs={"consent": CONSENT})
    while recorder.health().scans < 1500:
        time.sleep(0.02)
    began = time.monotonic()
    recorder.mark("now")
    recorder.mark("then", ago=1.0, uncertainty=0.25)
    apart = time.monotonic() - began  # at most, between the two
    session = recording.open(recorder.stop())
    marks = session["markers"]
    assert marks["text"].values.tolist() == ["then", "now"]
    then, now = marks["time"].values
    assert 0.95 - apart < now - then < 1.05
    sure, surest = marks["uncertainty"].values
    assert sure == pytest.approx(surest + 0.25, abs=1e-3)
    assert session.attrs["consent"] == CONSENT
    for name in OWN:
        assert name in session.attrs
        with pytest.raises(ValueError, match="set by the recorder"):
            acquire.start("sim://rest", tmp_path, attrs={name: "x"})


@pytest.mark.parametrize("wrong", [{"ago": -1.0}, {"ago": np.nan}, {"uncertainty": np.inf}])
def test_a_mark_of_the_future_or_of_no_time_is_refused(tmp_path: Path, wrong) -> None:
    (tmp_path / "health.json").write_text('{"state": "recording"}', encoding="utf-8")
    with pytest.raises(ValueError, match="expected seconds, 0 or more"):
        acquire.attach(tmp_path).mark("x", **wrong)
    assert not (tmp_path / "control.jsonl").exists()


def test_attributes_that_no_session_can_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON serializable"):
        acquire.start("sim://rest", tmp_path, attrs={"consent": {1, 2}})
    assert list(tmp_path.iterdir()) == []


# ---- the picture


def drawn(sent: Sent, channels: int) -> np.ndarray:
    """Samples as the browser has them after all that was sent, from where it begins."""
    rows: dict[int, np.ndarray] = {}
    for content, buffers in sent:
        if content["kind"] == "reset":
            rows.clear()
        elif content["kind"] == "samples":
            block = np.frombuffer(buffers[0], dtype="<f4").reshape(-1, channels)
            rows |= {content["first"] + k: row for k, row in enumerate(block)}
    return np.array([rows[k] for k in sorted(rows)])


def test_the_live_view_sends_each_scan_once_and_lost_ones_as_gaps() -> None:
    view = LiveView(channels=["a", "b"], rate=100.0, seconds=1.0)
    sent = sent_by(view)
    view.push(np.array([10, 11, 14]), np.arange(6, dtype=np.float32).reshape(3, 2))
    view.push(np.array([16]), np.array([[9, 9]], dtype=np.float32))
    assert [content for content, _ in sent] == [
        {"kind": "samples", "first": 10},
        {"kind": "samples", "first": 15},
    ]
    np.testing.assert_array_equal(drawn(sent, 2)[:, 0], [0, 2, np.nan, np.nan, 4, np.nan, 9])


def test_the_live_view_sends_no_more_than_it_shows() -> None:
    view = LiveView(channels=["a"], rate=100.0, seconds=1.0)
    sent = sent_by(view)
    view.push(np.arange(100_000), np.zeros((100_000, 1), dtype=np.float32))
    assert len(sent[0][1][0]) == 4 * 100


def test_a_page_that_is_loaded_anew_gets_what_it_missed() -> None:
    view = LiveView(channels=["a"], rate=100.0, seconds=1.0)
    for k in range(0, 300, 30):
        view.push(np.arange(k, k + 30), np.arange(k, k + 30, dtype=np.float32)[:, np.newaxis])
    sent = sent_by(view)
    says(view, "hello")
    np.testing.assert_array_equal(drawn(sent, 1)[:, 0], np.arange(200, 300))
    view.seconds = 2.0
    np.testing.assert_array_equal(drawn(sent, 1)[:, 0], np.arange(100, 300))


def test_a_preview_is_the_causal_chain_of_all_that_is_shown() -> None:
    chain = Chain(HighPass(5.0))
    values = np.random.default_rng(0).normal(100, 1, (600, 2)).astype(np.float32)
    view = LiveView(channels=["a", "b"], rate=200.0, seconds=3.0)
    sent = sent_by(view)
    view.push(np.arange(300), values[:300])
    view.filter(chain)
    view.push(np.arange(300, 600), values[300:])
    whole = chain.causal(recording.signal(values, rate=200.0, units="uV")).values
    np.testing.assert_allclose(drawn(sent, 2), whole, atol=1e-4)
    view.filter(None)
    np.testing.assert_array_equal(drawn(sent, 2), values)
    np.testing.assert_array_equal(view.recent(1.0), values[-200:])


def test_a_preview_that_must_see_the_whole_recording_is_refused_in_words() -> None:
    view = LiveView(channels=["a"], rate=1000.0)
    with pytest.raises(ValueError, match="whole recording"):
        view.filter(Chain(filters.Baseline()))


# ---- the moment of a key


def test_a_key_heard_late_is_laid_at_its_moment_within_what_is_said() -> None:
    clock = BrowserClock()
    ahead, rng = 37.0, np.random.default_rng(1)  # s that the browser's clock is ahead
    for k in range(50):
        there, back = rng.exponential(0.004, 2)
        clock.exchange(k, k + there + ahead, k + there + back)
    pressed, heard = 60.0, 72.5  # the kernel was busy for 12.5 s
    ago, unsure = clock.ago(pressed + ahead, heard)
    assert abs(ago - (heard - pressed)) <= unsure < 0.01


def test_one_clock_is_assumed_before_the_first_exchange_and_the_doubt_said() -> None:
    ago, unsure = BrowserClock().ago(100.0, 103.0)
    assert ago == 3.0
    assert unsure >= 3.0


def test_a_clock_that_is_set_begins_anew() -> None:
    clock = BrowserClock()
    clock.exchange(0.0, 0.001, 0.002)
    assert clock.ago(3600.0, 10.0) == (0.0, pytest.approx(0.001))


# ---- what is wrong, and only that


def test_a_recording_without_fault_has_no_trouble() -> None:
    well = acquire.Health(state="recording", scans=60_000, seconds=60, bytes=2**20, rate=999.0)
    assert troubles(well, free=50e9) == []
    calm = np.random.default_rng(0).normal(size=(5000, 2))
    report = quality.report(recording.signal(calm, rate=1000.0, units="uV", channel=["a", "b"]))
    assert troubles(well, report=report) == []


@pytest.mark.parametrize(
    ("fault", "level", "words"),
    [
        ({"lost": 5}, "warn", "5 of 60005 scans lost"),
        ({"lost": 5000}, "bad", "USB socket"),
        ({"crc_errors": 3}, "warn", "shorter cable"),
        ({"overruns": 2}, "bad", "cannot keep up"),
        ({"drift_ppm": -20_000.0, "rate": 980.0, "nominal_rate": 1000.0}, "warn", "980.0 Hz"),
        ({"buffer": 5_000_000}, "warn", "disk is slow"),
        (
            {"clipping": {"zyg": 0.3, "corr": 0.0}},
            "bad",
            "Clipping: zyg. Turn the sensor's gain down",
        ),
        ({"state": "waiting for port", "message": "ttyX is gone"}, "bad", "ttyX is gone"),
        ({"message": "no scans for 5 s"}, "warn", "No scans for 5 s."),
        ({"seconds": 60.0, "bytes": 10**9}, "bad", "disk will be full in"),
    ],
)
def test_each_fault_of_the_stream_is_said_with_what_to_do(fault, level, words) -> None:
    usual = {"state": "recording", "scans": 60_000, "seconds": 60.0, "bytes": 2_000_000}
    (found,) = troubles(acquire.Health(**{**usual, **fault}), free=1e9)
    assert found.level == level
    assert words in f"{found.what} {found.todo}"


def test_hum_movement_and_a_lead_that_is_off_are_told_apart() -> None:
    t = np.arange(5000) / 1000.0
    noise = np.random.default_rng(0).normal(size=(5000, 4))
    noise[:, 1] += 20 * np.sin(2 * np.pi * 50 * t)
    noise[:, 2] += 50 * np.sin(2 * np.pi * 1.3 * t)
    noise[:, 3] = 0.5
    names = ["good", "hum", "loose", "off"]
    report = quality.report(recording.signal(noise, rate=1000.0, units="uV", channel=names))
    said = {
        trouble.what.partition(":")[0]: trouble.what
        for trouble in troubles(acquire.Health(), report=report)
    }
    assert said == {
        "No signal": "No signal: off.",
        "Mains hum is over half of the power": "Mains hum is over half of the power: hum.",
        "Movement is nearly all of the power": "Movement is nearly all of the power: loose.",
    }


# ---- the widget


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("emgnb")]


def page(capture: Capture, kind: str, **more: Any) -> None:
    """Do what the page does: send a message."""
    says(capture.live, kind, **more)


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    made = Capture(folder=tmp_path, participant="P07", cues=("smile", "rest"), session="2")
    yield made
    if made.recording:
        made.stop()
    made.close()
    until(lambda: not threads())


def test_a_capture_records_marks_and_stores_without_a_browser(capture: Capture) -> None:
    sent = sent_by(capture.live)
    laid_out: list[int] = []  # channels the browser knew of when samples came
    send = capture.live.send
    capture.live.send = lambda *a, **k: (laid_out.append(len(capture.live.channels)), send(*a, **k))
    capture.start()
    until(lambda: capture.live.newest > 1000)
    capture.mark("smile", uncertainty=0.25)
    until(lambda: capture.live.status["marks"] == 1)
    path = capture.stop()
    assert path == capture.path
    assert "stopped" in capture.health
    stored = recording.open(path)
    assert stored.attrs["participant"] == "P07"
    assert stored.attrs["session"] == "2"
    assert "consent" not in stored.attrs
    assert stored["markers/text"].values.tolist() == ["smile"]
    assert stored["markers/uncertainty"].values >= 0.25
    assert [each.channel for each in facs.DEFAULT_MONTAGE] == stored["emg"][
        "channel"
    ].values.tolist()
    samples = [content for content, _ in sent if content["kind"] == "samples"]
    shown = drawn(sent, 8)
    assert samples[0]["first"] == 0
    assert set(laid_out[-20:]) == {8}
    values = stored["emg/signal"].values
    first = int(np.argmin(np.abs(values[:2000] - shown[500]).sum(axis=1))) - 500
    np.testing.assert_allclose(shown, values[first : first + len(shown)], rtol=1e-5)


def test_threads_take_short_turns_while_any_picture_is_live(tmp_path: Path) -> None:
    usual = sys.getswitchinterval()
    one, two = (Capture(folder=tmp_path / name) for name in ("one", "two"))
    one.start()
    until(lambda: sys.getswitchinterval() < usual)
    two.start()
    until(lambda: two.live.newest > 0)
    one.stop()
    assert sys.getswitchinterval() < usual
    two.stop()
    until(lambda: not threads())
    assert sys.getswitchinterval() == usual
    one.close()
    two.close()


def test_what_the_page_asks_for_is_done_and_a_late_mark_lies_at_its_moment(
    capture: Capture,
) -> None:
    capture.live.consent = CONSENT
    page(capture, "start")
    until(lambda: capture.live.state == "recording" and capture.live.newest > 1500)
    now = time.time()
    for _ in range(3):
        page(capture, "tock", sent=time.time() - 0.002, at=1000 * (time.time() - 0.001))
    page(capture, "mark", text="smile", at=1000 * (now - 1.0), id="a")
    capture.mark("rest")
    page(capture, "pause")
    assert capture.live.paused
    page(capture, "resume")
    page(capture, "stop")
    until(lambda: capture.path is not None)
    assert capture.error is None
    stored = recording.open(capture.path)
    assert stored.attrs["consent"] == CONSENT
    marks = stored["markers"]
    assert marks["text"].values.tolist() == ["smile", "rest", "pause", "end"]
    assert np.diff(marks["time"].values)[0] == pytest.approx(1.0, abs=0.2)
    assert set(labels.trials(stored)["label"].values.tolist()) <= {"smile"}
    assert capture.live.state == "idle"


def test_a_mark_whose_moment_is_not_known_yet_waits_and_is_not_lost(capture: Capture) -> None:
    capture.start()
    until(lambda: capture.live.newest > 1500)
    page(capture, "mark", text="early", at=1000 * (time.time() - 1.0), id="a")
    assert capture.live.status.get("marks", 0) == 0
    stored = recording.open(capture.stop())
    assert stored["markers/text"].values.tolist() == ["early"]
    assert stored["markers/uncertainty"].values[0] >= 1.0


def test_a_mark_after_the_end_is_said_to_be_in_no_recording(capture: Capture) -> None:
    capture.start()
    capture.stop()
    page(capture, "mark", text="smile", at=1000 * time.time(), id="a")
    assert "'smile' came after the end" in capture.message


def test_the_montage_of_the_drawing_names_the_channels(tmp_path: Path) -> None:
    capture = Capture("sim://rest?channels=2", folder=tmp_path)
    assert len(capture.live.montage) == 2
    wanted = [["masseter_r", "masseter", "right"], ["ch2", "", ""]]
    capture.live.montage = wanted
    assert "montage=[('masseter_r', 'masseter', 'right'), ('ch2', '', '')]" in capture.code
    capture.start()
    until(lambda: capture.live.newest > 300)
    emg = recording.open(capture.stop())["emg"]
    assert emg["channel"].values.tolist() == ["masseter_r", "ch2"]
    assert emg["muscle"].values.tolist() == ["masseter", ""]
    capture.close()


def test_every_muscle_of_the_table_has_a_site_on_the_drawing() -> None:
    drawing = (Path(_desk.__file__).parent / "sites.js").read_text("utf-8")
    for channel, muscle, side, *_ in _desk.sites().values():
        assert f"{muscle}: [" in drawing
        assert facs.site(muscle, side).channel == channel


def test_closing_the_view_leaves_the_recording_running_and_a_new_one_finds_it(
    tmp_path: Path,
) -> None:
    first = Capture(folder=tmp_path, participant="P11", consent=CONSENT)
    first.start()
    first.close()
    assert first.recorder is not None
    assert first.recorder.health().is_alive
    second = Capture(folder=tmp_path)
    assert "P11" in second.live.offer
    page(second, "attach")
    assert second.recording
    assert second.live.offer == ""
    assert (second.live.participant, second.live.consent) == ("P11", CONSENT)
    until(lambda: second.live.newest > 0)
    assert recording.open(second.stop())["emg/signal"].sizes["time"] > 0
    second.close()
    assert not threads()


def test_a_recording_stopped_from_elsewhere_is_noticed(capture: Capture) -> None:
    capture.start()
    assert capture.recorder is not None
    path = acquire.attach(capture.recorder.folder).stop()
    until(lambda: not capture.recording)
    until(lambda: capture.path == path)
    until(lambda: capture.live.state == "idle")


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX")
def test_a_recorder_that_was_killed_is_said_with_the_way_out(capture: Capture) -> None:
    capture.start()
    until(lambda: capture.live.newest > 500)
    assert capture.recorder is not None
    os.kill(capture.recorder.health().pid, signal.SIGKILL)
    until(lambda: not capture.recording)
    until(lambda: "acquire.recover(" in capture.message)
    with pytest.raises(RuntimeError, match="nothing to stop"):
        capture.stop()
    assert recording.open(acquire.recover(capture.recorder.folder))["emg/signal"].sizes["time"]


def test_a_wrong_port_is_raised_in_code_and_said_in_words_on_the_page(tmp_path: Path) -> None:
    made = Capture("/dev/<b>no_such_board</b>", folder=tmp_path)
    with pytest.raises(acquire.PortError, match="no_such_board"):
        made.start()
    page(made, "start")
    until(lambda: "no_such_board" in made.message)
    assert made.live.said["where"] == "bar"  # beside the button that was pressed
    assert made.live.said["error"]
    assert not made.recording
    assert made.live.state == "idle"
    assert list(tmp_path.iterdir()) == []
    made.close()


def test_nothing_can_be_marked_or_stopped_before_the_start(capture: Capture) -> None:
    with pytest.raises(RuntimeError, match="start recording before"):
        capture.mark("smile")
    with pytest.raises(RuntimeError, match="nothing to stop"):
        capture.stop()
    with pytest.raises(RuntimeError, match="nothing to pause"):
        capture.pause()


def test_what_a_click_has_done_before_a_cell_does_not_do_again(capture: Capture) -> None:
    page(capture, "start")
    until(lambda: capture.live.state == "recording")
    assert capture.recorder is not None
    folder = capture.recorder.folder
    capture.start()
    assert capture.recorder.folder == folder
    with pytest.raises(RuntimeError, match=r"already recording to .*: stop it first"):
        capture.attach()
    page(capture, "stop")
    until(lambda: capture.path is not None)
    assert capture.stop() == capture.path
    assert [each.name for each in capture.folder.iterdir()] == [folder.name]


def test_a_protocol_is_recorded_by_one_call_whatever_clicks_have_done(tmp_path: Path) -> None:
    brief = {"countdown": 0.0, "hold": 0.2, "rest": 0.1, "rest_jitter": 0.0, "baseline": 0.2}
    protocol = cues.Protocol(("smile",), 1, practice=False, **brief)
    capture = Capture(folder=tmp_path, participant="P08")
    guide = Cues(protocol, capture)
    path = guide.record()  # nothing was pressed
    assert recording.open(path)["markers/text"].values.tolist() == [
        *("baseline", "end", "smile", "end")
    ]
    assert guide.record() == path  # the cell runs again
    page(capture, "start")
    until(lambda: capture.recording)
    guide.start()  # as the space key
    guide.start()
    assert guide.record() not in (None, path)
    second = capture.path
    assert second is not None
    assert recording.open(second)["markers"].sizes["marker"] == 4
    assert len(list(tmp_path.iterdir())) == 2
    capture.close()
    until(lambda: not threads())


def test_a_protocol_whose_recording_was_stopped_says_so_and_can_be_recorded_again(
    tmp_path: Path,
) -> None:
    protocol = cues.Protocol(("smile",), 1, practice=False, countdown=0.2, hold=0.2, rest=0.2)
    capture = Capture(folder=tmp_path)
    guide = Cues(protocol, capture)
    capture.start()
    capture.stop()
    guide.start()
    assert guide.wait(20)
    assert isinstance(guide.error, RuntimeError)
    rec = acquire.start("sim://rest?channels=2", tmp_path)
    quick = cues.Protocol(("smile",), 1, practice=False, baseline=0.0, countdown=0.0, hold=0.2)
    assert Cues(quick, rec).record() == rec.stop()
    capture.close()
    until(lambda: not threads())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"anything": 1}, TypeError, "no option anything. Its options are port, folder,"),
        (
            {"unit": "V"},
            TypeError,
            "of acquire.start: signal_kind, units, units_per_count, dialect",
        ),
        ({"dialect": "morse"}, ValueError, "morse"),
        ({"signal_kind": "loud"}, ValueError, "expected one of raw, rectified, envelope"),
        ({"attrs": {"port": "x"}}, ValueError, "set by the recorder"),
    ],
)
def test_an_option_that_no_recording_takes_is_refused_when_the_widget_is_made(
    tmp_path: Path, options, error, words
) -> None:
    with pytest.raises(error, match=words):
        Capture(folder=tmp_path, **options)


def test_a_wrong_mark_is_withdrawn_or_corrected_in_picture_list_and_session(
    capture: Capture,
) -> None:
    sent = sent_by(capture.live)
    with pytest.raises(RuntimeError, match="of a finished recording"):
        capture.unmark()
    capture.start()
    until(lambda: capture.live.newest > 1500)
    first = capture.mark("smile")
    page(capture, "mark", text="frown", at=1000 * time.time(), id="a")
    page(capture, "unmark", mark=None)  # before the moment of "frown" is known well enough
    page(capture, "mark", text="rest", at=1000 * time.time(), id="b")
    page(capture, "correct", mark=first, text=" grin ")
    until(lambda: [text for _, _, text in capture.live.marked] == ["grin", "rest"])
    assert capture.live.marked[0][0] == first
    assert 1.0 < capture.live.marked[0][1] < 60.0
    page(capture, "correct", mark="c", text="x")
    assert capture.live.said["where"] == "marks"
    assert "no marker 'c'" in capture.message
    told = [(content["kind"], content["id"]) for content, _ in sent if "id" in content]
    assert ("unmark", "a") in told
    assert ("correct", first) in told
    session = recording.open(capture.stop())
    assert session["markers/text"].values.tolist() == ["grin", "rest"]
    assert '"frown"' in session["markers"].attrs["amended"]
    assert "rec.correct('grin', rec.marks[0].name)" in capture.code


def test_a_bipolar_pair_is_what_bipolar_gives_and_names_its_source() -> None:
    values = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    values[100, 1] = np.nan
    view = LiveView(channels=["a", "b", "c"], rate=100.0, seconds=3.0, units="V")
    sent = sent_by(view)
    view.push(np.arange(200), values[:200])
    assert view.pair("a", "b") == "a-b"
    view.push(np.arange(200, 300), values[200:])
    assert view.lanes == [["a", ""], ["b", ""], ["c", ""], ["a-b", "a − b"]]
    signal = recording.signal(values, rate=100.0, units="V", channel=["a", "b", "c"])
    expected = filters.bipolar(signal, {"a-b": ("a", "b")}).values[:, 0]
    np.testing.assert_allclose(drawn(sent, 4)[:, 3], expected, rtol=1e-6)
    np.testing.assert_array_equal(view.recent(1.0), values[-100:])
    for first, second, words in (
        ("a", "a", "expected two different channels"),
        ("a", "b", "already in use"),
        ("a", "z", "no channel z"),
    ):
        with pytest.raises(ValueError, match=words):
            view.pair(first, second)
    view.unpair("a-b")
    assert [name for name, _ in view.lanes] == ["a", "b", "c"]
    view.signal_kind = "envelope"
    with pytest.raises(ValueError, match="cannot be subtracted"):
        view.pair("a", "c")


def test_the_spectrum_is_that_of_what_is_shown() -> None:
    t = np.arange(4000) / 1000.0
    values = np.stack([np.sin(2 * np.pi * f * t) for f in (50.0, 120.0)], axis=1)
    view = LiveView(channels=["a", "b"], rate=1000.0, units="uV")
    sent = sent_by(view)
    view.send_spectrum()
    assert sent == []  # nothing was shown yet
    view.pair("a", "b")
    view.push(np.arange(4000), values.astype(np.float32))
    shown = np.column_stack([values, values[:, 0] - values[:, 1]]).astype(np.float32)
    names = ["a", "b", "a-b"]
    expected = spectra.spectrum(recording.signal(shown, rate=1000.0, units="uV", channel=names))
    sent.clear()
    view.send_spectrum()
    ((content, buffers),) = sent
    assert content == {"kind": "spectrum", "step": 1.0}
    level = np.frombuffer(buffers[0], dtype="<f4").reshape(3, -1)
    assert level.argmax(axis=1).tolist()[:2] == [50, 120]
    np.testing.assert_allclose(10 ** (level / 10), expected.T.values, rtol=1e-4, atol=1e-6)
    view.filter(Chain(HighPass(100.0)))
    view.send_spectrum()
    filtered = np.frombuffer(sent[-1][1][0], dtype="<f4").reshape(3, -1)
    assert filtered[0, 50] < level[0, 50] - 10


def test_hidden_channels_and_pairs_are_remembered_with_the_folder(tmp_path: Path) -> None:
    first = Capture("sim://rest?channels=3", folder=tmp_path / "of" / "mine")
    first.live.hidden = ["corrugator_l"]
    first.live.pair("frontalis_medialis_l", "corrugator_l", name="brow")
    first.start()
    until(lambda: first.live.newest > 300)
    assert first.live.lanes[-1] == ["brow", "frontalis_medialis_l − corrugator_l"]
    path = first.stop()
    assert recording.open(path)["emg"].sizes["channel"] == 3  # recorded all the same
    assert "filters.bipolar" in first.code
    first.close()
    second = Capture(folder=tmp_path / "of" / "mine", pairs={"more": ("a", "b")})
    assert second.live.hidden == ["corrugator_l"]
    assert list(second.live.pairs) == ["brow", "more"]
    second.close()
    (tmp_path / "of" / "mine" / ".live_view.json").write_text("[1", encoding="utf-8")
    third = Capture(folder=tmp_path / "of" / "mine")
    assert "all channels are shown" in third.message
    assert third.live.hidden == []
    third.close()
    assert not threads()


def test_the_line_of_code_records_the_same(capture: Capture) -> None:
    capture.live.consent = CONSENT
    call = ast.parse(capture.code).body[0]
    assert isinstance(call, ast.Assign)
    assert isinstance(call.value, ast.Call)
    given = {word.arg: ast.literal_eval(word.value) for word in call.value.keywords}
    assert given["participant"] == "P07"
    assert given["session"] == "2"
    assert given["attrs"] == {"consent": CONSENT}
    assert ast.literal_eval(call.value.args[0]) == "sim://smile?seed=1"


def test_a_random_code_is_offered_and_no_two_are_alike(tmp_path: Path) -> None:
    codes = {_desk.code() for _ in range(200)}
    assert len(codes) > 195
    made = Capture(folder=tmp_path)
    first = made.live.participant
    page(made, "participant")
    assert first != made.live.participant != ""
    made.close()


def tests_of_ports() -> list[psutil.Process]:
    """Processes that test a connection for this one."""
    return [
        each for each in psutil.Process().children() if "emgnb.doctor" in " ".join(each.cmdline())
    ]


def test_a_port_is_heard_before_anything_is_recorded_and_start_ends_that(tmp_path: Path) -> None:
    capture = Capture("sim://smile?channels=5", folder=tmp_path)
    capture.live.montage = capture.live.montage[:3]
    page(capture, "listen")
    until(lambda: capture.live.verdict["state"] != "listening")
    assert capture.live.verdict["state"] in ("good", "warn")
    assert any("1000" in line for _, line in capture.live.verdict["said"])
    assert len(capture.live.montage) == 5
    assert list(tmp_path.iterdir()) == []
    page(capture, "listen")
    (test,) = until(tests_of_ports)
    assert "sim://" not in " ".join(test.cmdline())
    capture.start()
    assert not tests_of_ports()
    assert capture.live.verdict == {}
    assert capture.recorder is not None
    until(lambda: capture.recorder.health().scans > 0)
    capture.stop()
    capture.close()
    until(lambda: not threads())


def test_the_verdict_says_what_is_wrong_first() -> None:
    silent = {"about": ["port x"], "complaints": ["nothing came"], "scans": 0}
    assert verdict(silent) == {"state": "bad", "said": [["bad", "nothing came"], ["", "port x"]]}
    assert verdict({"error": "busy"})["state"] == "bad"
    clipped = {"about": ["port x"], "complaints": ["a is clipping"], "scans": 9}
    assert verdict(clipped)["state"] == "warn"
    assert verdict({**clipped, "complaints": []})["state"] == "good"


@pytest.mark.skipif(sys.platform != "linux", reason="a small tmpfs stands for the disk")
def test_a_full_disk_is_said_in_the_widget_and_what_came_is_kept(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        capture = Capture("sim://smile?channels=16&rate=4000", folder=small)
        capture.start()
        until(lambda: not capture.recording)
        until(lambda: "journal can no longer be written" in capture.message)
        assert "recover" in capture.message
        assert capture.recorder is not None
        kept = shutil.copytree(capture.recorder.folder, tmp_path / "kept")
        assert recording.open(acquire.recover(kept))["emg/signal"].sizes["time"] > 1000
        capture.close()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_one_text_for_cues_is_answered_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected a list with a text per button: \['smile'\]"):
        Capture(cues="smile")


def test_a_recording_that_cannot_be_watched_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "health.json").write_text("{}", encoding="utf-8")
    capture = Capture(folder=tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing recorded"):
        capture.attach(tmp_path / "half")
    assert not capture.recording
    assert not threads()
    capture.close()
