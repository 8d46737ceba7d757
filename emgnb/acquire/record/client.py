"""Start, mark, monitor and stop a recording from a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import emgnb
from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalReader
from emgnb.acquire.ports.port import PortError, split_url
from emgnb.acquire.record import _control, _stopping
from emgnb.acquire.record import health as healths
from emgnb.acquire.record import settings as settings_
from emgnb.acquire.record.health import Health
from emgnb.acquire.wire import dialects, marking
from emgnb.acquire.wire.marking import Mark

# Time (s) to open a board's port, or to import the simulated face on a slow laptop.
PATIENCE = 60.0
LOG = "recorder.log"
# Processes are started through one that ends immediately, so that they are no children of the
# kernel: Jupyter ends a kernel's children with it, and a killed child would remain as a zombie.
# Folders and settings hold participants' codes, and every account of a computer can read command
# lines. So both processes read them from their standard input.
_LAUNCH = """
import json, subprocess, sys
log, *arguments = json.load(sys.stdin)
apart = (
    {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    if sys.platform == "win32" else {"start_new_session": True}
)
with open(log, "ab") as out:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", sys.argv[1]],
        stdin=subprocess.PIPE, stdout=out, stderr=out, close_fds=True, **apart,
    )
try:
    child.stdin.write(json.dumps(arguments).encode())
    child.stdin.close()
except OSError:
    pass  # it has ended, and the log says why
print(child.pid)
"""


class Recorder:
    """A running or finished recording; the recorder itself is a separate process.

    Attributes
    ----------
    folder : folder of the recording
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Recorder({str(self.folder)!r})"

    def mark(self, text: str, *, ago: float = 0.0, uncertainty: float = 0.0, name: str = "") -> str:
        """Set a marker, such as "smile", with the current time.

        Parameters
        ----------
        text : the requested expression, or an event
        ago : s since the event, for a key press that is received late
        uncertainty : s, uncertainty of that time; the clock's own is added
        name : identifies the marker for `unmark` and `correct`, must be unique; by default random

        Returns
        -------
        the marker's name

        Raises
        ------
        RuntimeError : the recording is over
        ValueError : `ago` or `uncertainty` is not a valid number of seconds, the marker lies before
            the recording, or the text has more than 10 000 characters
        OSError : the marker cannot be written
        """
        for what, seconds in (("ago", ago), ("uncertainty", uncertainty)):
            if not 0 <= seconds < float("inf"):
                raise ValueError(f"{what}={seconds!r}, expected seconds, 0 or more")
        name = (name or secrets.token_hex(8))[: _control.NAME]
        self._need_running("this marker is not recorded")
        if ago > _control.OUTSIDE and ago > self._age() + _control.OUTSIDE:
            raise ValueError(f"ago={ago:g}, but the recording began {self._age():.0f} s ago")
        _control.append(
            self.folder, marking.MARK, text, ago=ago, uncertainty=uncertainty, mark=name
        )
        return name

    def unmark(self, mark: str | None = None) -> Mark:
        """Withdraw a wrong marker: the session omits it, and its `markers` record the withdrawal.

        Parameters
        ----------
        mark : the name returned by `mark`, or one of `marks`; by default the last one set

        Returns
        -------
        the marker that was withdrawn

        Raises
        ------
        RuntimeError : the recording is over
        ValueError : there is no such marker
        """
        wrong = self._find(mark)
        self._need_running("its markers are now in the session: remove it there")
        _control.append(self.folder, marking.UNMARK, mark=wrong.name)
        return wrong

    def correct(self, text: str, mark: str | None = None) -> Mark:
        """Change a marker's text. Its time stays, and the session's `markers` keep the old text.

        Parameters
        ----------
        text : the correct text
        mark : the name returned by `mark`, or one of `marks`; by default the last one set

        Returns
        -------
        the corrected marker

        Raises
        ------
        RuntimeError : the recording is over
        ValueError : there is no such marker, or no text
        """
        if not text:
            raise ValueError("a marker needs text. To remove the marker, use unmark()")
        wrong = self._find(mark)
        self._need_running("its markers are now in the session: correct it there")
        _control.append(self.folder, marking.CORRECT, text, mark=wrong.name)
        return wrong._replace(text=text)

    @property
    def marks(self) -> list[Mark]:
        """Valid markers, in the order they were set; times in s of the host's clock."""
        return marking.standing(*marking.of_orders(_control.read(self.folder)))

    def _find(self, name: str | None) -> Mark:
        found = [mark for mark in self.marks if name is None or mark.name == name]
        if not found:
            which = (
                "no marker yet"
                if name is None
                else f"no marker {name!r}: it does not exist or was removed"
            )
            raise ValueError(f"{self.folder.name}: {which}. See rec.marks")
        return found[-1]

    def _need_running(self, why: str) -> None:
        found = self.health()
        if found.state in healths.OVER:
            raise RuntimeError(f"{self.folder.name} is over ({found}): {why}")

    def health(self) -> Health:
        """Return the state of the recording, at most half a second old."""
        found = healths.read(self.folder)
        if found is None:
            raise FileNotFoundError(f"no recording in {self.folder}")
        return found

    def stop(self) -> Path:
        """Stop, wait until the session is written, and return its path; idempotent.

        The wait is bounded: one minute if the recorder does not react, and a plausible time for
        writing the session.

        Raises
        ------
        RuntimeError : the recorder was killed or could not finish; says what to do
        TimeoutError : the recorder does not react; says what to do
        """
        found = _stopping.stop(self.folder)
        if found.state == healths.FAILED:
            raise RuntimeError(found.message)
        return self.folder / SESSION

    def _age(self) -> float:
        """Return the time (s) since the recorder started its journal."""
        with JournalReader(self.folder / JOURNAL) as reader:
            first = next(reader.records(), None)
        return 0.0 if first is None else (host_ns() - first.mono_ns) / 1e9


def start(
    port: str = "sim://smile?seed=1",
    folder: str | os.PathLike[str] = "recordings",
    *,
    participant: str = "",
    session: str = "",
    montage: Sequence[Sequence[str]] | None = None,
    signal_kind: str | Sequence[str] | None = None,
    units: str | None = None,
    units_per_count: float | None = None,
    dialect: str = "auto",
    attrs: Mapping[str, Any] | None = None,
) -> Recorder:
    """Start recording in a separate process that outlives the notebook.

    Parameters
    ----------
    port : "COM3", "/dev/ttyACM0", "lsl://stream", "sim://smile?seed=1", "replay://…"; see
        `open_port`
    folder : each recording becomes a folder in it, named by time and participant
    participant, session : participant (a random id, not a name) and session (one per electrode
        placement)
    montage : (channel, muscle, side) of each channel, in the board's order
    signal_kind : sensor output, "raw", "rectified" or "envelope"; one, or one per channel
    units, units_per_count : unit of the samples, and the size of one count in it, such as "V" and
        5 / 1024; counts by default, volts for the simulated face
    dialect : "frames", "csv", "csv-plain" (lines without a leading time), "chords", "spikerbox",
        "cyton", or "auto", which detects it from the first bytes
    attrs : further attributes of the session, such as the consent given:
        ``{"consent": {"version": "1", "date": "2026-05-04", "scope": "…", "sharing": "none"}}``;
        any names except those that the recorder writes itself

    Returns
    -------
    Recorder, recording

    Raises
    ------
    PortError : no such port, busy, no permission …; says what is wrong and what to do
    ValueError : arguments that no session could hold; all faults in one message
    RuntimeError, TimeoutError : the recorder ended at once, or did not begin; includes its output
    """
    dialects.check(dialect)
    split_url(port)
    settings = settings_.given(
        participant=participant,
        session=session,
        montage=montage,
        signal_kind=signal_kind,
        units=units,
        units_per_count=units_per_count,
        attrs=attrs,
    )
    settings_.check(settings)
    settings = {**settings, "port": port, "dialect": dialect}
    told = json.dumps(settings)
    place = _fresh_folder(Path(folder).expanduser().absolute(), settings["participant"])
    log = place / LOG
    try:
        _wait_until_it_records(place, launch("emgnb.acquire.record.process", log, place, told))
    except (KeyboardInterrupt, TimeoutError):
        # The caller would not know of the running recording.
        _control.append(place, "stop")
        raise
    return Recorder(place)


def attach(folder: str | os.PathLike[str] = "recordings") -> Recorder:
    """Reconnect to a recording, for example after a restart of the kernel.

    Parameters
    ----------
    folder : the recording's own (`Recorder.folder`), or the folder that contains it: then the
        newest that still runs, or else the newest

    Raises
    ------
    FileNotFoundError : no recording there
    """
    path = Path(folder).expanduser().absolute()
    if not (path / healths.FILE).exists():
        inside = [file.parent for file in path.glob(f"*/{healths.FILE}")]
        if not inside:
            raise FileNotFoundError(f"no recording in {path}: start one with acquire.start(...)")
        # Names sort by time, unless the computer's clock was set back.
        path = max(inside, key=lambda each: (_runs(each), each.name))
    return Recorder(path)


def _runs(folder: Path) -> bool:
    found = healths.read(folder)
    return found is not None and found.is_alive


def _fresh_folder(parent: Path, participant: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}_{participant}" if participant else stamp
    for count in range(1, 1000):
        place = parent / (name if count == 1 else f"{name}_{count}")
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        return place
    raise FileExistsError(f"{parent / name} and 999 numbered folders after it exist")


def launch(module: str, log: Path, *arguments: object) -> int:
    """Start a module as a process that outlives the kernel, and return its pid.

    Parameters
    ----------
    module : run as ``python -m module``
    log : file to which its output is appended
    arguments : the process reads them from its standard input, as a JSON list of texts; its command
        line, which every account of the computer can read, is that of all processes of the module

    Raises
    ------
    RuntimeError : the process could not be started
    """
    # -P: Python ignores files named signal.py or json.py next to the notebook.
    launched = subprocess.run(
        [sys.executable, "-P", "-c", _LAUNCH, module],
        env=environment(),
        input=json.dumps([str(each) for each in (log, *arguments)]),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if launched.returncode:
        raise RuntimeError(f"{module} could not be started: {launched.stderr.strip()}")
    return int(launched.stdout)


def environment() -> dict[str, str]:
    """Return the environment of a Python process that can import emgnb, even if not installed."""
    home = Path(emgnb.__file__).parents[1]
    if home.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    paths = [str(home), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _wait_until_it_records(place: Path, pid: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        found = healths.read(place)
        if found is not None and found.state not in (healths.STARTING, healths.FAILED):
            return
        failed = found is not None and found.state == healths.FAILED
        died = not failed and not healths.process_runs(pid) and healths.read(place) == found
        if failed or died or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    if failed and found is not None:
        if not (place / JOURNAL).exists():
            _clear(place, pid)
        raise (PortError if found.port_error else RuntimeError)(found.message)
    log = place / LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    said = f"{lines[-1] if lines else 'it printed nothing'}; see {log}"
    if died:
        raise RuntimeError(f"the recorder ended immediately: {said}")
    raise TimeoutError(f"the recorder did not start within {PATIENCE:.0f} s: {said}")


def _clear(place: Path, pid: int) -> None:
    """Remove the folder of a recording that never started, if possible."""
    # Windows cannot remove the log while the recorder, which is ending, has it open.
    deadline = time.monotonic() + 5.0
    while healths.process_runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(OSError):
        for file in (healths.FILE, LOG):
            (place / file).unlink(missing_ok=True)
        place.rmdir()
