"""Put texts, slides and firmware into the wheel, where `emgnb/_included.py` finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = (
    "docs/*.md",
    "docs/slides.ipynb",
    "docs/howto/*.md",
    "docs/explanation/*.md",
    "docs/hub/*",
)
FIRMWARE = (
    "firmware/README.md",
    "firmware/sites.svg",
    "firmware/emg_stream/*",
    "firmware/example/*",
)
# Pages that only make sense on the site: they list or include others.
SITE_ONLY = {"changelog.md", "contributing.md", "firmware.md", "gallery.md", "index.md"}


class IncludedFiles(BuildHookInterface):
    """Add the files that are not code."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name each file, and its place in the wheel."""
        root = Path(self.root)
        for pattern in (*PAGES, *FIRMWARE):
            for file in sorted(root.glob(pattern)):
                if file.is_file() and file.name not in SITE_ONLY:
                    place = file.relative_to(root).as_posix()
                    build_data["force_include"][str(file)] = f"emgnb/{place}"
