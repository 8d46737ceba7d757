"""Write results as JSON and as an HTML page of one file."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emgnb import _pages
from emgnb._vocabulary import ABOUT_LABELS
from emgnb.evaluate.metrics import percent, percentage

# Readable without colours: shades of blue below text in the colour of the page.
STYLE = ".confusion td{text-align:right}"


def content(result: Any) -> dict[str, Any]:
    """Return everything a result states, as JSON-serialisable values.

    Parameters
    ----------
    result : a `Result`
    """
    attrs = result.prediction.attrs
    return {
        "scheme": result.scheme,
        "by": str(attrs.get("by", "")),
        "interval_over": result.over,
        "label": str(attrs.get("label", "")),
        **{name: str(attrs.get(name, "")) for name in ABOUT_LABELS},
        "notes": json.loads(str(attrs.get("notes", "[]"))),
        "classes": list(result.classes),
        "chance": result.chance,
        "majority": result.majority,
        "scores": result.table(),
        "confusion": {
            "rows": "truth",
            "columns": "predicted",
            "windows": result.confusion.values.tolist(),
        },
        "groups": _groups(result),
        "data": json.loads(str(attrs.get("data", "{}"))),
        "settings": json.loads(str(attrs.get("settings", "{}"))),
        "versions": json.loads(str(attrs.get("versions", "{}"))),
        "history": [json.loads(line) for line in str(attrs.get("history", "")).splitlines()],
    }


def _groups(result: Any) -> list[dict[str, Any]]:
    table = result.by_group
    return [
        {"group": str(name)} | {str(key): table[key].values[i].item() for key in table.data_vars}
        for i, name in enumerate(table["group"].values)
    ]


def as_json(result: Any) -> str:
    """Return a result as JSON text; NaN, which JSON does not have, becomes null."""
    return _pages.as_json(content(result))


def as_html(result: Any) -> str:
    """Return a result as an HTML page that needs no other file."""
    made = content(result)
    facts = [
        (name, json.dumps(made[name], ensure_ascii=False) if made[name] else "not recorded")
        for name in ("data", "settings", "versions", "history")
    ]
    parts = [
        *(f"<p>{html.escape(line)}</p>" for line in str(result).splitlines()),
        result._repr_html_(),
        _confusion(result.classes, result.confusion.values),
        _group_table(made["groups"]),
        _pages.table("Where it comes from", [("what", "value"), *facts]),
    ]
    return _pages.page("Evaluation", "".join(parts), STYLE)


def _confusion(classes: Sequence[str], counts: Any) -> str:
    """Return the confusion matrix as a table, shaded by the share of each true class."""
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in classes)
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th>{''.join(_shaded(n, s))}</tr>"
        for name, n, s in zip(classes, counts, counts / total, strict=True)
    )
    return (
        "<table class='confusion'><caption>Windows by true class (row) and predicted class "
        f"(column)</caption><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _shaded(counts: Iterable[int], shares: Iterable[float]) -> Iterable[str]:
    for n, share in zip(counts, shares, strict=True):
        # At most 0.6 opaque, so that the text stays readable in both colour schemes.
        yield (
            f"<td style='background:rgba(31,131,197,{0.6 * share:.2f})'>{int(n)}"
            f"<br>{percent(float(share))} %</td>"
        )


def _group_table(groups: Sequence[dict[str, Any]]) -> str:
    head = ("group", "windows", "trials", "accuracy", "UAR", "macro-F1")
    rows = [
        (
            str(row["group"]),
            str(row["windows"]),
            str(row["trials"] or "not named"),
            *(percentage(row[key]) for key in ("accuracy", "balanced_accuracy", "macro_f1")),
        )
        for row in groups
    ]
    return _pages.table("Groups tested", [head, *rows])
