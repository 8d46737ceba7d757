"""One set of limits and advice: a board is judged alike wherever it is looked at."""

import numpy as np
import pytest

from emgnb import acquire, advice, quality, recording
from emgnb.doctor import wrong_channels
from emgnb.widgets.capture._trouble import troubles


def said_by_widget(**health: object) -> set[str]:
    found = troubles(acquire.Health(state="recording", **health))
    return {each.what.rstrip(".").lower() for each in found}


@pytest.mark.parametrize("off", [0.002, 0.007, 0.012, -0.02])
def test_the_same_clock_is_right_or_wrong_for_doctor_and_widget(off):
    # Ceramic resonators are off by up to 0.7 %: below 1 % it is an ordinary board.
    rate = 1000 * (1 + off)
    doctor = advice.of_stream(scans=5000, rate=rate, nominal=1000)
    widget = said_by_widget(scans=5000, rate=rate, nominal_rate=1000, drift_ppm=1e6 * off)
    assert {each.what.lower() for each in doctor} == widget
    assert bool(widget) == (abs(off) > 0.01)


@pytest.mark.parametrize(
    "counts",
    [{"lost": 1}, {"lost": 500}, {"crc_errors": 40}, {"overruns": 3}, {"dropped": 9}],
)
def test_what_is_lost_is_told_in_the_same_words(counts):
    told = {**counts, "damaged": counts.get("crc_errors", 0)}
    told.pop("crc_errors", None)
    doctor = advice.of_stream(scans=5000, **told)
    assert len(doctor) == 1
    assert {each.what.lower() for each in doctor} == said_by_widget(scans=5000, **counts)


def test_health_line_and_widget_clip_from_the_same_share_on():
    edge = advice.CLIPPED
    for share in (edge, edge + 0.001):
        health = acquire.Health(state="recording", clipping={"zyg": share})
        assert ("clipping" in str(health)) == bool(troubles(health)) == (share > edge)


def test_the_report_grades_by_the_same_limits():
    assert quality.LIMITS["clipped"][1] == advice.CLIPPED
    assert quality.LIMITS["mains"][1] == advice.MAINS
    assert quality.LIMITS["motion"][1] == advice.MOTION


def channels() -> dict[str, np.ndarray]:
    """A resting muscle whose slow drift is tiny, one that swings, hum, an open input, no lead."""
    rng = np.random.default_rng(3)
    t = np.arange(5000) / 1000
    noise = rng.normal(0, 0.002, 5000)
    return {
        "rest": noise + 0.02 * np.sin(2 * np.pi * 0.7 * t),
        "faint hum": noise + 0.02 * np.sin(2 * np.pi * 50 * t),
        "swings": noise + 0.5 * np.sin(2 * np.pi * 1.3 * t),
        "hum": noise + 0.06 * np.sin(2 * np.pi * 50 * t),
        "open": noise + 1.5 * np.sin(2 * np.pi * 50 * t),
        "off": np.full(5000, 2.5),
        "well": rng.normal(0, 0.05, 5000),
    }


def test_a_quiet_muscle_is_no_loose_electrode():
    found = channels()
    x = recording.signal(
        np.column_stack(list(found.values())), rate=1000, units="V", channel=list(found)
    )
    report = quality.report(x)
    wrong = {"swings": "motion", "hum": "mains", "open": "open", "off": "none"}
    assert wrong_channels(report, span=5.0) == wrong
    said = troubles(acquire.Health(), report=report, span=5.0)
    assert {each.what.partition(": ")[2].rstrip(".") for each in said} == set(wrong)
    # Without the converter's range, shares of the power are all there is.
    alone = wrong_channels(report)
    assert (alone["rest"], alone["faint hum"]) == ("motion", "mains")


def test_what_to_do_is_the_same_sentence_in_doctor_and_widget():
    clipped = troubles(acquire.Health(clipping={"zyg": 0.3}))[0]
    assert clipped.todo.rstrip(".").lower() == advice.CHANNEL["clipped"].todo
