"""Windows around events, and how much a muscle answered them."""

import numpy as np
import pytest

from emgnb import evaluate, features, labels, recording, windows
from emgnb.interop import corpora

RATE = 100.0
ONSETS = np.array([5.0, 12.0, 19.0])


def envelope(before: float = 1.0, after: float = 3.0):
    """Two channels that step at each onset, the second not at all."""
    time = np.arange(2500) / RATE
    on = ((time[:, None] >= ONSETS) & (time[:, None] < ONSETS + 3)).any(axis=1)
    values = np.stack([np.where(on, after, before), np.full(time.size, 2.0)], axis=1)
    return recording.signal(
        values, rate=RATE, units="uV", channel=["zyg", "corr"], signal_kind="envelope"
    )


def trials_of(x, onsets=ONSETS):
    made = recording.make(x, markers=recording.markers(onsets, ["happy"] * len(onsets)))
    return labels.trials(made, reaction=0)


def test_the_clock_of_a_window_is_zero_at_the_onset():
    x = envelope()
    made = windows.around(x, trials_of(x), before=1, after=2)
    assert made.sizes == {"window": 3, "channel": 2, "sample": 300}
    np.testing.assert_allclose(made["sample"][[0, 100, -1]], [-1, 0, 1.99], atol=1e-9)
    assert (made.sel(channel="zyg").sel(sample=slice(-1, -0.005)) == 1).all()
    assert (made.sel(channel="zyg").sel(sample=slice(0, 1.99)) == 3).all()


def test_windows_beyond_the_recording_or_over_a_gap_are_dropped_and_counted():
    x = envelope()
    x.values[1300] = np.nan
    made = windows.around(x, trials_of(x, [0.5, *ONSETS, 24.5]), before=1, after=2)
    np.testing.assert_allclose(made["time"], [6.99, 20.99])
    assert '"lost": 1' in made.attrs["dropped"]
    assert '"short trials": 2' in made.attrs["dropped"]


def test_stacked_windows_keep_their_clock():
    x = envelope()
    one = windows.around(x, trials_of(x), before=1, after=2)
    other = one.assign_coords(participant=("window", ["P02"] * 3))
    assert windows.stack([one, other])["sample"].identical(one["sample"])


def test_a_response_is_the_ratio_to_the_moment_before():
    x = envelope(before=1.0, after=3.0)
    cut = windows.around(x, trials_of(x), before=1, after=2)
    log = features.response(cut, baseline=(-1, 0), window=(0, 2))
    np.testing.assert_allclose(log, [[np.log(3), 0]] * 3, atol=1e-9)
    assert log.attrs["units"] == "1"
    change = features.response(cut, baseline=(-1, 0), window=(0, 2), log=False)
    np.testing.assert_allclose(change, [[2, 0]] * 3, atol=1e-9)
    assert change.attrs["units"] == "uV"


def test_gain_does_not_change_a_log_response():
    x = envelope()
    cut = windows.around(x, trials_of(x), before=1, after=2)
    louder = windows.around(x.copy(data=20 * x.values), trials_of(x), before=1, after=2)
    np.testing.assert_allclose(features.response(louder), features.response(cut), atol=1e-6)


def test_raw_emg_answers_by_its_power_however_it_swings():
    rng = np.random.default_rng(0)
    x = envelope()
    noise = rng.standard_normal(x.shape)
    raw = recording.signal(x.values * noise, rate=RATE, units="uV", channel=["zyg", "corr"])
    cut = windows.around(raw, trials_of(raw), before=1, after=2)
    found = features.response(cut, baseline=(-1, 0), window=(0, 2))
    np.testing.assert_allclose(found.mean("window"), [np.log(3), 0], atol=0.15)


def test_what_cannot_be_a_response_is_refused():
    x = envelope()
    cut = windows.around(x, trials_of(x), before=1, after=2)
    with pytest.raises(ValueError, match="from -1 to 2 s"):
        features.response(cut, baseline=(-2, 0))
    with pytest.raises(ValueError, match="around"):
        features.response(windows.cut(x, length=1, step=1))
    with pytest.raises(ValueError, match="log=False"):
        features.response(cut.copy(data=cut.values - 1).assign_attrs(cut.attrs))
    with pytest.raises(ValueError, match="overlap"):
        windows.around(x, trials_of(x), before=4, after=6)


def films(path, columns: int, *, rows: int = 1000):
    """A file as AcqKnowledge exports it: a film of each kind, and a trailing tab."""
    rng = np.random.default_rng(0)
    raw = 0.01 * rng.standard_normal((rows, 2))
    averaged = np.abs(raw)
    waves = np.zeros((rows, 3))
    for k, at in enumerate((300, 500, 700)):
        waves[at - 10 : at, k] = 5
    skin, time, heart = rng.uniform(4, 5, rows), np.arange(rows) / 6000, raw[:, 0] * 50
    parts = [skin, *raw.T, *averaged.T, *waves.T]
    if columns == 10:
        parts = [time, skin, raw[:, 0], heart, raw[:, 1], *averaged.T, *waves.T]
    lines = ["\t".join(f"{value:g}" for value in row) + "\t" for row in np.stack(parts, axis=1)]
    path.write_text("\n".join(lines) + "\n")
    return averaged


@pytest.mark.parametrize("columns", [8, 10])
def test_a_film_begins_where_its_wave_falls(tmp_path, columns):
    path = tmp_path / "31_FMOV_preprocessed.txt"
    averaged = films(path, columns)
    session = corpora.read_face_films(path)
    assert session["markers/text"].values.tolist() == ["angry", "happy", "neutral"]
    np.testing.assert_allclose(session["markers/time"], [3, 5, 7])
    x = session["emg/signal"].sel(channel=["zygomaticus", "corrugator"])
    assert set(x["signal_kind"].values) == {"envelope"}
    np.testing.assert_allclose(x, averaged, rtol=1e-5)
    assert session.attrs["participant"] == "31"
    assert recording.known_faults(session) == [
        "Exported at 100 Hz: raw EMG above 50 Hz is aliased to lower frequencies."
    ]


def test_other_files_are_refused_with_what_was_found(tmp_path):
    path = tmp_path / "09_FMOV_preprocessed.txt"
    path.write_text("1\t2\t3\n4\t5\t6\n")
    with pytest.raises(ValueError, match="2 rows of 3 columns"):
        corpora.read_face_films(path)
    films(path, 8)
    path.write_text(path.read_text().replace("\t5\t", "\t0\t"))
    with pytest.raises(ValueError, match="no film begins"):
        corpora.read_face_films(path)
    with pytest.raises(FileNotFoundError):
        corpora.read_face_films(tmp_path / "absent.txt")


def test_the_published_averages_are_not_in_the_unit_of_the_raw_emg(shared_data):
    for path in sorted((shared_data / "nilsonne").glob("*.txt")):
        session = corpora.read_face_films(path)
        assert any("not in mV" in fault for fault in recording.known_faults(session))
        cut = windows.around(session, labels.trials(session, reaction=0), before=2, after=6)
        assert cut.sizes == {"window": 12, "channel": 4, "sample": 800}
        z = evaluate.standardise_within(features.response(cut, baseline=(-2, 0), window=(2, 4)))
        np.testing.assert_allclose(z.mean("window"), 0, atol=1e-6)
