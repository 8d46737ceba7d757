"""Labels: cues become trials, coders' events become tables, and nothing ambiguous passes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

from emgnb import detect, facs, filters, labels, recording, simulate


def session(times, texts, *, seconds=20.0, rate=100.0, start=0.0, **options):
    x = recording.signal(np.zeros((round(seconds * rate), 2)), rate=rate, units="uV", start=start)
    return recording.make(
        x,
        markers=recording.markers(times, texts, uncertainty=0.01),
        participant="P01",
        session="2",
        **options,
    )


def rows(trials):
    return [
        (str(label), round(float(a), 6), round(float(b), 6))
        for label, a, b in zip(
            trials["label"].values, trials["onset"].values, trials["offset"].values, strict=True
        )
    ]


def test_a_cue_opens_a_trial_after_the_reaction_until_the_next_cue():
    found = labels.trials(session([1, 5, 9], ["smile", "rest", "frown"]))
    assert rows(found) == [("smile", 1.3, 5.0), ("rest", 5.3, 9.0), ("frown", 9.3, 20.0)]
    assert found["trial"].values.tolist() == [0, 1, 2]
    assert found["uncertainty"].values.tolist() == [0.01] * 3
    assert (found.attrs["participant"], found.attrs["session"]) == ("P01", "2")
    assert found.attrs["label_meaning"] == "instructed"


def test_end_and_pause_and_silence_close_a_trial_and_open_none():
    found = labels.trials(session([1, 3, 5, 7, 9], ["smile", "pause", "frown", " ", "end"]))
    assert rows(found) == [("smile", 1.3, 3.0), ("frown", 5.3, 7.0)]
    assert found["trial"].values.tolist() == [0, 2]
    only = labels.trials(session([1, 5], ["smile", "rest"]), ignore=("rest",))
    assert rows(only) == [("smile", 1.3, 5.0)]


def test_tail_and_duration_shorten_a_trial():
    s = session([1, 5], ["smile", "rest"])
    assert rows(labels.trials(s, reaction=0.5, tail=0.5))[0] == ("smile", 1.5, 4.5)
    assert rows(labels.trials(s, duration=2.0))[0] == ("smile", 1.3, 3.3)
    assert rows(labels.trials(s, duration=20.0))[0] == ("smile", 1.3, 5.0)


def test_a_trial_shorter_than_the_reaction_is_dropped_and_counted():
    found = labels.trials(session([1, 1.2, 5], ["smile", "frown", "end"]))
    assert rows(found) == [("frown", 1.5, 5.0)]
    assert json.loads(found.attrs["dropped"]) == {"short": 1}


def test_a_trial_outside_the_recording_is_dropped_and_counted():
    found = labels.trials(session([-9, -5, 15, 30], ["a", "b", "c", "d"], start=-4.0))
    assert rows(found) == [("b", -4.0, 15.0), ("c", 15.3, 16.0)]
    assert json.loads(found.attrs["dropped"]) == {"outside": 2}


def test_no_trial_at_all_is_an_error_that_says_what_became_of_the_markers():
    with pytest.raises(ValueError, match=r"none of 2 markers .*1 × 'smile', 1 × 'end'.*1 are sho"):
        labels.trials(session([1, 1.1], ["smile", "end"]))
    with pytest.raises(ValueError, match="no markers"):
        labels.trials(session([], []))


def test_a_trial_cannot_begin_before_its_cue():
    with pytest.raises(ValueError, match=r"reaction=-0\.1"):
        labels.trials(session([1], ["smile"]), reaction=-0.1)


def test_markers_out_of_order_are_refused_with_the_line_that_sorts_them():
    with pytest.raises(ValueError, match=r"'rest' at 5 s comes before 'smile' at 2 s.*sortby"):
        labels.trials(session([1, 5, 2], ["frown", "rest", "smile"]))


def test_two_markers_at_one_moment_are_refused_unless_they_say_the_same():
    with pytest.raises(ValueError, match="two markers at 5 s: 'smile' and 'frown'"):
        labels.trials(session([1, 5, 5], ["rest", "smile", "frown"]))
    found = labels.trials(session([1, 5, 5], ["rest", "smile", "smile"]))
    assert rows(found) == [("rest", 1.3, 5.0), ("smile", 5.3, 20.0)]


@given(
    st.lists(st.integers(0, 1990), min_size=1, max_size=15, unique=True),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_trials_never_overlap_and_stay_inside_the_recording(places, reaction, tail):
    times = np.sort(places) / 100
    s = session(times, [f"cue{i}" for i in range(len(times))])
    try:
        found = labels.trials(s, reaction=reaction, tail=tail)
    except ValueError:
        gaps = np.diff(np.append(times, 20.0))
        assert (gaps <= reaction + tail + 1e-9).all()
        return
    onset, offset = found["onset"].values, found["offset"].values
    assert (offset > onset).all()
    assert (onset[1:] >= offset[:-1]).all()
    assert onset[0] >= 0
    assert offset[-1] <= 20
    dropped = json.loads(found.attrs["dropped"])
    assert len(onset) + sum(dropped.values()) == len(times)


def test_events_hold_what_a_coder_wrote_down():
    table = labels.events(
        [1.0, 4.0], [2.0, 5.0], apex=[1.5, np.nan], au=["12", "6"], side="R", intensity=["C", ""]
    )
    assert table.sizes == {"event": 2}
    assert table["side"].values.tolist() == ["R", "R"]
    assert list(table.data_vars) == list(recording.EVENT_COLUMNS)
    assert table["onset"].attrs["units"] == "s"
    assert labels.events([], []).sizes == {"event": 0}


def test_all_faults_of_an_event_table_come_at_once():
    with pytest.raises(ValueError, match=r"(?s)event 0: offset 1.*event 1: apex 9.*'Q'.*\['F'\]"):
        labels.events([2, 4], [1, 5], apex=[np.nan, 9], side=["L", "Q"], intensity="F")
    with pytest.raises(ValueError, match="au: 3 values for 2 onsets"):
        labels.events([1, 2], [2, 3], au=["1", "2", "4"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"au": "99"}, r"au: \['99'\]: not an action unit of FACS; expected one of 1, 2, 4"),
        ({"au": "6+12"}, "not an action unit of FACS"),
        ({"au": "AU12"}, "the number alone"),
        ({"au": "12", "side": "B"}, "bottom lip.*not '12'; both sides .* without a side"),
        ({"au": "12", "side": "T"}, "top lip.*not '12'"),
        ({"label": "smile", "side": "B"}, "bottom lip"),
    ],
)
def test_a_code_that_facs_has_not_is_refused(code, said):
    with pytest.raises(ValueError, match=said):
        labels.events([1.0], [2.0], **code)


def test_a_lip_is_coded_as_facs_codes_it(tmp_path):
    made = labels.events([1, 3], [2, 4], au=["23", "28"], side=["B", "T"])
    path = recording.save(labels.with_labels(session([1], ["smile"]), "ada", made), tmp_path / "s")
    assert recording.open(path)["labels/ada/side"].values.tolist() == ["B", "T"]


def earlier(path, coder, attrs, **columns):
    """Give a stored session labels as an earlier version of the package wrote them."""
    table = labels.events([1, 3, 5], [2, 4, 6], au=["12", "4", "23"], side=["", "L", ""])
    recording.add_labels(path, coder, table)
    group = zarr.open_group(path, mode="r+")[f"labels/{coder}"]
    group.attrs.put(attrs)
    for name, values in columns.items():
        group[name][:] = np.array(values, dtype=np.dtypes.StringDType())


@pytest.mark.parametrize(
    "attrs", [{}, {"coder": "ada", "facs_table": "2002.1"}, {"table_version": "2002.1"}]
)
def test_b_for_both_sides_in_an_earlier_table_opens_and_means_both(tmp_path, attrs):
    path = recording.save(session([1], ["smile"]), tmp_path / "s")
    earlier(path, "ada", attrs, side=["B", "L", "B"])
    opened = recording.open(path)
    assert opened["labels/ada/side"].values.tolist() == ["", "L", ""]
    assert opened["labels/ada"].attrs["table_version"] == facs.FACS_TABLE_VERSION
    assert "facs_table" not in opened["labels/ada"].attrs
    again = recording.open(recording.save(opened, tmp_path / "again"))
    assert again["labels/ada/side"].values.tolist() == ["", "L", ""]


def test_codes_that_facs_has_not_open_from_an_earlier_session(tmp_path):
    path = recording.save(session([1], ["smile"]), tmp_path / "s")
    earlier(path, "ada", {}, au=["6+12", "99", "4"])
    opened = recording.open(path)
    assert opened["labels/ada/au"].values.tolist() == ["6+12", "99", "4"]
    recording.save(opened, tmp_path / "again")


def test_b_in_a_table_of_unknown_version_is_asked_about():
    old = labels.events([1.0], [2.0], au="23", side="B").drop_attrs()
    with pytest.raises(ValueError, match="may mean both sides or the bottom lip"):
        labels.with_labels(session([1], ["smile"]), "ada", old)
    read = recording.in_todays_notation(old)
    assert read["side"].values.tolist() == [""]
    labels.with_labels(session([1], ["smile"]), "ada", read)


def test_labels_are_put_into_a_new_session_in_place_of_that_coders_old_ones():
    old = session([1], ["smile"])
    first = labels.with_labels(old, "ada", labels.events([1], [2], au="12"))
    both = labels.with_labels(first, "ben", labels.events([1, 3], [2, 4], au="6"))
    again = labels.with_labels(both, "ada", labels.events([5], [6], au="4"))
    assert "labels" not in old.children
    assert first["labels/ada/au"].values.tolist() == ["12"]
    assert again["labels/ada/au"].values.tolist() == ["4"]
    assert again["labels/ben"].to_dataset().identical(both["labels/ben"].to_dataset())
    with pytest.raises(ValueError, match="without a slash"):
        labels.with_labels(old, "a/b", labels.events([1], [2]))
    with pytest.raises(ValueError, match="labels/ada: no onset"):
        labels.with_labels(old, "ada", xr.Dataset())


def test_a_coders_events_become_trials_in_order_of_onset():
    table = labels.events([7, 1, 3], [9, 2, 4], label=["frown", "smile", ""], au=["4", "12", "6"])
    s = labels.with_labels(session([], []), "ada", table)
    by_label = labels.trials_from_events(s, "ada")
    assert rows(by_label) == [("smile", 1.0, 2.0), ("frown", 7.0, 9.0)]
    assert by_label["trial"].values.tolist() == [1, 0]
    assert json.loads(by_label.attrs["dropped"]) == {"no label": 1}
    assert [label for label, *_ in rows(labels.trials_from_events(s, "ada", by="au"))] == [
        "AU12",
        "AU6",
        "AU4",
    ]


def test_overlapping_events_make_no_trials():
    table = labels.events([1, 1.5], [2, 3], au=["6", "12"])
    s = labels.with_labels(session([], []), "ada", table)
    with pytest.raises(ValueError, match=r"1 events overlap .*'6' \(1–2 s\) and '12' \(1\.5–3 s\)"):
        labels.trials_from_events(s, "ada", by="au")
    with pytest.raises(ValueError, match="no labels by 'ben': the session has \\['ada'\\]"):
        labels.trials_from_events(s, "ben")


def test_one_word_to_ignore_is_a_word_and_not_its_letters():
    s = session([1, 5, 9], ["rest", "re", "smile"])
    assert [label for label, *_ in rows(labels.trials(s, ignore="rest"))] == ["re", "smile"]
    assert recording.history(labels.trials(s, ignore="rest"))[0]["ignore"] == ["rest"]


def test_an_action_unit_is_its_number():
    assert labels.events([1, 3], [2, 4], au=12)["au"].values.tolist() == ["12", "12"]
    with pytest.raises(ValueError, match=r"au: \['AU12'\], expected the number alone"):
        labels.events([1], [2], au="AU12")


def test_labels_outside_the_recording_are_refused_with_all_other_faults_at_once():
    s = session([1], ["smile"])
    reaching = labels.with_labels(s, "ada", labels.events([19], [25], au="12"))
    assert reaching["labels/ada/offset"].item() == 25
    with pytest.raises(ValueError, match=r"event 1 \(30–31 s\) lies outside .*\(0–19.99 s\)"):
        labels.with_labels(s, "ada", labels.events([1, 30], [2, 31]))
    bad = labels.events([1], [2]).assign(onset=("event", [np.nan]), side=("event", ["left"]))
    with pytest.raises(ValueError, match=r"(?s)3 faults.*coder=''.*not after onset nan.*'left'"):
        labels.with_labels(s, "", bad)


def test_what_is_no_session_is_refused_with_what_is():
    s = session([1], ["smile"])
    for call in (
        lambda: labels.trials(s["emg/signal"]),
        lambda: labels.trials_from_events(s["emg/signal"], "ada"),
        lambda: labels.with_labels(s["emg/signal"], "ada", labels.events([1], [2])),
    ):
        with pytest.raises(TypeError, match=r"expected a session.*found DataArray"):
            call()
    with pytest.raises(ValueError, match="no samples"):
        labels.trials(recording.with_signal(s, s["emg/signal"][:0]))
    with pytest.raises(ValueError, match="onset='now', expected numbers"):
        labels.events("now", 2)


def test_options_may_be_numpy_numbers():
    found = labels.trials(session([1], ["smile"]), reaction=np.float32(0.5))
    assert recording.history(found)[0]["reaction"] == 0.5


def test_events_of_one_movement_are_one_moment() -> None:
    table = labels.events(
        [5.0, 1.0, 1.1, 2.15, 1.5, 8.0],  # in any order
        [6.0, 2.0, 1.3, 2.50, 1.6, 8.1],
    )
    assert labels.moments(table).values.tolist() == [1, 0, 0, 0, 0, 2]
    assert labels.moments(table, gap=0.1).values.tolist() == [2, 0, 0, 1, 0, 3]
    assert labels.moments(table, gap=10.0).values.tolist() == [0] * 6
    groups = table.groupby(labels.moments(table))
    assert len(groups) == 3
    assert labels.moments(labels.events([], [])).size == 0
    with pytest.raises(ValueError, match="gap=-1"):
        labels.moments(table, gap=-1.0)
    with pytest.raises(ValueError, match="gap=nan"):
        labels.moments(table, gap=float("nan"))


def test_each_movement_of_a_face_is_a_moment_of_its_bursts() -> None:
    script = simulate.protocol(("smile", "surprise", "disgust"), repetitions=2, seed=1)
    session = simulate.face(script=script, artefacts=0.0)
    x = recording.emg(session)
    bursts = detect.bursts(filters.preset_for(x)(x))
    found = bursts.assign(moment=labels.moments(bursts))
    movements = labels.trials(session, ignore=("rest", "neutral"))
    assert bursts.sizes["event"] > 4 * movements.sizes["trial"]
    within = [
        found.isel(event=((found["onset"] < end) & (found["offset"] > start)).values)
        for start, end in zip(movements["onset"].values, movements["offset"].values, strict=True)
    ]
    numbers = [set(each["moment"].values.tolist()) for each in within]
    assert [len(each) for each in numbers] == [1] * len(numbers), "a movement is one moment"
    assert len(set.union(*numbers)) == len(numbers), "two movements are two"
