"""Decoding sample by sample equals decoding as a whole, and what is missing is announced."""

import itertools
import math

import decoders
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb import evaluate, features, filters, labels, live, models, recording, windows
from emgnb.live._smoothing import Smoothing

RATE = 1000.0


@pytest.fixture(scope="module")
def session() -> xr.DataTree:
    return decoders.session()


@pytest.fixture(scope="module")
def x(session: xr.DataTree) -> xr.DataArray:
    return recording.emg(session)


CUED = ((0, "rest"), (1, "smile"), (3, "frown"))
# The notch settles for half a second.
CHAIN = filters.Chain(filters.BandPass(20, 400), filters.Notch(50))


@pytest.fixture(scope="module")
def lda(session: xr.DataTree, x: xr.DataArray) -> models.Classifier:
    cut = windows.cut(CHAIN.causal(x), labels.trials(session))
    return models.fit(features.extract(cut))


@pytest.fixture(scope="module")
def levels(session: xr.DataTree) -> live.Proportional:
    return live.proportional(session)


def scans(x: xr.DataArray, rows: int = 6000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, values and host times of a signal's first rows."""
    numbers = np.arange(rows)
    return numbers, x.values[:rows], 10**15 + numbers * 1_000_000


def decoded(decoder: live.Decoder, *columns: np.ndarray, cuts: tuple[int, ...] = ()) -> list:
    edges = [0, *sorted(cuts), len(columns[0])]
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    return [out for part in parts for out in decoder.push(*(each[part] for each in columns))]


def told(outputs: list[live.Output]) -> list:
    """Everything that an output says, except the delay, which is NaN here."""
    return [
        (o.number, o.host_ns, o.seconds, o.kind, dict(o.values), o.label, o.note) for o in outputs
    ]


def test_a_classifier_decides_as_it_does_for_the_windows_of_the_whole_recording(x, lda):
    decoder = live.Decoder(lda, x)
    outputs = decoded(decoder, *scans(x))
    cut = windows.cut(CHAIN.causal(x.isel(time=slice(0, 6000))))
    whole = lda.predict(features.extract(cut))
    ends = np.round(cut["time"].values * RATE).astype(int)
    # Windows in which the filters still settle are left out.
    kept = ends >= ends[-1] - 50 * (len(outputs) - 1)
    assert ends[kept][0] >= decoder.settling * RATE - 51
    np.testing.assert_array_equal([o.seconds for o in outputs], ends[kept] / RATE)
    np.testing.assert_allclose(
        [[o.values[name] for name in lda.classes] for o in outputs], whole.values[kept], rtol=1e-5
    )
    best = whole["class"].values[whole.values.argmax(axis=1)][kept]
    assert [o.label for o in outputs] == best.tolist()


@given(data=st.data())
@settings(max_examples=15)
def test_any_chunking_gives_the_same_outputs_bit_by_bit(x, lda, levels, data):
    model = data.draw(st.sampled_from([lda, levels]))
    numbers, values, host = scans(x, 3000)
    lost = data.draw(st.lists(st.integers(1, 2999), max_size=4, unique=True))
    keep = np.setdiff1d(numbers, lost)
    options = {"majority": 3, "hold": 2} if model is lda else {}
    columns = numbers[keep], values[keep], host[keep]
    whole = decoded(live.Decoder(model, x, **options), *columns)
    cuts = data.draw(st.lists(st.integers(0, len(keep)), max_size=40))
    assert told(decoded(live.Decoder(model, x, **options), *columns, cuts=tuple(cuts))) == told(
        whole
    )
    assert sum(o.kind == "gap" for o in whole) == sum(
        n not in lost and n - 1 in lost for n in numbers[keep][1:]
    )


def test_scan_by_scan_and_a_session_give_the_same_as_the_whole(x, lda):
    part = x.isel(time=slice(0, 2000))
    whole = live.replay(part, lda)
    one_by_one = decoded(live.Decoder(lda, x), *scans(x, 2000), cuts=tuple(range(2000)))
    said = [(o.seconds, dict(o.values), o.label) for o in whole]
    assert said == [(o.seconds, dict(o.values), o.label) for o in one_by_one]


def test_lost_scans_are_announced_and_nothing_is_decided_until_the_filters_have_settled(x, lda):
    numbers, values, host = scans(x)
    keep = (numbers < 2500) | (numbers >= 2912)
    decoder = live.Decoder(lda, x)
    outputs = decoded(decoder, numbers[keep], values[keep], host[keep])
    (gap,) = [o for o in outputs if o.kind == "gap"]
    assert gap.note == "412 scans lost (0.412 s)"
    assert (gap.seconds, gap.label, dict(gap.values)) == (2.912, None, {})
    after = outputs[outputs.index(gap) + 1]
    assert decoder.settling > 0.5
    assert 0 <= after.seconds - 2.912 - decoder.settling < 0.05
    assert [o.number for o in outputs] == list(range(len(outputs)))
    # After the gap, the decoder decides as one that began there.
    alone = decoded(live.Decoder(lda, x), numbers[2912:], values[2912:], host[2912:])
    after_gap = [o for o in outputs if o.seconds > 2.912]
    assert [(dict(o.values), o.label) for o in after_gap] == [
        (dict(o.values), o.label) for o in alone
    ]


def test_a_missing_value_is_a_lost_scan(x, lda):
    numbers, values, host = scans(x, 3000)
    values = values.copy()
    values[1500, 3] = np.nan
    outputs = decoded(live.Decoder(lda, x), numbers, values, host)
    assert [o.note for o in outputs if o.kind == "gap"] == ["1 scan lost (0.001 s)"]


def test_scans_out_of_order_are_refused(x, lda):
    decoder = live.Decoder(lda, x)
    columns = scans(x, 100)
    decoder.push(*columns)
    with pytest.raises(ValueError, match="do not ascend"):
        decoder.push(*columns)


def test_when_no_scans_come_it_is_said_at_once_and_again(x, lda):
    decoder = live.Decoder(lda, x)
    assert decoder.tick(10**15) == []
    numbers, values, host = scans(x, 2000)
    decoder.push(numbers, values, host)
    newest = int(host[-1])
    assert decoder.tick(newest + 200_000_000) == []
    (first,) = decoder.tick(newest + 300_000_000, "the board is unplugged")
    assert (first.kind, first.note) == ("gap", "no scans for 0.3 s: the board is unplugged")
    assert (first.host_ns, first.delay) == (newest, 0.3)
    assert decoder.tick(newest + 400_000_000) == []
    (again,) = decoder.tick(newest + 900_000_000)
    assert again.note == "no scans for 0.9 s"
    # Scans that come late continue where the others ended.
    assert not [o for o in decoder.push(numbers + 2000, values, host) if o.kind == "gap"]


def test_a_decoder_that_is_behind_skips_the_oldest_outputs_and_says_so(x, lda):
    now = itertools.count(10**15 + 6_000_000_000, 1000)
    numbers, values, host = scans(x)
    decoder = live.Decoder(lda, x, clock=lambda: next(now), max_delay=0.3)
    outputs = decoder.push(numbers, values, host)
    whole = decoded(live.Decoder(lda, x), numbers, values, host)
    gap, *rest = outputs
    count = len(whole) - len(rest)
    assert gap.note == f"{count} outputs skipped: decoding was 5.2 s late"
    assert [o.number for o in outputs] == list(range(count, count + len(outputs)))
    assert [dict(o.values) for o in rest] == [dict(o.values) for o in whole[count:]]
    assert all(o.delay <= 0.3 + 0.001 for o in rest)


def test_uncertain_windows_are_rejected(session, x):
    chin = x.isel(channel=[6, 7])  # which tells little of smiles and frowns
    cut = windows.cut(CHAIN.causal(chin), labels.trials(session))
    model = models.fit(features.extract(cut))
    outputs = decoded(live.Decoder(model, chin, reject=0.6), *scans(chin))
    sure = [max(o.values.values()) >= 0.6 for o in outputs]
    assert [o.label is not None for o in outputs] == sure
    assert 0 < sum(sure) < len(sure)


@pytest.mark.parametrize(
    ("majority", "hold", "steps"), [(1, 1, 0), (5, 1, 2), (1, 3, 2), (3, 2, 2)]
)
def test_smoothing_delays_a_change_by_what_the_stream_states(x, lda, majority, hold, steps):
    smoothing = Smoothing(majority, hold)
    given = ["rest"] * 10 + ["smile"] * 10
    found = [smoothing.push(label) for label in given]
    assert found[9] == "rest"
    assert found.index("smile") == 10 + steps
    plain = live.Decoder(lda, x).stream.added_delay
    smoothed = live.Decoder(lda, x, majority=majority, hold=hold).stream.added_delay
    assert smoothed - plain == pytest.approx(steps * 0.05)


def test_a_single_odd_label_is_outvoted():
    smoothing = Smoothing(majority=3)
    found = [smoothing.push(label) for label in ["rest", "rest", "smile", "rest", None, "rest"]]
    assert found == ["rest"] * 6


def test_intensities_are_small_at_rest_and_large_in_the_movement_that_they_tell(session, levels):
    assert {"L4", "L12", "R12"} < set(levels.names)
    assert "17" not in levels.names  # the chin did not move, so its maximum is unknown
    assert levels.maximum == "comfortable"
    outputs = live.replay(session, levels)
    assert {o.kind for o in outputs} == {"intensities"}
    seconds = np.array([o.seconds for o in outputs])
    values = {unit: np.array([o.values[unit] for o in outputs]) for unit in ("L4", "L12")}
    # Cues every 2 s: rest, smile, rest, frown, rest, …
    at = {name: (seconds % 8 > 2 * n + 0.8) & (seconds % 8 < 2 * n + 2) for n, name in CUED}
    assert np.median(values["L12"][at["smile"]]) > 0.5
    assert np.median(values["L4"][at["frown"]]) > 0.5
    assert max(np.median(values[unit][at["rest"]]) for unit in values) < 0.1
    assert min(each.min() for each in values.values()) >= 0
    assert max(each.max() for each in values.values()) <= 1


def test_intensities_follow_from_levels_alone():
    levels = live.Proportional(
        channel=("a", "b", "c", "d"),
        units_of=("L12", "L12", "4", ""),
        rest=(1.0, 1.0, 10.0, 1.0),
        most=(11.0, 21.0, 11.0, 9.0),
        units="uV",
        rate=RATE,
        chain=filters.Chain(filters.Envelope(10)),
    )
    assert levels.names == ("L12",)  # the frown's maximum does not stand out
    assert levels.intensities([6.0, 11.0, 11.0, 9.0]) == {"L12": 0.5}
    assert levels.intensities([0.0, -1.0, 0.0, 0.0]) == {"L12": 0.0}
    assert levels.intensities([99.0, 99.0, 99.0, 9.0]) == {"L12": 1.0}
    assert levels.intensities([np.nan, np.nan, 1.0, 1.0]) == {}


def renamed(session: xr.DataTree, **names: str) -> xr.DataTree:
    """Return a session whose markers request other expressions."""
    marks = session["markers"].to_dataset()
    texts = [names.get(str(text), str(text)) for text in marks["text"].values]
    return recording.make(
        recording.emg(session), markers=recording.markers(marks["time"].values.tolist(), texts)
    )


def test_a_channel_gets_its_maximum_from_expressions_that_move_it(session, levels):
    # The run has smiles and frowns: in the other channels a contraction is crosstalk.
    assert set(levels.names) <= {"L4", "L6", "L12", "R12"}
    assert {"L12", "R12", "L4"} <= set(levels.names)
    assert {"L1", "17"} <= set(levels.untold)
    assert levels.most[levels.units_of.index("L1")] == 0
    smiles = live.proportional(renamed(session, frown="rest"))
    assert "L4" in smiles.untold
    one_sided = live.proportional(renamed(session, smile="contempt"))
    assert "R12" in one_sided.names
    assert "L12" in one_sided.untold


def test_an_expression_that_is_not_known_counts_for_all_channels(session):
    levels = live.proportional(renamed(session, smile="grimace", frown="grimace"))
    assert all(levels.most)


def test_where_no_expression_moves_a_channel_it_is_said(session):
    with pytest.raises(ValueError, match="in an expression that moves it"):
        live.proportional(renamed(session, smile="clench", frown="clench"))


def test_levels_survive_the_disk(levels, tmp_path):
    path = levels.save(tmp_path / "levels")
    assert live.load(path) == levels
    path.write_text('{"format": "emgnb proportional 1"}')
    with pytest.raises(ValueError, match="measure them again"):
        live.load(path)


def test_the_stream_states_its_delay(x, lda, levels):
    of_lda, of_levels = live.Decoder(lda, x).stream, live.Decoder(levels, x).stream
    assert (of_lda.kind, of_lda.names, of_lda.rate) == ("expression", lda.classes, 20.0)
    assert 0.1 < of_lda.added_delay < 0.13  # half a window, and some ms of filters
    assert (of_levels.kind, of_levels.rate) == ("intensities", 50.0)
    assert 0.02 < of_levels.added_delay < 0.04
    assert math.isnan(live.replay(x.isel(time=slice(0, 2000)), lda)[0].delay)


def test_what_does_not_fit_is_said_before_anything_is_decoded(x, lda, levels, session):
    with pytest.raises(ValueError, match=r"channel .* expected"):
        live.Decoder(lda, x.isel(channel=slice(0, 7)))
    with pytest.raises(ValueError, match="500 Hz, the model is for 1000 Hz"):
        live.Decoder(lda, filters.resample(x, 500.0))
    with pytest.raises(ValueError, match=r"live\.proportional on a recording"):
        live.Decoder(levels, x.isel(channel=slice(0, 7)))
    with pytest.raises(ValueError, match="hop=0, expected s, above 0; reject=2"):
        live.Decoder(lda, x, hop=0, reject=2)
    with pytest.raises(TypeError, match="str cannot run live"):
        live.Decoder("lda", x)
    with pytest.raises(ValueError, match="mark 'baseline', 'mvc smile'"):
        live.proportional(x)


def test_a_model_that_needs_more_than_one_window_says_what_to_train_instead(session, x):
    cut = windows.cut(CHAIN.causal(x), labels.trials(session))
    within = evaluate.standardise_within(features.extract(cut), by="participant")
    with pytest.raises(ValueError, match=r"more than one window .*standardise_within"):
        live.Decoder(models.fit(within), x)


def test_filters_that_need_the_whole_recording_are_refused(session, x):
    clean = filters.Chain(filters.BandPass(20, 400), filters.MainsFit(50))(x)
    model = models.fit(features.extract(windows.cut(clean, labels.trials(session))))
    with pytest.raises(ValueError, match="MainsFit"):
        live.Decoder(model, x)
