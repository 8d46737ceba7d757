"""The page on the architecture is true: drawn from the imports, and every file it names exists."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def matrix():
    pytest.importorskip("grimp", reason="grimp is not installed: pip install 'emgnb[lint]'")
    sys.path.insert(0, str(ROOT / "docs" / "_sphinx"))
    try:
        import import_matrix
    finally:
        sys.path.pop(0)
    return import_matrix


def test_the_drawing_has_each_package_and_all_its_imports_point_to_earlier_ones(matrix):
    names = matrix.layers()
    folders = {
        path.parent.name if path.name == "__init__.py" else path.stem
        for path in [*(ROOT / "emgnb").glob("*/__init__.py"), *(ROOT / "emgnb").glob("[a-z]*.py")]
    }
    assert set(names) == folders
    pairs = matrix.imports(names)
    assert all(names.index(column) < names.index(row) for row, column in pairs)
    assert {("models", "features"), ("live", "models"), ("cli", "acquire")} <= set(pairs)
    drawn = ElementTree.fromstring(matrix.svg(names, pairs))
    tags = [each.tag.partition("}")[2] for each in drawn.iter()]
    assert tags.count("circle") == tags.count("title") == len(pairs)
    assert tags.count("text") == 2 * len(names)


def test_every_file_that_the_page_names_exists():
    files = {path.relative_to(ROOT / "emgnb").as_posix() for path in (ROOT / "emgnb").rglob("*.py")}
    names = {Path(path).name for path in files}
    for found in re.findall(r"`([\w/]+\.py)`", PAGE.read_text("utf-8")):
        assert found in (files if "/" in found else names), found
