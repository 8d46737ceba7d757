"""Calibrate a decoder to a new face in about a minute.

`protocol` is the guided run: rest, then each expression twice. A spoilt trial is repeated
(`cues.Run.redo`). `calibrate` turns its recording into a decoder, and states the accuracy to expect
and the expressions that it cannot tell apart.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from emgnb import cues, evaluate, filters, labels, models, recording, windows
from emgnb._vocabulary import BASELINE, RELAXED
from emgnb.live import _deciding
from emgnb.live.proportional import REACTION, Proportional, proportional

EXPRESSIONS = ("neutral", "smile", "frown", "surprise", "disgust", "pucker", "sad")
LENGTH, STEP = 0.2, 0.1  # s, of windows
# Features of a decoder without a base: the covariance of the channels, which needs little data.
FEATURES = "covariance"
# Share of the windows of two expressions that are taken for the other, from which they count as
# not told apart.
CONFUSED = 0.2


def protocol(
    expressions: Sequence[str] = EXPRESSIONS,
    *,
    repetitions: int = 2,
    mvc: Sequence[str] = (),
    seed: int = 0,
) -> cues.Protocol:
    """Return the guided run: rest, and each expression for 1.8 s, `repetitions` times.

    With seven expressions and two repetitions it takes a minute.

    Parameters
    ----------
    expressions : names in `facs.EXPRESSIONS`, with "neutral" for the relaxed face
    repetitions : with one, the accuracy to expect is not known
    mvc : expressions to perform once as strongly as possible; without any, intensities are relative
        to the strongest expression of the run (a comfortable maximum)
    seed : of the order

    Raises
    ------
    ValueError : see `cues.Protocol`
    """
    return cues.Protocol(
        expressions=tuple(expressions),
        repetitions=repetitions,
        countdown=1.0,
        hold=1.8,
        rest=0.8,
        rest_jitter=0.4,
        baseline=5.0,
        mvc=tuple(mvc),
        practice=False,
        seed=seed,
        title="Calibration",
    )


class Confusion(NamedTuple):
    """Two expressions, and the share (0–1) of their windows that is taken for the other."""

    first: str
    second: str
    share: float


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Decoder of one face, and what to expect of it.

    Attributes
    ----------
    model : classifier of expressions, for `live.decode`; its `spec` contains what is expected
    levels : intensities of action units, for `live.decode`; None if no channel tells one
    expected : cross-validation within the run, with each trial left out; None if an expression has
        a single trial. The face later in the day and another electrode placement are not in it
    confused : pairs of expressions that are not told apart, most confused first
    remarks : what is missing, in sentences
    """

    model: models.Classifier
    levels: Proportional | None
    expected: evaluate.Result | None
    confused: tuple[Confusion, ...]
    remarks: tuple[str, ...]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the classifier to "path.npz" and the levels to "path.json"; return the former.

        Raises
        ------
        FileExistsError : a file exists
        """
        path = Path(path)
        path = path.with_suffix("") if path.suffix == ".npz" else path
        levels = path.with_name(path.name + ".json")
        if levels.exists():
            raise FileExistsError(f"{levels} exists and is not overwritten; use another name")
        saved = self.model.save(path)
        if self.levels is not None:
            self.levels.save(levels)
        return saved

    def __str__(self) -> str:
        trials = self.model.spec["expected"]["trials"]
        lines = [f"Decoder of {', '.join(self.model.classes)}, from {trials} trials."]
        if self.expected is not None:
            low, high = self.expected.interval
            lines.append(
                f"Expected accuracy {_percent(self.expected.accuracy)} % (95 % interval "
                f"{_percent(low)}–{_percent(high)} %, chance {_percent(self.expected.chance)} %), "
                "with each trial left out."
            )
        lines += [
            f"Does not tell {each.first} from {each.second}: {_percent(each.share)} % of their "
            "windows are taken for the other."
            for each in self.confused
        ]
        if self.levels is not None:
            lines.append(f"Intensities of {', '.join(self.levels.names)}.")
            if self.levels.untold:
                lines.append(
                    f"No intensities of {', '.join(self.levels.untold)}: nothing in the run shows "
                    "their maximum."
                )
        return "\n".join([*lines, *self.remarks])

    __repr__ = __str__


def calibrate(session: xr.DataTree, base: models.Classifier | None = None) -> Calibrated:
    """Return the decoder of a face from the recording of a guided run.

    With a base, a model of other people is adapted to this one (`models.calibrate`, with the rest
    and all trials), which needs less data. Without a base, LDA is trained on the trials. Spoilt
    trials are left out.

    Parameters
    ----------
    session : recording of `protocol`, or of any protocol with trials
    base : trained by `models.fit_within` on windows, for example with features="covariance"

    Raises
    ------
    TypeError : not a session
    ValueError : no trials; a base for other channels, rate, filters or expressions, or that takes
        features instead of windows; or without a base a single expression
    """
    chain = filters.preset_for(recording.emg(session), live=True)
    if base is not None:
        _need_windows(base)
        chain = _deciding.chain_of(base)
    clean = chain.causal(recording.emg(session))
    length = LENGTH if base is None or base.length is None else base.length
    data = windows.cut(clean, labels.trials(session), length=length, step=STEP)
    rest = _rest(session, clean, length)
    fit = _training(base, rest)
    trials = _trials(data)
    remarks = [
        f"{name} has a single trial, so the accuracy to expect is not known: repeat the run with "
        "repetitions=2."
        for name, count in sorted(trials.items())
        if count < 2
    ]
    expected = None
    if not remarks:
        expected = evaluate.cross_validate(data, fit, by="trial", progress=False)
    confused = _confused(expected)
    levels, missing = _levels(session)
    model = _with_expected(fit(data), trials, expected, confused)
    return Calibrated(model, levels, expected, confused, (*remarks, *missing))


def _need_windows(base: models.Classifier) -> None:
    if base.spec["expects"]["input"] != "windows" and not base.spec.get("features"):
        raise ValueError(
            "the base takes features, expected one that takes windows: train it with "
            "models.fit_within(windows, features='covariance')"
        )


def _training(
    base: models.Classifier | None, rest: xr.DataArray | None
) -> Callable[[Any], models.Classifier]:
    if base is None:
        return lambda train: models.fit(train, features=FEATURES)
    relaxed = [name for name in base.classes if name.lower() in RELAXED]
    used = rest if len(relaxed) == 1 else None
    return lambda train: models.calibrate(base, rest=used, trials=train)


def _rest(session: xr.DataTree, clean: xr.DataArray, length: float) -> xr.DataArray | None:
    """Return the windows of the rest at the beginning; None if it was not recorded."""
    marks = session["markers"].to_dataset()
    texts = [str(text) for text in marks["text"].values]
    time = [*marks["time"].values.astype(float).tolist(), float(clean["time"][-1])]
    undone = set(cues.taken_back(texts))
    found = [i for i, text in enumerate(texts) if text == BASELINE and i not in undone]
    if not found or time[found[0] + 1] < time[found[0]] + REACTION + length:
        return None
    begin, end = time[found[0]] + REACTION, time[found[0] + 1]
    return windows.cut(clean.sel(time=slice(begin, end)), length=length, step=STEP)


def _trials(data: xr.DataArray) -> Counter[str]:
    """Return the number of trials of each expression."""
    pairs = set(zip(data["trial"].values.tolist(), data["label"].values.tolist(), strict=True))
    return Counter(str(label) for _, label in pairs)


def _confused(expected: evaluate.Result | None) -> tuple[Confusion, ...]:
    if expected is None:
        return ()
    counts, names = expected.confusion.values, expected.classes
    either = (counts + counts.T) / np.maximum(counts.sum(axis=1) + counts.sum(axis=1)[:, None], 1)
    pairs = [
        Confusion(names[a], names[b], float(either[a, b]))
        for a in range(len(names))
        for b in range(a + 1, len(names))
        if either[a, b] >= CONFUSED
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.share))


def _levels(session: xr.DataTree) -> tuple[Proportional | None, tuple[str, ...]]:
    try:
        return proportional(session), ()
    except ValueError as error:
        return None, (f"No intensities: {error}",)


def _with_expected(
    model: models.Classifier,
    trials: Counter[str],
    expected: evaluate.Result | None,
    confused: tuple[Confusion, ...],
) -> models.Classifier:
    """Return the model with what is expected of it in its `spec`, which is saved with it."""
    about: dict[str, Any] = {"trials": trials.total(), "confused": [list(p) for p in confused]}
    if expected is not None:
        about |= {
            "accuracy": expected.accuracy,
            "interval": list(expected.interval),
            "chance": expected.chance,
            "scheme": "leave-one-trial-out within the calibration run",
        }
    return dataclasses.replace(model, spec=dict(model.spec) | {"expected": about})


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
