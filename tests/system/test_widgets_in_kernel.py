"""What the pages of a widget send, in a real kernel with the subshells of JupyterLab."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")
manager = pytest.importorskip(
    "jupyter_client.manager", reason="jupyter_client is not installed: pip install 'emgnb[test]'"
)

PATIENCE = 120.0


class Kernel:
    """A kernel with a face, and what a page of JupyterLab does with it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        code = "from emgnb.widgets import Face\nface = Face()"
        asked = {"comm": "face._stage.comm.comm_id"}
        done = client.execute_interactive(code, user_expressions=asked, timeout=PATIENCE)
        assert done["content"]["status"] == "ok", done["content"]
        self.comm = done["content"]["user_expressions"]["comm"]["data"]["text/plain"].strip("'")

    def ask(self, kind: str, **content: str) -> dict[str, Any]:
        """Send a request on the control channel; return the content of its reply."""
        message = self.client.session.msg(kind, content)
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                found: dict[str, Any] = reply["content"]
                return found

    def say_hello(self, page: str, subshell: str) -> list[str]:
        """Say hello as a page does; return the kinds of the messages until the kernel is idle."""
        data = {"method": "custom", "content": {"kind": "hello", "page": page}}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        kinds: list[str] = []
        while True:
            try:
                heard = self.client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                pytest.fail(f"the kernel answers {kinds}, and does not become idle")
            if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if heard["content"].get("execution_state") == "idle":
                return kinds
            if heard["msg_type"] == "comm_msg":
                kinds.append(heard["content"]["data"]["content"]["kind"])


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    running, client = manager.start_new_kernel(startup_timeout=PATIENCE)
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        running.shutdown_kernel(now=True)


def test_a_page_is_answered_after_the_subshell_of_the_one_before_has_ended(kernel: Kernel) -> None:
    about = kernel.client.kernel_info(reply=True, timeout=PATIENCE)["content"]
    if "kernel subshells" not in about.get("supported_features", ()):
        pytest.skip("this version of ipykernel has no subshells")
    first = kernel.ask("create_subshell_request")
    assert kernel.say_hello("one", first["subshell_id"]) == ["head", "greeted"]
    kernel.ask("delete_subshell_request", subshell_id=first["subshell_id"])
    second = kernel.ask("create_subshell_request")
    assert kernel.say_hello("two", second["subshell_id"]) == ["head", "greeted"]
