"""An hour of live decoding, faster than real time: nothing is lost, nothing drifts or grows."""

from __future__ import annotations

import gc
import sys
from array import array
from pathlib import Path

import decoders
import numpy as np
import pytest

from emgnb import live
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.wire.frames import Encoder
from emgnb.live import _log
from emgnb.live._source import Journal

CHUNK = 0.02  # s from one read of the port to the next
BEGUN = 10**12


class Board:
    """A face whose scans arrive as a port delivers them: some ms late, by a clock 0.8 % slow."""

    def __init__(self, rate: float, channels: int) -> None:
        self.made = decoders.face(rate=rate, channels=channels)
        self.size = round(CHUNK * rate)
        self.sent, self.now = 0, BEGUN
        self._counts = decoders.counts(self.made, 16.0, decoders.CUES * 2)
        self._encoder, self._rng = Encoder(channels), np.random.default_rng(3)

    def chunk(self) -> bytes:
        first, self.sent = self.sent, self.sent + self.size
        late = self._rng.exponential(0.001)
        arrival = BEGUN + round(((self.sent - 1) / (0.992 * self.made.rate) + late) * 1e9)
        self.now = max(self.now, arrival)
        rows = np.arange(first, self.sent) % len(self._counts)
        return self._encoder.scans(first, self._counts[rows])


class Run:
    """A decoder, and a count of what it gives and of what is read from its file."""

    def __init__(self, decoder: live.Decoder, file: Path) -> None:
        self.decoder = decoder
        self.writer, self.reader = _log.Writer(file), _log.Reader(file)
        self.delays, self.gaps, self.next, self.read = array("d"), 0, 0, 0

    def push(self, *scans: np.ndarray) -> None:
        outputs = self.decoder.push(*scans)
        for output in outputs:
            assert output.number == self.next
            self.next += 1
            self.gaps += output.kind == "gap"
            self.delays.append(output.delay)
        self.writer.write(outputs)

    def look(self) -> None:
        self.read += len(self.reader.new())


@pytest.mark.parametrize(
    ("channels", "rate", "seconds"),
    [
        (8, 2000.0, 30),
        pytest.param(8, 2000.0, 3600, marks=pytest.mark.soak),
        pytest.param(16, 1000.0, 3600, marks=pytest.mark.soak),
    ],
)
def test_decoding_loses_nothing_and_neither_drifts_nor_grows(tmp_path, channels, rate, seconds):
    known = decoders.session(rate=rate, channels=channels)
    lda, levels = decoders.trained(known), live.proportional(known)
    board = Board(rate, channels)
    writer = JournalWriter(tmp_path / "journal.emgj")
    about = {"dialect": "frames", "describe": decoders.described(board.made)}
    writer.note(Kind.SETTINGS, about, BEGUN)
    source, runs, held = Journal(tmp_path, lda), [], []
    chunks = round(seconds / CHUNK)
    for k in range(chunks):
        writer.raw(board.chunk(), board.now, board.now)
        scans = source.read()
        if not runs:
            runs = [
                Run(
                    live.Decoder(model, source.like, clock=lambda: board.now), tmp_path / f"{n}.log"
                )
                for n, model in enumerate((lda, levels))
            ]
        for run in runs:
            run.push(*scans)
            if k % 50 == 49 or k == chunks - 1:
                run.look()
        if k in (chunks // 2, chunks - 1):
            gc.collect()
            held.append(sys.getallocatedblocks())
    source.close()
    writer.close()
    for run in runs:
        run.writer.close()
        decoder, count = run.decoder, len(run.delays)
        expected = (board.sent / rate - decoder.settling) * decoder.stream.rate
        assert abs(count - expected) <= 1
        assert (run.gaps, run.read) == (0, count)
        early, late = np.array(run.delays[: count // 4]), np.array(run.delays[-count // 4 :])
        assert min(run.delays) > -0.001
        assert max(run.delays) < 0.1
        assert abs(np.median(late) - np.median(early)) < 0.003
    # An object kept for each output or chunk would be some thousands in the short test.
    assert held[1] - held[0] < 800 + seconds
