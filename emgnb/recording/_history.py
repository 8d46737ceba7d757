"""Display the processing history of data as a table, one step per line."""

from __future__ import annotations

import html
import json
from typing import Any


class History(list[dict[str, Any]]):
    """Processing steps, oldest first: a list of dicts that prints as a table."""

    def _rows(self) -> list[tuple[str, str, str]]:
        return [
            (str(number), str(step.get("step", "")), _arguments(step))
            for number, step in enumerate(self, 1)
        ]

    def __repr__(self) -> str:
        if not self:
            return "no steps: data as recorded"
        rows = [("", "step", "settings"), *self._rows()]
        wide = [max(len(row[i]) for row in rows) for i in range(2)]
        return "\n".join(
            f"{number:>{wide[0]}}  {step:<{wide[1]}}  {settings}".rstrip()
            for number, step, settings in rows
        )

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{self!r}</p>"
        head = "".join(f"<th scope='col'>{name}</th>" for name in ("", "step", "settings"))
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in row)
            + "</tr>"
            for row in self._rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _arguments(step: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in step.items() if name != "step")


def _shown(value: Any) -> str:
    """Format an argument: the steps of a chain as calls, other values as JSON."""
    if isinstance(value, dict) and "step" in value:
        return f"{value['step']}({_arguments(value)})"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
