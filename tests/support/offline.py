"""Start a kit without network, as an ordinary user, up to JupyterLab and a first accuracy.

`started` runs this file in a network namespace of its own. What the home has been given, and how
long each step took, is printed as JSON.
"""

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from waiting import until

NOBODY = 65_534
FIRST_ACCURACY = Path(__file__).resolve().parents[2] / "benchmarks" / "first_accuracy.py"
# linux/sockios.h, linux/if.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
CODE = "import emgnb, keras, jax; print(emgnb.__version__)"
# Prints the version of a Python that is new enough.
ASKED = "import sys; v = sys.version_info; print(f'{v[0]}.{v[1]}'); sys.exit(v < (3, 11))"


class NotHereError(Exception):
    """This computer cannot start a kit without network, for the reason given."""


def ordinary_python() -> str:
    """Return the version of a Python that every user of this computer can run."""
    for name in ("python3.14", "python3.13", "python3.12", "python3.11", "python3"):
        if which := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin"):
            order = [*as_nobody(), which, "-c", ASKED]
            found = subprocess.run(order, capture_output=True, text=True)
            if found.returncode == 0:
                return found.stdout.strip()
    raise NotHereError("no Python 3.11 or newer that an ordinary user can run")


def alone() -> list[str]:
    """Return the command that runs another without network."""
    command = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"]).returncode:
        raise NotHereError("this computer allows no network namespaces")
    return command


def started(kit: Path, home: Path) -> dict[str, object]:
    """Start a kit without network in an empty home, and return what `start` has found."""
    env, root = dict(os.environ), os.geteuid() == 0
    home.mkdir()
    if root:
        os.chown(home, NOBODY, NOBODY)
    else:
        env["OFFLINE_KEEP_USER"] = "1"
    order = [*alone(), sys.executable, __file__, str(kit), str(home)]
    done = subprocess.run(order, capture_output=True, text=True, env=env)
    if done.returncode:
        log = home / "log"
        raise RuntimeError(done.stderr + (log.read_text() if log.exists() else ""))
    found: dict[str, object] = json.loads(done.stdout)
    return found


def loopback_up() -> None:
    import fcntl  # not on Windows, where this file is only imported

    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def as_nobody() -> list[str]:
    """Command that gives up all rights; in a user namespace of its own, nothing is left to give."""
    if "OFFLINE_KEEP_USER" in os.environ or os.geteuid():
        return []
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *user]


def start(kit: Path, home: Path) -> dict[str, object]:
    loopback_up()
    assert [name for _, name in socket.if_nameindex()] == ["lo"], "there is a network"
    env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    log, began = home / "log", time.monotonic()
    command = [*as_nobody(), "sh", str(kit / "start.sh"), "--no-browser"]
    with log.open("w") as out:
        lab = subprocess.Popen(command, cwd=home, env=env, stdout=out, stderr=out)
    try:
        found = until(lambda: _address(lab, log), patience=1200, every=0.1)
        page = f"{found[1]}/api/contents/01_acquire.ipynb?token={found[2]}"
        with urllib.request.urlopen(page, timeout=60) as answer:
            assert b"Acquire" in answer.read()
        ready = time.monotonic() - began
        python = home / "emgnb" / "environment" / "bin" / "python"

        def run(code: str) -> str:
            done = subprocess.run(
                [*as_nobody(), str(python), "-P", "-c", code],
                cwd=home / "emgnb" / "notebooks",
                env={**env, "KERAS_BACKEND": "jax"},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        accuracy = run(FIRST_ACCURACY.read_text())
        known = time.monotonic() - began
        version = run(CODE)
    finally:
        lab.terminate()
        lab.wait(60)
    names = sorted(path.name for path in (home / "emgnb" / "notebooks").iterdir())
    return {
        "lab after, s": round(ready, 1),
        "accuracy after, s": round(known, 1),
        "accuracy": accuracy,
        "notebooks": names,
        "version": version,
    }


def _address(lab: "subprocess.Popen[bytes]", log: Path) -> "re.Match[str] | None":
    said = log.read_text()
    assert lab.poll() is None, said
    return re.search(r"(http://127\S*?)/lab/\S*token=(\w+)", said)


if __name__ == "__main__":
    print(json.dumps(start(Path(sys.argv[1]), Path(sys.argv[2]))))
