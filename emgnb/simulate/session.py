"""Whole recordings of the simulated face, with the truth beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, recording
from emgnb.simulate.people import Difficulty, as_montage, difficulty_of
from emgnb.simulate.script import Act, as_script, protocol
from emgnb.simulate.sensors import Adc, Sensor, sensor_of
from emgnb.simulate.stream import Skin

# Scans computed at a time: large enough for numpy, small enough for the cache.
BLOCK = 16384
TAIL = 1.0


def face(
    *,
    participant: int = 0,
    session: int = 0,
    seed: int = 0,
    rate: float = 1000.0,
    duration: float | None = None,
    script: Iterable[Act | tuple[Any, ...]] | None = None,
    sensor: str | Sensor = "raw",
    adc_bits: int | None = None,
    montage: Sequence[Any] = facs.DEFAULT_MONTAGE,
    difficulty: str | Difficulty = "field",
    mains: float = 50.0,
    artefacts: float | None = None,
) -> xr.DataTree:
    """Record a simulated face, with exact truth.

    Parameters
    ----------
    participant, session : who (0, 1, …) and which wearing of the electrodes; the same numbers and
        seed give the same bytes
    seed : the world: other people, other days
    rate : Hz
    duration : s; by default as long as the script and a second, or with it alone, as many trials
        of the protocol as fit
    script : acts, or tuples (time, expression, duration[, intensity]), see `Act`; by default
        `protocol()`: seven expressions, four rounds of 2 s each, 1.75 s of rest between
    sensor : "raw", "v3", or a `RawSensor` or `V3Sensor` of your own
    adc_bits : give counts of an ADC with so many bits over 5 V, as an Arduino (10) does; None for
        a perfect recorder
    montage : sites (`facs.site`), or (channel, muscle, side)
    difficulty : "easy", "field", "hard", or a `Difficulty`: how much people and trials differ
    mains : 50 or 60 Hz; 0 for none
    artefacts : factor on mains, wander, motion and heart-beat in place of the difficulty's own

    Returns
    -------
    session tree: `emg/signal` in uV at the skin (raw), V (V3) or counts (with `adc_bits`);
    `markers` (cue texts, "rest", "end"); `labels/truth`, each action unit with onset, apex,
    offset (s), side, intensity and `fraction` of MVC, blinks (45) and fidgets included, units no
    electrode reaches, too; `truth/clean(time, channel)`, the muscles alone in uV at the skin

    Raises
    ------
    ValueError : unknown names, a montage or script that does not fit; all that is wrong with it
    """
    sites = as_montage(montage)
    # Bounds: below, a filter per muscle would alias; above, nobody samples EMG.
    if not 50.0 <= rate <= 50_000.0:
        raise ValueError(f"rate {rate} Hz is outside 50 to 50000 Hz")
    level = difficulty_of(difficulty)
    if artefacts is not None:
        level = replace(level, artefacts=artefacts)
    acts = _acts(script, duration, seed=_order_seed(seed, participant, session))
    if duration is None:
        duration = max((act.time + act.duration for act in acts), default=10.0) + TAIL
    scans = round(duration * rate)
    if scans < 2:
        raise ValueError(f"duration {duration} s holds {scans} scans at {rate} Hz: too short")
    skin = Skin(
        sites,
        rate=rate,
        participant=participant,
        session=session,
        seed=seed,
        difficulty=level,
        mains=mains,
    )
    markers = _perform(skin, acts, duration)
    chosen = sensor_of(sensor)
    direct = chosen.signal_kind == "raw" and adc_bits is None
    adc = None if adc_bits is None else Adc(adc_bits)
    stream = chosen.stream(rate, len(sites))
    values = np.empty((scans, len(sites)), dtype=np.float32)
    clean = np.empty_like(values)
    for first in range(0, scans, BLOCK):
        last = min(first + BLOCK, scans)
        seen, clean[first:last] = skin.push(last - first)
        if not direct:
            volts = stream.push(seen)
            seen = volts if adc is None else adc.counts(volts).astype(np.float64)
        values[first:last] = seen
    units = "uV" if direct else "V" if adc is None else "count"
    kind, gain = chosen.signal_kind, 1.0 if direct else chosen.gain
    attrs: dict[str, Any] = {} if adc is None else {"volts_per_count": adc.volts_per_count}
    tree = recording.make(
        _labelled(values, sites, rate, units, kind, gain),
        markers=markers,
        labels={"truth": skin.performer.truth(duration)},
        participant=f"P{participant + 1:02d}",
        session=str(session + 1),
        label_meaning="instructed",
        started=f"2026-01-{1 + session % 28:02d}T09:00:00Z",
        device=f"simulated face, {kind} sensor",
        firmware="",
        protocol="instructed expressions" if script is None else "script",
        seed=seed,
        difficulty=difficulty if isinstance(difficulty, str) else "custom",
        mains_hz=float(mains),
        **attrs,
    )
    truth = _labelled(clean, sites, rate, "uV", "raw", 1.0)
    tree["truth"] = xr.DataTree(truth.to_dataset(name="clean"))
    return tree


def study(
    people: int = 8, sessions: int = 1, *, seed: int = 0, **options: Any
) -> list[xr.DataTree]:
    """Record several people, each with the electrodes put on anew for each session.

    Parameters
    ----------
    people, sessions : how many of each
    seed : the world
    options : passed to `face`

    Returns
    -------
    sessions in order of person, then session
    """
    return [
        face(participant=who, session=day, seed=seed, **options)
        for who in range(people)
        for day in range(sessions)
    ]


def example() -> xr.DataTree:
    """Give a small session that is always the same, to start from without a recording."""
    return face(participant=0, seed=1, difficulty="field")


def _acts(
    script: Iterable[Act | tuple[Any, ...]] | None, duration: float | None, *, seed: int
) -> list[Act]:
    if script is not None:
        acts = as_script(script)
        late = [act for act in acts if duration is not None and act.time >= duration]
        if late:
            raise ValueError(
                f"{len(late)} acts of the script begin after its {duration} s, the first at "
                f"{late[0].time} s: give a longer duration, or none"
            )
        return acts
    if duration is None:
        return protocol(seed=seed)
    return [
        act
        for act in protocol(repetitions=int(duration // 20) + 1, seed=seed)
        if act.time + act.duration <= duration
    ]


def _order_seed(seed: int, participant: int, session: int) -> int:
    # Everyone gets an order of his own, or the order would be a clue that no real study gives.
    return (seed * 1009 + participant) * 1009 + session


def _perform(skin: Skin, acts: list[Act], duration: float) -> xr.Dataset:
    calls: list[tuple[float, str]] = []
    for act in acts:
        if act.cue:
            calls += [(act.time, act.expression), (act.time + act.duration, "rest")]
        else:
            skin.performer.act(act)
    # A rest cue that falls on the next act's cue is not said.
    cued = {act.time for act in acts if act.cue}
    said = sorted(c for c in calls if c[0] < duration and not (c[1] == "rest" and c[0] in cued))
    for time, text in said:
        skin.performer.cue(time, text)
    heard = [(0.0, "rest"), *said, (duration, "end")]
    return recording.markers([time for time, _ in heard], [text for _, text in heard])


def _labelled(
    values: npt.NDArray[np.float32],
    sites: Sequence[facs.Site],
    rate: float,
    units: str,
    kind: str,
    gain: float,
) -> xr.DataArray:
    return recording.signal(
        values,
        rate=rate,
        units=units,
        channel=[site.channel for site in sites],
        muscle=[site.muscle for site in sites],
        side=[site.side for site in sites],
        signal_kind=kind,
        gain=gain,
    )
