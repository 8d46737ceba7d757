"""Read the decisions that a decoder on the board made during a recording."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb.acquire.journal import JournalReader
from emgnb.acquire.record.survey import find_journal, survey_of
from emgnb.acquire.wire.frames import Decision
from emgnb.acquire.wire.stream import Stream

# Text of a board that begins to decode: the model, and its classes.
_MODEL = re.compile(r"^decoder ([0-9a-f]+): (.+)$")


def decisions(path: str | os.PathLike[str]) -> xr.Dataset:
    """Return the decisions of a board with a decoder, see `models.quantise`.

    Parameters
    ----------
    path : a recording's folder, or a journal

    Returns
    -------
    Dataset (decision): `label` (name of the class), `margin` (natural logarithm of the probability
    ratio to the next best class), `taken` (s that the board needed), `scan` (number of the newest
    scan used); coordinate `time` (s in the session). attrs: `model`, the fingerprint of the
    classifier. Empty if the board has no decoder; after a lost scan the board makes no decision
    until its window is full again

    Raises
    ------
    FileNotFoundError : no journal there
    ValueError : the journal contains no scan
    """
    journal = find_journal(path)
    survey = survey_of(journal)
    found = [each for each in _read(journal, Stream()) if each[0] in survey.segments]
    model, names = _model_of(survey.stream.texts)
    rows = [survey.segments[segment].rows(np.array(each.scan)) for segment, each in found]
    table = np.array([(d.scan, d.label, d.margin, d.micros) for _, d in found], dtype=np.int64)
    scan, label, margin, micros = table.reshape(-1, 4).T
    named = [names[k] if k < len(names) else f"class {k}" for k in label.tolist()]
    return xr.Dataset(
        {
            "label": ("decision", np.array(named, dtype=np.str_)),
            "margin": ("decision", margin / 256.0),
            "taken": ("decision", micros / 1e6, {"units": "s"}),
            "scan": ("decision", scan),
        },
        coords={
            "time": ("decision", np.array(rows, dtype=np.float64) / survey.rate, {"units": "s"})
        },
        attrs={"model": model},
    )


def _read(journal: Path, stream: Stream) -> list[tuple[int, Decision]]:
    found: list[tuple[int, Decision]] = []
    with JournalReader(journal) as reader:
        for record in reader.records():
            for _ in stream.push(record):
                pass
            found += stream.decisions
            stream.decisions.clear()
    stream.finish()
    return [*found, *stream.decisions]


def _model_of(texts: list[str]) -> tuple[str, list[str]]:
    """Return fingerprint and class names of the model, as the board reports them."""
    for text in texts:
        if told := _MODEL.match(text):
            return told[1], told[2].split(", ")
    return "", []
