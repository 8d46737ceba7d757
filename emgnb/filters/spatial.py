"""Combine channels: average reference, bipolar pairs, independent sources.

These functions change the meaning of channels, so they take a labelled signal and are not steps of
a chain. Each result is a sum over channels at one time; it is lost where a channel in the sum is
lost. Apply them before rectification, because absolute values cannot be subtracted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

# Rows used to learn sources, evenly spaced; more do not improve them.
ROWS = 100_000


def average_reference(x: xr.DataArray) -> xr.DataArray:
    """Subtract the mean over all channels, to remove what electrodes share, such as mains.

    With n channels, 1/n of each muscle is subtracted from the others. With few channels over
    different muscles this is crosstalk; bipolar pairs are better. Channels without samples are
    ignored and unchanged.

    Parameters
    ----------
    x : (time, channel) raw signals in one unit, three channels or more

    Returns
    -------
    (time, channel) as `x`; NaN and `valid` False where any channel is lost

    Raises
    ------
    TypeError, ValueError : not a signal, not raw, or fewer than three channels with samples

    Examples
    --------
    >>> from emgnb import filters, recording
    >>> x = recording.signal([[1.0, 2.0, 6.0]], rate=1000, units="uV", channel=["a", "b", "c"])
    >>> filters.average_reference(x).values
    array([[-2., -1.,  3.]], dtype=float32)
    """
    values = _raw(x, "average_reference")
    alive = np.asarray(np.isfinite(values).any(axis=0))
    if alive.sum() < 3:
        raise ValueError(
            f"{int(alive.sum())} channels with samples, expected three or more: the mean of "
            "fewer is mostly the channel itself"
        )
    out = values.copy()
    out[:, alive] -= _finite(values[:, alive]).mean(axis=1, keepdims=True)
    return recording.with_history(_with(x, out, alive), "average_reference")


def bipolar(x: xr.DataArray, pairs: Mapping[str, tuple[str, str]]) -> xr.DataArray:
    """Compute bipolar channels: the difference of two electrodes over one muscle.

    Parameters
    ----------
    x : (time, channel) raw, monopolar
    pairs : name of the new channel → (electrode, electrode to subtract); muscle, side and gain are
        taken from the first

    Returns
    -------
    (time, channel) with the new channels only; NaN where either electrode is lost

    Raises
    ------
    TypeError, ValueError : not a signal, not raw, unknown channel, or different gains

    Examples
    --------
    >>> from emgnb import filters, recording
    >>> x = recording.signal(
    ...     [[1.0, 2.0], [3.0, 4.0]], rate=1000, units="uV", channel=["left", "right"]
    ... )
    >>> filters.bipolar(x, {"both": ("left", "right")}).values.ravel()
    array([-1., -1.], dtype=float32)
    """
    values = _raw(x, "bipolar")
    names = [str(name) for name in x["channel"].values]
    asked = [each for pair in pairs.values() for each in pair]
    unknown = sorted({each for each in asked if each not in names})
    if unknown or not pairs:
        raise ValueError(
            f"no channel {', '.join(unknown) or 'pairs given'}; there are {', '.join(names)}"
        )
    first = [names.index(a) for a, _ in pairs.values()]
    second = [names.index(b) for _, b in pairs.values()]
    gain = x["gain"].values if "gain" in x.coords else np.ones(len(names))
    if not np.array_equal(gain[first], gain[second]):
        raise ValueError(
            "the electrodes of a pair have different gains: convert them to one unit first"
        )
    made = _with(x, values, np.asarray(np.isfinite(values).any(axis=0))).isel(channel=first)
    made = made.copy(data=subtracted(values, first, second).astype(made.dtype))
    made = made.assign_coords(channel=list(pairs))
    lost = ~np.isfinite(made.values).all(axis=1)
    if "valid" in x.coords:
        made = made.assign_coords(valid=("time", x["valid"].values & ~lost))
    return recording.with_history(
        made, "bipolar", pairs={name: list(pair) for name, pair in pairs.items()}
    )


def subtracted(
    values: npt.NDArray[Any], first: Sequence[int], second: Sequence[int]
) -> npt.NDArray[Any]:
    """Subtract columns from columns: `bipolar` for unlabelled streams.

    Parameters
    ----------
    values : (time, channel), any unit
    first, second : (pair,) columns, and those to subtract from them

    Returns
    -------
    (time, pair); NaN where either is NaN
    """
    taken: npt.NDArray[Any] = values[:, list(first)] - values[:, list(second)]
    return taken


@dataclass(frozen=True)
class Unmixing:
    """Sources shared by channels, as learned by `unmix`.

    `mixing[i][j]` : amplitude of source j in channel i, in the unit of the signal, for sources of
    standard deviation 1
    """

    channels: tuple[str, ...]
    mean: tuple[float, ...]
    mixing: tuple[tuple[float, ...], ...]
    unmixing: tuple[tuple[float, ...], ...]

    def sources(self, x: xr.DataArray) -> xr.DataArray:
        """Return the sources (time, source); NaN in gaps. SD is 1 in the training data."""
        values = self._table(x)
        made = (values - np.array(self.mean)) @ np.array(self.unmixing).T
        coords = {name: c for name, c in x.coords.items() if "channel" not in c.dims}
        return xr.DataArray(
            made,
            dims=("time", "source"),
            coords=xr.Coordinates(coords, {"time": x.xindexes["time"]}),
            attrs={"units": "1", "history": x.attrs.get("history", "")},
        )

    def without(self, x: xr.DataArray, sources: Sequence[int]) -> xr.DataArray:
        """Return `x` without the contributions of these sources (numbers, from 0).

        Where any channel is lost, sources are unknown: all channels are NaN and `valid` is False.
        """
        count = len(self.unmixing)
        wrong = [each for each in sources if not 0 <= each < count]
        if wrong or not len(sources):
            raise ValueError(f"sources={list(sources)}, expected numbers from 0 to {count - 1}")
        values = self._table(x)
        chosen = list(sources)
        centred = values - np.array(self.mean)
        part = centred @ np.array(self.unmixing)[chosen].T @ np.array(self.mixing)[:, chosen].T
        out = _with(x, values - part, np.ones(values.shape[1], dtype=bool))
        return recording.with_history(out, "unmix", without=chosen, **asdict(self))

    def to_json(self) -> str:
        """Return the unmixing as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Unmixing:
        """Create an unmixing from JSON written by `to_json`.

        Raises
        ------
        ValueError : not JSON, or not of an unmixing
        """
        found = recording.parsed(text, "the text of an unmixing")
        try:
            square = {key: tuple(map(tuple, found[key])) for key in ("mixing", "unmixing")}
            return cls(tuple(found["channels"]), tuple(found["mean"]), **square)
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"this JSON is not of an unmixing: {error!r}; Unmixing.to_json() writes one"
            ) from None

    def _table(self, x: xr.DataArray) -> npt.NDArray[np.float64]:
        names = tuple(str(name) for name in x["channel"].values)
        if names != self.channels:
            raise ValueError(
                f"channels {', '.join(names)}; learned on {', '.join(self.channels)}: they must be "
                "the same, in the same order"
            )
        return _raw(x, "Unmixing")


def unmix(x: xr.DataArray, *, sources: int | None = None, seed: int = 0) -> Unmixing:
    """Learn independent sources of the channels (FastICA), to remove crosstalk or the ECG.

    The model has as many sources as channels, each with a fixed weight per electrode. This holds
    for ECG, eyelid and mains, and approximately for muscles. Identify sources yourself from
    `mixing` and a plot of `sources(x)`. Learn from a band-passed signal; otherwise drift takes one
    source.

    Parameters
    ----------
    x : (time, channel) raw; lost and invalid rows are ignored
    sources : number of sources; by default one per channel
    seed : of the initial values; the same seed gives the same sources

    Raises
    ------
    TypeError, ValueError : not a signal, not raw, fewer than two channels, a channel that is lost
        or constant, or too few rows
    ImportError : scikit-learn is not installed (`pip install emgnb[train]`)

    References
    ----------
    Hyvärinen 1999, doi:10.1109/72.761722
    """
    values = _raw(x, "unmix")
    recording.need_samples(x)
    width = values.shape[1]
    count = width if sources is None else sources
    if width < 2 or not 1 <= count <= width:
        raise ValueError(f"sources={count} of {width} channels, expected 2 channels or more")
    rows = np.isfinite(values).all(axis=1)
    if "valid" in x.coords:
        rows &= x["valid"].values
    seen = values[rows]
    if len(seen) < 100 * width or not (seen.std(axis=0) > 0).all():
        raise ValueError(
            f"{len(seen)} whole rows of {width} channels, expected {100 * width} or more, and no "
            "channel constant"
        )
    from sklearn.decomposition import FastICA

    seen = seen[:: max(len(seen) // ROWS, 1)]
    learner = FastICA(
        n_components=count, whiten="unit-variance", random_state=seed, max_iter=1000, tol=1e-3
    )
    learner.fit(seen)

    def plain(matrix: npt.NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(row) for row in matrix.tolist())

    return Unmixing(
        tuple(str(name) for name in x["channel"].values),
        tuple(learner.mean_.tolist()),
        plain(learner.mixing_),
        plain(learner.components_),
    )


def _raw(x: xr.DataArray, name: str) -> npt.NDArray[np.float64]:
    recording.need_signal(x)
    kinds = {str(kind) for kind in np.atleast_1d(x["signal_kind"].values)}
    if kinds != {"raw"}:
        raise ValueError(
            f"{name} on {', '.join(sorted(kinds - {'raw'}))} channels: rectified signals cannot be "
            "subtracted; use raw signals"
        )
    return _finite(x.transpose("time", "channel").values.astype(np.float64))


def _finite(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _with(
    x: xr.DataArray, values: npt.NDArray[np.float64], alive: npt.NDArray[np.bool_]
) -> xr.DataArray:
    """Return `x` with new values; `valid` is False where a channel that has samples is lost."""
    turned = x.transpose("time", "channel")
    out = turned.copy(data=values.astype(x.dtype if x.dtype.kind == "f" else np.float32))
    if "valid" in x.coords:
        lost = ~np.isfinite(values[:, alive]).all(axis=1)
        out = out.assign_coords(valid=("time", x["valid"].values & ~lost))
    return out.transpose(*x.dims).drop_encoding()
