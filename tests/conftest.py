"""What every test may ask for, what none may leave behind, and in which order they run."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Several tests compute at once: each keeps to one core. To be said before numpy is loaded.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Modules whose tests share nothing and mostly wait for a board or a process.
SPREAD = {"test_recorder", "test_faults", "test_capture", "test_board"}
# A JupyterLab and a Chromium each: two are enough for two cores.
BROWSERS = {
    "test_capture_in_lab": "browser 1",
    "test_cues_in_lab": "browser 1",
    "test_tuner_in_lab": "browser 1",
}
# What takes longest begins first.
FIRST = ("browser", "firmware", "system", "unit")
# Seconds that a recorder gets to make its session.
PATIENCE = 60
# Seconds for a test of the soak that names no limit of its own.
SOAK = 3600


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers more than cores: many tests wait."""
    return (os.cpu_count() or 1) + 3


def pytest_configure(config: pytest.Config) -> None:
    """Set no deadline on examples; compile each network once for all workers and all runs.

    New examples are looked for on people's machines; in continuous integration a change is judged
    by the same ones each time.
    """
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    hypothesis.settings.register_profile("emgnb", deadline=None, derandomize=in_ci)
    hypothesis.settings.load_profile("emgnb")
    if not hasattr(config, "cache"):
        return  # -p no:cacheprovider
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(config.cache.mkdir("jax")))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak out unless it is asked for, and begin with what takes longest."""
    if "soak" not in (config.option.markexpr or ""):
        left_out = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if item.get_closest_marker("soak") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SOAK))
    items.sort(key=lambda item: FIRST.index(folder(item.path)))


def folder(path: Path) -> str:
    """Folder of `tests/` in which a module lies."""
    return path.parent.name if path.parent.name in FIRST else FIRST[-1]


def group(nodeid: str) -> str:
    """Name what runs on one worker with a test: its module, itself where tests are spread."""
    path = Path(nodeid.partition("::")[0])
    if folder(path) == "browser":
        return BROWSERS.get(path.stem, "browser 2")
    return nodeid if path.stem in SPREAD else str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run each group on one worker. xdist's own groups are lost on newer pytests."""
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Grouped(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings that lies beside a checkout, never in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings beside this checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two processes of one thread; `with distributed.Client(cluster):` computes on them."""
    distributed = pytest.importorskip(
        "distributed", reason="dask.distributed is not installed: pip install 'emgnb[long]'"
    )
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=tmp_path_factory.mktemp("cluster"),
    ) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def no_recorder_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No recorder that a module's tests started runs on after them; what does is ended."""
    yield
    from leftovers import end, recorders_below

    base = str(tmp_path_factory.getbasetemp())
    deadline = time.monotonic() + PATIENCE
    while left := recorders_below(base):
        if time.monotonic() > deadline:
            pytest.fail(f"recorders left running, now ended: {end(left)}")
        time.sleep(0.1)
