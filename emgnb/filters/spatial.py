"""Steps across channels: another reference, bipolar pairs, sources that several electrodes hear.

These change what a channel *is*, so they are functions of a labelled signal and not steps of a
chain. All are sums over channels at one moment: where a channel that takes part is lost, so is the
result. They run before rectification; absolute values do not subtract.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording

# Rows that the sources are learned from, evenly taken; more makes them no better.
ROWS = 100_000


def average_reference(x: xr.DataArray) -> xr.DataArray:
    """Subtract the mean over all channels: what all electrodes have in common, such as mains.

    It also subtracts an n-th of each muscle from all the others; with few channels over different
    muscles that is crosstalk, and bipolar pairs are better. A channel without any sample takes no
    part and stays as it is.

    Parameters
    ----------
    x : (time, channel) raw signals in one unit, three channels or more

    Returns
    -------
    (time, channel) as `x`; NaN and `valid` False where any channel is lost

    Raises
    ------
    TypeError, ValueError : no signal, not raw, or fewer than three channels with samples
    """
    values = _raw(x, "average_reference")
    alive = np.asarray(np.isfinite(values).any(axis=0))
    if alive.sum() < 3:
        raise ValueError(
            f"{int(alive.sum())} channels with samples: of fewer than three the mean is mostly the "
            "channel itself"
        )
    out = values.copy()
    out[:, alive] -= _finite(values[:, alive]).mean(axis=1, keepdims=True)
    return recording.with_history(_with(x, out, alive), "average_reference")


def bipolar(x: xr.DataArray, pairs: Mapping[str, tuple[str, str]]) -> xr.DataArray:
    """Make bipolar channels: the difference of two electrodes over one muscle.

    Parameters
    ----------
    x : (time, channel) raw, monopolar
    pairs : name of the new channel → (electrode, electrode to subtract); muscle, side and gain are
        those of the first

    Returns
    -------
    (time, channel) with the new channels only; NaN where either electrode is lost

    Raises
    ------
    TypeError, ValueError : no signal, not raw, a channel that is not there, or unlike gains
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
        raise ValueError("the electrodes of a pair have unlike gains: bring them to one unit first")
    made = _with(x, values, np.asarray(np.isfinite(values).any(axis=0))).isel(channel=first)
    made = made.copy(data=(values[:, first] - values[:, second]).astype(made.dtype))
    made = made.assign_coords(channel=list(pairs))
    lost = ~np.isfinite(made.values).all(axis=1)
    if "valid" in x.coords:
        made = made.assign_coords(valid=("time", x["valid"].values & ~lost))
    return recording.with_history(
        made, "bipolar", pairs={name: list(pair) for name, pair in pairs.items()}
    )


@dataclass(frozen=True)
class Unmixing:
    """Sources that channels share, as `unmix` learned them.

    `mixing[i][j]` : how much of source j channel i hears, in the unit of the signal, for sources of
    standard deviation 1
    """

    channels: tuple[str, ...]
    mean: tuple[float, ...]
    mixing: tuple[tuple[float, ...], ...]
    unmixing: tuple[tuple[float, ...], ...]

    def sources(self, x: xr.DataArray) -> xr.DataArray:
        """Sources (time, source), standard deviation 1 where they were learned; NaN in gaps."""
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
        """`x` without what these sources (numbers, from 0) add to each channel.

        Where a channel is lost no source is known: NaN in all channels, `valid` False.
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
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Unmixing:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        square = {key: tuple(map(tuple, found[key])) for key in ("mixing", "unmixing")}
        return cls(tuple(found["channels"]), tuple(found["mean"]), **square)

    def _table(self, x: xr.DataArray) -> npt.NDArray[np.float64]:
        names = tuple(str(name) for name in x["channel"].values)
        if names != self.channels:
            raise ValueError(
                f"channels {', '.join(names)}; learned on {', '.join(self.channels)}: they must be "
                "the same, in the same order"
            )
        return _raw(x, "Unmixing")


def unmix(x: xr.DataArray, *, sources: int | None = None, seed: int = 0) -> Unmixing:
    """Learn independent sources behind the channels (FastICA), to take crosstalk or the heart off.

    It finds as many sources as there are channels, each heard at all electrodes with a fixed
    weight. That holds for heart, eyelid and mains, and roughly for muscles; which source is which
    is for a person to say (`mixing`, and `sources(x)` drawn). Learn on band-passed signal, for
    drift would take a source of its own.

    Parameters
    ----------
    x : (time, channel) raw; lost and invalid rows are left out
    sources : how many; by default one for each channel
    seed : of the start; the same seed gives the same sources

    Raises
    ------
    TypeError, ValueError : no signal, not raw, fewer than two channels, a channel without samples
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
            f"{name} on {', '.join(sorted(kinds - {'raw'}))} channels: what was rectified does not "
            "subtract; it takes raw signals"
        )
    return _finite(x.transpose("time", "channel").values.astype(np.float64))


def _finite(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)


def _with(
    x: xr.DataArray, values: npt.NDArray[np.float64], alive: npt.NDArray[np.bool_]
) -> xr.DataArray:
    """`x` with other values; `valid` False where a channel that has samples is lost."""
    turned = x.transpose("time", "channel")
    out = turned.copy(data=values.astype(x.dtype if x.dtype.kind == "f" else np.float32))
    if "valid" in x.coords:
        lost = ~np.isfinite(values[:, alive]).all(axis=1)
        out = out.assign_coords(valid=("time", x["valid"].values & ~lost))
    return out.transpose(*x.dims).drop_encoding()
