"""The report of an audit: printed, in the notebook, as HTML and as JSON."""

from __future__ import annotations

import os
from dataclasses import asdict

from emgnb import _pages
from emgnb.evaluate.leaks import page
from emgnb.evaluate.leaks.finding import FOUND, NOT_FOUND, UNDETERMINED, Results


class Report(Results):
    """All findings about a data set, the honest accuracy and a careless one.

    See `Results` for its attributes. A report is a mapping of names of leaks to findings.
    """

    def __str__(self) -> str:
        counts = ", ".join(
            f"{sum(f.verdict == verdict for f in self.findings)} {verdict}"
            for verdict in (FOUND, UNDETERMINED, NOT_FOUND)
        )
        order = sorted(
            self.findings, key=lambda f: (FOUND, UNDETERMINED, NOT_FOUND).index(f.verdict)
        )
        return "\n".join(
            [
                self.summary,
                *(f"read as:  {sentence}" for sentence in self.reading),
                self.headline,
                f"honest:   {self.honest or 'cannot be measured: no group can be left out'}",
                f"careless: {self.careless or '–'}",
                f"chance {100 * self.chance:.1f} %, majority {100 * self.majority:.1f} %",
                self.model,
                f"{len(self.findings)} leaks looked for: {counts}",
                "",
                *map(str, order),
            ]
        )

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as JSON, and write it to a new file if a path is given.

        Raises
        ------
        FileExistsError : something is there already
        """
        content = {
            "findings": [asdict(finding) for finding in self.findings],
            "headline": self.headline,
            "honest": asdict(self.honest) if self.honest else None,
            "careless": asdict(self.careless) if self.careless else None,
            "chance": self.chance,
            "majority": self.majority,
            "data": self.data,
            "model": self.model,
            "reading": list(self.reading),
        }
        return _written(_pages.as_json(content), path)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as an HTML page, and write it to a new file if a path is given.

        Raises
        ------
        FileExistsError : something is there already
        """
        return _written(page.whole(self), path)

    def _repr_html_(self) -> str:
        return page.body(self)


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        _pages.written(path, text)
    return text
