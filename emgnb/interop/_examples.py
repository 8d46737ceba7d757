"""Make a table of the arrays of a file: windows, trials, or rows, with what lies beside them.

Windows and trials become one row per sample, as in a text table, with a column `window` or `trial`
that counts them. Values that exist once per window or trial are repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emgnb._vocabulary import COLUMNS
from emgnb.interop import _axes, _names
from emgnb.interop._axes import AS_GIVEN, CHANNEL, SAMPLE, WINDOW, Array, Asked
from emgnb.interop._held import Held, shortened
from emgnb.interop._names import LABELS, TRIAL

if TYPE_CHECKING:
    import pandas as pd

# Keys of `DataFrame.attrs`: variables that were not read, in words; how the file was read, in
# sentences; the column of labels; Hz; what a row is, where the file shows it; the column that
# counts windows or trials here.
NOT_READ, READING, LABEL, RATE = "not_read", "reading", "label", "rate"
ROWS, COUNTED = "rows", "counted"
# Columns of a table.
WIDEST = 20_000
# A matrix of this name is the signal, and what was recorded beside it is not.
MUSCLES = ("emg", "semg")
SIGNALS = ("emg", "semg", "signal", "signals", "data", "x", "trials", "windows", "features")


def table(file: str, held: Held, asked: Asked) -> pd.DataFrame:
    """Return the examples of a file with the labels and groups beside them.

    Parameters
    ----------
    file : its name, for messages
    held : what it holds
    asked : what the user says about it

    Raises
    ------
    ValueError : no examples, or their axes cannot be told
    """
    import pandas as pd

    parts = {part: _one(file, own, asked) for part, own in _names.subsets(held).items()}
    if len(parts) == 1:
        return next(iter(parts.values()))
    first, made = 0, []
    for part, frame in parts.items():
        unit = frame.attrs.get(COUNTED, "")
        # Windows of the second part are numbered on.
        numbered = {unit: frame[unit] + first} if unit else {}
        first += int(frame[unit].max()) + 1 if unit else 0
        made.append(frame.assign(split=part, **numbered))
    attrs = next(iter(parts.values())).attrs
    joined = pd.concat(made, ignore_index=True)
    joined.attrs = attrs | {READING: [*attrs[READING], f"split: {' and '.join(parts)}"]}
    return joined


def _one(file: str, held: Held, asked: Asked) -> pd.DataFrame:
    held, said = _names.with_codes(held)
    name = _signal(file, held, asked)
    if name in held.lists:
        return _trials(file, held, name, asked, said)
    if name and (held.arrays[name].ndim > 2 or WINDOW in asked.axes):
        return _windows(file, held, name, asked, said)
    return _rows(file, held, name, asked, said)


def _signal(file: str, held: Held, asked: Asked) -> str:
    """Return the name of the array with the signal; empty if all rows are to be read."""
    if asked.signal:
        if asked.signal not in held.arrays and asked.signal not in held.lists:
            raise ValueError(
                f"{file} has no array {asked.signal!r} of numbers; it holds {held.described()}"
            )
        return asked.signal
    found = _candidates(held, asked)
    usual = sorted(
        (each for each in found if each.lower() in SIGNALS),
        key=lambda each: SIGNALS.index(each.lower()),
    )
    if usual or len(found) == 1:
        return (usual or found)[0]
    if found:
        raise ValueError(
            f"{file} holds {shortened([f'`{name}`' for name in found])}: name the one with the "
            "signal by --signal NAME (signal=… in Python)"
        )
    if asked.axes:
        raise ValueError(
            f"{file} holds {held.described()}, expected an array of two or three axes for axes="
            f"{','.join(asked.axes)}"
        )
    return next((name for name in held.arrays if name.lower() in MUSCLES), "")


def _candidates(held: Held, asked: Asked) -> list[str]:
    """Return names of lists of trials and arrays of windows; those that fit labels, if any does.

    None if there are matrices that fit labels instead.
    """
    shapes: dict[str, tuple[int, ...]] = {name: (len(each),) for name, each in held.lists.items()}
    shapes |= {n: _names.wide(each) for n, each in held.arrays.items() if each.dtype.kind in "biuf"}
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    found = [name for name, shape in shapes.items() if name in held.lists or len(shape) > 2]
    if asked.axes:
        return found or matrices
    vectors = _names.vectors(held, set())
    named = [values for name, values in vectors.items() if name.lower() in LABELS]
    sizes = {len(values) for values in named or vectors.values()}
    fitting = [name for name in found if sizes.intersection(shapes[name])]
    if not fitting and any(sizes.intersection(shapes[name]) for name in matrices):
        return []
    return fitting or found


def _windows(file: str, held: Held, name: str, asked: Asked, said: list[str]) -> pd.DataFrame:
    """Rows of the samples of an array of windows."""
    whole = held.arrays[name]
    array = whole
    if array.ndim == 2 and len(asked.axes) > 2:
        raise ValueError(
            f"{file}: `{name}` has the shape {whole.shape}, and axes={','.join(asked.axes)}; of "
            "windows of one channel name two axes, such as window,sample"
        )
    if array.ndim == 2:
        array, order = array[:, :, None], [*asked.axes, CHANNEL]
        asked = replace(asked, axes=tuple(order))
    # Networks take an axis of one more.
    while array.ndim > 3 and 1 in array.shape:
        array = array.squeeze(axis=array.shape.index(1))
    if array.ndim != 3 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{file}: `{name}` {whole.shape} has {array.ndim} axes longer than 1, expected numbers "
            "of windows, samples and channels"
        )
    vectors = _names.vectors(held, {name})
    label = next((v for v in vectors if v.lower() in LABELS and len(vectors[v]) in array.shape), "")
    places, why = _axes.of_windows(file, name, array.shape, vectors, label, asked)
    wide = np.ascontiguousarray(array.transpose(places))
    windows, samples, channels = wide.shape
    names = _channel_names(name, channels, vectors, windows)
    columns: dict[str, Any] = {WINDOW: np.repeat(np.arange(windows), samples)}
    columns |= dict(zip(names, wide.reshape(-1, channels).T, strict=True))
    beside = {v: x for v, x in vectors.items() if len(x) == windows and v != WINDOW}
    text = (
        f"signal: `{name}` {whole.shape}, {windows} windows of {samples} samples of {channels} "
        f"channel{'s' * (channels > 1)}; {why}"
    )
    made = _made(held, {name}, columns, beside, np.full(windows, samples), [text, *said])
    made.attrs[COUNTED] = WINDOW
    return made


def _trials(file: str, held: Held, name: str, asked: Asked, said: list[str]) -> pd.DataFrame:
    """Rows of the samples of one array per trial."""
    all_of = held.lists[name]
    full = [k for k, each in enumerate(all_of) if each.size]
    if not full:
        raise ValueError(f"{file}: all trials of `{name}` are empty")
    signals, why = _axes.of_trials(file, name, [all_of[k] for k in full], asked)
    sizes = np.array([len(each) for each in signals])
    vectors = _names.vectors(held, {name})
    beside = {v: x[full] for v, x in vectors.items() if len(x) == len(all_of) and v != WINDOW}
    columns: dict[str, Any] = {}
    unit = _counts(beside)
    if unit:
        columns[unit] = np.repeat(np.arange(len(full)), sizes)
    channels = signals[0].shape[1]
    names = _channel_names(name, channels, vectors, len(all_of))
    columns |= dict(zip(names, np.concatenate(signals).T, strict=True))
    used = {name}
    for other, each in held.lists.items():
        # Times, or labels, of each sample.
        if other != name and [each[k].size for k in full] == sizes.tolist():
            columns[other] = np.concatenate([each[k].reshape(-1) for k in full])
            used.add(other)
    shortest, longest = int(sizes.min()), int(sizes.max())
    span = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    text = (
        f"signal: `{name}`, {len(full)} trials of {span} samples of {channels} "
        f"channel{'s' * (channels > 1)}; {why}"
    )
    if len(full) < len(all_of):
        text += f"; {len(all_of) - len(full)} empty trials left out"
    made = _made(held, used, columns, beside, sizes, [text, *said])
    made.attrs |= {COUNTED: unit} if unit else {}
    made.attrs |= {ROWS: "samples"} if unit != WINDOW else {}
    return made


def _counts(beside: Mapping[str, Array]) -> str:
    """Return the column that counts the arrays of a list: trials, or windows of named trials.

    Empty if what is named tells them apart already.
    """
    known = {role: [v for v in beside if v.lower() in COLUMNS[role]] for role in COLUMNS}
    if not known[TRIAL]:
        return TRIAL
    keys = [v for v in beside if v.lower() in LABELS]
    keys += [v for role in ("person", "session", TRIAL) for v in known[role]]
    told = set(zip(*(beside[v].astype(str).tolist() for v in keys), strict=True))
    return "" if len(told) == len(beside[keys[0]]) else WINDOW


def _rows(file: str, held: Held, only: str, asked: Asked, said: list[str]) -> pd.DataFrame:
    """Rows of matrices, and of vectors of as many values."""
    arrays = {
        name: each
        for name, each in held.arrays.items()
        if each.size > 1
        and len(_names.wide(each)) in ((0, 2) if name == only or not only else (0,))
    }
    matrices = {name: each for name, each in arrays.items() if len(_names.wide(each)) == 2}
    flat = _names.vectors(held, set(matrices))
    label = next((v for v in flat if v.lower() in LABELS), "")
    if asked.axes and only in matrices:
        size = matrices[only].shape[asked.axes.index(SAMPLE)]
    elif label and any(len(flat[label]) in each.shape for each in matrices.values()):
        size = len(flat[label])
    else:
        size = _commonest(file, held, {**flat, **matrices})
    columns: dict[str, Any] = {}
    used, turned = set(), []
    for name in (each for each in held.arrays if each in flat or each in matrices):
        values = flat[name][:, None] if name in flat else matrices[name]
        across = len(values) != size and name in matrices and values.shape[1] == size
        if across or (name == only and asked.axes == (CHANNEL, SAMPLE)):
            values = values.T
            turned.append(f"`{name}`")
        if len(values) == size:
            names = [name] if values.shape[1] == 1 else _numbered(name, values.shape[1])
            columns |= dict(zip(names, values.T, strict=True))
            used.add(name)
    if len(columns) > WIDEST:
        raise ValueError(f"{file} gives {len(columns)} columns, at most {WIDEST} are read")
    text = f"rows: {size}, {AS_GIVEN}" if asked.axes else f"rows: {size}"
    shown = [f"`{name}` {held.arrays[name].shape}" for name in used if name in matrices]
    text += f", of {shortened(sorted(shown))}" * bool(shown)
    if turned and not asked.axes:
        text += f"; {', '.join(turned)} turned, because its second axis has as many values"
    return _made(held, used, columns, {}, np.ones(size, dtype=np.intp), [text, *said])


def _commonest(file: str, held: Held, arrays: Mapping[str, Array]) -> int:
    """Return the commonest number of rows, of equally common ones that of the largest array."""
    lengths = Counter(len(each) for each in arrays.values() if len(each) > 1)
    if not lengths:
        raise ValueError(
            f"{file} holds {held.described()}, expected an array with a row, a window or a trial "
            "per label"
        )

    def largest(n: int) -> int:
        return max(each.size for each in arrays.values() if len(each) == n)

    return max(lengths, key=lambda n: (lengths[n], largest(n)))


def _made(
    held: Held,
    used: set[str],
    columns: dict[str, Any],
    beside: Mapping[str, Array],
    sizes: Array,
    said: list[str],
) -> pd.DataFrame:
    """Return the table of columns, of values to repeat `sizes` times, and of constants."""
    import pandas as pd

    constants, rate = _names.constants(held)
    rows = int(sizes.sum())
    for name, values in beside.items():
        columns[name] = _repeated(values, sizes)
    for name, value in constants.items():
        columns[name] = _repeated(np.array([value]), np.array([rows]))
    made = pd.DataFrame(columns)
    kept = {*used, *beside, *constants, *rate}
    left = [
        f"`{name}`{f' {each.shape}' if each.shape else ''}"
        for name, each in held.arrays.items()
        if name not in kept
    ]
    left += [f"`{n}` ({len(each)} arrays)" for n, each in held.lists.items() if n not in kept]
    left += held.unread
    once = [f"`{name}`" for name in beside]
    said = said + ([f"one value for each: {', '.join(once)}"] if once else [])
    said += [f"the same in all: `{name}` = {value}" for name, value in constants.items()]
    said += [f"rate: `{name}` = {value:g} Hz" for name, value in rate.items()]
    made.attrs[READING] = said + ([f"left aside: {shortened(left)}"] if left else [])
    if held.unread:
        made.attrs[NOT_READ] = shortened(held.unread)
    label = next((str(name) for name in made.columns if str(name).lower() in LABELS), "")
    made.attrs |= {RATE: next(iter(rate.values()))} if rate else {}
    made.attrs |= {LABEL: label} if label else {}
    return made


def _repeated(values: Array, sizes: Array) -> Any:
    import pandas as pd

    if values.dtype.kind != "U" or len(sizes) == sizes.sum() > 1:
        return np.repeat(values, sizes)
    names, codes = np.unique(values, return_inverse=True)
    return pd.Categorical.from_codes(np.repeat(codes, sizes), names)


def _channel_names(
    name: str, channels: int, vectors: Mapping[str, Array], examples: int
) -> list[str]:
    """Return the names of channels in the file, otherwise numbers behind the signal's name."""
    for values in vectors.values():
        fits = len(values) == channels != examples and values.dtype.kind == "U"
        if fits and len(set(values.tolist())) == channels:
            return [str(each) for each in values]
    return [name] if channels == 1 else _numbered(name, channels)


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}{k + 1}" for k in range(count)]
