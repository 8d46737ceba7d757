"""What the pages say is so: links lead somewhere, code runs and prints what stands below it."""

import ast
import contextlib
import importlib.util
import inspect
import io
import itertools
import re
from pathlib import Path

import pytest

import emgnb

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "firmware" / "README.md"]
)
HOWTO = sorted((ROOT / "docs" / "howto").glob("*.md"))
# Pages whose code runs from top to bottom, and the package that they need beside emgnb.
RUN = {
    **dict.fromkeys(HOWTO, ""),
    ROOT / "docs" / "coupling.md": "mne",
    ROOT / "docs" / "dynamics.md": "plotly",
    ROOT / "docs" / "evaluation.md": "sklearn",
    ROOT / "docs" / "quality.md": "",
    ROOT / "docs" / "validation.md": "plotly",
}
# Pages with code that is not run, and why. Its names and arguments are checked.
NOT_RUN = {
    "audit": "a table of another group",
    "calibration": "a person",
    "cluster": "a server and a cluster",
    "face": "a notebook",
    "flash": "a board",
    "formats": "files of other programs",
    "labeller": "a notebook",
    "live": "a person",
    "models": "minutes of training",
    "nilsonne": "published recordings; run by a test of its own where they are",
    "onboard": "a board",
    "outputs": "a person",
    "tasks": "a person",
    "webserial": "a notebook",
    "widgets": "a notebook",
}
PICTURES = {".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp"}
# Animated pictures may be larger: all of them together, because the README shows them.
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
        if written := re.fullmatch(r"(emgnb\.[\w.]+)\.rst", target):  # by `make docs`
            assert importlib.util.find_spec(written[1]), f"{target}: no such module"
            continue
        path, _, part = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target}: nothing there"
        assert found.is_relative_to(ROOT), f"{target}: outside of the project"
        if part:
            headings = re.findall(r"^#+ +(.+)$", found.read_text(encoding="utf-8"), re.M)
            assert part in map(anchor, headings), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_headings_skip_no_level(page):
    text = outside_code(page.read_text(encoding="utf-8"))
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, flags=re.M)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_every_page_is_in_a_table_of_contents():
    """The site is built without warnings, which takes minutes; this is its commonest one."""
    docs = ROOT / "docs"
    listed = {docs / "index.md"}
    for page in docs.rglob("*.md"):
        for body in re.findall(r"^```{toctree}\n(.*?)^```", page.read_text("utf-8"), re.S | re.M):
            names = [line for line in body.split() if not line.startswith(":")]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    paper = docs / "paper" / "paper.md"  # for a journal, not for the site
    assert {*docs.rglob("*.md")} - listed - {paper} == set()


def test_pictures_are_small_and_all_are_shown():
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    animated = 0
    for picture in (ROOT / "docs").rglob("*"):
        if picture.suffix.lower() in PICTURES:
            assert picture.name in shown, f"{picture.name}: on no page"
            if picture.suffix.lower() in (".gif", ".webp"):
                animated += picture.stat().st_size
            else:
                assert picture.stat().st_size <= MOST, picture.name
    assert animated <= MOST_ANIMATED


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


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    if RUN[page]:
        pytest.importorskip(RUN[page], reason=f"{RUN[page]} is not installed")
    monkeypatch.chdir(tmp_path)
    run(page)


def test_every_page_with_code_is_run_or_says_what_it_needs():
    coded = {
        page
        for page in (ROOT / "docs").rglob("*.md")
        if any(language == "python" for language, _ in blocks(page))
    }
    not_run = {ROOT / "docs" / f"{name}.md" for name in NOT_RUN}
    assert coded - {*RUN} == not_run


def code_of(page: Path) -> str:
    return "\n".join(body for language, body in blocks(page) if language == "python")


def named(node: ast.AST, names: dict) -> object:
    """Return what an expression such as `live.outputs.open_output` names in emgnb; None if not."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        of = named(node.value, names)
        if inspect.ismodule(of):
            assert hasattr(of, node.attr), f"{ast.unparse(node)}: no such name"
            return getattr(of, node.attr)
    return None


def imported(module: str, name: str) -> object:
    """Return what `from module import name` gives."""
    found: dict = {}
    exec(f"from {module} import {name}", found)
    return found[name]


@pytest.mark.parametrize("name", NOT_RUN)
def test_code_that_is_not_run_uses_names_and_arguments_that_exist(name):
    tree = ast.parse(code_of(ROOT / "docs" / f"{name}.md"))
    names: dict = {each: getattr(emgnb, each) for each in emgnb.__all__}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("emgnb"):
            names |= {each.name: imported(node.module, each.name) for each in node.names}
    taken = [
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    names = {name: each for name, each in names.items() if name not in taken}
    checked = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and callable(found := named(node.func, names)):
            given = {each.arg: None for each in node.keywords if each.arg}
            inspect.signature(found).bind(*node.args, **given)
            checked += 1
    assert checked


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
