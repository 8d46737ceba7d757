"""Label events in hours of signal by mouse, keyboard or code.

`widget` is the public interface, `_book` holds the events and their history, `_comparing` lets a
third person decide between two coders, `_saving` stores every change, and `_tiles` provides the
data that the browser draws. The front end is a set of ES modules of which `front.js` is the entry.
"""

from emgnb.widgets.labeller.widget import Labeller

__all__ = ["Labeller"]
