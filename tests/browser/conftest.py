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
from pages import BROWSERS, settled

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Milliseconds: a loaded machine is slow, a hung page never comes.
PATIENCE = 180_000
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
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def address(self, place: str, name: str) -> str:
        """Address of a notebook: place "doc/tree" in JupyterLab, "notebooks" in Notebook 7."""
        return f"{self.url}/{place}/{name}?token={self.token}"

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
    deadline = time.monotonic() + 180
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
    examined: set[str] = field(default_factory=set)

    def run_all(self, timeout: float = 600.0) -> None:
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

    def until(self, expression: str, wanted: str, timeout: float = PATIENCE / 1000) -> None:
        """Wait until an expression has the wanted repr in the kernel."""
        deadline = time.monotonic() + timeout
        while (got := self.value(expression)) != wanted:
            if time.monotonic() > deadline:
                seen = self.screenshot("failed")
                pytest.fail(f"{expression} stayed {got}, not {wanted}; seen: {seen}")
            time.sleep(0.1)

    def ready(self, timeout: float = PATIENCE / 1000) -> None:
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
        settled(self.page)

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
        """Take the pictures of a part; everybody must be able to use it.

        The part's first state is examined in both themes, each further one in the dark theme.
        """
        for theme in self.looks(self.page.locator(selector), height=height):
            self.screenshot(f"{state}_{theme}")
            if theme == "dark" or selector not in self.examined:
                assert self.faults_for_assistive_tools(selector) == []
        self.examined.add(selector)

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


class Window:
    """A page of JupyterLab in which one notebook after another is opened: it starts slowly."""

    def __init__(self, browser: Any, lab: LabServer) -> None:
        self._browser, self._lab = browser, lab
        self._page: Any = None

    def show(self, name: str, width: int, height: int) -> Any:
        """Open a notebook in place of the one before; return the page."""
        if self._page is None:
            self._page = new_page(self._browser, width, height)
            self._page.goto(self._lab.address("doc/tree", name), timeout=PATIENCE)
            return self._page
        self._page.set_viewport_size({"width": width, "height": height})
        self._page.evaluate(
            """async (path) => {
                 const { commands, serviceManager, shell } = jupyterapp;
                 await serviceManager.kernelspecs.refreshSpecs();
                 // one that is open already would be shown as it is, with the kernel of before
                 [...shell.widgets('main')].filter((each) => each.context?.path === path)
                   .forEach((each) => each.dispose());
                 const shown = await commands.execute('docmanager:open', { path });
                 [...shell.widgets('main')].forEach((each) => each === shown || each.dispose());
               }""",
            name,
        )
        return self._page

    def clear(self) -> None:
        """Close what is open, or the page where that fails."""
        if self._page is None:
            return
        try:
            self._page.mouse.move(0, 0)
            asked = self._page.evaluate(
                """() => {
                     [...jupyterapp.shell.widgets('main')].forEach((each) => each.dispose());
                     return document.querySelectorAll('.jp-Dialog').length;
                   }"""
            )
        except Exception:  # crashed, closed or elsewhere
            asked = True
        if asked:
            self.close()

    def close(self) -> None:
        """Close the page; the next notebook gets a new one."""
        if self._page is not None:
            self._page.context.close()
        self._page = None


def new_page(browser: Any, width: int, height: int, **options: Any) -> Any:
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE)
    return context.new_page()


@pytest.fixture(scope="session")
def window(browser: Any, lab: LabServer) -> Iterator[Window]:
    made = Window(browser, lab)
    yield made
    made.close()


@pytest.fixture
def open_notebook(
    browser: Any, lab: LabServer, window: Window, screenshots: Path
) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook that lies in the server's folder, with its kernel ready."""
    pages = []

    def opened(
        path: Path, *, height: int = 1000, width: int = 1400, app: str = "lab", **options: Any
    ) -> Notebook:
        """Open in JupyterLab (with options: on a page of its own), or in Notebook 7."""
        name = path.relative_to(lab.root).as_posix()
        if app == "lab" and not options:
            page = window.show(name, width, height)
        else:
            if app == "notebook" and importlib.util.find_spec("notebook") is None:
                _missing("Notebook 7 is not installed (pip install 'emgnb[test]')")
            page = new_page(browser, width, height, **options)
            pages.append(page)
            place = "notebooks" if app == "notebook" else "doc/tree"
            page.goto(lab.address(place, name), timeout=PATIENCE)
        notebook = Notebook(page, screenshots, name)
        notebook.ready()
        notebook.theme("JupyterLab Light")  # the server keeps the one of the test before
        return notebook

    yield opened
    for page in pages:
        page.context.close()
    window.clear()
    lab.end_kernels()


@pytest.fixture
def notebook_on(screenshots: Path) -> Callable[..., Notebook]:
    """A notebook that is open on a page of another server than `lab`."""
    return lambda page, name: Notebook(page, screenshots, name)


class Mounted:
    """A widget's front end in a page of its own; the kernel's side of its model is this object."""

    def __init__(self, page: Any, widget: Any) -> None:
        self.page = page
        state = {
            name: value
            for name, value in widget.get_state().items()
            if not name.startswith("_") and name not in ("layout", "tabbable", "tooltip")
        }
        code = widget._esm.replace("export default", "window.front =")
        page.set_content(f"<style>{widget._css}</style><div id='here'></div>")
        page.add_script_tag(content=code, type="module")
        page.wait_for_function("() => window.front !== undefined")  # a module runs later
        page.evaluate(
            """(state) => {
                 const heard = {};
                 window.sent = [];
                 window.model = {
                   get: (name) => state[name],
                   set: (name, value) => { state[name] = value; },
                   save_changes: () => {},
                   send: (content) => { window.sent.push(content); },
                   on: (kinds, act) => kinds.split(' ')
                     .forEach((kind) => { (heard[kind] ??= new Set()).add(act); }),
                   off: (kinds, act) => kinds.split(' ')
                     .forEach((kind) => heard[kind]?.delete(act)),
                   tell: (changes) => {
                     Object.assign(state, changes);
                     for (const name of Object.keys(changes))
                       heard[`change:${name}`]?.forEach((act) => act());
                   },
                   hear: (content, buffers) =>
                     heard['msg:custom']?.forEach((act) => act(content, buffers)),
                 };
                 const el = document.getElementById('here');
                 window.end = window.front.render({ model: window.model, el });
               }""",
            state,
        )

    def tell(self, **changes: Any) -> None:
        """Change traits, as the kernel does."""
        self.page.evaluate("(changes) => window.model.tell(changes)", changes)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """What the page asked for."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "(kind) => window.sent.filter((each) => each.kind === kind)", kind
        )
        return found


@pytest.fixture
def mounted(browser: Any) -> Iterator[Callable[..., Mounted]]:
    """Show a widget's front end alone, without a notebook around it."""
    pages = []
    wrong: list[str] = []

    def made(widget: Any, *, width: int = 1000, height: int = 800) -> Mounted:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        pages.append(page)
        return Mounted(page, widget)

    yield made
    for page in pages:
        page.close()
    assert not wrong
