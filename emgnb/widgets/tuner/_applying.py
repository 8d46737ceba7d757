"""Controls to apply a filter chain to stored sessions, with progress and results."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets
import xarray as xr

from emgnb import filters, recording
from emgnb.filters import Chain
from emgnb.widgets.shared.panel import said

Progress = Callable[[int, float], None]
_LISTED = 3  # maximum number of paths listed in a message


def filtered_by(x: xr.DataArray) -> str:
    """Return the names of filters in the history of a signal; "" for none."""
    chains = [line["chain"] for line in recording.history(x) if line["step"] == "filter"]
    return ", ".join(str(step["step"]) for chain in chains for step in chain)


class Applying(ipywidgets.VBox):  # type: ignore[misc]
    """Controls to filter stored sessions.

    Parameters
    ----------
    chain : returns the current chain

    Attributes
    ----------
    error : last error, None after a success
    said : text of the message below the controls
    """

    def __init__(self, chain: Callable[[], Chain]) -> None:
        self.error: Exception | None = None
        self.said = ""
        self._chain = chain
        self._thread: threading.Thread | None = None
        self._cancelled = threading.Event()
        self.paths = ipywidgets.Text(
            placeholder="recordings/*/session.zarr", description="sessions", layout={"width": "60%"}
        )
        self.again = ipywidgets.Checkbox(
            description="include filtered sessions", indent=False, layout={"width": "auto"}
        )
        self.button = ipywidgets.Button(
            description="Apply to sessions",
            icon="play",
            tooltip="write each filtered session to a new store in the same folder",
            layout={"width": "auto"},
        )
        self.cancel = ipywidgets.Button(
            description="Cancel", icon="stop", disabled=True, layout={"width": "auto"}
        )
        self.progress = ipywidgets.FloatProgress(max=1.0, layout={"width": "160px"})
        self.button.on_click(lambda _: self.start())
        self.cancel.on_click(lambda _: self._cancelled.set())
        self._line = ipywidgets.HTML()
        row = [self.paths, self.button, self.cancel, self.progress, self.again]
        super().__init__([ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}), self._line])

    @property
    def running(self) -> bool:
        """Whether sessions are being filtered."""
        return self._thread is not None and self._thread.is_alive()

    def end(self) -> None:
        """Stop after the current part."""
        self._cancelled.set()

    def start(self) -> None:
        """Filter the sessions that match the pattern in a thread; show errors as a message."""
        try:
            self._begin()
        except (ValueError, OSError, RuntimeError) as error:
            self._fail(error)

    def apply(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        again: bool,
        progress: Progress | None = None,
    ) -> list[Path]:
        """Filter stores into new ones in the same folders; see `Tuner.apply`."""
        chain, sources = self._chain(), [Path(path) for path in paths]
        done = filtered_stores(sources)
        if done and not again:
            raise ValueError(
                f"already filtered: {_told(done)}. Filter the original recordings instead, or use "
                "again=True to filter these again"
            )
        return self._each(sources, chain, progress)

    def _each(self, paths: Sequence[Path], chain: Chain, progress: Progress | None) -> list[Path]:
        made = []
        for i, path in enumerate(paths):
            target = recording.free_path(path.with_name(f"{path.stem}-filtered.zarr"))

            def told(share: float, i: int = i) -> None:
                if self._cancelled.is_set():
                    raise _Cancelled
                if progress is not None:
                    progress(i, share)

            made.append(filters.filter_session(path, chain, target, progress=told))
        return made

    def _begin(self) -> None:
        if self.running:
            raise RuntimeError("sessions are already being filtered: wait, or press Cancel")
        chain, pattern = self._chain(), self.paths.value.strip()
        paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - may be absolute
        if not paths:
            raise FileNotFoundError(
                f"no session matches {pattern!r}: enter a path, or a pattern such as "
                "recordings/*/session.zarr"
            )
        self._cancelled.clear()
        self.cancel.disabled, self.button.disabled, self.progress.value = False, True, 0.0
        self._thread = threading.Thread(
            target=self._run,
            args=([Path(path) for path in paths], chain, self.again.value),
            name="emgnb tuner applies",
            daemon=True,
        )
        self._thread.start()

    def _run(self, paths: list[Path], chain: Chain, again: bool) -> None:
        try:
            done = {} if again else filtered_stores(paths)
            sources = [path for path in paths if path not in done]
            left = f"Skipped, already filtered: {_told(done)}." if done else ""
            if not sources:
                raise ValueError(f"{left} Tick “{self.again.description}” to filter them again.")
            self._say(left)

            def told(i: int, share: float) -> None:
                self.progress.value = (i + share) / len(sources)

            made = self._each(sources, chain, told)
            self.error = None
            self._say(f"Filtered into {', '.join(map(str, made))}. {left}".strip())
        except _Cancelled:
            self._say("Cancelled. Sessions that were already written are kept.")
        except Exception as error:
            self._fail(error)
        finally:
            self.cancel.disabled, self.button.disabled = True, False

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._say(str(error), error=True)

    def _say(self, text: str, *, error: bool = False) -> None:
        self.said = text
        self._line.value = said(text, error=error)


def filtered_stores(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the stores with a filtered signal, and the names of their filters."""
    found = {path: filtered_by(recording.emg(recording.open(path))) for path in paths}
    return {path: names for path, names in found.items() if names}


def _told(done: dict[Path, str]) -> str:
    named = [f"{path.name} ({names})" for path, names in done.items()]
    more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
    return ", ".join(named[:_LISTED]) + more


class _Cancelled(Exception):  # noqa: N818 - no error
    """Raised when Cancel is pressed."""
