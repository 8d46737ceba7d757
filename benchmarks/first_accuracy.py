"""Run the third notebook in a kernel, up to its first cross-validation, and print that result.

Needs only what `emgnb[lab,train]` installs. `benchmarks/installation.py` and the test of the kit
run it in new environments.

Run: python benchmarks/first_accuracy.py [folder of the notebooks]
"""

from __future__ import annotations

import sys
from pathlib import Path

NOTEBOOK, LAST = "03_train.ipynb", "evaluate.cross_validate("


def first_accuracy(folder: Path) -> str:
    """Return what the first cell with a cross-validation shows."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(folder / NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    last = next(i for i, cell in enumerate(code) if LAST in cell.source)
    notebook.cells = code[: last + 1]
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output.data for output in notebook.cells[last].outputs if "data" in output]
    return str(shown[-1]["text/plain"])


if __name__ == "__main__":
    print(first_accuracy(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
