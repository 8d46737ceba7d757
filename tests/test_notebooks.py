"""The notebooks run top to bottom without hardware, joined by files or started in the middle."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from emgnb import recording

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def run(name: str, folder: Path) -> str:
    """Run a notebook in a folder and return all that its cells printed."""
    shutil.copy(NOTEBOOKS / name, folder)
    notebook = nbformat.read(folder / name, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "\n".join(out.text for out in outputs if out.output_type == "stream")


@pytest.mark.slow
def test_what_01_recorded_02_cleans_and_labels(tmp_path):
    run("01_acquire.ipynb", tmp_path)
    recorded = recording.latest(tmp_path)
    said = run("02_filter.ipynb", tmp_path)
    assert recorded.parent.name in said
    clean = recording.open(recording.latest(tmp_path, "clean"))
    assert recording.history(clean["emg/signal"])[-1]["step"] == "filter"
    assert clean["labels/me/au"].values.tolist() == ["12"]
    assert clean["markers"].identical(recording.open(recorded)["markers"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["02_filter.ipynb", "03_train.ipynb"])
def test_a_student_can_start_in_the_middle(name, tmp_path):
    run(name, tmp_path)
    assert list(tmp_path.glob("recordings/**/*.*"))
