"""Simulate differences between people and between electrode placements.

A `Difficulty` defines how much people differ. A `Person` is one draw from it, with muscle
strengths, habits and skin gains. A `Placement` is one set of electrodes on that person. Electrodes
have positions on the face in millimetres. The signal of a muscle at distance d from an electrode is
scaled by (1 + (d / 14 mm)²)^(-3/2), the attenuation of a current dipole at a depth of 14 mm. So
crosstalk and its dependence on placement follow from geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from emgnb import facs
from emgnb._arrays import Floats
from emgnb.simulate._anatomy import COMPANIONS, compatible
from emgnb.simulate.muscles import VOICES

# Depth of the current dipole (mm).
DEPTH_MM = 14.0

# Muscle positions on the left half of the face: (lateral, up) from the bridge of the nose (mm).
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
# Position of the left eye (mm).
EYE = (30.0, 8.0)


@dataclass(frozen=True)
class Source:
    """Muscle on one side of the face."""

    muscle: str
    side: str


SOURCES: tuple[Source, ...] = tuple(
    Source(name, side)
    for name, muscle in facs.MUSCLES.items()
    for side in (("midline",) if muscle.midline else ("left", "right"))
)
_INDEX = {(source.muscle, source.side): i for i, source in enumerate(SOURCES)}

# Other muscles that a unit activates, relative to its main muscle.
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
# Maximum number of units that a person adds to an instructed expression.
MOST_UNASKED = 3
# Maximum strength of an added unit (fraction of MVC; still "slight").
UNASKED_LIMIT = 0.16
# Maximum strength of an added unit (fraction of the strongest instructed unit).
UNASKED_SHARE = 0.7


@dataclass(frozen=True)
class Difficulty:
    """Variation between people, sessions and trials; spreads are standard deviations.

    Accuracy in per cent of LDA on log-RMS with windows of 200 ms and seven expressions (chance 14):
    within a person / across two electrode placements / on a left-out person / on a left-out person
    after standardisation within persons: "easy" 100 / 98 / 100 / 100, "field" 95 / 87 / 72 / 88,
    "hard" 89 / 42 / 59 / 73. Published accuracies: 96, and 67 on a left-out person (Kolodziej
    2024); 88, and 79 after replacing the electrodes (Cha & Im 2023).

    Parameters
    ----------
    gain_spread : spread of ln(electrode gain) between people
    placement_mm : spread of the electrode position between people
    rewear_gain, rewear_mm : the same between two electrode placements on one person
    habit_spread : spread of ln(effort) of each unit in each expression, between people
    coactivation : probability that a person always adds a given companion unit
        (`_anatomy.COMPANIONS`) to an expression
    asymmetry : spread of ln(left / right)
    trial_spread : spread of ln(effort) between trials of a person
    sloppy, failed : fraction of trials performed weakly; and not at all or as another expression
    fidgets_per_minute : rate of spontaneous movements
    artefacts : scale of mains, wander, motion and heartbeat; 1 is an ordinary classroom
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
            coactivation=0.3,
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
            coactivation=0.35,
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
    """Return a preset by name; a `Difficulty` is returned unchanged."""
    if isinstance(difficulty, Difficulty):
        return difficulty
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r} is not one of: {', '.join(DIFFICULTIES)}")
    return DIFFICULTIES[difficulty]


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return an independent random generator for `seed` and `key`."""
    for number in (seed, *key):
        if number < 0:
            raise ValueError(f"seeds and numbers of people and sessions start at 0, not {number}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@dataclass(frozen=True)
class Person:
    """Simulated person: strengths, habits and skin. Created by `Person.draw`.

    Parameters
    ----------
    mvc : (source,) uV RMS at maximum voluntary contraction, before electrode gain
    tone : (source,) uV RMS at rest
    pitch : factor on the muscles' spectra
    gain : (source,) gain of skin and electrode over each muscle
    offset : (source, 2) mm, deviation of this person's muscles from `PLACES`
    left : (source,) asymmetry factor of each source
    effort : expression → unit → fraction of MVC, including added units
    reaction, rise, fall : s, medians of this person
    """

    difficulty: Difficulty
    mvc: Floats
    tone: Floats
    pitch: float
    gain: Floats
    offset: Floats
    left: Floats
    effort: Mapping[str, Mapping[str, float]]
    reaction: float
    rise: float
    fall: float

    @classmethod
    def draw(cls, participant: int, *, seed: int, difficulty: Difficulty) -> Person:
        """Draw person number `participant` of the simulation `seed`."""
        rng = generator(seed, 1, participant)
        count = len(SOURCES)
        typical = np.array([VOICES[source.muscle].mvc for source in SOURCES])
        # Both halves of a face share most of the variation.
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


def _pairwise(rng: np.random.Generator, spread: float, own: float) -> Floats:
    shared = {name: rng.standard_normal() for name in facs.MUSCLES}
    both = np.array([shared[source.muscle] for source in SOURCES])
    return np.asarray(np.exp(spread * both + own * rng.standard_normal(len(SOURCES))))


def _habits(rng: np.random.Generator, difficulty: Difficulty) -> Mapping[str, Mapping[str, float]]:
    habits: dict[str, Mapping[str, float]] = {}
    for name, expression in facs.EXPRESSIONS.items():
        liveliness = 0.5 * difficulty.habit_spread * rng.standard_normal()
        effort = {
            unit: facs.intensity_fraction(letter)
            * float(np.exp(liveliness + 0.85 * difficulty.habit_spread * rng.standard_normal()))
            for unit, letter in expression.aus.items()
        }
        # Drawn for every unit, used or not, so that one setting does not change all other draws.
        companions = COMPANIONS[name]
        chance = dict(zip(companions, rng.random(len(companions)), strict=True))
        share = dict(zip(companions, rng.uniform(0.03, 0.16, len(companions)), strict=True))
        likely = sorted(
            (unit for unit in companions if chance[unit] < difficulty.coactivation),
            key=lambda unit: chance[unit],
        )
        asked = [unit.lstrip("LR") for unit in expression.aus]
        limit = UNASKED_SHARE * max(effort.values(), default=0.0)
        effort |= {
            unit: min(share[unit], limit) for unit in compatible(likely, asked, most=MOST_UNASKED)
        }
        habits[name] = MappingProxyType({u: min(max(x, 0.01), 1.0) for u, x in effort.items()})
    return MappingProxyType(habits)


def pull(unit: str, side: str) -> Floats:
    """Return the activation of each source by an action unit, (source,), 1 for its main muscle.

    `side` is "L", "R" or "" for both. A unit that surface electrodes cannot measure has no
    activation.
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
class Placement:
    """Electrode placement: weight of each muscle in each channel.

    Parameters
    ----------
    mixing : (channel, source) crosstalk, placement and gain; 1 for a well-placed average electrode
    contact : (channel,) factor on mains and motion; higher for worse contact
    place : (channel, 2) mm
    """

    mixing: Floats
    contact: Floats
    place: Floats

    @classmethod
    def draw(
        cls, person: Person, montage: Sequence[facs.Site], *, seed: int, key: tuple[int, int]
    ) -> Placement:
        """Draw an electrode placement on `person`; `key` is (participant, session)."""
        rng = generator(seed, 2, *key)
        difficulty = person.difficulty
        # Drawn for the whole face, then selected, so that the draws do not depend on the montage.
        shift = difficulty.rewear_mm * rng.standard_normal((len(SOURCES), 2))
        regain = np.exp(difficulty.rewear_gain * rng.standard_normal(len(SOURCES)))
        contact = np.exp(0.5 * rng.standard_normal(len(SOURCES)))
        rows = np.array([_INDEX[site.muscle, site.side] for site in montage])
        muscles = np.array([_place(source) for source in SOURCES])
        # Electrodes are placed by landmarks; `offset` moves the muscles.
        place = muscles[rows] + shift[rows]
        distance2 = np.square(place[:, None, :] - (muscles + person.offset)[None, :, :]).sum(-1)
        reach = (1.0 + distance2 / DEPTH_MM**2) ** -1.5
        gain = person.gain[rows] * regain[rows]
        return cls(mixing=reach * gain[:, None], contact=contact[rows], place=place)


def _place(source: Source) -> tuple[float, float]:
    x, y = PLACES[source.muscle]
    return (-x if source.side == "right" else x, y)


def as_montage(montage: Sequence[Any]) -> tuple[facs.Site, ...]:
    """Convert sites, or tuples (channel, muscle, side), to a montage.

    Raises
    ------
    ValueError : empty, unknown muscle or side, or duplicate channel names
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
            "the simulated face does not support this montage: "
            + ("; ".join(faults) or "it has no channel")
            + f". Muscles: {', '.join(facs.MUSCLES)}; sides left, right (mentalis: midline)."
        )
    return tuple(sites)
