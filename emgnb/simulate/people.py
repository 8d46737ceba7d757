"""Who sits there: how people differ, and what changes when electrodes are taken off and put back.

A `Difficulty` says how much people differ; a `Person` is one draw from it, with the muscles'
strengths, the habits of the face and the gains of the skin; a `Wearing` is one placing of the
electrodes on that person. Electrodes sit at points of a face in millimetres, and a muscle reaches
an electrode at distance d with (1 + (d / 14 mm)²)^(-3/2), the fall-off of a current dipole that
lies 14 mm deep. So crosstalk, and how it changes with placement, follow from geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb import facs
from emgnb.simulate.muscles import VOICES

Array = npt.NDArray[np.float64]

DEPTH_MM = 14.0

# (lateral, up) in mm from the bridge of the nose, on the left half of the face.
PLACES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "frontalis_medialis": (14.0, 45.0),
        "frontalis_lateralis": (40.0, 42.0),
        "corrugator": (20.0, 22.0),
        "orbicularis_oculi": (34.0, -8.0),
        "levator_labii": (14.0, -20.0),
        "zygomaticus_minor": (26.0, -24.0),
        "zygomaticus_major": (42.0, -36.0),
        "buccinator": (38.0, -52.0),
        "depressor_anguli_oris": (26.0, -70.0),
        "mentalis": (0.0, -80.0),
        "orbicularis_oris": (14.0, -54.0),
        "platysma": (46.0, -90.0),
        "masseter": (62.0, -48.0),
    }
)
EYE = (30.0, 8.0)


@dataclass(frozen=True)
class Source:
    """One muscle on one side: what pulls."""

    muscle: str
    side: str


SOURCES: tuple[Source, ...] = tuple(
    Source(name, side)
    for name, muscle in facs.MUSCLES.items()
    for side in (("midline",) if muscle.midline else ("left", "right"))
)
_INDEX = {(source.muscle, source.side): i for i, source in enumerate(SOURCES)}

# What a unit pulls beside its own muscle, as a share of its own.
_SYNERGY: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "1": {"frontalis_lateralis": 0.3},
        "2": {"frontalis_medialis": 0.3},
        "9": {"zygomaticus_minor": 0.3, "corrugator": 0.15},
        "10": {"zygomaticus_minor": 0.4},
        "12": {"zygomaticus_minor": 0.4},
        "15": {"platysma": 0.2},
        "18": {"mentalis": 0.15},
        "24": {"mentalis": 0.2},
    }
)
# Units people mix into what they were asked for, without being asked.
_UNASKED = ("1", "4", "6", "7", "9", "10", "12", "14", "15", "17", "20", "24", "31")


@dataclass(frozen=True)
class Difficulty:
    """How much people, sessions and trials differ; spreads are standard deviations.

    Accuracy in per cent of LDA on log-RMS, windows of 200 ms, seven expressions (chance 14), within
    a person / across two wearings / on a person left out / the same standardised within person:
    "easy" 100 / 100 / 99 / 99, "field" 96 / 84 / 71 / 85, "hard" 82 / 50 / 50 / 70. The field
    itself: 96 and, left out, 67 (Kolodziej 2024); 88 and, re-worn, 79 (Cha & Im 2023).

    Parameters
    ----------
    gain_spread : of ln(electrode gain) between people
    placement_mm : of an electrode's place between people
    rewear_gain, rewear_mm : the same between two wearings by one person
    habit_spread : of ln(effort) of each unit in each expression, between people
    coactivation : chance that a person mixes a given unasked unit into an expression, always
    asymmetry : of ln(left / right)
    trial_spread : of ln(effort) between trials of a person
    sloppy, failed : share of trials performed weakly; not at all, or as another expression
    fidgets_per_minute : movements nobody asked for
    artefacts : factor on mains, wander, motion and heart-beat; 1 is an ordinary classroom
    """

    gain_spread: float
    placement_mm: float
    rewear_gain: float
    rewear_mm: float
    habit_spread: float
    coactivation: float
    asymmetry: float
    trial_spread: float
    sloppy: float
    failed: float
    fidgets_per_minute: float
    artefacts: float


DIFFICULTIES: Mapping[str, Difficulty] = MappingProxyType(
    {
        "easy": Difficulty(
            gain_spread=0.15,
            placement_mm=1.5,
            rewear_gain=0.05,
            rewear_mm=0.7,
            habit_spread=0.15,
            coactivation=0.02,
            asymmetry=0.1,
            trial_spread=0.12,
            sloppy=0.0,
            failed=0.0,
            fidgets_per_minute=0.0,
            artefacts=0.3,
        ),
        "field": Difficulty(
            gain_spread=0.55,
            placement_mm=5.0,
            rewear_gain=0.15,
            rewear_mm=1.6,
            habit_spread=0.6,
            coactivation=0.2,
            asymmetry=0.25,
            trial_spread=0.25,
            sloppy=0.06,
            failed=0.02,
            fidgets_per_minute=1.0,
            artefacts=1.0,
        ),
        "hard": Difficulty(
            gain_spread=0.7,
            placement_mm=6.0,
            rewear_gain=0.25,
            rewear_mm=2.5,
            habit_spread=0.7,
            coactivation=0.25,
            asymmetry=0.4,
            trial_spread=0.4,
            sloppy=0.15,
            failed=0.06,
            fidgets_per_minute=3.0,
            artefacts=2.0,
        ),
    }
)


def difficulty_of(difficulty: str | Difficulty) -> Difficulty:
    """Look a preset up by name; a `Difficulty` passes."""
    if isinstance(difficulty, Difficulty):
        return difficulty
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r} is none of: {', '.join(DIFFICULTIES)}")
    return DIFFICULTIES[difficulty]


def generator(seed: int, *key: int) -> np.random.Generator:
    """Give the independent stream of random numbers that belongs to `key` under `seed`."""
    for number in (seed, *key):
        if number < 0:
            raise ValueError(f"seeds and numbers of people and sessions start at 0, not {number}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@dataclass(frozen=True)
class Person:
    """One face: strengths, habits and skin. Draw it with `Person.draw`.

    Parameters
    ----------
    mvc : (source,) uV RMS at maximum voluntary contraction, before electrode gain
    tone : (source,) uV RMS at rest
    pitch : factor on the muscles' spectra
    gain : (source,) gain of skin and electrode over each muscle
    offset : (source, 2) mm, where this person's muscles lie beside `PLACES`
    left : (source,) factor of asymmetry on each source
    effort : expression → unit → fraction of MVC, the unasked units included
    reaction, rise, fall : s, medians of this person
    """

    difficulty: Difficulty
    mvc: Array
    tone: Array
    pitch: float
    gain: Array
    offset: Array
    left: Array
    effort: Mapping[str, Mapping[str, float]]
    reaction: float
    rise: float
    fall: float

    @classmethod
    def draw(cls, participant: int, *, seed: int, difficulty: Difficulty) -> Person:
        """Draw person number `participant` of the world `seed`."""
        rng = generator(seed, 1, participant)
        count = len(SOURCES)
        typical = np.array([VOICES[source.muscle].mvc for source in SOURCES])
        # Both halves of a face belong to one person: they share most of what is drawn.
        mvc = typical * _pairwise(rng, 0.6 * difficulty.habit_spread, 0.1)
        gain = _pairwise(rng, difficulty.gain_spread, 0.3 * difficulty.gain_spread)
        return cls(
            difficulty=difficulty,
            mvc=np.clip(mvc, 100.0, 400.0),
            tone=np.clip(1.3 * _pairwise(rng, 0.25, 0.1), 0.8, 2.2),
            pitch=float(np.clip(np.exp(0.04 * rng.standard_normal()), 0.92, 1.08)),
            gain=np.clip(gain, 0.25, 4.0),
            offset=difficulty.placement_mm * rng.standard_normal((count, 2)),
            left=np.exp(0.5 * difficulty.asymmetry * rng.standard_normal(count)),
            effort=_habits(rng, difficulty),
            reaction=float(np.clip(0.28 * np.exp(0.15 * rng.standard_normal()), 0.2, 0.45)),
            rise=float(0.16 * np.exp(0.25 * rng.standard_normal())),
            fall=float(0.22 * np.exp(0.25 * rng.standard_normal())),
        )


def _pairwise(rng: np.random.Generator, spread: float, own: float) -> Array:
    shared = {name: rng.standard_normal() for name in facs.MUSCLES}
    both = np.array([shared[source.muscle] for source in SOURCES])
    return np.asarray(np.exp(spread * both + own * rng.standard_normal(len(SOURCES))))


def _habits(rng: np.random.Generator, difficulty: Difficulty) -> Mapping[str, Mapping[str, float]]:
    habits: dict[str, Mapping[str, float]] = {}
    for name, expression in facs.EXPRESSIONS.items():
        asked = {unit.lstrip("LR") for unit in expression.aus}
        liveliness = 0.5 * difficulty.habit_spread * rng.standard_normal()
        effort = {
            unit: facs.intensity_fraction(letter)
            * float(np.exp(liveliness + 0.85 * difficulty.habit_spread * rng.standard_normal()))
            for unit, letter in expression.aus.items()
        }
        # Drawn for every unit, taken or not, so that a person stays who he is when one knob moves.
        chance = rng.random(len(_UNASKED))
        share = rng.uniform(0.03, 0.16, len(_UNASKED))
        if asked:
            effort |= {
                unit: float(share[i])
                for i, unit in enumerate(_UNASKED)
                if unit not in asked and chance[i] < difficulty.coactivation
            }
        habits[name] = MappingProxyType({u: min(max(x, 0.01), 1.0) for u, x in effort.items()})
    return MappingProxyType(habits)


def pull(unit: str, side: str) -> Array:
    """Give how strongly an action unit pulls each source, (source,) relative to its own muscle.

    `side` is "L", "R" or "B". A unit that no surface electrode reaches pulls nothing.
    """
    out = np.zeros(len(SOURCES))
    shares = {facs.AUS[unit].muscle: 1.0, **_SYNERGY.get(unit, {})}
    halves = {"L": ("left",), "R": ("right",)}.get(side, ("left", "right"))
    for muscle, share in shares.items():
        for half in (*halves, "midline"):
            if (muscle, half) in _INDEX:
                out[_INDEX[muscle, half]] = share
    return out


@dataclass(frozen=True)
class Wearing:
    """One placing of the electrodes: what each channel sees of each muscle.

    Parameters
    ----------
    mixing : (channel, source): crosstalk, placement and gain; 1 is a well placed average electrode
    contact : (channel,) factor on mains and motion; a worse contact has more
    place : (channel, 2) mm
    """

    mixing: Array
    contact: Array
    place: Array

    @classmethod
    def draw(
        cls, person: Person, montage: Sequence[facs.Site], *, seed: int, key: tuple[int, int]
    ) -> Wearing:
        """Put electrodes on `person`; `key` is (participant, session)."""
        rng = generator(seed, 2, *key)
        difficulty = person.difficulty
        # Drawn for the whole face, then chosen: a montage of fewer channels sees the same face.
        shift = difficulty.rewear_mm * rng.standard_normal((len(SOURCES), 2))
        regain = np.exp(difficulty.rewear_gain * rng.standard_normal(len(SOURCES)))
        contact = np.exp(0.5 * rng.standard_normal(len(SOURCES)))
        rows = np.array([_INDEX[site.muscle, site.side] for site in montage])
        muscles = np.array([_place(source) for source in SOURCES])
        # `offset` is where the muscle lies; whoever places electrodes goes by the landmarks.
        place = muscles[rows] + shift[rows]
        distance2 = np.square(place[:, None, :] - (muscles + person.offset)[None, :, :]).sum(-1)
        reach = (1.0 + distance2 / DEPTH_MM**2) ** -1.5
        gain = person.gain[rows] * regain[rows]
        return cls(mixing=reach * gain[:, None], contact=contact[rows], place=place)


def _place(source: Source) -> tuple[float, float]:
    x, y = PLACES[source.muscle]
    return (-x if source.side == "right" else x, y)


def as_montage(montage: Sequence[Any]) -> tuple[facs.Site, ...]:
    """Take sites, or (channel, muscle, side), as a montage.

    Raises
    ------
    ValueError : empty, a muscle or side the simulated face has not, a channel name twice
    """
    sites: list[facs.Site] = []
    faults: list[str] = []
    for item in montage:
        if not isinstance(item, facs.Site) and not (
            isinstance(item, tuple | list) and len(item) == 3
        ):
            faults.append(f"{item!r} is neither a site nor (channel, muscle, side)")
            continue
        site = item if isinstance(item, facs.Site) else facs.Site(*item)
        sites.append(site)
        if (site.muscle, site.side) not in _INDEX:
            faults.append(f"{site.channel}: no muscle {site.muscle!r} on side {site.side!r}")
    names = [site.channel for site in sites]
    faults += [f"{name}: twice" for name in sorted(set(names)) if names.count(name) > 1]
    if not sites or faults:
        raise ValueError(
            "the simulated face cannot wear this montage: "
            + ("; ".join(faults) or "it has no channel")
            + f". Muscles: {', '.join(facs.MUSCLES)}; sides left, right (mentalis: midline)."
        )
    return tuple(sites)
