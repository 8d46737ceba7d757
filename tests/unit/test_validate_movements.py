"""Bursts of all channels are joined into movements; blinks and trains are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from emgnb import detect, filters, labels, recording, simulate, validate

NAMES = ("frontalis_medialis", "orbicularis_oculi", "zygomaticus_major", "mentalis")


def signal() -> xr.DataArray:
    return recording.signal(
        np.zeros((10, 4)),
        rate=1000,
        units="uV",
        channel=NAMES,
        muscle=NAMES,
        side=("left", "left", "left", "midline"),
    )


def bursts(*rows: tuple[float, float, str, float]) -> xr.Dataset:
    onset, offset, channel, snr = zip(*sorted(rows), strict=True)
    made = labels.events(onset, offset, channel=channel)
    made["snr"] = ("event", np.array(snr))
    return made


def test_bursts_that_overlap_are_one_movement_and_crosstalk_does_not_lengthen_it() -> None:
    table = bursts(
        (1.0, 1.3, "zygomaticus_major", 12),
        (1.05, 1.4, "mentalis", 6),
        (0.9, 1.3, "mentalis", 1),  # weaker by more than 10 dB, and mostly covered
        (1.02, 1.35, "orbicularis_oculi", 8),  # the cheeks rise in a smile
        (5.0, 5.4, "frontalis_medialis", 9),
    )
    made = validate.movements(table, signal())
    assert made["onset"].values.tolist() == [1.0, 5.0]
    assert made["offset"].values.tolist() == [1.4, 5.4]
    assert made["channel"].values.tolist() == ["zygomaticus_major", "frontalis_medialis"]
    assert set(made["channels"].values[0].split(",")) == set(NAMES[1:])
    assert made["source"].values.tolist() == ["", ""]


def test_upper_and_lower_face_stay_apart_unless_they_agree() -> None:
    table = bursts((1.0, 3.0, "mentalis", 9), (2.0, 2.3, "frontalis_medialis", 9))
    made = validate.movements(table, signal())
    assert made["channels"].values.tolist() == ["mentalis", "frontalis_medialis"]


def test_blinks_and_trains_are_no_micro_expressions() -> None:
    syllables = [(10 + 0.4 * n, 10.2 + 0.4 * n, "mentalis", 9.0) for n in range(5)]
    table = bursts(
        (1.0, 1.15, "orbicularis_oculi", 12),
        (3.0, 3.8, "orbicularis_oculi", 12),  # too long for a blink
        (6.0, 6.3, "zygomaticus_major", 9),
        *syllables,
        (11.0, 11.3, "frontalis_medialis", 9),  # a brow moves while the mouth speaks
        (20.0, 20.3, "mentalis", 9),
        (21.4, 21.7, "mentalis", 9),  # more than a second apart
    )
    made = validate.movements(table, signal())
    alone = ["lids", "", ""]
    assert made["source"].values.tolist() == [*alone, *3 * ["train"], "", *2 * ["train"], "", ""]
    kind = validate.spot(made)
    assert kind["onset"].values.tolist() == [3.0, 6.0, 11.0, 20.0, 21.4]
    assert kind["kind"].values.tolist() == ["macro", *4 * ["micro"]]


def test_what_cannot_be_joined_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="no channel and snr"):
        validate.movements(labels.events(1, 2), signal())
    with pytest.raises(ValueError, match="lacks: masseter"):
        validate.movements(bursts((1, 2, "masseter", 3)), signal())
    none = validate.movements(bursts((1, 2, "mentalis", 3)).isel(event=[]), signal())
    assert none.sizes["event"] == 0


def test_micro_expressions_are_spotted_between_speech_and_chewing() -> None:
    times = (3.0, 5.5, 8.0, 24.0, 27.0)
    acts = [
        *(simulate.Act(at, "frown", 0.3, 0.08) for at in times),
        *simulate.speech(11.0, 16.0, seed=1),
        *simulate.chewing(17.0, 21.0, seed=2),
    ]
    face = simulate.face(script=acts, seed=4, difficulty="easy", duration=30.0)
    x = face["emg/signal"]
    found = detect.bursts(filters.preset_for(x)(x), false_alarms=0.05)
    micro = validate.spot(validate.movements(found, x), shortest=0.1)
    score = validate.score_spotting(
        micro.isel(event=np.flatnonzero(micro["kind"].values == "micro")),
        labels.events(times, np.add(times, 0.3)),
    )
    assert (score.found, score.missed) == (len(times), 0)
    assert score.false <= 1
