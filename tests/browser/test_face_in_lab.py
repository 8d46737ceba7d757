"""The face: in JupyterLab, and its front end alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from pages import frames, saved

from emgnb.widgets import Face
from emgnb.widgets.face.widget import HEAD

pytestmark = pytest.mark.slow

SHOWN = """
from emgnb.widgets import Face
face = Face({"AU12": 0.8, "L4": 0.3})
face
"""
# A decoder that gives an output every 50 ms until it stops giving any.
LIVE = """
from emgnb.acquire.clock import host_ns
from emgnb.live import Output
from emgnb.widgets import Face

class Decoder:
    latest, stopped = None, False

    def __call__(self):
        if not self.stopped:
            now = host_ns()
            values = {"L12": 0.8}
            number = now // 50_000_000
            self.latest = Output(number, now, 0.05 * number, 0.0, "intensities", values)
        return self.latest

decoder = Decoder()
face = Face(lambda: decoder())
face
"""
# The mean colour of the drawn head, red, green and blue, and how many pixels are drawn.
LOOK = """() => {
  const drawn = document.querySelector('.emgnb-face .stage canvas');
  const copy = new OffscreenCanvas(drawn.width, drawn.height).getContext('2d');
  copy.drawImage(drawn, 0, 0);
  const { data } = copy.getImageData(0, 0, drawn.width, drawn.height);
  const sum = [0, 0, 0, 0];
  for (let k = 0; k < data.length; k += 4)
    if (data[k + 3] > 250) { sum[3] += 1; for (let i = 0; i < 3; i++) sum[i] += data[k + i]; }
  return sum.map((value, i) => (i < 3 ? value / sum[3] : value));
}"""


def has_drawn(page: Any, after: int = 0) -> int:
    page.wait_for_function(
        """(after) => Number(document.querySelector('.emgnb-face .stage canvas')
             ?.dataset.frames) > after""",
        arg=after,
    )
    return int(page.locator(".emgnb-face .stage canvas").get_attribute("data-frames"))


def row(page: Any, number: str) -> list[str]:
    cells = page.locator(f".emgnb-face tr:has(b:text-is('{number}')) td")
    return list(cells.all_inner_texts())


def test_a_face_is_shown_and_used_by_keyboard(lab: Any, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(lab.write("face.ipynb", SHOWN))
    notebook.run_all()
    page = notebook.page
    has_drawn(page)
    page.wait_for_function(
        "() => document.querySelector('.emgnb-face .voice').textContent.includes('80 %')"
    )
    assert row(page, "12") == ["80 %", "80 %"]
    assert row(page, "4") == ["–", "30 %"]
    assert "unknown" in page.locator(".emgnb-face tr:has(b:text-is('26'))").get_attribute("class")
    notebook.look("face", ".emgnb-panel")
    head = page.locator(".emgnb-face .stage canvas")
    head.focus()
    cells = notebook.cells()
    for key in ("ArrowLeft", "b", "x", "Home"):
        page.keyboard.press(key)
    assert notebook.cells() == cells
    slider = page.locator(".emgnb-face").get_by_label("Exaggeration")
    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.until("face._stage.exaggeration", "1.1")


def knows(page: Any, after: int = 0) -> int:
    """Wait until the head shows an output after that number, and return its number."""
    page.wait_for_function(
        """(after) => {
             const { number, grey } = document.querySelector('.emgnb-face .stage canvas')
               ?.dataset ?? {};
             return Number(number) > after && grey === '0.00';
           }""",
        arg=after,
    )
    return int(page.locator(".emgnb-face .stage canvas").get_attribute("data-number"))


def test_a_tab_that_is_closed_and_opened_again_shows_the_present(
    lab: Any, open_notebook: Callable[..., Any], window: Any
) -> None:
    path = lab.write("tab.ipynb", LIVE)
    notebook = open_notebook(path)
    notebook.run_all()
    before = knows(notebook.page)
    saved(notebook.page)
    window.close()

    notebook = open_notebook(path)
    knows(notebook.page, before)
    has_drawn(notebook.page)
    notebook.value("setattr(decoder, 'stopped', True)")
    knows_that_nothing_comes(notebook.page)
    saved(notebook.page)

    # Closed in JupyterLab, which then ends the subshell of the kernel that its widgets used.
    notebook = open_notebook(path)
    knows_that_nothing_comes(notebook.page)
    exaggerate(notebook, "1.1")
    window.close()

    notebook = open_notebook(path)
    knows_that_nothing_comes(notebook.page)
    exaggerate(notebook, "1.2")


def knows_that_nothing_comes(page: Any) -> None:
    page.locator(".emgnb-face .note", has_text="no new values for").wait_for()
    page.locator(".emgnb-face .stage canvas[data-grey='1.00'][data-frames]").wait_for()


def exaggerate(notebook: Any, wanted: str) -> None:
    """Move the slider by a step, and wait until the kernel has its value."""
    notebook.page.locator(".emgnb-face").get_by_label("Exaggeration").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.until("face._stage.exaggeration", wanted)


# ---- the front end, in a page of its own


def mounted_face(mounted: Callable[..., Any], mode: str) -> Any:
    face = Face()
    face._stage.mode = mode
    shown = mounted(face._stage)
    raw = base64.b64encode(HEAD.read_bytes()).decode()
    shown.page.evaluate(
        """(raw) => {
             const bytes = Uint8Array.from(atob(raw), (each) => each.charCodeAt(0));
             window.model.hear({ kind: 'head' }, [new DataView(bytes.buffer)]);
           }""",
        raw,
    )
    face.close()
    return shown


def hear(page: Any, **content: Any) -> None:
    given = {"kind": "now", "values": {}, "activity": [], "gap": "", "gaps": [], "number": 1}
    page.evaluate(
        "(content) => window.model.hear({ sampled: Date.now(), ...content }, [])",
        {**given, **content},
    )


def test_a_gap_turns_the_head_grey_and_old_values_are_not_kept(
    mounted: Callable[..., Any],
) -> None:
    page = mounted_face(mounted, "live").page
    # As often as a decoder: without news for half a second the values would be too old.
    page.evaluate(
        """() => { window.news = setInterval(() => window.model.hear(
             { kind: 'now', values: { L12: 0.5 }, gap: '', gaps: [], number: 1,
               activity: [['zygomaticus_major', 'left', 0.5]], sampled: Date.now() - 30 }, []),
             50); }"""
    )
    page.wait_for_function(
        "() => document.querySelector('.emgnb-face .stage canvas').dataset.grey === '0.00'"
    )
    page.locator(".emgnb-face .facts", has_text="ms after the muscles").wait_for()
    red, green, blue, drawn = page.evaluate(LOOK)
    assert drawn > 10_000
    assert red > blue + 20
    page.evaluate("clearInterval(window.news)")
    hear(page, gap="412 scans lost", number=2)
    page.wait_for_function(
        "() => document.querySelector('.emgnb-face .stage canvas').dataset.grey === '1.00'"
    )
    assert page.locator(".emgnb-face .note").inner_text() == "412 scans lost"
    red, green, blue, _ = page.evaluate(LOOK)
    assert max(red, green, blue) - min(red, green, blue) < 3
    page.wait_for_function(
        """() => [...document.querySelectorAll('.emgnb-face td')]
             .every((cell) => cell.textContent === '–')"""
    )
    hear(page, values={"L12": 0.5}, number=3)
    page.locator(".emgnb-face .note", has_text="no new values for").wait_for()


def test_a_page_whose_hello_was_lost_says_it_again(mounted: Callable[..., Any]) -> None:
    shown = mounted_face(mounted, "live")
    shown.page.wait_for_function("() => window.sent.length > 1")  # nothing has answered the first
    hellos = shown.sent("hello")
    assert {each["page"] for each in hellos} == {hellos[0]["page"]}
    hear(shown.page, values={"L12": 0.5}, sampled=0, age=60_000)
    shown.page.locator(".emgnb-face .note", has_text="no new values for").wait_for()


def test_a_head_that_looks_the_same_is_not_painted_again(mounted: Callable[..., Any]) -> None:
    page = mounted_face(mounted, "shown").page

    def smiles(much: float) -> None:
        page.evaluate(
            "(much) => window.model.tell({ now: { values: { L12: much }, activity: [] } })", much
        )
        frames(page)

    has_drawn(page)
    frames(page)  # once more, where it gets its size late
    before = has_drawn(page)
    smiles(0.5)
    painted = has_drawn(page, before)
    smiles(0.501)
    assert has_drawn(page) == painted
    smiles(0.9)
    has_drawn(page, painted)


def test_the_healthy_side_drives_the_other(mounted: Callable[..., Any]) -> None:
    page = mounted_face(mounted, "shown").page
    before = has_drawn(page)
    page.evaluate("window.model.tell({ now: { values: { L12: 1 }, activity: [] } })")
    before = has_drawn(page, before)
    one = page.locator(".emgnb-face .stage canvas").screenshot()
    page.locator(".emgnb-face select").select_option("left")
    has_drawn(page, before)
    page.locator(".emgnb-face .facts", has_text="right side copies the left").wait_for()
    assert page.evaluate("window.model.get('mirror')") == "left"
    assert row(page, "12") == ["–", "100 %"]  # what is measured, not what is drawn
    assert page.locator(".emgnb-face .stage canvas").screenshot() != one
