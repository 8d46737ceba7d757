"""Compute a trained LDA in integers, as a board does, and write it as a C header for the sketch.

Per channel, the board adds up the samples of a window and their squares. From these follow the mean
(envelopes) and the standard deviation (raw EMG). A table with interpolation compresses them, and
the class with the highest score is the decision. `OnBoard.predict` does the same in integers: the
results are bit-identical, see `firmware/emg_stream/decoder.h`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from emgnb.models.classifier import Classifier

I64 = npt.NDArray[np.int64]

FEATURES = ("mean", "std")
# A feature is divided by its size and multiplied by 2 ** RATIO; the result has at most BITS bits.
RATIO, BITS = 12, 28
# Compressed features are multiplied by 2 ** FINE, margins by 2 ** MARGIN.
FINE, MARGIN = 11, 8
# Limits of the board: channels, classes, and samples between decisions.
MOST_CHANNELS, MOST_CLASSES, MOST_HOP = 16, 32, 4096
# The table has 2 ** STEPS entries per factor of two.
STEPS = 4
_LIMIT = 2**31 - 1


class Decisions(NamedTuple):
    """Decisions of a board.

    ends : (n,) index of the newest sample used
    labels : (n,) index of the class
    margins : (n,) score of the class minus the next best, in 1/256 of a natural logarithm of the
        ratio of their probabilities; at most 65 535
    """

    ends: I64
    labels: I64
    margins: I64


@dataclass(frozen=True, eq=False)
class OnBoard:
    """LDA in integers.

    Attributes
    ----------
    classes, channels, features : names; the board's first inputs are the channels, in order
    rate : sampling rate in Hz
    window, hop : samples in a window, and between decisions
    gain, shift : (column,) factor and shift that turn a feature into a multiple of its size
    table : compressed value of each entry
    weights, offset : (class, column) and (class,) of the scores
    scale : scores are multiplied by 2 ** (scale + FINE)
    fingerprint : of the classifier
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    features: tuple[str, ...]
    rate: int
    window: int
    hop: int
    gain: I64
    shift: I64
    table: I64
    weights: I64
    offset: I64
    scale: int
    fingerprint: str

    def predict(self, counts: npt.ArrayLike) -> Decisions:
        """Decide for each window, exactly as the board does.

        Parameters
        ----------
        counts : (time, channel) samples of the converter, 0 to 1023, without gaps: after a lost
            scan, the board begins a new window

        Raises
        ------
        ValueError : another number of channels, or values that no 10-bit converter gives
        """
        x = np.asarray(counts)
        if x.ndim != 2 or x.shape[1] != len(self.channels):
            raise ValueError(
                f"counts of shape {x.shape}, expected (time, {len(self.channels)}): the channels "
                f"{', '.join(self.channels)}"
            )
        if x.size and (x.min() < 0 or x.max() > 1023 or np.any(x != np.rint(x))):
            raise ValueError("counts: expected whole numbers from 0 to 1023, as the board sends")
        ends = np.arange(self.window, len(x) + 1, self.hop, dtype=np.int64)
        columns = self._columns(x.astype(np.int64), ends)
        scores = self.offset + self._compressed(columns) @ self.weights.T
        labels = scores.argmax(axis=1)
        ordered = np.sort(scores, axis=1)
        return Decisions(ends - 1, labels, self._margins(ordered[:, -1] - ordered[:, -2]))

    def header(self) -> str:
        """Return the C header ``model.h`` that the sketch is built with, see `docs/onboard.md`."""
        return "\n".join(_header_lines(self)) + "\n"

    def _columns(self, x: I64, ends: I64) -> I64:
        """Return the sums of each feature, (window, column)."""
        begins = ends - self.window
        total, squares = (_sums(each, begins, ends) for each in (x, x * x))
        found = {"mean": total, "std": _roots(self.window * squares - total * total)}
        return np.concatenate([found[name] for name in self.features], axis=1)

    def _compressed(self, columns: I64) -> I64:
        value = np.minimum((columns * self.gain) >> self.shift, 2**BITS - 1)
        # Entries below 2 ** (STEPS + 1) are the values themselves.
        octave = np.maximum(_bit_lengths(value) - STEPS - 1, 0)
        entry = (octave << STEPS) + (value >> octave)
        low, high = self.table[entry], self.table[entry + 1]
        found: I64 = low + (((high - low) * (value & ((1 << octave) - 1))) >> octave)
        return found

    def _margins(self, difference: I64) -> I64:
        move = self.scale + FINE - MARGIN
        moved = difference >> move if move >= 0 else difference << -move
        return np.asarray(np.minimum(moved, 65535), dtype=np.int64)


def quantise(
    classifier: Classifier, *, units_per_count: float = 1.0, step: float = 0.05
) -> OnBoard:
    """Turn an LDA into integers for the board.

    Parameters
    ----------
    classifier : LDA of `fit`, or calibrated by `calibrate`, trained on the features "mean", "std"
        or both of unfiltered windows, because the board does not filter
    units_per_count : size of one count of the converter in the unit of the training data, such as
        5 / 1024 for volts
    step : s from one decision to the next; the window must be a multiple of it

    Returns
    -------
    OnBoard, whose `header` the sketch is built with

    Raises
    ------
    ValueError : a model that the board cannot compute; the message lists all reasons
    """
    faults = [*_faults(classifier, units_per_count, step)]
    if faults:
        raise ValueError("this model does not fit a board:\n" + "\n".join(f"- {f}" for f in faults))
    expects = classifier.spec["expects"]
    rate, names = round(expects["rate"]), tuple(expects["feature"])
    window, hop = (round(seconds * rate) for seconds in (expects["length_s"], step))
    arrays, log = classifier.arrays, classifier.spec["settings"]["compress"] == "log"
    size = np.asarray(arrays["size"], dtype=np.float64)
    sums = {"mean": window, "std": math.sqrt(window * (window - 1))}
    per_sum = np.repeat([units_per_count / sums[name] for name in names], len(classifier.channels))
    gain, shift = _gains(2**RATIO * per_sum / size)
    # The scores of standardised features, as scores of compressed ones; classes share a constant.
    weights = np.asarray(arrays["weights"]) / arrays["spread"]
    centre = np.asarray(arrays["mean"]) - (np.log(size) if log else 0.0)
    offset = np.asarray(arrays["offset"]) - weights @ centre
    weights, offset = weights - weights.mean(axis=0), offset - offset.mean()
    table, scale = _table(log=log), _scale(weights, offset)
    return OnBoard(
        classes=classifier.classes,
        channels=classifier.channels,
        features=names,
        rate=rate,
        window=window,
        hop=hop,
        gain=gain,
        shift=shift,
        table=table,
        weights=np.rint(weights * 2.0**scale).astype(np.int64),
        offset=np.rint(offset * 2.0 ** (scale + FINE)).astype(np.int64),
        scale=scale,
        fingerprint=classifier.fingerprint,
    )


def _faults(classifier: Classifier, units_per_count: float, step: float) -> Iterator[str]:
    """Yield the reasons why a board cannot compute a model."""
    expects = classifier.spec["expects"]
    if classifier.model != "lda":
        yield f"model {classifier.model!r}: train model='lda'"
        return
    if not units_per_count > 0:
        yield f"units_per_count={units_per_count!r}, expected a number above 0"
    names = expects.get("feature", ())
    if expects["input"] != "features" or not names or not set(names) <= set(FEATURES):
        found = ", ".join(map(str, names)) or "windows"
        yield f"features {found}: train on features.extract(windows, ['mean', 'std'])"
    if any(step_["step"] == "filter" for step_ in expects["steps"]):
        yield "filtered training data: the board does not filter, so train on unfiltered windows"
    if classifier.spec["settings"]["compress"] not in ("asinh", "log"):
        yield "compress='none': train with compress='asinh' or 'log'"
    if not 0 < len(classifier.channels) <= MOST_CHANNELS:
        yield f"{len(classifier.channels)} channels, expected 1 to {MOST_CHANNELS}"
    if len(classifier.classes) > MOST_CLASSES:
        yield f"{len(classifier.classes)} classes, expected at most {MOST_CLASSES}"
    if not expects.get("rate") or not expects.get("length_s"):
        yield "no sampling rate or window length in the training data: use windows.cut"
        return
    rate = round(expects["rate"])
    window, hop = round(expects["length_s"] * rate), round(step * rate)
    if not 0 < hop <= MOST_HOP or window % hop or window < 2:
        yield f"windows of {window} samples, step of {hop}: expected a multiple of the step"


def _gains(factors: npt.NDArray[np.float64]) -> tuple[I64, I64]:
    """Return factors as 16-bit integers and right shifts."""
    exponents = np.floor(np.log2(factors)).astype(np.int64)
    shift = np.clip(15 - exponents, 0, 47)
    return np.clip(np.rint(factors * 2.0**shift), 1, 65535).astype(np.int64), shift


def _table(*, log: bool) -> I64:
    entries = np.arange(((BITS - STEPS) << STEPS) + (1 << STEPS) + 1)
    octave = np.maximum((entries >> STEPS) - 1, 0)
    ratio = ((entries - (octave << STEPS)) << octave) / 2.0**RATIO
    values = np.log(np.maximum(ratio, 2.0**-RATIO)) if log else np.arcsinh(ratio)
    return np.asarray(np.rint(values * 2**FINE), dtype=np.int64)


def _scale(weights: npt.NDArray[Any], offset: npt.NDArray[Any]) -> int:
    """Return the largest scale with which weights fit in 16 bits and offsets in 32."""
    room = min(32767 / np.abs(weights).max(), _LIMIT / 2**FINE / np.abs(offset).max(initial=1e-9))
    return min(math.floor(math.log2(room)), 15)


def _sums(x: I64, begins: I64, ends: I64) -> I64:
    total = np.concatenate([np.zeros((1, x.shape[1]), dtype=np.int64), np.cumsum(x, axis=0)])
    found: I64 = total[ends] - total[begins]
    return found


def _roots(x: I64) -> I64:
    """Return the integer square roots."""
    found = np.sqrt(x.astype(np.float64)).astype(np.int64)
    found -= found * found > x
    found += (found + 1) * (found + 1) <= x
    return found


def _bit_lengths(x: I64) -> I64:
    """Return the number of bits of integers below 2 ** 53."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _header_lines(model: OnBoard) -> Iterator[str]:
    names = ", ".join(re.sub(r"[^\w .+-]", "_", name) for name in model.classes)
    yield "/* A decoder for the sketch emg_stream, written by emgnb.models.OnBoard.header."
    yield f"   Classes: {names}. Channels: {', '.join(model.channels)}. */"
    yield "#ifndef EMG_MODEL_H\n#define EMG_MODEL_H\n"
    yield "#include <stdint.h>"
    yield "#ifdef __AVR__\n#include <avr/pgmspace.h>\n#else\n#define PROGMEM\n#endif\n"
    numbers = {
        "RATE": model.rate,
        "CHANNELS": len(model.channels),
        "CLASSES": len(model.classes),
        "WINDOW": model.window,
        "HOP": model.hop,
        "MEAN": int("mean" in model.features),
        "STD": int("std" in model.features),
        "STD_FIRST": int(model.features[0] == "std"),
        "SCALE": model.scale,
    }
    for name, value in numbers.items():
        yield f"#define MODEL_{name} {value}"
    yield f'#define MODEL_NAMES "{names[:80]}"'
    yield f'#define MODEL_FINGERPRINT "{model.fingerprint}"\n'
    yield _array("uint16_t", "model_gain", model.gain)
    yield _array("uint8_t", "model_shift", model.shift)
    yield _array("int16_t", "model_weights", model.weights.ravel())
    yield _array("int32_t", "model_offset", model.offset)
    yield _array("int16_t", "model_table", model.table)
    yield "\n#endif"


def _array(kind: str, name: str, values: Sequence[int] | I64) -> str:
    cells = [str(int(value)) for value in values]
    rows = [", ".join(cells[at : at + 12]) for at in range(0, len(cells), 12)]
    return f"static const {kind} {name}[] PROGMEM = {{\n    " + ",\n    ".join(rows) + "};"
