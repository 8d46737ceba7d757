"""Read a log of the configurations that were tried, with a score each."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

# Names of the score, the first that is there; bytes of a log that are read at most.
SCORES = ("accuracy", "test_accuracy", "score", "test_score", "acc", "val_accuracy")
MOST = 50_000_000


def read_tries(path: str | os.PathLike[str], *, score: str | None = None) -> list[float]:
    """Read the score of each configuration from a log, as shares.

    Parameters
    ----------
    path : a CSV file with a header, or one JSON object a line
    score : its column; left out, the first of accuracy, test_accuracy, score, test_score, acc and
        val_accuracy

    Returns
    -------
    Shares, 0 to 1; where any score exceeds 1 all are taken as percent. Lines without a number are
    left out.

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : no such column, no score, or scores beyond 100 %
    """
    path = Path(path).expanduser()
    if path.stat().st_size > MOST:
        raise ValueError(f"{path} has more than {MOST // 10**6} MB: no log of tried models")
    text = path.read_text("utf-8-sig", errors="replace")
    rows = _objects(text) if text.lstrip().startswith(("{", "[")) else _table(text)
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    column = score or next((name for name in SCORES if name in names), None)
    if column is None or column not in names:
        raise ValueError(
            f"{path}: no column {score or 'of ' + ', '.join(SCORES)}; there are "
            f"{', '.join(names[:20]) or 'none'}"
        )
    found = [value for row in rows if (value := _number(row.get(column))) is not None]
    if not found:
        raise ValueError(f"{path}: column {column!r} holds no number")
    shares = [value / 100 for value in found] if max(found) > 1 else found
    if min(shares) < 0 or max(shares) > 1:
        raise ValueError(
            f"{path}: column {column!r} goes from {min(found):g} to {max(found):g}, expected "
            "accuracies"
        )
    return shares


def _objects(text: str) -> list[dict[str, Any]]:
    try:
        rows = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line.strip()]
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the log of tries is not JSON, one object a line: {error}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("the log of tries has a line that is not a JSON object")
    return list(rows)


def _table(text: str) -> list[dict[str, Any]]:
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"the log of tries is not a table: {error}") from None


def _number(value: Any) -> float | None:
    try:
        found = float(str(value).replace(",", ".").rstrip("% "))
    except ValueError:
        return None
    return found if found == found and abs(found) != float("inf") else None
