"""Ports: what they are called, what they say when they cannot be opened."""

import errno
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from emgnb.acquire import PortError, PortLost, list_ports, open_port
from emgnb.acquire.ports.port import split_url, with_options
from emgnb.acquire.wire.frames import Decoder

needs_pty = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo-terminals that pyserial can open"
)


def raw_pty() -> tuple[int, int, str]:
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave, os.ttyname(slave)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("COM3", ("serial", "COM3", {})),
        ("/dev/ttyACM0", ("serial", "/dev/ttyACM0", {})),
        ("serial:///dev/ttyACM0?baud=115200", ("serial", "/dev/ttyACM0", {"baud": "115200"})),
        ("serial://COM3", ("serial", "COM3", {})),
        (" sim://smile?seed=1&sensor=v3", ("sim", "smile", {"seed": "1", "sensor": "v3"})),
        ("tcp://192.168.4.1:3000", ("tcp", "192.168.4.1:3000", {})),
        ("replay://C:\\data\\x.emgj?speed=2", ("replay", "C:\\data\\x.emgj", {"speed": "2"})),
    ],
)
def test_a_port_is_named_by_one_string(url, parts):
    assert split_url(url) == parts


def test_options_are_added_to_a_name():
    assert with_options("COM3", rate=500, channels=None) == "COM3?rate=500"
    assert with_options("sim://smile?seed=1", seed=2) == "sim://smile?seed=2"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("/dev/ttyNope", "no port /dev/ttyNope; serial ports here"),
        ("", "names no device"),
        ("telnet://x", "begins with telnet://"),
        ("sim://grin", "no expression 'grin'"),
        ("sim://smile?colour=red", "unknown option 'colour'"),
        ("sim://smile?rate=fast", "rate='fast' is not a valid number"),
        ("sim://smile?channels=99", "99 channels"),
        ("sim://smile?sensor=gold", "gold"),
        ("tcp://board", "expected tcp://host:port"),
        ("tcp://127.0.0.1:1?speed=2", "unknown option 'speed'"),
        ("serial://COM3?baud=-1", "baud='-1' is not a valid number"),
        ("replay:///no/such/file", "no file at"),
    ],
)
def test_what_cannot_be_opened_says_why_in_one_line(url, words):
    with pytest.raises(PortError, match=re.escape(words)) as caught:
        open_port(url)
    assert "\n" not in str(caught.value)


@needs_pty
def test_what_is_no_serial_port_says_so(tmp_path):
    (tmp_path / "file").write_text("no port")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(PortError, match="cannot be opened as a serial port"):
            open_port(str(path))


@needs_pty
def test_real_bytes_come_through_a_pseudo_terminal_as_they_are():
    master, slave, name = raw_pty()
    port = open_port(f"serial://{name}?baud=1000000")
    assert port.read() == b""
    sent = bytes(range(256)) * 12
    os.write(master, sent)
    got = b""
    while len(got) < len(sent):
        got += port.read()
    assert got + port.read() == sent
    port.write(b"C8\n")
    assert os.read(master, 100) == b"C8\n"
    assert port.describe()["baud"] == 1_000_000
    port.close()
    port.close()
    os.close(master)
    os.close(slave)


def later(act):
    """Do something in another thread, some time after this one has begun to wait."""
    thread = threading.Timer(0.2, act)
    thread.start()
    return thread


@needs_pty
def test_a_read_waits_until_bytes_come(monkeypatch):
    monkeypatch.setattr("emgnb.acquire.ports.serial.WAIT", 180.0)
    master, slave, name = raw_pty()
    port = open_port(name)
    sends = later(lambda: os.write(master, b"scan"))
    got = b""
    while got != b"scan":
        more = port.read()
        assert more
        got += more
    sends.join()
    port.close()
    os.close(master)
    os.close(slave)


@needs_pty
def test_a_port_in_use_is_refused_even_to_root():
    master, slave, name = raw_pty()
    first = open_port(name)
    with pytest.raises(PortError, match=r"in use by another program\. Close it \(Arduino"):
        open_port(name)
    first.close()
    open_port(name).close()
    os.close(master)
    os.close(slave)


@pytest.fixture
def nobody() -> Iterator[None]:
    """The test runs without root's rights, which no permission binds."""
    import grp  # noqa: F401 - nobody may not read the libraries
    import tty  # noqa: F401

    open_port("sim://rest").close()
    list_ports()
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@needs_pty
def test_no_permission_says_which_group_to_join(nobody):
    master, slave, name = raw_pty()
    os.fchmod(slave, 0)
    with pytest.raises(PortError, match=rf"no permission for {name}: .*usermod -aG \w+ \$USER"):
        open_port(name)
    os.close(master)
    os.close(slave)


@needs_pty
def test_after_replugging_the_same_board_is_opened_and_no_other(monkeypatch):
    from serial.tools import list_ports
    from serial.tools.list_ports_common import ListPortInfo

    master, slave, name = raw_pty()
    ours, other = ListPortInfo(name), ListPortInfo("/dev/ttyACM9")
    ours.serial_number, other.serial_number = "A1", "B2"
    monkeypatch.setattr(list_ports, "comports", lambda: [other, ours])
    port = open_port("serial:///dev/ttyACM9?serial_number=A1")
    assert port.describe()["device"] == name
    port.close()
    with pytest.raises(PortError, match=r"another board \(serial number B2, expected C3\)"):
        open_port("serial:///dev/ttyACM9?serial_number=C3")
    os.close(master)
    os.close(slave)


@needs_pty
def test_a_pulled_cable_is_an_error_of_its_own():
    master, slave, name = raw_pty()
    port = open_port(name)
    os.write(master, b"last words")
    got = b""
    while got != b"last words":
        got += port.read()
    os.close(master)
    with pytest.raises(PortLost, match="Is the cable plugged in"):
        port.read()
    with pytest.raises(PortLost, match="does not accept commands"):
        port.write(b"X\n")
    port.close()
    os.close(slave)


@needs_pty
def test_the_speed_can_be_changed_without_closing_the_port():
    import termios

    master, slave, name = raw_pty()
    port = open_port(name)
    port.set_baud(115_200)
    assert termios.tcgetattr(slave)[5] == termios.B115200
    assert port.describe()["baud"] == 115_200
    with pytest.raises(PortError, match=r"does not take -5 baud"):
        port.set_baud(-5)
    port.close()
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (2, "no port COM9; serial ports here"),
        (5, "exists but does not respond"),
        (6, "Unplug the board, wait a moment"),
        (11, "in use by another program"),
        (16, "in use by another program"),
        (13, "no permission for COM9"),
        (22, "cannot be opened as a serial port"),
    ],
)
def test_whatever_goes_wrong_in_opening_has_a_way_out(monkeypatch, number, words):
    """pyserial's errors as they come: none of them may reach the user as it is."""
    import serial

    def fail(_: object) -> None:
        raise serial.SerialException(number, f"could not open port: [Errno {number}] …")

    monkeypatch.setattr(serial.Serial, "open", fail)
    with pytest.raises(PortError, match=re.escape(words)):
        open_port("COM9")


@needs_pty
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), TypeError("fd is None")])
def test_an_unplugged_port_is_lost_whichever_way_pyserial_says_so(monkeypatch, error):
    import serial

    class Gone:
        def __get__(self, *_: object) -> int:
            raise error

    master, slave, name = raw_pty()
    port = open_port(name)
    monkeypatch.setattr(serial.Serial, "in_waiting", Gone())
    with pytest.raises(PortLost, match="Is the cable plugged in"):
        port.read()
    port.close()
    os.close(master)
    os.close(slave)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows who has a file")
def test_a_program_that_took_no_lock_is_named(tmp_path):
    """pyserial opens such a port, and then both programs get part of the bytes."""
    from emgnb.acquire.ports.serial import _also_open_in

    file = tmp_path / "device"
    file.write_bytes(b"")
    assert _also_open_in(str(file)) == []
    code = "import sys; f = open(sys.argv[1]); print(); sys.stdin.readline()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    (who,) = _also_open_in(str(file))
    assert f"process {child.pid}" in who
    child.communicate(b"\n")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """What listens at the far end of a network, on this computer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def test_bytes_come_over_a_network_as_they_are_and_commands_go(server):
    port = open_port(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    board, _ = server.accept()
    assert port.read() == b""
    sent = np.random.default_rng(0).bytes(300_000)
    thread = threading.Thread(target=board.sendall, args=(sent,), daemon=True)
    thread.start()
    got = b""
    for _ in range(1000):
        got += port.read()
        if len(got) == len(sent):
            break
    thread.join()
    assert got == sent
    port.write(b"R1000\n")
    assert board.recv(100) == b"R1000\n"
    board.sendall(b"last words")
    board.close()
    got = b""
    while got != b"last words":
        got += port.read()
    with pytest.raises(PortLost, match="closed the connection"):
        port.read()
    port.close()
    port.close()


def test_a_read_waits_until_bytes_come_over_a_network(server, monkeypatch):
    monkeypatch.setattr("emgnb.acquire.ports.tcp.WAIT", 180.0)
    port = open_port(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    board, _ = server.accept()
    sends = later(lambda: board.sendall(b"scan"))
    assert b"scan".startswith(port.read() or b"?")
    sends.join()
    board.close()
    port.close()


def test_a_network_board_that_was_switched_off_is_lost(server, monkeypatch):
    """Keepalive says so with the same class of error as a read that got nothing in time."""
    port = open_port(f"tcp://127.0.0.1:{server.getsockname()[1]}")

    def gone(*_: object) -> bytes:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(socket.socket, "recv", gone)
    with pytest.raises(PortLost, match="was lost"):
        port.read()
    port.close()


def test_a_network_board_that_cannot_be_reached_says_why(server):
    number = server.getsockname()[1]
    server.close()
    with pytest.raises(PortError, match="the host is reachable, but no program listens"):
        open_port(f"tcp://127.0.0.1:{number}")


NO_PYSERIAL = """
import sys
sys.modules["serial"] = None
from emgnb.acquire import PortError, list_ports, open_port
print([info.url for info in list_ports()])
try:
    open_port("/dev/ttyACM0")
except PortError as error:
    print(error)
"""


def test_without_pyserial_the_simulated_face_is_still_there():
    child = subprocess.run(
        [sys.executable, "-c", NO_PYSERIAL], capture_output=True, text=True, check=True
    )
    ports, error = child.stdout.splitlines()
    assert "sim://smile?seed=1" in ports
    assert "pip install pyserial" in error


def test_the_simulated_face_is_always_listed():
    urls = [info.url for info in list_ports()]
    assert urls[-2:] == ["sim://smile?seed=1", "sim://smile?seed=1&sensor=v3"]


def test_acquire_is_imported_without_serial_xarray_or_plots():
    code = (
        "import sys, emgnb.acquire as a; a.start, a.follow, a.open_port, a.Health;"
        "print([m for m in ('serial', 'xarray', 'zarr', 'scipy', 'plotly') if m in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


def test_the_simulated_face_sends_its_scans_in_real_time_and_numbers_them():
    port, decoder = open_port("sim://smile?seed=2&channels=3&rate=500"), Decoder()
    begin = time.monotonic()
    parts = []
    while time.monotonic() - begin < 2.8:
        parts.append(decoder.feed(port.read()))
    took = time.monotonic() - begin
    scans = np.concatenate([part.scans for part in parts])
    np.testing.assert_array_equal(scans, np.arange(scans.size))
    # Never ahead of time; behind it only by the last pause.
    assert scans.size <= 500 * took
    assert scans.size >= 500
    (said,) = sum((part.texts for part in parts), ())
    assert said == "emgnb simulated face, 3 channels of 10 bits over 5 V"
    assert [part.rate for each in parts for part in each.statuses][:2] == [500, 500]
    about = port.describe()
    assert len(about["montage"]) == 3
    assert about["units"] == "V"
    assert "smile" in about["truth"]["label"]
    port.close()


def test_the_same_seed_gives_the_same_bytes():
    streams = []
    for _ in range(2):
        port, decoder = open_port("sim://smile?seed=4"), Decoder()
        values = []
        while sum(map(len, values)) < 500:
            values.append(decoder.feed(port.read()).values.reshape(-1, 8))
        streams.append(np.concatenate(values)[:500])
    np.testing.assert_array_equal(*streams)
