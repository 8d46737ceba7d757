"""A kit is started as a student does it: install from the folder, then open the notebooks."""

import ensurepip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import offline
import pytest
from wheels import only_index, wheel

import emgnb
from emgnb import kit, lab

ALL = 'Provides-Extra: all\nRequires-Dist: tone; extra == "all"\n'
SAYS = "import os, sys; print(sys.argv[1:], sys.prefix, os.environ.get('PYTHONPATH'))"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="start.sh needs a shell")


def pip_wheel():
    """The pip that comes with Python."""
    for folder in (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")):
        for found in folder.glob("pip-*.whl"):
            return found
    return pytest.skip("this Python comes without a wheel of pip")


@pytest.fixture
def stick(tmp_path, monkeypatch):
    """A kit of an emgnb that only says how it was started."""
    index = tmp_path / "index"
    wheel(index, "tone")
    pip = Path(shutil.copy(pip_wheel(), index))
    own = wheel(
        tmp_path,
        "emgnb",
        files={"emgnb/__init__.py": "", "emgnb/__main__.py": SAYS},
        metadata=ALL,
    )
    only_index(monkeypatch, index)
    return kit.make(
        tmp_path / "the stick",
        wheel=own,
        requirements=f"tone==1.0\npip=={pip.name.split('-')[1]}\n",
        progress=lambda _: None,
    ).folder


def started(stick, home, *arguments, **env):
    return subprocess.run(
        ["sh", str(stick / "start.sh"), *arguments],
        capture_output=True,
        text=True,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": "/elsewhere",
            **env,
        },
    )


def test_start_installs_once_and_opens_the_notebooks(stick, tmp_path):
    home = tmp_path / "a home"
    home.mkdir()
    first = started(stick, home, "--no-browser")
    assert first.returncode == 0, first.stderr
    told = first.stdout.splitlines()
    assert told[0].startswith(f"Installing emgnb in {home}/emgnb.")
    opened = f"['lab', '{home}/emgnb/notebooks', '--no-browser'] {home}/emgnb/environment None"
    assert told[-1] == opened
    # pip is there for %pip install.
    assert (home / "emgnb" / "environment" / "bin" / "pip").exists()
    assert (home / "emgnb" / "notebooks").is_dir()
    # Later starts do not need the wheels.
    shutil.rmtree(stick / "wheels")
    again = started(stick, home, "--no-browser")
    assert again.stdout.splitlines() == [opened]


def test_start_says_what_is_missing(stick, tmp_path):
    (stick / "pythons.txt").write_text("3.10\n")
    without = started(stick, tmp_path)
    assert without.returncode == 1
    assert (
        "This kit needs Python 3.10, and none was found. python3 here: Python 3" in without.stderr
    )
    (stick / "pythons.txt").write_text(f"{kit.this_python()}\n")
    mine = tmp_path / "work" / "environment"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").touch()
    foreign = started(stick, tmp_path, EMGNB_HOME=str(mine.parent))
    assert foreign.returncode == 1
    assert f"{mine} exists and was not made by this script" in foreign.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    (next((stick / "wheels").glob("tone-*"))).unlink()
    broken = started(stick, tmp_path)
    assert broken.returncode == 1
    assert "tone" in broken.stderr
    assert "The installation failed: the lines above say why." in broken.stderr
    assert not (tmp_path / "emgnb" / "environment" / "version.txt").exists()
    (stick / "systems.txt").write_text("windows\n")
    other = started(stick, tmp_path)
    assert other.returncode == 1
    assert "the kit is for: windows" in other.stderr


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are of Linux")
def test_the_real_kit_gives_a_first_accuracy_without_network_to_an_ordinary_user():
    # Not in pytest's folder, which only its owner can enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            offline.alone()
            python = offline.ordinary_python()
            made = kit.make(folder / "stick", ["linux"], [python], progress=lambda _: None)
        except offline.NotHereError as reason:
            pytest.skip(str(reason))
        except RuntimeError as error:
            if "no connection" in str(error):
                pytest.skip(str(error))
            raise
        found = offline.started(made.folder, folder / "home")
    assert {path.name for path in lab.notebooks()} <= set(found["notebooks"])
    assert found["version"] == emgnb.__version__
    assert "leave-one-trial-out" in found["accuracy"]
    print(made, found)
