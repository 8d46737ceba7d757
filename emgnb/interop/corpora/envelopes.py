"""Read envelope sessions in JSON: rounds of posed expressions with samples per sensor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import labels, recording
from emgnb._arrays import Floats
from emgnb.interop.corpora import _measures

LAYOUT = '{"round": {"expression": [[sensor 1 …], [sensor 2 …]]}}'
# "Aberto" means "open"; the file does not say what is open, so it is translated literally.
ENGLISH = {
    "neutro": "neutral",
    "sorriso": "smile",
    "aberto": "open",
    "surpreso": "surprise",
    "grumpy": "grumpy",
}


def read_envelope_json(
    path: str | Path,
    *,
    rate: float = 1 / 0.003,
    gap: float = 1.0,
    participant: str = "1",
    channel: list[str] | None = None,
    muscle: str | list[str] = "",
) -> list[xr.DataTree]:
    """Read `{"Rodada1": {"Sorriso": [[sensor 1 …], [sensor 2 …]], …}, …}`, one session per round.

    The expressions of a round are separate recordings with an unknown pause between them. In the
    session they are separated by invalid rows, so that filters and windows do not extend from one
    to the next. Each expression is a trial.

    Parameters
    ----------
    path : JSON file
    rate : Hz, nominal. The file has no time stamps; according to its source, a sample is 3 ms
    gap : s of invalid rows between two expressions
    participant : name of the participant; this corpus has one person
    channel : names of the sensors; "sensor1", "sensor2", … by default
    muscle : muscle under each sensor; not stated in the file

    Returns
    -------
    Sessions in the order of the file: signal in counts, `signal_kind` envelope; markers at each
    onset (English for known words, otherwise as in the file) and "pause" at each end;
    `labels/file` with `original`, the name in the file. `session` is unique for each file and
    round, so leaving out a session leaves out a round; attributes `recording` and `round` hold the
    two parts of the name.

    Raises
    ------
    ValueError : not JSON, another layout (the message states what was found), or the number of
        names differs from the number of sensors

    Examples
    --------
    Leave out one round at a time:

    >>> rounds = corpora.read_envelope_json(path)                                # doctest: +SKIP
    >>> parts = [
    ...     windows.cut(chain(s["emg/signal"]), labels.trials(s, reaction=0), length=0.3, step=0.1)
    ...     for s in rounds
    ... ]                                                                        # doctest: +SKIP
    >>> evaluate.cross_validate(windows.stack(parts), fit, by="session")         # doctest: +SKIP
    """
    recording.need_positive(rate=rate, gap=gap)
    path = Path(path)
    content = _loaded(path)
    trials: dict[str, dict[str, Floats]] = {}
    oddities: list[str] = []
    for name, expressions in content.items():
        if not isinstance(expressions, dict) or not expressions:
            raise ValueError(_misfit(path, f"{name!r} holds {_seen(expressions)}"))
        trials[name] = {
            expression: _trial(sensors, path, f"{name}/{expression}", oddities)
            for expression, sensors in expressions.items()
        }
    every = [trial for one in trials.values() for trial in one.values()]
    widths = sorted({trial.shape[1] for trial in every})
    if len(widths) != 1:
        raise ValueError(_misfit(path, f"trials of {' and of '.join(map(str, widths))} sensors"))
    names = channel or [f"sensor{k + 1}" for k in range(widths[0])]
    if len(names) != widths[0]:
        raise ValueError(f"{path.name} has {widths[0]} sensors, but {len(names)} names: {names}")
    found = [
        f"No time stamps: {rate:.4g} Hz is nominal, and the pauses between the trials of a "
        f"round are unknown (here {gap:g} s).",
        *oddities,
        *_faults(trials, names, known=bool(muscle)),
    ]
    return [
        _session(
            expressions,
            rate,
            gap,
            names,
            muscle,
            participant=participant,
            session=f"{path.stem} {name}",
            recording=path.stem,
            round=name,
            source=path.name,
            faults=json.dumps(found, ensure_ascii=False),
        )
        for name, expressions in trials.items()
    ]


def _session(
    expressions: dict[str, Floats],
    rate: float,
    gap: float,
    names: list[str],
    muscle: str | list[str],
    **attrs: Any,
) -> xr.DataTree:
    pause = np.full((max(round(gap * rate), 1), len(names)), np.nan)
    pieces: list[Floats] = []
    begin, at = [], 0
    for trial in expressions.values():
        begin.append(at)
        pieces += [trial, pause]
        at += len(trial) + len(pause)
    x = recording.signal(
        np.concatenate(pieces[:-1]),
        rate=rate,
        units="count",
        channel=names,
        muscle=muscle,
        signal_kind="envelope",
        nominal_rate=rate,
    )
    onset = np.array(begin) / rate
    offset = onset + np.array([len(trial) for trial in expressions.values()]) / rate
    # Empty trials are not events.
    there = offset > onset
    onset, offset = onset[there], offset[there]
    original = [name for name, ok in zip(expressions, there, strict=True) if ok]
    texts = [ENGLISH.get(name.strip().casefold(), name) for name in original]
    table = labels.events(onset, offset, label=texts).assign(
        original=("event", np.array(original, dtype=str))
    )
    cues = sorted([*zip(onset, texts, strict=True), *((t, "pause") for t in offset)])
    return recording.make(
        x,
        markers=recording.markers([t for t, _ in cues], [text for _, text in cues], source="file"),
        labels={"file": table},
        **attrs,
    )


def _loaded(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected one JSON file")
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: give the path of an envelope session in JSON")
    content = recording.parsed(path.read_bytes(), path.name)
    if not isinstance(content, dict) or not content:
        raise ValueError(_misfit(path, _seen(content)))
    return content


def _trial(sensors: Any, path: Path, where: str, oddities: list[str]) -> Floats:
    if not isinstance(sensors, list) or not sensors:
        raise ValueError(_misfit(path, f"{where} holds {_seen(sensors)}"))
    columns = []
    for k, samples in enumerate(sensors):
        if not isinstance(samples, list):
            raise ValueError(_misfit(path, f"{where}, sensor {k + 1}, holds {_seen(samples)}"))
        try:
            # None, a missing sample, becomes NaN.
            columns.append(np.array(samples, dtype=np.float64).reshape(len(samples)))
        except (TypeError, ValueError, OverflowError):
            odd = next((s for s in samples if not isinstance(s, int | float | None)), samples)
            raise ValueError(
                _misfit(path, f"{where}, sensor {k + 1}, holds {str(odd)[:40]!r} among its samples")
            ) from None
    lengths = [column.size for column in columns]
    size = max(lengths)
    if not size:
        oddities.append(f"{where} is empty.")
    if min(lengths) != size:
        oddities.append(
            f"{where}: sensors of {' and '.join(map(str, lengths))} samples; shorter ones "
            "are padded with missing values."
        )
    made = np.full((size, len(columns)), np.nan)
    for k, column in enumerate(columns):
        made[: column.size, k] = column
    missing = int(sum(np.isnan(column).sum() for column in columns))
    if missing:
        oddities.append(f"{where}: {missing} samples are missing (NaN here).")
    return made


def _faults(trials: dict[str, dict[str, Floats]], names: list[str], *, known: bool) -> list[str]:
    every = [(e, t) for one in trials.values() for e, t in one.items() if t.size]
    if not every:
        return ["All trials are empty."]
    joined = np.concatenate([trial for _, trial in every])
    stretch = np.repeat(np.arange(len(every)), [len(trial) for _, trial in every])
    found = []
    expressions = list(dict.fromkeys(e for one in trials.values() for e in one))
    for name, one in trials.items():
        absent = [e for e in expressions if e not in one]
        if absent:
            found.append(f"{name} has no {', '.join(absent)}.")
    lengths = sorted({len(trial) for _, trial in every})
    if len(lengths) > 1:
        found.append(
            f"Trials last {lengths[0]} to {lengths[-1]} samples: do not use the length as "
            "a feature."
        )
    related = _measures.lag_one(joined, stretch)
    if related < 0.3:
        found.append(
            f"Neighbouring samples are almost uncorrelated (r = {related:.2f}): not an "
            "envelope, or samples out of order."
        )
    top = _measures.converter_top(joined.ravel())
    for k, name in enumerate(names):
        column = joined[:, k]
        finite = column[np.isfinite(column)]
        zero = float((finite == 0).mean()) if finite.size else 0.0
        if zero > 0.1:
            found.append(
                f"{name} is exactly 0 in {100 * zero:.0f} % of samples: below the "
                "converter's resolution, so the resting level is unknown."
            )
        peak = float(finite.max(initial=0.0))
        near = float((finite > 0.95 * peak).mean()) if peak else 0.0
        if top and near > 0.05:
            found.append(
                f"{name} is within 5 % of its maximum ({peak:g} of {top} counts) in "
                f"{100 * near:.0f} % of samples: saturated, so the strength of those "
                "contractions is unknown."
            )
    if not known:
        found.append(_where(every, names))
    return found


def _where(every: list[tuple[str, Floats]], names: list[str]) -> str:
    """Describe which expression each sensor responds to, as positions are not in the file."""
    said = "The file does not state the muscle of each sensor."
    medians = {
        name: np.median([np.nanmedian(t, axis=0) for e, t in every if e == name and t.size], axis=0)
        for name in dict.fromkeys(e for e, _ in every)
    }
    answers = [
        f"{names[k]} answers most to {max(medians, key=lambda e: float(medians[e][k]))}"
        for k in range(len(names))
    ]
    return f"{said} {', '.join(answers)}."


def _seen(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with keys {', '.join(map(repr, list(value)[:4]))}" if value else "{}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{value!r:.40}"


def _misfit(path: Path, found: str) -> str:
    return f"{path.name} is not an envelope session: found {found}, expected {LAYOUT}"
