"""The data model: what is refused, what survives the disk, what a day costs."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from emgnb import facs, labels, recording


def noise(seconds=10.0, rate=1000.0, channels=2, **options):
    values = np.random.default_rng(0).normal(size=(round(seconds * rate), channels))
    return recording.signal(values, rate=rate, units=options.pop("units", "uV"), **options)


def session(**options):
    markers = recording.markers([1.0, 3.0], ["smile", "rest"], uncertainty=0.002)
    return recording.make(noise(**options), markers=markers, participant="P01")


def test_rate_is_read_from_time_not_from_an_attribute():
    x = noise(rate=999.37, nominal_rate=1000.0)
    assert recording.sampling_rate(x) == 999.37
    assert recording.sampling_rate(x.isel(time=slice(0, None, 2))) == pytest.approx(999.37 / 2)


def test_plain_time_stamps_give_the_rate_too():
    time = np.arange(5000) / 1500
    x = recording.signal(np.zeros(5000), time=time, units="uV")
    assert recording.sampling_rate(x) == pytest.approx(1500)


def test_irregular_time_is_refused_and_the_measured_rate_said():
    rng = np.random.default_rng(1)
    time = np.cumsum(rng.normal(1 / 20, 0.006, size=400))
    x = recording.signal(np.zeros(400), time=time, units="count")
    with pytest.raises(ValueError, match=r"not uniform.*about (19|20)\.?\d* Hz"):
        recording.sampling_rate(x)


def test_stale_buffer_does_not_move_the_measured_rate():
    stale = np.linspace(0, 1.3, 8000)
    live = 1.3 + np.cumsum(np.full(2000, 1 / 19.8))
    x = recording.signal(np.zeros(10_000), time=np.concatenate([stale, live]), units="count")
    assert recording.measured_rate(x) == pytest.approx(19.8, abs=0.05)


def test_uniform_counts_what_it_leaves_out_and_bridges_no_gap():
    time = np.array([0, 0.1, 0.2, 0.2001, 0.5, 0.6])
    x = recording.signal(np.arange(6.0), time=time, units="count")
    with pytest.warns(UserWarning, match="uncertain"):
        y = recording.uniform(x, rate=10)
    assert recording.sampling_rate(y) == 10
    np.testing.assert_allclose(y.values[:, 0], [0, 1, 3, np.nan, np.nan, 4, 5], atol=0.01)
    assert y.attrs["lost"] == 2
    assert recording.history(y)[-1]["left_out"] == 1
    assert not y["valid"].values[3]


def test_all_faults_of_a_session_come_in_one_error():
    bad = session()
    x = bad["emg/signal"].assign_coords(
        signal_kind=("channel", ["raw", "cooked"]), side=("channel", ["left", "up"])
    )
    x.attrs["units"] = "volt"
    bad["emg"] = xr.DataTree(x.to_dataset(name="signal"))
    bad.attrs["label_meaning"] = "guessed"
    with pytest.raises(ValueError, match="4 faults") as error:
        recording.check(bad)
    for word in ("cooked", "up", "volt", "guessed"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channel": ["a", "a"]}, "unique"),
        ({"muscle": ["one"]}, "1 values of muscle for 2 channels"),
        ({"units": "volts"}, "units"),
        ({"rate": -1.0}, "number above 0"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        recording.signal(np.zeros((10, 2)), **{"rate": 100.0, "units": "uV", **options})


def test_history_is_json_without_a_clock_and_leaves_its_input_alone():
    x = noise()
    y = recording.with_history(recording.with_history(x, "detrend"), "notch", mains=50.0)
    assert recording.history(x) == []
    assert recording.history(y) == [{"step": "detrend"}, {"step": "notch", "mains": 50.0}]


def test_a_saved_session_opens_the_same(tmp_path):
    made = session()
    made["emg/signal"][100:110] = np.nan
    made["emg"]["valid"][100:110] = False
    table = event_table()
    made["labels/ann"] = xr.DataTree(table)
    made.attrs["faults"] = json.dumps(["the left electrode came off"])
    path = recording.save(made, tmp_path / "one.zarr")
    again = recording.open(path)
    assert recording.sampling_rate(again["emg/signal"]) == 1000.0
    for node in made.subtree:
        xr.testing.assert_identical(
            again[node.path].to_dataset(inherit=False).load(), node.to_dataset(inherit=False)
        )
    assert recording.known_faults(again) == ["the left electrode came off"]


def event_table():
    columns = {
        "onset": [1.0], "apex": [1.2], "offset": [2.0],
        "au": ["12"], "side": ["L"], "intensity": ["C"], "label": ["smile"],
    }  # fmt: skip
    attrs = {"table_version": facs.FACS_TABLE_VERSION}
    return xr.Dataset({name: ("event", np.array(v)) for name, v in columns.items()}, attrs=attrs)


def test_labels_are_added_to_a_store_and_replace_only_their_coder(tmp_path):
    path = recording.save(session(), tmp_path / "one.zarr")
    recording.add_labels(path, "ann", event_table())
    recording.add_labels(path, "bob", event_table())
    later = event_table()
    later["onset"] = ("event", np.array([0.5]))
    recording.add_labels(path, "ann", later)
    again = recording.open(path)
    assert float(again["labels/ann/onset"][0]) == 0.5
    assert float(again["labels/bob/onset"][0]) == 1.0
    later["offset"] = ("event", np.array([0.1]))
    with pytest.raises(ValueError, match=r"offset 0.1 s is not after onset 0.5 s"):
        recording.add_labels(path, "ann", later)
    assert float(recording.open(path)["labels/ann/offset"][0]) == 2.0


def test_irregular_time_survives_the_disk(tmp_path):
    time = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, 500))
    made = recording.make(recording.signal(np.zeros(500), time=time, units="count"))
    again = recording.open(recording.save(made, tmp_path / "irregular.zarr"))
    np.testing.assert_array_equal(again["emg/signal"]["time"].values, time)


def test_nothing_is_overwritten(tmp_path):
    path = recording.save(session(), tmp_path / "one.zarr")
    for export in (recording.save, recording.to_netcdf, recording.to_csv):
        with pytest.raises(FileExistsError, match="not overwritten"):
            export(session(), path)


def write_counts(path, blocks, scale=5 / 1023):
    like = recording.signal(np.empty((0, 2)), rate=1000.0, units="V", nominal_rate=1000.0)
    with recording.SessionWriter(path, like, scale=scale) as writer:
        for block in blocks:
            writer.append(block)
        return writer.close(
            markers=recording.markers([0.5], ["smile"]), attrs={"participant": "P02"}
        )


def test_counts_written_in_any_blocks_come_back_exactly(tmp_path):
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 1024, size=(130_000, 2)).astype(float)
    counts[500:600] = np.nan
    scale = 5 / 1023
    cuts = np.sort(rng.integers(0, len(counts), size=20))
    path = write_counts(tmp_path / "c.zarr", np.split(counts * scale, cuts), scale)
    again = recording.open(path)["emg/signal"]
    assert again.dtype == np.float32
    assert again.sizes == {"time": 130_000, "channel": 2}
    np.testing.assert_array_equal(np.rint(again.values / scale), counts)
    np.testing.assert_array_equal(again["valid"].values, ~np.isnan(counts[:, 0]))


def test_a_changed_signal_is_not_squeezed_into_the_old_counts(tmp_path):
    counts = np.random.default_rng(3).integers(0, 1024, size=(5000, 2)).astype(float)
    opened = recording.open(write_counts(tmp_path / "c.zarr", [counts * 5 / 1023]))
    same = recording.open(recording.save(opened, tmp_path / "same.zarr"))
    assert same["emg/signal"].encoding["scale_factor"] == 5 / 1023
    x = opened["emg/signal"].load()
    changed = recording.make(x.copy(data=x.values * 0.37))
    again = recording.open(recording.save(changed, tmp_path / "changed.zarr"))
    np.testing.assert_array_equal(again["emg/signal"].values, x.values * np.float32(0.37))


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="does not fit 16 bits"):
        write_counts(tmp_path / "c.zarr", [np.full((10, 2), 1e6)])
    assert list(tmp_path.iterdir()) == []


def test_something_else_than_a_session_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no session at"):
        recording.open(tmp_path / "none.zarr")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="not a session"):
        recording.open(tmp_path / "text")


def test_exports_hold_the_same_numbers(tmp_path):
    made = session()
    made["labels/ann"] = xr.DataTree(event_table())
    netcdf = xr.open_datatree(recording.to_netcdf(made, tmp_path / "s.nc"), engine="h5netcdf")
    np.testing.assert_array_equal(netcdf["emg/signal"].values, made["emg/signal"].values)
    np.testing.assert_allclose(netcdf["emg/time"].values, made["emg/time"].values)
    folder = recording.to_csv(made, tmp_path / "csv")
    rows = np.genfromtxt(folder / "emg.csv", delimiter=",", names=True)
    np.testing.assert_allclose(rows["ch1_uV"], made["emg/signal"].values[:, 0], rtol=1e-5)
    assert (folder / "markers.csv").read_text().splitlines()[1].startswith("1.0,smile,")
    assert (folder / "labels_ann.csv").exists()


def test_time_is_selected_as_people_type_it():
    x = noise()
    assert x.sel(time=slice(2, 3)).sizes["time"] == 1001
    assert recording.sampling_rate(x.sel(time=slice(2, 3))) == 1000.0
    np.testing.assert_array_equal(x.sel(time=2.5).values, x.values[2500])
    with pytest.raises(KeyError, match="nearest"):
        x.sel(time=2.50037)
    joined = xr.concat([x[:10], x[10:30]], "time")
    assert recording.sampling_rate(joined) == 1000.0
    with pytest.raises(ValueError, match="do not follow"):
        xr.concat([x[:10], x[11:30]], "time")


def test_another_signal_keeps_the_rest_of_the_session():
    made = session()
    half = made["emg/signal"] / 2
    half.attrs = made["emg/signal"].attrs
    changed = recording.with_signal(made, half)
    assert changed.attrs == made.attrs
    assert changed["markers"].to_dataset().identical(made["markers"].to_dataset())
    np.testing.assert_array_equal(changed["emg/signal"].values, made["emg/signal"].values / 2)


def test_the_newest_session_is_found_and_a_free_name_offered(tmp_path):
    assert recording.latest(tmp_path) is None
    first = recording.save(session(), recording.free_path(tmp_path / "a" / "session.zarr"))
    second = recording.save(session(), recording.free_path(tmp_path / "a" / "session.zarr"))
    assert second.name == "session-2.zarr"
    os.utime(first, (1, 1))
    assert recording.latest(tmp_path) == second
    assert recording.latest(tmp_path, "clean") is None


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux's /proc")
def test_a_day_opens_in_little_memory(tmp_path):
    like = recording.signal(np.empty((0, 8)), rate=1000.0, units="V")
    minute = np.random.default_rng(0).integers(0, 1024, size=(60_000, 8)) * (5 / 1023)
    with recording.SessionWriter(tmp_path / "day.zarr", like, scale=5 / 1023) as writer:
        writer.append(minute)
        path = writer.close()
    # The rest of the day takes no time to write: a chunk that is not there is of lost samples.
    arrays = zarr.open_group(path, mode="r+")
    for name, values in (("emg/signal", arrays["emg/signal"][:]), ("emg/valid", True)):
        arrays[name].resize((86_400_000, *arrays[name].shape[1:]))
        arrays[name][43_200_000:43_260_000] = values
    code = """
        import pathlib, re, sys
        from emgnb import labels, recording
        x = recording.open(sys.argv[1])["emg/signal"]
        middle = x.sel(time=slice(43_200, 43_205))
        assert bool(middle["valid"].all()) and bool(middle.notnull().all())
        status = pathlib.Path("/proc/self/status").read_text()
        peak_kb = re.search(r"VmHWM:\\s+(\\d+)", status)[1]
        print(x.sizes["time"], middle.shape[0], middle.dtype, peak_kb)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert out[:3] == ["86400000", "5001", "float32"]
    assert int(out[3]) * 1024 < 300e6


def test_empty_tables_keep_their_types(tmp_path):
    made = recording.make(noise())
    made["labels/ann"] = xr.DataTree(event_table().isel(event=slice(0, 0)))
    again = recording.open(recording.save(made, tmp_path / "empty.zarr"))
    for column in ("markers/text", "labels/ann/label"):
        assert again[column].dtype.kind == "U", column
        assert again[column].size == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: recording.signal(["a", "b"], rate=1.0, units="uV"), "values are not all numbers"),
        (lambda: recording.signal(np.zeros((2, 5000)), rate=1.0, units="uV"), r"Use values\.T"),
        (lambda: recording.signal(np.zeros((9, 0)), rate=1.0, units="uV"), "no channel"),
        (lambda: recording.signal([1, 2], rate="1000", units="uV"), "rate='1000'"),
        (lambda: recording.signal([1, 2], rate=np.inf, units="uV"), "rate=inf"),
        (lambda: recording.signal([1, 2], rate=1.0, gain="x", units="uV"), "gain are not all"),
        (lambda: recording.signal([1, 2], time=["12:00", "12:01"], units="uV"), "time are not all"),
        (lambda: recording.make(np.zeros((9, 2))), r"found ndarray \(9, 2\)"),
        (lambda: recording.make(session()), "expected a signal .* found DataTree"),
        (lambda: recording.make(noise(), markers=["smile"]), r"recording\.markers.* found list"),
        (lambda: recording.make(noise(), labels=event_table()), "found a table"),
        (lambda: recording.make(noise(), consent=np.zeros(2)), "`consent` is a ndarray"),
        (lambda: recording.emg(noise().values), "expected a signal .* found ndarray"),
        (lambda: recording.with_signal(noise(), session()), "expected a session"),
        (lambda: recording.markers([np.nan, 2], ["a", "b"]), "1 marker times are NaN, first .*'a'"),
        (lambda: recording.markers([1, 2], ["a", "b"], uncertainty=[1, 2, 3]), "3 uncertainties"),
        (lambda: recording.sampling_rate(np.zeros(9)), "found ndarray"),
        (lambda: recording.sampling_rate(noise()[::-1]), "time runs backwards"),
        (lambda: recording.uniform(noise(), rate=100.0), "cause aliasing"),
    ],
)
def test_what_is_handed_over_by_mistake_is_told_in_the_fields_words(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_a_single_word_is_one_marker_and_one_channel():
    assert recording.markers(1.0, "smile")["text"].values.tolist() == ["smile"]
    words = np.array(["smile", "rest"])
    assert recording.markers([1, 2], words)["text"].values.tolist() == words.tolist()
    one = recording.signal([1, 2, 3], rate=10.0, units="uV", channel="emg", gain=np.float32(2))
    assert one["channel"].values.tolist() == ["emg"]


def test_what_was_invalid_stays_so_on_a_uniform_clock():
    time = np.arange(40) / 20 + np.random.default_rng(0).normal(0, 0.003, 40)
    valid = np.ones(40, dtype=bool)
    valid[10:20] = False
    x = recording.signal(np.zeros(40), time=time, units="uV", valid=valid)
    np.testing.assert_array_equal(recording.uniform(x)["valid"].values, valid)


def test_stamps_that_leap_are_not_laid_out_over_years():
    time = np.concatenate([[0.0], 1.7e9 + np.arange(400) / 20])
    x = recording.signal(np.zeros(401), time=time, units="count")
    with pytest.raises(ValueError, match="the time stamps jump"):
        recording.uniform(x, rate=20.0)


@pytest.mark.parametrize("coder", ["", "../emg", "a/b", ".."])
def test_labels_are_written_nowhere_but_in_their_place(tmp_path, coder):
    path = recording.save(session(), tmp_path / "one.zarr")
    recording.add_labels(path, "ann", event_table())
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="expected a name without a slash"):
        recording.add_labels(path, coder, event_table())
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_labels_that_cannot_be_written_leave_the_old_ones(tmp_path):
    path = recording.save(session(), tmp_path / "one.zarr")
    recording.add_labels(path, "ann", event_table())
    with pytest.raises(ValueError, match="cannot serialize"):
        recording.add_labels(path, "ann", event_table().assign(odd=("event", [{1, 2}])))
    assert float(recording.open(path)["labels/ann/onset"][0]) == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["one.zarr"]


def test_a_writer_refuses_blocks_of_another_shape(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(10, 3\), expected \(time, 2\)"):
        write_counts(tmp_path / "c.zarr", [np.zeros((10, 3))])
    irregular = recording.signal(np.zeros((3, 2)), time=[0, 1, 2], units="V")
    with pytest.raises(ValueError, match="plain time stamps"):
        recording.SessionWriter(tmp_path / "d.zarr", irregular)
    assert list(tmp_path.iterdir()) == []


def test_netcdf_takes_every_attribute_and_leaves_the_session_as_it_was(tmp_path):
    opened = recording.open(write_counts(tmp_path / "c.zarr", [np.zeros((100, 2))]))
    opened.attrs |= {"consent": {"version": 1}, "blind": True, "note": None}
    netcdf = xr.open_datatree(recording.to_netcdf(opened, tmp_path / "s.nc"), engine="h5netcdf")
    assert json.loads(netcdf.attrs["consent"]) == {"version": 1}
    assert (netcdf.attrs["blind"], netcdf.attrs["note"]) == ("true", "null")
    assert netcdf["emg/valid"].values.all()
    assert opened["emg/signal"].encoding["scale_factor"] == 5 / 1023


def test_an_infinite_sample_is_not_valid():
    x = recording.signal([0, np.inf, 1], rate=10.0, units="uV")
    assert x["valid"].values.tolist() == [True, False, True]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    values = np.random.default_rng(3).normal(size=(90_000, 2)).astype(np.float32)
    values[500:700] = np.nan
    return recording.save(
        recording.make(recording.signal(values, rate=500.0, units="mV")), tmp_path / "a.zarr"
    )


def halved(rows, first):
    return rows.values / 2, rows["valid"].values


def test_a_session_opened_in_chunks_holds_the_same_samples(stored):
    plain = recording.open(stored)["emg/signal"]
    x = recording.open(stored, chunks=50)["emg/signal"]
    assert recording.is_lazy(x)
    assert not recording.is_lazy(plain)
    xr.testing.assert_identical(x.compute(), plain.load())


def test_parts_are_the_same_from_memory_from_a_store_and_as_dask_arrays(stored):
    def seen(rows, first):
        return first, float(rows["time"][0]), float(np.nansum(rows.values)), rows.sizes["time"]

    lazily = recording.open(stored)["emg/signal"]
    parts = list(recording.bounds(90_000, 40_000))
    expected = recording.over_rows(seen, lazily.copy(deep=True).load(), parts)
    assert [first for first, *_ in expected] == [0, 40_000, 80_000]
    assert recording.over_rows(seen, lazily, parts) == expected
    assert recording.over_rows(seen, lazily.chunk(time=7_000), parts) == expected
    assert not lazily.variable._in_memory, "reading parts must not load the whole"


def test_what_is_computed_lazily_is_stored_with_every_part_computed_once(stored, tmp_path):
    session = recording.open(stored, chunks=60)
    x = session["emg/signal"]
    parts = list(recording.bounds(90_000, 35_000))
    counted = []

    def counting(rows, first):
        counted.append(first)
        return halved(rows, first)

    made = [((2,), np.float32), ((), bool)]
    rows = [b - a for a, b in parts]
    values, valid = recording.mapped_rows(counting, x, parts, rows, made)
    assert not counted, "nothing is computed before it is asked for"
    y = x.copy(data=values).assign_coords(valid=("time", valid))
    recording.save(recording.with_signal(session, y), tmp_path / "b.zarr")
    assert sorted(counted) == [0, 35_000, 70_000]
    again = recording.open(tmp_path / "b.zarr")["emg/signal"]
    xr.testing.assert_equal(again, recording.open(stored)["emg/signal"] / 2)
    assert np.array_equal(again["valid"].values, x["valid"].values)


def test_a_table_read_while_it_is_replaced_is_the_old_one_or_the_new(tmp_path):
    x = recording.signal(np.zeros((100_000, 1), "f4"), rate=1000.0, units="uV")
    path = recording.save(recording.make(x), tmp_path / "s.zarr")

    def table(k: int) -> xr.Dataset:
        count = k % 7 + 1
        onset = np.arange(count) + count / 10
        return labels.events(onset, onset + 0.2, label=np.full(count, str(count)))

    recording.add_labels(path, "AB", table(0))
    over, wrong = threading.Event(), []

    def write() -> None:
        k = 0
        while not over.is_set():
            try:
                recording.add_labels(path, "AB", table(k := k + 1))
            except Exception as error:
                wrong.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        for _ in range(30):
            found = recording.open(path)["labels/AB"].to_dataset()
            count = found.sizes["event"]
            assert found["label"].values.tolist() == [str(count)] * count
            np.testing.assert_allclose(found["onset"].values, np.arange(count) + count / 10)
    finally:
        over.set()
        thread.join()
    assert not wrong
