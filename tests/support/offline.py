"""Start a kit without network, as an ordinary user, and see that JupyterLab answers.

Run in a network namespace of its own: `unshare -n python offline.py KIT HOME`. What the home has
been given, and how long each step took, is printed as JSON.
"""

import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from waiting import until

NOBODY = 65_534
# linux/sockios.h, linux/if.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
CODE = "import emgnb, keras, jax; print(emgnb.__version__)"


def loopback_up() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def as_nobody() -> list[str]:
    """Command that gives up all rights; in a user namespace of its own, nothing is left to give."""
    if "OFFLINE_KEEP_USER" in os.environ:
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
        done = subprocess.run(
            [*as_nobody(), str(python), "-P", "-c", CODE],
            cwd=home,
            env={**env, "KERAS_BACKEND": "jax"},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        lab.terminate()
        lab.wait(60)
    names = sorted(path.name for path in (home / "emgnb" / "notebooks").iterdir())
    return {"seconds": round(ready, 1), "notebooks": names, "version": done.stdout.strip()}


def _address(lab: "subprocess.Popen[bytes]", log: Path) -> "re.Match[str] | None":
    said = log.read_text()
    assert lab.poll() is None, said
    return re.search(r"(http://127\S*?)/lab/\S*token=(\w+)", said)


if __name__ == "__main__":
    print(json.dumps(start(Path(sys.argv[1]), Path(sys.argv[2]))))
