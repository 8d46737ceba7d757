"""Record in a process of its own: ``python -m emgnb.acquire.record.process``, see `acquire.start`.

Only this process reads the port, and only it writes the journal. One thread reads and time-stamps;
the other writes to disk, so that a slow disk delays the journal and not the port. Notebook, widgets
and live models only read the recording's folder: they may crash, restart or be busy for minutes
without losing a scan. They send orders to the recorder as lines in ``control.jsonl``.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import emgnb
from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.ports.handshake import Handshake
from emgnb.acquire.ports.opening import open_port
from emgnb.acquire.ports.port import PortError, without_folders
from emgnb.acquire.record import _control
from emgnb.acquire.record import health as healths
from emgnb.acquire.record._clipping import Clipping
from emgnb.acquire.record._reader import Chunk, Queue, Reader
from emgnb.acquire.record._timetable import Timetable
from emgnb.acquire.record.health import Health
from emgnb.acquire.wire import dialects, marking
from emgnb.acquire.wire.clock_fit import Arrivals
from emgnb.acquire.wire.stream import Block, Stream

# Intervals (s) of looking for orders, decoding, health file, sync to disk, and health records in
# the journal. What arrives from the port is written at once.
OBEY_EVERY, DECODE_EVERY, HEALTH_EVERY, SYNC_EVERY, NOTE_EVERY = 0.02, 0.1, 0.5, 1.0, 10.0
# Time (s) without scans after which a warning is shown.
SILENT = 3.0
# Free disk space (bytes) below which a warning is shown.
LITTLE_SPACE = 500e6


class Recording:
    """One recording, from opening the port to writing the session."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        # Recordings are passed on, so they tell no folder of this computer.
        self._port = without_folders(settings["port"])
        self.stop_asked = threading.Event()
        self._take = Stream(settings["dialect"])
        self._clipping = Clipping()
        self._queue = Queue()
        self._arrivals: Arrivals | None = None
        self._segment = -1
        self._orders = _control.Orders(folder)
        self._state = healths.STARTING
        self._message = ""
        self._last_scans = 0.0
        self._marks: set[str] = set()
        self._space = ""
        self._blind = ""
        self._begun: float | None = None
        self._opened_ns = host_ns()

    def run(self) -> int:
        """Record until stopped, write the session, and return the exit code."""
        self._report()
        try:
            port = open_port(self.settings["port"])
        except PortError as error:
            self._report(healths.FAILED, str(error), port_error=True)
            return 2
        self._take.settings, self._take.device = self.settings, port.describe()
        try:
            self._journal = JournalWriter(self.folder / JOURNAL)
            about = {**self.settings, "port": self._port, "describe": port.describe(), **_host()}
            self._journal.note(Kind.SETTINGS, about)
        except OSError as error:
            port.close()
            self._report(healths.FAILED, f"the journal cannot be written: {error}")
            return 2
        self._reader = Reader(port, self._queue)
        self._shake_hands()
        self._reader.start()
        self._report(healths.RECORDING)
        try:
            self._record()
            self._finish()
        except OSError as error:
            self._reader.halt()
            self._reader.port.close()
            self._report(
                healths.FAILED,
                f"stopped: the journal can no longer be written ({error}). The data "
                "recorded before is safe: free disk space, then run emgnb recover "
                + str(self.folder),
            )
            return 2
        self._reader.port.close()
        return self._convert()

    def _shake_hands(self) -> None:
        """Start a handshake with the board now connected to the port."""
        listens = self._reader.port.listens
        self._handshake = Handshake(self._take, time.monotonic(), listens=listens)

    def _record(self) -> None:
        now = time.monotonic()
        self._last_scans = now
        tasks = Timetable(now, OBEY_EVERY, DECODE_EVERY, HEALTH_EVERY, SYNC_EVERY, NOTE_EVERY)
        while not self.stop_asked.is_set():
            self._drain()
            now = time.monotonic()
            due = tasks.due(now)
            if OBEY_EVERY in due:
                self._obey()
            if DECODE_EVERY in due:
                self._look(self._take.flush)
                if self._state == healths.RECORDING:
                    self._reader.port.tell(self._handshake.step(now))
            if NOTE_EVERY in due:
                self._check_space()
                self._journal.note(Kind.HEALTH, _plain(self._health()))
            if HEALTH_EVERY in due:
                self._report()
            if SYNC_EVERY in due:
                self._journal.sync()
                if not (self.folder / JOURNAL).exists():
                    # Without its folder the recording cannot be stopped and would run forever.
                    raise FileNotFoundError(f"{self.folder} was removed")
            # Not on `stop_asked`: a signal handler that sets what its thread waits on can block.
            self._queue.wait(tasks.left(time.monotonic()))

    def _finish(self) -> None:
        """Stop the board, read the remaining data, and close the journal."""
        if self._state == healths.RECORDING:
            before = -1
            while self._take.counts.scans > before and (order := self._handshake.stop()):
                before = self._take.counts.scans
                self._reader.port.tell(order)
                self._reader.join(timeout=0.2)
                self._drain()
                self._look(self._take.flush)
        self._reader.halt()
        self._drain()
        self._obey()
        self._look(self._take.finish)
        self._journal.note(Kind.DEVICE, {"describe": self._reader.port.describe()})
        self._journal.note(Kind.HEALTH, _plain(self._health()))
        self._journal.note(Kind.END, {})
        self._journal.close()

    def _convert(self) -> int:
        from emgnb.acquire.record.convert import convert

        self._report(healths.CONVERTING)
        # The heartbeat continues while a long recording is converted.
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEALTH_EVERY):
                self._report()

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            convert(self.folder / JOURNAL, self.folder / SESSION)
        except Exception as error:
            # The recorded data is safe in the journal, so any error is reported to the user.
            if not isinstance(error, OSError | ValueError):
                traceback.print_exc()
            outcome = (
                healths.FAILED,
                f"the session could not be written: {error}. All recorded data is in "
                f"{self.folder / JOURNAL}",
            )
        else:
            outcome = healths.STOPPED, self._message
        done.set()
        beating.join()
        self._report(*outcome)
        return 0 if outcome[0] == healths.STOPPED else 2

    def _drain(self) -> None:
        """Write everything in the reader's queue to the journal."""
        for item in self._queue.take():
            if isinstance(item, Chunk):
                self._journal.raw(*item)
                self._look(partial(self._take.push_raw, *item))
                continue
            if item.what == "lost":
                self._state, self._message = healths.WAITING, item.message
            elif item.what == "back":
                self._state, self._message = healths.RECORDING, ""
                self._last_scans = time.monotonic()
                self._journal.note(
                    Kind.RECONNECT, {"describe": self._reader.port.describe()}, item.mono_ns
                )
                self._look(self._take.reconnect)
                self._shake_hands()
            else:
                self._message = item.message
                self.stop_asked.set()

    def _obey(self) -> None:
        """Execute the new orders in the control file."""
        try:
            orders = self._orders.new()
        except OSError:
            return  # another program briefly locks the file, as virus scanners do on Windows
        for order in orders:
            if order.kind == "stop":
                self.stop_asked.set()
            elif order.kind == marking.MARK and self._is_of_now(order):
                content = {
                    "text": order.text,
                    "offset": order.offset,
                    "uncertainty": order.uncertainty,
                    "mark": order.mark,
                }
                self._journal.note(Kind.MARK, content, order.mono_ns)
                self._marks.add(order.mark)
                self._reader.port.cue(order.text)
            elif order.kind in (marking.UNMARK, marking.CORRECT):
                self._amend(order)

    def _amend(self, order: _control.Order) -> None:
        text = order.text if order.kind == marking.CORRECT else None
        content = {"mark": order.mark, "text": text, "offset": order.offset}
        self._journal.note(Kind.AMEND, content, order.mono_ns)
        if text is None:
            self._marks.discard(order.mark)

    def _is_of_now(self, order: _control.Order) -> bool:
        """Return whether a marker lies in this recording; any program may write into its folder."""
        begin, outside = self._opened_ns, round(_control.OUTSIDE * 1e9)
        return begin - outside <= order.mono_ns <= host_ns() + outside

    def _look(self, decode: Callable[[], list[Block]]) -> None:
        """Decode for health only; on an error, live decoding stops and recording continues."""
        if self._blind:
            return
        try:
            self._count(decode())
        except Exception as error:
            self._blind = f"still recorded; live decoding stopped: {type(error).__name__}: {error}"
            traceback.print_exc()

    def _count(self, blocks: list[Block]) -> None:
        for block in blocks:
            self._last_scans = time.monotonic()
            self._clipping.push(block)
            if self._arrivals is None or int(block.segment[-1]) != self._segment:
                self._segment = int(block.segment[-1])
                self._arrivals = Arrivals()
            self._arrivals.nominal_rate = self._take.nominal_rate
            for place, at in block.arrivals:
                self._begun = at if self._begun is None else self._begun
                if int(block.segment[place]) == self._segment:
                    self._arrivals.add(int(block.scans[place]), at)

    def _check_space(self) -> None:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self.folder).free
            self._space = (
                f"only {free / 1e6:.0f} MB of disk space left" if free < LITTLE_SPACE else ""
            )

    def _odd(self) -> str:
        stream = self._take
        if self._message or self._state != healths.RECORDING:
            return self._message
        if self._blind:
            return self._blind
        silent = time.monotonic() - self._last_scans
        names = self.settings.get("montage") or []
        if names and stream.channels and len(names) != stream.channels:
            return f"the montage names {len(names)} channels, but the port sends {stream.channels}"
        if silent < SILENT:
            return self._space
        if self._reader.port.trouble:
            return self._reader.port.trouble
        if self._handshake.complaint:
            return self._handshake.complaint
        if not stream.counts.bytes:
            return f"no data for {silent:.0f} s. Is the sketch running, and is the baud rate right?"
        if not stream.counts.scans:
            unclear = dialects.unclear(stream.undecoded, stream.device.get("baud"))
            return (
                f"{stream.counts.bytes} bytes received, but no samples: {unclear}. The "
                "bytes are recorded"
            )
        return f"no scans for {silent:.0f} s. The board may hang: press its reset button"

    def _seconds(self) -> float:
        if self._begun is None or self._arrivals is None or self._arrivals.last is None:
            return 0.0
        return round(self._arrivals.last[1] - self._begun, 3)

    def _health(self) -> Health:
        stream, counts = self._take, self._take.counts
        fit = self._arrivals.fit() if self._arrivals and self._arrivals.seconds > 2 else None
        names = tuple(str(row[0]) for row in stream.channel_rows())
        return Health(
            state=self._state,
            message=self._odd(),
            port=self._port,
            dialect=stream.dialect,
            channels=names,
            rate=round(fit.rate, 3) if fit else None,
            nominal_rate=stream.nominal_rate,
            scans=counts.scans,
            lost=counts.lost,
            crc_errors=counts.crc_errors,
            junk=counts.junk,
            impossible=counts.impossible,
            overruns=stream.status.overruns if stream.status else 0,
            dropped=stream.status.dropped if stream.status else 0,
            drift_ppm=round(fit.drift_ppm, 1) if fit and stream.nominal_rate else None,
            seconds=self._seconds(),
            bytes=counts.bytes,
            buffer=self._queue.bytes,
            segments=stream.segments,
            marks=len(self._marks),
            clipping=self._clipping.shares(names),
            pid=os.getpid(),
            heartbeat_ns=host_ns(),
        )

    def _report(
        self, state: str | None = None, message: str | None = None, *, port_error: bool = False
    ) -> None:
        self._state = self._state if state is None else state
        self._message = self._message if message is None else message
        found = _plain(self._health()) | {"port_error": port_error}
        healths.write(self.folder, Health(**found))


def _plain(found: Health) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Health.__dataclass_fields__}


def _host() -> dict[str, str]:
    return {
        "emgnb": emgnb.__version__,
        "host": platform.platform(),
        "python": platform.python_version(),
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def main() -> int:
    """Record with the folder and the JSON settings read from the standard input; see `launch`."""
    folder, settings = json.load(sys.stdin)
    recording = Recording(Path(folder), json.loads(settings))
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: recording.stop_asked.set())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return recording.run()
    except Exception as error:
        recording._report(
            healths.FAILED,
            f"the recorder failed: {type(error).__name__}: {error}. The data recorded "
            f"before is safe: emgnb recover {folder}",
        )
        raise


if __name__ == "__main__":
    sys.exit(main())
