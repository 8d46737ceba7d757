"""Live results are written as they are: gaps as gaps, unknown values as unknown, nothing twice."""

from __future__ import annotations

import csv
import json
import socket
import sys
from math import nan
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message_builder import OscMessageBuilder

from emgnb import facs
from emgnb.live import Output, Stream, _subscribers
from emgnb.live.outputs import Destination, _bundles, open_output, vmc
from emgnb.live.outputs.vmc import Puppet

STREAM = Stream("face", "intensities", ("L12", "L4", "1"), 100.0, 0.03, "P01")
CLASSES = Stream("face", "expression", ("smile", "frown"), 20.0, 0.2, "P01")


def result(number: int = 0, **values: float) -> Output:
    return Output(number, 10**9 * number, number / 100, 0.004, "intensities", values)


def gap(number: int = 0, note: str = "412 scans lost") -> Output:
    return Output(number, 10**9 * number, number / 100, 0.004, "gap", note=note)


def decision(label: str | None) -> Output:
    return Output(0, 0, 0.0, 0.0, "expression", {"smile": 0.7, "frown": 0.3}, label)


def read(packet: bytes) -> list[tuple[str, list[Any]]]:
    return [(each.address, list(each.params)) for each in OscBundle(packet)]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("udp://127.0.0.1:9000", "not a destination"),
        ("osc", "not a destination"),
        ("osc://127.0.0.1", "host and port"),
        ("osc://127.0.0.1:90000", "range"),
        ("vmc://127.0.0.1:39539/face", "host and port"),
        ("ws://127.0.0.1:0?key=1", "no option 'key'"),
        ("lsl://face?scope=town", "scope=network"),
        ("file://face.txt", "jsonl or .csv"),
    ],
)
def test_a_url_that_is_no_destination_is_an_error_with_an_example(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        open_output(url, STREAM)


def test_an_unknown_host_is_an_error() -> None:
    with pytest.raises(OSError, match=r"emgnb\.invalid"):
        open_output("osc://emgnb.invalid:9000", STREAM)


@pytest.mark.parametrize("url", ["osc://:9000", "vmc://localhost:39539", "osc://[::1]:9000"])
def test_destinations_on_this_computer_cause_no_warning(
    url: str, recwarn: pytest.WarningsRecorder
) -> None:
    with open_output(url, STREAM) as out:
        assert "on this computer" in out.about
    assert not recwarn.list


@pytest.mark.parametrize("scheme", ["osc", "vmc"])
def test_a_host_elsewhere_causes_a_warning(scheme: str) -> None:
    with pytest.warns(UserWarning, match=r"192\.0\.2\.9:9000, outside this computer") as found:
        open_output(f"{scheme}://192.0.2.9:9000", STREAM).close()
    assert found[0].filename == __file__


def test_a_server_for_other_computers_causes_a_warning() -> None:
    with pytest.warns(UserWarning, match="other computers, not encrypted"):
        open_output("ws://0.0.0.0:0", STREAM).close()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    monkeypatch.delitem(sys.modules, "emgnb.live.outputs.lsl", raising=False)
    with pytest.raises(ImportError, match=r"lsl:// needs pylsl.*emgnb\[live\]"):
        open_output("lsl://face", STREAM)


def test_a_port_in_use_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="use another port"):
            open_output(f"ws://127.0.0.1:{taken.getsockname()[1]}", STREAM)


def test_no_receiver_is_no_error() -> None:
    with open_output("osc://127.0.0.1:9", STREAM) as out:
        for number in range(50):
            out.send(result(number, L12=0.5))


def test_a_receiver_that_fails_is_named_and_the_others_get_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Destination):
        url, about = "osc://broken:1", "nowhere"

        def send(self, output: Output) -> None:
            raise OSError("no route to host")

        def close(self) -> None:
            closed.append(self.url)

    def opened(url: str, stream: Stream) -> Destination:
        return Broken() if url == Broken.url else open_output(url, stream)

    closed: list[str] = []
    monkeypatch.setattr(_subscribers, "open_output", opened)
    subscribers = _subscribers.Subscribers(["osc://broken:1", f"file://{tmp_path}/face.jsonl"])
    subscribers.open(STREAM)
    for number in range(3):
        subscribers.send([result(number, L12=0.5)])
    subscribers.close()
    assert subscribers.problem == (
        "osc://broken:1 failed and gets no more outputs: no route to host"
    )
    assert closed == ["osc://broken:1"]
    lines = (tmp_path / "face.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines[1:]] == [0, 1, 2]


def test_json_lines_hold_the_description_and_every_result(tmp_path: Path) -> None:
    with open_output(f"file://{tmp_path}/face.jsonl", STREAM) as out:
        out.send(result(7, L12=0.5, L4=nan))
        out.send(gap(8))
    lines = [json.loads(line) for line in (tmp_path / "face.jsonl").read_text().splitlines()]
    assert lines[0]["names"] == ["L12", "L4", "1"]
    assert (lines[0]["rate_hz"], lines[0]["added_delay_s"]) == (100.0, 0.03)
    assert lines[1]["values"] == {"L12": 0.5}
    assert lines[2]["note"] == "412 scans lost"
    assert "values" not in lines[2]


@pytest.mark.parametrize("name", ["face.jsonl", "face.csv"])
def test_a_replayed_result_has_no_delay(tmp_path: Path, name: str) -> None:
    with open_output(f"file://{tmp_path}/{name}", STREAM) as out:
        out.send(Output(0, 0, 0.0, nan, "intensities", {"L12": 0.5}))
    assert "nan" not in (tmp_path / name).read_text().lower()


def test_a_table_has_empty_cells_for_what_is_unknown(tmp_path: Path) -> None:
    with open_output(f"file://{tmp_path}/face.csv", STREAM) as out:
        out.send(result(7, L12=0.5, L4=nan))
        out.send(gap(8, "unplugged, 3 s"))
    with (tmp_path / "face.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["L12"], rows[0]["L4"], rows[0]["1"]) == ("0.5", "", "")
    assert (rows[1]["kind"], rows[1]["note"], rows[1]["L12"]) == ("gap", "unplugged, 3 s", "")
    assert json.loads((tmp_path / "face.json").read_text())["source"] == "P01"


@pytest.mark.parametrize(
    ("name", "exists"), [("f.jsonl",) * 2, ("f.csv",) * 2, ("f.csv", "f.json")]
)
def test_a_file_that_exists_is_never_overwritten(tmp_path: Path, name: str, exists: str) -> None:
    (tmp_path / exists).write_text("mine")
    with pytest.raises(FileExistsError, match="not overwritten"):
        open_output(f"file://{tmp_path}/{name}", STREAM)
    assert (tmp_path / exists).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_messages_equal_those_of_python_osc() -> None:
    ours = _bundles.message("/emgnb/x", "hdfis", 2**40, 0.1, 0.5, -3, "L12 é")
    theirs = OscMessageBuilder("/emgnb/x")
    for value, kind in ((2**40, "h"), (0.1, "d"), (0.5, "f"), (-3, "i"), ("L12 é", "s")):
        theirs.add_arg(value, kind)
    assert ours == theirs.build().dgram


def test_large_bundles_are_divided_in_order() -> None:
    messages = [_bundles.message("/value", "sf", "x" * 40, float(k)) for k in range(100)]
    packets = _bundles.packets(messages)
    assert len(packets) > 1
    assert max(map(len, packets)) <= _bundles.LARGEST_PACKET
    assert [params[1] for packet in packets for _, params in read(packet)] == list(range(100))
    assert _bundles.packets([]) == []


def weights_of(messages: list[bytes]) -> dict[str, float]:
    found = [entry for packet in _bundles.packets(messages) for entry in read(packet)]
    assert found[0][0] == "/VMC/Ext/OK"
    assert [address for address, _ in found if address.endswith("Apply")]
    return {params[0]: params[1] for address, params in found if address.endswith("Val")}


def tracking(messages: list[bytes]) -> int:
    return int(read(_bundles.packets(messages)[0])[0][1][3])


def test_an_avatar_gets_the_shapes_of_its_action_units() -> None:
    messages = Puppet(STREAM).take(result(0, L12=0.5, L4=0.25), 5.0)
    shapes = weights_of(messages)
    assert shapes == {"MouthSmileLeft": 0.5, "BrowDownLeft": 0.25, "BrowInnerUp": 0.0}
    assert tracking(messages) == 1


def test_in_a_gap_the_face_fades_and_tracking_is_lost() -> None:
    puppet = Puppet(STREAM)
    puppet.take(result(0, L12=0.9), 5.0)
    messages = puppet.take(gap(1), 5.0)
    assert tracking(messages) == 0
    assert b"412 scans lost" in b"".join(messages)
    seen = [
        weights_of(puppet.tick(5.0 + step * vmc.FADE / 4)[0])["MouthSmileLeft"]
        for step in (1, 2, 4)
    ]
    assert seen == pytest.approx([0.65, 0.4, 0.0])
    assert tracking(puppet.tick(9.0)[0]) == 0


def test_a_shape_that_is_no_longer_told_fades_while_others_move() -> None:
    puppet = Puppet(STREAM)
    puppet.take(result(0, L12=0.9, L4=0.6), 5.0)
    puppet.take(result(1, L12=0.85, L4=nan), 5.01)
    shapes = weights_of(puppet.take(result(2, L12=0.8, L4=nan), 5.01 + vmc.FADE / 2))
    assert shapes["MouthSmileLeft"] == pytest.approx(0.8)
    assert shapes["BrowDownLeft"] == pytest.approx(0.1)


def test_a_decoder_that_falls_silent_does_not_leave_a_frozen_face() -> None:
    puppet = Puppet(STREAM)
    puppet.take(result(0, L12=0.9), 5.0)
    assert puppet.tick(5.0 + 0.9 * vmc.PATIENCE)[0] == []
    puppet.tick(5.0 + 1.1 * vmc.PATIENCE)
    assert tracking(puppet.tick(5.5 + vmc.PATIENCE)[0]) == 0
    assert puppet.weights["mouthSmileLeft"] == 0


def test_a_decided_expression_is_posed_as_instructed_and_an_abstention_fades() -> None:
    puppet = Puppet(CLASSES)
    assert weights_of(puppet.take(decision("smile"), 5.0)) == pytest.approx(
        {
            "CheekSquintLeft": 0.4,
            "CheekSquintRight": 0.4,
            "MouthSmileLeft": 0.6,
            "MouthSmileRight": 0.6,
            "BrowDownLeft": 0.0,
            "BrowDownRight": 0.0,
        }
    )
    assert set(facs.EXPRESSIONS["smile"].aus) == {"6", "12"}
    puppet.take(decision(None), 6.0)
    assert weights_of(puppet.take(decision(None), 6.0 + vmc.FADE))["MouthSmileLeft"] == 0


def test_a_stream_that_moves_no_face_is_an_error() -> None:
    channels = Stream("face", "intensities", ("ch1", "31"), 100.0, 0.0)
    with pytest.raises(ValueError, match="none of ch1, 31 is an action unit"):
        open_output("vmc://127.0.0.1:39539", channels)
