"""Check the settings of a recording, when it starts and when its session is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from emgnb._faults import refuse
from emgnb._vocabulary import KINDS, MEANINGS, SIDES, UNITS

# Attributes of a session that the recorder writes itself.
OWN = (
    *("participant", "session", "started", "device", "firmware", "port", "dialect", "journal"),
    *("rate_from", "clock", "segments", "crc_errors", "junk_bytes", "overruns", "faults"),
)
# Attribute names that a session's store uses itself (for the names of coordinates).
RESERVED = ("coordinates",)
# Bounds of `units_per_count` within which samples and their sums fit in 32-bit floats.
LEAST, MOST = 1e-30, 1e30
# Maximum characters of the settings as JSON: they travel in one argument, which Windows limits.
LONGEST = 20_000


def faults(settings: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each setting that no session could hold.

    Parameters
    ----------
    settings : as recorded by `acquire.start`; a missing setting equals one left out
    """
    return [
        *_participant_faults(settings.get("participant", "")),
        *_montage_faults(settings.get("montage")),
        *_kind_faults(settings.get("signal_kind")),
        *_scale_faults(settings.get("units"), settings.get("units_per_count")),
        *_attrs_faults(settings.get("attrs")),
    ]


def check(settings: Mapping[str, Any]) -> None:
    """Raise ValueError with all invalid settings in one message.

    This also rejects settings that an earlier version accepted.
    """
    found = faults(settings)
    if not found:
        found = _width_faults(settings.get("signal_kind"), settings.get("montage"))
        found += _text_faults(settings)
    refuse(found)


def given(**values: Any) -> dict[str, Any]:
    """Return the given settings as JSON types; those that are None are omitted.

    Participant and session may be numbers, and NumPy's numbers are accepted everywhere.
    """
    found = {name: plain(value) for name, value in values.items() if value is not None}
    for name in ("participant", "session"):
        if name in found:
            found[name] = str(found[name])
    return found


def plain(attrs: Any) -> Any:
    """Return `attrs` as JSON types (text, numbers, lists, dicts), unchanged if not possible."""
    if isinstance(attrs, Mapping) and not all(isinstance(name, str) for name in attrs):
        return attrs
    try:
        return json.loads(json.dumps(attrs, default=_item))
    except (TypeError, ValueError, RecursionError):
        return attrs


def _montage_faults(montage: Any) -> list[str]:
    """Check a montage, (channel, muscle, side) of each channel."""
    if montage is None:
        return []
    rows = list(montage) if isinstance(montage, Sequence) and not isinstance(montage, str) else None
    if rows is None or any(isinstance(row, str) or not isinstance(row, Sequence) for row in rows):
        return [f"montage {montage!r}: expected a list of (channel, muscle, side), one per channel"]
    names = [str(row[0]) for row in rows if len(row) == 3]
    if len(names) < len(rows) or len(set(names)) < len(names):
        return [
            (
                f"montage {rows}: expected (channel, muscle, side) for each channel, with "
                "different names"
            )
        ]
    odd = sorted({str(row[2]) for row in rows} - set(SIDES))
    return [f"montage: side {odd[0]!r}, expected left, right, midline or nothing"] if odd else []


def _scale_faults(units: Any, per_count: Any) -> list[str]:
    """Check a unit, and the size of one count in it."""
    found = []
    if units is not None and units not in UNITS:
        found.append(f"units {units!r}, expected one of {', '.join(UNITS)}")
    if per_count is None:
        return found
    is_number = isinstance(per_count, Real) and not isinstance(per_count, bool)
    if not is_number or not math.isfinite(per_count) or not LEAST <= per_count <= MOST:
        found.append(
            f"units_per_count {per_count!r}, expected a number above 0, such as 5 / 1024 for 10 "
            "bits over 5 V"
        )
    elif not units:
        found.append(f"units_per_count {per_count!r} without units: give both, such as units='V'")
    return found


def _participant_faults(participant: Any) -> list[str]:
    if isinstance(participant, str) and re.fullmatch(r"[A-Za-z0-9_.-]{0,64}", participant):
        return []
    return [
        (
            f"participant {participant!r}: expected letters, digits, - and _ only, because it "
            "names a folder"
        )
    ]


def _kind_faults(kinds: Any) -> list[str]:
    if kinds is None:
        return []
    each = list(kinds) if isinstance(kinds, list | tuple) else [kinds]
    odd = [kind for kind in each if kind not in KINDS]
    if odd or not each:
        return [f"signal_kind {(odd or [kinds])[0]!r}, expected one of {', '.join(KINDS)}"]
    return []


def _width_faults(kinds: Any, montage: Any) -> list[str]:
    if isinstance(kinds, str) or not kinds or not montage or len(kinds) == len(montage):
        return []
    return [f"signal_kind: {len(kinds)} kinds for the {len(montage)} channels of the montage"]


def _attrs_faults(attrs: Any) -> list[str]:
    if not attrs:
        return []
    if not isinstance(attrs, Mapping):
        return [f"attrs {attrs!r}: expected names and values, such as {{'protocol': 'P1'}}"]
    found = [f"attrs: name {name!r}, expected text" for name in attrs if not isinstance(name, str)]
    if own := sorted(set(attrs) & set(OWN), key=str):
        found.append(f"attrs: {', '.join(own)} is set by the recorder; leave it out")
    if reserved := sorted(set(attrs) & set(RESERVED), key=str):
        found.append(
            f"attrs: {', '.join(reserved)} is reserved in a session's store; use another name"
        )
    meaning = attrs.get("label_meaning", MEANINGS[0])
    if meaning not in MEANINGS:
        found.append(f"attrs: label_meaning {meaning!r}, expected one of {', '.join(MEANINGS)}")
    return found or _json_faults(attrs)


def _text_faults(settings: Mapping[str, Any]) -> list[str]:
    try:
        json.dumps(settings, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return ["the text contains half a surrogate pair, such as part of an emoji"]
    told = len(json.dumps(settings))
    if told > LONGEST:
        return [f"{told} characters of settings, at most {LONGEST}: name a file in attrs"]
    return []


def _json_faults(attrs: Mapping[str, Any]) -> list[str]:
    """Check whether attributes can be written as JSON."""
    try:
        json.dumps(attrs)
    except RecursionError:
        return ["attrs: lists or dicts are nested too deep"]
    except (TypeError, ValueError) as error:
        return [f"attrs: {error}; text, numbers, and lists or dicts of these"]
    return []


def _item(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return value.tolist()
