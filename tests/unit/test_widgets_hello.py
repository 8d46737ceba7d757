"""Pages that ask for what they missed: answered once, and in a subshell that runs."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from emgnb.widgets.shared.hello import WAITED, Hellos
from emgnb.widgets.shared.subshells import deliver_all


class Answers:
    """What pages get, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.hellos = Hellos(lambda content: self.told.append(content["page"]), lambda: self.now)

    def hello(self, **content: str) -> None:
        self.hellos.answer(content, lambda: self.told.append("all"))


def test_each_page_that_says_hello_is_answered() -> None:
    answers = Answers()
    answers.hello(page="one")
    answers.hello(page="two")
    assert answers.told == ["all", "one", "all", "two"]


def test_hellos_that_waited_for_a_busy_kernel_get_one_answer() -> None:
    answers = Answers()
    for _ in range(20):
        answers.hello(page="one")
    assert answers.told == ["all", "one"]


def test_a_page_whose_answer_was_lost_gets_another() -> None:
    answers = Answers()
    answers.hello(page="one")
    answers.now += WAITED
    answers.hello(page="one")
    assert answers.told == ["all", "one", "all", "one"]


def test_a_page_without_a_name_is_told_all_each_time() -> None:
    answers = Answers()
    answers.hello()
    answers.hello()
    assert answers.told == ["all", "all"]


# ---- subshells


class Comm:
    """A comm of ipykernel 7.4, last used in the subshell `last`."""

    last: str | None = None

    def _reply_subshell_for(self, data: Any, own: str | None) -> str | None:
        return self.last


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module of a kernel with a main shell and the subshells "first" and "second"."""
    running = ["first", "second"]
    manager = SimpleNamespace(list_subshell=lambda: list(running))
    kernels = SimpleNamespace(
        initialized=lambda: True,
        instance=lambda: SimpleNamespace(shell_channel_thread=SimpleNamespace(manager=manager)),
    )
    comm = type("BaseComm", (Comm,), {})
    made = SimpleNamespace(BaseComm=comm, Kernel=kernels, running=running)
    monkeypatch.setitem(sys.modules, "ipykernel.comm.comm", made)
    deliver_all()
    deliver_all()
    return made


def chosen(kernel: SimpleNamespace, last: str | None, own: str | None) -> str | None:
    comm = kernel.BaseComm()
    comm.last = last
    found: str | None = comm._reply_subshell_for({"method": "custom"}, own)
    return found


def test_a_subshell_that_runs_gets_its_messages(kernel: SimpleNamespace) -> None:
    assert chosen(kernel, "first", "second") == "first"
    assert chosen(kernel, None, "second") is None  # the main shell


def test_messages_for_a_subshell_that_has_ended_go_to_that_of_the_page(
    kernel: SimpleNamespace,
) -> None:
    kernel.running.remove("first")
    assert chosen(kernel, "first", "second") == "second"


def test_messages_of_a_page_whose_subshell_has_ended_too_go_to_the_main_shell(
    kernel: SimpleNamespace,
) -> None:
    kernel.running.clear()
    assert chosen(kernel, "first", "second") is None


def test_a_kernel_without_subshells_is_left_as_it_is(
    kernel: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel.Kernel, "instance", lambda: SimpleNamespace())
    assert chosen(kernel, "first", "second") == "first"


def test_other_versions_of_ipykernel_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    comm = type("BaseComm", (), {})
    monkeypatch.setitem(sys.modules, "ipykernel.comm.comm", SimpleNamespace(BaseComm=comm))
    deliver_all()
    assert not hasattr(comm, "_reply_subshell_for")
