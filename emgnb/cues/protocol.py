"""Define protocols of cued expressions, and store them as TOML files."""

from __future__ import annotations

import json
import os
import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from emgnb import facs
from emgnb._vocabulary import MVC, PRACTICE, TRIAL, marker
from emgnb.cues.markers import BASELINE, opens_trial

ORDERS = ("shuffled", "as written")
# Maximum duration of a phase (s), so that a typing error cannot hold a participant for an hour.
LONGEST = 600.0


@dataclass(frozen=True)
class Prompt:
    """One step of a protocol.

    `kind` : "baseline", "mvc", "practice" or "trial"; `marker` is the text of the marker at its
    beginning
    `aus` : action unit → FACS intensity, as in `facs.EXPRESSIONS`; empty if unknown
    """

    kind: str
    name: str
    instruction: str
    aus: Mapping[str, str]
    countdown: float
    hold: float
    rest: float

    @property
    def marker(self) -> str:
        """Return the text of the marker at its beginning."""
        return marker(self.kind, self.name)


@dataclass(frozen=True)
class Protocol:
    """Protocol of cued expressions.

    Parameters
    ----------
    expressions : names in `facs.EXPRESSIONS`, or other names with an entry in `instructions`
    repetitions : trials of each expression
    countdown, hold, rest : s before, during and after the expression
    rest_jitter : s, maximum random extension of a rest, so that cues cannot be anticipated
    baseline : s of rest at the start, as a reference level; 0 for none
    mvc : expressions to perform once as strongly as possible before the trials
    practice : whether each expression is practised once before the trials, marked as practice
    order : "shuffled" (separately in each round of all expressions) or "as written"
    seed : seed of shuffling and jitter; the same seed gives the same protocol
    instructions : expression → instruction to the participant; overrides `facs.EXPRESSIONS`
    title : title for display

    Raises
    ------
    ValueError : an option is invalid; the message lists all faults

    Examples
    --------
    >>> from emgnb import cues
    >>> protocol = cues.Protocol(("smile", "frown"), repetitions=2, practice=False)
    >>> len(list(protocol.steps())) > 4
    True
    """

    expressions: tuple[str, ...] = ("neutral", "smile", "frown", "surprise")
    repetitions: int = 5
    countdown: float = 3.0
    hold: float = 3.0
    rest: float = 3.0
    rest_jitter: float = 1.0
    baseline: float = 10.0
    mvc: tuple[str, ...] = ()
    practice: bool = True
    order: str = "shuffled"
    seed: int = 0
    instructions: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        faults = list(self._shapes())
        if not faults:
            for name in ("expressions", "mvc"):
                object.__setattr__(self, name, tuple(getattr(self, name)))
            faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))

    def _shapes(self) -> Iterator[str]:
        """Yield faults in the types of lists and tables, such as a file may contain."""
        for name in ("expressions", "mvc"):
            given = getattr(self, name)
            if isinstance(given, str):
                yield f"{name}={given!r} is a single text; expected a list: [{given!r}]"
            elif not (isinstance(given, list | tuple) and all(isinstance(n, str) for n in given)):
                yield f"{name}={given!r}, expected a list of texts"
        said = self.instructions
        if not isinstance(said, Mapping) or not all(isinstance(v, str) for v in said.values()):
            yield f"instructions={said!r}, expected a table: expression = 'what to do'"

    def _faults(self) -> Iterator[str]:
        if not self.expressions:
            yield "expressions is empty; give at least one, such as 'smile'"
        for name in dict.fromkeys((*self.expressions, *self.mvc)):
            if not opens_trial(name.strip()):
                yield f"expression {name!r}: this word is a reserved marker; use another name"
            elif name not in facs.EXPRESSIONS and name not in self.instructions:
                yield (
                    f"expression {name!r}: not in the table "
                    f"({', '.join(facs.EXPRESSIONS)}). Give an instruction: "
                    f"instructions={{{name!r}: 'Raise …'}}"
                )
        twice = sorted({name for name in self.expressions if self.expressions.count(name) > 1})
        if twice:
            yield f"expressions: {', '.join(twice)} twice; name each once and set `repetitions`"
        if not (isinstance(self.repetitions, int) and 1 <= self.repetitions <= 1000):
            yield f"repetitions={self.repetitions!r}, expected a whole number 1 to 1000"
        for name, least in (
            ("countdown", 0.0),
            ("hold", 0.1),
            ("rest", 0.1),
            ("rest_jitter", 0.0),
            ("baseline", 0.0),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and least <= value <= LONGEST):
                yield f"{name}={value!r}, expected s, {least:g} to {LONGEST:g}"
        if self.order not in ORDERS:
            yield f"order={self.order!r}, expected one of {', '.join(map(repr, ORDERS))}"

    def steps(self) -> tuple[Prompt, ...]:
        """Return all steps in order; the same at each call."""
        chance = random.Random(self.seed)
        found: list[Prompt] = []
        if self.baseline:
            found.append(
                Prompt(
                    BASELINE,
                    BASELINE,
                    "Sit still, look ahead and relax your face.",
                    {},
                    self.countdown,
                    self.baseline,
                    self.rest,
                )
            )
        found += [self._step(MVC, name, chance) for name in self.mvc]
        if self.practice:
            found += [self._step(PRACTICE, name, chance) for name in self.expressions]
        for _ in range(self.repetitions):
            round_ = list(self.expressions)
            if self.order == "shuffled":
                chance.shuffle(round_)
            found += [self._step(TRIAL, name, chance) for name in round_]
        return tuple(found)

    def _step(self, kind: str, name: str, chance: random.Random) -> Prompt:
        known = facs.EXPRESSIONS.get(name)
        said = self.instructions.get(name) or (known.instruction if known else "")
        aus = known.aus if known else {}
        if kind == MVC:
            said = f"As strongly as you can: {said[0].lower()}{said[1:]}"
            aus = dict.fromkeys(aus, "E")
        rest = self.rest + chance.uniform(0.0, self.rest_jitter)
        return Prompt(kind, name, said, aus, self.countdown, self.hold, rest)

    @property
    def duration(self) -> float:
        """Return the total duration in s, without pauses and repeated trials."""
        return sum(step.countdown + step.hold + step.rest for step in self.steps())

    def to_toml(self) -> str:
        """Return the protocol as TOML, one option per line."""
        options = asdict(self)
        instructions = options.pop("instructions")
        lines = [f"{name} = {_toml(value)}" for name, value in options.items()]
        if instructions:
            lines += ["", "[instructions]"]
            lines += [f"{_toml(name)} = {_toml(said)}" for name, said in instructions.items()]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Parse a protocol in TOML; missing options get their defaults.

        Raises
        ------
        ValueError : not TOML, or an unknown or invalid option
        """
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(
                f"not a protocol: {error}. See Protocol().to_toml() for an example"
            ) from None
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise ValueError(f"no option {', '.join(unknown)}; there are {', '.join(known)}")
        return cls(**found)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the protocol to a new file.

        Raises
        ------
        FileExistsError : `path` exists
        """
        # Imported here because it loads Zarr, which only this method needs.
        from emgnb import recording

        with recording.atomic_path(path) as beside:
            beside.write_text(self.to_toml(), encoding="utf-8")
        return Path(path)


def _toml(value: object) -> str:
    """Format a string, a number, or a list of strings; TOML and JSON differ in one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load(path: str | os.PathLike[str]) -> Protocol:
    """Read a protocol from a file.

    Raises
    ------
    FileNotFoundError, ValueError : `path` does not exist, or is not a protocol; the message lists
        the faults of the file
    """
    try:
        return Protocol.from_toml(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def scaled(protocol: Protocol, factor: float) -> Protocol:
    """Return the protocol with all durations multiplied by `factor`, for example for a preview.

    Examples
    --------
    >>> from emgnb import cues
    >>> cues.scaled(cues.Protocol(("smile",), hold=3.0), 0.5).hold
    1.5
    """
    times = ("countdown", "hold", "rest", "rest_jitter", "baseline")
    return replace(protocol, **{name: getattr(protocol, name) * factor for name in times})
