"""Find and delete all data of a participant who withdraws."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from emgnb.acquire.record import health
from emgnb.interop._tables import without_rows
from emgnb.interop._traces import RECORDING, Trace, search
from emgnb.recording.files import settle

# Copies that no program can find in a folder.
ELSEWHERE = (
    "copies outside the folder: backups, synchronised folders, other computers, other people",
    "the list that links the code to a name, and the signed consent",
    "files that neither contain the code nor are named by it, such as CSV exports and label files",
    "published figures and numbers, and open notebooks",
    "the disk itself: deleted files can be restored until they are overwritten",
)


@dataclass(frozen=True)
class Forgotten:
    """What was found of a participant, and what was deleted.

    participant, folder : that were searched for, and in
    traces : what came from the participant
    left : what mentions the participant or could not be examined or deleted, in sentences
    deleted : whether `traces` were deleted, or only listed
    """

    participant: str
    folder: Path
    traces: tuple[Trace, ...]
    left: tuple[str, ...]
    deleted: bool

    def __str__(self) -> str:
        done = "deleted" if self.deleted else "would be deleted"
        size = sum(each.size for each in self.traces)
        lines = [
            f"participant {self.participant} in {self.folder}: {len(self.traces)} found "
            f"({size / 1e6:.1f} MB), {done}"
        ]
        lines += [
            f"  {each.what:18} {_below(each.path, self.folder)}"
            + (f" ({each.rows} rows)" if each.rows else "")
            for each in self.traces
        ]
        lines += [f"! {each}" for each in self.left]
        return "\n".join([*lines, "not reached:", *(f"  {each}" for each in ELSEWHERE)])


def forget(
    participant: str, folder: str | os.PathLike[str] = ".", *, delete: bool = False
) -> Forgotten:
    """List, or delete, all data of a participant below a folder.

    Found are recordings and journals, sessions and sessions derived from them, stored windows and
    features (also with those of other people, because they can be computed again), models trained
    or calibrated with the participant's data, rows of tables, EMG-BIDS data, reports of evaluations
    and of processed studies, and files named by the participant's code. Text files that mention the
    code, such as notebooks, are listed and not deleted. In binary files of other programs, only the
    first 4 kB are searched.

    Parameters
    ----------
    participant : code of the participant, exactly as recorded
    folder : searched with all its subfolders; links are not followed
    delete : delete what was found; otherwise nothing is changed

    Returns
    -------
    Report of what was found, what was deleted, and what must be done by hand

    Raises
    ------
    ValueError : `participant` is empty
    FileNotFoundError : no such folder
    RuntimeError : a recording of the participant is still running; nothing was deleted
    """
    code, root = participant.strip(), Path(folder).expanduser().resolve()
    if not code:
        raise ValueError("participant is empty: give the code of the person who withdraws")
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    traces, left = search(root, code)
    if not delete:
        return Forgotten(code, root, tuple(traces), tuple(left), deleted=False)
    _need_stopped(code, traces)
    troubles = [trouble for each in traces if (trouble := _delete(each, root, code))]
    remaining, left = search(root, code)
    kept = {trouble.partition(":")[0] for trouble in troubles}
    troubles += [f"{each.path}: not deleted" for each in remaining if str(each.path) not in kept]
    return Forgotten(code, root, tuple(traces), (*troubles, *left), deleted=True)


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _need_stopped(code: str, traces: list[Trace]) -> None:
    for each in traces:
        found = health.read(each.path) if each.what == RECORDING else None
        if found is not None and found.is_alive:
            raise RuntimeError(
                f"a recording of {code} is running in {each.path}: stop it first (emgnb stop "
                f"{each.path}). Nothing was deleted"
            )


def _delete(trace: Trace, root: Path, code: str) -> str:
    """Delete a trace, and folders that become empty; return what went wrong."""
    try:
        if trace.rows:
            _rewrite(trace.path, without_rows(trace.path, code)[0])
        elif trace.path.is_dir() and not trace.path.is_symlink():
            shutil.rmtree(trace.path)
        else:
            trace.path.unlink(missing_ok=True)
    except OSError as error:
        return f"{trace.path}: not deleted ({error.strerror or error})"
    _remove_empty(trace.path.parent, root)
    return ""


def _rewrite(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    settle(fresh)  # the rows of others must outlive a power cut
    shutil.copymode(path, fresh)
    fresh.replace(path)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
