"""A kit is started as a student does it: install from the folder, then open the notebooks."""

import ensurepip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from wheels import only_index, wheel

import emgnb
from emgnb import kit, lab

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ALL = 'Provides-Extra: all\nRequires-Dist: tone; extra == "all"\n'
SAYS = "import os, sys; print(sys.argv[1:], sys.prefix, os.environ.get('PYTHONPATH'))"
# Prints the version of a Python that is new enough.
ASKED = "import sys; v = sys.version_info; print(f'{v[0]}.{v[1]}'); sys.exit(v < (3, 11))"

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


def ordinary_python(user):
    """Version of a Python that every user of this computer can run."""
    for python in ("python3.14", "python3.13", "python3.12", "python3.11", "python3"):
        if which := shutil.which(python, path="/usr/local/bin:/usr/bin:/bin"):
            found = subprocess.run([*user, which, "-c", ASKED], capture_output=True, text=True)
            if found.returncode == 0:
                return found.stdout.strip()
    return pytest.skip("no Python 3.11 or newer that an ordinary user can run")


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are of Linux")
def test_the_real_kit_starts_without_network_as_an_ordinary_user(monkeypatch):
    root = os.geteuid() == 0
    alone = ["unshare", "-n"] if root else ["unshare", "-rn"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this computer allows no network namespaces")
    if not root:
        monkeypatch.setenv("OFFLINE_KEEP_USER", "1")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if root else []
    python = ordinary_python(nobody)
    # Not in pytest's folder, which only its owner can enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            made = kit.make(folder / "stick", ["linux"], [python], progress=lambda _: None)
        except RuntimeError as error:
            if "no connection" in str(error):
                pytest.skip(str(error))
            raise
        home = folder / "home"
        home.mkdir()
        if root:
            os.chown(home, 65_534, 65_534)
        order = [*alone, sys.executable, str(SUPPORT / "offline.py"), str(made.folder), str(home)]
        done = subprocess.run(order, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + (home / "log").read_text()
        found = json.loads(done.stdout)
    assert {path.name for path in lab.notebooks()} <= set(found["notebooks"])
    assert found["version"] == emgnb.__version__
    print(made, found)
