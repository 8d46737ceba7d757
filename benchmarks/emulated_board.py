"""Measure the highest rates of the emulated board, and the effect of damaged bytes.

``python benchmarks/emulated_board.py [damage] [minutes] [clocks] [table]``, all by default. Except
for `clocks`, the emulator has all the time it needs and its reader receives all bytes, so the
figures follow the board's clock and do not depend on the computer. `clocks` runs in real time and
prints how far the emulator fell behind; on a busy computer it means nothing.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import serial

from emgnb import acquire, recording
from emgnb.acquire.ports.emulator import CLOCK, Emulator, missing, truth_of
from emgnb.acquire.wire.frames import Decoder

SKETCHES = {500_000: "mega", 1_000_000: "mega_1m"}
CHANNELS = (1, 2, 4, 8, 12, 16)
PRESCALERS = (128, 64, 32, 16)


class Terminal:
    """Read the board's output, and keep only what is requested."""

    def __init__(self, port: str, baud: int) -> None:
        self.serial = serial.Serial(port, baud, timeout=0.05, exclusive=True)
        self.decoder = Decoder()
        self.texts: list[str] = []
        self.scans: list[np.ndarray] = []
        self.values: list[np.ndarray] = []
        self.bytes = self.damaged = self.last = 0

    def read(self) -> None:
        data = self.serial.read(self.serial.in_waiting or 1)
        decoded = self.decoder.feed(data)
        self.texts += decoded.texts
        self.bytes += len(data)
        self.damaged += decoded.crc_errors
        if decoded.scans.size:
            self.scans.append(decoded.scans)
            self.values.append(decoded.values)
            self.last = int(decoded.scans[-1])

    def ask(self, *commands: str) -> str:
        """Return the last answer."""
        known = len(self.texts) + len(commands)
        self.serial.write("".join(f"{command}\n" for command in commands).encode())
        while len(self.texts) < known:
            self.read()
        return self.texts[known - 1]


def trial(
    baud: int, channels: int, prescaler: int, rate: int, seconds: float, *, limited: bool
) -> tuple[int, int, int, int] | str:
    """Stream for a while; return scans due, received, wrong, and overruns; or the rejection."""
    with tempfile.TemporaryDirectory() as folder:
        sketch = SKETCHES[baud] + ("" if limited else "_anything")
        truth = Path(folder) / "truth"
        board = Emulator(sketch, fast=True, bootloader=0.0, truth=truth)
        terminal = Terminal(board.port, baud)
        while not terminal.texts:
            terminal.read()
        answer = terminal.ask(f"R{rate}", f"C{channels}", f"P{prescaler}", "S")
        if not answer.startswith("started"):
            board.close()
            return answer
        while terminal.last < rate * seconds:
            terminal.read()
        stopped = terminal.ask("X")
        board.close()
        (codes,) = truth_of(truth, channels)
        scans, values = np.concatenate(terminal.scans), np.concatenate(terminal.values)
        wrong = int(np.count_nonzero((codes[scans] != values).any(axis=1)))
        return len(codes), scans.size, wrong, int(stopped.split()[4])


def table() -> None:
    print("Hz that the board accepts, and without its limits the highest that lost nothing in 1 s;")
    print("then half as much again: scans due, received, wrong, and overruns that the board tells")
    print(
        f"{'baud':>9} {'ch':>3} {'P':>4} {'accepts':>8} {'held':>6}   {'due':>6} {'got':>6} "
        "wrong told"
    )
    for baud in SKETCHES:
        for channels in CHANNELS:
            for prescaler in PRESCALERS:
                refusal = trial(baud, channels, prescaler, 65535, 0, limited=True)
                assert isinstance(refusal, str)
                accepted = int(refusal.split()[-3])
                found = trial(baud, channels, prescaler, accepted, 1, limited=True)
                assert not isinstance(found, str)
                assert found[0] == found[1], (baud, channels, prescaler, accepted, found)
                assert found[2:] == (0, 0)
                low, high = accepted, int(1.5 * accepted)
                beyond = trial(baud, channels, prescaler, high, 1, limited=False)
                while high - low > 0.02 * accepted:
                    middle = (low + high) // 2
                    found = trial(baud, channels, prescaler, middle, 1, limited=False)
                    held = not isinstance(found, str) and found[3] == 0
                    low, high = (middle, high) if held else (low, middle)
                due, got, wrong, told = beyond
                print(
                    f"{baud:9} {channels:3} {prescaler:4} {accepted:8} {low:6}   {due:6} {got:6} "
                    f"{wrong:5} {told:4}",
                    flush=True,
                )


def minutes() -> None:
    print("60 s of the board's time through pseudo-terminal, pyserial, recorder and journal")
    for baud, channels, rate in ((500_000, 8, 1000), (1_000_000, 8, 2000), (500_000, 16, 1000)):
        with tempfile.TemporaryDirectory() as folder:
            truth = Path(folder) / "truth"
            board = Emulator(SKETCHES[baud], fast=True, truth=truth)
            port = f"serial://{board.port}?baud={baud}&channels={channels}&rate={rate}"
            recorder = acquire.start(port, folder)
            while recorder.health().scans < 60 * rate:
                time.sleep(0.05)
            session = recording.open(recorder.stop())
            board.close()
            (codes,) = truth_of(truth, channels)
            got = session["emg/signal"]
            valid = got["valid"].values
            wrong = int(np.count_nonzero((got.values != codes[: valid.size]).any(axis=1) & valid))
            print(
                f"{channels:3} channels at {rate} Hz, {baud} baud: {len(codes)} scans converted, "
                f"{int(valid.sum())} in the session, {len(codes) - int(valid.sum())} lost, "
                f"{wrong} with a wrong value of {valid.sum() * channels}; "
                f"{session.attrs['crc_errors']} damaged, {session.attrs['overruns']} overruns",
                flush=True,
            )


def clocks() -> None:
    print("60 s in real time, a pulse at trigger input 11 beside each of 100 marks on the host")
    for drift_ppm in (5000, -5000):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            board = Emulator("mega", drift_ppm=drift_ppm, log=log)
            recorder = acquire.start(board.port, folder)
            while recorder.health().scans < 500:
                time.sleep(0.05)
            called = []
            for n in range(100):
                time.sleep(0.45 + 0.013 * (n % 7))
                called.append(time.monotonic_ns())
                recorder.mark(f"{n}")
                board.do("pulse 11 0.02")
            while recorder.health().seconds < 60:
                time.sleep(0.05)
            late = board.report()["late_s"]
            orders = (recorder.folder / "control.jsonl").read_text().splitlines()
            stamped = [json.loads(order)["mono_ns"] for order in orders if '"mark"' in order]
            session = recording.open(recorder.stop())
            board.close()
            inputs, marks = session["inputs"].to_dataset().load(), session["markers"].load()
            lines = [json.loads(line) for line in log.read_text().splitlines()]
        begin = next(line["monotonic_ns"] for line in lines if line["event"] == "start")
        falls = [line["cycle"] for line in lines if line["event"] == "input" and not line["high"]]
        # From the marker to the pulse, on the clock of the pulse's cycle.
        after = (
            np.array(falls) / (CLOCK * (1 + drift_ppm / 1e6)) - (np.array(stamped) - begin) / 1e9
        )
        pulses = inputs["time"].values[inputs["text"].values == "input 1 low"]
        wrong = marks["time"].values - (pulses - after)
        stated = marks["uncertainty"].values
        fitted = json.loads(session.attrs["clock"])["drift_ppm"]
        print(
            f"drift {drift_ppm:+} ppm: fitted {fitted:+.0f}; marks stamped within "
            f"{np.quantile(np.subtract(stamped, called), 0.95) / 1e6:.2f} ms (95th percentile), "
            "then off by median "
            f"{np.median(wrong) * 1e3:+.2f} ms, 95th percentile of the size "
            f"{np.quantile(np.abs(wrong), 0.95) * 1e3:.2f} ms; stated "
            f"{np.median(stated) * 1e3:.2f} ms, which with half a scan and the emulator's 1 ms "
            f"covers {np.mean(np.abs(wrong) <= stated + 0.0015):.0%}; the emulator at most "
            f"{late * 1e3:.0f} ms behind",
            flush=True,
        )


def damage(megabytes: float) -> None:
    """Damage a thousandth of the bytes of a board, differently each time, and decode them."""
    channels, rate, baud, piece = 16, 1800, 1_000_000, 5e6
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder) / "truth"
        board = Emulator("mega_1m", fast=True, bootloader=0.0, truth=truth)
        terminal = Terminal(board.port, baud)
        while not terminal.texts:
            terminal.read()
        terminal.ask(f"R{rate}", f"C{channels}", "P16", "S")
        kept = []
        while sum(map(len, kept)) < piece:
            kept.append(terminal.serial.read(terminal.serial.in_waiting or 1))
        board.close()
        (codes,) = truth_of(truth, channels)
    clean = np.frombuffer(b"".join(kept), dtype=np.uint8)
    rng = np.random.default_rng(1)
    total = flips = due = accepted = wrong = refused = 0
    while total < megabytes * 1e6:
        stream = clean.copy()
        at = np.flatnonzero(rng.random(stream.size) < 0.001)
        stream[at] ^= rng.integers(1, 256, at.size, dtype=np.uint8)
        decoder = Decoder()
        last = 0
        for begin in range(0, stream.size, 4096):
            decoded = decoder.feed(stream[begin : begin + 4096].tobytes())
            refused += decoded.crc_errors
            accepted += decoded.scans.size
            if not decoded.scans.size:
                continue
            last = int(decoded.scans[-1])
            known = np.minimum(decoded.scans, len(codes) - 1)
            differ = (codes[known] != decoded.values).any(axis=1) | (known != decoded.scans)
            wrong += int(np.count_nonzero(differ))
        total, flips, due = total + stream.size, flips + at.size, due + last + 1
    print(
        f"{total / 1e6:.0f} MB of frames with {flips} damaged bytes: {due} scans sent, {accepted} "
        f"accepted, {due - accepted} lost ({1 - accepted / due:.2%}), {refused} frames refused, "
        f"{wrong} accepted with a wrong value or number"
    )


def main() -> None:
    if problem := missing():
        print(f"not run: {problem}")
        return
    wanted = sys.argv[1:] or ["damage", "minutes", "clocks", "table"]
    if "damage" in wanted:
        damage(100)
    if "minutes" in wanted:
        minutes()
    if "clocks" in wanted:
        clocks()
    if "table" in wanted:
        table()


if __name__ == "__main__":
    main()
