"""Arrange events in tiers: one per unit and side, more where events of a unit overlap."""

from __future__ import annotations

from collections.abc import Iterable

from emgnb.interop.label_files._rows import Row


def arranged(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return events by the name of their tier; in a tier they follow one another in time.

    Examples
    --------
    >>> list(arranged([Row("", 0, 2, au="12"), Row("", 1, 3, au="12"), Row("", 0, 1)]))
    ['label', '12', '12 (2)']
    """
    tiers: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.onset, row.offset)):
        base = f"{row.side}{row.au}" if row.au else "label"
        number = 1
        while True:
            name = base if number == 1 else f"{base} ({number})"
            tier = tiers.setdefault(name, [])
            if not tier or tier[-1].offset <= row.onset:
                tier.append(row)
                break
            number += 1
    return tiers
