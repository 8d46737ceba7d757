"""Wait for a page in the browser by what it draws, not by the clock."""

import itertools
import time
from typing import Any

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)


def frames(page: Any, count: int = 3) -> None:
    """Wait until the page has been drawn so many times."""
    page.evaluate(
        """(count) => new Promise((done) => {
             const next = (left) => left ? requestAnimationFrame(() => next(left - 1)) : done();
             next(count);
           })""",
        count,
    )


def settled(page: Any) -> None:
    """Wait until the page has been drawn with nothing in it that moves to its place."""
    page.wait_for_function(
        """() => document.getAnimations().every((one) => one.playState !== 'running'
             || one.effect?.getComputedTiming().iterations === Infinity)"""
    )
    frames(page)


def saved(page: Any) -> None:
    """Save the notebook on the page, and wait until it is."""
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")


class Fingers:
    """Fingers on a page that has touch; they rest before they are lifted.

    Lifted while they move they throw the page, and Chromium takes the next tap for the one that
    stops it. Events have times of their own, because a test sends them faster than anybody moves.
    """

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._clock = itertools.count(time.time() - 60, 0.2)

    def __call__(self, kind: str, *places: tuple[float, float]) -> None:
        """Start, move or end fingers at places (x, y) of the page, in px."""
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        about = {"type": f"touch{kind}", "touchPoints": points, "timestamp": next(self._clock)}
        self._session.send("Input.dispatchTouchEvent", about)
