"""Process a recording in one call: cleaned signal, envelope, bursts, quality, features.

`process` chooses methods that suit the recording, as in the notebooks, and returns plain labelled
arrays. To use another filter or threshold, call the same functions one by one; `Processed.chain`
shows the filters that were used.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import xarray as xr

from emgnb import detect, features, filters, labels, quality, recording, windows
from emgnb._vocabulary import JOURNAL, SESSION
from emgnb.interop import corpora
from emgnb.quality import Verdict
from emgnb.recording.urls import located

if TYPE_CHECKING:
    import plotly.graph_objects as go

Piece = TypeVar("Piece")

# Cut-off (Hz) of the envelope. It follows held expressions; 20 Hz would follow bursts under 200 ms.
SMOOTH = 6.0
_NEEDS = "it needs the "
Reader = Callable[[Path], xr.DataTree | list[xr.DataTree]]
READERS: dict[str, tuple[Reader, ...]] = {
    ".csv": (corpora.read_paper_rows, corpora.read_paper_capture),
    ".json": (corpora.read_envelope_json,),
    ".txt": (corpora.read_face_films,),
}


@dataclass(frozen=True, eq=False)
class Processed:
    """A processed recording.

    Attributes
    ----------
    source : path of the recording, or "session"
    session : the recording as opened
    quality : `quality.report` of the recorded signal, by channel and over time
    verdict : `quality.is_physiology` of the session
    missing : result that could not be computed → reason; accessing that result raises the same text
    """

    source: str
    session: xr.DataTree
    quality: xr.Dataset
    verdict: Verdict
    missing: Mapping[str, str]
    _pieces: Mapping[str, Any] = field(repr=False)

    @property
    def chain(self) -> filters.Chain:
        """Filters that produced `clean`."""
        return self._piece("chain", filters.Chain)

    @property
    def clean(self) -> xr.DataArray:
        """Signal (time, channel) with artefacts filtered out, in the recording's unit."""
        return self._piece("clean", xr.DataArray)

    @property
    def envelope(self) -> xr.DataArray:
        """Envelope (time, channel) of `clean`, in the recording's unit."""
        return self._piece("envelope", xr.DataArray)

    @property
    def bursts(self) -> xr.Dataset:
        """Event table of `detect.bursts`: onset, apex, offset (s), channel, snr (dB), peak."""
        return self._piece("bursts", xr.Dataset)

    @property
    def trials(self) -> xr.Dataset:
        """Trials of `labels.trials`: onset, offset (s), label."""
        return self._piece("trials", xr.Dataset)

    @property
    def features(self) -> xr.Dataset:
        """Features (trial, channel), each the mean over the windows of a trial, with `label`."""
        return self._piece("features", xr.Dataset)

    def _piece(self, name: str, kind: type[Piece]) -> Piece:
        if name in self.missing:
            raise ValueError(f"no {name}: {self.missing[name]}")
        piece = self._pieces[name]
        assert isinstance(piece, kind)
        return piece

    def plot(self) -> go.Figure:
        """Plot the cleaned signal with its envelope, the trials, and a lane of bursts per channel.

        Raises
        ------
        ValueError : there is no cleaned signal; gives the reason
        ImportError : plotly is not installed
        """
        from emgnb import plots

        clean = self.clean
        options: dict[str, Any] = {
            "compare": self.envelope,
            "names": ("clean", "envelope"),
            "labels": self._pieces.get("trials"),
            "title": Path(self.source).name,  # the page may be passed on
        }
        if "bursts" in self.missing or not self.bursts.sizes["event"]:
            return plots.signal(clean, **options)
        return plots.events(clean, self.bursts, **options)

    def __repr__(self) -> str:
        rows = {
            "source": self.source,
            "signal": _signal_line(recording.emg(self.session)),
            "looks": f"{self.verdict.word}: {self.verdict.looks_like}",
            "quality": _quality_line(self.quality),
            **{name: self._line(name) for name in _LINES},
        }
        return "\n".join(f"{name:10} {text}" for name, text in rows.items())

    def _line(self, name: str) -> str:
        if name in self.missing:
            why = self.missing[name]
            return f"none: {why.partition(', and ')[0] if why.startswith(_NEEDS) else why}"
        return _LINES[name](self._pieces[name])


def process(
    source: str | os.PathLike[str] | xr.DataTree,
    *,
    kind: str | None = None,
    mains: float | None = None,
    false_alarms: float = 0.5,
    reaction: float = 0.3,
) -> Processed:
    """Clean a recording and compute its envelope, bursts, trials, features and quality.

    The signal is filtered by `filters.preset_for`, its envelope is low-pass filtered at 6 Hz, and
    bursts are found by `detect.bursts`. If there are markers, trials are extracted, and for each
    trial the features "hudgins" ("envelope" for an envelope sensor), averaged over windows of
    0.2 s every 0.05 s. Nothing is written.

    Parameters
    ----------
    source : a session store or its URL (s3://…), a recording's folder, a folder of recordings (the
        newest is taken), a file that a reader of `emgnb.interop.corpora` can read, or an opened
        session
    kind : "raw", "rectified" or "envelope", for a recording with channels of several kinds: only
        these channels are used
    mains : 50 or 60 Hz; by default the one that stands out more
    false_alarms : false bursts per minute and channel, allowed from noise at rest
    reaction : reaction time (s) after a cue, cut off each trial

    Returns
    -------
    Processed; lost samples are NaN with `valid` False in `clean` and `envelope`. Results that
    cannot be computed (trials without markers, a clean signal at 20 Hz) are in its `missing`, with
    the reason

    Raises
    ------
    FileNotFoundError : no such path
    ValueError : no session, no reader for the file, several recordings in it, or no channel of
        `kind`; says what was found
    """
    session = source if isinstance(source, xr.DataTree) else opened(source)
    if kind is not None:
        session = _only(session, kind)
    x = recording.emg(session)
    made = _Pieces()
    missing: dict[str, str] = {}
    for name, make in _steps(session, x, mains, false_alarms, reaction).items():
        try:
            made[name] = make(made)
        except _Lacking as error:
            why = missing[str(error)]
            missing[name] = why if why.startswith(_NEEDS) else f"{_NEEDS}{error}, and {why}"
        except ValueError as error:
            missing[name] = str(error)
    where = "session" if isinstance(source, xr.DataTree) else os.fspath(source)
    verdict = quality.is_physiology(session)
    return Processed(where, session, quality.report(x), verdict, missing, made)


def opened(path: str | os.PathLike[str]) -> xr.DataTree:
    """Open a session, the newest session of a folder, or a file that a reader can read.

    Raises
    ------
    FileNotFoundError, ValueError : see `process`
    """
    place = located(path)
    if isinstance(place, str):
        return recording.open(place)
    path = place
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}: check the name")
    if not path.is_dir():
        return _read(path)
    if (path / "zarr.json").is_file():
        return recording.open(path)
    newest = path / SESSION if (path / SESSION).is_dir() else recording.latest(path)
    if newest is not None:
        return recording.open(newest)
    if (path / JOURNAL).is_file():
        raise ValueError(
            f"{path} contains a journal and no session. Stop the recording (emgnb stop "
            f"{path}), or recover it (emgnb recover {path})"
        )
    raise FileNotFoundError(f"no session in {path}. Record one, or give a file")


def _read(path: Path) -> xr.DataTree:
    """Read a file with the first reader that supports its layout."""
    readers = READERS.get(path.suffix.lower(), ())
    if not readers:
        raise ValueError(
            f"{path}: no reader for {path.suffix or 'a file without ending'}; expected sessions "
            f"(.zarr) and {', '.join(READERS)}"
        )
    found = []
    for reader in readers:
        try:
            read = reader(path)
        except ValueError as error:
            found.append(str(error))
            continue
        if isinstance(read, xr.DataTree):
            return read
        name = getattr(reader, "__name__", "reader")
        raise ValueError(
            f"{path} holds {len(read)} recordings. Choose one, such as "
            f"emgnb.process(interop.corpora.{name}(path)[0])"
        )
    raise ValueError("; ".join(found))


def _only(session: xr.DataTree, kind: str) -> xr.DataTree:
    x = recording.emg(session)
    kinds = x["signal_kind"].values.astype(str)
    if kind not in kinds:
        raise ValueError(f"kind={kind!r}: the recording has {', '.join(sorted(set(kinds)))}")
    return recording.with_signal(session, x.isel(channel=kinds == kind))


class _Lacking(Exception):  # noqa: N818 - named after the fact
    """A result that another one needs was not computed."""


class _Pieces(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        raise _Lacking(name)


def _steps(
    session: xr.DataTree,
    x: xr.DataArray,
    mains: float | None,
    false_alarms: float,
    reaction: float,
) -> dict[str, Callable[[_Pieces], Any]]:
    """Return the function that computes each result from the previous ones."""
    return {
        "chain": lambda made: _chain_for(x, mains),
        "clean": lambda made: made["chain"](x),
        "envelope": lambda made: _envelope(made["clean"]),
        "bursts": lambda made: detect.bursts(made["clean"], false_alarms=false_alarms),
        "trials": lambda made: labels.trials(session, reaction=reaction),
        "features": lambda made: _by_trial(
            recording.with_signal(session, made["clean"]), made["trials"]
        ),
    }


def _chain_for(x: xr.DataArray, mains: float | None) -> filters.Chain:
    if set(x["signal_kind"].values.tolist()) == {"rectified"}:
        return filters.Chain(filters.Envelope(SMOOTH), filters.Baseline())
    return filters.preset_for(x, mains=mains)


def _envelope(clean: xr.DataArray) -> xr.DataArray:
    if set(clean["signal_kind"].values.tolist()) == {"envelope"}:
        return clean
    return filters.Chain(filters.Rectify(), filters.Envelope(SMOOTH))(clean)


def _by_trial(session: xr.DataTree, trials: xr.Dataset) -> xr.Dataset:
    """Average the features over the windows of each trial."""
    cut = windows.cut(session, trials)
    kinds = set(cut["signal_kind"].values.tolist())
    table = features.extract(cut, "envelope" if kinds == {"envelope"} else "hudgins")
    units = {name: variable.attrs for name, variable in table.data_vars.items()}
    mean = table.drop_vars(["label", "participant", "session", "time"]).groupby("trial").mean()
    for name, attrs in units.items():
        mean[name].attrs = attrs
    of = trials["label"].sel(trial=mean["trial"]).values
    mean = mean.assign_coords(label=("trial", of))
    mean.attrs = table.attrs
    return recording.with_history(mean, "mean", over="windows of a trial")


def _signal_line(x: xr.DataArray) -> str:
    rows, channels = x.sizes["time"], x.sizes["channel"]
    rate = recording.measured_rate(x)
    kinds = " and ".join(sorted(set(x["signal_kind"].values.tolist())))
    return (
        f"{rows / rate:.1f} s, {channels} channels, {kinds} in {x.attrs['units']}, "
        f"{rate:.2f} Hz, {x.attrs.get('lost', 0)} samples lost"
    )


def _quality_line(report: xr.Dataset) -> str:
    grades = quality.grades(report)
    names = [name for name in quality.LIMITS if name in grades]
    found = []
    for word, grade in (("bad", 2), ("suspect", 1)):
        at = {name: int((grades[name] == grade).sum()) for name in names}
        if listed := [f"{name} of {count}" for name, count in at.items() if count]:
            found.append(f"{word}: {', '.join(listed)} channels")
    return "; ".join(found) or "good"


def _clean_line(clean: xr.DataArray) -> str:
    share = 1.0 - float(clean["valid"].mean()) if "valid" in clean.coords else 0.0
    return (
        f"{' × '.join(f'{size} {dim}' for dim, size in clean.sizes.items())}, {share:.1%} invalid"
    )


def _trials_line(trials: xr.Dataset) -> str:
    count = Counter(trials["label"].values.tolist())
    return f"{trials.sizes['trial']}: " + ", ".join(f"{n} × {name}" for name, n in count.items())


def _features_line(table: xr.Dataset) -> str:
    return f"{', '.join(map(str, table.data_vars))} of {table.sizes['trial']} trials"


_LINES: dict[str, Callable[[Any], str]] = {
    "chain": lambda chain: str(chain).partition("\n")[0],
    "clean": _clean_line,
    "envelope": lambda envelope: f"low-pass {SMOOTH:g} Hz, in {recording.unit_of(envelope)}",
    "bursts": lambda bursts: f"{bursts.sizes['event']} events",
    "trials": _trials_line,
    "features": _features_line,
}
