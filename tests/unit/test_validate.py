"""What is injected into codes and bursts is what the comparison finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from emgnb import facs, labels, plots, recording, validate

SLOT = 2.0
UNITS = ("1", "4", "6", "10", "12", "15", "17")
EACH = 60
SECONDS = SLOT * EACH * len(UNITS) + 10


def signal() -> xr.DataArray:
    sites = facs.DEFAULT_MONTAGE
    return recording.signal(
        np.zeros((round(SECONDS * 10), len(sites)), dtype=np.float32),
        rate=10.0,
        units="uV",
        channel=[site.channel for site in sites],
        muscle=[site.muscle for site in sites],
        side=[site.side for site in sites],
    )


X = signal()


def coded(seed: int = 0) -> xr.Dataset:
    """Return 60 codes of each unit in random order, one every 2 s, of 0.3 to 1.2 s."""
    rng = np.random.default_rng(seed)
    au = rng.permutation(np.repeat(UNITS, EACH))
    onset = 5 + SLOT * np.arange(au.size) + rng.uniform(0, 0.3, au.size)
    letters = rng.choice(list("ABCDE"), au.size)
    return labels.events(
        onset, onset + rng.uniform(0.3, 1.2, au.size), au=au.tolist(), intensity=letters.tolist()
    )


def as_bursts(codes: xr.Dataset) -> xr.Dataset:
    """Return one burst in each channel that sees a code, as long as the code."""
    rows = [
        (float(codes["onset"][i]), float(codes["offset"][i]), channel, str(letter))
        for i, (au, side, letter) in enumerate(
            zip(*(codes[n].values for n in ("au", "side", "intensity")), strict=True)
        )
        for channel in labels.channels_for(X, str(au), str(side))
    ]
    onset, offset, channel, letters = zip(*rows, strict=True)
    made = labels.events(onset, offset, channel=list(channel))
    made["peak"] = ("event", np.array([100 * facs.intensity_fraction(x) for x in letters]))
    return made


def moved(table: xr.Dataset, shift: np.ndarray | float) -> xr.Dataset:
    return table.assign(onset=table["onset"] + shift, offset=table["offset"] + shift)


def with_more(table: xr.Dataset, onset: np.ndarray, **columns: object) -> xr.Dataset:
    more = labels.events(onset, onset + 0.3, **columns)  # type: ignore[arg-type]
    if "peak" in table:
        more["peak"] = ("event", np.full(onset.size, 10.0))
    return xr.concat([table, more], "event")


CODES = coded()
BURSTS = as_bursts(CODES)
# Times at which nothing is coded: the end of every slot.
QUIET = 5 + SLOT * np.arange(EACH * len(UNITS)) + 1.65


def test_perfect_labels_give_1_and_no_lag() -> None:
    report = validate.compare(BURSTS, CODES, X)
    for row in report.units:
        assert (row["coded"], row["found"], row["false"]) == (EACH, EACH, 0)
        for name in ("precision", "recall", "f1", "kappa", "skew_normalised_f1", "iou"):
            assert row[name] == pytest.approx((1.0, 1.0, 1.0))
        assert abs(row["lag"][0]) <= 0.002
    assert report.bursts_without_code == report.codes_without_burst == ()
    assert [row["rank_correlation"][0] for row in report.strength] == pytest.approx([1.0] * 7)


def test_a_coders_delay_and_jitter_come_back() -> None:
    rng = np.random.default_rng(1)
    late = moved(CODES, 0.2 + rng.normal(0, 0.05, CODES.sizes["event"]))
    report = validate.compare(BURSTS, late, X)
    lag = np.concatenate([report.pairs["lag"].values])
    assert np.median(lag) == pytest.approx(-0.2, abs=0.01)
    low, high = np.percentile(lag, [25, 75])
    assert high - low == pytest.approx(2 * 0.6745 * 0.05, rel=0.15)
    inside = [row["lag"][1] <= -0.2 <= row["lag"][2] for row in report.units]
    assert sum(inside) >= 5
    assert all(row["f1"][0] == 1.0 for row in report.units)


def test_a_cameras_frames_are_the_spread_of_lags() -> None:
    frames = np.ceil(CODES["onset"].values * 30) / 30
    report = validate.compare(
        BURSTS, moved(CODES, frames - CODES["onset"].values), X, frame_rate=30
    )
    lag = report.pairs["lag"].values
    assert -1 / 30 <= lag.min() <= lag.max() <= 0
    assert lag.mean() == pytest.approx(-1 / 60, abs=0.002)
    assert lag.std() == pytest.approx(1 / 30 / np.sqrt(12), rel=0.1)
    assert "30 fps resolves ±33 ms" in str(report)
    assert "not stated" in str(validate.compare(BURSTS, CODES, X))


def test_misses_and_false_bursts_come_back_exactly() -> None:
    rng = np.random.default_rng(2)
    one_sided = BURSTS["channel"].values != "zygomaticus_major_r"
    gone = (rng.random(BURSTS.sizes["event"]) < 0.2) & one_sided
    fewer = BURSTS.isel(event=np.flatnonzero(~gone))
    extra = rng.choice(QUIET, 15, replace=False)
    report = validate.compare(
        with_more(fewer, extra, channel="corrugator_l"), CODES, X, tolerance=0.3
    )
    names = BURSTS["channel"].values[gone].tolist()
    row = report.unit("4")
    missed = names.count("corrugator_l")
    assert (row["found"], row["false"]) == (EACH - missed, 15)
    assert row["recall"][0] == pytest.approx(1 - missed / EACH)
    assert row["recall"][1] <= 0.8 <= row["recall"][2]
    assert row["precision"][0] == pytest.approx(row["found"] / (row["found"] + 15))
    # The right cheek still shows a smile that the left one misses.
    assert report.unit("12")["recall"][0] == 1.0
    assert {row["expected_in"][0] for row in report.codes_without_burst} <= set(names)
    assert len(report.codes_without_burst) == len(names) - names.count("zygomaticus_major_l")
    assert [r["cause"] for r in report.bursts_without_code] == ["nothing"] * 15
    assert {r["explanation"] for r in report.codes_without_burst} == {"no burst at the time"}


def test_false_codes_come_back_with_the_channel_that_should_have_seen_them() -> None:
    extra = np.random.default_rng(3).choice(QUIET, 20, replace=False)
    report = validate.compare(BURSTS, with_more(CODES, extra, au="15"), X, tolerance=0.2)
    row = report.unit("15")
    assert (row["coded"], row["found"]) == (EACH + 20, EACH)
    assert row["recall"][0] == pytest.approx(EACH / (EACH + 20))
    assert {tuple(r["expected_in"]) for r in report.codes_without_burst} == {
        ("depressor_anguli_oris_l",)
    }
    assert {r["code"] for r in report.codes_without_burst} == {"15"}


def test_crosstalk_comes_back_in_the_matrix_and_as_an_explanation() -> None:
    rng = np.random.default_rng(4)
    smiles = np.flatnonzero(CODES["au"].values == "12")
    spread = smiles[rng.random(smiles.size) < 0.4]
    onset = CODES["onset"].values[spread]
    report = validate.compare(with_more(BURSTS, onset, channel="orbicularis_oculi_l"), CODES, X)
    share = report.crosstalk.sel(au="12")
    assert float(share.sel(channel="orbicularis_oculi_l")) == pytest.approx(spread.size / EACH)
    assert float(share.sel(channel="zygomaticus_major_l")) == 1.0
    assert float(share.sel(channel="mentalis")) == 0.0
    said = [row["explanation"] for row in report.bursts_without_code]
    assert len(said) == spread.size
    assert all("below visibility, or crosstalk from AU 12" in text for text in said)
    assert report.unit("6")["precision"][0] == pytest.approx(EACH / (EACH + spread.size))


def test_strength_against_intensity_needs_no_more_than_ranks() -> None:
    rng = np.random.default_rng(5)
    noisy = BURSTS.assign(peak=BURSTS["peak"] * rng.lognormal(0, 0.3, BURSTS.sizes["event"]))
    mvc = {site.channel: 200.0 for site in facs.DEFAULT_MONTAGE}
    report = validate.compare(noisy, CODES, X, mvc=mvc)
    everything = report.strength[-1]
    value, low, high = everything["rank_correlation"]
    assert (everything["au"], everything["unit"]) == ("all", "% MVC")
    assert low < value < high
    assert 0.9 < value < 1.0
    assert everything["median_by_intensity"]["C"] == pytest.approx(12.5, rel=0.15)
    shuffled = noisy.assign(peak=("event", rng.permutation(noisy["peak"].values)))
    value, low, high = validate.compare(shuffled, CODES, X, mvc=mvc).strength[-1][
        "rank_correlation"
    ]
    assert low <= 0 <= high


def test_units_of_one_muscle_share_a_burst_and_unseen_ones_are_set_apart() -> None:
    codes = labels.events(
        [10, 10.1, 20, 30, 40, 50],
        [11, 11, 21, 31, 41, 51],
        au=["9", "10", "5", "2", "12", ""],
        side=["", "", "", "", "R", ""],
        label="disgust",
    )
    bursts = labels.events([10, 40], [11, 41], channel=["levator_labii_l", "zygomaticus_major_r"])
    report = validate.compare(bursts, codes, X)
    assert [row["au"] for row in report.units] == ["9", "10", "12"]
    assert all((row["found"], row["false"]) == (1, 0) for row in report.units)
    reasons = {row["code"]: row["reason"] for row in report.codes_without_electrode}
    assert "does not see" in reasons["5"]
    assert "no electrode over frontalis_lateralis" in reasons["2"]
    assert report.settings["codes_without_au"] == 1


def test_a_shared_burst_begins_near_each_of_its_codes() -> None:
    codes = labels.events([10, 10.4], [11, 11], au=["9", "10"])
    bursts = labels.events([9.7], [11], channel=["levator_labii_l"])
    report = validate.compare(bursts, codes, X, tolerance=0.5)
    assert {row["au"]: row["found"] for row in report.units} == {"9": 1, "10": 0}
    (missed,) = report.codes_without_burst
    assert "outside the tolerance" in missed["explanation"]


def test_a_blink_within_a_smile_is_said_to_be_covered() -> None:
    codes = labels.events([10, 11], [13, 11.1], au=["6", "45"])
    bursts = labels.events([9.9, 11.5], [13, 11.6], channel=["orbicularis_oculi_l", "mentalis"])
    report = validate.compare(bursts, codes, X)
    assert [row["code"] for row in report.codes_without_burst] == ["45"]
    assert "matched with another code" in report.codes_without_burst[0]["explanation"]
    assert report.bursts_without_code[0]["cause"] == "other code"
    assert "1 with codes of other muscles only" in str(report)


def test_a_report_prints_draws_and_exports_what_it_means(tmp_path: Path) -> None:
    report = validate.compare(BURSTS, CODES, X, frame_rate=30)
    page = report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    told = json.loads(report.to_json(tmp_path / "report.json").read_text(encoding="utf-8"))
    for text in (str(report), report._repr_html_(), page, told["meaning"]):
        assert "no emotion, is no diagnosis, and does not detect lies" in text
    assert told["units"][0]["f1"] == [1.0, 1.0, 1.0]
    assert len(told["crosstalk"]["active"]) == len(UNITS)
    with pytest.raises(FileExistsError):
        report.to_json(tmp_path / "report.json")
    figure = plots.validation(report)
    boxes = [each for each in figure.data if each.type == "box"]
    assert len(boxes) == len(UNITS)
    for box, row in zip(boxes, report.units, strict=True):
        assert (box.q1[0], box.q3[0]) == pytest.approx([1e3 * q for q in row["lag_quartiles"]])
        assert box.median[0] == pytest.approx(1e3 * np.median(box.x[0]))
        assert len(box.x[0]) == row["found"]
    with pytest.raises(TypeError, match=r"validate\.compare"):
        plots.validation(CODES)
    with pytest.raises(KeyError, match="no AU '26'"):
        report.unit("26")


def test_what_cannot_be_compared_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="agree by construction"):
        validate.compare(BURSTS, labels.snap(CODES, BURSTS, X), X)
    with pytest.raises(ValueError, match="no column `channel`"):
        validate.compare(CODES, CODES, X)
    with pytest.raises(ValueError, match="unknown channels"):
        validate.compare(labels.events([1], [2], channel="nose"), CODES, X)
    with pytest.raises(ValueError, match="no event has an action unit"):
        validate.compare(BURSTS, labels.events([1], [2], label="smile"), X)
    with pytest.raises(ValueError, match="above 0"):
        validate.compare(BURSTS, CODES, X, mvc={"mentalis": 0.0})
