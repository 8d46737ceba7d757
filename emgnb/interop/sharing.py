"""Remove what identifies a person from a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import xarray as xr

from emgnb import recording
from emgnb._vocabulary import KINDS
from emgnb.recording.consent import refuses

# Attributes of a session that are kept: words, numbers and codes of the data model.
_KEPT = (
    "participant",
    "session",
    "label_meaning",
    "use",
    "faults",
    "protocol",
    "nominal_rate",
    "mains",
    "sensor",
    "anonymised",
)
# Attribute of an anonymised session: the sorts of what was removed, without any of it.
ANONYMISED = "anonymised"
# Sort of an attribute → its name in that list, and the other names there.
_PLURAL = {
    "date": "dates",
    "serial number": "serial numbers",
    "device": "devices",
    "path": "paths",
    "computer": "names of computers",
    "free text": "free texts",
}
_CODES, _CONSENT, _CODERS, _FURTHER = (
    "former codes",
    "details of the consent",
    "names of coders",
    "further attributes of signals and tables",
)
_SORTS = {*_PLURAL.values(), _CODES, _CONSENT, _CODERS, _FURTHER}
_SIGNAL_KEPT = ("units", "lost", "history", "nominal_rate", "faults", "scale_factor")
_CONSENT_KEPT = ("sharing", "version")
_TABLE_KEPT = ("table_version", "frame_rate", "faults", "history", "source", "units")
_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\|~?/)[^\s\"',;]*[\\/][^\s\"',;]*")
_DATE = re.compile(r"\b(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}(?:[T ]\d\d:\d\d(?::\d\d)?\S*)?")
_NAMING = re.compile(r"\s|@")


class _Removed:
    """What was removed, in sentences for the user, and its sorts for the session."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.sorts: set[str] = set()

    def note(self, sort: str, sentence: str) -> None:
        self.sentences.append(f"removed: {sentence}")
        self.sorts.add(sort)


def anonymise(
    session: xr.DataTree, *, participant: str | None = None, keep: tuple[str, ...] = ()
) -> tuple[xr.DataTree, list[str]]:
    """Return a session without names, dates, paths, serial numbers and free text.

    Only attributes that the data model defines are kept. Texts in them lose paths and dates.
    Coders become "coder1", "coder2", …; text columns of event tables that the data model does not
    define are removed. Texts of markers, names of channels and the signal are not changed: EMG
    itself may identify a person, so that the result is pseudonymous data, not anonymous data. The
    attribute "anonymised" of the result lists the sorts of what was removed.

    Parameters
    ----------
    session : not changed
    participant : new code of the participant; by default the present one stays
    keep : names of further attributes of the session to keep, such as ("device",)

    Returns
    -------
    The session, and sentences about what was removed and what remains

    Raises
    ------
    TypeError : not a session
    ValueError : `participant` is empty or has a blank or an @, as names and addresses have

    Examples
    --------
    >>> from emgnb import interop, simulate
    >>> session, said = interop.anonymise(simulate.face(duration=4), participant="P07")
    >>> session.attrs["participant"]
    'P07'
    """
    recording.need_session(session)
    said = _Removed()
    nodes: dict[str, xr.Dataset] = {}
    coders = _coders(session, said)
    for node in session.subtree:
        path = node.path
        data = node.to_dataset(inherit=False)
        if path == "/":
            data.attrs = _session_attrs(data.attrs, participant, keep, said)
        elif path.startswith("/labels/"):
            name = path.split("/")[2]
            path = f"/labels/{coders[name]}"
            data = _table(data, name, said)
        elif path != "/labels":
            data = _signals(data, path, said)
        nodes[path] = data
    made = xr.DataTree.from_dict(nodes)
    made.attrs[ANONYMISED] = ", ".join(sorted(said.sorts.union(removed_sorts(session))))
    recording.check(made)
    return made, said.sentences + _remaining(made)


def not_anonymous(session: xr.DataTree) -> list[str]:
    """Return the attributes of a session that may identify a person, as sentences."""
    said = _Removed()
    _session_attrs(session.attrs, None, (), said)
    return [each.replace("removed", "may identify a person", 1) for each in said.sentences]


def removed_sorts(session: xr.DataTree) -> list[str]:
    """Return the sorts of what `anonymise` removed from a session, such as "dates"."""
    stated = str(session.attrs.get(ANONYMISED) or "")
    return [each for each in stated.split(", ") if each in _SORTS]


def _session_attrs(
    attrs: Mapping[Any, Any], participant: str | None, keep: tuple[str, ...], said: _Removed
) -> dict[str, Any]:
    if participant is not None and (not participant.strip() or _NAMING.search(participant.strip())):
        raise ValueError(
            f"participant={participant!r}, expected a code without blanks and @, such as 'P07'"
        )
    made: dict[str, Any] = {}
    for name, value in attrs.items():
        if name == "consent":
            made["consent"] = _consent(value, said)
        elif name in _KEPT or name in keep:
            made[name] = _cleaned(value, f"session attribute {name}", said)
        elif value not in ("", None, {}, []):
            sort = _sort_of(str(name))
            said.note(_PLURAL[sort], f"session attribute {name} ({sort})")
    if participant is not None:
        if made.get("participant") not in ("", None, participant):
            said.note(_CODES, "the participant's former code")
        made["participant"] = participant.strip()
    return {name: value for name, value in made.items() if value is not None}


def _consent(value: Any, said: _Removed) -> Any:
    """Keep only with whom the data may be shared, and the version of the form."""
    if not isinstance(value, Mapping):
        return value if refuses(value) else None
    gone = [str(name) for name in value if name not in _CONSENT_KEPT and value[name]]
    if gone:
        said.note(_CONSENT, f"{', '.join(gone)} of the consent")
    return {name: value[name] for name in _CONSENT_KEPT if name in value}


def _sort_of(name: str) -> str:
    sorts = {
        "started": "date",
        "ended": "date",
        "date": "date",
        "serial": "serial number",
        "port": "device",
        "device": "device",
        "firmware": "device",
        "path": "path",
        "file": "path",
        "folder": "path",
        "host": "computer",
    }
    return next((sort for word, sort in sorts.items() if word in name.lower()), "free text")


def _cleaned(value: Any, where: str, said: _Removed) -> Any:
    """Remove paths and dates from a text."""
    if not isinstance(value, str):
        return value
    for pattern, word in ((_PATH, "path"), (_DATE, "date")):
        found, count = pattern.subn(f"<{word}>", value)
        if count:
            said.note(f"{word}s", f"{count} {word}{'s' if count > 1 else ''} in {where}")
        value = found
    return value


def _kept(
    attrs: Mapping[Any, Any], names: tuple[str, ...], where: str, said: _Removed
) -> dict[Any, Any]:
    gone = [str(name) for name, value in attrs.items() if name not in names and value not in ("",)]
    if gone:
        said.note(_FURTHER, f"{', '.join(gone)} of {where}")
    return {
        name: _cleaned(value, f"{name} of {where}", said)
        for name, value in attrs.items()
        if name in names
    }


def _coders(session: xr.DataTree, said: _Removed) -> dict[str, str]:
    names = [str(name) for name in session["labels"].children] if "labels" in session else []
    made = {name: name for name in names if name == "truth"}
    others = [name for name in names if name not in made]
    made |= {name: f"coder{k}" for k, name in enumerate(others, 1)}
    if others:
        said.note(_CODERS, f"the names of {len(others)} coders; they are now coder1, coder2, …")
    return made


def _table(table: xr.Dataset, name: str, said: _Removed) -> xr.Dataset:
    known = (*recording.EVENT_COLUMNS, "channel")
    gone = [str(c) for c, v in table.data_vars.items() if c not in known and v.dtype.kind in "UOT"]
    if gone:
        said.note(_PLURAL["free text"], f"text columns {', '.join(gone)} of labels/{name}")
    made = table.drop_vars(gone)
    made.attrs = _kept(table.attrs, _TABLE_KEPT, f"labels/{name}", said)
    return made


def _signals(data: xr.Dataset, path: str, said: _Removed) -> xr.Dataset:
    made = data.copy(deep=False)
    made.attrs = _kept(data.attrs, _TABLE_KEPT, path.strip("/"), said)
    for name in data.data_vars:
        variable = made[name].copy(deep=False)
        where = f"{path.strip('/')}/{name}"
        variable.attrs = _kept(variable.attrs, (*_SIGNAL_KEPT, "source"), where, said)
        made[name] = variable
    return made


def _remaining(session: xr.DataTree) -> list[str]:
    x = recording.emg(session)
    kinds = ", ".join(kind for kind in KINDS if kind in set(map(str, x["signal_kind"].values)))
    code = session.attrs.get("participant") or "none"
    texts: list[str] = []
    if "markers" in session.children:
        table = session["markers"].to_dataset()
        texts = sorted({str(text) for text in table["text"].values})
    if _NAMING.search(str(code)):
        code = f"{code}, which looks like a name: give participant='P07'"
    shown = ", ".join(texts[:8]) + (" …" if len(texts) > 8 else "")
    return [
        f"remains: the participant's code ({code}); who holds the list of codes knows the person",
        f"remains: the signal ({kinds}, {x.sizes['channel']} channels); EMG may identify a person",
        "remains: names of channels and times since the start of the recording",
        *([f"remains: texts of markers ({shown}); read them"] if texts else []),
        *(["remains: labels"] if "labels" in session.children else []),
    ]
