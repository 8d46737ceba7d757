"""Compute features of channel pairs, and of windows relative to their neighbours.

Faces have two sides, and muscles that act together or oppose one another. These functions compare
levels (`mav`, `rms`, `mean` of an envelope) of channels within a window, and a level with the
sustained level around it. Results are (window, pair) or (window, channel) and can be passed to
`matrix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._vocabulary import GROUPS
from emgnb.features._parts import by_parts
from emgnb.windows import need_windows

Pairs = Sequence[tuple[str, str]]


def asymmetry(level: xr.DataArray, pairs: Pairs | None = None) -> xr.DataArray:
    """Return (left − right) / (left + right): 1 left only, 0 equal, −1 right only.

    Parameters
    ----------
    level : (window, channel), not negative, such as `extract(windows, "rms")["rms"]`
    pairs : (left, right) channels; by default those of the same `muscle` on the two sides

    Returns
    -------
    asymmetry (window, pair) float32; NaN where a level is NaN or both are 0. Electrodes on the two
    sides are never placed identically: compare with other expressions of the same person, not with
    0.

    Raises
    ------
    TypeError, ValueError : not a level, unknown channels, no pair, negative levels

    Examples
    --------
    >>> import xarray as xr
    >>> from emgnb import features
    >>> names = {"channel": ["a_l", "a_r"]}
    >>> level = xr.DataArray([[3.0, 1.0]], dims=("window", "channel"), coords=names)
    >>> features.asymmetry(level, [("a_l", "a_r")]).values
    array([[0.5]], dtype=float32)
    """
    level = _level(level)
    found = _mirrored(level) if pairs is None else _known(level, pairs)
    a, b = _both(level, found)
    return _pairwise(level, _share(a - b, a + b), found, "asymmetry", "left less right, over sum")


def co_activation(level: xr.DataArray, pairs: Pairs | None = None) -> xr.DataArray:
    """Return the co-activation of two channels: twice the smaller level over their sum.

    1 if both are equally active, 0 if one rests. Levels must be comparable: first divide each
    channel by its strongest contraction or its rest. [Falconer 1985, Electromyogr Clin Neurophysiol
    25:135–149]

    Parameters
    ----------
    level : (window, channel), not negative
    pairs : channels; by default all pairs

    Returns
    -------
    co_activation (window, pair) float32; NaN where a level is NaN or both are 0

    Raises
    ------
    TypeError, ValueError : as `asymmetry`

    Examples
    --------
    >>> import xarray as xr
    >>> from emgnb import features
    >>> names = {"channel": ["a_l", "a_r"]}
    >>> level = xr.DataArray([[3.0, 1.0]], dims=("window", "channel"), coords=names)
    >>> features.co_activation(level, [("a_l", "a_r")]).values
    array([[0.5]], dtype=float32)
    """
    level = _level(level)
    found = _every(level) if pairs is None else _known(level, pairs)
    a, b = _both(level, found)
    share = _share(2 * np.minimum(a, b), a + b)
    return _pairwise(level, share, found, "co_activation", "twice the smaller level over the sum")


def correlation(windows: xr.DataArray, pairs: Pairs | None = None) -> xr.DataArray:
    """Return the correlation of two channels in each window; near ±1 it is crosstalk or mains.

    Parameters
    ----------
    windows : (window, channel, sample), see `windows.cut`
    pairs : channels; by default all pairs

    Returns
    -------
    correlation (window, pair) float32; NaN where a window contains NaN or is flat

    Raises
    ------
    TypeError, ValueError : not windows, unknown channels, no pair

    Examples
    --------
    >>> from emgnb import features, labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> cut = windows.cut(session, labels.trials(session), length=0.2, step=0.1)
    >>> features.correlation(cut, [("zygomaticus_major_l", "zygomaticus_major_r")]).dims
    ('window', 'pair')
    """
    need_windows(windows)
    found = _every(windows) if pairs is None else _known(windows, pairs)
    compute = partial(_correlations, places=_places(windows, found))
    made = by_parts(compute, windows, {"correlation": len(found)})["correlation"]
    return _pairwise(windows, made, found, "correlation", "correlation of samples")


def _correlations(
    samples: npt.NDArray[np.float32], places: list[tuple[int, int]]
) -> dict[str, npt.NDArray[np.float32]]:
    made = np.empty((len(samples), len(places)), dtype=np.float32)
    # Piece by piece, so that overlapping windows are never all copied at once.
    for begin in range(0, len(made), 512):
        x = samples[begin : begin + 512].astype(np.float64)
        flat = (x == x[..., :1]).all(axis=-1)
        x -= x.mean(axis=-1, keepdims=True)
        size = np.sqrt((x**2).sum(axis=-1))
        size[flat] = np.nan
        for k, (i, j) in enumerate(places):
            both = (x[:, i] * x[:, j]).sum(axis=-1)
            made[begin : begin + 512, k] = both / (size[:, i] * size[:, j])
    return {"correlation": made}


def phasic_tonic(level: xr.DataArray, *, tonic: float = 2.0) -> xr.DataArray:
    """Compare a level with the sustained level around it: (level − tonic) / tonic.

    The tonic level is the median over `tonic` seconds around the window, within its trial. Bursts
    shorter than half of that do not change it, except near the ends of a trial. 0 is sustained
    activity, 2 a burst to three times the level.

    Parameters
    ----------
    level : (window, channel), not negative, with the coordinate `time` of its windows
    tonic : s

    Returns
    -------
    phasic_tonic (window, channel) float32; NaN where the level is NaN or the tonic level is 0

    Raises
    ------
    TypeError, ValueError : not a level, negative levels, no time, `tonic` not above 0
    """
    level = _level(level)
    recording.need_positive(tonic=tonic)
    if "time" not in level.coords:
        raise ValueError("the level has no coordinate time(window): keep that of the windows")
    values = level.transpose("window", "channel").values.astype(np.float64)
    time = level["time"].values.astype(np.float64)
    names = [name for name in GROUPS if name in level.coords]
    change = np.zeros(len(time), dtype=bool)
    change[1:] = np.diff(time) <= 0
    for name in names:
        change[1:] |= level[name].values[1:] != level[name].values[:-1]
    base = np.full_like(values, np.nan)
    borders = [*np.flatnonzero(change).tolist(), len(time)]
    for begin, end in zip([0, *borders[:-1]], borders, strict=True):
        own = time[begin:end]
        first = begin + np.searchsorted(own, own - tonic / 2 - 1e-9)
        last = begin + np.searchsorted(own, own + tonic / 2 + 1e-9)
        for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True), start=begin):
            some = values[a:b]
            base[i] = (
                np.median(some[np.isfinite(some).all(axis=1)], axis=0) if len(some) else np.nan
            )
    made = level.copy(data=_share(values - base, base).astype(np.float32)).rename("phasic_tonic")
    made.attrs = {"units": "1", "long_name": "level over what is held, less one"}
    return made


def _level(level: xr.DataArray) -> xr.DataArray:
    """Check a level, and load it into memory (50 MB per day)."""
    if not isinstance(level, xr.DataArray):
        raise TypeError(
            "expected the level of each window, such as features.extract(windows, 'rms')['rms']; "
            f"found {type(level).__name__}"
        )
    if set(level.dims) != {"window", "channel"}:
        raise ValueError(
            f"the level has the dimensions {level.dims}, expected ('window', 'channel'): take one "
            "feature, such as features.extract(windows, 'rms')['rms']"
        )
    level = level.compute()
    low = float(np.nanmin(level.values, initial=0.0))
    if low < 0:
        raise ValueError(
            f"the level falls to {low:.4g}, expected no negative values: use mav or rms, not a "
            "level in dB or with its baseline subtracted"
        )
    return level


def _mirrored(level: xr.DataArray) -> list[tuple[str, str]]:
    sides: dict[str, dict[str, str]] = {}
    if {"muscle", "side"} <= set(level.coords):
        for channel, muscle, side in zip(
            *(level[name].values.astype(str) for name in ("channel", "muscle", "side")), strict=True
        ):
            if muscle:
                sides.setdefault(str(muscle), {})[str(side)] = str(channel)
    found = [(s["left"], s["right"]) for s in sides.values() if {"left", "right"} <= set(s)]
    if not found:
        raise ValueError(
            "no muscle has a left and a right channel, or the coordinates muscle and side are not "
            "set: give pairs=[(left, right)]"
        )
    return found


def _every(x: xr.DataArray) -> list[tuple[str, str]]:
    found = list(combinations(x["channel"].values.astype(str).tolist(), 2))
    if not found:
        raise ValueError("a pair needs two channels")
    return found


def _known(x: xr.DataArray, pairs: Pairs) -> list[tuple[str, str]]:
    channels = x["channel"].values.astype(str).tolist()
    unknown = sorted({str(name) for pair in pairs for name in pair} - set(channels))
    if unknown or not pairs:
        raise ValueError(
            f"pairs={list(pairs)}: {', '.join(unknown) or 'no pair'} unknown; there are "
            f"{', '.join(channels)}"
        )
    return [(str(a), str(b)) for a, b in pairs]


def _places(x: xr.DataArray, pairs: Pairs) -> list[tuple[int, int]]:
    channels = x["channel"].values.astype(str).tolist()
    return [(channels.index(a), channels.index(b)) for a, b in pairs]


def _both(
    level: xr.DataArray, pairs: Pairs
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values = level.transpose("window", "channel").values.astype(np.float64)
    at = np.array(_places(level, pairs))
    return values[:, at[:, 0]], values[:, at[:, 1]]


def _share(
    part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def _pairwise(
    like: xr.DataArray, values: Any, pairs: Pairs, name: str, long_name: str
) -> xr.DataArray:
    return xr.DataArray(
        values.astype(np.float32, copy=False),
        dims=("window", "pair"),
        name=name,
        coords={
            **{key: c for key, c in like.coords.items() if c.dims == ("window",)},
            "pair": [f"{a}|{b}" for a, b in pairs],
        },
        attrs={"units": "1", "long_name": long_name},
    )
