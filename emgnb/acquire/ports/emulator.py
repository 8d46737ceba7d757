"""Emulate an Arduino board that runs the unmodified firmware.

``emulator://mega?channels=8&rate=1000&face=smile&seed=1&sensor=v3`` is a Mega 2560 whose analogue
inputs receive the simulated face and whose UART is a pseudo-terminal; everything from there on,
including pyserial, is the same as with a real board. `Emulator` gives full control for tests: any
voltages at the pins, faults on command, and a log of every conversion to compare a recording with.
It is built by ``make emulator``, on Linux, from ``firmware/``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

import emgnb
from emgnb.acquire.ports._face import face
from emgnb.acquire.ports.port import CHANNELS, RATE, PortError, numbers
from emgnb.acquire.ports.serial import BAUD, SerialPort

BUILT = Path(emgnb.__file__).resolve().parents[1] / "firmware" / "build"
BOARDS = {"mega": "emulated Mega 2560", "uno": "emulated Uno"}
# Reference voltage (V) and number of codes of the converter.
VOLTS, STEPS = 5.0, 1024
# Record of the truth log; its kinds are the start of a scan, a missed one, the start of a stream.
RECORD = np.dtype([("cycle", "<u8"), ("code", "<u2"), ("channel", "u1"), ("kind", "u1")])
_TRIGGERED, _MISSED, _FIRST = 1, 2, 4
# Clock of the microcontroller (Hz).
CLOCK = 16e6
# Deviation of the simulated resonator, for realism: real ones are off by up to 0.5 %.
DRIFT_PPM = -1300
# Minimum sampling rate (Hz) of the face, and how far (s) it is sampled ahead of time.
FACE_RATE, AHEAD = 4000.0, 0.06


def missing() -> str:
    """Say why the emulator cannot run, "" if it can."""
    if not sys.platform.startswith("linux"):
        return "the emulated board runs on Linux only"
    if not (BUILT / "emulator").is_file() or not (BUILT / "mega.elf").is_file():
        return (
            "the emulated board is not built: in a checkout of emgnb run `make emulator`, which "
            "needs Debian's gcc-avr avr-libc arduino-core-avr libsimavr-dev libelf-dev"
        )
    return ""


class Emulator:
    """Run an emulated board in a separate process; it ends with this process, or by `close`.

    Parameters
    ----------
    sketch : "mega", "mega_1m" (1 000 000 baud), "uno"; "mega_anything" and "mega_1m_anything"
        accept any rate, to test rates that cannot be sustained
    link : a symbolic link to the pseudo-terminal, removed while unplugged
    fast : as fast as possible, waiting for the reader; else in real time
    drift_ppm : deviation of the board's clock from the computer's
    bootloader, junk : seconds from reset to the sketch, and random bytes sent meanwhile
    boot : a real bootloader's hex file instead, on a board without a sketch
    voltages : a file or pipe of what `as_voltages` returns, sampled at `voltage_rate` Hz, for
        `voltage_channels` pins; without one, noise that uses every code
    truth, log : files for every conversion (see `truth_of`), and for the commands executed
    seed : of noise and faults
    at : (seconds, command) to be executed at a time of the board's clock; the commands are
        "pulse PIN SECONDS" (10, 11, 12), "corrupt SHARE", "stall SECONDS", "reset", "hang",
        "unplug", "replug"

    Attributes
    ----------
    port : the pseudo-terminal, or the link to it

    Raises
    ------
    PortError : the emulator is not built, or ends at once
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
        boot: str | os.PathLike[str] | None = None,
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
        for option, place in (
            ("--link", link),
            ("--truth", truth),
            ("--log", log),
            ("--boot", boot),
        ):
            command += [] if place is None else [option, str(place)]
        for seconds, text in at:
            command += ["--at", f"{seconds}", text]
        if boot is None:
            command.append(str(BUILT / f"{sketch}.elf"))
        self._process = subprocess.Popen(
            command,
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
            raise PortError(f"the emulator ended immediately: {' '.join(command)}")
        self.port = terminal if link is None else str(link)

    def do(self, command: str) -> None:
        """Execute a command now; the commands are those of `at`."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")

    def report(self) -> dict[str, float]:
        """Return counts since the start.

        Returns
        -------
        cycles, ticks, conversions, resets; sent, delivered, lost, damaged (bytes); late_s (largest
        lag behind real time), seconds (real time since the start)
        """
        self.do("report")
        return self._report()

    def flash(self) -> bytes:
        """Return the whole flash memory, with the bootloader."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flash"
            self.do(f"flash {path}")
            self.report()
            return path.read_bytes()

    def close(self) -> dict[str, float]:
        """End the emulator; return the last `report`, empty if it had already ended."""
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
    """Encode (time, pin) volts for the emulator; the pin clips below 0 and above 5 V."""
    steps = np.floor(np.asarray(volts, dtype=np.float64) / VOLTS * 65536)
    return np.clip(steps, 0, 65535).astype("<u2").tobytes()


def truth_of(path: str | os.PathLike[str], channels: int) -> list[npt.NDArray[np.int32]]:
    """Read a truth log: the codes that the converter measured.

    Returns
    -------
    for each started stream, (tick of the timer, channel) codes; -1 without a conversion
    """
    found = np.fromfile(path, dtype=RECORD)
    streams = []
    for stream in np.split(found, np.flatnonzero(found["kind"] == _FIRST))[1:]:
        # A conversion is logged when it ends, a tick without one immediately.
        stream = stream[np.argsort(stream["cycle"], kind="stable")]
        begins = stream["kind"] == _TRIGGERED
        tick = np.cumsum(begins | (stream["kind"] == _MISSED)) - 1
        # A tick missed by the converter may occur within a scan.
        scan = np.maximum.accumulate(np.where(begins, tick, -1))
        seen = (stream["kind"] <= _TRIGGERED) & (stream["channel"] < channels) & (scan >= 0)
        codes = np.full((int(tick[-1]) + 1, channels), -1, dtype=np.int32)
        codes[scan[seen], stream["channel"][seen]] = stream["code"][seen]
        streams.append(codes)
    return streams


class EmulatedBoard(SerialPort):
    """An emulated board connected to the simulated face, in real time.

    Options: those of a serial port (baud, rate, channels), of the face (face = an expression or
    rest, sensor, seed, participant, session, difficulty, mains), and drift_ppm.
    """

    def __init__(self, url: str, name: str, options: dict[str, str]) -> None:
        if name not in BOARDS:
            raise PortError(f"port {url!r}: no board {name!r}; expected one of {', '.join(BOARDS)}")
        if problem := missing():
            raise PortError(f"port {url!r}: {problem}. Without it: sim://smile")
        words = {"face": "smile", "sensor": "raw", "difficulty": "field"}
        words |= {key: options.pop(key) for key in tuple(words) if key in options}
        found = numbers(
            url,
            options,
            words=words,
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
        sketch = _sketch(url, name, baud)
        rate = max(FACE_RATE, 2 * found["rate"])
        from emgnb.simulate.sensors import Adc

        try:
            adc = Adc(bits=16, reference=VOLTS)
            self._face = face(rate, found, words, words["face"], adc=adc)
        except ValueError as error:
            raise PortError(f"port {url!r}: {error}") from error
        self._start_emulator(sketch, rate, found)
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

    def _start_emulator(self, sketch: str, rate: float, found: dict[str, float]) -> None:
        """Start the emulator, and a thread that feeds it the voltages of the face."""
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

    def cue(self, text: str) -> None:
        """Cue the face to make an expression."""
        self._face.cue(text)

    def describe(self) -> dict[str, Any]:
        """Return the known properties of the device."""
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
        """Close the port and end the emulator."""
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
        """Write voltages only slightly ahead of time, so that a cue takes effect quickly."""
        begin, given = time.monotonic(), 0
        with contextlib.suppress(OSError):  # the emulator has ended
            while not self._closed.wait(0.01):
                due = int((time.monotonic() - begin + AHEAD) * rate) - given
                left = memoryview(self._face.read(due).astype("<u2").tobytes())
                while left:
                    left = left[os.write(self._pipe, left) :]
                given += due

    def _movements(self) -> dict[str, list[Any]]:
        """Return the face's ground truth on the board's clock: seconds since its scan 0."""
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


def _sketch(url: str, name: str, baud: int) -> str:
    """Return the name of the built sketch for a board at a baud rate."""
    sketch = {BAUD: name, 2 * BAUD: f"{name}_1m"}.get(baud, "")
    if not (BUILT / f"{sketch}.elf").is_file():
        raise PortError(
            f"port {url!r}: the sketch for {name} is not built for {baud} baud; it is for "
            f"{BAUD}" + (f" and {2 * BAUD}" if name == "mega" else "")
        )
    return sketch
