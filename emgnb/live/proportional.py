"""Estimate the intensity of action units from the envelopes of their muscles."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import dynamics, facs, filters, recording, windows
from emgnb._vocabulary import MVC, RESTING, TRIAL, asked

# Corner (Hz) of the envelope: its delay is 22 ms.
CUTOFF = 10.0
# Smallest level of a contraction relative to that of rest for which an intensity can be told.
STANDS_OUT = 1.5
# Time (s) after a marker in which the face still moves.
REACTION = 0.5
_SIDE = {"left": "L", "right": "R"}
_FORMAT = "emgnb proportional 1"


class _Asked(NamedTuple):
    """Interval (s) in which an expression is requested; "" if it is not known which."""

    begin: float
    end: float
    expression: str = ""


@dataclass(frozen=True)
class Proportional:
    """Levels of each channel at rest and at maximum, from which intensities follow.

    The intensity of an action unit is the envelope's share of the range from rest to maximum, 0
    to 1. It needs no windows and no training.

    Attributes
    ----------
    channel : names, in order
    units_of : action unit of each channel, such as "L12" or "17"; "" for none
    rest, most : level of the envelope at rest and at maximum, in `units`
    units : of the levels, as the signal's
    rate : sampling rate in Hz
    chain : filters from the recorded signal to the envelope, causal
    maximum : "mvc" (maximum voluntary contraction) or "comfortable" (the strongest expression)
    """

    channel: tuple[str, ...]
    units_of: tuple[str, ...]
    rest: tuple[float, ...]
    most: tuple[float, ...]
    units: str
    rate: float
    chain: filters.Chain
    maximum: str = "mvc"

    def __post_init__(self) -> None:
        width = len(self.channel)
        sizes = {name: len(getattr(self, name)) for name in ("units_of", "rest", "most")}
        wrong = [f"{size} {name}" for name, size in sizes.items() if size != width]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} for {width} channels")
        if not self.names:
            raise ValueError(
                "no channel tells an action unit: each needs a muscle of facs.MUSCLES (or a name "
                f"in aus=…), and in an expression that moves it at least {STANDS_OUT:g} times its "
                "level at rest. Found\n" + "\n".join(self._rows())
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Action units that can be told, in the order of the channels."""
        return tuple(
            dict.fromkeys(u for u, told in zip(self.units_of, self.told, strict=True) if told)
        )

    @property
    def untold(self) -> tuple[str, ...]:
        """Action units that have an electrode and cannot be told, in the order of the channels."""
        return tuple(dict.fromkeys(u for u in self.units_of if u and u not in self.names))

    @property
    def told(self) -> tuple[bool, ...]:
        """Which channels tell an intensity: those with a unit, whose maximum stands out."""
        return tuple(
            bool(unit) and bool(rest >= 0 and most >= STANDS_OUT * rest and most > 0)
            for unit, rest, most in zip(self.units_of, self.rest, self.most, strict=True)
        )

    def intensities(self, envelope: npt.ArrayLike) -> dict[str, float]:
        """Return the intensity (0 to 1) of each unit, from one sample of all envelopes.

        A unit of several channels gets their mean. A unit without a finite envelope is missing.
        """
        rest, most = np.array(self.rest), np.array(self.most)
        span = np.where(self.told, most - rest, np.nan)
        share = np.clip((np.asarray(envelope, dtype=np.float64) - rest) / span, 0.0, 1.0)
        found: dict[str, list[float]] = {}
        for unit, value in zip(self.units_of, share.tolist(), strict=True):
            if np.isfinite(value):
                found.setdefault(unit, []).append(value)
        return {unit: sum(values) / len(values) for unit, values in found.items()}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the levels to one JSON file.

        Parameters
        ----------
        path : ".json" is appended if it is missing

        Raises
        ------
        FileExistsError : `path` exists
        """
        path = Path(path)
        path = path if path.suffix == ".json" else path.with_name(path.name + ".json")
        with recording.atomic_path(path) as beside:
            beside.write_text(json.dumps(self._content(), indent=1), encoding="utf-8")
        return path

    def _content(self) -> dict[str, Any]:
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"format": _FORMAT, **content, "chain": json.loads(self.chain.to_json())}

    def _rows(self) -> list[str]:
        rows = zip(self.channel, self.units_of, self.rest, self.most, strict=True)
        return [
            f"- {name}: {unit or 'no unit'}, rest {rest:.3g}, maximum {most:.3g} {self.units}"
            for name, unit, rest, most in rows
        ]

    def __repr__(self) -> str:
        return f"<Proportional {' '.join(self.names)}, {self.maximum}, {self.rate:.4g} Hz>"


def load_levels(path: str | os.PathLike[str]) -> Proportional:
    """Read levels written by `Proportional.save`.

    Raises
    ------
    FileNotFoundError : `path` does not exist
    ValueError : not levels of emgnb, or damaged
    """
    path = Path(path)
    try:
        found = recording.parsed(path.read_text(encoding="utf-8"), str(path))
        if not isinstance(found, dict) or found.pop("format", None) != _FORMAT:
            raise ValueError(f"no {_FORMAT!r}")
        found["chain"] = filters.Chain.from_json(json.dumps(found["chain"]))
        for name in ("channel", "units_of"):
            found[name] = tuple(map(str, found[name]))
        for name in ("rest", "most"):
            found[name] = tuple(map(float, found[name]))
        return Proportional(**{**found, "rate": float(found["rate"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} does not hold levels written by Proportional.save ({error}): measure them "
            f"again with live.proportional(session)"
        ) from error


def proportional(
    session: xr.DataTree | xr.DataArray,
    *,
    rest: Sequence[tuple[float, float]] | None = None,
    most: Sequence[tuple[float, float]] | None = None,
    chain: filters.Chain | None = None,
    aus: Mapping[str, str] | None = None,
) -> Proportional:
    """Measure the levels of each channel at rest and at maximum, for intensities live.

    Parameters
    ----------
    session : recording of rest and of strong contractions of every muscle
    rest : intervals (s) of rest; by default from each marker that requests it, such as "baseline"
        or "end", to the next marker
    most : intervals (s) of maximum contractions of any muscle; by default those of the markers
        "mvc …", or of all expressions if there are none ("comfortable" maximum). An expression
        counts for the channels whose units it moves, see `facs.EXPRESSIONS`: in the others it is
        crosstalk. An expression that is not in the table counts for all channels
    chain : filters from the signal to the envelope, which must run live; by default band-pass and
        notch for the mains that is present, and a 10 Hz envelope
    aus : channel → action unit such as "L12", for channels whose muscle is not known; by default
        the first unit of the channel's muscle in `facs.MUSCLES`, with its side

    Returns
    -------
    Proportional. Rest is the median of the envelope, maximum the median of what exceeds half of
    its peak, in the interval in which it is largest; 0 if no expression moves the channel's units.
    NaN and invalid samples are left out

    Raises
    ------
    TypeError : neither a signal nor a session
    ValueError : no rest or no contraction is marked, no channel tells an action unit, or the
        chain does not run live or suit the signal
    """
    x = recording.emg(session)
    marked = _spans(session) if isinstance(session, xr.DataTree) else {}
    quiet = marked.get("rest", []) if rest is None else [_Asked(*each) for each in rest]
    strongest = marked.get(MVC) or marked.get(TRIAL, [])
    if most is not None:
        strongest = [_Asked(*each) for each in most]
    if not quiet or not strongest:
        raise ValueError(
            f"{len(quiet)} intervals of rest and {len(strongest)} of contraction found, expected "
            f"one or more of each: mark 'baseline', 'mvc smile', 'end' … during the recording, or "
            f"pass rest=[(from, to)] and most=[(from, to)] in s"
        )
    chain = chain or _default_chain(x)
    envelope = chain.causal(x)
    units = _units(x, aus or {})
    return Proportional(
        channel=tuple(units),
        units_of=tuple(each[0] if each else "" for each in units.values()),
        rest=tuple(_medians(envelope, quiet)),
        most=tuple(_maxima(envelope, strongest, units)),
        units=str(x.attrs["units"]),
        rate=_nominal(x),
        chain=chain,
        maximum="mvc" if most is not None or marked.get(MVC) else "comfortable",
    )


def _default_chain(x: xr.DataArray) -> filters.Chain:
    kinds = {str(kind) for kind in x["signal_kind"].values}
    if kinds == {"envelope"}:
        return filters.Chain(filters.LowPass(2 * CUTOFF))
    if kinds == {"rectified"}:
        return filters.Chain(filters.Envelope(CUTOFF))
    return filters.Chain(*filters.preset_for(x, live=True).steps, filters.Envelope(CUTOFF))


def _units(x: xr.DataArray, aus: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the action units of each channel's muscle, with its side; none if it is not known."""
    rows = zip(*(x[name].values.astype(str) for name in ("channel", "muscle", "side")), strict=True)
    found = {}
    for name, muscle, side in rows:
        known = facs.MUSCLES[muscle].aus if muscle in facs.MUSCLES else ()
        found[str(name)] = [facs.code(au, _SIDE.get(side, "")) for au in known]
        if name in aus:
            found[str(name)] = [aus[name]] if aus[name] else []
    return found


def _spans(session: xr.DataTree) -> dict[str, list[_Asked]]:
    """Return the intervals that markers request, by kind ("rest", "mvc", "trial")."""
    found: dict[str, list[_Asked]] = {}
    if "markers" not in session.children:
        return found
    marks = session["markers"].to_dataset()
    time = marks["time"].values.astype(float)
    last = float(recording.emg(session)["time"][-1])
    for begin, until, text in zip(time, [*time[1:], last], marks["text"].values, strict=True):
        kind, name = ("rest", "") if str(text) in RESTING else asked(str(text))
        if kind and until > begin + REACTION:
            found.setdefault(kind, []).append(_Asked(float(begin + REACTION), float(until), name))
    return found


def _maxima(
    envelope: xr.DataArray, spans: Sequence[_Asked], units: Mapping[str, Sequence[str]]
) -> list[float]:
    """Return the level of each channel in the expressions that move it; 0 without any."""
    found: dict[str, float] = {}
    for i, codes in enumerate(units.values()):
        own = [(span.begin, span.end) for span in spans if _moves(span.expression, codes)]
        if own:
            found |= dynamics.mvc_levels(envelope.isel(channel=[i]), own)
    return [found.get(name, 0.0) for name in units]


def _moves(expression: str, codes: Sequence[str]) -> bool:
    """Return whether an expression moves one of these units; yes where nothing is known."""
    known = facs.EXPRESSIONS.get(expression)
    return known is None or not codes or any(map(known.moves, codes))


def _medians(x: xr.DataArray, spans: Sequence[_Asked]) -> list[float]:
    time = x["time"].values
    inside = np.zeros(time.size, dtype=bool)
    for begin, until, _ in spans:
        inside |= (time >= begin) & (time < until)
    inside &= x["valid"].values.astype(bool)
    if not inside.any():
        times = [(span.begin, span.end) for span in spans]
        raise ValueError(f"no valid sample in the intervals of rest, {times} s")
    rows = x.transpose("time", "channel").values[inside].astype(np.float64)
    return [
        float(max(np.nanmedian(column), 0.0)) if np.isfinite(column).any() else 0.0
        for column in rows.T
    ]


def _nominal(x: xr.DataArray) -> float:
    """Return the nominal rate of a signal in Hz, if it is near the measured one."""
    rate = recording.sampling_rate(x)
    nominal = float(x.attrs.get("nominal_rate", rate))
    return nominal if abs(nominal - rate) <= windows.SAME_RATE * rate else rate
