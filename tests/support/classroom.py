"""A JupyterHub with its proxy and accounts of its own, as `docs/hub.md` sets it up.

Accounts, home folders and processes are in mount and process namespaces: nothing of this computer
is changed, and ending the first process ends all others, recorders included.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = ROOT / "docs" / "hub"
# What the test adds to the documented configuration: free ports, and a hold on the page.
CONFIG = """
load_subconfig({documented!r})
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.Spawner.args = [*c.Spawner.args, "--LabApp.expose_app_in_browser=True"]
"""
# Like a service: a hub that ends is started again.
SERVICE = """
set -e
mount --bind {folder}/etc /etc
mount --bind {folder}/home /home
mount -o remount,hidepid=2 /proc
{opened}
sh {documented}/accounts.sh {names} > {folder}/passwords.new
mv {folder}/passwords.new {folder}/passwords
cd {folder}/state
while :; do {python} -m jupyterhub -f {folder}/config.py; done
"""
# Ends with this process, however that ends.
NAMESPACES = [
    *("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid"),
    *("--fork", "--kill-child", "--mount-proc"),
]
# Numbers of accounts that no other account of this computer has.
FIRST_UID = 30_000


def missing() -> str:
    """Say why there can be no classroom here, "" if there can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "a hub with accounts needs Linux and root"
    if importlib.util.find_spec("jupyterhub") is None:
        return "JupyterHub is not installed: pip install 'emgnb[hub]'"
    for name in ("configurable-http-proxy", "useradd", "chpasswd"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    if subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode:
        return "this computer allows no namespaces"
    return ""


@dataclass(frozen=True)
class Student:
    """An account: `home` is its folder as seen from here, where inside it is /home/NAME."""

    name: str
    password: str
    uid: int
    home: Path

    def outside(self, path: str) -> Path:
        """Where a file of the student is, seen from here."""
        return self.home / Path(path).relative_to(f"/home/{self.name}")

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the student."""
        return [
            process
            for process in psutil.process_iter(["uids", "status"])
            if process.info["uids"]
            and process.info["uids"].real == self.uid
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]


class Classroom:
    """A running hub and its students.

    Attributes
    ----------
    url : address of the proxy
    students : by name
    """

    def __init__(self, *names: str) -> None:
        # Not in pytest's folder, which only its owner can enter.
        self.folder = Path(tempfile.mkdtemp(prefix="hub"))
        self.folder.chmod(0o755)
        port, hub, api = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self._copy_accounts()
        for name in ("home", "state"):
            (self.folder / name).mkdir()
        (self.folder / "config.py").write_text(
            CONFIG.format(
                documented=str(DOCUMENTED / "jupyterhub_config.py"), url=self.url, hub=hub, api=api
            )
        )
        script = SERVICE.format(
            folder=shlex.quote(str(self.folder)),
            documented=shlex.quote(str(DOCUMENTED)),
            names=" ".join(names),
            opened="\n".join(self._opened()),
            python=shlex.quote(sys.executable),
        )
        self._log = (self.folder / "log").open("wb")
        self._first = subprocess.Popen(
            [*NAMESPACES, "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        until((self.folder / "passwords").exists)
        self.students = {student.name: student for student in self._enrolled()}
        self.wait()

    def close(self) -> None:
        """End every process, and remove the folder."""
        self._first.kill()
        self._first.wait()
        self._log.close()
        until(lambda: not any(student.processes() for student in self.students.values()))
        shutil.rmtree(self.folder)

    def wait(self) -> None:
        """Wait until the hub answers."""
        until(self._answers, every=0.5)

    def own(self) -> list[psutil.Process]:
        """Return the processes of the hub and its proxy."""
        inside = psutil.Process(self._first.pid).children(recursive=True)
        # The shell has the name of the hub in its script.
        return [one for one in inside if one.uids().real == 0 and one.name() != "sh"]

    def end_hub(self) -> None:
        """End the hub and its proxy; they are started again."""
        (hub,) = (each for each in self.own() if each.cmdline()[1:3] == ["-m", "jupyterhub"])
        hub.terminate()
        hub.wait(120)

    def log(self) -> str:
        """Return the end of what the hub has printed."""
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        assert self._first.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/hub/api", timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _enrolled(self) -> list[Student]:
        passwords = (self.folder / "passwords").read_text().split("\n")
        accounts = (self.folder / "etc" / "passwd").read_text()
        found = []
        for name, password in (line.split() for line in passwords if line):
            (uid,) = re.findall(rf"^{name}:[^:]*:(\d+):", accounts, re.M)
            found.append(Student(name, password, int(uid), self.folder / "home" / name))
        return found

    def _copy_accounts(self) -> None:
        """Copy /etc, so that new accounts are in the copy."""
        subprocess.run(["cp", "-a", "/etc", str(self.folder / "etc")], check=True)
        limits = self.folder / "etc" / "login.defs"
        first = FIRST_UID + 10 * (os.getpid() % 3000)
        kept = [line for line in limits.read_text().split("\n") if not line.startswith("UID_")]
        limits.write_text("\n".join([*kept, f"UID_MIN {first}", f"UID_MAX {first + 9}", ""]))

    def _opened(self) -> list[str]:
        """Return the commands that let students run this Python, where its folder is closed."""
        lines: dict[str, None] = {}
        for needed in {Path(sys.base_prefix), Path(sys.prefix), ROOT}:
            closed = next(
                (each for each in [*needed.parents][::-1] if not each.stat().st_mode & 0o001), None
            )
            if closed is None:
                continue
            instead = self.folder / "opened" / closed.relative_to("/")
            place = instead / needed.relative_to(closed)
            place.mkdir(parents=True, exist_ok=True)
            lines[f"mount --bind {shlex.quote(str(needed))} {shlex.quote(str(place))}"] = None
            last = f"mount --rbind {shlex.quote(str(instead))} {shlex.quote(str(closed))}"
            lines.pop(last, None)
            lines[last] = None
        return sorted(lines, key=lambda line: "--rbind" in line)


def free_ports(count: int) -> list[int]:
    """Return ports of this computer that no other program uses."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return found


def memory_of(processes: list[psutil.Process]) -> tuple[float, float]:
    """Return the memory of processes in MB: their own, and with their part of what others share.

    The second is the PSS. Other programs of this computer that use the same libraries lower it.
    """
    found = [process.memory_full_info() for process in processes]
    return sum(each.uss for each in found) / 1e6, sum(each.pss for each in found) / 1e6


def seconds_of(processes: list[psutil.Process]) -> dict[int, float]:
    """Return the CPU time of each process so far, s."""
    return {
        process.pid: sum(process.cpu_times()[:2]) for process in processes if process.is_running()
    }
