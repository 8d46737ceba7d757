"""Describe how channels vary together: the matrix logarithm of their covariance.

Covariances are positive definite, so distances between them are curved. Their logarithms form a
plain vector space, in which linear classifiers apply.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb._arrays import Floats
from emgnb._vocabulary import GROUPS
from emgnb.features._parts import KEPT, Columns, by_parts
from emgnb.windows import need_windows

# Weight of the diagonal. A fixed value keeps windows of different data comparable.
SHRINKAGE = 0.05
# Least variance of a channel, relative to the mean over channels: a flat channel stays finite.
FLOOR = 1e-6


def covariance(windows: xr.DataArray, *, centre: str | None = None) -> xr.DataArray:
    """Return the matrix logarithm of the covariance of the channels in each window.

    The logarithm of the power of each channel and the coupling of each pair, as a matrix for a
    classifier. Off-diagonal elements are multiplied by √2, so that the distance of two rows equals
    that of the matrices. The covariance is shrunk towards its diagonal by 5 %, because short
    windows of many channels have too few samples. Computed in float64. [Barachant 2012,
    doi:10.1109/TBME.2011.2172210]

    Parameters
    ----------
    windows : (window, channel, sample), see `windows.cut`
    centre : coordinate along window, such as "session". The covariances of each group are whitened
        by the group's log-Euclidean mean, which removes differences in gain and crosstalk between
        electrode placements [re-centring: Zanini 2018, doi:10.1109/TBME.2017.2742541; mean:
        Arsigny 2006, doi:10.1002/mrm.20965]. This uses the group's own **unlabelled data, also of
        the test data**, and results of `evaluate` state it. The groups must contain the same
        classes in similar proportions; otherwise the difference between the classes is removed too

    Returns
    -------
    (window, feature) float32, dimensionless (variances are relative to 1 in the unit of the
    signal, squared); `feature` is named "log_cov:zygomaticus,corrugator", pairs in the order of the
    channels; coordinates of the windows are kept. attrs `scale` is "log", which `models.fit`
    respects. NaN if the window contains NaN, or if all its channels are flat; a flat channel among
    others counts as one with a millionth of their mean variance

    Raises
    ------
    TypeError : not windows
    ValueError : not cut into windows, fewer than two samples, or no coordinate `centre`

    Examples
    --------
    >>> from emgnb import features, labels, simulate, windows
    >>> session = simulate.face(duration=8, seed=1)
    >>> cut = windows.cut(session, labels.trials(session), length=0.2, step=0.1)
    >>> features.covariance(cut).dims
    ('window', 'feature')
    """
    need_windows(windows)
    if windows.sizes["sample"] < 2:
        raise ValueError(f"windows of {windows.sizes['sample']} sample: covariances need two")
    ordered = windows.transpose("window", "channel", "sample")
    names = [str(name) for name in windows["channel"].values]
    rows, columns = np.triu_indices(len(names))
    values = by_parts(columns_of, ordered, {"log_cov": len(rows)})["log_cov"]
    if centre is not None:
        values = _centred(np.asarray(values), _groups(windows, centre), len(names))
    made = xr.DataArray(
        values,
        dims=("window", "feature"),
        name="features",
        coords={
            **{name: c for name, c in windows.coords.items() if c.dims == ("window",)},
            "feature": [
                f"log_cov:{names[i]},{names[j]}" for i, j in zip(rows, columns, strict=True)
            ],
        },
        attrs={key: value for key, value in windows.attrs.items() if key in KEPT}
        | {"units": "1", "long_name": "log-covariance", "scale": "log"},
    )
    how = {} if centre is None else {"centre": centre}
    return recording.with_history(made, "features", names=["log_cov"], shrinkage=SHRINKAGE, **how)


def _groups(windows: xr.DataArray, by: str) -> npt.NDArray[np.intp]:
    """Return the number of the group of each window; sessions are named with their participant."""
    if by not in windows.coords or windows[by].dims != ("window",):
        raise ValueError(f"centre={by!r}, expected a coordinate along window, such as 'session'")
    names = GROUPS[: GROUPS.index(by) + 1] if by in GROUPS else (by,)
    own = np.full(windows.sizes["window"], "", dtype=np.str_)
    for name in (n for n in names if n in windows.coords and windows[n].dims == ("window",)):
        own = np.char.add(np.char.add(own, "/"), windows[name].values.astype(str))
    return np.unique(own, return_inverse=True)[1]


def _centred(
    table: npt.NDArray[np.float32], group: npt.NDArray[np.intp], width: int
) -> npt.NDArray[np.float32]:
    out = np.full_like(table, np.nan)
    good = np.isfinite(table).all(axis=1)
    for number in np.unique(group[good]):
        mine = good & (group == number)
        logarithm = _matrices(table[mine], width)
        whitener = _mapped(-0.5 * logarithm.mean(axis=0), np.exp)
        out[mine] = _triangles(_mapped(whitener @ _mapped(logarithm, np.exp) @ whitener, np.log))
    return out


def _mapped(matrix: Floats, function: np.ufunc) -> Floats:
    """Apply a function to the eigenvalues of symmetric matrices."""
    values, axes = np.linalg.eigh(matrix)
    if function is np.log:
        # Rounding can make the smallest eigenvalue of dependent channels negative.
        values = np.maximum(values, FLOOR**2 * values.max(axis=-1, keepdims=True))
    return np.asarray((axes * function(values)[..., np.newaxis, :]) @ axes.swapaxes(-1, -2))


def _triangles(matrix: Floats) -> Floats:
    """Return the upper triangles, off-diagonal elements times √2."""
    rows, columns = np.triu_indices(matrix.shape[-1])
    return np.asarray(matrix[..., rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0)))


def _matrices(table: npt.NDArray[np.float32], width: int) -> Floats:
    """Return the symmetric matrices of upper triangles, the inverse of `_triangles`."""
    rows, columns = np.triu_indices(width)
    values = table.astype(np.float64) / np.where(rows == columns, 1.0, np.sqrt(2.0))
    made = np.empty((len(table), width, width))
    made[:, rows, columns] = made[:, columns, rows] = values
    return made


def columns_of(samples: npt.NDArray[np.float32]) -> Columns:
    """Return the features of samples (window, channel, sample) as one column (window, pair)."""
    return {"log_cov": _log_covariance(samples).astype(np.float32)}


def _log_covariance(samples: npt.NDArray[np.float32]) -> Floats:
    """Return the upper triangles of the logarithms, (window, pair)."""
    x = samples.astype(np.float64)
    x -= x.mean(axis=-1, keepdims=True)
    found = x @ x.transpose(0, 2, 1) / (x.shape[-1] - 1)
    variance = np.diagonal(found, axis1=1, axis2=2)
    mean = variance.mean(axis=1)
    usable = np.isfinite(mean) & (mean > 0)
    found, mean = found[usable], mean[usable]
    place = np.arange(x.shape[1])
    diagonal = np.maximum(variance[usable], FLOOR * mean[:, np.newaxis])
    found *= 1 - SHRINKAGE
    found[:, place, place] = diagonal
    power, axes = np.linalg.eigh(found)
    logarithm = (axes * np.log(power)[:, np.newaxis]) @ axes.transpose(0, 2, 1)
    out = np.full((len(x), x.shape[1] * (x.shape[1] + 1) // 2), np.nan)
    out[usable] = _triangles(logarithm)
    return out
