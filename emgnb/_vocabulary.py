"""Define the words of the data model: signal kinds, sides, units, label meanings, marker texts.

A marker with the name of an expression opens a trial of it. "practice …" and "mvc …" (as strongly
as possible) request an expression without opening a trial; "baseline" requests rest at the start.
"end" ends the current trial, "pause" interrupts, and "spoilt" discards the previous trial.
"""

from __future__ import annotations

# Names in the folder of a recording: what came in from the port, and the session made of it.
JOURNAL, SESSION = "journal.emgj", "session.zarr"
# What a channel holds, on which side it lies, in which unit it is, and what labels may mean.
KINDS = ("raw", "rectified", "envelope")
SIDES = ("left", "right", "midline", "")
UNITS = ("uV", "mV", "V", "count", "1", "%MVC")
# Units of voltage as other programs write them, in lower case.
VOLTS = {
    **dict.fromkeys(("v", "volt", "volts"), "V"),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), "mV"),
    **dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts"), "uV"),
}
FELT = "self-report"
MEANINGS = ("instructed", "coded AU", FELT)
# Attributes of a session that windows and features keep with the labels, and places of use.
ABOUT_LABELS = ("label_meaning", "use")
PLACES = ("research", "clinic", "education", "work", "home")
# Coordinates that name a group of windows together, the outer ones first.
GROUPS = ("participant", "session", "trial")
# Names that published tables use for the columns of a role, in lower case.
COLUMNS = {
    "person": (
        *("person", "participant", "subject", "subject_id", "subj", "participant_id"),
        *("sub", "subjectid", "participantid", "person_id", "personid", "pid"),
    ),
    "session": ("session", "session_id", "day", "run"),
    "trial": ("trial", "trial_id", "rerepetition", "repetition", "rep", "segment_id"),
    "time": ("time", "timestamp", "timestamp_ms", "time_s", "t", "millis", "seconds"),
    "split": ("split", "fold", "subset", "partition"),
}
BASELINE, END, PAUSE, SPOILT = "baseline", "end", "pause", "spoilt"
TRIAL, PRACTICE, MVC = "trial", "practice", "mvc"
# Markers that request rest. "rest" is a trial of its own if it is marked.
RESTING = (BASELINE, END, PAUSE, "rest", "neutral", "relax", "stop")
# The relaxed face as a class, in lower case, in English and other languages.
RELAXED = (
    *RESTING,
    *("relaxed", "resting", "no expression"),
    *("neutro", "neutra", "neutre", "neutraal"),  # Spanish, Portuguese, Italian; French; Dutch
    *("reposo", "repouso", "riposo", "repos", "ruhe", "rust"),  # and German
)


def marker(kind: str, name: str) -> str:
    """Return the marker text that requests `name`; kind is "trial", "practice" or "mvc"."""
    return name if kind == TRIAL else BASELINE if kind == BASELINE else f"{kind} {name}"


def asked(text: str) -> tuple[str, str]:
    """Parse a marker: its kind, and the expression it requests.

    Returns
    -------
    ("trial", "smile"), ("practice", "smile"), ("mvc", "smile"), ("baseline", ""), or ("", "") for
    "end", "pause", "spoilt" and an empty text
    """
    kind, _, name = text.partition(" ")
    if kind in (PRACTICE, MVC) and name:
        return kind, name
    if text == BASELINE:
        return BASELINE, ""
    return ("", "") if text in ("", END, PAUSE, SPOILT) else (TRIAL, text)
