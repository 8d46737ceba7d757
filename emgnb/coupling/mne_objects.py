"""Convert signals to and from MNE-Python.

MNE holds potentials in V, as (channel, time). It has no lost samples: they become 0 V with an
annotation "BAD_lost", which MNE's functions leave out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats, runs
from emgnb._extras import explained
from emgnb.coupling.averages import cut_around

# Volts per unit.
VOLTS = {"uV": 1e-6, "mV": 1e-3, "V": 1.0}
LOST = "BAD_lost"


def to_mne(x: xr.DataArray, *, kind: str = "emg", markers: xr.Dataset | None = None) -> Any:
    """Return a signal as `mne.io.RawArray`, in V.

    Parameters
    ----------
    x : (time, channel) at a uniform rate, in uV, mV or V
    kind : MNE's type of all channels, such as "emg" or "eeg"
    markers : markers on the clock of `x`; they become annotations

    Returns
    -------
    RawArray, whose time 0 is the first sample. Samples that are invalid, or lost in any channel,
    are annotated "BAD_lost"

    Raises
    ------
    TypeError, ValueError : not a uniform signal, or its unit is not a voltage
    ImportError : MNE is not installed
    """
    mne = _mne("to_mne")
    values, rate = _volts(x), recording.sampling_rate(x)
    start = float(x["time"][0])
    raw = mne.io.RawArray(np.nan_to_num(values).T, _info(mne, x, rate, kind), verbose="error")
    lost = runs(np.asarray(~np.isfinite(values).all(axis=1)))
    onset = [first / rate for first, _ in lost]
    duration = [(last - first) / rate for first, last in lost]
    text = [LOST] * len(lost)
    if markers is not None:
        table = recording.need_table(markers, "markers", "recording.markers(time, text)")
        onset += [float(t) - start for t in table["time"].values]
        duration += [0.0] * table.sizes["marker"]
        text += [str(word) for word in table["text"].values]
    raw.set_annotations(mne.Annotations(onset, duration, text), verbose="error")
    return raw


def epochs_to_mne(
    x: xr.DataArray,
    onsets: npt.ArrayLike | xr.Dataset,
    *,
    before: float = 0.5,
    after: float = 1.0,
    kind: str = "emg",
) -> Any:
    """Return a signal around onsets as `mne.EpochsArray`, in V.

    Epochs with a lost or invalid sample, or beyond the ends of the recording, are left out;
    `selection` has the numbers of those that remain, counted over the onsets within the recording.

    Parameters
    ----------
    x, kind : see `to_mne`
    onsets : times in s, or an event table with `onset`
    before, after : s

    Raises
    ------
    TypeError, ValueError : as for `to_mne`; or no complete epoch
    ImportError : MNE is not installed
    """
    mne = _mne("epochs_to_mne")
    values, rate = _volts(x), recording.sampling_rate(x)
    pieces, lag = cut_around(x, values, onsets, before, after)
    whole = np.flatnonzero(np.isfinite(pieces).all(axis=(1, 2)))
    if not whole.size:
        raise ValueError(f"none of {len(pieces)} epochs is complete: use a shorter window")
    samples = np.arange(whole.size) * len(lag) + round(before * rate)
    events = np.column_stack((samples, np.zeros_like(whole), np.ones_like(whole)))
    return mne.EpochsArray(
        pieces[whole].transpose(0, 2, 1),
        _info(mne, x, rate, kind),
        events=events,
        tmin=float(lag[0]),
        event_id={"onset": 1},
        selection=whole,
        verbose="error",
    )


def from_mne(raw: Any, *, picks: str | list[str] = "all", units: str = "uV") -> xr.DataArray:
    """Return the channels of an `mne.io.Raw` as a signal.

    Spans annotated "BAD…" are NaN and invalid. Time 0 is the first sample.

    Parameters
    ----------
    raw : any `Raw`, for example `mne.io.read_raw(path)`
    picks : channels, as in `raw.get_data`: "eeg", "emg", or names
    units : "uV", "mV" or "V"

    Raises
    ------
    TypeError : not a `Raw`
    ValueError : not a unit of voltage, or a channel is no voltage
    ImportError : MNE is not installed
    """
    mne = _mne("from_mne")
    if not isinstance(raw, mne.io.BaseRaw):
        raise TypeError(f"expected an mne.io.Raw, found {type(raw).__name__}")
    if units not in VOLTS:
        raise ValueError(f"units={units!r}, expected one of {list(VOLTS)}")
    chosen = raw.copy().pick(picks, verbose="error")
    volt = mne.io.constants.FIFF.FIFF_UNIT_V
    odd = [each["ch_name"] for each in chosen.info["chs"] if each["unit"] != volt]
    if odd:
        raise ValueError(f"channel {', '.join(odd)} is no voltage: choose others with picks=")
    data = chosen.get_data(reject_by_annotation="NaN", verbose="error")
    values, rate = data.T / VOLTS[units], float(raw.info["sfreq"])
    made = recording.signal(values, rate=rate, units=units, channel=list(chosen.ch_names))
    return recording.with_history(made, "from_mne", units=units)


def _mne(name: str) -> Any:
    with explained(f"emgnb.coupling.{name}"):
        import mne
    return mne


def _volts(x: xr.DataArray) -> Floats:
    recording.need_signal(x)
    units = str(x.attrs.get("units", ""))
    if units not in VOLTS:
        raise ValueError(
            f"units are {units!r}, expected a voltage ({', '.join(VOLTS)}): MNE holds V, and the "
            "volts of a count are not known. Scale the signal first"
        )
    values = x.transpose("time", "channel").values.astype(np.float64)
    ok = np.isfinite(values)
    if "valid" in x.coords:
        ok &= x["valid"].values.astype(bool)[:, None]
    return np.where(ok, values * VOLTS[units], np.nan)


def _info(mne: Any, x: xr.DataArray, rate: float, kind: str) -> Any:
    names = [str(name) for name in x["channel"].values]
    return mne.create_info(names, rate, kind, verbose="error")
