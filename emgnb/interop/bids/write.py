"""Write a study as a data set in EMG-BIDS."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import emgnb
from emgnb import recording
from emgnb.interop import sharing
from emgnb.interop.bids import _bdf, _events, _run
from emgnb.interop.datasheets import DataSheet
from emgnb.interop.label_files.cells import write_cells

VERSION = "1.11.0"
# Runs of a recording from which on `bridge` is suggested.
MANY = 20
_HELD = ("/", "/emg", "/markers", "/labels")
_README = """# {name}

Facial EMG in EMG-BIDS {version}, written by emgnb {emgnb}.
{people} participants, {count} recordings.

- A recording with lost samples has a run for each uninterrupted part; `emgnb` in `*_emg.json`
  says to which recording a run belongs, and where.
- Samples that single channels lack are 0 in the files and marked as `BAD_missing` in
  `*_events.tsv`; `BAD_padding` marks samples that fill the last record of a BDF file.
- Left and right are the participant's.

{sheet}"""


def write_bids(
    sessions: Iterable[xr.DataTree | str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    name: str = "Facial EMG",
    task: str = "face",
    authors: Iterable[str] = (),
    mains: float | None = None,
    reference: str = "bipolar: both electrodes of a pair lie over the muscle",
    bridge: float = 0.0,
    despite_consent: str | None = None,
    progress: Callable[[int, str], None] | None = None,
) -> list[str]:
    """Write sessions of one or many people as a new data set in EMG-BIDS 1.11. Requires edfio.

    Samples are stored with 24 bits over the range of each channel in each run, so that they are
    exact within half a step: range / 2²⁴. A part without any sample of any channel separates two
    runs. Each session is held in memory while it is written; the folder appears when it is
    complete. README.md holds a data sheet of the study (see `data_sheet`).

    Parameters
    ----------
    sessions : sessions, or paths of stored ones, in any order; `participant` is required and
        becomes the label ``sub-``, `session` the label ``ses-``, both without punctuation
    folder : folder to create
    name, authors : of the data set
    task : name of the task, in all file names
    mains : Hz, power line frequency; by default that of the session, or of its filters
    reference : description of the reference electrodes
    bridge : s; runs that at most so long a gap separates become one, with 0 in the gap and an event
        "BAD_missing". Useful for recordings that often lose single samples
    despite_consent : reason to export sessions whose consent says that they are not shared
    progress : called with the number of sessions that are written, and the name of the last

    Returns
    -------
    Sentences about what the files do not hold, and which attributes may identify a person

    Raises
    ------
    FileExistsError : `folder` exists; existing data sets are never changed
    ImportError : edfio is not installed
    ValueError : no session, one without participant or sample, an irregular clock, values that a
        BDF header cannot hold, or a consent that does not allow to share the data
    """
    if not _plain(task):
        raise ValueError(f"task={task!r}, expected letters or digits")
    if not bridge >= 0:
        raise ValueError(f"bridge={bridge!r}, expected 0 s or more")
    with recording.atomic_path(folder) as beside:
        beside.mkdir()
        study = _Study(beside, task, mains, reference, bridge)
        for count, each in enumerate(sessions, 1):
            session = each if isinstance(each, xr.DataTree) else recording.open(each)
            recording.check(session)
            recording.need_sharing(session, despite_consent=despite_consent)
            stem = study.add(session)
            if progress is not None:
                progress(count, stem)
        if not study.recordings:
            raise ValueError("no session: expected at least one")
        study.finish(name, list(authors), despite_consent)
    return list(dict.fromkeys(study.said))


class _Study:
    """Data set in writing: its folder, the runs of each session, and remarks."""

    def __init__(
        self, folder: Path, task: str, mains: float | None, reference: str, bridge: float
    ) -> None:
        self.folder, self.task, self.mains, self.reference = folder, task, mains, reference
        self.bridge = bridge
        self.people: dict[str, str] = {}
        self.places: dict[str, list[list[str]]] = {}
        self.runs: dict[str, list[list[str]]] = {}
        self.recordings: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.said: list[str] = []
        self.sheet = DataSheet()

    def add(self, session: xr.DataTree) -> str:
        """Write one session; return the beginning of its file names."""
        person = str(session.attrs.get("participant") or "")
        subject = self._label("participant", person, "sub-")
        self.people[subject] = person
        visit = str(session.attrs.get("session") or "")
        stem, folder = subject, self.folder / subject
        if visit:
            label = self._label("session", visit, f"{subject}_ses-")
            stem, folder = label, folder / label.removeprefix(f"{subject}_")
        folder = folder / "emg"
        folder.mkdir(parents=True, exist_ok=True)
        self.recordings[stem] = self.recordings.get(stem, 0) + 1
        self._remark(session, stem)
        self._electrodes(recording.emg(session), folder, stem)
        self._runs(session, folder, stem)
        self.sheet.add(session)
        return stem

    def _label(self, what: str, text: str, prefix: str) -> str:
        """Return a label in letters and digits; raise ValueError if two names share one."""
        if not _plain(text):
            raise ValueError(
                f"a session has {what} {text!r}: expected a code with letters or digits. Set it: "
                f"session.attrs[{what!r}] = 'P07'"
            )
        made = prefix + _plain(text)
        if self.names.setdefault(made.lower(), text) != text:
            raise ValueError(
                f"the {what}s {self.names[made.lower()]!r} and {text!r} have the same label "
                f"{made!r} in BIDS: rename one"
            )
        return made

    def _remark(self, session: xr.DataTree, stem: str) -> None:
        nodes = {node.path for node in session.subtree}
        other = sorted(p.strip("/") for p in nodes if p not in _HELD and p[:8] != "/labels/")
        self.said += [f"{path} is not in the data set" for path in other]
        self.said += [f"{stem}: {each}" for each in sharing.not_anonymous(session)]
        if not session.attrs.get("consent"):
            self.said.append(f"{stem}: the session states no consent")

    def _electrodes(self, x: xr.DataArray, folder: Path, stem: str) -> None:
        heading, rows, system = _run.electrode_rows(x)
        known = self.places.setdefault(stem, rows)
        if known is not rows:
            if known != rows:
                self.said.append(f"{stem}: electrodes of later recordings differ from the first's")
            return
        write_cells(folder / f"{stem}_electrodes.tsv", heading, rows, delimiter="\t")
        _write_json(folder / f"{stem}_space-face_coordsystem.json", system)

    def _runs(self, session: xr.DataTree, folder: Path, stem: str) -> None:
        x = recording.emg(session)
        rate, values = recording.sampling_rate(x), x.values
        valid = x["valid"].values.astype(bool)
        found = _run.segments(values, round(self.bridge * rate))
        if not found:
            raise ValueError(f"{stem}: no channel has a sample")
        if len(found) > MANY:
            self.said.append(
                f"{stem} is cut into {len(found)} runs by lost samples: bridge= joins short gaps"
            )
        start = float(x["time"][0])
        begins = [start + first / rate for first, _ in found]
        events = _events.events_of(session)
        home = np.clip(np.searchsorted(begins, [e["onset"] for e in events], "right") - 1, 0, None)
        origin = self._origin(session, x, rate, start, stem)
        for k, (first, last) in enumerate(found):
            number = len(self.runs.setdefault(stem, [])) + 1
            file = f"{stem}_task-{_plain(self.task)}_run-{number:02d}"
            part = x.isel(time=slice(first, last))
            own = [e for e, at in zip(events, home, strict=True) if at == k]
            own += _events.sample_events(
                values[first:last], valid[first:last], rate, _run.labels_of(x)
            )
            place = {"first": first, "samples": last - first}
            extra = self._write_run(session, part, folder / file, rate, begins[k], origin | place)
            if extra:
                own.append(_events.padding_event(last - first, extra, rate))
            self.said += _events.write_events(folder / f"{file}_events.tsv", own, begins[k])
            _write_json(folder / f"{file}_events.json", _events.sidecar(session))
            when = _when(session, begins[k])
            path = (folder / f"{file}_emg.bdf").relative_to(self.folder / stem.split("_")[0])
            cell = "n/a" if when is None else when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.runs[stem].append([path.as_posix(), cell])

    def _origin(
        self, session: xr.DataTree, x: xr.DataArray, rate: float, start: float, stem: str
    ) -> dict[str, Any]:
        """Return what emg.json says about the recording that a run belongs to."""
        return {
            "recording": self.recordings[stem],
            "recording_samples": x.sizes["time"],
            "start": start,
            "rate": rate,
            "channels": [str(each) for each in x["channel"].values],
            "session": dict(session.attrs),
            "signal": dict(x.attrs),
        }

    def _write_run(
        self,
        session: xr.DataTree,
        x: xr.DataArray,
        stem: Path,
        rate: float,
        start: float,
        origin: Mapping[str, Any],
    ) -> int:
        unit, factor = _run.UNITS[x.attrs["units"]]
        values = x.values.astype(np.float64) * factor
        seen = np.atleast_1d(np.isfinite(values).any(axis=0))
        labels = _run.labels_of(x)
        # EDF writes an empty field for data without a unit.
        units = ["" if unit == "n/a" else unit] * len(labels)
        when = _when(session, start)
        path = stem.with_name(f"{stem.name}_emg.bdf")
        extra = _bdf.write(path, np.nan_to_num(values), rate, labels, units, when)
        about = _run.emg_json(
            session,
            x,
            rate,
            len(values),
            task=self.task,
            mains=self.mains,
            reference=self.reference,
        )
        _write_json(stem.with_name(f"{stem.name}_emg.json"), about | {"emgnb": dict(origin)})
        rows = _run.channel_rows(x, rate, seen)
        write_cells(
            stem.with_name(f"{stem.name}_channels.tsv"), _run.HEADINGS, rows, delimiter="\t"
        )
        _write_json(stem.with_name(f"{stem.name}_channels.json"), _run.channels_json())
        return extra

    def finish(self, name: str, authors: list[str], despite_consent: str | None) -> None:
        """Write the files of the data set as a whole, and scans.tsv of each session."""
        for stem, rows in self.runs.items():
            subject, _, visit = stem.partition("_")
            place = self.folder / subject / visit if visit else self.folder / subject
            lines = [[path.removeprefix(f"{visit}/"), when] for path, when in rows]
            scans = place / f"{stem}_scans.tsv"
            write_cells(scans, ["filename", "acq_time"], lines, delimiter="\t")
        made: dict[str, Any] = {"Name": name, "BIDSVersion": VERSION, "DatasetType": "raw"}
        made |= {"Authors": authors} if authors else {}
        made["GeneratedBy"] = [{"Name": "emgnb", "Version": emgnb.__version__}]
        _write_json(self.folder / "dataset_description.json", made)
        people = sorted(self.people)
        lines = [[each, "homo sapiens"] for each in people]
        table = self.folder / "participants.tsv"
        write_cells(table, ["participant_id", "species"], lines, delimiter="\t")
        _write_json(
            self.folder / "participants.json",
            {
                "participant_id": {"Description": "code of the participant"},
                "species": {"Description": "species of the participant"},
            },
        )
        text = _README.format(
            name=name,
            version=VERSION,
            emgnb=emgnb.__version__,
            people=len(people),
            count=sum(self.recordings.values()),
            sheet=self.sheet.text(authors=authors, despite_consent=despite_consent),
        )
        (self.folder / "README.md").write_text(text, encoding="utf-8")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _when(session: xr.DataTree, start: float) -> datetime | None:
    """Return the UTC time at which a run begins; None if the session states no start."""
    try:
        began = datetime.fromisoformat(str(session.attrs.get("started", "")))
    except ValueError:
        return None
    aware = began.replace(tzinfo=UTC) if began.tzinfo is None else began.astimezone(UTC)
    when = aware + timedelta(seconds=start)
    return when if 1985 <= when.year <= 2084 else None


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, default=np.generic.item)
    path.write_text(text + "\n", encoding="utf-8")
