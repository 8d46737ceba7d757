"""A kit for a class without internet: what is fetched for whom, and what is in the folder."""

import csv
import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheels import only_index, wheel

import emgnb
from emgnb import kit
from emgnb.cli import main
from emgnb.kit.fetching import batches, explained

ROOT = Path(__file__).resolve().parents[2]
LINUX, WINDOWS = kit.Target("linux", "3.12"), kit.Target("windows", "3.12")
NEEDED = """\
tone==1.0
board==2.0
console==1.0 ; os_name == 'nt'
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only wheels that pip finds: those of NEEDED for Linux; Windows lacks `board`."""
    folder = tmp_path / "index"
    wheel(folder, "tone")
    wheel(folder, "console")
    wheel(folder, "board", "2.0", "cp312-cp312-manylinux_2_17_x86_64")
    only_index(monkeypatch, folder)
    return folder


@pytest.fixture
def own(tmp_path):
    return wheel(tmp_path / "own", "emgnb", emgnb.__version__)


def made(folder, systems, own, told=None, **options):
    return kit.make(
        folder,
        systems,
        ["3.12"],
        wheel=own,
        requirements=NEEDED,
        progress=(lambda _: None) if told is None else told.append,
        **options,
    )


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_an_interrupted_kit_is_continued_and_a_finished_one_left_alone(tmp_path, index, own):
    folder = tmp_path / "stick"
    with pytest.raises(RuntimeError, match=r"board==2\.0 has no wheel for windows, Python 3\.12"):
        made(folder, ["linux", "windows"], own)
    assert not folder.exists()
    begun = tmp_path / "stick.unfinished" / "wheels"
    assert "board-2.0-cp312-cp312-manylinux_2_17_x86_64.whl" in names(begun)
    # What a pulled stick leaves behind, and what another set of systems no longer needs.
    (begun / "console-1.0-py3-none-any.whl").write_bytes(b"PK half")
    wheel(begun, "earlier")
    wheel(index, "board", "2.0", "cp312-cp312-win_amd64")
    told = []
    found = made(folder, ["linux", "windows"], own, told)
    assert f"continuing in {folder}.unfinished" in told
    assert "linux, Python 3.12: 2 of 2 packages" in told
    assert "windows, Python 3.12: 3 of 3 packages" in told
    assert not folder.with_name("stick.unfinished").exists()
    assert found.packages == 5
    assert names(folder / "wheels") == {
        "board-2.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "board-2.0-cp312-cp312-win_amd64.whl",
        "console-1.0-py3-none-any.whl",
        own.name,
        "tone-1.0-py3-none-any.whl",
    }
    with pytest.raises(FileExistsError, match="stick exists and is not overwritten"):
        made(folder, ["linux"], own)


def test_the_folder_has_all_that_a_class_needs_and_lists_it(tmp_path, index, own):
    folder = made(tmp_path / "stick", ["linux"], own).folder
    assert names(folder) == {
        *("README.txt", "start.sh", "wheels", "notebooks", "firmware", "docs"),
        *("requirements.txt", "pythons.txt", "systems.txt", "contents.csv", "version.txt"),
    }
    assert (
        (folder / "requirements.txt").read_text().startswith(f"emgnb[all]=={emgnb.__version__}\n")
    )
    assert (folder / "pythons.txt").read_text() == "3.12\n"
    assert (folder / "systems.txt").read_text() == "linux\n"
    assert (folder / "firmware" / "emg_stream" / "emg_stream.ino").exists()
    assert (folder / "firmware" / "mega.hex").exists()
    assert (folder / "docs" / "howto" / "rate.md").exists()
    assert {"01_acquire.ipynb", "glossary.md"} <= names(folder / "notebooks")
    with (folder / "contents.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(rows) == there - {"contents.csv", "version.txt"}
    for name, row in rows.items():
        content = (folder / name).read_bytes()
        assert len(content) == int(row["bytes"])
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert rows["wheels/tone-1.0-py3-none-any.whl"]["for"] == "linux, Python 3.12"
    assert rows["start.sh"]["for"] == ""


def test_each_system_gets_its_scripts_with_its_line_ends(tmp_path, index, own):
    wheel(index, "board", "2.0", "cp312-cp312-win_amd64")
    folder = made(tmp_path / "stick", ["windows"], own).folder
    assert {name for name in names(folder) if name.startswith("start")} == {"start.bat"}
    lines = (folder / "start.bat").read_bytes().split(b"\n")
    assert all(line.endswith(b"\r") for line in lines[:-1])
    assert (folder / "pythons.txt").read_bytes() == b"3.12\n"  # read by sh, too


def test_the_script_for_windows_is_ascii_and_jumps_to_labels_that_exist():
    text = (Path(emgnb.__file__).parent / "kit" / "start.bat").read_text("ascii")
    labels = set(re.findall(r"^:(\w+)", text, re.M))
    jumps = set(re.findall(r"(?:goto |call :)(\w+)", text))
    assert jumps == labels
    assert text.count('"') % 2 == 0


def test_requirements_are_those_of_the_system_and_python():
    text = kit.pinned()
    assert "pywinpty" in {each.name for each in WINDOWS.requirements(text)}
    assert "pexpect" not in {each.name for each in WINDOWS.requirements(text)}
    assert "pexpect" in {each.name for each in LINUX.requirements(text)}
    assert "appnope" in {each.name for each in kit.Target("macos", "3.13").requirements(text)}
    # Which 3.11 the students have is not known: both sides of 3.11.5 are needed.
    old, new = (
        Requirement("a==1; python_full_version < '3.11.5'"),
        Requirement("a==2; python_full_version >= '3.11.5'"),
    )
    found = kit.Target("linux", "3.11").requirements(f"{old}\n{new}  # why\n\n")
    assert list(map(str, found)) == ["a==1", "a==2"]
    assert [len(batch) for batch in batches(found)] == [1, 1]
    assert [str(each) for each in LINUX.requirements(f"{old}\n{new}")] == ["a==2"]


def test_the_pinned_requirements_cover_what_emgnb_declares_and_agree_with_the_tested_ones():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    (own,) = map(Requirement, extras["all"])
    lines = project["dependencies"] + [line for extra in own.extras for line in extras[extra]]
    text = kit.pinned()
    for target in (LINUX, WINDOWS, kit.Target("macos", "3.13"), kit.Target("linux", "3.11")):
        versions = {canonicalize_name(each.name): each for each in target.requirements(text)}
        for each in map(Requirement, lines):
            (stated,) = versions[canonicalize_name(each.name)].specifier
            assert each.specifier.contains(stated.version), f"{each}: run make pins"
    tested = (ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines()
    left = {line.partition(" ;")[0] for line in text.splitlines()}
    left -= {line.partition(" ;")[0] for line in tested}
    assert all(line.startswith("pip==") for line in left), f"{left}: run make pins"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a-1-py3-none-any.whl", True),
        ("a-1-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", True),
        ("a-1-cp38-abi3-manylinux2014_x86_64.whl", True),
        ("a-1-cp312-cp312-manylinux_2_34_x86_64.whl", False),
        ("a-1-cp312-cp312-manylinux_2_28_aarch64.whl", False),
        ("a-1-cp313-cp313-manylinux_2_28_x86_64.whl", False),
        ("a-1.tar.gz", False),
    ],
)
def test_a_wheel_fits_a_system_or_not(name, fits):
    assert LINUX.fits(name) is fits


def test_failures_of_pip_are_explained():
    nothing = "ERROR: No matching distribution found for jax==0.9"
    broken = "WARNING: Retrying (…) after connection broken by 'NewConnectionError(…)'\n"
    none, some = "(from versions: none)\n", "(from versions: 0.7, 0.8)\n"
    assert "no connection to the package index" in explained(broken + none + nothing, LINUX)
    assert "jax==0.9 has no wheel for linux" in explained(broken + some + nothing, LINUX)
    assert "jax==0.9 has no wheel for linux" in explained(none + nothing, LINUX)
    assert "-m ensurepip" in explained("/usr/bin/python: No module named pip", LINUX)
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left"
    assert explained(f"Collecting a\n{full}\n", LINUX).endswith(full)


def test_wrong_wishes_are_named(tmp_path, capsys):
    with pytest.raises(ValueError, match="expected linux, macos, windows"):
        kit.Target("amiga", "3.12")
    for version in ("3.10", "2.7", "3", "3.12.1"):
        assert main(["kit", str(tmp_path / "stick"), "--python", version]) == 2
        assert f"Python {version!r}, expected" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.txt").touch()
    order = ["kit", str(tmp_path / "stick"), "--python", "3.12", "--wheel", str(tmp_path / "a.txt")]
    assert main(order) == 2
    assert "is not a wheel of emgnb" in capsys.readouterr().err
