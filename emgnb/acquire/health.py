"""How a recording is doing, as the recorder writes it down twice a second."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from emgnb.acquire.clock import host_ns

STARTING = "starting"
RECORDING = "recording"
WAITING = "waiting for port"
CONVERTING = "converting"
STOPPED = "stopped"
FAILED = "failed"
OVER = (STOPPED, FAILED)
FILE = "health.json"
# Seconds that a slow disk may keep a recorder from saying that it lives.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Health:
    """One look at a recording.

    state : "starting", "recording", "waiting for port", "converting", "stopped" or "failed"
    message : what is odd, and what to do; empty when all is well
    rate : scans a second as measured, Hz; None until 2 s have come. nominal_rate as claimed
    lost, crc_errors, junk : scans that never came, damaged frames or lines, bytes of no frame
    impossible : scans dropped because their number cannot be
    overruns, dropped : what the board itself could not keep up with (scans, bytes)
    drift_ppm : measured against nominal rate
    seconds, bytes : recorded so far
    buffer : bytes read and not yet on disk
    clipping : share of the last seconds' samples at the converter's ends, by channel
    segments : 1, and one more for each reconnect or restart of the board
    """

    state: str = STARTING
    message: str = ""
    port: str = ""
    dialect: str | None = None
    channels: tuple[str, ...] = ()
    rate: float | None = None
    nominal_rate: float | None = None
    scans: int = 0
    lost: int = 0
    crc_errors: int = 0
    junk: int = 0
    impossible: int = 0
    overruns: int = 0
    dropped: int = 0
    drift_ppm: float | None = None
    seconds: float = 0.0
    bytes: int = 0
    buffer: int = 0
    segments: int = 0
    marks: int = 0
    clipping: dict[str, float] = field(default_factory=dict)
    port_error: bool = False
    pid: int = 0
    heartbeat_ns: int = 0

    def __str__(self) -> str:
        parts = [f"{self.state}", f"{self.seconds:.1f} s", f"{self.scans} scans"]
        if self.rate is not None:
            parts.append(f"{self.rate:.1f} Hz")
        parts += [f"{self.lost} lost", f"{self.crc_errors} damaged"]
        clipped = [f"{name} {share:.0%}" for name, share in self.clipping.items() if share > 0.01]
        if clipped:
            parts.append("clipping: " + ", ".join(clipped))
        return " · ".join(parts) + (f" — {self.message}" if self.message else "")

    @property
    def is_alive(self) -> bool:
        """True while the recorder that wrote this runs."""
        age = (host_ns() - self.heartbeat_ns) / 1e9
        # After a restart of the computer the clock begins anew, and the pid may be another's.
        return self.state not in OVER and -1 < age < PATIENCE and process_runs(self.pid)


def write(folder: Path, health: Health) -> None:
    """Put `health` in place at once; a full disk or a reader in the way is survived."""
    target, fresh = folder / FILE, folder / (FILE + ".new")
    text = json.dumps(asdict(health))
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)
    except OSError:
        # Rewriting the old file in its place needs no new space.
        with contextlib.suppress(OSError), target.open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()


def read(folder: Path) -> Health | None:
    """Return what the recorder wrote last, None when there is nothing to read."""
    known = {each.name for each in fields(Health)}
    for _ in range(20):
        try:
            found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            time.sleep(0.01)  # it is being replaced
            continue
        if not isinstance(found, dict):
            return None
        found["channels"] = tuple(found.get("channels", ()))
        return Health(**{key: value for key, value in found.items() if key in known})
    return None


def process_runs(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    if pid <= 0:
        return False
    if os.name == "nt":
        return _windows_process_runs(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # "pid (name) state …"; a zombie waits for a parent that does not look.
        state = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
        )
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


def _windows_process_runs(pid: int) -> bool:
    # On Windows os.kill(pid, 0) would end the process.
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    query_limited_information, still_active = 0x1000, 259
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active
