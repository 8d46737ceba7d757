"""Explain a network by integrated gradients: which sample raises the output, and by how much?

The change of an output between a baseline and a window is divided among the samples: each gets its
distance from the baseline, times the gradient averaged along the straight path between the two
(Sundararajan 2017, arXiv:1703.01365). The parts add up to the change. `evaluate.occlusion` asks
what is lost without a part, and takes any model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate._explained import by_class, checked, clock_of, is_raw, short, slices_of
from emgnb.evaluate.metrics import Floats
from emgnb.evaluate.splits import truth_of

# Points on the path: doubled from the first to the last number until the parts add up.
FEWEST, MOST = 32, 512
# Contributions below this are not reported.
LEAST = 0.05

BASELINES = {
    "zero": "no signal",
    "average": "the average over the classes",
    "given": "the baseline given",
}


class Network(Protocol):
    """Interface of a classifier with gradients."""

    def predict(self, data: Any, /) -> xr.DataArray:
        """Return the outputs (window, class) or (window, au)."""
        ...

    def gradient(self, data: Any, output: Any, /) -> xr.DataArray:
        """Return the derivative of an output of each window by its samples."""
        ...


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each sample adds to an output of a network.

    Attributes
    ----------
    values : (window, channel, sample), what each sample adds to the output of its window; `output`
        (window) is the name of the output, and `sample` the time in s
    change : (window) with `before`, the output for the baseline, and `after`, that for the window
    parts : mean over the windows of each output, summed over slices (class, channel, slice);
        `start` and `stop` (s) along slice
    average : mean signal of the windows of each output (class, channel, sample), of raw EMG its
        mean amplitude
    baseline : "zero", "average" or "given"
    gap : largest difference between the sum of the values of a window and the change
    """

    values: xr.DataArray
    change: xr.Dataset
    parts: xr.DataArray
    average: xr.DataArray
    baseline: str
    gap: float

    def sentences(self, n: int = 1) -> list[str]:
        """Return the n greatest contributions to each output, each as a sentence."""
        return [text for name in self.parts["class"].values for text in self._of(str(name), n)]

    def _of(self, name: str, n: int) -> Iterator[str]:
        mine = self.change.isel(window=self.values["output"].values == name).mean("window")
        before, after = float(mine["before"]), float(mine["after"])
        part = self.parts.sel({"class": name}).transpose("channel", "slice")
        order = np.argsort(-np.abs(part.values), axis=None)[:n]
        moved = f"{name} goes from {short(before)} ({BASELINES[self.baseline]}) to {short(after)}"
        for c, s in (np.unravel_index(i, part.shape) for i in order):
            cell = part.isel(channel=int(c), slice=int(s))
            if abs(float(cell)) < LEAST:
                yield f"{moved}, and no part adds more than {short(abs(float(cell)))}"
                return
            yield (
                f"{moved}, of which {cell['channel'].item()} between "
                f"{1e3 * float(cell['start']):.0f} and {1e3 * float(cell['stop']):.0f} ms adds "
                f"{'−' if float(cell) < 0 else ''}{short(abs(float(cell)))}"
            )

    def __str__(self) -> str:
        meaning = (
            f"integrated gradients from {BASELINES[self.baseline]}, mean over the windows of each "
            f"output; {self.values.sizes['window']} windows, the parts add up to the change within "
            f"{self.gap:.1g}"
        )
        return "\n".join([*self.sentences(), meaning])


def integrated_gradients(
    classifier: Network,
    windows: xr.DataArray,
    *,
    label: str = "label",
    output: str | None = None,
    baseline: str | xr.DataArray | None = None,
    slice_s: float | None = None,
    tolerance: float = 0.01,
) -> Attribution:
    """Divide the output of a network among the channels and samples of each window.

    Parameters
    ----------
    classifier : network of `models.fit` or `models.fit_intensities`, trained on other people or
        trials than `windows`; Keras must run on JAX
    windows : (window, channel, sample); `windows.around` gives one clock to all
    label : coordinate along window with the class whose probability is explained
    output : class or action unit that is explained for all windows, instead of `label`
    baseline : "zero" starts from no signal, the default for raw EMG; "average" from the mean over
        the classes, sample by sample, the default otherwise; or an array (channel, sample), such as
        a recording of rest
    slice_s : length of a slice in s, for `parts`; by default a tenth of the window
    tolerance : largest accepted `gap`. The path has 32 points, and up to 512 until it is reached

    Returns
    -------
    Attribution; prints as sentences. The values of a window add up to the change of its output
    from the baseline within `gap`

    Raises
    ------
    ValueError : not a network or not windows that fit it, an output it does not have, an unknown
        baseline, or a gap above the tolerance
    """
    x = checked(windows)
    names = truth_of(x, label) if output is None else np.full(x.sizes["window"], output)
    classes, of = np.unique(names, return_inverse=True)
    start, kind = _baseline(baseline, x, of)
    origin = x.copy(data=np.broadcast_to(start, x.shape).astype(x.dtype))
    before, after = (_chosen(classifier.predict(each), names) for each in (origin, x))
    values, gap = _integrated(classifier, x, start, names, after - before, tolerance)
    clock = clock_of(x)
    coords = {"class": classes, "channel": x["channel"].values}
    bounds = slices_of(x, slice_s)
    parts = np.stack([by_class(values[..., a:b].sum(axis=-1), of) for a, b in bounds], axis=-1)
    return Attribution(
        x.copy(data=values)
        .rename("attribution")
        .assign_coords(output=("window", names), sample=clock[:-1])
        .assign_attrs(units="1"),
        xr.Dataset({"before": ("window", before), "after": ("window", after)}),
        xr.DataArray(
            parts,
            dims=("class", "channel", "slice"),
            coords=coords
            | {
                "start": ("slice", clock[[a for a, _ in bounds]]),
                "stop": ("slice", clock[[b for _, b in bounds]]),
            },
        ),
        xr.DataArray(
            by_class(np.abs(x.values) if is_raw(x) else x.values, of),
            dims=("class", "channel", "sample"),
            coords=coords | {"sample": clock[:-1]},
            attrs={"units": str(x.attrs.get("units", ""))},
        ),
        kind,
        gap,
    )


def _baseline(
    given: str | xr.DataArray | None, x: xr.DataArray, of: npt.NDArray[np.intp]
) -> tuple[Floats, str]:
    """Return the baseline (channel, sample) and its name."""
    if isinstance(given, xr.DataArray):
        if dict(given.sizes) != {name: x.sizes[name] for name in ("channel", "sample")}:
            raise ValueError(
                f"the baseline has {dict(given.sizes)}, expected the channels and samples of a "
                f"window: {x.sizes['channel']} and {x.sizes['sample']}"
            )
        return given.transpose("channel", "sample").values.astype(np.float64), "given"
    kind = given or ("zero" if is_raw(x) else "average")
    if kind not in ("zero", "average"):
        raise ValueError(f"baseline={given!r}, expected zero, average or an array")
    values = by_class(x.values, of).mean(axis=0).astype(np.float64)
    return (values if kind == "average" else np.zeros_like(values)), kind


def _integrated(
    classifier: Network,
    x: xr.DataArray,
    start: Floats,
    names: npt.NDArray[np.str_],
    change: Floats,
    tolerance: float,
) -> tuple[Floats, float]:
    """Return the values (window, channel, sample), and the largest gap to the change."""
    way = x.values.astype(np.float64) - start
    points, gap = FEWEST, np.inf
    while gap > tolerance and points <= MOST:
        slope = np.zeros_like(way)
        for place, weight in zip(*_path(points), strict=True):
            between = x.copy(data=(start + place * way).astype(x.dtype))
            slope += weight * classifier.gradient(between, names).values
        values = way * slope
        gap = float(np.abs(values.sum(axis=(1, 2)) - change).max(initial=0.0))
        points *= 2
    if gap > tolerance:
        raise ValueError(
            f"with {MOST} points on the path, the values add up to the change within {gap:.2g}, "
            f"not {tolerance:.2g}: choose a baseline nearer to the windows, or tolerance={gap:.1g}"
        )
    return values, gap


def _path(points: int) -> tuple[Floats, Floats]:
    """Return places from 0 to 1 and their weights, dense near 0, where log power is steep."""
    roots, weights = np.polynomial.legendre.leggauss(points)
    even = (roots + 1) / 2
    return even**2, weights * even


def _chosen(given: xr.DataArray, names: npt.NDArray[np.str_]) -> Floats:
    """Return the named output of each window."""
    over = str(given.dims[1])
    known = given[over].values.astype(str).tolist()
    unknown = sorted(set(names.tolist()) - set(known))
    if unknown:
        raise ValueError(f"the network has no output {', '.join(unknown)}, only {', '.join(known)}")
    place = np.array([known.index(name) for name in names])
    return np.asarray(given.values[np.arange(len(place)), place], dtype=np.float64)
