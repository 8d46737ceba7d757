"""The whole journey, unattended, on the simulated face: from a port to an honest accuracy.

It does what the three notebooks do, in their order and with the same functions, and writes what a
person would want to look at into one HTML file that needs no network.
"""

from __future__ import annotations

import html
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import xarray as xr

from emgnb import (
    __version__,
    acquire,
    cues,
    evaluate,
    features,
    filters,
    labels,
    models,
    plots,
    recording,
    simulate,
    spectra,
    windows,
)

EXPRESSIONS = ("smile", "frown", "surprise", "disgust", "pucker")
NETWORKS = ("cnn", "lstm", "cnn_lstm", "tcn")
LENGTH, STEP = 0.2, 0.1


@dataclass
class Report:
    """HTML sections, in the order they are added."""

    title: str
    sections: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)

    def add(self, heading: str, text: str, *parts: Any) -> None:
        """Add a section: what to see, then figures and tables."""
        body = [f"<h2>{html.escape(heading)}</h2>", f"<p>{html.escape(text)}</p>"]
        for part in parts:
            if hasattr(part, "to_plotly_json"):
                first = not any("<div class='figure'>" in done for done in self.sections + body)
                drawn = part.to_html(full_html=False, include_plotlyjs=first)
                body.append(f"<div class='figure'>{drawn}</div>")
            else:
                body.append(part._repr_html_())
        self.sections.append("\n".join(body))

    def write(self, path: Path) -> Path:
        """Write the page; an existing file is never overwritten."""
        style = (
            "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto}"
            "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right}"
            "th:first-child,td:first-child,.about td{text-align:left}"
            "tr{border-bottom:1px solid #ccc}"
        )
        page = (
            "<!doctype html><html lang='en'><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>{html.escape(self.title)}</title><style>{style}</style>"
            f"<h1>{html.escape(self.title)}</h1>"
            + _table(self.about)
            + "\n".join(self.sections)
            + "</html>"
        )
        with recording.atomic_path(path) as beside:
            beside.write_text(page, encoding="utf-8")
        return path


def _table(rows: dict[str, str]) -> str:
    cells = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    return f"<table class='about'>{cells}</table>"


def run(
    folder: Path,
    *,
    people: int = 8,
    repetitions: int = 3,
    epochs: int = 12,
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> Path:
    """Record, clean, label, learn and report, on the simulated face.

    Parameters
    ----------
    folder : where the recording and the report go
    people : simulated persons for the leave-one-person-out accuracy
    repetitions : of each expression in the recording, which runs in real time
    epochs : of the networks' training
    seed : of every random choice
    say : is told each step

    Returns
    -------
    The report's path; an earlier report is left alone.
    """
    report = Report("emgnb: from electrode to accuracy on a simulated face")
    session = recording.open(_record(folder, repetitions, seed, say))
    report.about = _about(session, people, seed)
    clean = _look(session, report)

    say("Evaluating within the recording …")
    cut = windows.cut(recording.with_signal(session, clean), labels.trials(session))
    within = evaluate.cross_validate(features.extract(cut), models.fit, by="trial", progress=False)
    report.add(
        "Accuracy within one recording",
        "Each trial is left out once. The result applies to this person and this "
        "electrode placement only.",
        within,
        plots.confusion(within),
    )

    say(f"Simulating {people} people …")
    cut = windows.stack([_windows(each) for each in simulate.study(people=people, seed=seed)])
    say("LDA, each person left out once …")
    lda = evaluate.cross_validate(features.extract(cut), models.fit, by="participant")
    across = {"LDA": lda}
    for name in NETWORKS:
        title = name.replace("_", "-").upper()
        say(f"{title}, each person left out once …")
        across[title] = evaluate.cross_validate(cut, _fit(name, epochs, seed), by="participant")
    comparison = evaluate.compare(across)
    report.add(
        "Accuracy for new people",
        "Each person is left out of training once and tested. This is the accuracy to "
        "expect for a new person; its interval is computed over people, not windows.",
        comparison,
        plots.accuracy(across),
        plots.confusion(lda),
    )
    say(f"\nOne recording, LDA: {within}\n\n{people} people:\n{comparison}")
    path = report.write(recording.free_path(folder / "report.html"))
    say(f"Report: {path}")
    return path


def _about(session: xr.DataTree, people: int, seed: int) -> dict[str, str]:
    """Say what a reader must know to repeat the report, and when it was made."""
    attrs = session.attrs
    return {
        "made": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "version": f"emgnb {__version__}, Python {platform.python_version()}",
        "recorded": str(attrs.get("started", "")),
        "participant": f"{attrs['participant']} (simulated), session {attrs['session'] or '1'}",
        "device": str(attrs.get("device", "")),
        "people, each left out once": f"{people}, simulated, seed {seed}",
        "labels": str(attrs["label_meaning"]),
    }


def _record(folder: Path, repetitions: int, seed: int, say: Callable[[str], None]) -> Path:
    seconds = 3.5 * len(EXPRESSIONS) * repetitions
    say(f"Recording {seconds:.0f} s from the simulated face …")
    recorder = acquire.start(port=f"sim://smile?seed={seed}", folder=folder, participant="P01")
    try:
        for expression in EXPRESSIONS * repetitions:
            recorder.mark(expression)
            time.sleep(2.0)
            recorder.mark(cues.END)
            time.sleep(1.5)
        say(str(recorder.health()))
    finally:
        # Interrupted or not: left alone the recorder would go on for ever.
        path: Path = recorder.stop()
    return path


def _look(session: xr.DataTree, report: Report) -> xr.DataArray:
    """Clean the recording and show it before and after."""
    x = recording.emg(session)
    rate = recording.sampling_rate(x)
    chain = filters.preset_for(x)
    clean = chain(x)
    report.add(
        "Recorded signal",
        f"{x.sizes['time'] / rate:.0f} s at {rate:.2f} Hz, measured; {x.attrs['lost']} scans lost.",
        plots.signal(x, labels=labels.trials(session)),
    )
    report.add(
        "Filtered signal",
        f"{chain!r}",
        plots.signal(clean, labels=labels.trials(session)),
        plots.spectrum(spectra.spectrum(x), compare=spectra.spectrum(clean)),
        plots.response(chain.response(rate)),
    )
    return clean


def _windows(session: xr.DataTree) -> xr.DataArray:
    x = recording.emg(session)
    chain = filters.preset("raw", rate=recording.sampling_rate(x))
    clean = recording.with_signal(session, chain(x))
    return windows.cut(clean, labels.trials(session), length=LENGTH, step=STEP)


def _fit(name: str, epochs: int, seed: int) -> Callable[[xr.DataArray], models.Classifier]:
    def fit(data: xr.DataArray) -> models.Classifier:
        return models.fit(data, model=name, epochs=epochs, seed=seed, progress=False)

    return fit
