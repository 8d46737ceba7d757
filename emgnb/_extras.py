"""Report which `pip install` provides a missing optional package.

emgnb runs without plotly, anywidget, keras and others; they are needed only where they are used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

# Package name → extra of emgnb that installs it.
EXTRAS = {
    "serial": "record",
    "jupyterlab": "lab",
    "ipywidgets": "lab",
    "anywidget": "lab",
    "traitlets": "lab",
    "plotly": "lab",
    "keras": "train",
    "jax": "train",
    "sklearn": "train",
    "h5netcdf": "export",
    "edfio": "exchange",
    "pyxdf": "exchange",
    "h5py": "exchange",
    "mne": "brain",
    "pylsl": "live",
    "dask": "long",
    "distributed": "long",
    "cryptography": "long",
    "tornado": "live",
    "pyarrow": "parquet",
    "fsspec": "remote",
    "s3fs": "remote",
}


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Replace "No module named …" by the name of the extra to install, while `what` is imported.

    Raises
    ------
    ImportError : an optional package is missing; any other error passes unchanged
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in EXTRAS:
            raise
        raise ImportError(
            f"{what} needs {package}, which is not installed: "
            f'pip install "emgnb[{EXTRAS[package]}]"',
            name=package,
        ) from error
