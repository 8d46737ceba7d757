"""A JupyterLab on loopback and a real Chromium to look at it with.

Everything Jupyter keeps (configuration, kernels, workspaces) lies in a temporary folder, so that a
test never meets what someone set up for themselves. Screenshots go to $EMGNB_SCREENSHOTS, or to a
temporary folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one these tests are skipped, and on CI they fail."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    _missing(f"no Chromium found (looked for {', '.join(BROWSERS)})")


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{what}, and on CI it must be there")
    pytest.skip(what)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("EMGNB_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class LabServer:
    """A running JupyterLab: where it listens, the folder it shows, and where its own things lie."""

    url: str
    token: str
    root: Path
    home: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def end_kernels(self) -> None:
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", "DELETE")

    def write(self, name: str, *cells: str, kernel: str = "python3") -> Path:
        """Make a notebook of code cells."""
        import nbformat

        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        path = self.root / name
        nbformat.write(notebook, path)
        return path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    if importlib.util.find_spec("jupyterlab") is None:
        _missing("JupyterLab is not installed (pip install 'emgnb[lab]')")
    with serving(tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("lab")) as server:
        yield server


@contextlib.contextmanager
def browsing() -> Iterator[tuple[Any, LabServer]]:
    """Run a Chromium, and a JupyterLab in a folder of its own: for scripts that measure or draw."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"no Chromium found (looked for {', '.join(BROWSERS)})")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home, root = Path(folder) / "home", Path(folder) / "root"
        home.mkdir()
        root.mkdir()
        with serving(home, root) as lab:
            started = driver.chromium.launch(
                executable_path=found, headless=True, args=CHROMIUM_FLAGS
            )
            yield started, lab
            started.close()


@contextlib.contextmanager
def serving(home: Path, root: Path) -> Iterator[LabServer]:
    """Run a JupyterLab that keeps its own things in `home` and shows `root`."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    env = dict(os.environ)
    for name, folder in folders.items():
        (home / folder).mkdir()
        env[name] = str(home / folder)
    env["PYTHONPATH"] = os.pathsep.join(
        part for part in (str(_PACKAGE_ROOT), env.get("PYTHONPATH", "")) if part
    )
    _write_json(home / "config" / "labconfig" / "page_config.json", {"buildCheck": False})
    _write_json(
        home / "config" / "jupyter_notebook_config.json",
        {"JupyterNotebookApp": {"expose_app_in_browser": True}},
    )
    # no questions about news, and nothing asked of the network
    _write_json(
        home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings",
        {"fetchNews": "false", "checkForUpdates": False},
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = LabServer(f"http://127.0.0.1:{port}", secrets.token_hex(16), root, home)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--allow-root",
        f"--IdentityProvider.token={server.token}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = home / "server.log"
    group: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=env, cwd=root, stdout=output, stderr=subprocess.STDOUT, **group
        )
    try:
        _wait_for(server, process, log)
        yield server
        server.end_kernels()
    finally:
        _end(process)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _wait_for(server: LabServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.ask("/api/status")
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    text = log.read_text(encoding="utf-8", errors="replace")
    pytest.fail(f"JupyterLab did not answer at {server.url}:\n{text[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels: they are a process group of their own."""
    if sys.platform == "win32":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(15)


@dataclass
class Notebook:
    """A notebook open in the browser."""

    page: Any
    folder: Path
    name: str
    shots: int = field(default=0)

    def run_all(self, timeout: float = 180.0) -> None:
        """Run every cell; fail on the first error output, with its traceback."""
        self.page.evaluate(
            """() => {
                 window.ran = null;
                 jupyterapp.commands.execute('notebook:run-all-cells')
                   .then(() => { window.ran = 'done'; }, (e) => { window.ran = String(e); });
               }"""
        )
        self.page.wait_for_function("() => window.ran !== null", timeout=timeout * 1000)
        errors = self.page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, i) =>
                 cell.model.type !== 'code' ? [] :
                 cell.model.outputs.toJSON().filter((o) => o.output_type === 'error')
                   .map((o) => `cell ${i}: ${o.traceback.join('\\n')}`))"""
        )
        assert not errors, f"{self.name} ended in an error\n" + "\n".join(errors)
        ran = self.page.evaluate("window.ran")
        assert ran == "done", f"{self.name} could not be run: {ran}"

    def cells(self) -> int:
        return int(self.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length"))

    def value(self, expression: str) -> str:
        """Give the repr of a Python expression, worked out in the notebook's kernel."""
        answer = self.page.evaluate(
            """async (expression) => {
                 const { kernel } = jupyterapp.shell.currentWidget.context.sessionContext.session;
                 const asked = kernel.requestExecute({
                   code: '', silent: true, store_history: false,
                   user_expressions: { value: expression } });
                 return (await asked.done).content.user_expressions.value;
               }""",
            expression,
        )
        if answer["status"] != "ok":
            raise AssertionError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return str(answer["data"]["text/plain"])

    def until(self, expression: str, wanted: str, timeout: float = 15.0) -> None:
        """Wait until an expression has the wanted repr in the kernel."""
        deadline = time.monotonic() + timeout
        while (got := self.value(expression)) != wanted:
            if time.monotonic() > deadline:
                seen = self.screenshot("failed")
                pytest.fail(f"{expression} stayed {got}, not {wanted}; seen: {seen}")
            time.sleep(0.1)

    def ready(self, timeout: float = 90.0) -> None:
        """Wait until the kernel is there, as after a reload of the page."""
        self.page.wait_for_function(
            # the indicator says idle before there is a session: ask the session itself
            """() => {
                 const context = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext;
                 const kernel = context?.session?.kernel;
                 return Boolean(context?.isReady && kernel
                   && kernel.status === 'idle' && kernel.connectionStatus === 'connected');
               }""",
            timeout=timeout * 1000,
        )

    def theme(self, name: str) -> None:
        """Show the page in a theme: "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate(
            "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", name
        )
        dark = "true" if name == "JupyterLab Light" else "false"
        self.page.locator(f"body[data-jp-theme-light='{dark}']").wait_for(state="attached")
        self.page.wait_for_timeout(500)

    def faults_for_assistive_tools(self, selector: str) -> list[str]:
        """What axe-core calls serious or critical in a part of the page."""
        if importlib.util.find_spec("axe_playwright_python") is None:
            _missing("axe-core is not installed (pip install 'emgnb[test]')")
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page, context=selector, options={"resultTypes": ["violations"]})
        return [
            f"{fault['id']}: {fault['help']}: {[node['html'][:200] for node in fault['nodes']]}"
            for fault in found.response["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def looks(
        self, part: Any, *, wide: int = 1400, narrow: int = 700, height: int = 1250
    ) -> Iterator[str]:
        """Show a part light and wide, then dark and narrow; yields "light" and "dark"."""
        for theme, width in (("Light", wide), ("Dark", narrow)):
            self.page.set_viewport_size({"width": width, "height": height})
            self.theme(f"JupyterLab {theme}")
            part.scroll_into_view_if_needed()
            yield theme.lower()
        self.page.set_viewport_size({"width": wide, "height": height})
        self.theme("JupyterLab Light")

    def look(self, state: str, selector: str = ".emgnb-panel", height: int = 1250) -> None:
        """Take the pictures of a part; everybody must be able to use it."""
        for theme in self.looks(self.page.locator(selector), height=height):
            self.screenshot(f"{state}_{theme}")
            assert self.faults_for_assistive_tools(selector) == []

    def screenshot(self, what: str = "") -> Path:
        self.shots += 1
        stem = Path(self.name).stem
        path = self.folder / f"{stem}_{self.shots}{'_' if what else ''}{what}.png"
        self.page.screenshot(path=str(path))
        return path


@pytest.fixture(scope="session")
def kernel_of(lab: LabServer, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Name of a kernel with the ipykernel of a version such as "6.31"; installed when missing."""

    def made(version: str) -> str:
        target = Path(request.config.cache.mkdir(f"ipykernel-{version}"))
        if not (target / "ipykernel").is_dir():
            packages = [f"ipykernel=={version}.*", "nest-asyncio"]
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
            done = subprocess.run(
                [*command, "--target", str(target), *packages], capture_output=True, text=True
            )
            if done.returncode:
                shutil.rmtree(target)
                _missing(f"ipykernel {version} cannot be installed: {done.stderr.strip()[-200:]}")
        paths = [str(target), str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        name = f"ipykernel-{version}"
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        _write_json(
            lab.home / "data" / "kernels" / name / "kernel.json",
            {
                "argv": argv,
                "display_name": name,
                "language": "python",
                "env": {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            },
        )
        return name

    return made


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    if importlib.util.find_spec("playwright") is None:
        _missing("playwright is not installed (pip install 'emgnb[test]')")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=chromium, headless=True, args=CHROMIUM_FLAGS
        )
        yield started
        started.close()


@pytest.fixture
def open_notebook(
    browser: Any, lab: LabServer, screenshots: Path
) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook that lies in the server's folder, with its kernel ready."""
    contexts = []

    def opened(
        path: Path, *, height: int = 1000, width: int = 1400, app: str = "lab", **options: Any
    ) -> Notebook:
        """Open in JupyterLab, or in Notebook 7 with app="notebook"."""
        if app == "notebook" and importlib.util.find_spec("notebook") is None:
            _missing("Notebook 7 is not installed (pip install 'emgnb[test]')")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        name = path.relative_to(lab.root).as_posix()
        place = "notebooks" if app == "notebook" else "doc/tree"
        page.goto(f"{lab.url}/{place}/{name}?token={lab.token}", timeout=90_000)
        notebook = Notebook(page, screenshots, name)
        notebook.ready()
        return notebook

    yield opened
    for context in contexts:
        context.close()
    lab.end_kernels()
