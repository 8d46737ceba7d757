"""Write and read the state of a recording, which its recorder updates twice a second."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from emgnb import advice
from emgnb.acquire.clock import host_ns

STARTING = "starting"
RECORDING = "recording"
WAITING = "waiting for port"
CONVERTING = "converting"
STOPPED = "stopped"
FAILED = "failed"
OVER = (STOPPED, FAILED)
FILE = "health.json"
# Heartbeat age (s) after which the recorder counts as dead; a slow disk delays heartbeats.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Health:
    """State of a recording at one time.

    state : "starting", "recording", "waiting for port", "converting", "stopped" or "failed"
    message : the problem and what to do; empty if there is none
    rate : measured scans per second, Hz; None for the first 2 s. nominal_rate : as reported
    lost, crc_errors, junk : missing scans, damaged frames or lines, bytes outside frames
    impossible : scans dropped for an invalid sequence number
    overruns, dropped : scans and bytes that the board could not keep up with
    drift_ppm : measured relative to nominal rate
    seconds, bytes : recorded so far
    buffer : bytes read but not yet on disk
    clipping : share of the last seconds' samples at the converter's ends, by channel
    segments : 1, plus 1 per reconnect or restart of the board
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
        if self.clipped:
            shares = (f"{name} {self.clipping[name]:.0%}" for name in self.clipped)
            parts.append("clipping: " + ", ".join(shares))
        return " · ".join(parts) + (f" — {self.message}" if self.message else "")

    @property
    def clipped(self) -> list[str]:
        """Channels that clip in more than 1 % of their samples."""
        return [name for name, share in self.clipping.items() if share > advice.CLIPPED]

    @property
    def findings(self) -> list[advice.Finding]:
        """Problems of the stream, each with a remedy; see `advice.of_stream`."""
        return advice.of_stream(
            scans=self.scans,
            lost=self.lost,
            damaged=self.crc_errors + self.impossible,
            overruns=self.overruns,
            dropped=self.dropped,
            rate=self.rate,
            nominal=self.nominal_rate,
        )

    @property
    def is_alive(self) -> bool:
        """Whether the recorder that wrote this is running."""
        age = (host_ns() - self.heartbeat_ns) / 1e9
        # After a restart of the computer, the clock starts again and the pid may be reused.
        return self.state not in OVER and -1 < age < PATIENCE and process_runs(self.pid)


def write(folder: Path, health: Health) -> None:
    """Replace the health file atomically, else rewrite it in place; errors are ignored."""
    target, fresh = folder / FILE, folder / (FILE + ".new")
    text = json.dumps(asdict(health))
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)
    except OSError:
        # The old file can be rewritten in place without new disk space.
        with contextlib.suppress(OSError), target.open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()


def read(folder: Path) -> Health | None:
    """Return the recorder's last health, None if there is none."""
    known = {each.name for each in fields(Health)}
    for _ in range(20):
        try:
            found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            time.sleep(0.01)  # the file is being replaced
            continue
        if not isinstance(found, dict):
            return None
        found["channels"] = tuple(found.get("channels", ()))
        return Health(**{key: value for key, value in found.items() if key in known})
    return None


def process_runs(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
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
        # "pid (name) state …"; a zombie is a dead process that its parent has not collected.
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
