"""Deliver what a page sends although a subshell of the kernel has ended.

JupyterLab sends the messages of widgets to a subshell of the kernel, which it ends with the page.
ipykernel 7.4 gives a message to the subshell in which its widget last sent something. If that was
the subshell of an earlier page, the message is dropped: in a page that is opened later, buttons and
sliders do nothing.
"""

from __future__ import annotations

import sys
from typing import Any

# Name of the method that chooses the subshell; other versions do not have it.
CHOICE = "_reply_subshell_for"


def deliver_all() -> None:
    """Give messages for a subshell that has ended to one that runs. Idempotent.

    Has no effect outside of a kernel, and in kernels that do not choose the subshell.
    """
    module: Any = sys.modules.get("ipykernel.comm.comm")
    comm = getattr(module, "BaseComm", None)
    choice = getattr(comm, CHOICE, None)
    if choice is None or choice.__module__ == __name__:
        return

    def choose(self: Any, data: Any, own: str | None) -> str | None:
        """Return the first of ipykernel's choice and the page's own subshell that runs, or None.

        None is the main shell.
        """
        chosen = choice(self, data, own)
        running = _running(module.Kernel)
        return next((each for each in (chosen, own) if running is None or each in running), None)

    setattr(comm, CHOICE, choose)


def _running(kernels: Any) -> list[str | None] | None:
    """Return the subshells that run; None if that cannot be told."""
    kernel = kernels.instance() if kernels.initialized() else None
    manager = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    return None if manager is None else [None, *manager.list_subshell()]
