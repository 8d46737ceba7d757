"""List the benchmarks of `make bench`: title, description, peers, and chart of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from charts import Bars, Lines, tables

Chart = Callable[[str], Bars | Lines | None]


@dataclass(frozen=True)
class Leg:
    """One benchmark: a script in this folder that prints Markdown tables.

    Parameters
    ----------
    title, about : heading, and a description of the comparison
    where : environment with the peers, "" for the project's own
    arguments : of the script
    chart : draws a chart from the script's output, or returns None
    minutes : time limit
    """

    title: str
    about: str
    chart: Chart
    where: str = ""
    arguments: tuple[str, ...] = ()
    minutes: float = 10.0


def number(cell: str) -> float:
    """Return the first number of a cell, NaN without one: "≥ 0.98 (1.00)" is 0.98."""
    found = re.search(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", cell)
    return float(found.group()) if found else float("nan")


def column_of(
    column: str, title: str, unit: str, *, rows: str = "", table: int = 0, logarithmic: bool = False
) -> Chart:
    """Draw one column of a table; the first column has the names.

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
    """Draw MB/s of each dialect: "ours / theirs (ratio)" in four columns, by size of chunk."""
    found = re.findall(r"^ *([a-z][\w ]*?) +[\d.]+ (.+)$", out, re.M)
    pairs = [(name, re.findall(r"([\d.]+) */ *([\d.]+)", cells)) for name, cells in found]
    pairs = [(name, cells) for name, cells in pairs if len(cells) == 4]
    if not pairs:
        return None
    # Chunks of a live port, where a call costs more than its bytes, and chunks of a file.
    series = {
        f"{who}, {chunk}": [float(cells[at][k]) for _, cells in pairs]
        for at, chunk in ((0, "10 ms"), (2, "64 kB"))
        for k, who in enumerate(("emgnb", "plain Python"))
    }
    names = [name for name, _ in pairs]
    return Bars("Decoding, in small chunks and large", "MB a second of CPU", names, series, True)


def nothing(out: str) -> None:
    """Draw nothing; the table is enough."""


def onsets(out: str) -> Bars | None:
    """Draw the F1 of onsets at 10 and 5 dB, averaged over burst lengths."""
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
        "Band-pass and notch, zero-phase, on ten minutes of eight channels. SciPy's cascade is "
        "the computation alone: no checks, gaps, labels or history. Peers run their own "
        "functions with the same corner frequencies; NeuroKit2's notch is a different filter, "
        "and BioSPPy has none. All data is float64 in memory.",
        column_of("CPU", "Band-pass and notch, 8 channels × 10 min", "s of CPU"),
        where="peers",
        minutes=5,
    ),
    "detection": Leg(
        "Bursts",
        "Bursts at known times in noise, detected without further information. Some peers are "
        "given a period of rest, or its length, which emgnb does not need. Peers run on fewer "
        "bursts, since some take seconds per minute of signal. Noise does not replace real "
        "recordings, which are in the tests.",
        onsets,
        where="peers",
        arguments=("3",),
        minutes=10,
    ),
    "features": Leg(
        "Features",
        "Nine features of each window, by CPU time, so that threads give no advantage. The "
        "NumPy formulas are those of a typical notebook. LibEMG's frequency features are "
        "defined differently and TSFEL has five of the nine; only their speed is compared, not "
        "their values.",
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
    "face": Leg(
        "The face",
        "The 3-D head in a Chromium that draws WebGL in software, fed with 60 outputs a second, "
        "and with a session that is played. The delay is from an output's newest sample to the "
        "painted frame.",
        nothing,
        minutes=5,
    ),
    "verdicts": Leg(
        "Is it physiology?",
        "Verdicts of `quality.is_physiology` on published recordings and simulated faces. No "
        "peer offers such a test, so there is no comparison and no chart. Without the folder of "
        "recordings next to the checkout, there is no table.",
        nothing,
        minutes=6,
    ),
    "physiology": Leg(
        "Is it physiology, against fakes?",
        "Verdicts and scores of `quality.is_physiology` on real recordings, on fakes made from "
        "them, and on simulations. An area of 0.5 under the curve means that the score cannot "
        "tell a simulation from a real recording. Without the folder of recordings next to the "
        "checkout, only simulations are judged.",
        nothing,
        where="peers",
        arguments=("--pieces", "2"),
        minutes=15,
    ),
    "day": Leg(
        "A day, in bounded memory",
        "A simulated day from store to store: filters, quality, bursts and features. No peer "
        "reads recordings larger than memory, so three ways of computing are compared: the cost "
        "per hour of recording must not depend on the length, and the results must be "
        "bit-identical. On two cores, a cluster of two workers shares them with its scheduler: "
        "this shows that it works, not what a cluster gains.",
        by_hours("CPU", "What an hour of recording costs", "s of CPU an hour"),
        minutes=60,
    ),
    "opening": Leg(
        "Opening a day",
        "There is no peer: Zarr does the work here, and readers of XDF and EDF load everything.",
        nothing,
        minutes=3,
    ),
    "remote": Leg(
        "A day on object storage",
        "A minute read from a day-long session on an S3 server, near and far, by emgnb and by "
        "xarray alone.",
        nothing,
        minutes=15,
    ),
    "installation": Leg(
        "From the wheel to a first result",
        "A fresh machine: the wheel and what it needs, with an empty cache and environment; "
        "JupyterLab; the first honest accuracy of the third notebook. Megabytes depend on the "
        "system and the version of Python, seconds on the network as well.",
        nothing,
        minutes=60,
    ),
    "decode": Leg(
        "Bytes to scans",
        "Decoders of the boards' streams compared with a simple decoder in plain Python, on the "
        "same bytes in the same chunks. A board at 500 000 baud sends 0.05 MB/s.",
        decoding,
        minutes=4,
    ),
    "corruption": Leg(
        "Damaged frames",
        "How many frames with damaged bytes are accepted as valid. There is no peer to compare "
        "with, and no chart.",
        nothing,
        minutes=4,
    ),
    "emulated_board": Leg(
        "The emulated board",
        "The firmware on an emulated ATmega2560, up to the rates at which it fails. Rates are "
        "those of the emulated clock and do not depend on the speed of this computer. Needs "
        "`make emulator`.",
        nothing,
        arguments=("minutes", "table"),
        minutes=6,
    ),
    "micro_expressions": Leg(
        "Sixty micro-expressions through the board",
        "From a simulated face to an event table, with raw sensors and with V3 modules. The "
        "skin is simulated, and the real firmware runs on an emulated board. Needs `make "
        "emulator`.",
        nothing,
        minutes=6,
    ),
    "spotting": Leg(
        "Spotting micro-expressions",
        "In whole simulated recordings with speech, chewing and blinks. F1 is over intervals with "
        "an IoU of at least 0.5.",
        nothing,
        where="peers",
        minutes=20,
    ),
    "accuracies": Leg(
        "Accuracy on published recordings",
        "Honest accuracy with the model chosen inside the training folds, next to that of a "
        "shuffled split, which is not a result. Without the folder of recordings next to the "
        "checkout, there are no figures.",
        nothing,
        minutes=40,
    ),
    "rewearing": Leg(
        "New people and re-worn electrodes",
        "Accuracy lost on simulated people and placements that the model has not seen, and the "
        "share that calibration wins back. No peer adapts a model, so there is no comparison.",
        nothing,
        minutes=40,
    ),
    "conformal": Leg(
        "Prediction sets on new people",
        "Coverage of prediction sets, calibration error, and accuracy with uncertain trials "
        "rejected, on simulated people that the model has not seen. No peer is compared.",
        nothing,
        minutes=20,
    ),
    "smiles": Leg(
        "Posed and spontaneous smiles",
        "Simulated smiles told apart by speed, size and asymmetry, one person left out; and what "
        "is put in and measured. No peer is compared.",
        nothing,
        minutes=20,
    ),
    "study": Leg(
        "The list of a study",
        "A thousand sessions listed from metadata alone, compared with opening each.",
        nothing,
        minutes=15,
    ),
    "batch": Leg(
        "A study with several workers",
        "Cost of an hour of recording with 1, 2 and 4 workers of dask.distributed, compared with "
        "a loop.",
        nothing,
        minutes=30,
    ),
    "coupling": Leg(
        "EEG beside EMG",
        "True and false couplings of simulated EEG with EMG that is also in it, beside plain "
        "coherence.",
        nothing,
        minutes=40,
    ),
    "outputs": Leg(
        "Out to other programs",
        "Time from the newest sample of a live result to its arrival in another program on the "
        "same computer, over OSC, VMC, LSL and WebSocket, received by independent clients.",
        column_of("p99", "Newest sample to arrival, 99th percentile", "ms", logarithmic=True),
        minutes=5,
    ),
    "calibration": Leg(
        "Calibration in a minute",
        "Accuracy and error of intensities on new simulated people after 0, 15 and 60 s of a "
        "guided run. No peer is compared.",
        nothing,
        minutes=40,
    ),
    "pretraining": Leg(
        "Networks that begin with simulated faces",
        "Accuracy after seconds of a real person, from random weights and from weights learned on "
        "simulated faces. Without the folder of recordings next to the checkout, there are no "
        "figures.",
        nothing,
        minutes=30,
    ),
    "fusion": Leg(
        "EMG beside a camera",
        "What action units of a simulated camera add to EMG on new simulated people, and the "
        "reverse. No peer is compared.",
        nothing,
        minutes=15,
    ),
    "networks": Leg(
        "Networks",
        "Seconds per epoch of each network, and the time from one window to its label. Without "
        "PyTorch there is no comparison.",
        nothing,
        minutes=15,
    ),
    "live_decoding": Leg(
        "Live decoding",
        "From the end of a window to its label: the computation alone, and in the decoder's "
        "process beside a recorder. No peer decodes from a journal, so there is no comparison.",
        nothing,
        minutes=10,
    ),
    "training": Leg(
        "Training and prediction",
        "Networks on Keras with JAX, compared with the baselines, on simulated windows. Other "
        "backends are not measured.",
        column_of(
            "live ms", "One window's prediction, checks included", "ms, median", logarithmic=True
        ),
        arguments=("--windows", "4000", "--epochs", "2"),
        minutes=5,
    ),
}
