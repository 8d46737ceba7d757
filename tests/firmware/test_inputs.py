"""Pulses at the board's trigger inputs: on the scan counter, and against the host's marks."""

import json
import time

import numpy as np
import pytest
from truth import wait_for
from waiting import until

from emgnb import acquire, recording
from emgnb.acquire.ports.emulator import CLOCK, RECORD
from emgnb.acquire.wire._digital_inputs import Inputs
from emgnb.acquire.wire.frames import CHANGED, Status

_FIRST = 4


def true_edges(folder, after: int = 0) -> list[tuple[float, str]]:
    """(scan with fraction, text) of every change the emulator made, from its logs."""
    truth = np.fromfile(folder / "truth", dtype=RECORD)
    truth = truth[np.flatnonzero(truth["kind"] == _FIRST)[-1] + 1 :]
    ticks = truth["cycle"][(truth["kind"] == 1) | (truth["kind"] == 2)].astype(np.float64)
    # A sample is taken two clocks of the converter after its tick.
    ticks -= 2 * 128
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    inputs = [line for line in lines if line["event"] == "input" and line["cycle"] > ticks[0]]
    return [
        (
            float(np.interp(line["cycle"], ticks, np.arange(ticks.size))),
            f"input {line['pin'] - 10} {'high' if line['high'] else 'low'}",
        )
        for line in inputs
    ]


def test_every_pulse_is_placed_within_a_scan_of_when_it_was(board, folder):
    pulses = [
        (3 + 0.0777 * n, f"pulse {10 + n % 3} {0.00006 + 0.002 * (n % 5)}") for n in range(60)
    ]
    emulated = board(fast=True, bootloader=0.2, at=pulses)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 8000)
    session = recording.open(recorder.stop())
    emulated.report()
    true = true_edges(folder)
    found = session["inputs"].to_dataset()
    assert len(true) > 50
    assert found["text"].values.tolist() == [text for _, text in true]
    rate = recording.measured_rate(session["emg/signal"])
    scans = found["time"].values * rate
    assert np.all(np.abs(scans - [scan for scan, _ in true]) <= 0.5 + 0.02)
    np.testing.assert_allclose(found["uncertainty"].values * rate, 0.5)
    assert session["emg/signal"].attrs["lost"] == 0


def edges(log, *, high):
    """Count the edges in an emulator's log, whose last line may be unfinished."""
    lines = [json.loads(line) for line in log.read_text().split("\n")[:-1]]
    return sum(line["event"] == "input" and line["high"] == high for line in lines)


def test_a_mark_on_the_host_is_as_uncertain_as_it_says(board, folder):
    drift_ppm = -4000
    emulated = board(drift_ppm=drift_ppm)
    recorder = acquire.start(emulated.port, folder)
    wait_for(recorder, lambda health: health.scans > 500)
    for n in range(40):
        time.sleep(0.15 + 0.013 * (n % 7))
        recorder.mark(f"{n}")
        emulated.do("pulse 11 0.02")
        until(lambda n=n: edges(folder / "log", high=True) > n)  # over before the next begins
    wait_for(recorder, lambda health: health.seconds > 12)
    drift = recorder.health().drift_ppm
    late = emulated.report()["late_s"]
    session = recording.open(recorder.stop())
    markers, inputs = session["markers"].to_dataset(), session["inputs"].to_dataset()
    pulses = inputs["time"].values[inputs["text"].values == "input 1 low"]
    assert pulses.size == markers.sizes["marker"] == 40
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    begin = next(line["monotonic_ns"] for line in lines if line["event"] == "start")
    cycles = [line["cycle"] for line in lines if line["event"] == "input" and not line["high"]]
    lines = (recorder.folder / "control.jsonl").read_text().splitlines()
    orders = [json.loads(line) for line in lines if line]
    called = [order["mono_ns"] for order in orders if order["kind"] == "mark"]
    # Each pulse came when the emulator had time for it, at a cycle that it tells; where on the
    # board's clock the mark was called out is known from the same clock's rate.
    after = np.array(cycles) / (CLOCK * (1 + drift_ppm / 1e6)) - (np.array(called) - begin) / 1e9
    wrong = markers["time"].values - (pulses - after)
    stated = markers["uncertainty"].values
    print(
        f"\n40 marks against pulses: difference median {np.median(wrong) * 1e3:+.2f} ms, 95th "
        f"percentile of its size {np.quantile(np.abs(wrong), 0.95) * 1e3:.2f} ms; stated "
        f"uncertainty {np.median(stated) * 1e3:.2f} ms; drift {drift} ppm of {drift_ppm}; the "
        f"emulator at most {late * 1e3:.0f} ms behind"
    )
    if late > 0.5:
        pytest.skip(f"too busy a machine for a board in real time: {late:.1f} s behind")
    # The pulse itself is placed to half a scan; the emulator looks at its clock once in 1 ms.
    assert np.mean(np.abs(wrong) <= stated + 0.0015) >= 0.95
    assert drift == pytest.approx(drift_ppm, abs=200)


def test_an_edge_whose_frame_was_lost_is_placed_between_its_neighbours():
    inputs = Inputs()
    scans, segment = np.arange(3000), np.zeros(3000, dtype=np.int64)
    told = [
        Status(0, 0, 0, 0, 7, 1000),
        Status(0, 500, 0, 0, CHANGED | 6, 1000),
        Status(0, 1000, 0, 0, 6, 1000),
        Status(0, 2000, 0, 0, 5, 1000),
    ]
    inputs.push(told, scans, segment, 0)
    assert [(edge.scan, edge.uncertainty, edge.text) for edge in inputs.edges] == [
        (499.5, 0.5, "input 0 low"),
        (1500.0, 500.0, "input 0 high"),
        (1500.0, 500.0, "input 1 low"),
    ]


def test_inputs_before_and_after_a_restart_are_not_compared():
    inputs = Inputs()
    scans = np.array([4998, 4999, 0, 1])
    segment = np.array([0, 0, 1, 1])
    statuses = [Status(0, 4000, 0, 0, 7, 1000), Status(0, 0, 0, 0, 5, 1000)]
    inputs.push(statuses, scans, segment, 0)
    inputs.push([Status(0, 9, 0, 0, CHANGED | 7, 1000)], scans[:0], segment[:0], 1)
    assert [(edge.segment, edge.text) for edge in inputs.edges] == [(1, "input 1 high")]
