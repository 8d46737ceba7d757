"""Find the files that come with emgnb and are not code: notebooks, text pages and firmware.

A wheel has them inside the package (`.ci/wheel_files.py` and `pyproject.toml` put them there), a
checkout next to it.
"""

from __future__ import annotations

from pathlib import Path

# Pages of docs/ that only make sense on the site: they list or include others.
SITE_ONLY = {"changelog.md", "contributing.md", "firmware.md", "gallery.md", "index.md"}


def included(name: str) -> Path:
    """Return the folder "notebooks", "docs" or "firmware"."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def pages() -> dict[str, Path]:
    """Return the text pages, slides, and files for a JupyterHub, by their path below docs/."""
    docs = included("docs")
    patterns = ("*.md", "slides.ipynb", "howto/*.md", "explanation/*.md", "hub/*")
    found = [each for pattern in patterns for each in docs.glob(pattern) if each.is_file()]
    return {
        each.relative_to(docs).as_posix(): each
        for each in sorted(found)
        if each.name not in SITE_ONLY
    }


def firmware() -> dict[str, Path]:
    """Return the sketch, its example, the wiring and the compiled files, by their path.

    The README and the picture of the electrode sites are next to the folder `emg_stream`, which
    the Arduino IDE opens.
    """
    root = included("firmware")
    found = [
        *(root / "README.md", root / "sites.svg"),
        *root.glob("emg_stream/*"),
        *root.glob("example/*"),
    ]
    compiled = (Path(__file__).parent / "flash").glob("*.hex")
    return {
        **{each.relative_to(root).as_posix(): each for each in sorted(found) if each.is_file()},
        **{each.name: each for each in sorted(compiled)},
    }
