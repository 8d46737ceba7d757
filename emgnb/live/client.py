"""Start, read and stop a decoder from a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emgnb import filters
from emgnb.acquire import Recorder
from emgnb.acquire.clock import host_ns
from emgnb.acquire.record import health as healths
from emgnb.acquire.record.client import launch
from emgnb.acquire.record.health import process_runs
from emgnb.acquire.record.survey import find_journal
from emgnb.live import _log, _models
from emgnb.live._deciding import Options
from emgnb.live._log import State
from emgnb.live._models import Model
from emgnb.live.output import Output, Stream
from emgnb.live.process import STOP

# Time (s) to import Keras and compile a network on a slow laptop.
PATIENCE = 120.0
# Time (s) that the model and the recording are compared before `decode` returns.
COMPARED = 3.0
# Age (s) from which the newest output is no longer shown as the present one.
STALE = 1.5
# Age (s) up to which the newest output says that the decoder runs.
FRESH = 0.1
# Time (s) after which the process is signalled, and waiting for its end ends.
SIGNAL, GIVE_UP = 3.0, 15.0
# Age (s) of a recording up to which it is decoded from its beginning.
YOUNG = 10.0
# Time (s) before now at which decoding of an older one begins, so that filters settle.
BACK = 3.0
# Interval (s) between looks at the file.
PAUSE = 0.005


class Decoding:
    """A running or finished decoder; the decoder itself is a separate process.

    Iterate over it for each new output, until decoding ends. In a ``with`` statement, the decoder
    is stopped at the end.

    Attributes
    ----------
    folder : the recording's folder
    path : file of the outputs, JSON lines
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.path = path
        self._reader, self._lock = _log.Reader(path), threading.Lock()
        self._stream: Stream | None = None
        self._state = State(_log.STARTING)
        self._latest: Output | None = None
        self._new: deque[Output] = deque(maxlen=1 << 16)

    def __repr__(self) -> str:
        return f"Decoding({str(self.path)!r})"

    @property
    def stream(self) -> Stream | None:
        """Description of the outputs; None until the first scans have come."""
        self._read()
        return self._stream

    @property
    def state(self) -> str:
        """State: "starting", "waiting for scans", "decoding", "stopped" or "failed"."""
        self._read()
        if self._state.state not in _log.OVER and self._died():
            return _log.FAILED
        return self._state.state

    @property
    def message(self) -> str:
        """The problem and what to do, or why decoding ended; empty if there is nothing to say."""
        if self.state == _log.FAILED and self._state.state != _log.FAILED:
            return f"the decoder was killed. Start another: live.decode({str(self.folder)!r}, …)"
        return self._state.message

    @property
    def pid(self) -> int:
        """Number of the decoder's process; 0 until it has started."""
        self._read()
        return self._state.pid

    @property
    def to(self) -> tuple[str, ...]:
        """Where the outputs also go, in sentences, with the address for receivers."""
        self._read()
        return self._state.to

    @property
    def latest(self) -> Output | None:
        """The newest output; None before the first.

        If it is too old to be shown as the present, because the decoder was killed or hangs, a gap
        that says so.
        """
        self._read()
        newest = self._latest
        if newest is None or self._state.state in _log.OVER:
            return newest
        age = (host_ns() - newest.host_ns) / 1e9
        silent = age - newest.delay
        if not silent <= FRESH and self._died():
            note = self.message
        elif silent > STALE:
            note = f"no output for {silent:.1f} s: the decoder hangs"
        else:
            return newest
        return Output(newest.number, newest.host_ns, newest.seconds, age, "gap", note=note)

    def new(self) -> list[Output]:
        """Return the outputs since the last call, at most 65 536, the newest ones."""
        self._read()
        found = list(self._new)
        self._new.clear()
        return found

    def __iter__(self) -> Iterator[Output]:
        """Yield each new output as it comes, until decoding ends."""
        while True:
            over = self.state in _log.OVER
            yield from self.new()
            if over:
                return
            time.sleep(PAUSE)

    def stop(self) -> None:
        """Stop decoding; the recording continues. Idempotent.

        Raises
        ------
        TimeoutError : the process does not react
        """
        begin, signalled = time.monotonic(), False
        while self.state not in _log.OVER:
            passed = time.monotonic() - begin
            if passed > GIVE_UP:
                raise TimeoutError(
                    f"the decoder (process {self._state.pid}) has not reacted for {GIVE_UP:.0f} s: "
                    f"end that process"
                )
            self.path.with_suffix(STOP).touch()
            if passed > SIGNAL and not signalled and sys.platform != "win32":
                signalled = True
                with contextlib.suppress(OSError):
                    os.kill(self._state.pid, signal.SIGTERM)
            time.sleep(0.02)
        self.path.with_suffix(STOP).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.stop()

    def _died(self) -> bool:
        return self._state.pid > 0 and not process_runs(self._state.pid) and not self._read()

    def _read(self) -> int:
        """Read the new entries, and return how many there were; for several threads."""
        with self._lock:
            found = self._reader.new()
            for entry in found:
                if isinstance(entry, Output):
                    self._latest = entry
                    self._new.append(entry)
                elif isinstance(entry, Stream):
                    self._stream = entry
                else:
                    self._state = entry
            if self._state.state in _log.OVER:
                self._reader.close()  # Windows does not remove open files
        return len(found)


def decode(
    recording: Recorder | str | os.PathLike[str],
    model: Model | str | os.PathLike[str],
    *,
    to: str | Sequence[str] = (),
    chain: filters.Chain | None = None,
    hop: float | None = None,
    reject: float = 0.0,
    majority: int = 1,
    hold: int = 1,
    max_delay: float = 0.25,
    name: str = "emgnb",
) -> Decoding:
    """Decode a running recording in a separate process, which a busy kernel does not delay.

    Parameters
    ----------
    recording : recorder, or the folder of a recording (or of all: the newest)
    model : a classifier, levels (`live.proportional`), or the file of either. The decoder uses a
        copy, which it keeps in the recording's folder
    to : where the outputs also go, such as "osc://127.0.0.1:9000"; see `live.outputs`
    chain, hop, reject, majority, hold, max_delay, name : see `Decoder`

    Returns
    -------
    Decoding

    Raises
    ------
    FileNotFoundError : no recording or no model there
    TypeError : a model that cannot run live
    ValueError : model and recording do not suit each other, or an invalid option or address
    RuntimeError, TimeoutError : the decoder ended at once, or did not begin; includes its output
    """
    Options(chain, hop, reject, majority, hold, max_delay)
    options = {
        "chain": None if chain is None else chain.to_json(),
        "hop": hop,
        "reject": reject,
        "majority": majority,
        "hold": hold,
        "max_delay": max_delay,
        "name": name,
    }
    return _started(_running(recording), model, [to] if isinstance(to, str) else list(to), options)


def _started(
    folder: Path, model: Model | str | os.PathLike[str], to: list[str], options: dict[str, Any]
) -> Decoding:
    original = str(Path(model).absolute()) if isinstance(model, str | os.PathLike) else ""
    loaded = _models.load(model) if isinstance(model, str | os.PathLike) else model
    _models.need_live(loaded)
    log = _free_log(folder)
    output, copy = log.with_suffix(".log"), loaded.save(log.with_name(f"{log.stem}-model"))
    settings = {
        "model": str(copy),
        "original": original,
        "last": _last(folder),
        "to": to,
        "options": options,
    }
    pid = launch("emgnb.live.process", output, log, json.dumps(settings))
    decoding = Decoding(log)
    try:
        _wait(decoding, pid, output)
    except (KeyboardInterrupt, TimeoutError):
        # The caller would not know of the running decoder.
        log.with_suffix(STOP).touch()
        raise
    except ValueError:
        for file in (log, copy, output):
            # Windows cannot remove files that the ending process has open.
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise
    return decoding


def attach(folder: str | os.PathLike[str] = "recordings") -> Decoding:
    """Reconnect to the newest decoder of a recording, for example after a restart of the kernel.

    Parameters
    ----------
    folder : folder of a recording, or of all (the newest)

    Raises
    ------
    FileNotFoundError : no recording there, or it was never decoded
    """
    place = find_journal(folder).parent
    found = _log.logs(place)
    if not found:
        raise FileNotFoundError(f"{place} was never decoded: start with live.decode(…)")
    decoding = Decoding(found[-1])
    decoding.new()
    return decoding


def _running(recording: Recorder | str | os.PathLike[str]) -> Path:
    """Return the folder of a recording that still runs, or raise."""
    path = recording.folder if isinstance(recording, Recorder) else recording
    folder = find_journal(path).parent
    found = healths.read(folder)
    if found is not None and not found.is_alive:
        raise ValueError(
            f"{folder.name} is over ({found.state}): decode it with "
            f"live.replay({str(folder)!r}, model)"
        )
    return folder


def _last(folder: Path) -> float | None:
    """Return from how many s before now to decode; None for the beginning of a young recording."""
    found = healths.read(folder)
    return None if found is None or found.seconds < YOUNG else BACK


def _free_log(folder: Path) -> Path:
    number = len(_log.logs(folder)) + 1
    while (path := _log.path_of(folder, number)).exists():
        number += 1
    return path


def _wait(decoding: Decoding, pid: int, output: Path) -> None:
    """Wait until the decoder waits for scans, and then a little for those; raise if it fails."""
    deadline = time.monotonic() + PATIENCE
    compared = float("inf")
    while (state := decoding.state) != _log.DECODING:
        now = time.monotonic()
        if state == _log.WAITING:
            compared = min(compared, now + COMPARED)
        if state in _log.OVER or now > compared:
            break
        if not process_runs(pid) and decoding.state == _log.STARTING:
            raise RuntimeError(f"the decoder ended immediately: {_said(output)}")
        if now > deadline:
            raise TimeoutError(
                f"the decoder did not start within {PATIENCE:.0f} s: {_said(output)}"
            )
        time.sleep(0.02)
    if decoding.state == _log.FAILED:
        raise ValueError(decoding.message)


def _said(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"{lines[-1] if lines else 'it printed nothing'}; see {output}"
