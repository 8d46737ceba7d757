"""The commands: what they print, and that they fail in one line."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import ctrl_c_heard, until

from emgnb import acquire, recording
from emgnb.cli import main


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "emgnb.cli", *arguments], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A recording's folder, made by the command."""
    folder = tmp_path_factory.mktemp("recordings")
    made = run(
        *("record", "sim://smile?seed=1", "-o", str(folder), "--participant", "P07"),
        *("--channels", "4", "--seconds", "2"),
    )
    assert made.returncode == 0, made.stderr
    assert "recording to" in made.stdout
    assert "0 lost" in made.stderr
    (place,) = folder.iterdir()
    assert made.stdout.strip().endswith(str(place / "session.zarr"))
    return place


def test_ports_lists_the_simulated_face(capsys):
    assert main(["ports"]) == 0
    assert "sim://smile?seed=1 " in capsys.readouterr().out


def test_record_makes_a_session_with_what_was_asked_for(recorded):
    session = recording.open(recorded / "session.zarr")
    signal_ = session["emg/signal"]
    assert session.attrs["participant"] == "P07"
    assert signal_.sizes["channel"] == 4
    assert 1800 <= signal_.sizes["time"] <= 6000


def test_info_tells_what_is_in_a_session_and_in_its_journal(recorded, capsys):
    for path in (recorded, recorded / "session.zarr", recorded / "journal.emgj"):
        assert main(["info", str(path)]) == 0
        said = capsys.readouterr().out
        assert "P07" in said
        assert "1000.0" in said
        assert "lost        0 scans" in said
        assert "corrugator_l" in said
        assert "!" not in said


def test_recover_makes_the_session_anew_elsewhere_and_never_over_one(recorded, tmp_path, capsys):
    assert main(["recover", str(recorded)]) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err
    target = tmp_path / "again.zarr"
    assert main(["recover", str(recorded), "--to", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    again, first = recording.open(target), recording.open(recorded / "session.zarr")
    assert again["emg/signal"].equals(first["emg/signal"])


def test_stop_ends_a_recording_that_nobody_holds(tmp_path, capsys):
    recorder = acquire.start("sim://rest?seed=1&channels=2", tmp_path, participant="P08")
    until(lambda: recorder.health().scans > 0)
    assert main(["stop", str(tmp_path)]) == 0
    session = recording.open(capsys.readouterr().out.strip())
    assert session.attrs["participant"] == "P08"


def test_doctor_finds_the_simulated_face_well(capsys):
    assert main(["doctor", "sim://rest?seed=1&channels=2", "--seconds", "1.5"]) == 0
    said = capsys.readouterr().out
    assert "firmware  emgnb simulated face" in said
    assert "protocol  emgnb frames" in said
    assert "nominal 1000 Hz" in said
    assert "0 scans lost" in said
    assert said.rstrip().endswith("no problems found")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_doctor_names_what_is_wrong_with_a_board(capsys):
    import threading
    import tty

    import numpy as np

    from emgnb.acquire.wire.frames import Encoder

    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    done = threading.Event()

    def board() -> None:
        """Loses every tenth block, has one flat and one clipping channel."""
        scan = 0
        while not done.wait(0.01):
            values = np.array([[500, 1023, 400 + n] for n in range(10)], dtype=np.uint16)
            if scan % 100:
                with contextlib.suppress(BlockingIOError):
                    os.write(master, Encoder(3).scans(scan, values))
            scan += 10

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    try:
        code = main(["doctor", os.ttyname(slave), "--seconds", "2"])
    finally:
        done.set()
        thread.join()
        os.close(master)
        os.close(slave)
    said = capsys.readouterr().out
    assert code == 1
    assert "scans lost: use another USB socket" in said
    assert "! ch1: no signal: check that the electrodes are on" in said
    assert "! ch2: no signal" in said
    assert "! ch3: no signal" not in said
    assert "100.0%" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["record", "/dev/ttyNope"], "no port /dev/ttyNope"),
        (["record", "sim://smile", "--participant", "Jane Doe"], "letters, digits"),
        (["record", "sim://smile", "--seconds", "-1"], "expected more than 0"),
        (["doctor", "/dev/ttyNope"], "no port /dev/ttyNope"),
        (["info", "/no/such/place"], "no recording at /no/such/place"),
        (["recover", "/no/such/place"], "no recording at /no/such/place"),
        (["recover", "."], "nothing recorded"),
        (["lab", "--port", "99999"], "port 99999, expected 1 to 65535"),
        (["lab", "thesis"], "no folder thesis: check the name. For a new one: mkdir thesis"),
        (["process", "/no/such/place"], "no file or folder /no/such/place"),
        (["doctor", "sim://smile?sensr=v3"], "mains, sensor, difficulty"),
    ],
)
def test_errors_are_one_line_and_code_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"emgnb {arguments[0]}: ")


def test_info_of_something_else_says_what_it_found(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("time,ch1\n")
    assert main(["info", str(tmp_path / "table.csv")]) == 2
    assert "not a journal" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_closed_terminal_ends_a_recording_with_its_session(tmp_path):
    """The terminal is gone: it sends its signal, and every word to it is an error."""
    import pty

    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "emgnb.cli", "record", "sim://smile", "-o", str(tmp_path)]
        os.execv(sys.executable, command)
    said = b""
    while b"scans" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    os.waitpid(child, 0)
    recorder = acquire.attach(tmp_path)
    until(lambda: recorder.health().state == "stopped")
    assert recording.open(recorder.stop())["emg/signal"].sizes["time"] > 0


@pytest.mark.parametrize("url", ["sim://", "sim://?channels=2"])
def test_the_simulated_face_needs_no_name(url, capsys):
    main(["doctor", url, "--seconds", "1.5"])  # on a busy computer it finds the rate too low
    assert "emgnb simulated face" in capsys.readouterr().out


def test_info_prints_no_control_characters_of_a_file(tmp_path, capsys):
    evil = "smile\x1b]0;owned\x07\x1b[2J"
    x = recording.signal([[1.0], [2.0], [1.0]] * 9, rate=100.0, units="V", channel=["a"])
    session = recording.make(x, markers=recording.markers([0.1], [evil]))
    assert main(["info", str(recording.save(session, tmp_path / "session.zarr"))]) == 0
    said = capsys.readouterr().out
    assert r"smile\x1b]0;owned\x07" in said
    assert all(c.isprintable() or c == "\n" for c in said)


@pytest.mark.parametrize(
    ("code", "package", "extra"),
    [
        ("from emgnb import plots", "plotly", "lab"),
        ("import emgnb.plots", "plotly", "lab"),
        ("from emgnb.plots import signal", "plotly", "lab"),
        ("from emgnb.widgets import Cues", "anywidget", "lab"),
        ("from emgnb import widgets; widgets.Tuner", "ipywidgets", "lab"),
        ("import emgnb; emgnb.widgets.Capture", "anywidget", "lab"),
    ],
)
def test_a_missing_extra_says_how_to_install_it(code, package, extra):
    without = f"import sys; sys.modules[{package!r}] = None; {code}"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: emgnb."), last
    assert f'needs {package}, which is not installed: pip install "emgnb[{extra}]"' in last


def test_a_missing_package_is_said_in_one_line(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "emgnb.demo", None)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_interrupted_demo_leaves_no_recording(tmp_path):
    from emgnb import demo

    marked = acquire.Recorder.mark
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(self, text):
            marked(self, text)
            raise KeyboardInterrupt

        patch.setattr(acquire.Recorder, "mark", interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.run(tmp_path, say=lambda _: None)
    assert not acquire.attach(tmp_path).health().is_alive


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to a child on Windows")
def test_ctrl_c_ends_a_recording_with_its_session(tmp_path):
    with ctrl_c_heard():
        child = subprocess.Popen(
            [sys.executable, "-m", "emgnb.cli", "record", "sim://smile", "-o", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert child.stdout is not None
    assert child.stdout.readline().startswith("recording to")
    recorder = acquire.attach(tmp_path)
    until(lambda: recorder.health().scans > 200)
    child.send_signal(signal.SIGINT)
    try:
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0
    assert "Traceback" not in err
    assert recording.open(out.strip())["emg/signal"].sizes["time"] > 100
