"""The benchmarks of `make bench`: what each says, beside whom it runs, and what is drawn of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from charts import Bars, Lines, tables

Chart = Callable[[str], Bars | Lines | None]


@dataclass(frozen=True)
class Leg:
    """One benchmark: a script beside this file whose tables are Markdown on standard output.

    Parameters
    ----------
    title, about : heading, and what is compared and what is not
    where : environment with the peers, "" for the project's own
    arguments : of the script
    chart : makes a picture from what the script printed, or None
    minutes : how long it may take before it is stopped
    """

    title: str
    about: str
    chart: Chart
    where: str = ""
    arguments: tuple[str, ...] = ()
    minutes: float = 10.0


def number(cell: str) -> float:
    """First number of a cell, NaN without one: "≥ 0.98 (1.00)" is 0.98."""
    found = re.search(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", cell)
    return float(found.group()) if found else float("nan")


def column_of(
    column: str, title: str, unit: str, *, rows: str = "", table: int = 0, logarithmic: bool = False
) -> Chart:
    """Draw one column of a table, the first column being names.

    `rows` is a pattern that the rows' names must match.
    """

    def chart(out: str) -> Bars | None:
        if len(tables(out)) <= table:
            return None
        head, body = tables(out)[table]
        at = next((i for i, name in enumerate(head) if re.search(column, name)), None)
        if at is None:
            return None
        chosen = [row for row in body if len(row) > at and re.search(rows, row[0])]
        pairs = [(row[0], number(row[at])) for row in chosen]
        pairs = [(name, value) for name, value in pairs if value == value]
        if not pairs:
            return None
        names, values = zip(*pairs, strict=True)
        return Bars(title, unit, list(names), {unit: list(values)}, logarithmic)

    return chart


def decoding(out: str) -> Bars | None:
    """MB/s of each dialect: "ours / theirs (ratio)" in four columns, by size of chunk."""
    found = re.findall(r"^ *([a-z][\w ]*?) +[\d.]+ (.+)$", out, re.M)
    pairs = [(name, re.findall(r"([\d.]+) */ *([\d.]+)", cells)) for name, cells in found]
    pairs = [(name, cells) for name, cells in pairs if len(cells) == 4]
    if not pairs:
        return None
    # The blocks of a live port, where a call costs more than its bytes, and those of a file.
    series = {
        f"{who}, {chunk}": [float(cells[at][k]) for _, cells in pairs]
        for at, chunk in ((0, "10 ms"), (2, "64 kB"))
        for k, who in enumerate(("emgnb", "plain Python"))
    }
    names = [name for name, _ in pairs]
    return Bars("Decoding, in small chunks and large", "MB a second of CPU", names, series, True)


def nothing(out: str) -> None:
    """Draw nothing: the table says it."""


def onsets(out: str) -> Bars | None:
    """F1 of onsets, mean of the burst lengths, at 10 and 5 dB."""
    found_tables = tables(out)
    if not found_tables or "SNR" not in found_tables[0][0]:
        return None
    head, body = found_tables[0]
    at = head.index("SNR")
    found: dict[str, dict[str, float]] = {}
    for row in body:
        found.setdefault(row[0], {})[row[at]] = fmean(number(cell) for cell in row[at + 1 :])
    series = {
        snr: [each.get(snr, float("nan")) for each in found.values()] for snr in ("10 dB", "5 dB")
    }
    title = "Bursts: onsets found within ±15 ms, mean of all lengths"
    return Bars(title, "F1", list(found), series)


def by_hours(column: str, title: str, unit: str) -> Chart:
    def chart(out: str) -> Lines | None:
        for head, body in tables(out):
            at = next((i for i, name in enumerate(head) if re.search(column, name)), None)
            if at is None or head[:2] != ["hours", "way"]:
                continue
            curves: dict[str, list[tuple[float, float]]] = {}
            for row in body:
                curves.setdefault(row[1], []).append((number(row[0]), number(row[at])))
            return Lines(title, "recording, hours", unit, curves)
        return None

    return chart


LEGS = {
    "filtering": Leg(
        "Filters",
        "Band-pass and notch, zero-phase, ten minutes of eight channels. SciPy's cascade is the "
        "bare arithmetic: no check, no gap, no label, no history. Peers do what their own "
        "functions do with the same corners; NeuroKit2's notch is another filter, and BioSPPy has "
        "none. Everything is float64 and starts from memory.",
        column_of("CPU", "Band-pass and notch, 8 channels × 10 min", "s of CPU"),
        where="peers",
        minutes=5,
    ),
    "detection": Leg(
        "Bursts",
        "Bursts of known moments in noise, found blindly. Peers get what they ask for and emgnb "
        "does not: a stretch that is rest, or its length. They run on fewer bursts, since some "
        "need seconds for a minute. Noise is not a face: real recordings are in the tests.",
        onsets,
        where="peers",
        arguments=("3",),
        minutes=10,
    ),
    "features": Leg(
        "Features",
        "Nine features of each window, by CPU seconds, so that threads gain nothing. NumPy's "
        "formulas are those a notebook would hold. LibEMG's frequencies are defined otherwise and "
        "TSFEL has five of the nine; their speed is compared, not their values.",
        column_of(
            r"windows/s of CPU",
            "Nine features, 8-channel windows of 200 ms",
            "windows a second of CPU",
            rows="^(?!.* only$)",
            logarithmic=True,
        ),
        where="libemg",
        minutes=10,
    ),
    "verdicts": Leg(
        "Is it physiology?",
        "Published recordings and simulated faces, judged by `quality.is_physiology`. No peer asks "
        "this question, so there is none in the table, and nothing to draw. Where the folder of "
        "recordings is not beside the checkout the table is left out.",
        nothing,
        minutes=6,
    ),
    "day": Leg(
        "A day, in bounded memory",
        "A simulated day from store to store: filters, quality, bursts and features. No peer reads "
        "a recording longer than the memory, so the ways are compared with each other: what an "
        "hour of recording costs must not depend on how many there are, and what comes out must "
        "be the same bits. On two cores a cluster of two workers shares them with its scheduler: "
        "it shows that the way works, not what a cluster gains.",
        by_hours("CPU", "What an hour of recording costs", "s of CPU an hour"),
        minutes=60,
    ),
    "opening": Leg(
        "Opening a day",
        "Zarr does the work; there is no peer here. XDF and EDF readers load everything.",
        nothing,
        minutes=3,
    ),
    "decode": Leg(
        "Bytes to scans",
        "Decoders of boards' streams beside what one writes first in plain Python, on the same "
        "bytes in the same chunks. A board at 500 000 baud sends 0.05 MB/s.",
        decoding,
        minutes=4,
    ),
    "corruption": Leg(
        "Damaged frames",
        "Frames with a share of their bytes replaced: how many are taken for whole. There is no "
        "peer to compare with, and nothing to draw.",
        nothing,
        minutes=4,
    ),
    "emulated_board": Leg(
        "The emulated board",
        "The firmware's own program on an emulated ATmega2560, until it breaks. Rates are those of "
        "the emulated clock; nothing here says how fast this computer is. Needs `make emulator`.",
        nothing,
        arguments=("minutes", "table"),
        minutes=6,
    ),
    "micro_expressions": Leg(
        "Sixty micro-expressions through the board",
        "From a simulated face to an event table, by raw sensors and by V3 modules. Simulated "
        "skin, the real firmware on an emulated board. Needs `make emulator`.",
        nothing,
        minutes=6,
    ),
    "training": Leg(
        "Training and prediction",
        "Networks on Keras' jax beside the baselines, on simulated windows. What another backend "
        "would do is not measured here.",
        column_of(
            "live ms", "One window's prediction, checks included", "ms, median", logarithmic=True
        ),
        arguments=("--windows", "4000", "--epochs", "2"),
        minutes=5,
    ),
}
