"""What the notebooks say: one thought a cell, words explained, one way to clean."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from emgnb import features, filters, labels, models, recording, simulate, windows

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("0*.ipynb"))


def cells(name: str, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in raw(name) if cell["cell_type"] == kind]


def raw(name: str) -> list[dict[str, Any]]:
    return json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]


def test_the_classes_of_the_example_are_balanced():
    # Started alone, 03 trains on these: a class of pauses would outweigh all others.
    _, count = zip(
        *((k, v.sizes["trial"]) for k, v in labels.trials(simulate.example()).groupby("label")),
        strict=True,
    )
    assert max(count) == min(count)


def test_an_installed_package_brings_each_notebook_and_nothing_made_beside_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    brought = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert sorted(Path(each).name for each in brought) == NAMES
    assert all(to == f"emgnb/notebooks/{Path(of).name}" for of, to in brought.items())


@pytest.mark.parametrize("name", NAMES)
def test_one_thought_a_cell(name):
    for source in cells(name, "code"):
        assert len(source.splitlines()) < 12, source
        ast.parse(source)


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_outputs_and_with_words_between_the_cells(name):
    assert not any(cell.get("outputs") for cell in raw(name))
    text = "\n".join(cells(name, "markdown"))
    assert text.count("You should see") >= 6
    assert len(re.findall(r"\bbecause\b|\bsince\b", text)) >= 6
    assert "Exercise" in text
    assert text.count("<summary>Solution</summary>") == text.count("**Exercise.**") >= 1
    assert re.search(r"running all cells\s+about \d+", text), "how long it takes"


@pytest.mark.parametrize("name", NAMES)
def test_words_of_the_field_are_in_the_glossary_where_they_first_occur(name):
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    # JupyterLab's anchors: the heading itself, spaces as hyphens.
    known = {heading.replace(" ", "-") for heading in re.findall(r"^## (.+)$", glossary, re.M)}
    text = "\n".join(cells(name, "markdown"))
    linked = re.findall(r"\]\(glossary\.md#([^)]+)\)", text)
    assert set(linked) <= known
    words = {"LDA": "LDA", "UAR": "UAR", "κ": "Kappa", "Hudgins": "Hudgins", "SNR": "SNR"}
    for word, anchor in (words | {"crosstalk": "Crosstalk", "LSTM": "LSTM"}).items():
        first = re.search(rf"\b{word}\b", text)
        if first:
            assert text[first.end() :].startswith(f"](glossary.md#{anchor})"), (name, word)


def test_readme_and_notebooks_clean_in_one_way():
    pages = [(ROOT / "README.md").read_text(encoding="utf-8")]
    pages += ["\n".join(cells(name, "code")) for name in NAMES]
    assert not [page for page in pages if 'preset("raw"' in page]
    assert "preset_for" in pages[0]


def test_a_model_knows_another_recording_that_went_through_the_same_chain():
    def table(person, chain):
        script = simulate.protocol(("smile", "frown"), repetitions=2, seed=person)
        face = simulate.face(participant=person, seed=3, script=script)
        clean = recording.with_signal(face, chain(face["emg/signal"]))
        return features.extract(windows.cut(clean, labels.trials(clean), step=0.2)), clean

    first = simulate.face(participant=0, seed=3)["emg/signal"]
    mine, clean = table(0, filters.preset_for(first))
    other, _ = table(2, filters.chain_of(clean["emg/signal"]))
    model = models.fit(mine)
    assert model.predict(other).sizes["window"] == other.sizes["window"]
    assert filters.chain_of(other) == filters.preset_for(first)


def test_what_was_never_filtered_has_no_chain():
    with pytest.raises(ValueError, match="contains no filter: this signal is as recorded"):
        filters.chain_of(simulate.example()["emg/signal"])
