"""A board without a board: the very sketch one would flash, on an emulated Arduino.

``emulator://mega?channels=8&rate=1000&face=smile&seed=1&sensor=v3`` is a Mega 2560 whose analogue
pins see the simulated face and whose UART is a pseudo-terminal; everything from there on, pyserial
included, is what a real board would meet. `Emulator` is the same with its lid off: any voltages at
the pins, faults by command, and a log of every conversion to hold a recording against. It is built
by ``make emulator``, on Linux, from ``firmware/``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

import emgnb
from emgnb.acquire.ports import BAUD, CHANNELS, RATE, PortError, SerialPort, numbers

BUILT = Path(emgnb.__file__).resolve().parents[1] / "firmware" / "build"
BOARDS = {"mega": "emulated Mega 2560", "uno": "emulated Uno"}
VOLTS, STEPS = 5.0, 1024
# A record of the truth log, and the kinds that begin a scan, lack one, and begin a stream.
RECORD = np.dtype([("cycle", "<u8"), ("code", "<u2"), ("channel", "u1"), ("kind", "u1")])
_TRIGGERED, _MISSED, _FIRST = 1, 2, 4
CLOCK = 16e6
# A board's resonator is off by up to 0.5 %; one without fault would hide that.
DRIFT_PPM = -1300
# The face is sampled at least so often, in Hz, and at most so long, in s, before it is seen.
FACE_RATE, AHEAD = 4000.0, 0.06


def missing() -> str:
    """Say what is in the way of the emulator, "" when it can run."""
    if not sys.platform.startswith("linux"):
        return "the emulated board runs on Linux only"
    if not (BUILT / "emulator").is_file() or not (BUILT / "mega.elf").is_file():
        return (
            "the emulated board is not built: in a checkout of emgnb run `make emulator`, which "
            "needs Debian's gcc-avr avr-libc arduino-core-avr libsimavr-dev libelf-dev"
        )
    return ""


class Emulator:
    """An emulated board in a process of its own; it ends with this one, or by `close`.

    Parameters
    ----------
    sketch : "mega", "mega_1m" (1 000 000 baud), "uno"; "mega_anything" and "mega_1m_anything"
        refuse no rate, to see what becomes of one that does not hold
    link : a symbolic link that the pseudo-terminal gets, gone while unplugged
    fast : as fast as possible, waiting for the reader; else in real time
    drift_ppm : the board's clock against the computer's
    bootloader, junk : seconds from reset to the sketch, and random bytes said meanwhile
    voltages : a file or pipe of what `as_voltages` gives, sampled at `voltage_rate` Hz, for
        `voltage_channels` pins; without one, noise that uses every code
    truth, log : files for every conversion (see `truth_of`), and for what was done to the board
    seed : of noise and faults
    at : (seconds, command) to be done at a time of the board's clock; the commands are
        "pulse PIN SECONDS" (10, 11, 12), "corrupt SHARE", "stall SECONDS", "reset", "hang",
        "unplug", "replug"

    Attributes
    ----------
    port : the pseudo-terminal, or the link to it

    Raises
    ------
    PortError : it is not built, or ends at once
    """

    def __init__(
        self,
        sketch: str = "mega",
        *,
        link: str | os.PathLike[str] | None = None,
        fast: bool = False,
        drift_ppm: float = 0.0,
        bootloader: float = 1.0,
        junk: int = 0,
        voltages: str | int | None = None,
        voltage_rate: float = 1000.0,
        voltage_channels: int = 16,
        truth: str | os.PathLike[str] | None = None,
        log: str | os.PathLike[str] | None = None,
        seed: int = 0,
        at: Sequence[tuple[float, str]] = (),
    ) -> None:
        if problem := missing():
            raise PortError(f"{problem}. Without it: sim://smile")
        command = [str(BUILT / "emulator"), "--board", sketch.partition("_")[0]]
        command += ["--fast"] if fast else []
        command += ["--drift", f"{drift_ppm}", "--bootloader", f"{bootloader}"]
        command += ["--junk", f"{junk}", "--seed", f"{seed}"]
        handed = [voltages] if isinstance(voltages, int) else []
        if voltages is not None:
            path = f"/dev/fd/{voltages}" if handed else str(voltages)
            command += ["--input", path, "--input-rate", f"{voltage_rate}"]
            command += ["--input-channels", f"{voltage_channels}"]
        for option, place in (("--link", link), ("--truth", truth), ("--log", log)):
            command += [] if place is None else [option, str(place)]
        for seconds, text in at:
            command += ["--at", f"{seconds}", text]
        self._process = subprocess.Popen(
            [*command, str(BUILT / f"{sketch}.elf")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            pass_fds=handed,
        )
        self.pid = self._process.pid
        terminal = self._out.readline().strip()
        if not terminal:
            self.close()
            raise PortError(f"the emulator ended at once: {' '.join(command)}")
        self.port = terminal if link is None else str(link)

    def do(self, command: str) -> None:
        """Do something to the board now; the commands are those of `at`."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")

    def report(self) -> dict[str, float]:
        """Count what has been so far.

        Returns
        -------
        cycles, ticks, conversions, resets; sent, delivered, lost, damaged (bytes); late_s (how far
        it fell behind real time at worst), seconds (real time since the start)
        """
        self.do("report")
        return self._report()

    def close(self) -> dict[str, float]:
        """End it; returns the last `report`, nothing if it had ended before."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return {}
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        found = self._report()
        self._out.close()
        self._process.wait()
        return found

    @property
    def _out(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _report(self) -> dict[str, float]:
        for line in self._out:
            if line.startswith("{"):
                found: dict[str, float] = json.loads(line)
                return found
        return {}


def as_voltages(volts: npt.ArrayLike) -> bytes:
    """Turn (time, pin) volts into what the emulator reads; below 0 and above 5 V the pin clips."""
    steps = np.floor(np.asarray(volts, dtype=np.float64) / VOLTS * 65536)
    return np.clip(steps, 0, 65535).astype("<u2").tobytes()


def truth_of(path: str | os.PathLike[str], channels: int) -> list[npt.NDArray[np.int32]]:
    """Read a truth log: what the converter saw.

    Returns
    -------
    of each stream that was started, (tick of the timer, channel) codes; -1 where none was converted
    """
    found = np.fromfile(path, dtype=RECORD)
    streams = []
    for stream in np.split(found, np.flatnonzero(found["kind"] == _FIRST))[1:]:
        # A conversion is written down when it is done, a tick without one at once.
        stream = stream[np.argsort(stream["cycle"], kind="stable")]
        begins = stream["kind"] == _TRIGGERED
        tick = np.cumsum(begins | (stream["kind"] == _MISSED)) - 1
        # A tick that the converter had no time for may fall into a scan.
        scan = np.maximum.accumulate(np.where(begins, tick, -1))
        seen = (stream["kind"] <= _TRIGGERED) & (stream["channel"] < channels) & (scan >= 0)
        codes = np.full((int(tick[-1]) + 1, channels), -1, dtype=np.int32)
        codes[scan[seen], stream["channel"][seen]] = stream["code"][seen]
        streams.append(codes)
    return streams


class EmulatedBoard(SerialPort):
    """An emulated board that looks at the simulated face, in real time.

    Options: those of a serial port (baud, rate, channels), of the face (face = an expression or
    rest, sensor, seed, participant, session, difficulty, mains), and drift_ppm.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        from emgnb.simulate.live import LiveFace
        from emgnb.simulate.sensors import Adc

        if name not in BOARDS:
            raise PortError(f"port {url!r}: no board {name!r}; known are {', '.join(BOARDS)}")
        if problem := missing():
            raise PortError(f"port {url!r}: {problem}. Without it: sim://smile")
        words = {"face": "smile", "sensor": "raw", "difficulty": "field"}
        words |= {key: options.pop(key) for key in tuple(words) if key in options}
        found = numbers(
            url,
            options,
            baud=BAUD,
            rate=RATE,
            channels=CHANNELS,
            seed=0,
            participant=0,
            session=0,
            mains=50,
            drift_ppm=DRIFT_PPM,
        )
        baud, self._drift = int(found["baud"]), found["drift_ppm"]
        sketch = {BAUD: name, 2 * BAUD: f"{name}_1m"}.get(baud, "")
        if not (BUILT / f"{sketch}.elf").is_file():
            raise PortError(
                f"port {url!r}: the sketch for {name} is not built for {baud} baud; it is for "
                f"{BAUD}" + (f" and {2 * BAUD}" if name == "mega" else "")
            )
        rate = max(FACE_RATE, 2 * found["rate"])
        try:
            self._face = LiveFace(
                rate=rate,
                channels=int(found["channels"]),
                sensor=words["sensor"],
                seed=int(found["seed"]),
                participant=int(found["participant"]),
                session=int(found["session"]),
                difficulty=words["difficulty"],
                mains=found["mains"],
                repeats=None if words["face"] in ("rest", "neutral") else words["face"],
                adc=Adc(bits=16, reference=VOLTS),
            )
        except ValueError as error:
            raise PortError(f"port {url!r}: {error}") from error
        end, self._pipe = os.pipe()
        try:
            self._emulator = Emulator(
                sketch,
                drift_ppm=self._drift,
                voltages=end,
                voltage_rate=rate,
                voltage_channels=int(found["channels"]),
                seed=int(found["seed"]),
            )
        except Exception:
            os.close(self._pipe)
            raise
        finally:
            os.close(end)
        self._closed = threading.Event()
        self._feeder = threading.Thread(target=self._feed, args=(rate,), daemon=True)
        self._feeder.start()
        asked: dict[str, str] = {
            key: options[key] for key in ("rate", "channels") if key in options
        }
        try:
            super().__init__(url, self._emulator.port, {**asked, "baud": f"{baud}"})
        except Exception:
            self._end()
            raise
        self.url = url
        self._about["device"] = BOARDS[name]

    def cue(self, text: str) -> None:
        """Ask the face for an expression."""
        self._face.cue(text)

    def describe(self) -> dict[str, Any]:
        """Return what is known of the device."""
        face = self._face
        return super().describe() | {
            "montage": list(zip(face.channels, face.muscle, face.side, strict=True)),
            "units": "V",
            "units_per_count": VOLTS / STEPS,
            "signal_kind": face.signal_kind,
            "gain": face.gain,
            "truth": self._movements(),
        }

    def close(self) -> None:
        """Give the port back, and end the board."""
        super().close()
        self._end()

    def _end(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._emulator.close()
        self._feeder.join()
        os.close(self._pipe)

    def _feed(self, rate: float) -> None:
        """Keep the pins supplied, a little ahead of time and no more: a cue must be seen soon."""
        begin, given = time.monotonic(), 0
        with contextlib.suppress(OSError):  # the emulator is gone
            while not self._closed.wait(0.01):
                due = int((time.monotonic() - begin + AHEAD) * rate) - given
                left = memoryview(self._face.read(due).astype("<u2").tobytes())
                while left:
                    left = left[os.write(self._pipe, left) :]
                given += due

    def _movements(self) -> dict[str, list[Any]]:
        """Return the face's own account on the board's clock: seconds since its scan 0."""
        columns = self._face.movements()
        if self._closed.is_set():
            return {}
        begun = self._emulator.report().get("stream_cycle", 0.0)
        if not begun:
            return {}
        speed = 1 + self._drift / 1e6
        for key in ("onset", "apex", "offset"):
            columns[key] = [time * speed - begun / CLOCK for time in columns[key]]
        return columns
