"""Take screenshots of the widgets in a real Chromium, and make short films of them.

    pip install pillow
    python docs/pictures.py [journey] [comparison] [face] [replay] [feedback]

The widgets run in JupyterLab on the simulated face. The files written are docs/widgets/*.png,
docs/widgets/journey.webp, docs/widgets/face.webp, and docs/labeller/comparison.png.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

import conftest as browsers  # noqa: E402

PICTURES = HERE / "widgets"
WIDE, NARROW, HEIGHT = 1100, 640, 900
# Bytes of the films, which the README shows both.
JOURNEY, REPLAYED = 1_300_000, 700_000
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
session = recording.open(capture.path)
tuner = Tuner(session)
tuner
"""
LABELLER = """
import os
from emgnb import filters
from emgnb.widgets import Labeller
chain = filters.preset_for(session["emg/signal"])
labeller = Labeller(os.path.relpath(capture.path), coder="AB", chain=chain)
labeller
"""

FACE = """
from emgnb.widgets import Face
face = Face({"AU12": 0.8, "AU6": 0.6, "L4": 0.2})
face
"""

# Both sides of the face; in the middle, 412 scans are lost.
REPLAY = """
import numpy as np
from emgnb import facs, recording, simulate
from emgnb.widgets import Face
muscles = (
    "frontalis_lateralis", "corrugator", "orbicularis_oculi", "levator_labii", "zygomaticus_major"
)
sites = [facs.site(muscle, side) for muscle in muscles for side in ("left", "right")]
script = simulate.protocol(
    ("smile", "frown", "surprise", "disgust"), repetitions=1, hold=1.6, rest=1.2, start=1.5
)
session = simulate.face(script=script, montage=sites, difficulty="easy", seed=3)
x = recording.emg(session).copy(deep=True)
x.values[7400:7812] = np.nan
x["valid"].values[7400:7812] = False
face = Face(recording.with_signal(session, x))
face
"""

# A simulated person sees what the widget shows.
FEEDBACK = """
import time
from emgnb import live, simulate
from emgnb.acquire.clock import host_ns
from emgnb.live import tasks
from emgnb.widgets import Feedback

def moved(person=simulate.Player(noise=0.1)):
    for k in range(10_000):
        time.sleep(0.02)
        now = feedback.run.moment
        effort = person.act(0.02 * k, now.target if now.phase == "go" else {}, now.values)
        values = {"L12": effort.get("L12", 0.0)}
        yield live.Output(k, host_ns(), 0.02 * k, 0.0, "intensities", values)

feedback = Feedback(tasks.Follow("L12"), moved())
feedback
"""

# Ben is late, misses every fifth movement, and codes one that did not happen.
COMPARISON = """
import numpy as np
from emgnb import labels, recording, simulate
from emgnb.widgets import Labeller
script = simulate.protocol(("smile", "disgust"), repetitions=2)
session = simulate.face(script=script, seed=4)
truth = session["labels/truth"].to_dataset()
ann = truth.isel(event=(truth.intensity.values != "A") & (truth.au.values != "45"))
noticed = ann.isel(event=np.arange(ann.sizes["event"]) % 5 != 2)
ben = labels.events(
    np.append(noticed.onset + 0.2, 2.0), np.append(noticed.offset + 0.1, 2.6),
    au=[*noticed.au.values, "12"], side=[*noticed.side.values, ""],
    intensity=[*noticed.intensity.values, "B"],
)
session = recording.make(
    recording.emg(session), labels={"Ann": ann, "Ben": ben}, participant="P07"
)
recording.save(session, "compared.zarr")
labeller = Labeller("compared.zarr", coder="Cleo")
labeller.compare("Ann", "Ben")
labeller
"""


class Film:
    """Frames, each with its duration in ms, for a file of at most so many bytes."""

    def __init__(self, most: int, scale: float = 8 / 11) -> None:
        self.most, self.scale = most, scale
        self.frames: list[tuple[Image.Image, int]] = []

    def take(self, page: Any, shown: int) -> None:
        """Take a page, or a part of one."""
        frame = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        small = (int(frame.width * self.scale), int(frame.height * self.scale))
        self.frames.append((frame.resize(small, Image.Resampling.LANCZOS), shown))

    def watch(self, page: Any, seconds: float, shown: int = 250) -> None:
        for _ in range(round(1000 * seconds / shown)):
            page.wait_for_timeout(shown)
            self.take(page, shown)

    def write(self, path: Path) -> None:
        first, *others = [frame for frame, _ in self.frames]
        for quality in (70, 60, 50, 30, 10):
            first.save(
                path,
                save_all=True,
                append_images=others,
                duration=[shown for _, shown in self.frames],
                loop=0,
                quality=quality,
                method=4,
                kmin=3,  # whole frames now and then: changes alone leave traces of what was there
                kmax=16,
            )
            if path.stat().st_size < self.most:
                return
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes: take fewer frames")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    scenes = {
        "journey": journey,
        "comparison": comparison,
        "face": face,
        "replay": replay,
        "feedback": feedback,
    }
    with browsers.browsing() as (browser, lab):
        for name in sys.argv[1:] or scenes:
            scenes[name](browser, lab)


def comparison(browser: Any, lab: Any) -> None:
    """Take the labeller with two coders and one of their disagreements."""
    page = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}).new_page()
    path = lab.write("comparison.ipynb", COMPARISON.strip())
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    page.evaluate("document.querySelectorAll('.jp-toast-button').forEach((b) => b.click())")
    run(page, 0)
    panel = page.locator(".emgnb-panel")
    panel.locator(".difference", has_text=" of ").wait_for(timeout=90_000)
    page.wait_for_function(
        "() => document.querySelector('.emgnb-labeller')?.dataset.complete === 'true'"
    )
    page.set_viewport_size({"width": WIDE, "height": 1400})
    panel.evaluate("(panel) => panel.scrollIntoView()")
    page.wait_for_timeout(1000)
    panel.screenshot(path=str(HERE / "labeller" / "comparison.png"))
    page.context.close()


def journey(browser: Any, lab: Any) -> None:
    page = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}).new_page()
    path = lab.write(
        "journey.ipynb", CAPTURE.strip(), CUES.strip(), TUNER.strip(), LABELLER.strip()
    )
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook, film = browsers.Notebook(page, lab.root, path.name), Film(JOURNEY)
    notebook.ready()
    page.evaluate("document.querySelectorAll('.jp-toast-button').forEach((b) => b.click())")

    run(page, 0)
    capture = page.locator(".emgnb-capture")
    capture.locator(".start").wait_for()
    film.take(page, 1500)
    capture.get_by_role("button", name="Test connection").click()
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
    stage.get_by_role("button", name="Resume").click()
    page.locator(".emgnb-cues[data-phase='over']").wait_for(timeout=60_000)
    page.locator(".jp-Cell").first.scroll_into_view_if_needed()
    capture.get_by_role("button", name="Stop").click()
    notebook.until("capture.path is not None", "True", timeout=90)
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


def face(browser: Any, lab: Any) -> None:
    page = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}).new_page()
    path = lab.write("face.ipynb", FACE.strip())
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    run(page, 0)
    page.locator(".emgnb-face .stage canvas[data-frames]").wait_for(timeout=60_000)
    page.locator(".emgnb-face .voice", has_text="80 %").wait_for(state="attached", timeout=60_000)
    each(notebook, page.locator(".emgnb-panel"), "face")
    page.context.close()


def replay(browser: Any, lab: Any) -> None:
    """Take each eighth of a second of a session: a slow computer gives the same film."""
    view = {"width": WIDE, "height": 1000}
    page = browser.new_context(viewport=view, device_scale_factor=2).new_page()
    path = lab.write("replay.ipynb", REPLAY.strip())
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook, film = browsers.Notebook(page, lab.root, path.name), Film(REPLAYED, 4 / 11)
    notebook.ready()
    run(page, 0)
    head = page.locator(".emgnb-face .stage canvas[data-frames]")
    head.wait_for(timeout=60_000)
    head.scroll_into_view_if_needed()
    slider = page.locator(".emgnb-face").get_by_label("time", exact=True)
    for k in range(12, 100):
        slider.evaluate(
            """(slider, at) => {
                 slider.value = at;
                 slider.dispatchEvent(new Event('input'));
               }""",
            k / 8,
        )
        page.wait_for_timeout(300)  # the numbers follow a quarter of a second later
        film.take(page.locator(".emgnb-face"), 125)
    film.write(PICTURES / "face.webp")
    page.context.close()


def feedback(browser: Any, lab: Any) -> None:
    page = browser.new_context(viewport={"width": WIDE, "height": HEIGHT}).new_page()
    path = lab.write("feedback.ipynb", FEEDBACK.strip())
    page.goto(f"{lab.url}/doc/tree/{path.name}?token={lab.token}", timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    run(page, 0)
    page.locator(".emgnb-feedback button", has_text="Start").click()
    page.locator(".emgnb-feedback .what", has_text="Follow the trace").wait_for(timeout=60_000)
    page.wait_for_timeout(7000)
    each(notebook, page.locator(".emgnb-panel"), "feedback")
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
    """Take a wide screenshot with the light theme and a narrow one with the dark theme."""
    for theme in notebook.looks(part, wide=WIDE, narrow=NARROW, height=2000):
        part.screenshot(path=str(PICTURES / f"{name}_{theme}.png"))
    notebook.page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    part.evaluate("(panel) => panel.scrollIntoView()")
    notebook.page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
