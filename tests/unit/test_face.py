"""The face: what it sends to the page for values, sessions and live outputs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from panels import says, sent_by
from waiting import until

from emgnb import dynamics, facs, live, recording, simulate
from emgnb.acquire.clock import host_ns
from emgnb.facs import blendshapes
from emgnb.live import Output
from emgnb.widgets import Face
from emgnb.widgets.face import _feed
from emgnb.widgets.face import widget as face_widget
from emgnb.widgets.face._film import film_of
from emgnb.widgets.face._units import Muscles, checked, table
from emgnb.widgets.shared.turns import Turns


@pytest.fixture
def face() -> Iterator[Face]:
    made = Face()
    yield made
    made.close()


@pytest.fixture(scope="module")
def session() -> Any:
    return simulate.face(seed=3, duration=20.0)


def output(number: int, kind: str = "intensities", **changes: Any) -> Output:
    given = {"values": {"L12": 0.5}} if kind == "intensities" else {}
    return Output(number, host_ns(), number / 20, 0.01, kind, **{**given, **changes})  # type: ignore[arg-type]


def head() -> tuple[dict[str, Any], bytes]:
    raw = face_widget.HEAD.read_bytes()
    length = int.from_bytes(raw[:4], "little")
    return json.loads(raw[4 : 4 + length]), raw[4 + length :]


def test_the_head_has_the_shapes_of_the_table_and_its_licence_beside_it() -> None:
    header, _ = head()
    assert sorted(header["shapes"]) == sorted(blendshapes.ARKIT)
    assert face_widget.HEAD.stat().st_size < 1_000_000
    assert "CC0" in (face_widget.HEAD.parent / "README.md").read_text("utf-8")


def test_the_head_is_symmetric_and_in_mm() -> None:
    header, body = head()
    _, offset, size = header["arrays"]["position"]
    place = np.frombuffer(body, "<i2", size, offset).reshape(-1, 3) * header["step"]
    assert np.abs(place[:, 0]).max() < 120
    assert abs(place[:, 0].mean()) < 0.5
    assert 80 < place[:, 1].max() < 160  # the top of the head above the bridge of the nose


def test_every_unit_has_a_row_and_moves_its_own_side() -> None:
    rows = {row["number"]: row for row in table()}
    assert list(rows) == list(facs.AUS)
    assert rows["12"]["moves"]["L"] == {"mouthSmileLeft": 1.0}
    assert rows["31"]["moves"][""] == {}  # a clench has no shape


def test_values_are_named_as_in_facs(face: Face) -> None:
    face.show({"AU12": 0.8, "L4": 0.3, "5": np.float32(0.5), "R9": float("nan")})
    assert face.values == {"12": 0.8, "L4": 0.3, "5": 0.5}
    assert face.code == "face.show({'12': 0.8, 'L4': 0.3, '5': 0.5})"
    with pytest.raises(ValueError, match=r"'AU99' is not one of the units.*'T12': the side is L"):
        checked({"AU99": 0.5, "T12": 0.5})
    with pytest.raises(ValueError, match=r"the intensity 1.5 is not from 0 to 1"):
        face.show({"12": 1.5})
    assert face.values == {"12": 0.8, "L4": 0.3, "5": 0.5}


def test_the_page_gets_the_head_when_it_asks(face: Face) -> None:
    sent = sent_by(face._stage)
    says(face._stage, "hello")
    assert [content for content, _ in sent] == [{"kind": "head"}]
    assert sent[0][1] == [face_widget.HEAD.read_bytes()]


def test_a_page_is_told_when_it_has_been_sent_all(face: Face) -> None:
    sent = sent_by(face._stage)
    face.follow([output(7)])
    until(lambda: any(content["kind"] == "ended" for content, _ in sent))
    sent.clear()
    says(face._stage, "hello", page="one")
    assert [content["kind"] for content, _ in sent] == ["head", "now", "ended", "greeted"]
    assert sent[-1][0] == {"kind": "greeted", "page": "one"}


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="exaggeration=5"):
        Face(exaggeration=5)
    with pytest.raises(ValueError, match="mirror='up'"):
        Face(mirror="up")
    with pytest.raises(TypeError, match="expected a live decoder, a function"):
        Face(5)


# ---- muscles


def test_a_muscle_is_lit_by_the_units_it_moves() -> None:
    muscles = Muscles(["12", "L4", "17", "5"])
    names = [(site.muscle, site.side) for site in muscles.sites]
    assert names == [
        ("zygomaticus_major", "left"),
        ("zygomaticus_major", "right"),
        ("corrugator", "left"),
        ("mentalis", "midline"),
    ]
    activity = muscles.activity(np.array([[0.5, 0.2, np.nan, 1.0]]))
    assert np.allclose(activity[0, :3], [0.5, 0.5, 0.2], atol=0.01)
    assert np.isnan(activity[0, 3])
    assert Muscles(["5", "26"]).activity(np.array([1.0, 1.0])).shape == (0,)


def test_crosstalk_is_removed_and_true_activity_is_found_again() -> None:
    sites = list(facs.WIDE_MONTAGE)
    rng = np.random.default_rng(5)
    true = rng.uniform(0, 1, (20, len(sites))) * (rng.random((20, len(sites))) < 0.4)
    mixing = dynamics.crosstalk.mixing_of(sites)
    measured = np.sqrt(np.square(true) @ mixing.T)
    signal = recording.signal(
        measured,
        rate=50.0,
        units="%MVC",
        channel=[site.channel for site in sites],
        muscle=[site.muscle for site in sites],
        side=[site.side for site in sites],
        signal_kind="envelope",
    )
    found = dynamics.without_crosstalk(signal)
    assert found.dims == signal.dims
    assert np.abs(found.values - true).max() < 1e-3 < np.abs(measured - true).max()
    with pytest.raises(ValueError, match="with muscle and side"):
        dynamics.without_crosstalk(signal.drop_vars("muscle"))


# ---- sessions


def test_a_session_becomes_what_a_decoder_would_have_given(session: Any) -> None:
    levels = live.proportional(session)
    lost = recording.emg(session).copy(deep=True)
    lost.values[5000:5412] = np.nan
    lost["valid"].values[5000:5412] = False
    film = film_of(lost, levels)
    assert film.codes == list(levels.names)
    assert film.intensity.shape == (len(film.intensity), len(film.codes))
    known = film.intensity[np.isfinite(film.intensity)]
    assert known.min() >= 0
    assert known.max() <= 1
    ((begin, end, words),) = film.gaps
    assert words == "412 scans lost"
    inside = round(((begin + end) / 2 - film.start) * film.rate)
    assert np.isnan(film.intensity[inside]).all()


def test_levels_of_other_channels_are_refused(session: Any) -> None:
    levels = live.proportional(session)
    other = recording.emg(session).isel(channel=slice(0, 3))
    with pytest.raises(ValueError, match="the levels are of the channels"):
        film_of(other, levels)


def test_a_session_is_sent_to_each_page_that_opens(session: Any) -> None:
    face = Face(session)
    sent = sent_by(face._stage)
    says(face._stage, "hello")
    kinds = [content["kind"] for content, _ in sent]
    assert kinds == ["head", "film"]
    about, (intensity, activity) = sent[1]
    count = len(np.frombuffer(intensity, "<f4")) // len(about["codes"])
    assert len(np.frombuffer(activity, "<f4")) == count * len(about["places"])
    assert "live.proportional" in face.code
    face.close()


def test_a_session_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Face(tmp_path / "nothing.zarr")


# ---- live


def news(sent: Any) -> list[dict[str, Any]]:
    return [content for content, _ in sent if content["kind"] == "now"]


@pytest.mark.parametrize("way", ["outputs", "function", "decoder"])
def test_the_newest_output_is_sent_with_its_age(face: Face, way: str) -> None:
    sent = sent_by(face._stage)
    newest = output(7)

    class Decoder:
        latest = newest

    sources: dict[str, Callable[[], Any]] = {
        "outputs": lambda: [newest],
        "function": lambda: lambda: newest,
        "decoder": Decoder,
    }
    face.follow(sources[way]())
    until(lambda: news(sent))
    (shown,) = news(sent)
    assert shown["values"] == {"L12": 0.5}
    assert shown["activity"] == [["zygomaticus_major", "left", 0.5]]
    assert shown["number"] == 7
    assert shown["gap"] == ""


def test_gaps_that_are_over_are_still_told(face: Face) -> None:
    sent = sent_by(face._stage)
    face.follow([output(0), output(1, "gap", note="412 scans lost"), output(2)])
    until(lambda: any(content["kind"] == "ended" for content, _ in sent))
    assert [0.05, "412 scans lost"] in [gap for shown in news(sent) for gap in shown["gaps"]]
    assert news(sent)[-1]["values"] == {"L12": 0.5}


def test_a_page_that_opens_later_gets_the_newest_output_with_its_age(face: Face) -> None:
    sent = sent_by(face._stage)
    face.follow([output(7)])
    until(lambda: any(content["kind"] == "ended" for content, _ in sent))
    sent.clear()
    says(face._stage, "hello")
    assert [content["kind"] for content, _ in sent] == ["head", "now", "ended"]
    (again,) = news(sent)
    assert again["number"] == 7
    assert again["age"] >= 0
    face.show({"12": 0.5})
    sent.clear()
    says(face._stage, "hello")
    assert [content["kind"] for content, _ in sent] == ["head"]


def test_a_decoder_that_was_killed_is_named(face: Face) -> None:
    """Its last number stays: a decoder that is gone gives a gap in place of its last output."""
    sent = sent_by(face._stage)
    latest = output(3)
    face.follow(lambda: latest)
    until(lambda: news(sent))
    latest = output(3, "gap", note="the decoder was killed")
    until(lambda: len(news(sent)) == 2)
    assert news(sent)[1]["gap"] == "the decoder was killed"
    assert news(sent)[1]["values"] == {}


def test_a_gap_has_no_values(face: Face) -> None:
    sent = sent_by(face._stage)
    face.follow([output(3, "gap", note="board disconnected")])
    until(lambda: news(sent))
    assert news(sent)[0]["values"] == {}
    assert news(sent)[0]["gap"] == "board disconnected"


def test_a_class_is_drawn_as_its_expression_and_abstaining_as_nothing(face: Face) -> None:
    sent = sent_by(face._stage)
    face.follow([output(4, "expression", values={"smile": 0.9}, label="smile")])
    until(lambda: news(sent))
    assert news(sent)[0]["values"] == {"6": 0.4, "12": 0.6}
    face.follow([output(5, "expression", values={"smile": 0.5})])
    until(lambda: len(news(sent)) == 2)
    assert news(sent)[1]["values"] == {}
    assert news(sent)[1]["label"] == "no decision"


def test_an_error_of_the_source_is_shown_in_the_message_area(face: Face) -> None:
    def broken() -> Iterator[Output]:
        yield output(1)
        raise OSError("the decoder has stopped: no space left")

    face.follow(broken())
    until(lambda: face.error is not None)
    assert face.message == "the decoder has stopped: no space left"


def test_threads_take_short_turns_while_outputs_come(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell in pure Python would else delay each of the thread switches of an output by 5 ms."""
    turns = Turns(1e-4)
    monkeypatch.setattr(_feed, "SHORT_TURNS", turns)
    monkeypatch.setattr(_feed, "QUIET", 0.05)
    usual = sys.getswitchinterval()
    more = threading.Event()

    def source() -> Iterator[Output]:
        for number in range(10**6):
            yield output(number)
            if more.wait(0.01):
                break
        silence.wait()

    silence = threading.Event()
    face.follow(source())
    until(lambda: sys.getswitchinterval() == pytest.approx(1e-4))
    more.set()
    until(lambda: sys.getswitchinterval() == pytest.approx(usual))
    silence.set()


def test_a_closed_face_follows_nothing() -> None:
    asked = []
    face = Face(lambda: asked.append(1))
    until(lambda: len(asked) > 2)
    face.close()
    until(lambda: not any(thread.is_alive() for thread in face_threads))


face_threads: list[Any] = []


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    face_threads.clear()
    started = face_widget.Feed.__init__

    def init(feed: Any, *arguments: Any) -> None:
        started(feed, *arguments)
        face_threads.extend(feed._threads)

    monkeypatch.setattr(face_widget.Feed, "__init__", init)
