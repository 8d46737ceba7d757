"""The notebook's side of a recording: start it, call out, look after it, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import emgnb
from emgnb.acquire import control, dialects
from emgnb.acquire import health as healths
from emgnb.acquire.health import Health
from emgnb.acquire.ports import PortError, split_url

KINDS = ("raw", "rectified", "envelope")
# Attributes of a session that the recorder itself writes.
OWN = (
    *("participant", "session", "started", "device", "firmware", "port", "dialect", "journal"),
    *("rate_from", "clock", "segments", "crc_errors", "junk_bytes", "overruns", "faults"),
)
# A board's port may take a while to open; importing the simulated face, too, on a slow laptop.
PATIENCE = 60.0
LOG = "recorder.log"
# Started through a process that ends at once, the recorder is no child of the kernel: Jupyter ends
# a kernel's children with it, and a killed child of a living kernel would stay as a zombie.
_LAUNCH = """
import subprocess, sys
log = open(sys.argv[1], "ab")
apart = (
    {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    if sys.platform == "win32" else {"start_new_session": True}
)
child = subprocess.Popen(
    [sys.executable, "-P", "-m", "emgnb.acquire.recorder", *sys.argv[2:]],
    stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True, **apart,
)
print(child.pid)
"""


class Recorder:
    """A recording under way, or just over; the recorder itself is another process.

    Attributes
    ----------
    folder : where the recording lies
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Recorder({str(self.folder)!r})"

    def mark(self, text: str, *, ago: float = 0.0, uncertainty: float = 0.0) -> None:
        """Call out what is asked for now, such as "smile"; stamped here and now.

        Parameters
        ----------
        text : what was asked for, or what happened
        ago : s since it was, for a key that is heard late
        uncertainty : s, how far off that moment may be; the clock's own is added

        Raises
        ------
        RuntimeError : the recording is over
        ValueError : `ago` or `uncertainty` is no number of seconds
        """
        for name, seconds in (("ago", ago), ("uncertainty", uncertainty)):
            if not 0 <= seconds < float("inf"):
                raise ValueError(f"{name}={seconds!r}, expected seconds, 0 or more")
        found = self.health()
        if found.state in healths.OVER:
            raise RuntimeError(f"{self.folder.name} is over ({found}): this mark is not recorded")
        control.append(self.folder, "mark", text, ago=ago, uncertainty=uncertainty)

    def health(self) -> Health:
        """How it is doing: at most half a second old."""
        found = healths.read(self.folder)
        if found is None:
            raise FileNotFoundError(f"no recording in {self.folder}")
        return found

    def stop(self) -> Path:
        """Stop, wait until the session is written, and return its path; again: only the path.

        Raises
        ------
        RuntimeError : the recorder was killed or could not finish; says what to do
        """
        session = self.folder / "session.zarr"
        found = self.health()
        if found.state not in healths.OVER and found.is_alive:
            control.append(self.folder, "stop")
        while found.state not in healths.OVER:
            if not found.is_alive:
                raise RuntimeError(
                    f"the recorder of {self.folder} was killed after {found.seconds:.0f} s; what "
                    f"it recorded is safe: acquire.recover({str(self.folder)!r})"
                )
            time.sleep(0.02)
            found = self.health()
        if found.state == healths.FAILED:
            raise RuntimeError(found.message)
        return session


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
    """Start recording, in a process of its own that outlives the notebook.

    Parameters
    ----------
    port : "COM3", "/dev/ttyACM0", "sim://smile?seed=1", "replay://…"; see `open_port`
    folder : each recording becomes a folder in it, named by time and participant
    participant, session : who (a random id, no name), and which wearing of the electrodes
    montage : (channel, muscle, side) of each channel, in the board's order
    signal_kind : what the sensors give, "raw", "rectified" or "envelope"; one, or one a channel
    units, units_per_count : unit of the samples, and how much of it a count is, such as "V" and
        5 / 1024; counts by default, volts for the simulated face
    dialect : "frames", "csv", "csv-plain" (lines without a leading time), "chords", "spikerbox",
        "cyton", or "auto", which tells from the first bytes
    attrs : further attributes of the session, such as the consent given:
        ``{"consent": {"version": "1", "date": "2026-05-04", "scope": "…", "sharing": "none"}}``

    Returns
    -------
    Recorder, recording

    Raises
    ------
    PortError : no such port, busy, no permission …: what it is and what to do
    ValueError : an argument that cannot be
    RuntimeError, TimeoutError : the recorder ended at once, or did not begin; says what it said
    """
    rows = _montage(montage)
    dialects.check(dialect)
    split_url(port)
    for kind in [signal_kind] if isinstance(signal_kind, str) else signal_kind or []:
        if kind not in KINDS:
            raise ValueError(f"signal_kind {kind!r}, expected one of {', '.join(KINDS)}")
    taken = sorted(set(attrs or ()) & set(OWN))
    if taken:
        raise ValueError(f"attrs: {', '.join(taken)} is written by the recorder itself")
    participant, session = str(participant), str(session)  # numbers are welcome
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,64}", participant):
        raise ValueError(
            f"participant {participant!r}: letters, digits, - and _ only, it names a folder"
        )
    settings = {
        "port": port,
        "participant": participant,
        "session": session,
        "montage": rows,
        "signal_kind": signal_kind if isinstance(signal_kind, str | None) else list(signal_kind),
        "units": units,
        "units_per_count": units_per_count,
        "dialect": dialect,
        "attrs": dict(attrs or {}),
    }
    try:
        told = json.dumps(settings)
    except TypeError as error:
        raise ValueError(f"attrs: {error}; text, numbers, and lists or dicts of these") from None
    place = _fresh_folder(Path(folder).expanduser().absolute(), participant)
    log = place / LOG
    # -P: a file signal.py or json.py beside the notebook is not taken for Python's own.
    command = [sys.executable, "-P", "-c", _LAUNCH, str(log), str(place), told]
    try:
        launched = subprocess.run(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if launched.returncode:
            raise RuntimeError(f"the recorder could not be started: {launched.stderr.strip()}")
        _wait_until_it_records(place, pid=int(launched.stdout))
    except (KeyboardInterrupt, TimeoutError):
        # Nobody would know of the recording that goes on.
        control.append(place, "stop")
        raise
    return Recorder(place)


def attach(folder: str | os.PathLike[str] = "recordings") -> Recorder:
    """Take up a recording again, as after a restart of the kernel.

    Parameters
    ----------
    folder : the recording's own (`Recorder.folder`), or the one it lies in: then the newest that
        still runs, or the newest

    Raises
    ------
    FileNotFoundError : no recording there
    """
    path = Path(folder).expanduser().absolute()
    if not (path / healths.FILE).exists():
        inside = [file.parent for file in path.glob(f"*/{healths.FILE}")]
        if not inside:
            raise FileNotFoundError(f"no recording in {path}: start one with acquire.start(...)")
        # Names tell the time, unless the computer's clock was set back.
        path = max(inside, key=lambda each: (_runs(each), each.name))
    return Recorder(path)


def _runs(folder: Path) -> bool:
    found = healths.read(folder)
    return found is not None and found.is_alive


def _montage(montage: Sequence[Sequence[str]] | None) -> list[list[str]] | None:
    if montage is None:
        return None
    rows = [list(map(str, row)) for row in montage]
    odd = [row for row in rows if len(row) != 3]
    names = [row[0] for row in rows]
    if odd or len(set(names)) != len(names):
        raise ValueError(
            f"montage {rows}: expected (channel, muscle, side) of each channel, names differing"
        )
    sides = sorted({row[2] for row in rows} - {"left", "right", "midline", ""})
    if sides:
        raise ValueError(f"montage: side {sides[0]!r}, expected left, right, midline or nothing")
    return rows


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
    raise FileExistsError(f"{parent / name} and its 999 successors exist")


def environment() -> dict[str, str]:
    """Return the environment for a process like this one, with emgnb in reach if not installed."""
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
        if not (place / "journal.emgj").exists():
            _clear(place, pid)
        raise (PortError if found.port_error else RuntimeError)(found.message)
    log = place / LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    said = f"{lines[-1] if lines else 'it said nothing'}; see {log}"
    if died:
        raise RuntimeError(f"the recorder ended at once: {said}")
    raise TimeoutError(f"the recorder did not begin within {PATIENCE:.0f} s: {said}")


def _clear(place: Path, pid: int) -> None:
    """Remove the folder of a recording that never began, if nothing stands in the way."""
    # Windows lets nobody remove the log as long as the recorder, which is ending, has it open.
    deadline = time.monotonic() + 5.0
    while healths.process_runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(OSError):
        for file in (healths.FILE, LOG):
            (place / file).unlink(missing_ok=True)
        place.rmdir()
