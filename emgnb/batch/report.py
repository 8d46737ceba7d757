"""Report of a run over a study: what is done, and what failed and why."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emgnb import recording

DONE, EARLIER, FAILED, OPEN = "done", "done earlier", "failed", "not processed"


@dataclass(frozen=True)
class Report:
    """What a run has done.

    Attributes
    ----------
    rows : one per session, in the order of the study: `session` (path below the study), `state`
        ("done", "done earlier", "failed" or "not processed"), and `reason`, or what is known of the
        result: `participant`, `recorded_s`, `took_s`, `chain`, `bursts`, `windows`, and `source`,
        what told the recording from another one when it was processed
    settings : what the results depend on, see `Plan.settings`
    """

    rows: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]

    @property
    def failed(self) -> dict[str, str]:
        """Session → reason, of those that failed."""
        return {row["session"]: row["reason"] for row in self.rows if row["state"] == FAILED}

    @property
    def hours(self) -> float:
        """Duration of the recordings that this run has processed, in h."""
        return sum(float(row["recorded_s"]) for row in self.rows if row["state"] == DONE) / 3600

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as JSON.

        Raises
        ------
        FileExistsError : the file exists
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        with recording.atomic_path(path) as beside:
            beside.write_text(text, encoding="utf-8")
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        counts = Counter(row["state"] for row in self.rows)
        return {
            "counts": dict(counts),
            "settings": dict(self.settings),
            "sessions": [dict(row) for row in self.rows],
        }

    def __str__(self) -> str:
        width = max((len(row["session"]) for row in self.rows), default=0)
        lines = [f"{row['session']:{width}}  {_words(row)}" for row in self.rows]
        counts = Counter(row["state"] for row in self.rows)
        total = ", ".join(
            f"{counts[each]} {each}" for each in (DONE, EARLIER, FAILED, OPEN) if counts[each]
        )
        lines.append(f"{len(self.rows)} sessions: {total or 'none'}")
        versions = sorted({str(row["emgnb"]) for row in self.rows if "emgnb" in row})
        if len(versions) > 1:
            lines.append(
                f"Processed by different versions of emgnb ({', '.join(versions)}), whose "
                "results may differ: to compare sessions, process all into another `output`."
            )
        return "\n".join(lines)


def _words(row: Mapping[str, Any]) -> str:
    if row["state"] in (FAILED, OPEN):
        return f"{row['state']}: {' '.join(str(row['reason']).split())}"
    made = [f"{row[name]} {name}" for name in ("bursts", "windows") if name in row]
    return f"{row['state']}: " + ", ".join([f"{row['recorded_s']:.0f} s", *made])
