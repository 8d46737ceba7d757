"""Faces behind a converter, models trained on them, and journals of them, without waiting."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from emgnb import filters, labels, live, models, recording, windows
from emgnb.acquire.journal import JournalWriter, Kind
from emgnb.acquire.wire.frames import Encoder
from emgnb.simulate.live import LiveFace

# It settles within 50 ms.
CHAIN = filters.Chain(filters.BandPass(20, 400))
CUES = ("smile", "rest", "frown", "rest")


def face(**options: object) -> LiveFace:
    return LiveFace(seed=90_007, difficulty="easy", **options)


def counts(made: LiveFace, seconds: float, cues: Iterable[str] = ()) -> np.ndarray:
    """Scans in counts; a cue every 2 s."""
    parts = []
    for cue in cues:
        made.cue(cue)
        parts.append(made.read(round(2 * made.rate)))
    left = round(seconds * made.rate) - sum(map(len, parts))
    return np.concatenate([*parts, made.read(max(left, 0))])


def session(**options: object) -> xr.DataTree:
    """16 s in which a face does what `CUES` ask twice, as a recorder of `sim://` would store it."""
    made = face(**options)
    cues = ("rest", *CUES, *CUES)
    values = counts(made, 2.0 * len(cues), cues)
    signal = recording.signal(
        values * made.volts_per_count,
        rate=made.rate,
        units="V",
        channel=made.channels,
        muscle=made.muscle,
        side=made.side,
        signal_kind=made.signal_kind,
        gain=made.gain,
        nominal_rate=made.rate,
    )
    times = 2.0 * np.arange(len(cues))
    return recording.make(signal, markers=recording.markers(times, list(cues)), participant="P1")


def lda(features: str = "hudgins", **options: object) -> models.Classifier:
    return trained(session(**options), features)


def trained(known: xr.DataTree, features: str = "hudgins") -> models.Classifier:
    cut = windows.cut(CHAIN.causal(recording.emg(known)), labels.trials(known))
    return models.fit(cut, features=features)


def levels(**options: object) -> live.Proportional:
    return live.proportional(session(**options))


def described(made: LiveFace, **about: object) -> dict[str, object]:
    """Return what a recorder notes of a board."""
    return {
        "rate": made.rate,
        "montage": list(zip(made.channels, made.muscle, made.side, strict=True)),
        "units": "V",
        "units_per_count": made.volts_per_count,
        "gain": made.gain,
        **about,
    }


def journal(
    folder: Path,
    made: LiveFace,
    values: np.ndarray,
    *,
    lost: Iterable[int] = (),
    unplugged: tuple[int, int] | None = None,
    chunk: int = 10,
    about: dict[str, object] | None = None,
) -> Path:
    """Write a journal of frames: some scans lost, and some while the cable was out."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, missing = Encoder(values.shape[1]), set(lost)
    describe = described(made, **(about or {}))
    writer = JournalWriter(folder / "journal.emgj")
    writer.note(Kind.SETTINGS, {"dialect": "frames", "describe": describe}, 10**12)
    rng = np.random.default_rng(1)
    away = range(*unplugged) if unplugged else range(0)
    for first in range(0, len(values), chunk):
        at = 10**12 + round((first + chunk) / made.rate * 1e9) + int(rng.exponential(1e6))
        if first in away:
            continue
        if unplugged and first - chunk in away:
            writer.note(Kind.RECONNECT, {"describe": describe}, at)
        rows = [n for n in range(first, min(first + chunk, len(values))) if n not in missing]
        # The counter of a board begins again when it is plugged in.
        begin = unplugged[1] if unplugged and first >= unplugged[1] else 0
        data = b"".join(encoder.scans(n - begin, values[n : n + 1]) for n in rows)
        writer.raw(data, at, at)
    writer.close()
    return folder / "journal.emgj"
