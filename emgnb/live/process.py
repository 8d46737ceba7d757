"""Decode in a process of its own: ``python -m emgnb.live.process``, see `live.decode`.

It reads the recording's journal, decodes, and appends the outputs to a file next to the journal;
subscribers get them in the same moment. A busy or killed kernel changes nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emgnb import filters
from emgnb.acquire.clock import host_ns
from emgnb.acquire.record import health as healths
from emgnb.live import _log, _models
from emgnb.live._log import State
from emgnb.live._source import Journal
from emgnb.live._subscribers import Subscribers
from emgnb.live.decoder import Decoder
from emgnb.live.output import Output

# Interval (s) between looks at the journal, and at everything else: orders, health, model file.
PAUSE, LOOK_EVERY = 0.002, 0.25
# Time (s) for which a journal may not grow before its recorder counts as killed.
PATIENCE = 2.0
STOP = ".stop"


class Decoding:
    """One run of a decoder, from loading the model to the end of the recording.

    Parameters
    ----------
    log : file for the outputs, in the recording's folder
    settings : `model` (path of the copy), `original` (path given by the user, "" if none), `last`
        (s before now at which to begin; None for the recording's beginning), `to` (addresses of
        subscribers), and `options` of `Decoder`, with the chain as JSON
    """

    def __init__(self, log: Path, settings: dict[str, Any]) -> None:
        self.log = log
        self.stop_asked = threading.Event()
        self._settings = settings
        self._writer = _log.Writer(log)
        self._subscribers = Subscribers(settings["to"])
        self._decoder: Decoder | None = None
        self._state = State(_log.STARTING, pid=os.getpid())
        self._writer.write([self._state])
        self._original = _models.signature(settings["original"])
        self._why = ""
        self._problems = {"model": "", "to": ""}

    def run(self) -> int:
        """Decode until the recording ends or `stop_asked`; return the exit code."""
        try:
            model = _models.load(self._settings["model"])
            self._report(_log.WAITING, model=_models.words(model))
            journal = Journal(self.log.parent, model, last=self._settings["last"])
            try:
                why = self._follow(journal, model)
            finally:
                journal.close()
        except Exception as error:
            # Any error is said in the file, because nobody sees the process.
            if not isinstance(error, OSError | ValueError | TypeError | ImportError):
                traceback.print_exc()
            return self._end(_log.FAILED, f"{error}")
        return self._end(_log.STOPPED, why)

    def _follow(self, journal: Journal, model: Any) -> str:
        """Decode, and return why decoding ended."""
        looked = grown = time.monotonic()
        while not self.stop_asked.is_set():
            scans = journal.read()
            if scans.numbers.size:
                grown = time.monotonic()
                if self._decoder is None:
                    self._begin(journal, model)
                assert self._decoder is not None
                self._send(self._decoder.push(*scans))
            elif journal.ended:
                return "the recording ended"
            now = time.monotonic()
            if now - looked >= LOOK_EVERY:
                looked = now
                if over := self._look(now - grown):
                    return over
            if not scans.numbers.size:
                if self._decoder is not None:
                    self._send(self._decoder.tick(host_ns(), self._why))
                time.sleep(PAUSE)
        return "stopped on request"

    def _begin(self, journal: Journal, model: Any) -> None:
        assert journal.like is not None
        options = dict(self._settings["options"])
        chain = options.pop("chain", None)
        decoder = Decoder(
            model,
            journal.like,
            chain=None if chain is None else filters.Chain.from_json(chain),
            clock=host_ns,
            begun_ns=None if self._settings["last"] is None else journal.begun_ns,
            source=self.log.parent.name,  # receivers need no folder of this computer
            **options,
        )
        self._writer.write([decoder.stream])
        self._subscribers.open(decoder.stream)
        self._decoder = decoder
        self._report(_log.DECODING)

    def _send(self, outputs: Sequence[Output]) -> None:
        if not outputs:
            return
        self._subscribers.send(outputs)
        self._writer.write(outputs)
        if self._subscribers.problem != self._problems["to"]:
            self._problems["to"] = self._subscribers.problem
            self._report(_log.DECODING)

    def _look(self, silent: float) -> str:
        """Return why decoding is over, "" if it is not."""
        if self.log.with_suffix(STOP).exists():
            return "stopped on request"
        self._check_model()
        self._why = ""
        if silent < LOOK_EVERY:
            return ""
        found = healths.read(self.log.parent)
        if found is None:
            return ""
        self._why = found.message
        if silent > PATIENCE and not found.is_alive:
            if found.state in healths.OVER:
                return "the recording ended"
            return (
                f"the recorder was killed. The recorded data is safe: "
                f"acquire.recover({str(self.log.parent)!r})"
            )
        return ""

    def _check_model(self) -> None:
        path = self._settings["original"]
        if not path or _models.signature(path) == self._original:
            return
        self._original = _models.signature(path)
        what = "was removed" if self._original is None else "was replaced"
        self._problems["model"] = (
            f"{path} {what}; this decoder still uses {self._state.model}. Start another to use the "
            f"new model"
        )
        self._report(self._state.state)

    def _report(self, state: str, message: str = "", model: str = "") -> None:
        message = "; ".join(filter(None, [message, *self._problems.values()]))
        self._state = State(
            state, message, os.getpid(), model or self._state.model, self._subscribers.about
        )
        self._writer.write([self._state])

    def _end(self, state: str, why: str) -> int:
        if self._decoder is not None:
            last = self._decoder.gap(why, now_ns=host_ns())
            self._subscribers.send([last])
            self._writer.write([last])
        self._subscribers.close()
        self._report(state, why)
        self._writer.close()
        self.log.with_suffix(STOP).unlink(missing_ok=True)
        return 0 if state == _log.STOPPED else 2


def main() -> int:
    """Decode with the log file and the JSON settings read from the standard input."""
    log, settings = json.load(sys.stdin)
    decoding = Decoding(Path(log), json.loads(settings))
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: decoding.stop_asked.set())
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return decoding.run()


if __name__ == "__main__":
    sys.exit(main())
