"""Measure the tuner in a real Chromium: from a key press on a slider to the new display.

    python benchmarks/tuning.py [presses]

The signal is 60 s of 8 channels at 1 kHz. A key moves the lower corner of the band-pass; the page
measures the time until the filtered curve is repainted. Then the slider moves every 30 ms for ten
seconds; if the display fell behind, it would still be drawn long after the last key press.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import conftest as browsers

CELL = """
from emgnb import filters, recording, simulate
from emgnb.widgets import Tuner
x = recording.emg(simulate.example()).isel(time=slice(0, 60_000)).load()
tuner = Tuner(x, filters.Chain(filters.BandPass(20, 450), filters.Notch(50)))
tuner
"""
# Records when a key was pressed, and when the next display was painted.
WATCH = """() => {
  window.pressed = []; window.painted = [];
  const canvas = document.querySelector('.emgnb-tuned canvas');
  let last = canvas.dataset.picture;
  const after = new MessageChannel();  // its message comes once the frame is painted
  after.port1.onmessage = () => window.painted.push(performance.now());
  document.addEventListener('keydown', () => window.pressed.push(performance.now()), true);
  new MutationObserver(() => {
    if (canvas.dataset.picture === last) return;
    last = canvas.dataset.picture;
    requestAnimationFrame(() => after.port2.postMessage(0));
  }).observe(canvas, { attributes: true, attributeFilter: ['data-frames'] });
}"""


def main() -> None:
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with browsers.browsing() as (browser, lab):
        page = browser.new_context(viewport={"width": 1400, "height": 1300}).new_page()
        path = lab.write("tuning.ipynb", CELL)
        page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
        notebook = browsers.Notebook(page, lab.root, path.name)
        notebook.ready()
        notebook.run_all()
        page.locator(".emgnb-tuned canvas[data-picture]").wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        slider = page.locator(".emgnb-panel .noUi-handle").first
        slider.focus()
        lags = []
        for _ in range(presses):
            page.evaluate("() => { pressed.length = painted.length = 0; }")
            page.keyboard.press("ArrowRight")
            page.wait_for_function("() => painted.length > 0", polling=20)
            page.wait_for_timeout(600)
            lags.append(page.evaluate("() => painted[0] - pressed[0]"))
        page.evaluate("() => { pressed.length = painted.length = 0; }")
        end = time.monotonic() + 10
        right = True
        while time.monotonic() < end:
            page.keyboard.press("ArrowRight" if right else "ArrowLeft")
            right = not right
            page.wait_for_timeout(30)
        page.wait_for_timeout(3000)
        settled, count, keys = page.evaluate(
            "() => [painted.at(-1) - pressed.at(-1), painted.length, pressed.length]"
        )
    print("| | |\n|---|---|")
    print(f"| key to picture, median | {np.median(lags):.0f} ms |")
    print(f"| 95th percentile of {presses} | {np.quantile(lags, 0.95):.0f} ms |")
    print(f"| drag of 10 s: keys, pictures painted | {keys}, {count} |")
    print(f"| last key to last picture | {settled:.0f} ms |")


if __name__ == "__main__":
    main()
