"""List the sessions of a study in a notebook, and open the selected one."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.widgets.shared.panel import HERE, Panel

# Columns of the list: heading, and width in characters.
COLUMNS = {
    "": 2,
    "participant": 13,
    "session": 9,
    "started": 18,
    "length": 9,
    "channels": 12,
    "cleaned": 18,
    "labels": 20,
}
# Columns of a study that the search looks at.
SEARCHED = ("path", "kind", "participant", "session", "started", "muscles", "cleaned", "coders")
SEARCHED_TOO = ("channel_names", "kinds", "device", "protocol", "label_meaning", "faults")
# Rows in details: column → heading.
DETAILS = {
    "path": "path",
    "kind": "kind",
    "channel_names": "channels",
    "kinds": "signal",
    "other_data": "other data",
    "cleaned": "cleaned",
    "coders": "labels (events)",
    "label_meaning": "labels mean",
    "quality": "quality",
    "device": "device",
    "protocol": "protocol",
    "sharing": "sharing",
    "faults": "faults",
}
SHOWN = 12


class Study(Panel):
    """List the sessions of a study; selecting one opens it lazily.

    Parameters
    ----------
    study : folder, or rows of `recording.study(folder)`

    Attributes
    ----------
    table : all rows, see `recording.study`
    rows : the rows that match the search
    session : the session that was opened last; None before, and if it cannot be opened

    Raises
    ------
    FileNotFoundError, NotADirectoryError : no such folder
    TypeError, ValueError : rows that are not from `recording.study`

    Notes
    -----
    Tab moves between the search and the list, arrow keys select. The search finds sessions that
    contain all of its words, in any column. *Refresh* lists the folder again.
    """

    def __init__(self, study: str | os.PathLike[str] | xr.Dataset) -> None:
        given = isinstance(study, xr.Dataset)
        self.table = study if isinstance(study, xr.Dataset) else recording.study(study)
        if "folder" not in self.table.attrs or "path" not in self.table:
            raise ValueError("expected a folder, or rows of recording.study(folder)")
        self._folder = str(self.table.attrs["folder"] if given else study)
        self.session: xr.DataTree | None = None
        self._filling = False
        self._search = ipywidgets.Text(description="Search", placeholder="words in any column")
        self._refresh = ipywidgets.Button(
            description="Refresh", tooltip="List the folder again", disabled=given
        )
        self._list = ipywidgets.Select(
            rows=SHOWN, layout={"width": "auto"}, tooltip="Sessions; select one to open it"
        )
        self._count, self._details = ipywidgets.HTML(), ipywidgets.HTML()
        head = f'<div class="emgnb-study-head">{html.escape(_line(list(COLUMNS)))}</div>'
        style = f"<style>{(HERE / 'study' / 'study.css').read_text('utf-8')}</style>"
        bar = ipywidgets.HBox([self._search, self._refresh, self._count])
        parts = [bar, ipywidgets.HTML(style + head), self._list, self._details]
        super().__init__([ipywidgets.VBox(parts).add_class("emgnb-study")], label="study")
        self._search.observe(lambda _: self._fill(), "value")
        self._list.observe(lambda change: self._open(change["new"]), "value")
        self._refresh.on_click(lambda _: self._try(self._again))
        self._fill()

    @property
    def rows(self) -> xr.Dataset:
        """Rows that match the search."""
        return self.table.isel(entry=self._found())

    def search(self, words: str) -> None:
        """Show the sessions that contain all words, in any column."""
        self._search.value = words

    def select(self, path: str) -> None:
        """Open a session by its path in the list.

        Raises
        ------
        ValueError : not in the list
        """
        at = np.flatnonzero(self.table["path"].values == path)
        if not at.size or int(at[0]) not in self._found():
            raise ValueError(
                f"no {path!r} among the {len(self._found())} sessions in the list; their paths are "
                "in rows['path']"
            )
        self._list.value = int(at[0])

    def _found(self) -> list[int]:
        wanted = self._search.value.casefold().split()
        columns = [self.table[name].values.astype(str) for name in (*SEARCHED, *SEARCHED_TOO)]
        texts = [" ".join(row).casefold() for row in zip(*columns, strict=True)]
        return [i for i, text in enumerate(texts) if all(word in text for word in wanted)]

    def _fill(self) -> None:
        found = self._found()
        kept = self._list.value if self._list.value in found else None
        gone = self._list.value is not None and kept is None
        # New options select the first one: the one selected before stays, and nothing is opened.
        self._filling = True
        with self._list.hold_sync():
            self._list.options = [(_row(self.table.isel(entry=i)), i) for i in found]
            self._list.value = kept
        self._filling = False
        if gone:
            self._open(None)
        damaged = int((~self.table["readable"].values[found]).sum()) if found else 0
        said = f"{len(found)} of {self.table.sizes['entry']} sessions"
        self._count.value = f"{said}, {damaged} cannot be opened" if damaged else said
        if kept is None:
            self._details.value = ""
            self._show_code(f"table = recording.study({self._folder!r})")

    def _again(self) -> None:
        self.table = recording.study(self._folder)
        self._list.value = None
        self._fill()
        self._say("")

    def _open(self, at: int | None) -> None:
        if self._filling:
            return
        self.session, self.error = None, None
        self._say("")
        if at is None:
            return
        row = self.table.isel(entry=at)
        self._details.value = _details(row)
        path = str(Path(self._folder) / str(row["path"].item()))
        self._show_code(f"session = recording.open({path!r})")
        self._try(lambda: self._opened(path))

    def _opened(self, path: str) -> None:
        self.session = recording.open(path)
        self._say("opened: samples are read when they are used")


def _row(row: xr.Dataset) -> str:
    """Return the line of a session in the list."""
    text = {str(name): row[name].item() for name in row}
    seconds = text["duration"]
    return _line(
        [
            "⚠" if text["faults"] else "",
            text["participant"] or "–",
            text["session"] or "–",
            text["started"].replace("T", " ")[:16] or "–",
            f"{seconds:.0f} s" if np.isfinite(seconds) else text["kind"],
            f"{text['channels']} {text['kinds']}" if text["channels"] else "–",
            text["cleaned"] or ("as recorded" if text["readable"] else "–"),
            text["coders"] or ("none" if text["readable"] else "–"),
        ]
    )


def _line(cells: list[str]) -> str:
    # Pages join ordinary spaces.
    fitted = [
        cell[: width - 2] + "…" if len(cell) > width - 1 else cell
        for cell, width in zip(cells, COLUMNS.values(), strict=True)
    ]
    line = "".join(cell.ljust(width) for cell, width in zip(fitted, COLUMNS.values(), strict=True))
    return line.rstrip().replace(" ", "\u00a0")


def _details(row: xr.Dataset) -> str:
    shown: list[tuple[str, Any]] = [
        (title, row[name].item()) for name, title in DETAILS.items() if row[name].item()
    ]
    if row["channels"].item():
        rate, lost = (float(row[name]) for name in ("rate", "lost_share"))
        shown.insert(3, ("rate", f"{rate:g} Hz"))
        shown.insert(4, ("lost", f"{int(row['lost'])} samples ({100 * lost:.2g} %)"))
    body = "".join(
        f"<tr><th scope='row'>{html.escape(title)}</th><td>{html.escape(str(text))}</td></tr>"
        for title, text in shown
    )
    return f"<table>{body}</table>"
