"""Hold and render the comparison of muscles and action units."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import _pages, facs
from emgnb.validate._unmatched import CAUSES

Row = dict[str, Any]
MEANING = (
    "This report compares muscle activity with movements that a coder saw. It says nothing about "
    "what a person feels: it recognises no emotion, is no diagnosis, and does not detect lies."
)
SCORES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "kappa": "kappa (bins)",
    "skew_normalised_f1": "skew-normalised F1 (bins)",
    "iou": "IoU (mean)",
}
# Rows of a list that are printed; JSON and the HTML file hold all.
SHOWN = 10


@dataclass(frozen=True, eq=False)
class Report:
    """Comparison of bursts with coded action units; `print`, a notebook and files show the same.

    Attributes
    ----------
    units : one row per unit that an electrode sees: coded, found, false (numbers), precision,
        recall, f1, kappa, positive_agreement, skew_normalised_f1, iou, lag (value, low, high) and
        lag_quartiles. Lags are burst minus code, in s: negative if the muscle was first
    pairs : matched codes and bursts (pair): code, au, channel, onset, lag, offset_lag, iou, peak
    strength : one row per unit with the median strength by intensity and Spearman's rank
        correlation (value, low, high)
    crosstalk : (au, channel) share of the codes during which the channel is active; see
        `codes` for their number
    bursts_without_code : bursts that no code explains: below visibility, or crosstalk
    codes_without_burst : codes with the channels that should have seen them
    codes_without_electrode : units that no electrode could see, with the reason
    settings : of the comparison
    """

    units: tuple[Row, ...]
    pairs: xr.Dataset
    strength: tuple[Row, ...]
    crosstalk: xr.DataArray
    bursts_without_code: tuple[Row, ...]
    codes_without_burst: tuple[Row, ...]
    codes_without_electrode: tuple[Row, ...]
    settings: Mapping[str, Any]

    def unit(self, au: str) -> Row:
        """Return the row of an action unit.

        Raises
        ------
        KeyError : the unit is not coded, or no electrode sees it
        """
        for row in self.units:
            if row["au"] == au:
                return row
        raise KeyError(f"no AU {au!r}; the report has {[row['au'] for row in self.units]}")

    @property
    def resolution(self) -> str:
        """What the camera resolves, in words."""
        rate = self.settings["frame_rate"]
        if rate is None:
            return "frame rate of the camera not stated: pass frame_rate"
        return f"a camera of {rate:g} fps resolves ±{1e3 / rate:.0f} ms"

    def __str__(self) -> str:
        lines = [self._headline()]
        lines += ["  ".join(row) for row in self._unit_table()]
        lines += [f"Lag (burst − code): {self.resolution}."]
        for title, rows in self._lists():
            lines += [f"{title}: {len(rows) - 1}"]
            lines += ["  " + ", ".join(row) for row in rows[1 : 1 + SHOWN]]
            lines += [f"  … and {len(rows) - 1 - SHOWN} more"] if len(rows) - 1 > SHOWN else []
        return "\n".join([*lines, MEANING])

    def __repr__(self) -> str:
        return f"<Report: {self._headline()}>"

    def _headline(self) -> str:
        s = self.settings
        return (
            f"{s['bursts']} bursts and {s['codes']} codes in {s['stop'] - s['start']:.0f} s, "
            f"onsets matched within {1e3 * s['tolerance']:g} ms; 95 % intervals over blocks of "
            f"{s['block']:g} s"
        )

    def _repr_html_(self) -> str:
        return self._html(SHOWN)

    def _html(self, shown: int | None) -> str:
        lists = [
            _pages.table(f"{title}: {len(rows) - 1}", rows[: None if shown is None else shown + 1])
            for title, rows in self._lists()
            if len(rows) > 1
        ]
        return "".join(
            [
                _pages.table(f"{self._headline()}. Lag: {self.resolution}", self._unit_table()),
                _crosstalk_html(self.crosstalk),
                *lists,
                f"<p>{html.escape(MEANING)}</p>",
            ]
        )

    def _unit_table(self) -> list[tuple[str, ...]]:
        head = ("AU", "name", "coded", "found", "false", *SCORES.values(), "lag, quartiles (ms)")
        return [head, *(_unit_line(row) for row in self.units)]

    def _lists(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        return [
            (
                "Strength and intensity, Spearman's rank correlation",
                [
                    ("AU", "events", "correlation", "median strength by intensity"),
                    *(_strength_line(row) for row in self.strength),
                ],
            ),
            (
                f"Bursts without a code ({_causes(self.bursts_without_code)})",
                [
                    ("channel", "s", "possible explanation"),
                    *(
                        (row["channel"], _times(row), row["explanation"])
                        for row in self.bursts_without_code
                    ),
                ],
            ),
            (
                "Codes without a burst",
                [
                    ("code", "s", "channels that should have seen it", "explanation"),
                    *(
                        (
                            row["code"],
                            _times(row),
                            ", ".join(row["expected_in"]),
                            row["explanation"],
                        )
                        for row in self.codes_without_burst
                    ),
                ],
            ),
            (
                "Units that no electrode could see (not counted)",
                [
                    ("code", "events", "reason"),
                    *(
                        (row["code"], str(row["events"]), row["reason"])
                        for row in self.codes_without_electrode
                    ),
                ],
            ),
        ]

    def content(self) -> dict[str, Any]:
        """Return everything the report states, as JSON-serialisable values."""
        made = {
            "meaning": MEANING,
            "settings": dict(self.settings),
            "camera": self.resolution,
            "units": [dict(row) for row in self.units],
            "strength": [dict(row) for row in self.strength],
            "crosstalk": {
                "au": self.crosstalk["au"].values.tolist(),
                "channel": self.crosstalk["channel"].values.tolist(),
                "active": self.crosstalk.values.tolist(),
                "codes": self.crosstalk["codes"].values.tolist(),
            },
            "pairs": {str(name): self.pairs[name].values.tolist() for name in self.pairs},
            "bursts_without_code": list(self.bursts_without_code),
            "codes_without_burst": list(self.codes_without_burst),
            "codes_without_electrode": list(self.codes_without_electrode),
        }
        plain: dict[str, Any] = _pages.plain(made)
        return plain

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the report to a new JSON file; NaN, which JSON does not have, becomes null.

        Raises
        ------
        FileExistsError : `path` exists; nothing is overwritten
        """
        return _pages.written(path, _pages.as_json(self.content()))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report to a new HTML file that needs no other file, with all rows.

        Raises
        ------
        FileExistsError : `path` exists; nothing is overwritten
        """
        made = _pages.page("Muscles and action units", self._html(None))
        return _pages.written(path, made)


def _unit_line(row: Row) -> tuple[str, ...]:
    low, high = row["lag_quartiles"]
    lag = f"{_ms(row['lag'][0])} ({_ms(low)} to {_ms(high)})"
    return (
        row["au"],
        facs.CODES[row["au"]],
        *(str(row[name]) for name in ("coded", "found", "false")),
        *(_value(*row[name]) for name in SCORES),
        lag,
    )


def _strength_line(row: Row) -> tuple[str, ...]:
    medians = ", ".join(f"{k}: {v:.3g}" for k, v in row["median_by_intensity"].items())
    unit = "" if row["unit"] == "peak" else f" {row['unit']}"
    return row["au"], str(row["events"]), _value(*row["rank_correlation"]), f"{medians}{unit}"


def _causes(rows: tuple[Row, ...]) -> str:
    """Return the number of bursts by cause."""
    number = {cause: sum(row["cause"] == cause for row in rows) for cause in CAUSES}
    return ", ".join(f"{n} {CAUSES[cause]}" for cause, n in number.items() if n) or "none"


def _value(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:.2f}" if np.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


def _ms(seconds: float) -> str:
    return "–" if np.isnan(seconds) else f"{1e3 * seconds:.0f}"


def _times(row: Row) -> str:
    return f"{row['onset']:.2f}–{row['offset']:.2f}"


def _crosstalk_html(share: xr.DataArray) -> str:
    """Return the crosstalk matrix as a table, shaded by the share."""
    head = "".join(
        f"<th scope='col'>{html.escape(str(name))}</th>" for name in share["channel"].values
    )
    body = "".join(
        f"<tr><th scope='row'>AU {html.escape(str(au))}</th>"
        + "".join(_cell(float(value)) for value in row)
        + "</tr>"
        for au, row in zip(share["au"].values, share.values, strict=True)
    )
    return (
        "<table><caption>Share of the codes of a unit (row) during which a channel (column) is "
        "active; codes with a unit of the channel's own muscle are left out</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: float) -> str:
    if np.isnan(value):
        return "<td>–</td>"
    # At most 0.6 opaque, so that the text stays readable in both colour schemes.
    return f"<td style='background:rgba(31,131,197,{0.6 * value:.2f})'>{100 * value:.0f} %</td>"
