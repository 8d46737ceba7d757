"""Wait for a page in the browser by what it draws, not by the clock."""

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
