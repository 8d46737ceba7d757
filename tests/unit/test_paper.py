"""The paper: every number is computed, every source named, and the sections are there."""

import importlib.util
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "paper"
# As the journal asks since 2026; 750 to 1750 words.
SECTIONS = (
    "Summary",
    "Statement of need",
    "State of the field",
    "Software design",
    "Research impact statement",
    "AI usage disclosure",
    "Acknowledgements",
    "References",
)
# Numbers that are not computed: names of standards, settings, and what others published.
GIVEN = {
    *("16", "95"),  # channels of the board; "95 % interval"
    *("96.3", "67.5", "10", "16", "97.62", "300", "15", "25", "400", "500"),  # with their sources
    *("40", "5", "10", "15"),  # ms, dB, ms: what was simulated
}


@pytest.fixture(scope="module")
def make():
    if not FOLDER.is_dir():
        pytest.skip("the paper is in a checkout only")
    spec = importlib.util.spec_from_file_location("paper_make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text(make):
    return make.PAPER.read_text("utf-8")


def body(text: str) -> str:
    """The text without front matter, comments, links and citations."""
    text = text.split("---\n", 2)[2]
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    return re.sub(r"\]\([^)]*\)|\[?@[a-z]+\d{4}[^\]\s]*\]?|`[^`]*`|\\\w+\{\w+\}", " ", text)


def test_every_name_of_the_paper_has_a_number_and_every_number_is_used(make, text):
    assert set(make.PLACE.findall(text)) == set(make.names())
    assert set(make.stored()) == set(make.GROUPS)


def test_no_number_is_written_by_hand(make, text):
    found = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", make.PLACE.sub("", body(text)))
    assert set(found) <= GIVEN


def test_the_filled_paper_has_the_sections_and_the_length_that_the_journal_asks_for(make, text):
    filled = make.fill(text, make.names())
    assert "{{" not in filled
    filled = body(filled)
    assert tuple(re.findall(r"^# (.+)$", filled, re.M)) == SECTIONS
    assert 750 <= len(filled.split()) <= 1750


def test_a_name_without_number_is_an_error(make):
    with pytest.raises(KeyError, match="no number for absent: run `make paper`"):
        make.fill("{{absent}} of {{people}}", {"people": "6"})


def test_every_source_has_a_doi_and_is_cited(make, text):
    entries = re.findall(r"^@\w+\{(\w+),(.*?)^\}", make.REFERENCES.read_text("utf-8"), re.S | re.M)
    cited = set(re.findall(r"@([a-z]+\d{4})", text.split("---\n", 2)[2]))
    assert cited == {key for key, _ in entries}
    for key, entry in entries:
        assert re.search(r"^  doi +?= \{10\.\d{4,}/\S+\}", entry, re.M), key


def test_a_group_that_is_computed_again_gives_the_stored_numbers(make):
    assert make.integrity() == make.stored()["integrity"]["numbers"]


def test_without_the_recordings_their_numbers_are_kept_and_it_is_said(
    make, monkeypatch, tmp_path, capsys
):
    before = make.NUMBERS.read_bytes()
    monkeypatch.setattr(make, "DATA", tmp_path)
    make.compute("published")
    assert "published: skipped, no recordings paper, emotion_power" in capsys.readouterr().out
    assert make.NUMBERS.read_bytes() == before
