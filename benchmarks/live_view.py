"""Measure the live view in a real Chromium: frame rate, latency, and processor time.

    python benchmarks/live_view.py [--seconds 20] [--minutes 10]

For 8 and 16 channels at 1 kHz, with an idle kernel, with a cell in pure Python, and with one that
trains a network: frames drawn per second (30 are sent), the time from a sample's arrival at the
port to its pixel, the share of the page's main thread, the kernel's and the recorder's share of a
core, and the scans lost. Then `--minutes` of live view, and whether the memory of page or kernel
grew. The recorder time-stamps the arrival of a chunk in its journal; the page time-stamps the
pixel after the paint, with the same computer's clock.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import conftest as browsers

from emgnb import recording
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.wire.stream import Stream

CELL = """
from emgnb.widgets import Capture
capture = Capture("sim://smile?seed=1&channels={channels}", folder={folder!r}, participant="P01")
capture
"""
# Records when each frame was painted, and its newest scan.
WATCH = """() => {
  const canvas = document.querySelector('canvas.emgnb-live');
  window.drawn = [];
  const after = new MessageChannel();  // its message comes once the frame is painted
  after.port1.onmessage = ({ data }) => window.drawn.push([data, Date.now()]);
  new MutationObserver(() => after.port2.postMessage(Number(canvas.dataset.scan)))
    .observe(canvas, { attributes: true, attributeFilter: ['data-frames'] });
}"""
BESIDE = {
    "free": "",
    "pure Python": """
import time
end = time.time() + {seconds}
while time.time() < end:
    sum(n * n for n in range(1000))
""",
    "training": """
import os, time
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras, numpy as np
end = time.time() + {seconds}
x = np.random.default_rng(0).normal(size=(2000, 200, 8)).astype("f4")
y = np.arange(2000) % 4
model = keras.Sequential([
    keras.layers.Conv1D(32, 5, activation="relu"), keras.layers.MaxPooling1D(),
    keras.layers.Conv1D(64, 5, activation="relu"), keras.layers.GlobalAveragePooling1D(),
    keras.layers.Dense(4, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
while time.time() < end:
    model.fit(x, y, batch_size=64, verbose=0)
""",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--minutes", type=float, default=10.0)
    asked = options.parse_args()
    with browsers.browsing() as (browser, lab):
        print(
            "channels  kernel       frames/s   latency ms: median  p95   page thread"
            "   kernel  recorder  lost"
        )
        for channels in (8, 16):
            for beside in BESIDE:
                print(measured(browser, lab, channels, beside, asked.seconds), flush=True)
        if asked.minutes:
            print(grown(browser, lab, asked.minutes))


def opened(browser: Any, lab: Any, channels: int, folder: str) -> Any:
    """Open a notebook that records; return its page, and its kernel's and recorder's processes."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    path = lab.write(f"{folder}.ipynb", CELL.format(channels=channels, folder=folder))
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    notebook.run_all()
    page.locator(".emgnb-capture .start").click()
    page.wait_for_function(
        "() => Number(document.querySelector('canvas.emgnb-live')?.dataset.scan) > 9000",
        timeout=120_000,
    )
    kernel = psutil.Process(int(notebook.value("__import__('os').getpid()")))
    return notebook, kernel, psutil.Process(int(notebook.value("capture.recorder.health().pid")))


def measured(browser: Any, lab: Any, channels: int, beside: str, seconds: float) -> str:
    folder = f"{channels}_{beside.split()[0]}"
    notebook, kernel, recorder = opened(browser, lab, channels, folder)
    page = notebook.page
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.evaluate(WATCH)
    code = BESIDE[beside].format(seconds=seconds + 15)
    if code:
        page.evaluate(
            """(code) => {
                 const { kernel } = jupyterapp.shell.currentWidget.context.sessionContext.session;
                 kernel.requestExecute({ code }).done
                   .then((answer) => { window.cell = answer.content.status; });
               }""",
            code,
        )
        page.wait_for_timeout(10_000)  # imports and compilation are not measured
    before = state(page, meter, kernel, recorder)
    page.wait_for_timeout(1000 * seconds)
    after = state(page, meter, kernel, recorder)
    drawn = np.array(page.evaluate("window.drawn"))
    if code:
        page.wait_for_function("() => window.cell", timeout=120_000)
        assert page.evaluate("window.cell") == "ok"
    page.locator(".emgnb-capture .stop").click()
    notebook.until("capture.path is not None", "True", timeout=120)
    place = Path(notebook.value("str(capture.path)").strip("'"))
    wall, *used = (b - a for a, b in zip(before, after, strict=True))
    inside = (drawn[:, 1] > 1000 * before[0]) & (drawn[:, 1] < 1000 * after[0])
    late = latencies(place.parent / "journal.emgj", drawn[inside])
    lost = recording.open(place)["emg/signal"].attrs["lost"]
    page.context.close()
    lab.end_kernels()
    return (
        f"{channels:8}  {beside:12} {inside.sum() / wall:8.1f}   {np.median(late):18.0f} "
        f"{np.percentile(late, 95):5.0f}   {used[0] / wall:11.1%}  {used[1] / wall:7.1%}"
        f"  {used[2] / wall:8.1%}  {lost:4}"
    )


def state(page: Any, meter: Any, *processes: psutil.Process) -> list[float]:
    """Return the wall time, and the CPU seconds of the page's main thread and of each process."""
    found = {
        each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]
    }
    used = [sum(each.cpu_times()[:2]) for each in processes]
    return [time.time(), found["TaskDuration"], *used]


def latencies(journal: Path, drawn: np.ndarray) -> np.ndarray:
    """Return the ms from each chunk's arrival until a frame displays its last scan."""
    take, ends, arrived, first = Stream(), [], [], None
    with JournalReader(journal) as reader:
        for record in reader.records():
            blocks = take.push(record)
            if record.kind == Kind.RAW:
                blocks += take.flush()
            for block in blocks:
                first = int(block.scans[0]) if first is None else first
                ends.append(int(block.scans[-1]) - first)
                arrived.append(record.utc_ns / 1e6)
    last = np.array(ends)
    shown = np.searchsorted(drawn[:, 0], last + 1)  # the first frame with that scan in it
    inside = (shown > 0) & (shown < len(drawn))
    return drawn[shown[inside], 1] - np.array(arrived)[inside]


def grown(browser: Any, lab: Any, minutes: float) -> str:
    notebook, kernel, _ = opened(browser, lab, 8, "long")
    page = notebook.page
    meter = page.context.new_cdp_session(page)
    meter.send("HeapProfiler.enable")

    def held() -> tuple[float, float, int]:
        meter.send("HeapProfiler.collectGarbage")
        heap = meter.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        nodes = page.evaluate("document.getElementsByTagName('*').length")
        return heap, kernel.memory_info().rss / 1e6, nodes

    page.wait_for_timeout(60_000)  # until all one-minute buffers are full
    before = held()
    page.wait_for_timeout(60_000 * minutes)
    after = held()
    page.locator(".emgnb-capture .stop").click()
    notebook.until("capture.path is not None", "True", timeout=120)
    return (
        f"{minutes:g} min of 8 channels: page heap {before[0]:.1f} → {after[0]:.1f} MB, "
        f"kernel {before[1]:.0f} → {after[1]:.0f} MB, elements {before[2]} → {after[2]}"
    )


if __name__ == "__main__":
    main()
