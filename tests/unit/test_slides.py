"""The teacher's slides: short, with a picture each that is computed, and notes to say."""

import ast
import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
# What an hour holds; the longest text that can be read on a wall.
FEWEST, MOST, WORDS = 11, 14, 90


@pytest.fixture(scope="module")
def cells():
    path = DOCS / "slides.ipynb"
    if not path.exists():
        pytest.skip("the slides are in a checkout only")
    return json.loads(path.read_text("utf-8"))["cells"]


def kind(cell):
    return cell["metadata"]["slideshow"]["slide_type"]


def text(cell):
    return "".join(cell["source"])


def test_the_slides_are_stored_clean_and_fit_into_the_hour(cells):
    slides = [cell for cell in cells if kind(cell) == "slide"]
    assert FEWEST <= len(slides) <= MOST
    assert all(text(cell).startswith("#") and len(text(cell).split()) <= WORDS for cell in slides)
    assert sum(kind(cell) == "notes" for cell in cells) >= len(slides) - 2
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert max(len(cell["source"]) for cell in code) <= 12
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_the_slides_are_in_the_order_of_the_hour(cells):
    notes = [text(cell) for cell in cells if kind(cell) == "notes"]
    minutes = [int(found[1]) for note in notes if (found := re.match(r"Minute (\d+)–", note))]
    assert len(minutes) >= 8
    assert minutes == sorted(minutes)
    guide = (DOCS / "teaching.md").read_text("utf-8")
    assert set(minutes) <= {int(first) for first in re.findall(r"^\| (\d+)–", guide, re.M)}


def test_every_picture_of_the_slides_is_drawn(cells):
    go = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    names: dict = {}
    drawn = 0
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse(text(cell))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "slides", "exec"), names)
        if last is not None:
            shown = eval(compile(ast.Expression(last.value), "slides", "eval"), names)
            assert isinstance(shown, go.Figure)
            assert shown.data
            drawn += 1
    assert drawn >= 8
    # The message of the hour: shuffled pieces flatter.
    both = names["both"]
    assert both.shuffled.accuracy > both.honest.accuracy + 0.1


def exercises(path):
    """The questions of a notebook's exercises."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = "\n".join(text(cell) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"\*\*Exercise\.\*\*(.*?)<details>", texts, re.S)


def test_the_page_of_exercises_has_all_of_the_notebooks_and_a_solution_to_each():
    page = (DOCS / "exercises.md").read_text("utf-8")
    for path in sorted((DOCS.parent / "notebooks").glob("0*.ipynb")):
        section = re.search(rf"^## {int(path.name[:2])} · .*?(?=^## )", page, re.S | re.M)
        assert section is not None, path.name
        questions = exercises(path)
        assert section[0].count("<summary>Solution</summary>") == len(questions)
        for question in questions:
            for name in re.findall(r"`([A-Z_]+|[a-z_]+\(.*?\)|repetitions)`", question):
                assert name in section[0], f"{path.name}: {name}"
    assert page.count("<details>") == page.count("</details>") == page.count("<summary>Solution")
