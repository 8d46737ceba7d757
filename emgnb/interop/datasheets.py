"""Describe a study by a data sheet, from what its recordings state."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import xarray as xr

import emgnb
from emgnb import facs, recording
from emgnb._vocabulary import FELT
from emgnb.interop import sharing

UNKNOWN = "**Unknown:** the recordings do not state it."
# Name of the labels that a simulated face brings.
TRUTH = "truth"
# Rows examined at a time, and items of a list that are shown.
ROWS, SHOWN = 1 << 18, 12
_INTRODUCTION = (
    "After Gebru and others, Datasheets for Datasets (2021, doi:10.1145/3458723). emgnb {version} "
    "filled in what the recordings state, at the time of the export. {open} of {all} answers are "
    "unknown: please complete them by hand."
)
_FORBIDDEN = (
    "Not for grading, hiring, monitoring or lie detection. In education and at work, the EU "
    "forbids inferring emotions from biometric data, except for medical or safety reasons (AI Act, "
    "Art. 5(1)(f))."
)


class Answer(NamedTuple):
    """Question of a data sheet and its answer; an empty one is unknown."""

    question: str
    text: str


def data_sheet(
    sessions: Iterable[xr.DataTree | str | os.PathLike[str]],
    *,
    name: str = "Facial EMG",
    authors: Iterable[str] = (),
) -> str:
    """Return a data sheet of a study, in Markdown.

    It answers the questions of Gebru 2021 (doi:10.1145/3458723) as far as attributes, markers,
    labels and samples of the sessions do: people, consent, sites, measured rates, losses, sources
    of labels, filters, what `anonymise` removed. All other answers are marked as unknown. People
    are counted, not named; names of coders and the texts of consents, filters and known faults are
    quoted. `write_bids` puts the same sheet into the README of a data set.

    Parameters
    ----------
    sessions : sessions, or paths of stored ones, which are opened one by one
    name, authors : of the data set

    Raises
    ------
    TypeError : not a session
    ValueError : no session, or one that violates the data model

    Examples
    --------
    >>> from emgnb import interop, simulate
    >>> text = interop.data_sheet(simulate.study(people=2, script=[(1.0, "smile", 1.0)]))
    >>> [line for line in text.splitlines() if line.startswith("- **How many people")]
    ['- **How many people?** 2, in 2 recordings, together 6 s.']
    """
    sheet = DataSheet()
    for each in sessions:
        session = each if isinstance(each, xr.DataTree) else recording.open(each)
        recording.need_session(session)
        recording.check(session)
        sheet.add(session)
    if not sheet.recordings:
        raise ValueError("no session: expected at least one")
    return f"# Data sheet: {name}\n\n{sheet.text(authors=list(authors))}"


@dataclass
class DataSheet:
    """Facts of a study, collected session by session."""

    recordings: int = 0
    people: set[str] = field(default_factory=set)
    placements: set[tuple[str, str]] = field(default_factory=set)
    seconds: float = 0.0
    rows: int = 0
    incomplete: int = 0
    rates: list[float] = field(default_factory=list)
    without_rate: int = 0
    nominal: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    markers: Counter[str] = field(default_factory=Counter)
    meanings: Counter[str] = field(default_factory=Counter)
    coders: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    stated: dict[str, Counter[str]] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    removed: set[str] = field(default_factory=set)
    anonymised: int = 0
    identifying: int = 0

    def add(self, session: xr.DataTree) -> None:
        """Take the facts of one session."""
        x = recording.emg(session)
        attrs = session.attrs
        self.recordings += 1
        person = str(attrs.get("participant") or "")
        self.people.add(person)
        self.placements.add((person, str(attrs.get("session") or "")))
        self._signal(x)
        self._labels(session)
        self._privacy(session)
        for name in ("device", "firmware", "sensor", "protocol", "mains", "use"):
            if value := _line(attrs.get(name)):
                self.stated.setdefault(name, Counter())[value] += 1
        self.faults.update(map(_line, recording.known_faults(session)))

    def _signal(self, x: xr.DataArray) -> None:
        rate = _rate(x)
        rows = x.sizes["time"]
        self.rows += rows
        self.incomplete += sum(
            recording.over_rows(_incomplete, x, list(recording.bounds(rows, ROWS)))
        )
        if rate is None:
            self.without_rate += 1
        else:
            self.rates.append(rate)
            self.seconds += rows / rate
        if "nominal_rate" in x.attrs:
            self.nominal[f"{float(x.attrs['nominal_rate']):g} Hz"] += 1
        for muscle, side in zip(x["muscle"].values, x["side"].values, strict=True):
            known = facs.MUSCLES.get(str(muscle))
            title = known.title if known else str(muscle) or "muscle not stated"
            self.sites[f"{title}, {side}" if side else title] += 1
        unit = recording.unit_of(x)
        # Each once per recording, in order: a set has another order in each run of Python.
        kinds = (f"{kind} in {unit}" for kind in map(str, x["signal_kind"].values))
        self.kinds.update(dict.fromkeys(kinds, 1))
        self.steps.update(dict.fromkeys(map(_step, recording.history(x)), 1))

    def _labels(self, session: xr.DataTree) -> None:
        self.meanings[str(session.attrs.get("label_meaning") or "")] += 1
        if "markers" in session.children:
            self.markers.update(map(_line, session["markers"].to_dataset()["text"].values))
        if "labels" in session.children:
            for coder, node in session["labels"].children.items():
                self.coders[_line(coder)] += int(node.sizes.get("event", 0))

    def _privacy(self, session: xr.DataTree) -> None:
        consent = session.attrs.get("consent")
        self.consents[_consent(consent)] += 1
        self.refused += bool(recording.sharing_refused(session))
        self.identifying += bool(sharing.not_anonymous(session))
        if sharing.ANONYMISED in session.attrs:
            self.anonymised += 1
            self.removed.update(sharing.removed_sorts(session))

    def text(self, *, authors: Sequence[str] = (), despite_consent: str | None = None) -> str:
        """Return the sections of the sheet."""
        sections = {
            "Motivation": self._motivation(authors),
            "Composition": self._composition(),
            "Collection": self._collection(),
            "Preprocessing and labels": self._preprocessing(),
            "Uses": self._uses(),
            "Distribution and maintenance": self._distribution(despite_consent),
        }
        answers = [each for part in sections.values() for each in part]
        unknown = sum(not each.text for each in answers)
        lines = [
            _INTRODUCTION.format(version=emgnb.__version__, open=unknown, all=len(answers)),
        ]
        for title, part in sections.items():
            lines += ["", f"## {title}", ""]
            lines += [f"- **{each.question}** {each.text or UNKNOWN}" for each in part]
        return "\n".join(lines) + "\n"

    def _motivation(self, authors: Sequence[str]) -> list[Answer]:
        return [
            Answer("For which purpose was the data recorded?", ""),
            Answer("Who recorded it?", f"{', '.join(map(_line, authors))}." if authors else ""),
            Answer("Who paid for it?", ""),
        ]

    def _composition(self) -> list[Answer]:
        some = "" if "" not in self.people else " Some recordings name no participant."
        people = len(self.people - {""})
        return [
            Answer(
                "How many people?",
                f"{people}, in {_count(self.recordings, 'recording')}, together "
                f"{_duration(self.seconds)}.{some}",
            ),
            Answer(
                "How often were the electrodes placed?",
                f"{_count(len(self.placements), 'placement')}: participants and sessions as the "
                "recordings name them.",
            ),
            Answer("Who are they (age, sex, origin, health), and how were they found?", ""),
            Answer(
                "Which muscles?", f"{_listed(self.sites, '; ')}. Left and right are the person's."
            ),
            Answer("Which signals?", f"{self._in_recordings(self.kinds)}."),
            Answer("At which rate?", self._rate_text()),
            Answer("What is missing?", self._lost()),
            Answer("Which faults are known?", _listed(self.faults, "; ") or "None are stated."),
            Answer("Can people be identified?", self._identity()),
            Answer(
                "How should it be split for training and testing?",
                "By participant; then by session, then by trial. Never by single windows, because "
                "neighbours share samples.",
            ),
        ]

    def _rate_text(self) -> str:
        if not self.rates:
            return ""
        low, high = min(self.rates), max(self.rates)
        measured = f"{low:.6g} Hz" if high - low < 1e-6 * high else f"{low:.6g} to {high:.6g} Hz"
        nominal = f" Nominal rate: {_listed(self.nominal)}." if self.nominal else ""
        none = f" {self.without_rate} without a rate." if self.without_rate else ""
        return f"{measured} by the time stamps of the recordings.{nominal}{none}"

    def _lost(self) -> str:
        share = 100 * self.incomplete / max(self.rows, 1)
        return (
            f"In {self.incomplete} of {self.rows} scans ({share:.3g} %), at least one channel has "
            "no sample. Missing samples are marked and not interpolated."
        )

    def _identity(self) -> str:
        named = (
            f"{_count(self.identifying, 'recording')} with attributes that may identify a person "
            "(dates, devices, texts)."
            if self.identifying
            else "No attribute outside the data model is left."
        )
        return f"{named} EMG itself may identify a person, so the data is at best pseudonymous."

    def _collection(self) -> list[Answer]:
        stated = {n: self._in_recordings(self.stated.get(n, Counter())) for n in _STATED}
        refused = (
            f" {_count(self.refused, 'recording')} must not be shared by these words."
            if self.refused
            else ""
        )
        return [
            *(Answer(_STATED[name], f"{text}." if text else "") for name, text in stated.items()),
            Answer("Which markers were set?", f"{_listed(self.markers) or 'None'}."),
            Answer(
                "Did people consent?",
                "" if set(self.consents) == {""} else f"{_agreed(self.consents)}.{refused}",
            ),
            Answer(
                "Can they withdraw?",
                "`emgnb forget` finds and deletes all data of a participant's code, also in this "
                "folder. Whether people were told so, and whom they ask, is unknown.",
            ),
            Answer("Did an ethics committee approve?", ""),
        ]

    def _preprocessing(self) -> list[Answer]:
        meanings = Counter({name: count for name, count in self.meanings.items() if name})
        felt = " Such labels need a statement of use." if FELT in meanings else ""
        return [
            Answer(
                "How was it filtered?",
                f"{self._in_recordings(self.steps, '; ') or 'Not filtered'}.",
            ),
            Answer(
                "What do the labels mean?",
                f"{self._in_recordings(meanings)}.{felt}" if meanings else "",
            ),
            Answer("Who labelled?", f"{_events(self.coders)}." if self.coders else "No labels."),
            Answer("What was removed to protect people?", self._removed()),
        ]

    def _removed(self) -> str:
        if not self.anonymised:
            return "Nothing: `interop.anonymise` was not applied."
        gone = ", ".join(sorted(self.removed)) or "nothing was found to remove"
        return f"From {self.anonymised} of {_count(self.recordings, 'recording')}: {gone}."

    def _uses(self) -> list[Answer]:
        use = self._in_recordings(self.stated.get("use", Counter()))
        return [
            Answer("What has it been used for?", f"{use}." if use else ""),
            Answer("What should it not be used for?", _FORBIDDEN),
        ]

    def _in_recordings(self, found: Counter[str], between: str = ", ") -> str:
        """List what recordings state, and in how many of them if not in all."""
        all_ = self.recordings
        said = {
            name: name if count == all_ else f"{name} (in {count} of {all_} recordings)"
            for name, count in found.items()
        }
        return _listed(Counter({said[name]: count for name, count in found.items()}), between)

    def _distribution(self, despite_consent: str | None) -> list[Answer]:
        stated = set(self.consents) != {""}
        allowed = f"The consents say: {_agreed(self.consents)}." if stated else ""
        if self.refused and despite_consent:
            allowed += f" Exported nevertheless, with the reason: {_line(despite_consent)}."
        return [
            Answer("With whom may it be shared?", allowed),
            Answer("Under which licence?", ""),
            Answer("Who keeps it, and how are errors reported?", ""),
        ]


_STATED = {
    "device": "With which device?",
    "sensor": "With which sensor?",
    "protocol": "By which protocol?",
    "mains": "At which mains frequency (Hz)?",
}


def _incomplete(rows: xr.DataArray, first: int) -> int:
    """Count the rows in which a channel has no sample."""
    return int((~np.isfinite(rows.values)).any(axis=1).sum())


def _rate(x: xr.DataArray) -> float | None:
    """Return the rate of a signal in Hz, also if its time stamps are irregular; None if none."""
    for rate in (recording.sampling_rate, recording.measured_rate):
        try:
            return rate(x)
        except ValueError:
            continue
    return None


def _step(entry: dict[str, object]) -> str:
    """Name a step of a history, with the steps of a chain."""
    chain = entry.get("chain")
    inside = [str(each["step"]) for each in chain] if isinstance(chain, list) else []
    return _line(entry["step"]) + (f" ({', '.join(inside)})" if inside else "")


def _consent(consent: object) -> str:
    """Return what a consent says about sharing; empty without a consent."""
    if not consent:
        return ""
    if not isinstance(consent, Mapping):
        return f'"{_line(consent)}"'
    said = _line(consent.get("sharing"))
    version = _line(consent.get("version"))
    about = f'sharing "{said}"' if said else "sharing not stated"
    return about + (f", version {version}" if version else "")


def _agreed(consents: Counter[str]) -> str:
    parts = [f"{text or 'no consent stated'} ({count})" for text, count in sorted(consents.items())]
    return f"{'; '.join(parts)}. Numbers of recordings in brackets"


def _events(coders: Counter[str]) -> str:
    named = {TRUTH: "the truth of a simulation"}
    return ", ".join(
        f"{named.get(name, name)} ({_count(number, 'event')})" for name, number in coders.items()
    )


def _listed(found: Counter[str], between: str = ", ") -> str:
    """List the most frequent keys, and how many others there are."""
    names = [name for name, _ in found.most_common(SHOWN)]
    more = f"{between}and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return between.join(names) + more


def _count(number: int, of: str) -> str:
    return f"{number} {of}" + ("" if number == 1 else "s")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _line(value: object) -> str:
    """Return a value as one line of text; None as ""."""
    return "" if value is None else " ".join(str(value).split())
