"""Recordings cut into short windows of equal length, each with one label.

A window never reaches across the border of a trial, and none holds a lost or disturbed sample:
those are dropped and counted. Without trials and gaps the windows are a view: they share the
recording's memory, so ten minutes of eight channels cost nothing. Windows of a recording that is
opened but not read are not read either until they are used, some at a time.
"""

from emgnb.windows.cutting import cut
from emgnb.windows.events import around
from emgnb.windows.joining import SAME_RATE, need_windows, stack

__all__ = ["SAME_RATE", "around", "cut", "need_windows", "stack"]
