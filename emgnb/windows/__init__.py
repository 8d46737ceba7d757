"""Cut recordings into short windows of equal length with one label each.

Windows do not cross the borders of trials. Windows with lost or disturbed samples are dropped and
counted. Without trials and gaps, the windows are a view that shares the memory of the recording.
Windows of a recording that is opened lazily are read when used, some at a time.
"""

from emgnb.windows.cutting import cut
from emgnb.windows.events import around
from emgnb.windows.stacking import SAME_RATE, need_windows, stack

__all__ = ["SAME_RATE", "around", "cut", "need_windows", "stack"]
