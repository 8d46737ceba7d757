"""Write live results to a file: JSON lines, or a table with its description beside it."""

from __future__ import annotations

import csv
import json
import re
from math import isnan
from pathlib import Path
from typing import TextIO

from emgnb.live.output import Output, Stream
from emgnb.live.outputs._messages import description, message, text, told
from emgnb.live.outputs.destination import Destination

_COLUMNS = ("number", "host_ns", "time_s", "delay_s", "kind", "label", "note")


def connect(url: str, stream: Stream) -> Destination:
    """Create the file of "file://name.jsonl" or "file://name.csv"; nothing is overwritten.

    Raises
    ------
    ValueError : another file extension
    FileExistsError : the file exists, or for CSV the file of its description
    """
    path = _path(url)
    if path.suffix == ".jsonl":
        return _JsonLines(path, stream)
    if path.suffix == ".csv":
        return _Table(path, stream)
    raise ValueError(f"{url!r}: expected a file name that ends in .jsonl or .csv")


def _path(url: str) -> Path:
    name = url.removeprefix("file://")
    # file:///C:/data/smile.csv
    return Path(name[1:] if re.match(r"/[A-Za-z]:[/\\]", name) else name)


def _created(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8", newline="", buffering=1)
    except FileExistsError:
        raise FileExistsError(f"{path} exists and is not overwritten; use another name") from None


class _JsonLines(Destination):
    """File with one JSON object per line; the first line describes the stream."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self.url = f"file://{path}"
        self.about = f"JSON lines in {path}"
        self._file = _created(path)
        self._file.write(text(description(stream)) + "\n")

    def send(self, output: Output) -> None:
        self._file.write(text(message(output)) + "\n")

    def close(self) -> None:
        self._file.close()


class _Table(Destination):
    """CSV file with a column per value, and a JSON file of the same name with the description.

    Values that cannot be told are empty cells, and a gap is a row with a note.
    """

    def __init__(self, path: Path, stream: Stream) -> None:
        self.url = f"file://{path}"
        beside = path.with_suffix(".json")
        self.about = f"table in {path}, described in {beside}"
        self._names = stream.names
        with _created(beside) as file:
            json.dump(description(stream), file, indent=2, ensure_ascii=False)
        try:
            self._file = _created(path)
        except OSError:
            beside.unlink()
            raise
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow((*_COLUMNS, *stream.names))

    def send(self, output: Output) -> None:
        values = told(output.values)
        delay = "" if isnan(output.delay) else output.delay
        head = (output.number, output.host_ns, output.seconds, delay, output.kind)
        cells = (values.get(name, "") for name in self._names)
        self._rows.writerow((*head, output.label or "", output.note, *cells))

    def close(self) -> None:
        self._file.close()
