"""Copy the firmware's source, wiring and compiled files out of the package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from emgnb._included import firmware
from emgnb.recording import atomic_path


def copy_sketch(folder: str | os.PathLike[str]) -> Path:
    """Copy the sketch, its README with the wiring, and the compiled files into a new folder.

    The Arduino IDE opens `emg_stream/emg_stream.ino`; avrdude writes `mega.hex` and `uno.hex`.

    Raises
    ------
    FileExistsError : `folder` exists

    Examples
    --------
    >>> from emgnb import flash
    >>> sorted(path.name for path in flash.copy_sketch("firmware").glob("*.*"))
    ['README.md', 'mega.hex', 'sites.svg', 'uno.hex']
    """
    with atomic_path(folder) as beside:
        for place, source in firmware().items():
            target = beside / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return Path(folder)
