"""What every test may ask for, and what none may leave behind."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


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
    """No recorder that a module's tests started runs on after them."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    deadline = time.monotonic() + 60
    while left := _recorders(base):
        if time.monotonic() > deadline:
            pytest.fail(f"recorders left running: {left}")
        time.sleep(0.1)


def _recorders(base: str) -> list[str]:
    """Command lines of the recorders that write below a folder."""
    import psutil

    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if "emgnb.acquire.recorder" in (process.info["cmdline"] or ())
        and any(base in word for word in process.info["cmdline"])
    ]
