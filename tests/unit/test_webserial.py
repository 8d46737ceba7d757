"""A board at the browser: its numbered bytes, and what the recorder does about those that lack."""

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from emgnb.acquire import PortError, PortLost, list_ports, open_port
from emgnb.acquire.ports._loopback import Link, meet
from emgnb.acquire.ports.bridge import Bridge
from emgnb.acquire.ports.webserial import Inbox, WebSerialPort


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


class Page:
    """A page with a board, without a browser: it sends what `push` is given, and can forget."""

    def __init__(self, name="board"):
        self.got = []
        self.stream = ""
        self.bridge = Bridge(name, lambda header, body: self.got.append((header, body)))

    def report(self, connected=True, **more):
        about = {"kind": "board", "connected": connected, "stream": self.stream, "ask": 1}
        self.bridge.from_page(about | {"usb": "2341:0042", "baud": 500_000} | more)

    def begin(self):
        until(lambda: self.kinds("open"))
        self.stream = self.kinds("open")[-1]["stream"]
        self.report()

    def push(self, first, data):
        self.bridge.from_page({"kind": "chunk", "stream": self.stream, "first": first}, data)

    def kinds(self, kind):
        return [header for header, _ in self.got if header["kind"] == kind]


@pytest.fixture
def page():
    made = Page()
    yield made
    made.bridge.close()


@pytest.fixture
def port(page):
    page.report()
    made = open_port("webserial://board?rate=500&channels=4")
    page.begin()
    yield made
    made.close()


def received(port, size):
    data = b""
    deadline = time.monotonic() + 20
    while len(data) < size and time.monotonic() < deadline:
        data += port.read()
    return data


def test_the_recorder_gets_the_bytes_and_acknowledges_them(page, port):
    page.push(0, b"abc")
    page.push(3, b"defg")
    assert received(port, 7) == b"abcdefg"
    port.read()
    until(lambda: page.kinds("ack"))
    assert page.kinds("ack")[-1] == {"kind": "ack", "stream": page.stream, "next": 7}
    about = port.describe()
    assert (about["board"], about["baud"]) == ("Arduino Mega 2560", 500_000)
    assert (about["rate"], about["channels"]) == (500.0, 4)


def test_a_command_reaches_the_board(page, port):
    port.write(b"R1000\n")
    until(lambda: page.kinds("write"))
    assert page.got[-1][1] == b"R1000\n"


@given(
    data=st.binary(min_size=1, max_size=300),
    again=st.lists(st.tuples(st.integers(0, 299), st.integers(1, 60)), max_size=30),
)
def test_bytes_that_come_again_are_taken_once(data, again):
    inbox, found = Inbox(), b""
    for first, size in again:
        first = min(first, inbox.next)
        header = {"stream": inbox.stream, "first": first}
        found += inbox.chunk(header, data[first : first + size])
    header = {"stream": inbox.stream, "first": inbox.next}
    found += inbox.chunk(header, data[inbox.next :])
    assert found == data


@given(kept=st.lists(st.booleans(), max_size=20))
def test_what_a_broken_connection_lost_is_awaited(kept):
    """Messages between the page and the recorder get lost; the page sends all of them again."""
    inbox, data = Inbox(), bytes(range(100))
    messages = [
        ({"stream": inbox.stream, "first": first, "after": first}, data[first : first + 5])
        for first in range(0, 100, 5)
    ]
    found = b"".join(
        inbox.chunk(*message) for message, arrives in zip(messages, kept, strict=False) if arrives
    )
    found += b"".join(inbox.chunk(*message) for message in messages)
    assert found == data
    # What the page itself has dropped never comes.
    with pytest.raises(PortLost, match="dropped 40 bytes"):
        inbox.chunk({"stream": inbox.stream, "first": 140, "after": 100}, b"xyz")


def test_bytes_of_another_stream_are_not_taken():
    assert Inbox().chunk({"stream": "of before", "first": 0}, b"abc") == b""


def test_dropped_bytes_end_the_stream_after_those_before_them(page, port):
    page.push(0, b"abc")
    page.push(1000, b"xyz")
    assert received(port, 3) == b"abc"
    with pytest.raises(PortLost, match="dropped 997 bytes"):
        received(port, 1)


def test_a_reloaded_page_and_an_unplugged_board_end_the_stream(page, port):
    page.stream = ""
    page.report()
    with pytest.raises(PortLost, match="page was reloaded"):
        received(port, 1)
    port.close()
    again = open_port("webserial://board")
    page.begin()
    page.report(connected=False, reason="the board was disconnected. Is the cable plugged in?")
    with pytest.raises(PortLost, match="cable"):
        received(again, 1)
    again.close()


def test_a_kernel_that_restarts_loses_nothing(page, port):
    page.push(0, b"abc")
    assert received(port, 3) == b"abc"
    page.bridge.close()
    until(lambda: (port.read(), "kernel is not connected" in port.trouble)[1])
    page.bridge = Bridge("board", lambda header, body: page.got.append((header, body)))
    page.report()
    until(lambda: (port.read(), page.kinds("resume"))[1])
    until(lambda: (port.read(), page.kinds("resume")[-1]["next"] == 3)[1])
    page.push(3, b"def")
    assert received(port, 3) == b"def"


def test_without_a_page_or_a_board_the_error_says_what_to_do(page):
    with pytest.raises(PortError, match=r"no notebook has this port.*WebSerial\('other'\)"):
        open_port("webserial://other")
    with pytest.raises(PortError, match="Connect board"):
        open_port("webserial://board")
    with pytest.raises(PortError, match="letters, digits"):
        open_port("webserial://../secret")
    with pytest.raises(PortError, match="unknown option 'baud'"):
        open_port("webserial://board?baud=9600")


def test_one_recorder_at_a_time(page, port):
    with pytest.raises(PortError, match="in use by another recording"):
        open_port("webserial://board")


def test_the_kernel_lists_its_port(page):
    assert ("webserial://board", "no board connected", "") in list_ports()
    page.report()
    assert ("webserial://board", "board at the browser", "") in list_ports()


def test_nobody_else_can_connect(home, port):
    file = home / ".emgnb" / "webserial" / "board.json"
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o77 == 0
        assert file.parent.stat().st_mode & 0o77 == 0
    about = json.loads(file.read_text())
    about["tokens"][0] = "0" * 32
    wrong = home / ".emgnb" / "webserial" / "wrong.json"
    wrong.write_text(json.dumps(about))
    results: list[Link | None] = []
    thread = threading.Thread(target=lambda: results.append(meet("wrong")))
    thread.start()
    until(lambda: (port.read(), results)[1])
    assert results == [None]
    thread.join()


def test_a_link_takes_messages_in_any_pieces():
    with socket.create_server(("127.0.0.1", 0)) as server:
        b = socket.create_connection(server.getsockname())
        link = Link(server.accept()[0])
    Link(b).send({"n": 1}, b"x" * 100_000)
    found = []
    until(lambda: found.extend(link.receive(0.1)) or found)
    assert found == [({"n": 1}, b"x" * 100_000)]
    b.sendall(b"\xff" * 100)
    with pytest.raises(ValueError, match="a message of"):
        link.receive(1.0)
    link.close()
    b.close()


def test_a_closed_port_leaves_nothing_behind(home, page, port):
    assert isinstance(port, WebSerialPort)
    port.close()
    port.close()
    left = [path.name for path in Path(home, ".emgnb", "webserial").iterdir()]
    assert left == ["board.lock"]
    assert os.environ["HOME"] == str(home)
