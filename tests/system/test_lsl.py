"""Streams of the Lab Streaming Layer, from a real outlet to a session."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waiting import until

pytest.importorskip("pylsl", reason="pylsl is not installed: pip install 'emgnb[live]'")

import pylsl

from emgnb import acquire, doctor, recording

RATE, CHANNELS = 500, 3


def described(name: str, *, source: str = "amplifier", kind: str = "float32") -> Any:
    """The description of a stream, with labels and units as amplifiers' programs write them."""
    info = pylsl.StreamInfo(name, "EMG", CHANNELS, RATE, kind, source)
    channels = info.desc().append_child("channels")
    for label in ("zyg", "corr", "front"):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", "microvolts")
    return info


class Sender:
    """An outlet whose first channel counts the samples; the others are fractions of them."""

    def __init__(self, name: str, first: int = 0) -> None:
        self.outlet = pylsl.StreamOutlet(described(name))
        self.sent = first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        begin, first = time.monotonic(), self.sent
        while not self._stop.wait(0.01):
            due = first + int((time.monotonic() - begin) * RATE) - self.sent
            numbers = np.arange(self.sent, self.sent + due, dtype=float)
            if due:
                self.outlet.push_chunk(np.stack([numbers, numbers / 8, -numbers], 1).tolist())
                self.sent += due

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        del self.outlet  # the stream is gone


@pytest.fixture
def name() -> str:
    return f"emgnb test {uuid.uuid4().hex[:8]}"


@pytest.fixture
def sender(name: str) -> Iterator[Sender]:
    made = Sender(name)
    yield made
    if not made._stop.is_set():
        made.close()


def stored(recorder: acquire.Recorder) -> Any:
    return recording.open(recorder.stop())


def test_every_sample_of_a_stream_is_recorded(name: str, sender: Sender, tmp_path: Path) -> None:
    recorder = acquire.start(f"lsl://{name}", tmp_path)
    until(lambda: recorder.health().scans > 1000)
    recorder.mark("smile")
    until(lambda: recorder.health().scans > 1500)
    session = stored(recorder)
    x = recording.emg(session)
    assert x["channel"].values.tolist() == ["zyg", "corr", "front"]
    assert x.attrs["units"] == "uV"
    assert x.attrs["nominal_rate"] == RATE
    assert session.attrs["device"] == f"LSL stream {name}"
    assert session.attrs["dialect"] == "lsl"
    assert "LSL numbers no samples" in session.attrs["faults"]
    values = x.values
    assert np.diff(values[:, 0]).tolist() == [1.0] * (len(values) - 1)
    np.testing.assert_array_equal(values[:, 1:], values[:, :1] * [0.125, -1])
    assert session["markers"]["text"].values.tolist() == ["smile"]
    assert 0 < float(session["markers"]["time"][0]) < float(x["time"][-1])


def test_a_stream_that_ends_and_comes_back_is_said_and_leaves_a_gap(
    name: str, sender: Sender, tmp_path: Path
) -> None:
    recorder = acquire.start(f"lsl://{name}", tmp_path)
    until(lambda: recorder.health().scans > 300)
    sender.close()
    until(lambda: recorder.health().state == "waiting for port")
    assert "has ended, or its computer is gone" in recorder.health().message
    before = recorder.health().scans
    again = Sender(name, first=sender.sent)
    until(lambda: recorder.health().scans > before + 300)
    assert recorder.health().state == "recording"
    session = stored(recorder)
    again.close()
    x = recording.emg(session)
    valid = x["valid"].values
    assert session.attrs["segments"] == 2
    assert 0 < int(x.attrs["lost"]) == int((~valid).sum())
    jump = np.diff(x.values[valid, 0])
    assert np.count_nonzero(jump != 1) == 1
    assert jump.max() >= 1


def test_a_port_says_why_a_stream_cannot_be_opened(name: str) -> None:
    with pytest.raises(acquire.PortError, match=f"no LSL stream '{name}'; there"):
        acquire.open_port(f"lsl://{name}")
    with pytest.raises(acquire.PortError, match="unknown option 'rate'; expected source_id"):
        acquire.open_port(f"lsl://{name}?rate=1000")
    with pytest.raises(acquire.PortError, match="names no device"):
        acquire.open_port("lsl://")
    texts = pylsl.StreamOutlet(described(f"{name} texts", kind="string"))
    with pytest.raises(acquire.PortError, match="holds texts, expected samples"):
        acquire.open_port(f"lsl://{name} texts")
    del texts


def test_of_two_streams_of_a_name_one_is_chosen_by_its_source(name: str) -> None:
    outlets = [pylsl.StreamOutlet(described(name, source=source)) for source in ("left", "right")]
    with pytest.raises(acquire.PortError, match=r"2 LSL streams .* fit, expected one"):
        acquire.open_port(f"lsl://{name}")
    with pytest.raises(acquire.PortError, match=r"0 LSL streams .* fit, expected one"):
        acquire.open_port(f"lsl://{name}?source_id=middle")
    port = acquire.open_port(f"lsl://{name}?source_id=right")
    assert port.describe()["source_id"] == "right"
    assert port.describe()["montage"] == [
        ("zyg", "", ""),
        ("corr", "", ""),
        ("front", "", ""),
    ]
    port.close()
    outlets.clear()


def test_the_doctor_checks_a_stream(name: str, sender: Sender) -> None:
    found = doctor.examine(f"lsl://{name}", seconds=2)
    shown = str(found)
    assert found.scans > RATE / 2
    assert found.units == "uV"
    assert [each.name for each in found.channels] == ["zyg", "corr", "front"]
    assert f"board     LSL stream {name}" in shown
    assert f"nominal {RATE} Hz" in shown
    assert found.probed.fit is not None
    assert found.probed.fit.rate == pytest.approx(RATE, rel=0.3)


def test_the_doctor_says_that_a_stream_is_silent(name: str) -> None:
    outlet = pylsl.StreamOutlet(described(name))
    found = doctor.examine(f"lsl://{name}", seconds=2)
    assert found.complaints == [
        f"LSL stream {name!r} sends no samples. Does its program still record?"
    ]
    del outlet


def test_hum_in_microvolts_is_not_measured_by_a_converter_that_nobody_named(name: str) -> None:
    """5 µV of hum would fill a converter of 5 V if microvolts were taken for volts."""
    outlet = pylsl.StreamOutlet(described(name))
    stop = threading.Event()

    def hum() -> None:
        sent, begin = 0, time.monotonic()
        while not stop.wait(0.01):
            due = int((time.monotonic() - begin) * RATE) - sent
            at = np.arange(sent, sent + due) / RATE
            if due:
                wave = 5 * np.sin(2 * np.pi * 50 * at)
                outlet.push_chunk(np.stack([wave] * CHANNELS, 1).tolist())
                sent += due

    thread = threading.Thread(target=hum, daemon=True)
    thread.start()
    found = doctor.examine(f"lsl://{name}", seconds=3)
    stop.set()
    thread.join()
    assert found.scans > RATE / 2
    assert not [each for each in found.complaints if "electrodes are on" in each]
