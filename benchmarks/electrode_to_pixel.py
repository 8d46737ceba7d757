"""Measure the delay from the electrode to the pixel, and how much each part adds.

    python benchmarks/electrode_to_pixel.py [--events 2000] [--every 0.5] [--hop 0.02] [--corner 20]

A voltage steps up and down at pin A0 of an emulated Mega, at random times. The firmware samples 8
channels at 1 kHz, a recorder reads the pseudo-terminal, a decoder turns channel 1 into the
intensity of a smile (`live.proportional` levels, sensor of kind envelope), and `widgets.Face` shows
it in JupyterLab, with a real kernel, in a headless Chromium that draws in software. For each step,
the first painted frame is sought in which the pixels that a smile changes most have changed, see
`pixel`. Three conditions: the kernel free, beside a cell in pure Python, and beside one that trains
a network. If less than half of the first 40 steps are seen, the run ends with the reason.

- board: from the step to its conversion (truth log of the emulator)
- USB: to the moment when the recorder has read the bytes; with the UART, the pseudo-terminal, and
  the up to 5 ms between two reads
- journal: until they are in the journal's file (inotify)
- decode: until the output is made from which the pixel changes; with the wait for the next output
- kernel: until the kernel has made the message to the page
- page: until the page's WebSocket has received it; with ZeroMQ and Jupyter's server
- paint: until the frame is painted; what a monitor adds is not known

All times are on the host's monotonic clock. The page's clock is compared with it by round trips,
whose error is printed. The emulated board runs in real time only if a core is free for it; its lag
is asked for ten times a second, and steps at which it lagged are counted and left out of the table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))

import conftest as browsers
from electrode import FINE, HIGH, LOW, Clock, Growth, Steps, boards, clock_of
from live_view import BESIDE
from pixel import CHANGED, EARLY, Frames, calibrate, check, forget, frames_of, settle, watch

from emgnb import acquire, facs, filters, live
from emgnb.acquire.clock import host_ns
from emgnb.acquire.journal import JournalReader, Kind
from emgnb.acquire.ports import emulator
from emgnb.acquire.wire.stream import Stream

LEGS = ("board", "USB", "journal", "decode", "kernel", "page", "paint")
CHANNELS, RATE = 8, 1000
# Lag (s) of the board from which a step does not count as one in real time.
LAG = 0.003
# Time (s) that a cell runs beside the face before and after the steps that count.
BEFORE = 400.0
# Pin A0 is the muscle of a smile.
SITES = sorted(facs.DEFAULT_MONTAGE, key=lambda site: site.muscle != "zygomaticus_major")[:CHANNELS]
CELL = """
from emgnb import live
from emgnb.widgets import Face
decoder = live.decode({folder!r}, {model!r}, hop={hop})
face = Face(decoder)
face
"""
# Records when the page receives each output, and when the kernel made the message.
RECEIVE = r"""(() => {
  const text = new TextDecoder();
  window.received = [];
  window.WebSocket = class extends WebSocket {
    constructor(...all) {
      super(...all);
      this.addEventListener("message", ({ data }) => {
        const at = performance.now();
        if (!(data instanceof ArrayBuffer) || data.byteLength > 20_000) return;
        const words = text.decode(data);
        const output = /"kind": ?"now"[^]*?"number": ?(\d+)/.exec(words);
        const made = /"date": ?"([^"]+)"/.exec(words);
        if (output && made) window.received.push([Number(output[1]), at, made[1]]);
      });
    }
  };
})()"""


class Run(NamedTuple):
    """What was noted during the steps; times in ns of the host."""

    folder: Path
    started: int
    steps: Any
    first: int  # of the steps that count
    stamps: Any
    lag: Any
    drawn: Frames
    received: dict[int, tuple[float, float]]
    clock: Clock


def levels_file(folder: Path, corner: float) -> Path:
    """Save levels by which channel 1 is the smile's intensity, after a low-pass (Hz)."""
    silent = (0.0,) * (CHANNELS - 1)
    return live.Proportional(
        channel=tuple(site.channel for site in SITES),
        units_of=("L12",) + ("",) * (CHANNELS - 1),
        rest=(LOW, *silent),
        most=(HIGH, *silent),
        units="V",
        rate=float(RATE),
        chain=filters.Chain(filters.LowPass(corner)),
    ).save(folder / "levels.json")


def run(browser: Any, lab: Any, beside: str, asked: argparse.Namespace) -> Run:
    """Record steps, and all that they set off, beside a cell of one kind."""
    folder = lab.root / beside.replace(" ", "_")
    folder.mkdir()
    with boards(folder) as (board, steps, lag):
        recorder = acquire.start(
            f"serial://{board.port}?channels={CHANNELS}&rate={RATE}",
            folder,
            montage=[(site.channel, site.muscle, site.side) for site in SITES],
            signal_kind="envelope",
            units="V",
            units_per_count=emulator.VOLTS / emulator.STEPS,
        )
        growth = Growth(recorder.folder / "journal.emgj")
        try:
            model = str(levels_file(folder, asked.corner))
            cell = CELL.format(folder=str(recorder.folder), model=model, hop=asked.hop)
            page = shown(browser, lab, folder.name, cell)
            drawn, received, clock = watched(page, steps, recorder.folder, BESIDE[beside], asked)
            page.context.close()
            lab.end_kernels()
        finally:  # also ends the decoder
            recorder.stop()
            growth.close()
    log = json.loads((folder / "log").read_text().splitlines()[0])
    shift = time.time_ns() - host_ns()
    return Run(
        folder=recorder.folder,
        started=log["monotonic_ns"] - round(log["cycle"] / emulator.CLOCK * 1e9),
        steps=steps.at,
        first=steps.first,
        stamps=np.array(growth.stamps),
        lag=np.array(lag.found),
        drawn=drawn,
        received={
            number: (datetime.fromisoformat(made).timestamp() * 1e9 - shift, clock.host(at))
            for number, at, made in reversed(received)
        },
        clock=clock,
    )


def watched(
    page: Any, steps: Steps, folder: Path, code: str, asked: argparse.Namespace
) -> tuple[Frames, list[Any], Clock]:
    """Step beside a cell; return the frames drawn, the outputs received, and the page's clock."""
    watch(page)
    start_beside(page, code.format(seconds=asked.events * asked.every + BEFORE))
    settle(page, steps, asked.every)
    calibrate(page, steps, asked.every)
    clock = clock_of(page)
    forget(page)
    steps.first = len(steps.at)
    rng = np.random.default_rng(1)
    steps.plan(asked.every * rng.uniform(0.8, 1.2, asked.events))
    if asked.events >= EARLY:
        while not steps.over(steps.first + EARLY - 1):
            page.wait_for_timeout(500)
        found = frames_of(page)
        check(found, {number for number, *_ in received_by(page)}, set(outputs_of(folder)))
    while not steps.over():
        page.wait_for_timeout(500)
    found, received = frames_of(page), received_by(page)
    again = clock_of(page)
    error = max(clock.error, again.error) + abs(clock.zero - again.zero) / 2
    return found, received, Clock((clock.zero + again.zero) / 2, error)


def received_by(page: Any) -> list[tuple[int, float, str]]:
    """Return the outputs received: number, ms of the page's clock, and date of the message."""
    return [tuple(each) for each in json.loads(page.evaluate("JSON.stringify(window.received)"))]


def shown(browser: Any, lab: Any, name: str, cell: str) -> Any:
    """Open a notebook in JupyterLab and run it; return the page once the face is drawn."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.add_init_script(RECEIVE)
    page = context.new_page()
    path = lab.write(f"{name}.ipynb", cell)
    page.goto(lab.address("doc/tree", path.name), timeout=90_000)
    notebook = browsers.Notebook(page, lab.root, path.name)
    notebook.ready()
    notebook.run_all()
    page.locator(".emgnb-face .stage canvas[data-grey='0.00']").wait_for(timeout=180_000)
    return page


def start_beside(page: Any, code: str) -> None:
    if not code:
        return
    page.evaluate(
        """(code) => {
             const { kernel } = jupyterapp.shell.currentWidget.context.sessionContext.session;
             kernel.requestExecute({ code });
           }""",
        code,
    )
    page.wait_for_timeout(10_000)  # imports and compilation are not measured


def changes(values: Any) -> Any:
    """Return the places from which the pin's other voltage was measured."""
    middle = (LOW + HIGH) / 2 / emulator.VOLTS * emulator.STEPS
    return np.flatnonzero(np.diff(np.asarray(values) > middle)) + 1


def converted(noted: Run) -> Any:
    """Return when each step was first measured by the converter, ns."""
    found = np.fromfile(noted.folder.parent / "truth", dtype=emulator.RECORD)
    first = found[(found["kind"] == 1) & (found["channel"] == 0)]
    return noted.started + first["cycle"][changes(first["code"])] / emulator.CLOCK * 1e9


def journalled(noted: Run) -> tuple[Any, Any]:
    """Return when each step was read from the port, and when it was in the journal, ns."""
    take, values, chunk, read, ends = Stream(), [], [], [], []
    with JournalReader(noted.folder / "journal.emgj") as reader:
        for record in reader.records():
            blocks = take.push(record)
            if record.kind == Kind.RAW:
                blocks += take.flush()
                read.append(record.mono_ns)
                ends.append(reader.position)
            for block in blocks:
                values += block.values[:, 0].tolist()
                chunk += [len(read) - 1] * len(block.scans)
    at = np.array(chunk)[changes(values)]
    sizes = np.maximum.accumulate(noted.stamps[:, 1])
    there = noted.stamps[np.searchsorted(sizes, np.array(ends)[at]), 0]
    return np.array(read)[at], there


def outputs_of(folder: Path) -> dict[int, float]:
    """Return when each output was made, ns; a line that is not complete is left out."""
    whole = (folder / "live.jsonl").read_text().rpartition("\n")[0]
    lines = map(json.loads, whole.splitlines())
    return {
        line["number"]: line["host_ns"] + 1e9 * line["delay"]
        for line in lines
        if line.get("kind") == "intensities"
    }


def legs_of(noted: Run) -> tuple[Any, Any, Counter[str]]:
    """Return the ms of each leg, when the steps were, and why others were not seen.

    Returns
    -------
    (step, leg) ms and (step,) ns of the steps seen; the number of the other steps by reason
    """
    stepped = noted.started + noted.steps / FINE * 1e9
    at_converter, (read, there) = converted(noted), journalled(noted)
    if not len(stepped) == len(at_converter) == len(read):
        raise SystemExit(
            f"{len(stepped)} steps, of which {len(at_converter)} were converted and {len(read)} "
            "are in the journal: repeat the run on a quieter computer"
        )
    drawn, made = noted.drawn, outputs_of(noted.folder)
    painted = noted.clock.host(drawn.painted)
    # When the output of each frame was made; frames of gaps do not count.
    made_of = np.maximum.accumulate([made.get(int(n), 0.0) for n in drawn.number])
    rows, seen, unseen = [], [], Counter[str]()
    for k in range(noted.first, len(stepped)):  # those before found the pixels
        until_next = there[k + 1] if k + 1 < len(there) else np.inf
        first, last = np.searchsorted(made_of, [there[k], until_next])
        frame, lack = changed(drawn, int(first), int(last))
        number = -1 if lack else int(drawn.number[frame])
        if number not in noted.received or number not in made:
            unseen[lack or "output not noted"] += 1
            continue
        times = [stepped[k], at_converter[k], read[k], there[k], made[number]]
        rows.append(np.diff([*times, *noted.received[number], painted[frame]]) / 1e6)
        seen.append(stepped[k])
    return np.array(rows).reshape(-1, len(LEGS)), np.array(seen), unseen


def changed(drawn: Frames, first: int, last: int) -> tuple[int, str]:
    """Return the first frame from `first` to `last` that differs from the one before, or why not.

    Returns
    -------
    number of the frame, and ""; or 0, and the reason
    """
    if first == 0 or first == last:
        return 0, "no frame"
    before, level = drawn.level[first - 1], drawn.level[first:last]
    same = drawn.size[first:last] == drawn.size[first - 1]
    moved = same & (np.abs(level - before) > CHANGED)  # never where a level is NaN
    if moved.any():
        return first + int(np.argmax(moved)), ""
    if (drawn.grey[first - 1 : last] > 0).any():
        return 0, "head grey"
    if np.isnan(before) or np.isnan(level).any():
        return 0, "pixels sought again"
    return 0, "no change of the pixels"


def table_row(beside: str, noted: Run) -> str:
    """Return a row of the table; print what to know about it."""
    rows, seen, unseen = legs_of(noted)
    lag = noted.lag
    near = np.clip(np.searchsorted(lag[:, 0], seen), 1, len(lag) - 1)
    late = np.maximum(lag[near - 1, 1], lag[near, 1]) > LAG
    lacks = ", ".join(f"{reason} {count}" for reason, count in unseen.most_common())
    begin, end = noted.started + noted.steps[[noted.first, -1]] / FINE * 1e9
    quarters, _ = np.histogram(seen, bins=4, range=(begin, end))
    print(
        f"- {beside}: {len(rows)} of {len(noted.steps) - noted.first} steps seen, in the quarters "
        f"of the run {', '.join(map(str, quarters))}{f' (others: {lacks})' if lacks else ''}; "
        f"{noted.drawn.words}; page's clock "
        f"± {noted.clock.error / 1e6:.1f} ms; the emulated board was up to "
        f"{1e3 * lag[:, 1].max():.0f} ms behind real time, by more than {1e3 * LAG:.0f} ms at "
        f"{late.sum()} steps, which are left out (with them, {both(rows.sum(axis=1))} ms in all)",
        flush=True,
    )
    kept = rows[~late]
    cells = [both(column) for column in (*kept.T, kept.sum(axis=1))]
    return f"| {beside} | {len(kept)} | " + " | ".join(cells) + " |"


def both(values: Any) -> str:
    """Return the median and the 99th percentile."""
    if not len(values):
        return "–"
    return f"{np.median(values):.1f}, {np.percentile(values, 99):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--every", type=float, default=0.5, help="s between steps, on average")
    parser.add_argument("--hop", type=float, default=0.02, help="s between outputs")
    parser.add_argument("--corner", type=float, default=20.0, help="Hz of the low-pass filter")
    parser.add_argument("--beside", choices=BESIDE, action="append")
    asked = parser.parse_args()
    if problem := emulator.missing():
        raise SystemExit(problem)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the beginning\n")
    table = []
    with browsers.browsing() as (browser, lab):
        for beside in asked.beside or BESIDE:
            noted = run(browser, lab, beside, asked)
            table.append(table_row(beside, noted))
    print(
        f"\nOutputs every {1e3 * asked.hop:.0f} ms, low-pass {asked.corner:g} Hz; each cell is "
        "median, p99 in ms:\n"
    )
    print("| kernel | steps | " + " | ".join(LEGS) + " | in all |")
    print("|---|---|" + "---|" * (len(LEGS) + 1))
    print("\n".join(table))
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
