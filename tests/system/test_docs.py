"""What the pages say is so: links lead somewhere, code runs and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import emgnb

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "firmware" / "README.md"]
)
HOWTO = sorted((ROOT / "docs" / "howto").glob("*.md"))
PICTURES = {".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp"}
# One animated picture of the whole journey may be larger.
MOST, MOST_ANIMATED = 200 * 1024, 2000 * 1024

IDS = [str(page.relative_to(ROOT)) for page in PAGES]


def anchor(heading: str) -> str:
    """How a heading is addressed on the page."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def outside_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page):
    text = outside_code(page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text)
    targets += re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
    for target in targets:
        if re.match(r"(https?|mailto):", target):
            continue
        if written := re.fullmatch(r"emgnb\.(\w+)\.rst", target):  # by `make docs`
            assert written[1] in emgnb.__all__, f"{target}: no such module"
            continue
        path, _, part = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target}: nothing there"
        assert found.is_relative_to(ROOT), f"{target}: outside of the project"
        if part:
            headings = re.findall(r"^#+ +(.+)$", found.read_text(encoding="utf-8"), re.M)
            assert part in map(anchor, headings), f"{target}: no such heading"


def test_pictures_are_small_and_all_are_shown():
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix.lower() in PICTURES:
            most = MOST_ANIMATED if picture.suffix.lower() in (".gif", ".webp") else MOST
            assert picture.stat().st_size <= most, picture.name
            assert picture.name in shown, f"{picture.name}: on no page"


def test_pages_name_no_place_of_one_machine():
    for page in PAGES:
        assert not re.search(
            r"/(home|root|Users|work|tmp)/\w", outside_code(page.read_text(encoding="utf-8"))
        ), page.name


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and body of each block of code."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def run(page: Path) -> dict:
    """Run a page's Python from top to bottom; what it prints must be the `text` block below it."""
    names: dict = {}
    said = ""
    for language, body in blocks(page):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, str(page), "exec"), names)
            said = out.getvalue()
        elif language == "text":
            assert said == body
    return names


@pytest.mark.parametrize("page", HOWTO, ids=lambda page: page.stem)
def test_the_answers_to_questions_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page)


def test_the_readme_runs(tmp_path, monkeypatch):
    short, code = (body for language, body in blocks(ROOT / "README.md") if language == "python")
    # The simulated face answers "smile"; the rest of a protocol is where the README has its dots.
    assert "# … and further markers" in code
    more = "".join(
        f'import time; time.sleep(1.5); rec.mark("{text}")\n'
        for text in ["neutral", "smile", "neutral", "smile", "neutral"]
    )
    lines = code.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("rec.mark"))
    lines.insert(at + 1, f"{more}time.sleep(1.5)")
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n".join(lines), "README.md", "exec"), {})
    assert "chance" in out.getvalue()
    names: dict = {}
    exec(compile(short, "README.md", "exec"), names)
    assert names["result"].trials.sizes["trial"] == 6


def test_two_people_who_watch_faces_answer_as_published(shared_data, monkeypatch):
    monkeypatch.chdir(shared_data)
    names = run(ROOT / "docs" / "nilsonne.md")
    z = names["z"]
    mean = z.groupby("label").mean()
    zygomaticus, corrugator = (
        mean.sel(channel=channel) for channel in ("zygomaticus", "corrugator")
    )
    # n = 2: the sign of the mean, no more.
    assert zygomaticus.idxmax("label") == "happy"
    assert corrugator.idxmin("label") == "happy"
    assert corrugator.sel(label="angry") > corrugator.sel(label="happy")
    # The balance of both muscles moves the published way in each person, and two are few: as much
    # comes about by chance more often than in 1 of 20 shufflings.
    assert len(names["effect"]) == 2
    assert min(names["effect"]) > 0
    assert 0.05 < names["share"] < 0.25
