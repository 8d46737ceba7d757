"""Onsets moved to where the rise of a burst begins."""

import numpy as np
import pytest
import xarray as xr
from scipy.signal import butter, sosfiltfilt

from emgnb import detect, recording

RATE = 1000
TRUE = np.arange(2.0, 58.0, 1.7)


def ramps(rise: float, snr: float = 10.0, seed: int = 0) -> xr.DataArray:
    """Bursts of 0.4 s at the times `TRUE`, whose amplitude rises linearly, in noise."""
    rng = np.random.default_rng(seed)
    band = butter(2, [20, 450], "band", fs=RATE, output="sos")
    noise, emg = sosfiltfilt(band, rng.standard_normal((2, 60 * RATE)))
    time = np.arange(60 * RATE) / RATE
    since = time - TRUE[np.searchsorted(TRUE, time, side="right") - 1]
    up = np.clip(since / rise, 0, 1) if rise else np.ones_like(time)
    amplitude = np.where((since >= 0) & (since < 0.4), up, 0) * 10 ** (snr / 20)
    x = (noise + amplitude * emg / emg.std() * noise.std())[:, np.newaxis]
    return recording.signal(x.astype("f4"), rate=RATE, units="uV", channel=["smile"])


def late(table: xr.Dataset) -> np.ndarray:
    """How late (ms) each onset near a true one is."""
    off = table["onset"].values[:, np.newaxis] - TRUE
    nearest = off[np.arange(len(off)), np.abs(off).argmin(axis=1)]
    return 1000 * nearest[np.abs(nearest) < 0.15]


@pytest.mark.parametrize(("rise", "snr"), [(0.1, 10.0), (0.1, 5.0), (0.06, 10.0)])
def test_the_beginning_of_a_slow_rise_is_found(rise: float, snr: float) -> None:
    x = ramps(rise, snr)
    found = detect.bursts(x, false_alarms=0.05)
    before, after = late(found), late(detect.rises(found, x))
    assert len(before) == len(after) == len(TRUE)
    assert np.median(np.abs(after)) < 0.6 * np.median(np.abs(before))
    assert np.abs(np.median(after)) < np.median(before) - 10


def test_the_rise_is_longer_where_it_was_longer() -> None:
    each = []
    for rise in (0.0, 0.12):
        x = ramps(rise)
        each.append(float(np.median(detect.rises(detect.bursts(x), x)["rise"])))
    assert each[0] < 0.02 < 0.05 < each[1]


def test_bursts_that_begin_at_once_move_by_some_milliseconds() -> None:
    x = ramps(0.0)
    found = detect.bursts(x, false_alarms=0.05)
    assert np.median(np.abs(late(found))) < 3
    assert -12 < np.median(late(detect.rises(found, x))) <= 0


def test_onsets_keep_their_order_and_stay_after_the_burst_before() -> None:
    x = ramps(0.1)
    found = detect.bursts(x, false_alarms=5.0)
    moved = detect.rises(found, x)
    assert (np.diff(moved["onset"]) >= 0).all()
    assert (moved["onset"] <= moved["apex"]).all()
    assert (moved["onset"].values[1:] >= moved["offset"].values[:-1]).all()
    assert [each["step"] for each in recording.history(moved)][-1] == "rises"


def test_lost_samples_do_not_count() -> None:
    x = ramps(0.1)
    found = detect.bursts(x, false_alarms=0.05)
    event = int(np.abs(found["onset"].values - TRUE[3]).argmin())
    holes = x.copy(data=x.values.copy())
    holes[{"time": slice(int(1000 * TRUE[3]) - 200, int(1000 * TRUE[3]) - 60)}] = np.nan
    some = detect.rises(found, holes)["onset"].values
    assert abs(some[event] - TRUE[3]) < 0.05
    everything = detect.rises(found, x.copy(data=np.full_like(x.values, np.nan)))
    assert np.isfinite(everything["onset"]).all()


def test_what_has_no_rise_to_compare_is_rejected() -> None:
    x = ramps(0.1)
    found = detect.bursts(x)
    envelope = x.copy(data=np.abs(x.values)).assign_coords(signal_kind=("channel", ["envelope"]))
    with pytest.raises(ValueError, match="envelope channels, expected raw EMG"):
        detect.rises(found, envelope)
    with pytest.raises(ValueError, match=r"no snr; expected the table of detect\.bursts"):
        detect.rises(found.drop_vars("snr"), x)
    with pytest.raises(ValueError, match="no levels at rest"):
        detect.rises(found.assign_attrs(rest=None).drop_attrs(), x)
    with pytest.raises(ValueError, match="bursts in smile, which the signal"):
        detect.rises(found, x.assign_coords(channel=["frown"]))


def test_a_table_without_bursts_stays_empty() -> None:
    x = ramps(0.1)
    none = detect.bursts(x).isel(event=slice(0, 0))
    assert detect.rises(none, x).sizes["event"] == 0
