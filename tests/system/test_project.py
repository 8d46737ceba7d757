"""The project keeps its own promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def loaded_after(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(out.stdout.split())


@pytest.mark.parametrize("module", ["", ".recording", ".acquire", ".filters", ".evaluate", ".cli"])
def test_importing_loads_nothing_heavy(module):
    heavy = {"keras", "jax", "plotly", "serial", "dask", "ipywidgets", "sklearn"}
    assert not loaded_after(f"import emgnb{module}") & heavy


def test_every_name_of_the_package_can_be_loaded():
    import emgnb

    for name in emgnb.__all__:
        assert getattr(emgnb, name) is not None
    with pytest.raises(AttributeError, match="no_such"):
        emgnb.no_such  # noqa: B018


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_stored_clean_and_short(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert max(len(cell["source"]) for cell in code) <= 12
