"""The wheel alone, without the checkout, gives everything."""

import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from waiting import until

from emgnb import lab
from emgnb._included import firmware, pages
from emgnb.kit.own_wheel import packed

ROOT = Path(__file__).resolve().parents[2]
NOT_INCLUDED = {"__pycache__", "notebooks", "docs", "firmware"}


def build(source: Path, folder: Path, *kinds: str) -> None:
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-d", str(folder)]
    command += [word for kind in kinds for word in ("-t", kind)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install 'emgnb[test]'")
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder, "sdist", "wheel")
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """The wheel, unpacked: emgnb's modules and data without those of the checkout."""
    folder = tmp_path_factory.mktemp("alone")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_all_files_of_the_package_and_the_texts(wheel):
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "emgnb").rglob("*")
        if path.is_file() and not NOT_INCLUDED & set(path.relative_to(ROOT).parts)
    }
    texts = {f"emgnb/docs/{place}" for place in pages()}
    texts |= {f"emgnb/firmware/{place}" for place in firmware() if not place.endswith(".hex")}
    texts |= {f"emgnb/notebooks/{path.name}" for path in lab.notebooks() if path.suffix == ".ipynb"}
    found = {name for name in names(wheel) if ".dist-info/" not in name}
    assert found == package | texts
    assert {"emgnb/flash/mega.hex", "emgnb/kit/start.bat", "emgnb/docs/glossary.md"} <= found


def test_without_the_checkout_the_commands_find_their_files(alone, tmp_path):
    def run(*command):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(alone), "PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    asked = """
import json, pathlib
from emgnb import flash, kit, lab, widgets
lab.copy_notebooks(pathlib.Path("mine"))
assert all(board.image() for board in flash.BOARDS.values())
print(json.dumps([flash.__file__, len(kit.pinned())]))
"""
    place, length = json.loads(run("-c", asked))
    assert Path(place).is_relative_to(alone)
    assert length > 1000
    copied = {path.name for path in (tmp_path / "mine").iterdir()}
    assert copied == {path.name for path in lab.notebooks()}
    run("-m", "emgnb", "firmware")
    sketch = tmp_path / "emgnb-firmware"
    assert "V3 SIG" in (sketch / "README.md").read_text("utf-8")
    assert (sketch / "emg_stream" / "emg_stream.ino").exists()
    assert (sketch / "uno.hex").exists()


def test_an_installed_emgnb_is_packed_into_the_same_wheel_again(alone, wheel, tmp_path):
    (info,) = alone.glob("*.dist-info")
    again = packed(metadata.Distribution.at(info), tmp_path)
    assert again.name == wheel.name
    assert names(again) == names(wheel)
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as other:
        assert one.testzip() is None
        assert all(
            one.read(name) == other.read(name) for name in names(wheel) if "/RECORD" not in name
        )
        (record,) = (name for name in names(wheel) if name.endswith("/RECORD"))
        assert sorted(one.read(record).split()) == sorted(other.read(record).split())
    (alone / "emgnb" / "lab.py").rename(alone / "emgnb" / "gone.py")
    try:
        with pytest.raises(RuntimeError, match=r"lacks emgnb/lab\.py: install it again"):
            packed(metadata.Distribution.at(info), tmp_path)
    finally:
        (alone / "emgnb" / "gone.py").rename(alone / "emgnb" / "lab.py")


def test_the_source_archive_gives_the_same_wheel(dist, wheel, tmp_path):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build(unpacked, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").iterdir()
    assert names(again) == names(wheel)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are in Scripts there")
def test_in_an_empty_environment_everything_is_there(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    tested = ROOT / ".ci" / "constraints.txt"
    order = [python, "-m", "pip", "install", "-q", "--no-input", "-c", tested, f"{wheel}[all]"]
    # PYTHONPATH would give pip, and emgnb, packages that are not in the environment.
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(order, check=True, env=outside)
    empty = tmp_path / "empty"
    empty.mkdir()
    command = [tmp_path / "env" / "bin" / "emgnb", "lab", "--no-browser", "--port=29000"]
    with (empty / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=empty, env=outside, stdout=log, stderr=log)
    try:
        until(lambda: server.poll() is not None or "token=" in (empty / "log").read_text())
        told = (empty / "log").read_text()
        found = re.search(r"(http://127\S*?)/lab/\S*token=(\w+)", told)
        assert found, told
        page = f"{found[1]}/api/contents/01_acquire.ipynb?token={found[2]}"
        with urllib.request.urlopen(page, timeout=60) as answer:
            assert b"Acquire" in answer.read()
    finally:
        server.terminate()
        server.wait(60)
    copied = {path.name for path in (empty / "emgnb-notebooks").iterdir()}
    assert {path.name for path in lab.notebooks()} <= copied
    code = "from emgnb import models, widgets; widgets.Capture('sim://smile'); import jax, sklearn"
    subprocess.run([python, "-P", "-c", code], cwd=empty, env=outside, check=True)
