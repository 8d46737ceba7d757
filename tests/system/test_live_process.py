"""Decoding beside a recording: what comes out, and what each fault shows; nothing is invented."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import decoders
import fakeboard
import numpy as np
import psutil
import pytest
from waiting import until

from emgnb import acquire, live, models
from emgnb.acquire.clock import host_ns
from emgnb.acquire.record.health import process_runs
from emgnb.acquire.wire.frames import Encoder

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
PORT = "sim://smile?seed=90007&difficulty=easy"
posix = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals, no SIGSTOP")


@pytest.fixture(scope="module")
def lda() -> models.Classifier:
    return decoders.lda()


@pytest.fixture(scope="module")
def model(lda: models.Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lda.save(tmp_path_factory.mktemp("models") / "lda")


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[acquire.Recorder]:
    made = acquire.start(PORT, tmp_path)
    yield made
    if made.health().is_alive:
        made.stop()


def decisions(outputs: list[live.Output]) -> list:
    """Outputs without what is not computed from the journal: delay, and announcements."""
    return [
        (o.host_ns, o.seconds, o.kind, dict(o.values), o.label) for o in outputs if o.kind != "gap"
    ]


def test_command_lines_name_neither_the_participant_nor_a_folder(tmp_path, model, monkeypatch):
    lines: list[str] = []
    real = subprocess.Popen.__init__

    def noted(self, args, *rest, **options):
        lines.append(" ".join(args))
        real(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)  # of what starts the processes
    recorder = acquire.start(PORT, tmp_path, participant="zebulonquill")
    try:
        assert "zebulonquill" in recorder.folder.name
        with live.decode(recorder, model) as decoding:
            for pid in (recorder.health().pid, decoding.pid):
                lines.append(" ".join(psutil.Process(pid).cmdline()))
    finally:
        recorder.stop()
    assert ["emgnb.acquire.record.process" in line for line in lines].count(True) == 2
    assert ["emgnb.live.process" in line for line in lines].count(True) == 2
    for line in lines:
        for told in ("zebulonquill", str(tmp_path), "sim://"):
            assert told not in line


def test_live_decisions_equal_those_of_the_journal_decoded_as_a_whole(recorder, model, lda):
    with live.decode(recorder, model, majority=3) as decoding:
        outputs: list[live.Output] = []
        until(lambda: outputs.extend(decoding.new()) or len(decisions(outputs)) > 20)
        latest = outputs[-1]
        assert decoding.state == "decoding"
        assert decoding.stream.names == lda.classes
        assert latest.delay > 0
        assert host_ns() - latest.host_ns < 60e9
    assert decoding.state == "stopped"
    assert decoding.message == "stopped on request"
    outputs += decoding.new()
    whole = live.replay(recorder, lda, majority=3)
    made, expected = decisions(outputs), decisions(whole)
    assert len(made) > 20
    values = {row[0]: row[:4] for row in expected}
    assert [row[:4] for row in made] == [values[row[0]] for row in made]
    if not any("skipped" in o.note for o in outputs):
        assert made == expected[: len(made)]
    assert [o.number for o in outputs] == sorted({o.number for o in outputs})
    assert outputs[-1].kind == "gap"


def test_a_stopped_recording_ends_its_decoder_with_a_gap(recorder, lda):
    decoding = live.decode(recorder, lda)
    outputs = []
    for output in decoding:
        outputs.append(output)
        if len(outputs) == 5:
            recorder.stop()
    assert (outputs[-1].kind, outputs[-1].note) == ("gap", "the recording ended")
    assert decoding.latest == outputs[-1]
    assert live.attach(recorder.folder).latest == outputs[-1]
    with pytest.raises(ValueError, match=r"live\.replay"):
        live.decode(recorder, lda)


def test_a_replaced_model_is_said_and_the_loaded_one_decodes_on(recorder, lda, tmp_path):
    path = lda.save(tmp_path / "mine")
    with live.decode(recorder, path) as decoding:
        path.unlink()
        until(lambda: "was removed" in decoding.message)
        lda.save(path)
        until(lambda: "was replaced" in decoding.message)
        assert f"still uses lda {lda.fingerprint}" in decoding.message
        before = decoding.latest.number
        until(lambda: decoding.latest.number > before + 5)
        assert decoding.latest.kind == "expression"


def test_a_killed_decoder_leaves_no_output_that_looks_new(recorder, lda):
    decoding = live.decode(recorder, lda)
    until(lambda: decoding.latest and decoding.latest.kind == "expression")
    os.kill(decoding.pid, KILL)
    until(lambda: not process_runs(decoding.pid))
    until(lambda: decoding.latest.kind == "gap")
    latest = decoding.latest
    assert "the decoder was killed. Start another: live.decode" in latest.note
    assert decoding.state == "failed"
    assert recorder.health().is_alive
    again = live.decode(recorder, lda)
    assert again.path.name == "live-2.jsonl"
    until(lambda: again.latest and again.latest.kind == "expression")
    again.stop()


@posix
def test_a_decoder_that_hangs_shows_a_gap_and_then_says_what_it_skipped(recorder, lda):
    with live.decode(recorder, lda) as decoding:
        until(lambda: decoding.latest and decoding.latest.kind == "expression")
        os.kill(decoding.pid, signal.SIGSTOP)
        until(lambda: decoding.latest.kind == "gap" and "hangs" in decoding.latest.note)
        decoding.new()
        os.kill(decoding.pid, signal.SIGCONT)
        outputs = decoding.new()
        until(lambda: outputs.extend(decoding.new()) or any("skipped" in o.note for o in outputs))
        until(lambda: decoding.latest.kind == "expression")


def test_a_killed_recorder_is_said_and_decoding_ends(recorder, lda):
    decoding = live.decode(recorder, lda)
    until(lambda: decoding.latest and decoding.latest.kind == "expression")
    os.kill(recorder.health().pid, KILL)
    until(lambda: decoding.state == "stopped")
    notes = [o.note for o in decoding.new() if o.kind == "gap"]
    assert any(note.startswith("no scans for 0.") for note in notes)
    assert "the recorder was killed. The recorded data is safe" in notes[-1]
    acquire.recover(recorder.folder)


class Face(fakeboard.Ours):
    """A board with a face's counts, whose cable is pulled and plugged in again."""

    out = False

    def bytes_of(self, first: int, count: int) -> bytes:
        values = self.values[np.arange(self.scan, self.scan + count) % len(self.values)]
        data = Encoder(8).scans(self.scan, values)
        self.scan += count
        return b"" if self.out else data


@posix
def test_a_silent_board_and_lost_scans_are_announced(tmp_path):
    made = decoders.face()
    counts = decoders.counts(made, 8.0, ("smile", "rest", "frown", "rest"))
    montage = list(zip(made.channels, made.muscle, made.side, strict=True))
    # The gain of this board is unknown, so features with thresholds have none.
    lda = decoders.lda("covariance")
    with Face(counts.astype(np.uint16)) as board:
        recorder = acquire.start(
            board.port,
            tmp_path,
            montage=montage,
            units="V",
            units_per_count=made.volts_per_count,
            attrs={},
        )
        try:
            with live.decode(recorder, lda) as decoding:
                until(lambda: decoding.latest and decoding.latest.kind == "expression")
                board.out = True
                decoding.new()
                notes: list[str] = []

                def says(words: str) -> bool:
                    notes.extend(o.note for o in decoding.new())
                    return any(words in note for note in notes)

                until(lambda: says("no scans for "))
                board.out = False
                until(lambda: says("lost"))
                until(lambda: decoding.latest.kind == "expression")
        finally:
            recorder.stop()
    assert any(" scans lost (" in note for note in notes)


def test_a_killed_kernel_changes_nothing(tmp_path, model):
    code = f"""
import os, signal
from emgnb import acquire, live
recorder = acquire.start({PORT!r}, {str(tmp_path)!r})
live.decode(recorder, {str(model)!r})
os.kill(os.getpid(), {int(KILL)})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode
    recorder, decoding = acquire.attach(tmp_path), live.attach(tmp_path)
    before = decoding.latest.number if decoding.latest else 0
    until(lambda: decoding.latest.number > before + 10)
    assert decoding.latest.kind == "expression"
    decoding.stop()
    recorder.stop()


def test_what_does_not_fit_is_raised_and_leaves_no_file(recorder, tmp_path):
    other = decoders.lda(channels=4)
    with pytest.raises(ValueError, match="channel"):
        live.decode(recorder, other)
    assert not list(recorder.folder.glob("live*"))
    with pytest.raises(TypeError, match="a dict cannot run live"):
        live.decode(recorder, {})
    with pytest.raises(FileNotFoundError, match="no model at"):
        live.decode(recorder, tmp_path / "none.npz")


def command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "emgnb.cli", "live", PORT, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True)


def test_the_command_records_decodes_and_sends(tmp_path, model):
    folder, file = tmp_path / "recordings", tmp_path / "out.jsonl"
    made = command("--model", model, "-o", folder, "--seconds", 3, "--to", f"file://{file}")
    assert made.returncode == 0, made.stderr
    assert "20 outputs a second; filters, window and smoothing delay them by 10" in made.stdout
    assert "  smile" in made.stdout
    assert made.stdout.strip().endswith("session.zarr")
    assert len(file.read_text().splitlines()) > 20


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, model):
    missing = command("--model", tmp_path / "none.npz", "-o", tmp_path)
    assert (missing.returncode, "no model at" in missing.stderr) == (2, True)
    assert not list(tmp_path.iterdir())  # nothing was recorded
    nowhere = command("--model", model, "-o", tmp_path, "--to", "carrier-pigeon://home")
    assert (nowhere.returncode, "is not a destination" in nowhere.stderr) == (2, True)
