import ast
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

import panels
from waiting import until

from emgnb import detect, filters, labels, recording
from emgnb.widgets import Labeller
from emgnb.widgets.labeller._tiles import BINS, FACTOR, Pyramid, Source

RATE = 1000.0


def noise(seconds: float = 5.0, *, channels: int = 2, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(round(seconds * RATE), channels)).astype(np.float32)


@pytest.fixture
def session() -> xr.DataTree:
    """Five seconds of noise, the first channel ten times stronger from 2 to 2.3 s."""
    values = noise()
    values[2000:2300, 0] *= 10
    x = recording.signal(
        values,
        rate=RATE,
        units="uV",
        channel=["zygo", "corr"],
        muscle=["zygomaticus_major", "corrugator"],
        side=["left", "right"],
    )
    marks = recording.markers([1.0, 3.0], ["smile", "rest"])
    return recording.make(x, markers=marks, participant="P01")


@pytest.fixture
def stored(session: xr.DataTree, tmp_path: Path) -> Path:
    return recording.save(session, tmp_path / "s.zarr")


def sent_by(labeller: Labeller) -> panels.Sent:
    """Collect what a labeller sends to its page."""
    return panels.sent_by(labeller.front)


def says(labeller: Labeller, kind: str, **content: Any) -> None:
    """Let the page say something."""
    panels.says(labeller.front, kind, **content)


def rows(labeller: Labeller) -> dict[str, dict[str, Any]]:
    """Key and content of each row, as a page has them that is loaded now."""
    send = labeller.front.send
    sent = sent_by(labeller)
    says(labeller, "hello")
    labeller.front.send = send
    return dict(sent[0][0]["rows"])


def on_disk(path: Path, coder: str = "AB") -> xr.Dataset:
    return recording.open(path)[f"labels/{coder}"].to_dataset()


# ---- what the browser draws


def tile(pyramid: Pyramid, level: int, index: int = 0) -> np.ndarray[Any, Any]:
    (only,) = pyramid.tiles(level, [index])
    return only.values


def test_at_every_zoom_the_only_high_sample_is_there() -> None:
    values = np.zeros((300_000, 2), dtype=np.float32)
    values[123_456, 1] = 7.0
    pyramid = Source(recording.signal(values, rate=RATE, units="uV")).pyramid()
    assert list(pyramid.build(lambda: False))[-1] == 300_000
    assert pyramid.levels == 5
    for level in range(pyramid.levels):
        size = FACTOR**level
        shown = tile(pyramid, level, 123_456 // size // BINS)
        at = 123_456 // size % BINS
        assert shown[1, at, -1] == 7
        assert shown[1].sum() == 7
        assert not shown[0].any()


def test_coarse_bins_are_the_extremes_of_the_samples_in_them() -> None:
    values = noise(130.0, channels=3)
    pyramid = Source(recording.signal(values, rate=RATE, units="uV")).pyramid()
    list(pyramid.build(lambda: False))
    for level in range(1, pyramid.levels):
        size = FACTOR**level
        n = len(values) // size
        bins = values[: n * size].reshape(n, size, 3)
        got = np.concatenate(
            [tile(pyramid, level, i) for i in range(-(-pyramid.bins(level) // BINS))], axis=1
        )
        np.testing.assert_array_equal(got[:, :n, 0], bins.min(axis=1).T)
        np.testing.assert_array_equal(got[:, :n, 1], bins.max(axis=1).T)
        assert got.shape[1] == -(-len(values) // size)


def test_a_lost_stretch_is_a_gap_and_one_known_sample_of_a_bin_is_shown() -> None:
    values = np.ones((200_000, 1), dtype=np.float32)
    values[64_000:128_000] = np.nan
    values[100_000] = 5.0
    pyramid = Source(recording.signal(values, rate=RATE, units="uV")).pyramid()
    list(pyramid.build(lambda: False))
    shown = tile(pyramid, 3, 1)[0, :, 1]  # bins of 64 samples, from sample 65 536
    assert np.isnan(shown[:500]).all()
    assert shown[100_000 // 64 - BINS] == 5
    assert shown[-30] == 1


def test_before_the_coarse_levels_are_built_a_tile_says_that_more_is_to_come() -> None:
    read: list[tuple[int, int]] = []

    def rows(i: int, j: int) -> np.ndarray[Any, Any]:
        read.append((i, j))
        return np.zeros((j - i, 1), dtype=np.float32)

    pyramid = Pyramid(rows, 20_000_000, 1, RATE)
    (top,) = pyramid.tiles(pyramid.levels - 1, [0])
    assert top.partial
    assert np.isnan(top.values).all()
    assert read == []  # not 20 million samples for one tile
    (fine,) = pyramid.tiles(3, [5])
    assert not fine.partial
    assert read == [(5 * BINS * 64, 6 * BINS * 64)]


def test_sixteen_bits_are_exact_to_a_thirty_thousandth_of_a_tile_range() -> None:
    values = noise(1.0) * 1e6
    values[10, 0] = np.nan
    (only,) = Source(recording.signal(values, rate=RATE, units="uV")).pyramid().tiles(0, [0])
    scale, counts = only.packed()
    offset, step = np.frombuffer(scale, "<f4").reshape(2, 2).T[:, :, None]
    got = np.frombuffer(counts, "<i2").reshape(2, -1)
    assert got[0, 10] == -32768
    back = np.where(got == -32768, np.nan, offset + got * step)
    np.testing.assert_allclose(back, values.T, atol=float(np.ptp(values[:, 1])) / 30_000)


def test_a_filtered_stretch_is_the_stretch_of_the_filtered_whole() -> None:
    x = recording.signal(noise(40.0) + 100, rate=RATE, units="uV")
    chain = filters.Chain(filters.HighPass(20), filters.Notch(50))
    whole = chain(x).values
    got = Source(x, chain).read(17_000, 18_024)
    np.testing.assert_allclose(got, whole[17_000:18_024], atol=1e-4)


def test_a_level_is_measured_on_the_whole_recording() -> None:
    x = recording.signal(
        np.abs(noise(20.0)) + np.arange(20_000)[:, None] / 1e4,
        rate=RATE,
        units="uV",
        signal_kind="envelope",
    )
    chain = filters.Chain(filters.LowPass(10), filters.Baseline())
    got = Source(x, chain).read(15_000, 16_000)
    np.testing.assert_allclose(got, chain(x).values[15_000:16_000], atol=1e-4)


def test_the_browser_gets_the_tiles_it_asks_for(session: xr.DataTree) -> None:
    labeller = Labeller(session, chain=filters.preset("raw", rate=RATE))
    sent = sent_by(labeller)
    says(labeller, "want", layer="envelope", tiles=[[0, 4], [0, 3]])
    ((content, buffers),) = sent
    assert [(one["level"], one["index"]) for one in content["tiles"]] == [(0, 3), (0, 4)]
    assert len(buffers) == 4
    assert len(buffers[1]) == 2 * 2 * BINS
    assert len(buffers[3]) == 2 * 2 * (5000 - 4 * BINS)


def test_an_irregular_recording_is_drawn_at_its_own_times() -> None:
    time = np.array([0.0, 0.05, 0.2, 0.21, 0.5])
    labeller = Labeller(recording.make(recording.signal(np.arange(5.0), time=time, units="uV")))
    sent = sent_by(labeller)
    says(labeller, "want", layer="raw", tiles=[[0, 0]])
    np.testing.assert_array_equal(np.frombuffer(sent[0][1][2], "<f8"), time)
    np.testing.assert_array_equal(np.frombuffer(labeller.front.edges, "<f8"), [0.0, 0.5])


def test_a_chain_that_does_not_suit_the_recording_is_said_in_words(session: xr.DataTree) -> None:
    labeller = Labeller(session, chain=filters.Chain(filters.BandPass(20, 900)))
    sent = sent_by(labeller)
    says(labeller, "want", layer="filtered", tiles=[[0, 0]])
    assert sent == [({"kind": "failed", "layer": "filtered"}, [])]
    assert "900" in labeller.message
    says(labeller, "want", layer="raw", tiles=[[0, 0]])
    assert sent[-1][0]["kind"] == "tiles"


# ---- events


def test_an_event_added_is_in_the_table_in_order_of_onset(session: xr.DataTree) -> None:
    labeller = Labeller(session, coder="AB")
    labeller.add(3.0, 3.2, au="4", intensity="B", channel="corr")
    labeller.add(1.0, 1.5, au="12", side="L", intensity="C", label="smile", apex=1.2)
    table = labeller.table
    assert table["onset"].values.tolist() == [1.0, 3.0]
    assert table["apex"].values[0] == 1.2
    assert np.isnan(table["apex"].values[1])
    assert table["au"].values.tolist() == ["12", "4"]
    assert table["side"].values.tolist() == ["L", ""]
    assert table["channel"].values.tolist() == ["", "corr"]
    assert table.attrs["coder"] == "AB"


def test_events_on_all_channels_have_no_column_for_them(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5)
    assert "channel" not in labeller.table


def test_the_given_session_stays_as_it_was(session: xr.DataTree) -> None:
    labeller = Labeller(session, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.session["labels/AB/au"].values.tolist() == ["12"]
    assert "labels" not in session.children
    recording.check(labeller.session)


def test_events_are_changed_and_removed_by_their_row(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(3.0, 3.5, au="4")
    labeller.add(1.0, 1.5, au="12")
    labeller.edit(0, offset=1.8, apex=1.4, intensity="D")
    assert labeller.table["offset"].values.tolist() == [1.8, 3.5]
    labeller.remove(1)
    assert labeller.table["au"].values.tolist() == ["12"]
    with pytest.raises(IndexError, match="there are 1"):
        labeller.remove(1)
    with pytest.raises(ValueError, match="no column length: it has onset"):
        labeller.edit(0, length=2)


def test_undo_and_redo_walk_through_the_changes(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5, au="12")
    labeller.add(2.0, 2.5, au="4")
    labeller.undo()
    assert labeller.table["au"].values.tolist() == ["12"]
    labeller.undo()
    labeller.undo()  # nothing left to take back
    assert labeller.table.sizes["event"] == 0
    labeller.redo()
    labeller.redo()
    labeller.redo()
    assert labeller.table["au"].values.tolist() == ["12", "4"]
    labeller.undo()
    labeller.add(3.0, 3.5, au="1")
    labeller.redo()  # a new change ends what could be done again
    assert labeller.table["au"].values.tolist() == ["12", "1"]


def test_a_held_key_is_undone_at_once(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5)
    ((key, row),) = rows(labeller).items()
    for k in range(1, 6):
        moved = {**row, "offset": 1.5 + 0.01 * k}
        says(labeller, "edit", rows=[[key, moved]], merge=k > 1, view="v", number=k)
    assert labeller.table["offset"].values.tolist() == [1.55]
    labeller.undo()
    assert labeller.table["offset"].values.tolist() == [1.5]
    labeller.redo()
    assert labeller.table["offset"].values.tolist() == [1.55]


@pytest.mark.parametrize(("onset", "offset"), [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (4.0, 5.5)])
def test_an_event_outside_the_recording_or_backwards_is_refused(
    session: xr.DataTree, onset: float, offset: float
) -> None:
    labeller = Labeller(session)
    with pytest.raises(ValueError, match=r"0\.000 to 4\.999 s"):
        labeller.add(onset, offset)
    assert labeller.table.sizes["event"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"side": "left"}, "side='left', expected one of L, R"),
        ({"intensity": "F"}, "expected one of A, B"),
        ({"channel": "nose"}, "expected one of zygo, corr"),
        ({"au": "AU12"}, "the number alone"),
        ({"apex": 1.9}, "the apex 1.9 s is not between"),
    ],
)
def test_a_word_that_is_none_is_refused(
    session: xr.DataTree, words: dict[str, Any], said: str
) -> None:
    labeller = Labeller(session)
    with pytest.raises(ValueError, match=said):
        labeller.add(1.0, 1.5, **words)


def test_what_the_browser_did_wrong_is_said_and_put_right(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5)
    ((key, row),) = rows(labeller).items()
    sent = sent_by(labeller)
    says(labeller, "edit", rows=[[key, {**row, "offset": 9.0}]], merge=False, view="v", number=1)
    assert "both within the recording" in labeller.message
    assert [content["kind"] for content, _ in sent] == ["state", "done"]
    assert dict(sent[0][0]["rows"])[key]["offset"] == 1.5


def test_the_choices_are_the_units_of_the_facs_table(session: xr.DataTree) -> None:
    choices = Labeller(session).front.choices
    assert ["12", "12 Lip Corner Puller"] in json.loads(json.dumps(choices["au"]))
    assert set(labels.SIDES) == {value for value, _ in choices["side"]}
    assert set(labels.INTENSITIES) == {value for value, _ in choices["intensity"]}


def test_the_line_of_code_does_the_same(session: xr.DataTree) -> None:
    labeller, other = Labeller(session), Labeller(session)
    lines = []
    for change in (
        lambda: labeller.add(1.0, 1.5, au="12", side="L"),
        lambda: labeller.add(0.5, 0.8, channel="corr"),
        lambda: labeller.edit(1, apex=1.25, intensity="E"),
        lambda: labeller.remove(0),
        labeller.undo,
    ):
        change()
        lines.append(labeller.code.splitlines()[1])
    for line in lines:
        eval(compile(ast.parse(line, mode="eval"), "line", "eval"), {"labeller": other})
    xr.testing.assert_identical(other.table, labeller.table)
    assert labeller.table.sizes["event"] == 2


# ---- on disk


def test_every_change_is_stored(stored: Path) -> None:
    labeller = Labeller(stored, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.wait()
    assert on_disk(stored)["au"].values.tolist() == ["12"]
    labeller.edit(0, au="6")
    labeller.add(2.0, 2.5)
    labeller.undo()
    assert labeller.wait()
    assert on_disk(stored)["au"].values.tolist() == ["6"]
    labeller.remove(0)
    labeller.close()
    assert on_disk(stored).sizes["event"] == 0
    assert not [one for one in threading.enumerate() if one.name == "emgnb labels"]


def test_once_saved_nothing_is_written_any_more(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []
    write = recording.add_labels

    def slow(path: Path, coder: str, table: xr.Dataset) -> None:
        began.append(time.monotonic())
        time.sleep(0.2)
        write(path, coder, table)

    monkeypatch.setattr(recording, "add_labels", slow)
    labeller = Labeller(stored, coder="AB")
    labeller.add(1.0, 1.5)
    until(lambda: began)
    labeller.add(2.0, 2.5)  # while the first is being written
    labeller.save()
    saved = time.monotonic()
    assert labeller.wait()
    assert max(began) < saved
    assert on_disk(stored).sizes["event"] == 2


def test_a_coder_goes_on_where_the_table_ends_and_sees_nobody_elses(stored: Path) -> None:
    labeller = Labeller(stored, coder="AB")
    labeller.add(1.0, 1.5, au="12", apex=1.2, channel="zygo")
    labeller.save()
    again = Labeller(stored, coder="AB")
    xr.testing.assert_identical(again.table, labeller.table)
    other = Labeller(stored, coder="CD")
    assert other.table.sizes["event"] == 0
    assert other.front.others == ["AB"]
    sent = sent_by(other)
    says(other, "hello")
    assert sent == [({"kind": "state", "rows": [], "steps": (0, 0)}, [])]
    says(other, "others", names=["AB"])  # asked for
    assert sent[-1][0]["tables"]["AB"][0]["au"] == "12"


def test_a_kernel_that_ends_stores_the_last_change_first(stored: Path) -> None:
    code = (
        "from emgnb.widgets import Labeller\n"
        f"labeller = Labeller({str(stored)!r}, coder='AB')\n"
        "labeller.add(1.0, 1.5, au='12')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert on_disk(stored)["au"].values.tolist() == ["12"]


def test_columns_and_attributes_of_another_program_are_kept(
    session: xr.DataTree, tmp_path: Path
) -> None:
    table = labels.events([1.0, 2.0], [1.5, 2.5], au=["12", "4"]).assign_attrs(tool="theirs")
    table["certainty"] = ("event", [0.9, 0.4])
    path = recording.save(labels.with_labels(session, "AB", table), tmp_path / "x.zarr")
    labeller = Labeller(path, coder="AB")
    labeller.remove(0)
    labeller.add(0.2, 0.4, au="1")
    labeller.save()
    kept = on_disk(path)
    assert kept.attrs["tool"] == "theirs"
    np.testing.assert_array_equal(kept["certainty"], [np.nan, 0.4])


def test_what_somebody_else_stored_meanwhile_is_not_overwritten(stored: Path) -> None:
    labeller = Labeller(stored, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.wait()
    recording.add_labels(stored, "AB", labels.events([2.0], [3.0], au="4"))
    labeller.add(2.0, 2.5, au="6")
    assert labeller.wait()
    assert "Nothing was overwritten" in labeller.message
    assert labeller.front.status["kind"] == "bad"
    assert on_disk(stored)["au"].values.tolist() == ["4"]
    assert labeller.table.sizes["event"] == 2


def test_a_table_of_another_recording_is_said_in_words_and_left_alone(
    stored: Path, tmp_path: Path
) -> None:
    longer = recording.make(recording.signal(noise(60.0), rate=RATE, units="uV"), participant="P")
    table = labels.events([50.0], [51.0], au="12")
    path = recording.save(labels.with_labels(longer, "AB", table), tmp_path / "long.zarr")
    (stored / "labels").mkdir()
    (path / "labels" / "AB").rename(stored / "labels" / "AB")
    (stored / "labels" / "zarr.json").write_bytes((path / "labels" / "zarr.json").read_bytes())
    labeller = Labeller(stored, coder="AB")
    assert "not belong to this recording" in labeller.message
    assert "50 to 51 s" in labeller.message
    with pytest.raises(ValueError, match="not changed"):
        labeller.add(1.0, 1.5)
    with pytest.raises(ValueError, match="not changed"):
        labeller.save()
    assert on_disk(stored)["onset"].values.tolist() == [50.0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, for who may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_on_a_full_or_locked_disk_nothing_is_lost(session: xr.DataTree, small_disk: Path) -> None:
    path = recording.save(session, small_disk / "s.zarr")
    labeller = Labeller(path, coder="AB")
    labeller.add(1.0, 1.5, au="12")
    assert labeller.wait()
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    labeller.add(2.0, 2.5, au="4")
    assert labeller.wait()
    assert "the disk is full" in labeller.message
    assert labeller.front.status["kind"] == "bad"
    assert on_disk(path)["au"].values.tolist() == ["12"]  # the table before is whole
    (small_disk / "ballast").unlink()
    labeller.save_button.click()
    assert labeller.error is None
    assert on_disk(path)["au"].values.tolist() == ["12", "4"]

    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    labeller.add(3.0, 3.5, au="6")
    assert labeller.wait()
    assert "read-only" in labeller.message
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    labeller.add(4.0, 4.5, au="9")
    assert labeller.wait()
    assert on_disk(path)["au"].values.tolist() == ["12", "4", "6", "9"]
    assert labeller.front.status["kind"] == "stored"


def test_a_file_that_exists_is_not_overwritten(session: xr.DataTree, stored: Path) -> None:
    labeller = Labeller(session)
    labeller.add(1.0, 1.5, au="12")
    with pytest.raises(FileExistsError):
        labeller.save(stored)
    assert "labels" not in recording.open(stored).children


def test_saving_without_a_path_says_how(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    assert labeller.front.status["kind"] == "memory"
    with pytest.raises(ValueError, match=r"labeller\.save\('labelled\.zarr'\)"):
        labeller.save()
    labeller.save_button.click()
    assert "labelled.zarr" in labeller.message


# ---- proposals


def bursts_of(session: xr.DataTree) -> xr.Dataset:
    return detect.bursts(recording.emg(session))


def proposed(labeller: Labeller) -> list[tuple[str, dict[str, Any]]]:
    waiting = [pair for pair in rows(labeller).items() if pair[1]["state"] == "proposed"]
    return sorted(waiting, key=lambda pair: (pair[1]["onset"], pair[1]["offset"]))


def decide(labeller: Labeller, state: str) -> None:
    key, row = proposed(labeller)[0]
    says(labeller, "edit", rows=[[key, {**row, "state": state}]], merge=False, view="v", number=1)


def test_the_bursts_of_the_detector_are_proposed_with_muscle_and_side(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    assert labeller.propose() == 1
    waiting = labeller.proposals
    assert float(waiting["onset"][0]) == pytest.approx(2.0, abs=0.02)
    assert float(waiting["offset"][0]) == pytest.approx(2.3, abs=0.02)
    assert [waiting[name].values[0] for name in ("au", "side", "channel")] == ["12", "L", "zygo"]
    assert labeller.table.sizes["event"] == 0


def test_an_accepted_proposal_is_an_event_and_a_refused_one_is_not_proposed_again(
    stored: Path,
) -> None:
    bursts = labels.events([1.0, 3.0], [1.2, 3.3], apex=[1.1, 3.1], channel=["zygo", "corr"])
    labeller = Labeller(stored, coder="AB")
    assert labeller.propose(bursts) == 2
    decide(labeller, "")
    decide(labeller, "refused")
    assert labeller.proposals.sizes["event"] == 0
    assert labeller.table["au"].values.tolist() == ["12"]
    assert labeller.table["apex"].values.tolist() == [1.1]
    assert labeller.propose(bursts) == 0
    labeller.save()
    assert Labeller(stored, coder="AB").propose(bursts) == 0
    assert Labeller(stored, coder="CD").propose(bursts) == 2
    labeller.undo()
    assert labeller.proposals["onset"].values.tolist() == [3.0]


MANY = labels.events(
    [1.0, 1.1, 3.0, 3.2],
    [1.4, 1.3, 3.5, 3.4],
    channel=["zygo", "corr", "zygo", "corr"],
).assign(snr=("event", [20.0, 5.0, 18.0, np.nan]))


def test_proposals_have_their_size_and_their_moment(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    sent = sent_by(labeller)
    labeller.propose(MANY)
    waiting = labeller.proposals
    np.testing.assert_array_equal(waiting["snr"], [20.0, 5.0, 18.0, np.nan])
    assert waiting["moment"].values.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(waiting["moment"], labels.moments(waiting))
    (told,) = [content["of"] for content, _ in sent if content["kind"] == "moments"]
    assert list(told.values()) == [0, 0, 1, 1]
    assert json.loads(json.dumps([content for content, _ in sent]))
    sent.clear()
    says(labeller, "hello")  # after a reload of the page
    assert [c["of"] for c, _ in sent if c["kind"] == "moments"] == [told]


def test_a_moment_is_accepted_and_the_rest_rejected_each_as_one_change(
    session: xr.DataTree,
) -> None:
    labeller, other = Labeller(session), Labeller(session)
    labeller.propose(MANY)
    other.propose(MANY)
    rows = np.flatnonzero(labeller.proposals["moment"] == 1)
    assert labeller.accept(rows) == 2
    assert labeller.code.splitlines()[1] == "labeller.accept([2, 3])"
    assert labeller.table["onset"].values.tolist() == [3.0, 3.2]
    assert labeller.table["au"].values.tolist() == ["12", "4"]
    assert labeller.reject() == 2
    assert labeller.code.splitlines()[1] == "labeller.reject()"
    assert labeller.proposals.sizes["event"] == 0
    labeller.undo()
    labeller.undo()
    assert labeller.proposals.sizes["event"] == 4
    assert labeller.table.sizes["event"] == 0
    with pytest.raises(IndexError, match="no proposal 4: there are 4"):
        labeller.accept([0, 4])
    assert labeller.table.sizes["event"] == 0

    # by the browser: as many rows in one message
    accepted = [[key, {**row, "state": ""}] for key, row in proposed(other)[:2]]
    sent = sent_by(other)
    says(other, "edit", rows=accepted, merge=False, view="v", number=1)
    assert other.code.splitlines()[1] == "labeller.accept([0, 1])"
    moments = [content["of"] for content, _ in sent if content["kind"] == "moments"]
    assert [list(of.values()) for of in moments] == [[0, 0]]
    other.undo()
    assert other.proposals.sizes["event"] == 4


def test_undo_says_what_it_did_and_ends_what_was_said_before(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    labeller.propose(MANY)
    assert "4 bursts found" in labeller.message
    sent = sent_by(labeller)
    says(labeller, "undo")
    assert labeller.message == ""
    patch = next(content for content, _ in sent if content["kind"] == "patch")
    assert patch["move"] == "undo"
    says(labeller, "undo")
    assert sent[-1][0] == {"kind": "still", "move": "undo"}
    says(
        labeller,
        "edit",
        rows=[["k", {"onset": 2.0, "offset": 1.0}]],
        merge=False,
        view="v",
        number=1,
    )
    assert labeller.error is not None
    labeller.add(1.0, 2.0)
    assert labeller.error is None
    assert labeller.message == ""


def test_through_the_chain_a_signal_with_drift_is_searched(session: xr.DataTree) -> None:
    x = recording.emg(session)
    drifting = recording.with_signal(session, x.copy(data=x.values + 500))
    says(plain := Labeller(drifting), "propose")
    until(lambda: plain.error is not None)
    assert "filters.preset('raw', rate=1000)" in plain.message
    chained = Labeller(drifting, chain=filters.preset("raw", rate=RATE))
    assert chained.propose() >= 1


def test_bursts_of_another_recording_are_refused(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    with pytest.raises(ValueError, match="lies outside the recording"):
        labeller.propose(labels.events([100.0], [101.0]))


# ---- what it cannot take


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s: Labeller(s["emg/signal"]), "expected a session.* found DataArray"),
        (lambda s: Labeller(s, coder=3), "expected a name"),
        (lambda s: Labeller(s, coder=""), "expected a name"),
        (lambda s: Labeller(s, coder="a/b"), "expected a name"),
        (lambda s: Labeller(s, chain="raw"), "expected a Chain"),
    ],
    ids=["signal", "number", "empty", "slash", "chain"],
)
def test_what_the_labeller_cannot_take_is_said_in_words(session, make, words) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        make(session)


def test_a_question_that_fails_is_answered_in_words(session: xr.DataTree) -> None:
    labeller = Labeller(session)
    says(labeller, "want", layer="raw", tiles=[["x", 0]])
    assert labeller.error is not None
    assert labeller.message


@pytest.fixture
def coded(session: xr.DataTree, tmp_path: Path) -> Path:
    """A session with two coders: a smile by both, one by Ann only, one by Ben only."""
    ann = labels.events([1.0, 3.0], [1.5, 3.5], au=["12", "4"], intensity=["B", ""])
    ben = labels.events([1.1, 4.0], [1.6, 4.5], au=["12", "6"], intensity=["C", ""])
    both = labels.with_labels(labels.with_labels(session, "Ann", ann), "Ben", ben)
    return recording.save(both, tmp_path / "coded.zarr")


CONSENSUS = "consensus-Ann-Ben-by-Cleo"


def test_two_coders_are_compared_and_a_third_decides(coded: Path) -> None:
    labeller = Labeller(coded, coder="Cleo")
    sent = sent_by(labeller)
    says(labeller, "compare", names=["Ann", "Ben"])
    told = sent[-1][0]
    assert told["coders"] == ["Ann", "Ben"]
    assert [row["what"] for row in told["rows"]] == [
        "intensity B, C",
        "Ann, not Ben",
        "Ben, not Ann",
    ]
    assert told["rows"][1]["said"]["Ben"] is None
    assert "FACS index: 0.5" in told["agreement"]
    for row, word in ((0, "Ben"), (1, "keep"), (2, "drop")):
        says(labeller, "decide", row=row, word=word)
    assert labeller.consensus["status"].values.tolist() == ["as Ben by Cleo", "kept by Cleo"]
    assert labeller.consensus["onset"].values.tolist() == [1.1, 3.0]
    says(labeller, "undo")
    undone, answered = sent[-2][0], sent[-1][0]
    assert (undone["row"], undone["move"], undone["steps"]) == (2, "undo", (2, 1))
    assert answered == {"kind": "answered"}  # only then the next key acts
    assert labeller.consensus["status"].values.tolist()[-1] == "disputed"
    says(labeller, "redo")
    says(labeller, "redo")
    assert [each[0] for each in sent[-2:]] == [{"kind": "still", "move": "redo"}, answered]
    says(labeller, "decide", row=99, word="keep")
    assert "99" in str(labeller.error)
    assert sent[-1][0] == answered
    assert labeller.table.sizes["event"] == 0
    assert labeller.wait()
    stored = on_disk(coded, CONSENSUS)
    assert stored["said"].values.tolist() == labeller.consensus["said"].values.tolist()
    assert json.loads(stored.attrs["dropped"])[0]["by"] == "Cleo"
    says(labeller, "finish")
    says(labeller, "undo")  # of the labels again
    assert labeller.consensus.sizes["event"] == 2


def test_decisions_are_continued_and_not_mixed_with_other_tables(coded: Path) -> None:
    first = Labeller(coded, coder="Cleo")
    first.compare("Ann", "Ben")
    first.decide(1, "drop")
    first.close()
    again = Labeller(coded, coder="Cleo")
    sent = sent_by(again)
    again.compare("Ann", "Ben")
    assert sent[-1][0]["decisions"] == {"1": "drop"}
    again.decide(2, "keep")
    assert again.wait()
    assert again.consensus.identical(again.session[f"labels/{CONSENSUS}"].to_dataset())
    recording.add_labels(coded, "Ben", labels.events([2.0], [2.5], au="12"))
    with pytest.raises(ValueError, match="other versions of the tables of Ann and Ben"):
        Labeller(coded, coder="Cleo").compare("Ann", "Ben")
    with pytest.raises(ValueError, match=r"no labels by \['Dan'\]"):
        again.compare("Ann", "Dan")
    with pytest.raises(ValueError, match="expected two coders"):
        again.compare("Ann", "Ann")
    with pytest.raises(ValueError, match=r"row 9: the|no row 9"):
        again.decide(9, "keep")
    with pytest.raises(ValueError, match="no coders are compared"):
        Labeller(coded, coder="Dan").decide(0, "keep")


def test_the_code_shown_for_decisions_makes_the_same_table(coded: Path) -> None:
    labeller = Labeller(coded, coder="Cleo")
    labeller.compare("Ann", "Ben")
    labeller.decide(0, "Ann")
    lines = labeller._line_of_code.splitlines()[1:3]
    names: dict[str, Any] = {"labels": labels, "session": recording.open(coded)}
    exec("\n".join(lines), names)
    assert names["table"]["status"].values.tolist() == labeller.consensus["status"].values.tolist()
