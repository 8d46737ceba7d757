"""Report all faults of something at once."""

from __future__ import annotations


def refuse(found: list[str]) -> None:
    """Raise ValueError with all that was found, or nothing."""
    if found:
        count = "1 fault" if len(found) == 1 else f"{len(found)} faults"
        raise ValueError(f"{count}:\n" + "\n".join(f"- {fault}" for fault in found))
