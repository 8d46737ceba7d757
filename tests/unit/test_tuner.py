"""The tuner: what its controls stand for, what it draws, what it says a chain gains and costs."""

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tones
import xarray as xr

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'emgnb[lab]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from panels import control, shown
from tones import RATE, amplitude, raw_signal
from waiting import until

from emgnb import filters, quality, recording
from emgnb.filters import BandPass, Baseline, Chain, Envelope, HighPass, LowPass, Notch
from emgnb.widgets import Tuner
from emgnb.widgets.shared.panel import inside
from emgnb.widgets.tuner._rows import known


def emg(seconds: float = 20.0, *, hum: float = 0.0) -> xr.DataArray:
    """Noise of 30 to 300 Hz that swells for a second in every four, and hum of 50 Hz."""
    rng = np.random.default_rng(0)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    shape = np.where(t % 4 < 1, 30.0, 3.0)[:, np.newaxis]
    noise = recording.signal(rng.normal(size=(n, 2)), rate=RATE, units="uV", channel=["a", "b"])
    band = Chain(BandPass(30, 300, order=2))(noise)
    tone = hum * np.sin(2 * np.pi * 50 * t)[:, np.newaxis]
    return band.copy(data=(band.values * shape + tone).astype(np.float32))


@pytest.fixture
def session() -> xr.DataTree:
    return tones.session()


@pytest.fixture
def tuner(session: xr.DataTree) -> Iterator[Tuner]:
    made = Tuner(session)
    assert made.wait()
    yield made
    made.close()


def row_of(tuner: Tuner, name: str) -> Any:
    """The box around a control."""
    wanted = control(tuner, name)
    return next(each for each in inside(tuner) if wanted in getattr(each, "children", ()))


def drawn(tuner: Tuner, curve: str) -> np.ndarray[Any, Any]:
    return np.asarray(tuner.picture.curves[curve][1], dtype=float)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def test_the_tuner_begins_with_the_preset_of_the_signal(tuner: Tuner) -> None:
    assert tuner.chain == filters.preset("raw", rate=RATE)
    assert amplitude(tuner.filtered, 50) < 0.05
    assert amplitude(tuner.filtered, 130) == pytest.approx(10, rel=0.1)


def test_a_control_changes_the_chain_and_the_picture(tuner: Tuner) -> None:
    before = drawn(tuner, "filtered")
    tuner.set("BandPass", low=180)
    assert tuner.wait()
    assert tuner.chain == Chain(BandPass(180, 450), Notch(50))
    after = drawn(tuner, "filtered")
    assert np.nanmax(np.abs(after[500:1500])) < 0.6 * np.nanmax(np.abs(before[500:1500]))


def test_the_line_of_code_makes_the_chain(tuner: Tuner) -> None:
    tuner.set("Notch", mains=60, q=12)
    tuner.set("Envelope", cutoff=20)
    name, _, code = tuner.code.partition(" = ")
    assert name == "chain"
    names = {**filters.STEPS, "Chain": Chain}
    wanted = Chain(BandPass(20, 450), Notch(60, q=12), Envelope(20))
    assert eval(code, names) == tuner.chain == wanted


def test_switching_a_step_off_takes_it_out(tuner: Tuner) -> None:
    tuner.set("Notch", on=False)
    assert tuner.chain == Chain(BandPass(20, 450))
    assert amplitude(tuner.filtered, 50) == pytest.approx(5, rel=0.1)


def test_an_impossible_band_is_said_in_words_and_is_no_chain(tuner: Tuner) -> None:
    tuner.set("BandPass", low=100, high=60)
    assert "low=100 Hz must be below high=60 Hz" in tuner.message
    with pytest.raises(ValueError, match="must be below"):
        _ = tuner.chain
    tuner.set("BandPass", low=20, high=450)
    assert tuner.wait()
    assert "Output: raw EMG" in tuner.message


def test_an_envelope_is_offered_no_band_pass() -> None:
    x = recording.signal(
        np.abs(raw_signal().values),
        rate=RATE,
        units="V",
        signal_kind="envelope",
        channel=["a", "b"],
    )
    made = Tuner(x)
    assert made.wait()
    assert made.chain == Chain(LowPass(10), Baseline())
    with pytest.raises(ValueError, match=r"no step 'BandPass' .*: it has LowPass, Baseline"):
        made.set("BandPass")
    made.close()


def test_a_chain_that_does_not_suit_the_signal_is_refused_in_words() -> None:
    slow = recording.signal(np.random.default_rng(0).normal(size=400), rate=20.0, units="uV")
    made = Tuner(slow, Chain(BandPass(20, 450)))
    assert made.wait()
    assert "20–450 Hz" in made.message
    assert made.error is not None
    assert drawn(made, "recorded").size  # the recording is shown all the same
    assert not drawn(made, "filtered").size
    made.close()


def test_channels_of_several_kinds_are_refused_with_the_way_out() -> None:
    x = recording.signal(
        raw_signal().values,
        rate=RATE,
        units="V",
        signal_kind=["raw", "envelope"],
        channel=["a", "b"],
    )
    with pytest.raises(ValueError, match="need separate chains"):
        Tuner(x)


def test_a_chain_given_keeps_its_order_and_its_other_options(session: xr.DataTree) -> None:
    chain = Chain(Notch(60, harmonics=2), BandPass(30, 200, order=2))
    made = Tuner(session, chain)
    assert made.chain == chain
    made.close()


def test_only_the_newest_of_many_changes_must_be_drawn(tuner: Tuner) -> None:
    for low in range(10, 110):
        tuner.set("BandPass", low=low)
    assert tuner.wait()
    assert tuner.chain.steps[0] == BandPass(109, 450)
    wanted = tuner.chain.response(RATE, frequency=[60.0])["magnitude_zero_phase"].item()
    shown = np.interp(60.0, tuner.picture.curves["response"][0], drawn(tuner, "response"))
    assert shown == pytest.approx(max(wanted, -120), abs=0.5)


def test_a_closed_tuner_leaves_no_thread(session: xr.DataTree) -> None:
    made = Tuner(session)
    assert made.wait()
    made.close()
    until(lambda: not threads("emgnb tuner"))


# ---- steps, their order, and the way back


def names(tuner: Tuner) -> list[str]:
    return [type(step).__name__ for step in tuner.chain.steps]


def test_steps_are_added_moved_and_removed(tuner: Tuner) -> None:
    tuner.add(filters.MotionArtefact())
    assert names(tuner) == ["BandPass", "Notch", "MotionArtefact"]
    for _ in range(3):
        control(tuner, "move up MotionArtefact").click()
    assert names(tuner) == ["BandPass", "MotionArtefact", "Notch"]
    control(tuner, "remove BandPass").click()
    assert names(tuner) == ["MotionArtefact", "Notch"]
    assert tuner.wait()
    assert tuner.error is None
    with pytest.raises(TypeError, match="is not a step"):
        tuner.add("BandPass")  # type: ignore[arg-type]


def test_every_step_can_be_added_by_its_name() -> None:
    made = Tuner(emg(), Chain(BandPass(20, 450)))
    for name, step in known(["a", "b"]).items():
        steps = control(made, "available steps")
        assert any(text.startswith(f"{name}: ") for text, _ in steps.options)
        steps.value = name
        control(made, "Add step").click()
        assert made.error is None
        assert names(made)[-1] == name
        # The controls stand for the very step.
        assert made.chain.steps[-1] == step
    made.close()


def test_undo_takes_back_a_whole_drag_and_redo_does_it_again(tuner: Tuner) -> None:
    begun = tuner.chain
    for low in (22, 25, 31, 40):  # a slider on its way
        tuner.set("BandPass", low=low)
    tuner.add(HighPass(5))
    tuner.set("Notch", on=False)
    seen = tuner.chain
    tuner.undo()
    assert names(tuner) == ["BandPass", "Notch", "HighPass"]
    tuner.undo()
    assert tuner.chain == Chain(BandPass(40, 450), Notch(50))
    tuner.undo()
    assert tuner.chain == begun
    assert control(tuner, "Undo").disabled
    tuner.undo()  # nothing left to take back
    for _ in range(3):
        tuner.redo()
    assert tuner.chain == seen
    assert control(tuner, "Redo").disabled


def test_what_the_browser_rounds_and_says_back_is_no_edit(tuner: Tuner) -> None:
    low = control(tuner, "from (Hz)")
    assert control(tuner, "Undo").disabled
    low.value = 19.999999999999996  # what noUiSlider makes of 20
    assert control(tuner, "Undo").disabled
    low.value = 30.0
    assert tuner.chain.steps[0] == BandPass(30, 450)
    control(tuner, "Undo").click()
    low.value = 19.999999999999996
    assert tuner.chain.steps[0] == BandPass(20, 450), "one click"
    assert control(tuner, "Undo").disabled
    control(tuner, "Redo").click()
    assert tuner.chain.steps[0] == BandPass(30, 450)


def test_two_sliders_are_two_changes(tuner: Tuner) -> None:
    control(tuner, "from (Hz)").value = 30.0
    control(tuner, "to (Hz)").value = 300.0
    tuner.undo()
    assert tuner.chain.steps[0] == BandPass(30, 450)


def test_undo_leaves_impossible_controls_at_once(tuner: Tuner) -> None:
    tuner.set("BandPass", high=60)
    control(tuner, "from (Hz)").value = 70.0
    assert not control(tuner, "Undo").disabled
    tuner.undo()
    assert tuner.chain.steps[0] == BandPass(20, 60)
    assert tuner.wait()
    assert tuner.faults == {}


def test_a_value_beyond_a_slider_makes_it_wider(tuner: Tuner) -> None:
    tuner.set("BandPass", low=300, high=400)
    low = control(tuner, "from (Hz)")
    assert (low.value, low.max) == (300, 300)
    low.value = 250.0
    assert tuner.chain.steps[0] == BandPass(250, 400)


def test_a_change_after_undo_forgets_what_was_undone(tuner: Tuner) -> None:
    tuner.set("BandPass", low=30)
    tuner.undo()
    tuner.set("BandPass", low=60)
    tuner.redo()
    assert tuner.chain.steps[0] == BandPass(60, 450)


def test_a_and_b_hold_a_chain_each(tuner: Tuner) -> None:
    a = tuner.chain
    slot = next(each for each in inside(tuner) if getattr(each, "options", ()) == ("A", "B"))
    slot.value = "B"
    assert tuner.chain == a
    tuner.set("BandPass", low=80)
    b = tuner.chain
    slot.value = "A"
    assert tuner.chain == a
    assert control(tuner, "Undo").disabled, "to look at the other one is no change"
    slot.value = "B"
    assert tuner.chain == b
    tuner.undo()
    assert tuner.chain == a
    tuner.redo()
    assert tuner.wait()
    assert tuner.error is None


def test_a_preset_and_the_one_for_this_recording_begin_anew() -> None:
    x = emg(hum=20.0)
    made = Tuner(x, Chain(HighPass(100)))
    preset = control(made, "start from preset")
    preset.value = "for this recording"
    assert made.chain == filters.preset_for(x)
    assert any(isinstance(step, Notch | filters.MainsFit) for step in made.chain.steps)
    preset.value = "raw EMG"
    assert made.chain == filters.preset("raw", rate=RATE)
    made.undo()
    made.undo()
    assert made.chain == Chain(HighPass(100))
    made.close()


def test_json_goes_out_and_comes_in(tuner: Tuner) -> None:
    text = control(tuner, "as JSON")
    assert json.loads(text.value) == json.loads(tuner.chain.to_json())
    wanted = Chain(HighPass(35, order=2), Notch(60, harmonics=(1, 3)))
    text.value = wanted.to_json()
    assert tuner.chain == wanted
    text.value = "[{"
    assert "no JSON of a chain" in tuner.message
    assert tuner.chain == wanted


# ---- what it gains and costs


def test_a_setting_that_kills_the_muscle_is_said_and_measured() -> None:
    made = Tuner(emg(), Chain(HighPass(150)))
    assert made.wait()
    assert len(made.doubts) == 1
    assert "HighPass(cutoff=150" in made.doubts[0]
    assert "the band of EMG" in shown(made)
    assert made.effect is not None
    assert (made.effect["kept"].values < 0.6).all()
    made.set("HighPass", cutoff=20)
    assert made.wait()
    assert made.doubts == []
    assert (made.effect["kept"].values > 0.9).all()
    assert "EMG power retained" in shown(made)
    made.close()


def test_figures_of_an_earlier_chain_are_marked_until_they_are_measured_again(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not tuner.outdated
    go, measure = threading.Event(), quality.effect

    def held(*args: Any) -> xr.Dataset:
        assert go.wait(20)
        return measure(*args)

    monkeypatch.setattr(quality, "effect", held)
    tuner.set("BandPass", low=60)
    assert tuner.outdated
    assert "Measuring" in shown(tuner)
    go.set()
    assert tuner.wait()
    assert not tuner.outdated
    assert "Measuring" not in shown(tuner)
    tuner.set("BandPass", high=30)
    assert tuner.outdated
    assert "earlier chain" in shown(tuner)
    assert tuner.wait()
    assert not drawn(tuner, "filtered").size, "no picture of a chain that is none"


def test_a_part_of_a_longer_recording_is_called_so_and_can_be_chosen() -> None:
    x = emg(20.0)
    made = Tuner(x, seconds=5.0)
    assert made.wait()
    assert made.part == (0.0, pytest.approx(5.0, abs=0.01))
    assert "0–5 s of a recording from 0 to 20 s" in shown(made)
    assert row_of(made, "from (s)").layout.display != "none"
    control(made, "from (s)").value = 12.0
    assert made.wait()
    assert made.part == (pytest.approx(12.0), pytest.approx(17.0, abs=0.01))
    assert "12–17 s" in shown(made)
    times, values = made.picture.curves["recorded"]
    assert (times[0], times[-1]) == pytest.approx(made.part, abs=0.005)
    part = x.isel(time=slice(12000, 17000))
    assert values.max() == float(part.isel(channel=0).max())
    wanted = quality.effect(part, made.chain(part))
    xr.testing.assert_equal(made.effect, wanted)
    made.close()
    whole = Tuner(x)
    assert row_of(whole, "from (s)").layout.display == "none"
    whole.close()
    late = Tuner(x, start=10.0, seconds=5.0)
    assert late.part[0] == pytest.approx(10.0)
    late.close()


def test_each_start_offered_suits_the_kind_of_the_signal() -> None:
    raw = emg()
    rectified = Chain(BandPass(20, 450), filters.Rectify())(raw)
    envelope = Chain(BandPass(20, 450), Envelope())(raw)
    for x, last in ((raw, "raw"), (rectified, "envelope"), (envelope, "envelope")):
        made = Tuner(x)
        assert made.wait()
        assert made.error is None
        preset = control(made, "start from preset")
        for name in preset.options[1:]:
            preset.value = name
            assert made.wait()
            assert made.error is None, name
            assert drawn(made, "filtered").size, name
            wanted = "envelope" if name == "envelope" else last
            assert wanted in made.message
        made.close()


def test_what_is_wrong_is_said_at_the_step_it_is_wrong_with() -> None:
    made = Tuner(emg(), Chain(BandPass(20, 450), Envelope(), HighPass(20), Notch(50)))
    assert made.wait()
    assert set(made.faults) == {"HighPass", "Notch"}
    assert "on an envelope" in made.faults["HighPass"]
    made.set("HighPass", on=False)
    made.set("Notch", on=False)
    assert made.wait()
    assert made.faults == {}
    made.set("BandPass", low=100, high=60)
    assert list(made.faults) == ["BandPass"]
    made.close()


def test_a_step_that_is_off_stops_no_chain(tuner: Tuner) -> None:
    tuner.set("BandPass", on=False, low=100, high=60)
    assert tuner.chain == Chain(Notch(50))


def test_a_filtered_signal_is_called_so_before_it_is_filtered_again(session: xr.DataTree) -> None:
    plain = Tuner(session)
    assert "already filtered" not in shown(plain)
    plain.close()
    x = recording.emg(session)
    made = Tuner(recording.with_signal(session, Chain(BandPass(20, 450), Notch(50))(x)))
    assert "already filtered (BandPass, Notch)" in shown(made)
    made.close()


def test_a_notch_for_mains_that_is_not_there_and_mains_without_a_notch_are_said() -> None:
    clean, hummed = emg(), emg(hum=20.0)
    assert quality.doubts(clean, Chain(BandPass(20, 450))) == []
    (idle,) = quality.doubts(clean, Chain(BandPass(20, 450), Notch(50)))
    assert "no mains stands out at 50 Hz" in idle
    assert quality.doubts(hummed, Chain(BandPass(20, 450), Notch(50, harmonics=1))) == []
    (costly,) = quality.doubts(hummed, Chain(BandPass(20, 450), Notch(50)))
    assert "the band of EMG" in costly
    assert "MainsFit(50) removes less" in costly
    (left,) = quality.doubts(hummed, Chain(BandPass(20, 450)))
    assert "add MainsFit(50)" in left
    (wrong,) = quality.doubts(hummed, Chain(BandPass(20, 450), Notch(60)))
    assert "at 50 Hz it does" in wrong
    effect = quality.effect(hummed, Chain(BandPass(20, 450), Notch(50))(hummed))
    assert (effect["mains_before"] > 0.5).all()
    assert (effect["mains_after"] < 0.05).all()
    assert (effect["snr_after"] > effect["snr_before"]).all()
    with pytest.raises(ValueError, match="must have the same channels and times"):
        quality.effect(hummed, clean.isel(time=slice(0, 5000)))


def test_each_answer_of_the_chain_can_be_drawn(tuner: Tuner) -> None:
    response = tuner.chain.response(RATE)
    for what, name in (("phase", "phase"), ("group delay", "group_delay")):
        control(tuner, "response").value = what
        assert tuner.wait()
        scale = 1e3 if what == "group delay" else 1.0
        wanted = scale * np.interp(130.0, response["frequency"], response[name])
        assert np.interp(
            130.0, tuner.picture.curves["response"][0], drawn(tuner, "response")
        ) == pytest.approx(wanted, rel=0.05)
    control(tuner, "response").value = "impulse"
    assert tuner.wait()
    lag = np.asarray(tuner.picture.curves["response"][0])
    assert lag[np.argmax(drawn(tuner, "response"))] == pytest.approx(0.0, abs=1e-3)
    assert tuner.picture.panes[3]["unit"] == "s"


def test_a_closed_tuner_is_forgotten_with_its_recording(session: xr.DataTree) -> None:
    made = Tuner(session)
    assert made.wait()
    known = [weakref.ref(each) for each in (made, made.picture, control(made, "channel"))]
    made.close()
    del made
    until(lambda: gc.collect() >= 0 and not any(each() for each in known))


def test_a_refusal_is_said_whichever_channel_is_shown_first() -> None:
    x = emg().copy(deep=True)
    x.values[:, 0] += 500
    made = Tuner(x, Chain(filters.Rectify()))
    assert made.wait()
    assert "offset" in made.message
    control(made, "channel").value = 1
    assert made.wait()
    assert drawn(made, "filtered").size
    assert any("offset" in said for said in made.doubts)
    made.close()


def test_a_fitted_chain_is_drawn_for_each_channel() -> None:
    x = emg()
    chain = Chain(BandPass(20, 450), Envelope(6), Baseline()).fit(x)
    made = Tuner(x, chain)
    for i in range(2):
        control(made, "channel").value = i
        assert made.wait()
        assert made.error is None
        wanted = chain(x).isel(channel=i)
        assert np.nanmax(drawn(made, "filtered")) == pytest.approx(float(wanted.max()), rel=1e-5)
    made.close()


def test_what_is_said_of_impossible_controls_stays(tuner: Tuner) -> None:
    tuner.set("BandPass", low=100, high=60)
    assert tuner.wait()
    assert tuner.error is not None
    assert "Output" not in tuner.message
    tuner.set("BandPass", high=300)
    assert tuner.wait()
    assert tuner.error is None
    assert "Output" in tuner.message


def test_an_infinite_sample_is_drawn_as_a_gap() -> None:
    x = emg().copy(deep=True)
    x.values[3000, 0] = np.inf
    made = Tuner(x)
    made.picture.view = [2.9, 3.1]
    assert made.wait()
    values = drawn(made, "recorded")
    assert np.isnan(values).sum() == 2, "a least and a greatest value"
    assert not np.isinf(values).any()
    made.close()


def test_what_is_in_view_is_drawn_from_its_own_samples(tuner: Tuner) -> None:
    times, values = tuner.picture.curves["recorded"]
    assert times[0] < 0.01
    assert times[-1] > 4.99
    tuner.picture.view = [1.0, 1.2]
    assert tuner.wait()
    times, values = tuner.picture.curves["recorded"]
    assert (times[0], times[-1]) == (pytest.approx(1.0, abs=0.002), pytest.approx(1.2, abs=0.002))
    wanted = raw_signal()["time"].sel(time=times[::2], method="nearest")
    np.testing.assert_allclose(times[::2], wanted, atol=1e-9)
    np.testing.assert_array_equal(values[::2], raw_signal().isel(channel=0).sel(time=wanted))
    control(tuner, "channel").value = 1
    assert tuner.wait()
    times, values = tuner.picture.curves["recorded"]
    np.testing.assert_array_equal(values[::2], raw_signal().isel(channel=1).sel(time=wanted))


def test_a_chain_that_looks_at_all_channels_is_drawn_as_it_comes_out() -> None:
    x = emg(hum=20.0)
    made = Tuner(x, Chain(filters.MainsFit(50)))
    made.picture.view = [3.0, 3.5]
    assert made.wait()
    times, values = made.picture.curves["filtered"]
    wanted = made.filtered.isel(channel=0).sel(time=times[::2], method="nearest")
    np.testing.assert_allclose(values[::2], wanted, rtol=1e-5)
    made.close()


def test_a_channel_that_is_not_shown_and_refuses_the_chain_is_named() -> None:
    x = emg().copy(deep=True)
    x.values[:, 1] += 500
    made = Tuner(x, Chain(filters.Rectify()))
    assert made.wait()
    assert drawn(made, "filtered").size
    (said,) = made.doubts
    assert "b" in said
    assert "offset" in said
    made.close()


# ---- stored sessions


def apply(made: Tuner) -> None:
    """Press the button, and wait until it can be pressed again."""
    button = control(made, "Apply to sessions")
    button.click()
    until(lambda: not button.disabled)


def test_sessions_are_filtered_into_new_stores_beside_them(session, tmp_path) -> None:
    paths = [recording.save(session, tmp_path / f"{name}.zarr") for name in ("one", "two")]
    made = Tuner(session)
    control(made, "sessions").value = str(tmp_path / "*.zarr")
    apply(made)
    assert "Filtered into" in shown(made)
    (progress,) = (each for each in inside(made) if type(each).__name__ == "FloatProgress")
    assert progress.value == 1.0
    for path in paths:
        new = recording.open(path.with_name(f"{path.stem}-filtered.zarr"))
        assert amplitude(recording.emg(new), 50) < 0.05
        assert new["markers/text"].values.tolist() == ["smile", "rest"]
    assert made.apply(paths[:1])[0].name == "one-filtered-2.zarr", "nothing is overwritten"
    control(made, "sessions").value = str(tmp_path / "none*.zarr")
    apply(made)
    assert "no session matches" in shown(made)
    made.close()


def test_what_is_filtered_already_is_left_out_and_named(session, tmp_path) -> None:
    path = recording.save(session, tmp_path / "one.zarr")
    made = Tuner(session)
    (done,) = made.apply([path])

    control(made, "sessions").value = str(tmp_path / "*.zarr")
    apply(made)
    stores = sorted(each.name for each in tmp_path.glob("*.zarr"))
    assert stores == ["one-filtered-2.zarr", "one-filtered.zarr", "one.zarr"]
    assert "one-filtered.zarr (BandPass, Notch)" in shown(made)
    control(made, "sessions").value = str(done)
    apply(made)
    assert "Tick “include filtered sessions” to filter them again." in shown(made)
    with pytest.raises(ValueError, match="again=True"):
        made.apply([path, done])
    assert sorted(each.name for each in tmp_path.glob("*.zarr")) == stores
    control(made, "include filtered sessions").value = True
    apply(made)
    assert "Filtered into" in shown(made)
    twice = recording.emg(recording.open(tmp_path / "one-filtered-filtered.zarr"))
    assert [line["step"] for line in recording.history(twice)].count("filter") == 2
    made.close()
