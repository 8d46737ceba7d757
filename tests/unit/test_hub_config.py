"""The files of docs/hub: the configuration can be read, and protects students from one another.

`tests/browser/test_hub.py` runs the hub itself.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HUB = Path(__file__).resolve().parents[2] / "docs" / "hub"
CONFIG = HUB / "jupyterhub_config.py"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the hub's server has Linux")


@pytest.fixture(scope="module")
def configured():
    loader = pytest.importorskip(
        "traitlets.config.loader", reason="traitlets is not installed: pip install 'emgnb[lab]'"
    )
    return loader.PyFileConfigLoader(CONFIG.name, str(HUB)).load_config()


def test_as_it_stands_the_hub_is_for_this_computer_only(configured):
    assert configured.JupyterHub.bind_url == "http://127.0.0.1:8000"
    # A shared or absent password is for trying a hub, not for a class.
    assert configured.JupyterHub.authenticator_class == "pam"
    assert configured.LocalAuthenticator.allowed_groups == {"emgnb"}
    assert not configured.Authenticator.get("allow_all")
    assert not configured.Authenticator.get("admin_users")


def test_students_are_protected_from_one_another(configured):
    assert "--KernelManager.transport=ipc" in configured.Spawner.args
    assert configured.Spawner.disable_user_config
    assert configured.JupyterHub.spawner_class == "localprocess"  # each with rights of their own
    assert configured.Spawner.cmd[:2] == [sys.executable, "-P"]


def test_the_servers_ask_nothing_of_the_internet_and_open_a_notebook_that_exists(configured):
    assert "--LabApp.news_url=None" in configured.Spawner.args
    folder = Path(configured.Spawner.environment["JUPYTER_CONFIG_PATH"])
    assert (folder / "labconfig" / "page_config.json").exists()
    from emgnb import lab

    assert configured.Spawner.default_url.endswith(f"/emgnb-notebooks/{lab.FIRST}")


def test_jupyterhub_knows_every_setting(configured):
    """JupyterHub itself ignores an unknown one."""
    pytest.importorskip(
        "jupyterhub", reason="JupyterHub is not installed: pip install 'emgnb[hub]'"
    )
    from jupyterhub import app, auth, spawner

    known = {"JupyterHub": app.JupyterHub, "Spawner": spawner.LocalProcessSpawner}
    known["LocalAuthenticator"] = auth.PAMAuthenticator
    assert {name for name, settings in configured.items() if settings} <= set(known)
    for name, made in known.items():
        traits = made(config=configured).traits(config=True)  # raises for a value that is none
        assert set(configured[name]) <= set(traits), name


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_the_script_for_accounts_is_a_script():
    done = subprocess.run(["sh", "-n", str(HUB / "accounts.sh")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_more_students_can_be_added_and_no_password_is_lost(tmp_path):
    """With commands that only note what they are asked."""
    known = tmp_path / "known"
    known.mkdir()
    (known / "ben").touch()
    commands = {
        "getent": f'[ "$1" = group ] || {{ [ -e {known}/"$2" ] && echo "$2:x:1:1::/home/$2"; }}',
        "useradd": f'for name in "$@"; do :; done; touch {known}/"$name"',
        "chpasswd": "cat >/dev/null",
        "chmod": ":",
    }
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def made(*names):
        command = ["sh", str(HUB / "accounts.sh"), *names]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True)

    first, second = made("ann", "ben", "cem"), made("ann", "ben", "cem", "dora")
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["ann", "cem"]
    assert "ben has an account" in first.stderr
    assert [line.split()[0] for line in second.stdout.splitlines()] == ["dora"]
    assert len(first.stdout.split()[1]) >= 12
    page = (HUB.parent / "hub.md").read_text(encoding="utf-8")
    assert ">>passwords.txt" in page
    assert ">>passwords.txt" in (HUB / "accounts.sh").read_text()


def test_the_page_the_service_and_the_configuration_use_the_same_places():
    page = (HUB.parent / "hub.md").read_text(encoding="utf-8")
    service = (HUB / "jupyterhub.service").read_text(encoding="utf-8")
    started = re.search(r"^ExecStart=(\S+)/bin/jupyterhub -f (\S+)$", service, re.M)
    assert started
    assert f"python3 -m venv {started[1]}\n" in page
    assert f"jupyterhub -f {started[2]}\n" in page
    for file in HUB.iterdir():
        assert f"(hub/{file.name})" in page
    # Recordings outlive the hub.
    assert "\nKillMode=process\n" in service
