"""JupyterHub for a class: the boards are at the students' computers, emgnb runs on a server.

Copy this file to the server and change the section "Address"; hub.md explains it. The hub runs as
root, because it starts each student's server with that student's rights.
"""

import asyncio
import pwd
import sys
from pathlib import Path

import emgnb

c = get_config()  # noqa: F821

# --- Address ---------------------------------------------------------------------------------
# Browsers allow Web Serial over https and from this computer only. As it stands, this is a hub to
# try on one computer. On a server, use the three lines below instead, with your certificate.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
# c.JupyterHub.bind_url = "https://:443"
# c.JupyterHub.ssl_cert = "/etc/jupyterhub/certificate.pem"
# c.JupyterHub.ssl_key = "/etc/jupyterhub/key.pem"

# --- Who may log in --------------------------------------------------------------------------
# Accounts of this server in the group "emgnb", with their own passwords: see accounts.sh.
c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {"emgnb"}

# --- A server for each student, with the student's rights ------------------------------------
c.JupyterHub.spawner_class = "localprocess"
# -P: Python ignores files named signal.py or json.py in the student's folder.
c.Spawner.cmd = [sys.executable, "-P", "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    # By default, kernels listen on loopback, where every account of the server can read what they
    # print. Sockets in the student's home folder are the student's own.
    "--KernelManager.transport=ipc",
    # Nothing is asked of other servers.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]
c.Spawner.environment = {
    # No question about news.
    "JUPYTER_CONFIG_PATH": str(Path(emgnb.__file__).parent / "_jupyter"),
    # Twenty students who filter at once share the cores better with a thread each.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
# A student's own configuration could switch off what protects the server.
c.Spawner.disable_user_config = True
c.Spawner.notebook_dir = "~"
c.Spawner.default_url = "/lab/tree/emgnb-notebooks/01_acquire.ipynb"
# A class logs in within a minute, and servers start slowly then.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
# A restart of the hub, after a change of this file, leaves servers and recordings alone.
c.JupyterHub.cleanup_servers = False

COPY = "import sys, pathlib; from emgnb import lab; lab.copy_notebooks(pathlib.Path(sys.argv[1]))"


async def prepare(spawner):
    """Close the home folder to others, and copy missing notebooks with the student's own rights."""
    account = pwd.getpwnam(spawner.user.name)
    home = Path(account.pw_dir)
    home.chmod(0o700)
    copying = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", COPY, str(home / "emgnb-notebooks")),
        cwd=home,
        env=spawner.get_env(),
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )
    if await copying.wait():
        spawner.log.warning("%s has no notebooks: is the disk full?", account.pw_name)


c.Spawner.pre_spawn_hook = prepare
