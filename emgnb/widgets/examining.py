"""The doctor's verdict on a port, from a process that can be ended at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from emgnb.acquire.client import environment

SECONDS = 4.0
# What the process does; its answer is one line of JSON.
_CODE = """
import json, sys
from emgnb.doctor import examine
try:
    found = examine(sys.argv[1], seconds=float(sys.argv[2]))
    answer = {"said": str(found), "complaints": found.complaints, "bytes": found.bytes,
              "scans": found.scans, "channels": [each.name for each in found.channels]}
except Exception as error:
    answer = {"error": str(error)}
print(json.dumps(answer))
"""


class Examining:
    """One examination of a port under way.

    Parameters
    ----------
    port : see `acquire.open_port`
    done : called with the answer from a thread of its own, unless `stop` comes first; "error", or
        "said", "complaints", "bytes", "scans" and "channels" of `doctor.examine`
    """

    def __init__(self, port: str, done: Callable[[dict[str, Any]], object]) -> None:
        self._done = done
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, port, str(SECONDS)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="emgnb examining", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait until the port is free."""
        self._stopped.set()
        self._process.kill()
        self._process.wait()
        if self._thread is not threading.current_thread():
            self._thread.join(5)

    def _wait(self) -> None:
        said, complained = self._process.communicate()
        if self._stopped.is_set():
            return
        try:
            answer = json.loads(said.splitlines()[-1])
        except (IndexError, ValueError):
            last = complained.strip().splitlines()[-1:] or ["it said nothing"]
            answer = {"error": f"listening failed: {last[0]}"}
        self._done(answer)


def verdict(answer: dict[str, Any]) -> dict[str, Any]:
    """Put an answer in words and levels: `state` good, warn or bad; `said` (level, line)."""
    if "error" in answer:
        return {"state": "bad", "said": [["bad", answer["error"]]]}
    level = "warn" if answer["scans"] else "bad"
    faults = [[level, each] for each in answer["complaints"]]
    lines = [line for line in answer["said"].splitlines() if not line.startswith(("!", " "))]
    return {
        "state": level if faults else "good",
        "said": [*(faults or [["good", "It speaks, and all is well."]]), *(["", x] for x in lines)],
    }
