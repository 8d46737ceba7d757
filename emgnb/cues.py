"""A guided protocol: what a person is asked to do, when, and what is marked in the recording.

A `Protocol` is a small file (TOML) that anybody can read: which expressions, how often, how long.
`Run` walks through it beside a recording: a countdown, the expression held, a rest; a marker where
the holding begins (the expression's name) and one where it ends ("end"). A spoilt trial is marked
so and asked for again at the end. What is shown on a screen is somebody else's affair: `show` is
called with each new `Moment`.

Markers with a meaning of their own (`opens_trial` is False): "baseline" (rest at the start),
"practice …", "mvc …" (as strongly as possible, to measure by), "end", "pause", and "spoilt", which
takes the trial before it back.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from typing import Protocol as Shape

from emgnb import facs

ORDERS = ("shuffled", "as written")
BASELINE, END, PAUSE, SPOILT = "baseline", "end", "pause", "spoilt"
# Longest s of a phase; a typing slip must not hold a person for an hour.
LONGEST = 600.0


def opens_trial(text: str) -> bool:
    """Whether a marker is the name of an expression that is asked for, and no word about trials."""
    words = (BASELINE, END, PAUSE, SPOILT)
    return bool(text) and text not in words and not text.startswith(("mvc ", "practice "))


def taken_back(texts: Sequence[str]) -> list[int]:
    """Places of the markers that a "spoilt" after them takes back, whatever they ask for."""
    found, last = [], None
    for i, text in enumerate(texts):
        if text == SPOILT and last is not None:
            found.append(last)
            last = None
        elif text and text not in (END, PAUSE, SPOILT):
            last = i
    return found


class Recorder(Shape):
    """What a run needs of a recording; see `acquire.Recorder`."""

    def mark(self, text: str, *, uncertainty: float = 0.0) -> None:
        """Mark this moment, known to within `uncertainty` s."""


@dataclass(frozen=True)
class Step:
    """One thing asked for.

    `kind` : "baseline", "mvc", "practice" or "trial"; `marker` is the text at its beginning
    `aus` : action unit → FACS intensity, as in `facs.EXPRESSIONS`; empty where unknown
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
        """Text of the marker where it begins."""
        if self.kind == "trial":
            return self.name
        return self.kind if self.kind == BASELINE else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Protocol:
    """What is asked for, how often, and for how long.

    Parameters
    ----------
    expressions : names out of `facs.EXPRESSIONS`, or others with an entry in `instructions`
    repetitions : trials of each expression
    countdown, hold, rest : s before, of, and after the expression
    rest_jitter : s, greatest random lengthening of a rest, so that nobody moves ahead of the cue
    baseline : s of rest at the start, against which levels are measured; 0 for none
    mvc : expressions to make as strongly as possible before the trials, once each
    practice : each expression once before the trials, marked as practice
    order : "shuffled", anew in each round of all expressions, or "as written"
    seed : of shuffling and jitter; the same seed gives the same protocol
    instructions : expression → what to tell the person, in place of the table's sentence
    title : for people

    Raises
    ------
    ValueError : all faults in one message
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
        """Faults of what a file may hold in place of lists and tables."""
        for name in ("expressions", "mvc"):
            given = getattr(self, name)
            if isinstance(given, str):
                yield f"{name}={given!r} is one text; a list names each: [{given!r}]"
            elif not (isinstance(given, list | tuple) and all(isinstance(n, str) for n in given)):
                yield f"{name}={given!r}, expected a list of texts"
        said = self.instructions
        if not isinstance(said, Mapping) or not all(isinstance(v, str) for v in said.values()):
            yield f"instructions={said!r}, expected a table: expression = 'what to do'"

    def _faults(self) -> Iterator[str]:
        if not self.expressions:
            yield "expressions: none; name at least one, such as 'smile'"
        for name in dict.fromkeys((*self.expressions, *self.mvc)):
            if not opens_trial(name.strip()):
                yield f"expression {name!r}: this word has a meaning of its own among the markers"
            elif name not in facs.EXPRESSIONS and name not in self.instructions:
                yield (
                    f"expression {name!r}: not in the table ({', '.join(facs.EXPRESSIONS)}), so "
                    f"say what to do: instructions={{{name!r}: 'Raise …'}}"
                )
        twice = sorted({name for name in self.expressions if self.expressions.count(name) > 1})
        if twice:
            yield f"expressions: {', '.join(twice)} twice; `repetitions` says how often"
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

    def steps(self) -> tuple[Step, ...]:
        """Everything in the order in which it is asked for; the same at each call."""
        chance = random.Random(self.seed)
        found: list[Step] = []
        if self.baseline:
            found.append(
                Step(
                    BASELINE,
                    BASELINE,
                    "Sit still, look ahead, let your face hang loose.",
                    {},
                    self.countdown,
                    self.baseline,
                    self.rest,
                )
            )
        found += [self._step("mvc", name, chance) for name in self.mvc]
        if self.practice:
            found += [self._step("practice", name, chance) for name in self.expressions]
        for _ in range(self.repetitions):
            round_ = list(self.expressions)
            if self.order == "shuffled":
                chance.shuffle(round_)
            found += [self._step("trial", name, chance) for name in round_]
        return tuple(found)

    def _step(self, kind: str, name: str, chance: random.Random) -> Step:
        known = facs.EXPRESSIONS.get(name)
        said = self.instructions.get(name) or (known.instruction if known else "")
        aus = known.aus if known else {}
        if kind == "mvc":
            said = f"As strongly as you can: {said[0].lower()}{said[1:]}"
            aus = dict.fromkeys(aus, "E")
        rest = self.rest + chance.uniform(0.0, self.rest_jitter)
        return Step(kind, name, said, aus, self.countdown, self.hold, rest)

    @property
    def duration(self) -> float:
        """Seconds from the first countdown to the last rest, without pauses and repeats."""
        return sum(step.countdown + step.hold + step.rest for step in self.steps())

    def to_toml(self) -> str:
        """Write the protocol as a small file, a line an option."""
        options = asdict(self)
        instructions = options.pop("instructions")
        lines = [f"{name} = {_toml(value)}" for name, value in options.items()]
        if instructions:
            lines += ["", "[instructions]"]
            lines += [f"{_toml(name)} = {_toml(said)}" for name, said in instructions.items()]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read what `to_toml` or a person wrote; what is left out has its default.

        Raises
        ------
        ValueError : no TOML, an unknown option, or one that cannot be
        """
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"no protocol: {error}; Protocol().to_toml() shows one") from None
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise ValueError(f"no option {', '.join(unknown)}; there are {', '.join(known)}")
        return cls(**found)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the protocol into a new file.

        Raises
        ------
        FileExistsError : something is there already
        """
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(self.to_toml())
        return Path(path)


def _toml(value: object) -> str:
    """Write a text, a number, or a list of texts: JSON's form is TOML's, save for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load(path: str | os.PathLike[str]) -> Protocol:
    """Read a protocol from a file.

    Raises
    ------
    FileNotFoundError, ValueError : nothing there, or no protocol; says what is wrong in the file
    """
    try:
        return Protocol.from_toml(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


class Moment(NamedTuple):
    """What the person shall see now.

    `phase` : "ready" (before the start), "countdown", "hold", "rest", "paused", "over" or "failed"
    `seconds` : how long the phase lasts; 0 where that is open
    `number`, `of` : which step, from 1, and how many there are
    `problem` : what went wrong, in words
    """

    phase: str
    step: Step | None
    seconds: float
    number: int
    of: int
    problem: str = ""


class Run:
    """A protocol under way beside a recording, in a thread of its own.

    Parameters
    ----------
    protocol : what to ask for
    recorder : the recording that gets the markers; one that hears cues, like the simulated face,
        does what it is told
    show : called with each new `Moment`, from the run's thread
    uncertainty : how far off a marker may be from what the person sees, s, asked at each

    Notes
    -----
    `pause`, `resume`, `redo` and `stop` may be called from any thread. A pause while an expression
    is held spoils that trial, and it is asked for again.
    """

    def __init__(
        self,
        protocol: Protocol,
        recorder: Recorder,
        *,
        show: Callable[[Moment], object] = lambda moment: None,
        uncertainty: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.protocol = protocol
        self._recorder = recorder
        self._uncertainty = uncertainty
        self._show = show
        self._todo = list(protocol.steps())
        self._of = len(self._todo)
        self._last: Step | None = None
        self._changed = threading.Condition()
        self._order = ""
        self._paused = False
        self.spoilt = 0
        self.moment = Moment("ready", self._todo[0], 0.0, 1, self._of)
        self._thread = threading.Thread(target=self._run, name="emgnb cues", daemon=True)

    def start(self) -> Self:
        """Begin with the first step.

        Raises
        ------
        RuntimeError : it was begun already; a second run is a new `Run`
        """
        self._thread.start()
        return self

    def pause(self) -> None:
        """Stop asking until `resume`."""
        self._tell("pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self._tell("resume")

    def redo(self) -> None:
        """Take back the trial that is held, or the last one, and ask for it again at the end."""
        self._tell("redo")

    def stop(self) -> None:
        """End here, and wait until the last marker is given."""
        self._tell("stop")
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is done; whether it is."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return self.over

    @property
    def over(self) -> bool:
        """Whether nothing more will be asked for."""
        return self.moment.phase in ("over", "failed")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self._tell("stop")
        self.wait()

    # ---- the run's own thread

    def _mark(self, text: str) -> None:
        self._recorder.mark(text, uncertainty=self._uncertainty())

    def _tell(self, order: str) -> None:
        with self._changed:
            self._order = order
            self._changed.notify_all()

    def _run(self) -> None:
        number = 0
        try:
            while self._todo:
                step = self._todo.pop(0)
                number += 1
                self._ask(step, number)
        except _Stopped:
            self._give("over", None, number=number)
        except Exception as error:
            # The recording's own words: it is over, or its folder is gone.
            self._give("failed", None, number=number, problem=str(error))
        else:
            self._give("over", None, number=number)

    def _ask(self, step: Step, number: int) -> None:
        if self._phase("countdown", step, step.countdown, number) == "redo":
            self._take_back()
        self._mark(step.marker)
        self._last = step
        ended = self._phase("hold", step, step.hold, number)
        if ended in ("redo", "pause"):
            self._take_back()
        self._mark(END)
        if ended == "stop":
            raise _Stopped
        if self._phase("rest", step, step.rest, number) == "redo":
            self._take_back()

    def _take_back(self) -> None:
        """Mark the last step as spoilt, and ask for it once more at the end."""
        if self._last is None:
            return
        self._mark(SPOILT)
        self._todo.append(self._last)
        self._of += 1
        self.spoilt += 1
        self._last = None

    def _phase(self, phase: str, step: Step, seconds: float, number: int) -> str:
        """Let a phase pass; why it ended early, "" when it did not."""
        if self._paused:
            self._pause(step, number)
        self._give(phase, step, seconds, number=number)
        until = time.monotonic() + seconds
        while True:
            order = self._next_order(until)
            if order == "stop" and phase != "hold":
                raise _Stopped
            if order in ("stop", "redo", ""):
                return order
            if order == "pause":
                self._paused = True
                if phase == "hold":
                    return order
                left = until - time.monotonic()
                self._pause(step, number)
                return self._phase(phase, step, max(left, 0.0), number)

    def _pause(self, step: Step, number: int) -> None:
        self._mark(PAUSE)
        self._give("paused", step, number=number)
        while (order := self._next_order(None)) != "resume":
            if order == "stop":
                raise _Stopped
        self._paused = False

    def _next_order(self, until: float | None) -> str:
        """What somebody asks for, or "" when the time is over."""
        with self._changed:
            left = None if until is None else until - time.monotonic()
            self._changed.wait_for(
                lambda: bool(self._order), None if left is None else max(left, 0.0)
            )
            order, self._order = self._order, ""
            return order

    def _give(
        self, phase: str, step: Step | None, seconds: float = 0.0, *, number: int, problem: str = ""
    ) -> None:
        self.moment = Moment(phase, step, seconds, number, self._of, problem)
        self._show(self.moment)


class _Stopped(Exception):  # noqa: N818 - no error
    """Somebody asked the run to end."""


def scaled(protocol: Protocol, factor: float) -> Protocol:
    """Return the protocol with all its times multiplied: 0.1 for a look at the whole."""
    times = ("countdown", "hold", "rest", "rest_jitter", "baseline")
    return replace(protocol, **{name: getattr(protocol, name) * factor for name in times})
