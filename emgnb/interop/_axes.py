"""Which axis of an array counts windows, samples and channels, by a stated rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
WINDOW, SAMPLE, CHANNEL = "window", "sample", "channel"
# Axes that can be asked for, in any order.
KNOWN = ({WINDOW, SAMPLE, CHANNEL}, {WINDOW, SAMPLE}, {SAMPLE, CHANNEL})
AS_GIVEN = "the axes are as given"
TIMES = ("t", "time", "times", "timestamp", "timestamps")


@dataclass(frozen=True)
class Asked:
    """What the user says about the arrays of a file.

    Parameters
    ----------
    axes : "window", "sample", "channel" in the order of the file; empty to tell them by a rule
    signal : name of the array with the signal; empty to choose it by its name and shape

    Raises
    ------
    ValueError : other axes
    """

    axes: tuple[str, ...] = ()
    signal: str = ""

    def __post_init__(self) -> None:
        if self.axes and (set(self.axes) not in KNOWN or len(set(self.axes)) < len(self.axes)):
            raise ValueError(
                f"axes={','.join(self.axes)}, expected the order in the file of window,sample,"
                "channel (an array of windows), window,sample (one channel) or sample,channel (a "
                "recording, or one per trial)"
            )

    def __bool__(self) -> bool:
        return bool(self.axes or self.signal)


def of_windows(
    file: str,
    name: str,
    shape: Sequence[int],
    vectors: Mapping[str, Array],
    label: str,
    asked: Asked,
) -> tuple[tuple[int, ...], str]:
    """Return the places of window, sample and channel among three axes, and the rule in words.

    Parameters
    ----------
    vectors : name → values of one axis, which may count windows or name channels
    label : name of the vector that holds the labels, empty if unknown

    Raises
    ------
    ValueError : the rule does not decide; the message names the option that does
    """
    if asked.axes:
        if len(asked.axes) != 3:
            raise ValueError(
                f"{file}: `{name}` has the shape {tuple(shape)}, and axes={','.join(asked.axes)}; "
                "name its three axes, such as window,sample,channel"
            )
        return tuple(asked.axes.index(each) for each in (WINDOW, SAMPLE, CHANNEL)), AS_GIVEN
    window, because = _counted(file, name, shape, vectors, label)
    first, second = (axis for axis in range(3) if axis != window)
    named = {
        len(values)
        for values in vectors.values()
        if values.dtype.kind == "U" and len(values) != shape[window]
    }
    fits = [axis for axis in (first, second) if shape[axis] in named]
    if shape[first] != shape[second] and len(fits) == 1:
        channel = fits[0]
        because += f", channels by the {shape[channel]} names"
    elif shape[first] == shape[second]:
        raise ValueError(
            f"{file}: `{name}` {tuple(shape)} has {shape[first]} samples of as many channels, so "
            f"its axes cannot be told apart. {_option(shape, window)}"
        )
    else:
        channel = first if shape[first] < shape[second] else second
        because += ", and the longer of the other two is time"
    sample = first + second - channel
    return (window, sample, channel), because


def _counted(
    file: str, name: str, shape: Sequence[int], vectors: Mapping[str, Array], label: str
) -> tuple[int, str]:
    """Return the axis that counts windows: it is as long as the labels, or as most vectors."""
    # A vector of times may be as long as a window.
    several = {v: values for v, values in vectors.items() if v.lower() not in TIMES}
    counted = {label: vectors[label]} if label else several
    votes = [[v for v, values in counted.items() if len(values) == size] for size in shape]
    most = max(len(each) for each in votes)
    best = [axis for axis, each in enumerate(votes) if len(each) == most]
    if most == 0:
        held = ", ".join(f"`{v}` ({len(values)})" for v, values in vectors.items()) or "none"
        raise ValueError(
            f"{file}: `{name}` {tuple(shape)} has three axes, and no array with one value per "
            f"window is as long as one of them (found {held}). {_option(shape)}"
        )
    if len(best) > 1:
        found = " or ".join(dict.fromkeys(f"`{votes[axis][0]}`" for axis in best))
        raise ValueError(
            f"{file}: `{name}` {tuple(shape)} has {len(best)} axes as long as {found}, so the one "
            f"that counts windows cannot be told. {_option(shape)}"
        )
    return best[0], f"windows are counted by the axis as long as `{votes[best[0]][0]}`"


def _option(shape: Sequence[int], window: int | None = None) -> str:
    """Return which option settles the axes of an array, with an example that fits it."""
    if window is None:
        window = int(np.argmax(shape))
    names = [SAMPLE, CHANNEL]
    names.insert(window, WINDOW)
    return (
        "Give the order of its axes: --axes "
        f"{','.join(names)} (axes={tuple(names)!r} in Python), or another order of these three"
    )


def of_trials(
    file: str, name: str, signals: Sequence[Array], asked: Asked
) -> tuple[list[Array], str]:
    """Return signals of trials as (sample, channel) each, and the rule in words.

    Raises
    ------
    ValueError : other shapes, other numbers of channels, or the rule does not decide
    """
    odd = next((each.shape for each in signals if each.ndim != 2), None)
    if odd is not None:
        raise ValueError(f"{file}: a trial of `{name}` has the shape {odd}, expected two axes")
    if all(min(each.shape) == 1 for each in signals) and not asked.axes:
        return [each.reshape(-1, 1) for each in signals], "one channel"
    rows, columns = ({each.shape[axis] for each in signals} for axis in (0, 1))
    example = f"{signals[0].shape}"
    option = "--axes sample,channel or --axes channel,sample (axes=('sample', 'channel') in Python)"
    if asked.axes:
        if set(asked.axes) != {SAMPLE, CHANNEL}:
            raise ValueError(f"{file}: `{name}` holds a signal per trial. Give {option}")
        axis, because = asked.axes.index(SAMPLE), AS_GIVEN
    elif len(rows) > 1 and len(columns) > 1:
        raise ValueError(
            f"{file}: the trials of `{name}` differ in both axes ({len(rows)} and {len(columns)} "
            "lengths), expected as many channels in each"
        )
    elif len(rows) > 1 or len(columns) > 1:
        axis = 0 if len(rows) > 1 else 1
        because = "time is the axis whose length differs between trials"
    elif rows == columns:
        raise ValueError(
            f"{file}: the trials of `{name}` {example} have as many samples as channels. "
            f"Give {option}"
        )
    else:
        axis = 0 if max(rows) > max(columns) else 1
        because = "the longer axis is time"
    made = [each if axis == 0 else each.T for each in signals]
    widths = {each.shape[1] for each in made}
    if len(widths) > 1:
        raise ValueError(
            f"{file}: the trials of `{name}` have {', '.join(map(str, sorted(widths)[:6]))} "
            "channels, expected as many in each"
        )
    return made, because
