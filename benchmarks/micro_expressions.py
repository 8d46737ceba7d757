"""Record 60 micro-expressions through the emulated board with two sensors, and detect them.

    python benchmarks/micro_expressions.py [events]

A simulated face moves briefly and weakly (8 % of MVC) for 40 to 500 ms each. Raw amplifiers and V3
modules measure its skin, and their voltages are at the pins of an emulated Mega. The sketch's
frames go through a pseudo-terminal, pyserial, the recorder and its journal into a session, in which
bursts are detected. An event is found if a burst in the channel over its muscle overlaps it (or the
200 ms after it, for the V3). Printed are the events found, the error of their onset, their apparent
duration, and the bursts that belong to no movement of the face.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from emgnb import acquire, detect, facs, filters, recording, simulate
from emgnb.acquire.ports import emulator

RATE, FINE = 1000.0, 4000.0
DURATIONS = (0.04, 0.1, 0.2, 0.5)
SENSORS = {"raw": simulate.RawSensor(), "V3": simulate.V3Sensor()}
# Channel that shows an expression, and the action unit it measures.
SHOWN = {
    "smile": ("zygomaticus_major_l", "12"),
    "frown": ("corrugator_l", "4"),
    "disgust": ("levator_labii_l", "9"),
    "surprise": ("frontalis_medialis_l", "1"),
}
LATE = 0.2  # s after an event during which a smoothing sensor may still show it
PATIENCE = 900.0


def faces(events: int) -> xr.DataTree:
    """Simulate the skin potential (uV at 4 kHz), with its true events."""
    script = simulate.micro_expressions(events, durations=DURATIONS, seed=1, start=6.0)
    return simulate.face(rate=FINE, script=script, seed=2, artefacts=0.3)


def through_the_board(skin: xr.DataArray, kind: str, folder: Path) -> tuple[xr.DataArray, float]:
    """Record the skin by a sensor; also return when the board began, in s of the skin's time."""
    volts = SENSORS[kind].stream(FINE, skin.sizes["channel"]).push(skin.values.astype(np.float64))
    (folder / "volts").write_bytes(emulator.as_voltages(volts))
    board = emulator.Emulator(
        "mega",
        fast=True,
        bootloader=1.0,
        voltages=str(folder / "volts"),
        voltage_rate=FINE,
        voltage_channels=skin.sizes["channel"],
        truth=folder / "truth",
    )
    montage = [(site.channel, site.muscle, site.side) for site in facs.DEFAULT_MONTAGE]
    signal_kind = SENSORS[kind].signal_kind
    recorder = acquire.start(
        f"serial://{board.port}?channels=8&rate={RATE:.0f}",
        folder / "recordings",
        montage=montage,
        signal_kind=signal_kind,
    )
    wanted = (skin.sizes["time"] / FINE - 3.0) * RATE
    deadline = time.monotonic() + PATIENCE
    while recorder.health().scans < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{recorder.health().scans} of {wanted:.0f} scans came")
        time.sleep(0.2)
    got = recording.open(recorder.stop())["emg/signal"]
    board.close()
    (truth,) = emulator.truth_of(folder / "truth", 8)
    exact = bool((got.values == truth[: got.sizes["time"]]).all())
    print(f"{kind}: {got.sizes['time']} scans, {got.attrs['lost']} lost, bit by bit {exact}")
    first = np.fromfile(folder / "truth", dtype=emulator.RECORD)
    begun = float(first["cycle"][first["kind"] == 4][0] / emulator.CLOCK)
    # The board runs faster than real time, so time is taken from its scans.
    x = recording.signal(
        got.values,
        rate=RATE,
        units="count",
        channel=[str(name) for name in got["channel"].values],
        muscle=[str(name) for name in got["muscle"].values],
        side=[str(side) for side in got["side"].values],
        signal_kind=signal_kind,
    )
    return x, begun


def bursts(x: xr.DataArray, kind: str) -> xr.Dataset:
    if kind == "raw":
        return detect.bursts(filters.preset_for(x)(x))
    return detect.bursts(x)


def scored(found: xr.Dataset, truth: xr.Dataset, begun: float, end: float) -> dict[str, Any]:
    """Return which events were found, when, and their apparent durations; and false bursts."""
    table: dict[float, list[tuple[float, float]]] = {}
    missed: dict[float, int] = {}
    onset, offset = (truth[name].values - begun for name in ("onset", "offset"))
    unit = truth["au"].values.astype(str)
    units = {au: channel for channel, au in SHOWN.values()}
    for a, b, au in zip(onset, offset, unit, strict=True):
        if au not in units or a < 1 or b > end - 1:
            continue
        duration = min(DURATIONS, key=lambda d: abs(d - (b - a)))
        if abs(duration - (b - a)) > 0.25 * duration:
            continue  # a fidget
        mine = found["channel"].values == units[au]
        hit = mine & (found["onset"].values < b + LATE) & (found["offset"].values > a)
        if hit.any():
            first = np.flatnonzero(hit)[0]
            seen = float(found["offset"].values[hit].max() - found["onset"].values[first])
            table.setdefault(duration, []).append((float(found["onset"].values[first] - a), seen))
        else:
            missed[duration] = missed.get(duration, 0) + 1
    nowhere = sum(
        not ((onset - 0.1 < t1) & (offset + 2 * LATE > t0)).any()
        for t0, t1 in zip(found["onset"].values, found["offset"].values, strict=True)
    )
    return {"found": table, "missed": missed, "nowhere": nowhere}


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    face = faces(events)
    skin, truth = face["emg/signal"], face["labels/truth"].to_dataset()
    rows = []
    for kind in SENSORS:
        with tempfile.TemporaryDirectory() as folder:
            x, begun = through_the_board(skin, kind, Path(folder))
        end = x.sizes["time"] / RATE
        result = scored(bursts(x, kind), truth, begun, end)
        for duration in DURATIONS:
            hits = np.array(result["found"].get(duration, [])).reshape(-1, 2)
            total = len(hits) + result["missed"].get(duration, 0)
            late, apart, seen = (
                (
                    f"{1e3 * np.median(hits[:, 0]):+.0f}",
                    f"{1e3 * np.ptp(np.quantile(hits[:, 0], (0.25, 0.75))):.0f}",
                    f"{1e3 * np.median(hits[:, 1]):.0f}",
                )
                if len(hits)
                else ("–", "–", "–")
            )
            rows.append(
                f"| {kind} | {1e3 * duration:.0f} | {len(hits)} of {total} "
                f"| {late} | {apart} | {seen} |"
            )
        per_minute = result["nowhere"] / (end / 60) / 8
        rows.append(f"| {kind} | no movement | {per_minute:.2f} a minute and channel | | | |")
    print("\n| sensor | event, ms | found | onset off, ms | quartiles apart, ms | seems, ms |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
