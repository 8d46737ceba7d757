"""Real clients of each protocol receive what is sent; one that does not read harms nobody."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from math import isnan
from typing import Any

import pytest
import waiting
import websocket
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from emgnb.acquire.clock import host_ns
from emgnb.live import Output, Stream
from emgnb.live.outputs import open_output
from emgnb.live.outputs import websocket as server
from emgnb.live.outputs.websocket import WAITING

STREAM = Stream("face", "intensities", ("L12", "L4"), 100.0, 0.03, "P01")
CLASSES = Stream("faces", "expression", ("smile", "brow raise"), 20.0, 0.2, "P01")


def result(number: int, value: float = 0.5) -> Output:
    return Output(number, host_ns(), number / 100, 0.004, "intensities", {"L12": value})


def gap(number: int) -> Output:
    return Output(number, host_ns(), number / 100, 0.0, "gap", note="412 scans lost")


def large(number: int) -> Output:
    """Return a result that soon fills the buffers of the operating system."""
    return Output(number, host_ns(), number / 100, 0.0, "gap", note="x" * 20000)


@contextlib.contextmanager
def osc_server() -> Iterator[tuple[int, list[tuple[str, tuple[Any, ...]]]]]:
    """Give the port of a python-osc server, and what it receives."""
    heard: list[tuple[str, tuple[Any, ...]]] = []
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *found: heard.append((address, found)))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1], heard
        finally:
            server.shutdown()
            thread.join()


def test_an_osc_server_receives_description_values_and_gaps() -> None:
    with osc_server() as (port, heard), open_output(f"osc://127.0.0.1:{port}", STREAM) as out:
        waiting.until(lambda: heard)
        out.send(result(3))
        out.send(gap(4))
        waiting.until(lambda: heard[-1][0] == "/emgnb/gap")
    address, described = heard[0]
    assert address == "/emgnb/stream"
    assert described[:3] == ("face", "intensities", 100.0)
    assert described[4:] == ("P01", "L12", "L4")
    assert heard[1][1][:2] == (3, 0.03)
    assert heard[2:] == [("/emgnb/value/L12", (0.5,)), ("/emgnb/gap", (4, 0.04, "412 scans lost"))]


def test_an_osc_server_receives_decisions_and_class_names_without_spaces() -> None:
    values = {"smile": 0.25, "brow raise": 0.75}
    with osc_server() as (port, heard), open_output(f"osc://127.0.0.1:{port}", CLASSES) as out:
        out.send(Output(0, 0, 0.0, 0.0, "expression", values, "brow raise"))
        out.send(Output(1, 0, 0.1, 0.0, "expression", values))
        waiting.until(lambda: sum(address == "/emgnb/label" for address, _ in heard) == 2)
        waiting.until(
            lambda: sum(address == "/emgnb/value/brow_raise" for address, _ in heard) == 2
        )
    assert [found for address, found in heard if address == "/emgnb/label"] == [
        ("brow raise",),
        ("",),
    ]


def test_a_vmc_listener_sees_a_smile_a_gap_and_a_face_at_rest() -> None:
    with osc_server() as (port, heard):

        def smiles() -> list[float]:
            values = [found for address, found in heard if address == "/VMC/Ext/Blend/Val"]
            return [weight for shape, weight in values if shape == "MouthSmileLeft"]

        def states() -> list[tuple[Any, ...]]:
            return [found for address, found in heard if address == "/VMC/Ext/OK"]

        with open_output(f"vmc://127.0.0.1:{port}", STREAM) as out:
            out.send(result(0, 0.75))
            waiting.until(lambda: smiles()[-1:] == [0.75])
            assert states()[-1] == (1, 3, 0, 1)
            out.send(gap(1))
            waiting.until(lambda: smiles()[-1] == 0)
            assert states()[-1] == (1, 3, 0, 0)
        waiting.until(lambda: heard[-1] == ("/VMC/Ext/Blend/Apply", ()))
    assert any(address == "/emgnb/gap" for address, _ in heard)


def test_an_lsl_inlet_receives_samples_gaps_and_metadata() -> None:
    with open_output("lsl://emgnb-faces", CLASSES) as out:
        import pylsl  # after liblsl has been configured

        found = pylsl.resolve_byprop("name", "emgnb-faces", timeout=30)
        inlet = pylsl.StreamInlet(found[0])
        info = inlet.info(timeout=30)
        inlet.open_stream(timeout=30)
        sampled = host_ns()
        out.send(Output(0, sampled, 0.0, 0.0, "expression", {"smile": 0.75}, "smile"))
        sample, stamp = inlet.pull_sample(timeout=30)
        out.send(Output(1, sampled, 0.1, 0.0, "expression", {"smile": 0.5, "brow raise": 0.5}))
        undecided, _ = inlet.pull_sample(timeout=30)
        out.send(gap(2))
        lost, _ = inlet.pull_sample(timeout=30)
        inlet.close_stream()
    assert (sample[0], isnan(sample[1]), sample[2]) == (0.75, True, 0)
    assert abs(pylsl.local_clock() - (host_ns() - sampled) / 1e9 - stamp) < 0.1
    assert undecided == [0.5, 0.5, -1]
    assert all(map(isnan, lost))
    assert info.get_channel_labels() == ["smile", "brow raise", "decision"]
    assert info.get_channel_units()[0] == "probability 0-1"
    assert info.nominal_srate() == 20
    decoder = info.desc().child("decoder")
    assert decoder.child_value("added_delay_s") == "0.2"
    assert decoder.child_value("source") == "P01"


def connected(url: str) -> websocket.WebSocket:
    return websocket.create_connection(url, timeout=30, skip_utf8_validation=True)


def messages(client: websocket.WebSocket) -> Iterator[dict[str, Any]]:
    """Give messages until the server ends."""
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):
        while content := client.recv():
            yield json.loads(content)


def test_a_websocket_client_receives_description_values_and_gaps() -> None:
    with open_output("ws://127.0.0.1:0", STREAM) as out:
        client = connected(out.url)
        described = json.loads(client.recv())
        out.send(result(3))
        out.send(gap(4))
    received = list(messages(client))
    assert (described["type"], described["names"]) == ("stream", ["L12", "L4"])
    assert [each["type"] for each in received if each["type"] != "stream"] == ["intensities", "gap"]
    assert received[0]["values"] == {"L12": 0.5}


@pytest.mark.parametrize("query", ["", "?token=", "?token=guess", "?token=%C3%A9"])
def test_nobody_is_served_without_the_token(query: str) -> None:
    with open_output("ws://127.0.0.1:0?token=secret", STREAM) as out:
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            connected(out.url.partition("?")[0] + query)
        connected(out.url).close()


def test_a_client_that_does_not_read_delays_nobody_and_is_told_what_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "DESCRIBED_EVERY", 3600.0)
    many = WAITING + 100
    read: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []

    def all_of(client: websocket.WebSocket, received: list[dict[str, Any]]) -> None:
        for each in messages(client):
            received.append(each)
            if each.get("number") == many - 1:
                return

    with open_output("ws://127.0.0.1:0", STREAM) as out:
        idle, reader = connected(out.url), connected(out.url)
        late.append(json.loads(idle.recv()))  # the description: the server knows this client
        thread = threading.Thread(target=all_of, args=(reader, read))
        thread.start()
        waiting.until(lambda: read)
        for number in range(many):
            out.send(large(number))
            waiting.until(lambda sent=number: len(read) >= sent - WAITING // 4, every=0.001)
        thread.join()
        assert out.dropped > 0
        all_of(idle, late)
    assert [each["number"] for each in read if "number" in each] == list(range(many))
    numbers = [each["number"] for each in late if "number" in each]
    missed = sum(each["messages"] for each in late if each["type"] == "dropped")
    assert numbers == sorted(set(numbers))
    assert missed > 0
    assert len(numbers) + missed == many


def test_a_client_that_never_reads_does_not_hold_up_the_end() -> None:
    with open_output("ws://127.0.0.1:0", STREAM) as out:
        idle = connected(out.url)
        while not out.dropped:
            out.send(large(0))
    with pytest.raises(ConnectionRefusedError):
        connected(out.url)
    idle.close()


def test_closing_ends_the_server_and_its_clients() -> None:
    out = open_output("ws://127.0.0.1:0", STREAM)
    client = connected(out.url)
    before = threading.active_count()
    out.close()
    out.close()
    assert [each["type"] for each in messages(client)] == ["stream"]
    assert threading.active_count() < before
    with pytest.raises(ConnectionRefusedError):
        connected(out.url)
