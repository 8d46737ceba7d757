"""Take the pictures of the widgets again, in a real Chromium, and the journey as one short film.

    pip install pillow
    python docs/pictures.py

Everything is recorded from the simulated face and shown in JupyterLab; a picture is what a person
would see. Written are docs/widgets/*.png and docs/widgets/journey.webp.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

import conftest as browsers  # noqa: E402

PICTURES = HERE / "widgets"
WIDE, NARROW, HEIGHT = 1100, 640, 900
LARGEST = 2_000_000  # bytes of the film
CAPTURE = """
from emgnb.widgets import Capture
capture = Capture("sim://smile?seed=1", folder="recordings", participant="P07")
capture
"""
CUES = """
from emgnb import cues
from emgnb.widgets import Cues
protocol = cues.Protocol(
    ("smile", "frown", "surprise"), repetitions=1, practice=False, countdown=1, hold=2.5, rest=1,
    rest_jitter=0, baseline=1,
)
guide = Cues(protocol, capture)
guide
"""
TUNER = """
from emgnb import recording
from emgnb.widgets import Tuner
session = recording.open(capture.session)
tuner = Tuner(session)
tuner
"""
LABELLER = """
import os
from emgnb import filters
from emgnb.widgets import Labeller
chain = filters.preset_for(session["emg/signal"])
labeller = Labeller(os.path.relpath(capture.session), coder="AB", chain=chain)
labeller
"""


class Film:
    """Frames with the ms that each is shown."""

    def __init__(self) -> None:
        self.frames: list[tuple[Image.Image, int]] = []

    def take(self, page: Any, shown: int) -> None:
        frame = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        small = (WIDE * 8 // 11, HEIGHT * 8 // 11)
        self.frames.append((frame.resize(small, Image.Resampling.LANCZOS), shown))

    def watch(self, page: Any, seconds: float, shown: int = 250) -> None:
        for _ in range(round(1000 * seconds / shown)):
            page.wait_for_timeout(shown)
            self.take(page, shown)

    def write(self, path: Path) -> None:
        first, *others = [frame for frame, _ in self.frames]
        for quality in (70, 50, 30, 10):
            first.save(
                path,
                save_all=True,
                append_images=others,
                duration=[shown for _, shown in self.frames],
                loop=0,
                quality=quality,
                method=4,
            )
            if path.stat().st_size < LARGEST:
                return
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes: take fewer frames")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with browsers.browsing() as (browser, lab):
        journey(browser, lab)


def journey(browser: Any, lab: Any) -> None:
    page = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}).new_page()
    path = lab.write(
        "journey.ipynb", CAPTURE.strip(), CUES.strip(), TUNER.strip(), LABELLER.strip()
    )
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook, film = browsers.Notebook(page, lab.root, path.name), Film()
    notebook.ready()
    page.evaluate("document.querySelectorAll('.jp-toast-button').forEach((b) => b.click())")

    run(page, 0)
    capture = page.locator(".emgnb-capture")
    capture.locator(".start").wait_for()
    film.take(page, 1500)
    capture.get_by_role("button", name="Listen").click()
    page.locator(".emgnb-capture .verdict:not([data-state='listening'])").wait_for(timeout=90_000)
    film.take(page, 1500)
    each(notebook, page.locator(".emgnb-panel"), "capture_before")
    capture.locator(".start").click()
    page.wait_for_function(
        "() => Number(document.querySelector('canvas.emgnb-live')?.dataset.scan) > 3000",
        timeout=60_000,
    )
    for cue in ("smile", "rest", "frown", "rest"):
        capture.get_by_role("button", name=cue).click()
        film.watch(page, 2)
    each(notebook, page.locator(".emgnb-panel"), "capture")

    run(page, 1)
    stage = page.locator(".emgnb-cues")
    stage.wait_for()
    page.locator(".jp-Cell").nth(1).scroll_into_view_if_needed()
    stage.get_by_role("button", name="Start").click()
    film.watch(page, 5, 500)
    page.locator(".emgnb-cues[data-phase='hold'][data-number='3']").wait_for(timeout=60_000)
    stage.get_by_role("button", name="Pause").click()
    each(notebook, page.locator(".emgnb-panel").nth(1), "cues")
    stage.get_by_role("button", name="Go on").click()
    page.locator(".emgnb-cues[data-phase='over']").wait_for(timeout=60_000)
    page.locator(".jp-Cell").first.scroll_into_view_if_needed()
    capture.get_by_role("button", name="Stop").click()
    notebook.until("capture.session is not None", "True", timeout=90)
    film.take(page, 1500)

    run(page, 2)
    page.locator(".emgnb-tuned canvas[data-picture]").wait_for(timeout=60_000)
    notebook.until("tuner.wait(0)", "True", timeout=60)
    tuner = page.locator(".emgnb-panel").nth(2)
    tuner.evaluate("(panel) => panel.scrollIntoView()")
    film.take(page, 1500)
    handle = tuner.locator(".noUi-handle").first
    handle.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(250)
        film.take(page, 250)
    each(notebook, tuner, "tuner")

    run(page, 3)
    labeller = page.locator(".emgnb-panel").nth(3)
    labeller.wait_for()
    labeller.evaluate("(panel) => panel.scrollIntoView()")
    page.wait_for_timeout(3000)
    film.take(page, 1500)
    labeller.get_by_role("button", name="find bursts").click()
    notebook.until("bool(labeller.proposals['onset'].size)", "True", timeout=60)
    page.wait_for_timeout(1000)
    film.take(page, 1000)
    labeller.get_by_role("button", name="next (n)").click()
    for _ in range(6):
        labeller.get_by_role("button", name="accept (Enter)").click()
        page.wait_for_timeout(500)
        film.take(page, 600)
    film.take(page, 2000)
    each(notebook, labeller, "labeller")
    film.write(PICTURES / "journey.webp")
    page.context.close()


def run(page: Any, cell: int) -> None:
    """Run a cell."""
    page.evaluate(
        """async (k) => {
             jupyterapp.shell.currentWidget.content.activeCellIndex = k;
             await jupyterapp.commands.execute('notebook:run-cell');
           }""",
        cell,
    )


def each(notebook: Any, part: Any, name: str) -> None:
    """Take a widget light and wide, dark and narrow."""
    for theme in notebook.looks(part, wide=WIDE, narrow=NARROW, height=2000):
        part.screenshot(path=str(PICTURES / f"{name}_{theme}.png"))
    notebook.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    part.evaluate("(panel) => panel.scrollIntoView()")
    notebook.page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
