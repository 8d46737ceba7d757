"""The notebooks run without hardware, from the middle and in their order, where no browser is.

Where one is, they run in it: tests/browser/test_notebooks_in_lab.py.
"""

import importlib.util
import shutil
from pathlib import Path

import notebook_runs
import pytest
from pages import BROWSERS


def run(name: str, folder: Path, *, short: bool = True, data: Path | None = None) -> str:
    """Run a notebook in a folder and return all that its cells printed."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(
        notebook_runs.place(name, folder, short=short, data=data), as_version=4
    )
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "\n".join(map(notebook_runs.text_of, outputs))


@pytest.mark.slow
@pytest.mark.skipif(
    any(map(shutil.which, BROWSERS)) and importlib.util.find_spec("playwright") is not None,
    reason="they run in the browser that is here",
)
def test_each_notebook_runs_twice_in_one_folder(tmp_path):
    order = notebook_runs.ORDER
    for number, name in enumerate(order, 1):
        said = run(name, tmp_path)
        notebook_runs.check(order[:number], tmp_path, said)


@pytest.mark.slow
def test_the_paper_is_reproduced_on_a_look_alike(tmp_path):
    notebook_runs.check_the_paper(run(notebook_runs.PAPER, tmp_path))
    assert len(list(tmp_path.glob("lookalike/subject_*.csv"))) == 3


@pytest.mark.slow
def test_a_face_is_decoded_while_it_moves(tmp_path):
    notebook_runs.check_the_live_decoder(run(notebook_runs.LIVE, tmp_path))


@pytest.mark.slow
@pytest.mark.soak
def test_the_paper_is_reproduced_on_its_data_twice_in_one_folder(tmp_path, shared_data):
    for _ in range(2):
        said = run(notebook_runs.PAPER, tmp_path, short=False, data=shared_data / "paper")
        notebook_runs.check_the_paper(said)
        assert "published tables in" in said
