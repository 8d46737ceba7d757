"""Measure the face in a real Chromium: frame rate, delay, and load of the page.

    python benchmarks/face.py [--seconds 20]

WebGL is drawn in software, without a graphics card. A live source gives 60 outputs per second of
eight moving units; the delay is the time from an output's newest sample to the first painted frame
with it, by the same computer's clock. A session is played with its traces. The page's share is that
of its main thread. Cores and load are printed, because software drawing needs the processor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import conftest as browsers

LIVE = """
import math, time
from emgnb.acquire.clock import host_ns
from emgnb.live import Output
from emgnb.widgets import Face
CODES = ("L12", "R12", "L6", "L4", "1", "17", "L10", "L15")
def source():
    begun, number = time.monotonic(), 0
    while True:
        t = time.monotonic() - begun
        values = {code: 0.5 + 0.5 * math.sin(t * (1 + k / 3)) for k, code in enumerate(CODES)}
        yield Output(number, host_ns(), t, 0.0, "intensities", values)
        number += 1
        time.sleep(max(0.0, number / 60 - (time.monotonic() - begun)))
face = Face(source())
face
"""
FILM = """
from emgnb import simulate
from emgnb.widgets import Face
face = Face(simulate.face(seed=3, duration=60.0))
face
"""
# Records when each frame was painted, and how old its newest sample was.
WATCH = """() => {
  const canvas = document.querySelector('.emgnb-face .stage canvas');
  window.drawn = [];
  const after = new MessageChannel();  // its message comes once the frame is painted
  after.port1.onmessage = ({ data }) => window.drawn.push([Date.now(), Date.now() - data]);
  new MutationObserver(() => after.port2.postMessage(Number(canvas.dataset.sampled)))
    .observe(canvas, { attributes: true, attributeFilter: ['data-frames'] });
}"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=20.0)
    seconds = options.parse_args().seconds
    print("| source | frames/s | page thread, % | delay, ms: median | p99 |")
    print("|---|---|---|---|---|")
    with browsers.browsing() as (browser, lab):
        for name, cell in (("live, 60 outputs/s", LIVE), ("session, played", FILM)):
            print(measured(browser, lab, name, cell, seconds), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"\n{os.cpu_count()} cores; load average at the end {load:.1f}")


def measured(browser: Any, lab: Any, name: str, cell: str, seconds: float) -> str:
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    path = lab.write(f"{name.split(',')[0]}.ipynb", cell)
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    notebook.run_all()
    head = page.locator(".emgnb-face .stage canvas[data-frames]")
    head.wait_for(timeout=60_000)
    play = page.locator(".emgnb-face").get_by_role("button", name="Play")
    if play.is_visible():
        play.click()
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.wait_for_timeout(3000)
    page.evaluate(WATCH)
    before = state(meter)
    page.wait_for_timeout(1000 * seconds)
    after = state(meter)
    drawn = np.array(page.evaluate("window.drawn"), dtype=float)
    page.context.close()
    lab.end_kernels()
    wall, used = after[0] - before[0], after[1] - before[1]
    known = drawn[np.isfinite(drawn[:, 1])]
    _, first = np.unique(np.round(known[:, 0] - known[:, 1], 1), return_index=True)
    late = known[first, 1]
    delay = [f"{np.percentile(late, q):.0f}" if late.size else "–" for q in (50, 99)]
    return (
        f"| {name} | {len(drawn) / wall:.1f} | {100 * used / wall:.0f} | {delay[0]} | {delay[1]} |"
    )


def state(meter: Any) -> tuple[float, float]:
    """Return the wall time, and the CPU seconds of the page's main thread."""
    found = {
        each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]
    }
    return time.time(), found["TaskDuration"]


if __name__ == "__main__":
    main()
