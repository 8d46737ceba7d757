"""Measure the labeller in a real Chromium: time to display a recording, and frames per second.

    python benchmarks/labelling.py [--seconds 5]

Ten minutes and eight hours of 8 channels at 1 kHz, as stored sessions, without events and with ten
thousand: the time from the start of the cell to the first complete display and to the complete
overview, then frames per second while the mouse wheel scrolls and zooms the view; the screen
requests 60. `free` is the frame rate of the same page drawing nothing, at the same moment.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import conftest as browsers

from emgnb import labels, recording

SCALE = 0.1  # uV a count
IMPORTS = "from emgnb.widgets import Labeller"
CELL = "labeller = Labeller({name!r}, coder='AB')\nlabeller"
# Turns the wheel on every frame and counts the frames drawn.
TURN = """async ({ kind, seconds }) => {
  const root = document.querySelector('.emgnb-labeller'), canvas = root.querySelector('.over');
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const drawn = () => Number(root.dataset.frames), began = performance.now(), first = drawn();
  let frames = 0, longest = 0, last = began;
  await new Promise((done) => {
    const frame = () => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      frames += 1;
      if (now - began > 1000 * seconds) return done();
      const deltaY = Math.sin((now - began) / 500) > 0 ? -1 : 1;
      if (kind !== 'free') canvas.dispatchEvent(new WheelEvent('wheel', {
        deltaY, shiftKey: kind === 'pan', ctrlKey: kind === 'zoom', bubbles: true, cancelable: true,
        clientX: left + width / 2, clientY: top + height / 2 }));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const took = (performance.now() - began) / 1000;
  return [(kind === 'free' ? frames : drawn() - first) / took, longest];
}"""
MAPPED = """() => { const { tiles } = document.querySelector('.emgnb-labeller').labeller;
  return tiles.complete('raw', tiles.start, tiles.end, 1) && Date.now(); }"""


def store(path: Path, hours: float, events: int) -> Path:
    """Write noise with a burst per second on one channel after another."""
    rng = np.random.default_rng(0)
    like = recording.signal(np.empty((0, 8)), rate=1000.0, units="uV")
    minute = 3 * rng.normal(size=(60_000, 8))
    for second in range(60):
        minute[1000 * second : 1000 * second + 300, second % 8] *= 12
    counts = np.rint(minute / SCALE) * SCALE
    onset = np.sort(rng.uniform(0, 3600 * hours - 1, events))
    table = labels.events(
        onset, onset + rng.uniform(0.05, 0.5, events), au=rng.choice(["1", "4", "12"], events)
    )
    with recording.SessionWriter(path, like, scale=SCALE) as writer:
        for _ in range(round(60 * hours)):
            writer.append(counts)
        writer.close(labels={"AB": table} if events else {}, attrs={"participant": "P01"})
    return path


def measured(page: Any, notebook: Any, seconds: float) -> list[float]:
    began = time.time() * 1000
    page.evaluate("() => { window.ran = jupyterapp.commands.execute('notebook:run-cell'); }")
    page.wait_for_function(
        "() => document.querySelector('.emgnb-labeller')?.dataset.first", polling=10, timeout=60_000
    )
    there = float(page.locator(".emgnb-labeller").get_attribute("data-first")) - began
    mapped = page.wait_for_function(MAPPED, polling=50, timeout=120_000).json_value() - began
    page.locator(".emgnb-labeller .stage").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    figures = [there / 1000, mapped / 1000]
    look = "([from, to]) => document.querySelector('.emgnb-labeller').labeller.stage.look(from, to)"
    for span in ((0, 600), (300, 330)):
        page.evaluate(look, span)
        page.wait_for_timeout(1000)
        for kind in ("free", "pan", "zoom"):
            figures.append(page.evaluate(TURN, {"kind": kind, "seconds": seconds})[0])
            page.evaluate(look, span)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0, help="of each movement")
    seconds = parser.parse_args().seconds
    print(
        "| recording | there s | map s | 10 min: free, pan, zoom fps | 30 s: free, pan, zoom fps |"
    )
    print("|---|---|---|---|---|")
    with browsers.browsing() as (browser, lab):
        for hours, events in ((1 / 6, 0), (1 / 6, 10_000), (8, 0), (8, 10_000)):
            name = f"{hours:.2g}h_{events}"
            store(lab.root / f"{name}.zarr", hours, events)
            page = browser.new_context(viewport={"width": 1400, "height": 1100}).new_page()
            path = lab.write(f"{name}.ipynb", IMPORTS)
            page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
            notebook = browsers.Notebook(page, lab.root, path.name)
            notebook.ready()
            notebook.run_all()
            page.evaluate(
                "(code) => { const { content } = jupyterapp.shell.currentWidget;"
                "content.model.sharedModel.insertCell(1, { cell_type: 'code', source: code });"
                "content.activeCellIndex = 1; }",
                CELL.format(name=f"{name}.zarr"),
            )
            page.wait_for_timeout(1000)
            there, mapped, *fps = measured(page, notebook, seconds)
            wide, near = (", ".join(f"{f:.0f}" for f in each) for each in (fps[:3], fps[3:]))
            said = "10 min" if hours < 1 else f"{hours:g} h"
            print(
                f"| {said}, {events} events | {there:.2f} | {mapped:.2f} | {wide} | {near} |",
                flush=True,
            )
            page.context.close()
            lab.end_kernels()


if __name__ == "__main__":
    main()
