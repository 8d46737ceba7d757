"""Explain a classifier by occlusion: which channel, and when, does the decision need?

A part of each window, one channel for one slice of time, is replaced by values that say nothing of
the class, and the windows are predicted again (Zeiler 2014, doi:10.1007/978-3-319-10590-1_53). What
falls needs that part. Parts that replace one another do not show: where two channels carry the same
class, the loss of either costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb.evaluate._explained import by_class, checked, clock_of, is_raw, short, slices_of
from emgnb.evaluate.cross_validation import Predictor
from emgnb.evaluate.metrics import Floats
from emgnb.evaluate.splits import truth_of

# Draws averaged by the fill "exchange".
DRAWS = 3
# Falls of the probability below this are not reported.
LEAST_FALL = 0.05

FILLS = {
    "average": "replaced by its average over the classes",
    "exchange": "replaced by that of windows of random classes",
}


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What a classifier loses without each channel and slice of time.

    Attributes
    ----------
    parts : Dataset over (class, channel, slice) with `probability`, the mean probability of the
        true class, and `recall`, the share of windows recognised, both without the part; and
        `accuracy` (channel, slice). Coordinates `start` and `stop` (s) along slice
    channels : the same without a channel for the whole window, over (class, channel)
    before : the same without occlusion, over (class)
    average : mean signal of each class (class, channel, sample), of raw EMG its mean amplitude;
        time in s along sample
    fill : "average" or "exchange"
    """

    parts: xr.Dataset
    channels: xr.Dataset
    before: xr.Dataset
    average: xr.DataArray
    fill: str

    @property
    def fall(self) -> xr.DataArray:
        """Fall of the mean probability of the true class (class, channel, slice)."""
        return self.before["probability"] - self.parts["probability"]

    @property
    def accuracy_fall(self) -> xr.DataArray:
        """Fall of the accuracy (channel, slice)."""
        return self.before["accuracy"] - self.parts["accuracy"]

    def sentences(self, n: int = 1) -> list[str]:
        """Return the n greatest falls of each class, each as a sentence that can be checked."""
        return [
            text for name in self.parts["class"].values for text in self._of_class(str(name), n)
        ]

    def _of_class(self, name: str, n: int) -> Iterator[str]:
        before = float(self.before["probability"].sel({"class": name}))
        fall = self.fall.sel({"class": name}).transpose("channel", "slice")
        whole = self.channels["probability"].sel({"class": name})
        worst = [np.unravel_index(i, fall.shape) for i in np.argsort(-fall.values, axis=None)[:n]]
        needed = [(c, s) for c, s in worst if fall.values[c, s] >= LEAST_FALL]
        for c, s in needed:
            cell = fall.isel(channel=int(c), slice=int(s))
            yield (
                f"without {cell['channel'].item()} between {1e3 * float(cell['start']):.0f} and "
                f"{1e3 * float(cell['stop']):.0f} ms, {name} falls from {short(before)} to "
                f"{short(before - float(cell))}"
            )
        if needed:
            return
        lowest = whole.isel(channel=int(np.argmin(whole.values)))
        if before - float(lowest) >= LEAST_FALL:
            yield (
                f"no single moment decides {name}; without {lowest['channel'].item()} for the "
                f"whole window, it falls from {short(before)} to {short(float(lowest))}"
            )
        else:
            yield (
                f"no single channel decides {name}: it stays above "
                f"{short(float(lowest) - 0.005)} without any of them"
            )

    def __str__(self) -> str:
        meaning = (
            f"mean probability of the true class when a part is {FILLS[self.fill]}; "
            f"{int(self.before.attrs['windows'])} windows, accuracy "
            f"{100 * float(self.before['accuracy']):.1f} %"
        )
        return "\n".join([*self.sentences(), meaning])


def occlusion(
    classifier: Predictor | Callable[[Any], xr.DataArray],
    windows: xr.DataArray,
    *,
    label: str = "label",
    slice_s: float | None = None,
    fill: str | None = None,
    seed: int = 0,
) -> Occlusion:
    """Measure which channel and which slice of time a classifier needs for each class.

    Parameters
    ----------
    classifier : trained on other people or trials than `windows`; or a function of windows that
        returns probability(window, class), for example
        `lambda w: lda.predict(features.extract(w))`
    windows : (window, channel, sample) with labels; `windows.around` gives one clock to all
    label : coordinate along window that names the class
    slice_s : length of a slice in s; by default a tenth of the window
    fill : "average" replaces a part by its mean over the classes, sample by sample; "exchange" by
        the same part of other windows, of random classes, because the mean of raw EMG is 0, which
        no muscle gives. By default "exchange" for raw EMG, otherwise "average"
    seed : of the windows that "exchange" draws

    Returns
    -------
    Occlusion; prints as sentences

    Raises
    ------
    ValueError : not windows (window, channel, sample) with labels, labels the classifier does not
        know, slices longer than the window, or an unknown fill
    """
    x = checked(windows)
    truth = truth_of(x, label)
    fill = fill or ("exchange" if is_raw(x) else "average")
    if fill not in FILLS:
        raise ValueError(f"fill={fill!r}, expected one of {', '.join(FILLS)}")
    classes, of = np.unique(truth, return_inverse=True)
    predict = classifier.predict if hasattr(classifier, "predict") else classifier

    def ask(occluded: npt.NDArray[Any]) -> Floats:
        return _scores(predict(x.copy(data=occluded)), classes, of)

    bounds = slices_of(x, slice_s)
    cells, wholes = _without(ask, x.values, bounds, _fillings(fill, x.values, of, seed))
    clock, sizes = clock_of(x), np.bincount(of)
    coords = {"class": classes, "channel": x["channel"].values}
    slices = {
        "start": ("slice", clock[[a for a, _ in bounds]]),
        "stop": ("slice", clock[[b for _, b in bounds]]),
    }
    whole = _table(ask(x.values), (), sizes).assign_coords({"class": classes})
    return Occlusion(
        _table(cells, ("channel", "slice"), sizes).assign_coords(coords | slices),
        _table(wholes, ("channel",), sizes).assign_coords(coords),
        whole.assign_attrs(windows=len(truth)),
        xr.DataArray(
            by_class(np.abs(x.values) if is_raw(x) else x.values, of),
            dims=("class", "channel", "sample"),
            coords=coords | {"sample": clock[:-1]},
            attrs={"units": str(x.attrs.get("units", ""))},
        ),
        fill,
    )


def _without(
    ask: Callable[[npt.NDArray[Any]], Floats],
    values: npt.NDArray[Any],
    bounds: list[tuple[int, int]],
    fillings: list[npt.NDArray[Any]],
) -> tuple[Floats, Floats]:
    """Return the scores without each (channel, slice), and without each channel."""

    def one(channel: int, first: int, last: int) -> Floats:
        asked = []
        for filling in fillings:
            occluded = values.copy()
            occluded[:, channel, first:last] = filling[..., channel, first:last]
            asked.append(ask(occluded))
        return np.asarray(np.mean(asked, axis=0))

    _, channels, samples = values.shape
    cells = [[one(c, a, b) for a, b in bounds] for c in range(channels)]
    return np.array(cells), np.array([one(c, 0, samples) for c in range(channels)])


def _fillings(
    fill: str,
    values: npt.NDArray[Any],
    of: npt.NDArray[np.intp],
    seed: int,
) -> list[npt.NDArray[Any]]:
    """Return what replaces a part, (channel, sample) or one for each window."""
    if fill == "average":
        return [by_class(values, of).mean(axis=0)]
    rng = np.random.default_rng(seed)
    # Each class is drawn equally often.
    sizes = np.bincount(of)
    chance = 1.0 / (len(sizes) * sizes[of])
    return [values[rng.choice(len(values), len(values), p=chance)] for _ in range(DRAWS)]


def _scores(given: xr.DataArray, classes: npt.NDArray[np.str_], of: npt.NDArray[np.intp]) -> Floats:
    """Return mean probability of the true class and recall, (class, 2)."""
    known = given["class"].values.astype(str).tolist()
    unknown = [str(name) for name in classes if name not in known]
    if unknown:
        raise ValueError(
            f"the classifier does not know {', '.join(unknown)}, only {', '.join(known)}: leave "
            f"these windows out"
        )
    place = np.array([known.index(name) for name in classes])[of]
    values = given.transpose("window", "class").values.astype(np.float64)
    own = values[np.arange(len(of)), place]
    right = values.argmax(axis=1) == place
    return np.stack([np.bincount(of, weights=w) / np.bincount(of) for w in (own, right)], axis=1)


def _table(scores: Floats, dims: tuple[str, ...], sizes: npt.NDArray[np.intp]) -> xr.Dataset:
    """Return scores (…, class, 2) as a Dataset."""
    probability, recall = np.moveaxis(scores, -1, 0)
    over = ("class", *dims)
    return xr.Dataset(
        {
            "probability": (over, np.moveaxis(probability, -1, 0)),
            "recall": (over, np.moveaxis(recall, -1, 0)),
            "accuracy": (dims, recall @ (sizes / sizes.sum())),
        }
    )
