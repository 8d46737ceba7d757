"""A journal decoded while it grows gives the decisions of the journal decoded as a whole."""

import decoders
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb import live
from emgnb.live._source import HostClock, Journal


@pytest.fixture(scope="module")
def lda():
    return decoders.lda()


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """Five seconds with lost scans, and a cable that was out for half a second."""
    made = decoders.face()
    values = decoders.counts(made, 5.0, ("smile", "frown"))
    place = tmp_path_factory.mktemp("recording")
    return decoders.journal(place, made, values, lost=[1234, 1500, 1501], unplugged=(3000, 3500))


def told(outputs):
    return [
        (o.number, o.host_ns, o.seconds, o.kind, dict(o.values), o.label, o.note) for o in outputs
    ]


def grown(journal, folder, model, sizes):
    """Decode a journal that grows to these sizes, one after the other."""
    data, place = journal.read_bytes(), folder / "journal.emgj"
    place.write_bytes(data[:8])
    source, decoder, outputs = Journal(folder, model), None, []
    with place.open("ab") as file:
        for begin, end in zip([8, *sizes], [*sizes, len(data)], strict=True):
            file.write(data[begin:end])
            file.flush()
            scans = source.read()
            if scans.numbers.size and decoder is None:
                decoder = live.Decoder(model, source.like)
            if decoder is not None:
                outputs += decoder.push(*scans)
    source.close()
    return outputs


@given(data=st.data())
@settings(max_examples=10)
def test_decisions_do_not_depend_on_how_the_journal_grew(journal, lda, tmp_path_factory, data):
    size = journal.stat().st_size
    sizes = sorted(data.draw(st.lists(st.integers(8, size), max_size=30)))
    outputs = grown(journal, tmp_path_factory.mktemp("grown"), lda, sizes)
    assert told(outputs) == told(live.replay(journal, lda))


def test_every_gap_of_a_journal_is_announced_at_its_time(journal, lda):
    outputs = live.replay(journal.parent, lda)
    gaps = [o for o in outputs if o.kind == "gap"]
    assert [o.note for o in gaps[:2]] == ["1 scan lost (0.001 s)", "2 scans lost (0.002 s)"]
    lost = int(gaps[2].note.split()[0])
    assert len(gaps) == 3
    assert 490 <= lost <= 510
    assert [round(o.seconds, 2) for o in gaps] == pytest.approx([1.235, 1.502, 3.5], abs=0.02)
    assert outputs[-1].seconds == pytest.approx(5.0, abs=0.06)


def test_the_smile_and_the_frown_are_told_apart(journal, lda):
    outputs = live.replay(journal, lda)
    smile = [o.label for o in outputs if 0.7 < o.seconds < 2.0 and o.kind != "gap"]
    frown = [o.label for o in outputs if 2.7 < o.seconds < 3.0 and o.kind != "gap"]
    assert smile.count("smile") > 0.8 * len(smile) > 5
    assert frown.count("frown") > 0.8 * len(frown) > 2


def test_host_times_are_those_of_the_earliest_arrivals_and_never_run_backwards():
    rng = np.random.default_rng(0)
    rate, real = 1000.0, 1001.3
    numbers = np.arange(60_000)
    ends = np.arange(9, 60_000, 10)
    true = 5.0 + numbers / real
    late = rng.exponential(0.002, ends.size) + (rng.random(ends.size) < 0.01) * 0.1
    clock, parts = HostClock(rate), []
    for k, end in enumerate(ends.tolist()):
        parts.append(clock.times(numbers[end - 9 : end + 1], [(9, true[end] + late[k])]))
    host = np.concatenate(parts)
    assert (np.diff(host) >= 0).all()
    off = host[5000:] / 1e9 - true[5000:]
    assert np.median(off) < 0.002
    assert off.min() > -0.001
    whole = HostClock(rate).times(
        numbers, [(e, true[e] + w) for e, w in zip(ends.tolist(), late, strict=True)]
    )
    np.testing.assert_array_equal(whole, host)


@pytest.mark.parametrize("off", [-0.02, -0.008, -0.003, 0.0, 0.003, 0.02])
def test_the_times_of_an_hour_do_not_drift_with_the_clock_of_the_board(off):
    """A board's clock may be wrong by 2 %, and it wanders while the board gets warm."""
    rng = np.random.default_rng(1)
    moments = np.arange(1, 36_001) * 0.1
    warm = 1e-4 * 900 * (1 - np.exp(-moments / 900))  # s that it gains in the end
    counted = np.round(1000 * (moments * (1 + off) + warm)).astype(np.int64)
    late = rng.exponential(0.002, moments.size)
    clock, before, wrong = HostClock(1000.0), 0, []
    for end, at in zip(counted.tolist(), (moments + late).tolist(), strict=True):
        numbers = np.arange(before, end)
        host = clock.times(numbers, [(numbers.size - 1, at)])
        wrong.append(host[-1] / 1e9 - (at - late[len(wrong)]))
        before = end
    wrong = np.array(wrong)
    assert wrong.min() > -0.005
    assert np.percentile(wrong, 99) < 0.015
    assert abs(np.median(wrong[-600:]) - np.median(wrong[:600])) < 0.005


def test_a_board_that_does_not_report_its_rate_is_decoded_once_it_is_measured(lda, tmp_path):
    made = decoders.face()
    values = decoders.counts(made, 4.0, ("smile", "rest"))
    unknown = decoders.journal(tmp_path / "a", made, values, about={"rate": None})
    known = decoders.journal(tmp_path / "b", made, values)
    late, early = live.replay(unknown, lda), live.replay(known, lda)
    assert 2.0 < early[-len(late)].seconds < 2.4
    assert [(dict(o.values), o.label) for o in late[2:]] == [
        (dict(o.values), o.label) for o in early[-len(late) + 2 :]
    ]


def test_what_cannot_be_replayed_says_why(lda, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing recorded"):
        live.replay(tmp_path, lda)
    made = decoders.face(rate=500.0)
    slow = decoders.journal(tmp_path, made, decoders.counts(made, 1.0))
    with pytest.raises(ValueError, match="500 Hz, the model is for 1000 Hz"):
        live.replay(slow, lda)
