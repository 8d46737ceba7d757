"""Label what you see: events over hours of signal, by mouse, keyboard or code.

`widget` is what a notebook uses, `book` holds the events and their history, `saving` brings them to
disk at every change, `tiles` gives the browser what it draws. The front end is plain ES modules
joined into one: see `front.js`, which puts them together.
"""

from emgnb.widgets.labeller.widget import Labeller

__all__ = ["Labeller"]
