"""Make a folder for a USB stick, from which a class installs emgnb without internet.

`make` fetches the wheels for Windows, macOS and Linux, and adds notebooks, firmware, text pages
and the scripts that install from the folder and open the notebooks.
"""

from emgnb.kit.making import Kit, make
from emgnb.kit.targets import SYSTEMS, Target, pinned, this_python, this_system

__all__ = ["SYSTEMS", "Kit", "Target", "make", "pinned", "this_python", "this_system"]
