"""Run `doctor.examine` in a separate process, which can be stopped at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from emgnb.acquire.record.client import environment

# Duration of the test (s).
SECONDS = 4.0
# Code of the process, which prints its answer as one line of JSON.
_CODE = """
import json, sys
from emgnb.doctor import examine
try:
    port, seconds = json.load(sys.stdin)
    found = examine(port, seconds=seconds)
    answer = {"about": found.about, "complaints": found.complaints, "scans": found.scans,
              "channels": [each.name for each in found.channels]}
except Exception as error:
    answer = {"error": str(error)}
print(json.dumps(answer))
"""


class Examining:
    """Running test of a port.

    Parameters
    ----------
    port : see `acquire.open_port`
    done : called with the answer in a separate thread, unless `stop` is called before. The answer
        has "error", or "about", "complaints", "scans" and "channels" of `doctor.examine`
    """

    def __init__(self, port: str, done: Callable[[dict[str, Any]], object]) -> None:
        self._port = port
        self._done = done
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="emgnb examining", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the test, and wait until the port is free."""
        self._stopped.set()
        self._process.kill()
        self._process.wait()
        if self._thread is not threading.current_thread():
            self._thread.join(5)

    def _wait(self) -> None:
        # Not on the command line, which everybody can read: replay://… names a recording.
        said, complained = self._process.communicate(json.dumps([self._port, SECONDS]))
        if self._stopped.is_set():
            return
        try:
            answer = json.loads(said.splitlines()[-1])
        except (IndexError, ValueError):
            last = complained.strip().splitlines()[-1:] or ["no answer"]
            answer = {"error": f"the connection test failed: {last[0]}"}
        self._done(answer)


def verdict(answer: dict[str, Any]) -> dict[str, Any]:
    """Convert an answer to a `state` (good, warn or bad) and lines `said` (level, text)."""
    if "error" in answer:
        return {"state": "bad", "said": [["bad", answer["error"]]]}
    level = "warn" if answer["scans"] else "bad"
    faults = [[level, each] for each in answer["complaints"]]
    found = faults or [["good", "Connected. No problems found."]]
    return {
        "state": level if faults else "good",
        "said": [*found, *(["", line] for line in answer["about"])],
    }
