"""The process that records: ``python -m emgnb.acquire.recorder``, started by `acquire.start`.

It is the only one that reads the port and the only one that writes the journal. One thread reads
and stamps; the other writes to disk, so that a slow disk delays the journal and not the port.
Notebook, widgets and live models look at the recording's folder: they may die, restart or be busy
for minutes, and no scan is lost. They speak to the recorder by lines in ``control.jsonl``.
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
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import emgnb
from emgnb.acquire import control, dialects
from emgnb.acquire import health as healths
from emgnb.acquire.clock import Arrivals, host_ns
from emgnb.acquire.health import Health
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.ports import PortError, open_port
from emgnb.acquire.reader import Chunk, Event, Reader
from emgnb.acquire.takes import Block, Take
from emgnb.acquire.talk import Talk

TICK = 0.02
DECODE_EVERY, HEALTH_EVERY, SYNC_EVERY, NOTE_EVERY = 0.1, 0.5, 1.0, 10.0
SILENT = 3.0
LITTLE_SPACE = 500e6
# Where a signed converter of 24 bits ends, short of one count.
SIGNED_RAIL = 2**23 - 1


class _Clipping:
    """Share of samples at the converter's ends, over the last seconds."""

    def __init__(self) -> None:
        self._rail = 1023
        self._recent: deque[tuple[Any, int]] = deque(maxlen=50)

    def push(self, block: Block) -> None:
        values = block.values
        if values.dtype.kind == "f":
            return
        if values.dtype.kind == "i":
            at_end = np.count_nonzero(np.abs(values) >= SIGNED_RAIL, axis=0)
        else:
            while values.max() > self._rail:
                self._rail = 4 * self._rail + 3  # 10, 12, 14, 16 bits
            at_end = np.count_nonzero((values == 0) | (values == self._rail), axis=0)
        self._recent.append((at_end, values.shape[0]))

    def shares(self, names: tuple[str, ...]) -> dict[str, float]:
        rows = sum(n for _, n in self._recent)
        if not rows or len(names) != len(self._recent[-1][0]):
            return {}
        shares = sum(at_end for at_end, _ in self._recent) / rows
        return {name: round(float(share), 4) for name, share in zip(names, shares, strict=True)}


class Recording:
    """One recording, from open port to session."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.stop_asked = threading.Event()
        self._take = Take(settings["dialect"])
        self._clipping = _Clipping()
        self._queue: deque[Chunk | Event] = deque()
        self._arrivals: Arrivals | None = None
        self._segment = -1
        self._control_at = 0
        self._state = healths.STARTING
        self._message = ""
        self._last_scans = 0.0
        self._marks = 0
        self._space = ""
        self._blind = ""
        self._begun: float | None = None

    def run(self) -> int:
        """Record until asked to stop, and make a session of it; returns the exit code."""
        self._report()
        try:
            port = open_port(self.settings["port"])
        except PortError as error:
            self._report(healths.FAILED, str(error), port_error=True)
            return 2
        self._take.settings, self._take.device = self.settings, port.describe()
        try:
            self._journal = JournalWriter(self.folder / "journal.emgj")
            about = {**self.settings, "describe": port.describe(), **_host()}
            self._journal.note(Kind.SETTINGS, about)
        except OSError as error:
            port.close()
            self._report(healths.FAILED, f"the journal cannot be written: {error}")
            return 2
        self._reader = Reader(port, self._queue)
        self._talk = Talk(port, self._take)
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
                f"stopped, the journal cannot be written any more ({error}). What came before is "
                "safe: make room, then emgnb recover " + str(self.folder),
            )
            return 2
        self._reader.port.close()
        return self._convert()

    def _record(self) -> None:
        now = time.monotonic()
        self._last_scans = now
        due = dict.fromkeys((DECODE_EVERY, HEALTH_EVERY, SYNC_EVERY, NOTE_EVERY), now)
        while not self.stop_asked.is_set():
            self._drain()
            self._control()
            now = time.monotonic()
            late = [every for every, at in due.items() if now >= at]
            for every in late:
                due[every] = now + every
            if DECODE_EVERY in late:
                self._look(self._take.flush)
                self._talk.step()
            if NOTE_EVERY in late:
                self._check_space()
                self._journal.note(Kind.HEALTH, _plain(self._health()))
            if HEALTH_EVERY in late:
                self._report()
            if SYNC_EVERY in late:
                self._journal.sync()
                if not (self.folder / "journal.emgj").exists():
                    # Nobody could stop or use it any more: it would run for ever.
                    raise FileNotFoundError(f"{self.folder} was removed")
            self.stop_asked.wait(TICK)

    def _finish(self) -> None:
        """Ask the board to be quiet, take what is still under way, and close the journal."""
        if self._state == healths.RECORDING:
            before = -1
            while self._talk.stop() and self._take.counts.scans > before:
                before = self._take.counts.scans
                self._reader.join(timeout=0.2)
                self._drain()
                self._look(self._take.flush)
        self._reader.halt()
        self._drain()
        self._control()
        self._look(self._take.finish)
        self._journal.note(Kind.DEVICE, {"describe": self._reader.port.describe()})
        self._journal.note(Kind.HEALTH, _plain(self._health()))
        self._journal.note(Kind.END, {})
        self._journal.close()

    def _convert(self) -> int:
        from emgnb.acquire.sessions import JOURNAL, SESSION, convert

        self._report(healths.CONVERTING)
        # Health is written on while a long recording is converted: the recorder is alive.
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEALTH_EVERY):
                self._report()

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            convert(self.folder / JOURNAL, self.folder / SESSION)
        except Exception as error:
            # Whatever it is: what was recorded lies in the journal, and the user must hear so.
            if not isinstance(error, OSError | ValueError):
                traceback.print_exc()
            outcome = (
                healths.FAILED,
                f"no session could be made: {error}. All that came is in {self.folder / JOURNAL}",
            )
        else:
            outcome = healths.STOPPED, self._message
        done.set()
        beating.join()
        self._report(*outcome)
        return 0 if outcome[0] == healths.STOPPED else 2

    def _drain(self) -> None:
        """Write down all that the reader brought."""
        while self._queue:
            item = self._queue.popleft()
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
                self._talk = Talk(self._reader.port, self._take)
            else:
                self._message = item.message
                self.stop_asked.set()

    def _control(self) -> None:
        """Do what new whole lines in the control file say."""
        try:
            orders = control.read(self.folder, self._control_at)
        except OSError:
            return  # another program has the file for a moment, as virus scanners do on Windows
        for order in orders:
            self._control_at = order.offset
            if order.kind == "stop":
                self.stop_asked.set()
            elif order.kind == "mark":
                self._marks += 1
                content = {
                    "text": order.text,
                    "offset": order.offset,
                    "uncertainty": order.uncertainty,
                }
                self._journal.note(Kind.MARK, content, order.mono_ns)
                self._reader.port.cue(order.text)

    def _look(self, decode: Callable[[], list[Block]]) -> None:
        """Decode for the sake of health; a fault in it must not cost the recording a byte."""
        if self._blind:
            return
        try:
            self._count(decode())
        except Exception as error:
            self._blind = (
                f"bytes are recorded, but no longer looked at: {type(error).__name__}: {error}"
            )
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
                f"only {free / 1e6:.0f} MB left on the disk" if free < LITTLE_SPACE else ""
            )

    def _odd(self) -> str:
        take = self._take
        if self._message or self._state != healths.RECORDING:
            return self._message
        if self._blind:
            return self._blind
        silent = time.monotonic() - self._last_scans
        names = self.settings.get("montage") or []
        if names and take.channels and len(names) != take.channels:
            return f"the montage names {len(names)} channels, the port gives {take.channels}"
        if silent < SILENT:
            return self._space
        if self._talk.complaint:
            return self._talk.complaint
        if not take.counts.bytes:
            return f"nothing came for {silent:.0f} s: is the sketch running, the baud rate right?"
        if not take.counts.scans:
            unclear = dialects.unclear(take.undecoded, take.device.get("baud"))
            return f"{take.counts.bytes} bytes came, but no samples: {unclear}. The bytes are kept"
        return f"no scan came for {silent:.0f} s: is the board hung? Its reset button may help"

    def _seconds(self) -> float:
        if self._begun is None or self._arrivals is None or self._arrivals.last is None:
            return 0.0
        return round(self._arrivals.last[1] - self._begun, 3)

    def _health(self) -> Health:
        take, counts = self._take, self._take.counts
        fit = self._arrivals.fit() if self._arrivals and self._arrivals.seconds > 2 else None
        names = tuple(str(row[0]) for row in take.channel_rows())
        return Health(
            state=self._state,
            message=self._odd(),
            port=self.settings["port"],
            dialect=take.dialect,
            channels=names,
            rate=round(fit.rate, 3) if fit else None,
            nominal_rate=take.nominal_rate,
            scans=counts.scans,
            lost=counts.lost,
            crc_errors=counts.crc_errors,
            junk=counts.junk,
            impossible=counts.impossible,
            overruns=take.status.overruns if take.status else 0,
            dropped=take.status.dropped if take.status else 0,
            drift_ppm=round(fit.drift_ppm, 1) if fit and take.nominal_rate else None,
            seconds=self._seconds(),
            bytes=counts.bytes,
            buffer=sum(len(item.data) for item in list(self._queue) if isinstance(item, Chunk)),
            segments=take.segments,
            marks=self._marks,
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


def main(argv: list[str] | None = None) -> int:
    """Record as the JSON in the arguments says: folder and settings."""
    folder, settings = sys.argv[1:] if argv is None else argv
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
            f"the recorder failed: {type(error).__name__}: {error}. What came before is safe: "
            f"emgnb recover {folder}",
        )
        raise


if __name__ == "__main__":
    sys.exit(main())
