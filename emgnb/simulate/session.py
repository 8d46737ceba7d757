"""Simulate whole sessions with ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import facs, recording
from emgnb._vocabulary import BASELINE, END
from emgnb.simulate._skin import Skin
from emgnb.simulate.people import Difficulty, as_montage, difficulty_of
from emgnb.simulate.script import Act, as_script, protocol
from emgnb.simulate.sensors import Adc, Sensor, sensor_of

# Scans computed at a time: large enough for NumPy, small enough for the CPU cache.
BLOCK = 16384
# Time recorded after the last act (s).
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
    """Simulate a session of one person, with exact ground truth.

    Parameters
    ----------
    participant, session : numbers (0, 1, …) of the person and of the electrode placement; the same
        numbers and seed give the same values
    seed : random seed of the simulation; another seed gives other people and sessions
    rate : Hz
    duration : s; by default the duration of the script plus 1 s. If given without a script, the
        protocol has as many trials as fit
    script : acts, or tuples (time, expression, duration[, intensity]), see `Act`; by default
        `protocol()`: 2 s of baseline, then four rounds of seven expressions of 2 s each with 1.75 s
        of rest in between
    sensor : "raw", "v3", or a custom `RawSensor` or `V3Sensor`
    adc_bits : resolution of an ADC over 5 V, for output in counts (10 bits on an Arduino); None for
        no quantisation
    montage : sites (`facs.site`), or tuples (channel, muscle, side)
    difficulty : "easy", "field", "hard", or a `Difficulty`: variation between people and trials
    mains : 50 or 60 Hz; 0 for none
    artefacts : scale of mains, wander, motion and heartbeat; overrides that of `difficulty`

    Returns
    -------
    Session with `emg/signal` in uV at the skin (raw), V (V3) or counts (with `adc_bits`);
    `markers` as in a protocol ("baseline", an expression, "end" …; see `emgnb.cues`), but none for
    acts without a cue; `labels/truth`, each action unit with onset, apex, offset (s), side,
    intensity and `fraction` of MVC, including blinks (45), spontaneous movements and units that no
    electrode measures; and `truth/clean(time, channel)`, the EMG without noise in uV at the skin

    Raises
    ------
    ValueError : unknown names, or an invalid montage, script, rate or duration

    Examples
    --------
    >>> from emgnb import simulate
    >>> session = simulate.face(script=[(1.0, "smile", 0.5)], duration=3, seed=1)
    >>> session["emg/signal"].sizes["channel"]
    8
    >>> sorted(set(session["labels/truth/au"].values.tolist()) - {"45"})
    ['12', '6']
    """
    sites = as_montage(montage)
    # Below 50 Hz the muscle filters would alias; above 50 kHz nobody samples EMG.
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
        raise ValueError(f"duration {duration} s gives {scans} scans at {rate} Hz: too short")
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
    """Simulate sessions of several people, with a new electrode placement for each session.

    Parameters
    ----------
    people, sessions : number of people, and of sessions per person
    seed : random seed of the simulation
    options : passed to `face`

    Returns
    -------
    Sessions, sorted by person and session

    Examples
    --------
    >>> from emgnb import simulate
    >>> sessions = simulate.study(people=2, sessions=2, duration=4)
    >>> [(each.attrs["participant"], each.attrs["session"]) for each in sessions]
    [('P01', '1'), ('P01', '2'), ('P02', '1'), ('P02', '2')]
    """
    return [
        face(participant=who, session=day, seed=seed, **options)
        for who in range(people)
        for day in range(sessions)
    ]


def example() -> xr.DataTree:
    """Return a small session for examples; it is always the same.

    Examples
    --------
    >>> from emgnb import simulate
    >>> sorted(set(simulate.example()["markers/text"].values.tolist()))
    ['baseline', 'disgust', 'end', 'frown', 'neutral', 'pucker', 'sad', 'smile', 'surprise']
    """
    return face(participant=0, seed=1, difficulty="field")


def _acts(
    script: Iterable[Act | tuple[Any, ...]] | None, duration: float | None, *, seed: int
) -> list[Act]:
    if script is not None:
        acts = as_script(script)
        late = [act for act in acts if duration is not None and act.time >= duration]
        if late:
            raise ValueError(
                f"{len(late)} acts of the script begin after its {duration} s, the first "
                f"at {late[0].time} s. Give a longer duration, or leave it out"
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
    # Each person has a separate order, as in real studies; otherwise the order would be a cue.
    return (seed * 1009 + participant) * 1009 + session


def _perform(skin: Skin, acts: list[Act], duration: float) -> xr.Dataset:
    calls: list[tuple[float, str]] = []
    for act in acts:
        if act.cue:
            calls += [(act.time, act.expression), (act.time + act.duration, END)]
        else:
            skin.performer.act(act)
    # No "end" marker if the next cue is at the same time.
    cued = {act.time for act in acts if act.cue}
    said = sorted(c for c in calls if c[0] < duration and not (c[1] == END and c[0] in cued))
    for time, text in said:
        skin.performer.cue(time, text)
    if said and said[0][0] > 0:
        said.insert(0, (0.0, BASELINE))
    return recording.markers([time for time, _ in said], [text for _, text in said])


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
