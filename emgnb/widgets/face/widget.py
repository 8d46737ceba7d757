"""Show action units on a 3-D head: from Python, from a session, or live."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr

from emgnb import live, recording
from emgnb.acquire.clock import host_ns
from emgnb.live import Output
from emgnb.widgets.face._feed import Feed, Source
from emgnb.widgets.face._film import Film, film_of
from emgnb.widgets.face._units import Muscles, checked, of_expression, table
from emgnb.widgets.shared.hello import Hellos
from emgnb.widgets.shared.panel import HERE, Panel, front, styles

HEAD = HERE / "face" / "head" / "head.bin"
STRONGEST = 3.0


class _Stage(anywidget.AnyWidget):
    _esm = front("face/face.js")
    _css = styles("face/face.css")
    units: traitlets.List[Any] = traitlets.List().tag(sync=True)
    mode = traitlets.Enum(("shown", "film", "live"), "shown").tag(sync=True)
    now = traitlets.Dict().tag(sync=True)
    exaggeration = traitlets.Float(1.0, min=0.5, max=STRONGEST).tag(sync=True)
    mirror = traitlets.Enum(("", "left", "right"), "").tag(sync=True)
    muscles = traitlets.Bool(True).tag(sync=True)


class Face(Panel):
    """Show action units on a 3-D head with the 52 face shapes of ARKit.

    Parameters
    ----------
    source : None, to use `show`; intensities such as {"AU12": 0.8}; a session, signal or path, to
        replay it with a time slider; or live outputs: a decoder of `emgnb.live`, a function that
        returns the newest `live.Output`, or outputs one after the other
    levels : `live.proportional` levels for a session that has no markers of rest and strong
        contractions
    exaggeration : factor on what is drawn, 0.5 to 3; the numbers are not changed
    mirror : "left" or "right", the healthy side whose movement is drawn on both sides; "" for none

    Attributes
    ----------
    error : last error that was shown; None if the last action succeeded

    Raises
    ------
    FileNotFoundError : no such session
    TypeError, ValueError : a source that cannot be shown; levels that cannot be measured

    Notes
    -----
    Units without a value are grey in the table and are not drawn: an electrode measures one unit,
    and units without an electrode are not guessed. In a gap the head turns grey. Muscles light up
    by their activity without crosstalk, see `dynamics.without_crosstalk`. A classifier's class is
    drawn as its instructed expression, not as measured intensities.

    In the widget, arrow keys turn the head, Space plays and pauses a session, Home turns the head
    to the front.
    """

    _feed: Feed | None = None  # also for a widget whose arguments were wrong

    def __init__(
        self,
        source: Any = None,
        *,
        levels: live.Proportional | None = None,
        exaggeration: float = 1.0,
        mirror: str = "",
    ) -> None:
        if not 0.5 <= exaggeration <= STRONGEST:
            raise ValueError(f"exaggeration={exaggeration!r}, expected 0.5 to {STRONGEST:g}")
        if mirror not in ("", "left", "right"):
            raise ValueError(f"mirror={mirror!r}, expected 'left', 'right' or '' for none")
        self._film: Film | None = None
        self._newest: tuple[dict[str, Any], float] | None = None
        self._over = False
        self._stage = _Stage(units=table(), exaggeration=exaggeration, mirror=mirror)
        self._hellos = Hellos(lambda content: self._stage.send(content))
        self._stage.on_msg(self._heard)
        self._muscles: dict[tuple[str, ...], Muscles] = {}
        super().__init__([self._stage], label="face")
        try:
            self._take(source, levels)
        except BaseException:
            self.close()
            raise

    @property
    def values(self) -> dict[str, float]:
        """Intensities shown last by `show` or a live source, by FACS code; not those of a film."""
        return dict(self._stage.now.get("values", {}))

    def show(self, values: Mapping[str, float]) -> None:
        """Show intensities; units that are not given return to rest.

        Parameters
        ----------
        values : unit → intensity 0–1: "AU12" or "12" for both sides, "L12" and "R12" for the
            participant's left and right; NaN is left out

        Raises
        ------
        ValueError : an unknown unit or side, or an intensity that is not from 0 to 1
        """
        found = checked(values)
        self._stop_feed()
        self._stage.mode = "shown"
        self._stage.now = self._lit(found)
        self.error = None
        self._say("")
        self._show_code(f"face.show({found})")

    def replay(
        self,
        session: xr.DataTree | xr.DataArray | str | os.PathLike[str],
        levels: live.Proportional | None = None,
    ) -> None:
        """Show a session with a time slider.

        Parameters
        ----------
        session : session, signal, or path
        levels : see `Face`

        Raises
        ------
        FileNotFoundError, TypeError, ValueError : see `Face`
        """
        path = session if isinstance(session, str | os.PathLike) else None
        opened = session if path is None else recording.open(path)
        assert isinstance(opened, xr.DataTree | xr.DataArray)
        self._film = film_of(opened, levels)
        self._stop_feed()
        self._stage.mode = "film"
        self._send_film()
        self.error = None
        self._say("")
        name = "session" if path is None else f"recording.open({str(Path(path))!r})"
        self._show_code(f"Face({name}, levels=live.proportional(session))")

    def follow(self, source: Source) -> None:
        """Show live outputs as they come; a source followed before is left.

        Parameters
        ----------
        source : see `Face`

        Raises
        ------
        TypeError : not a source of outputs
        """
        feed = Feed(source, self._came, self._ended)
        self._stop_feed()
        self._feed = feed
        self._stage.mode = "live"
        self.error = None
        self._say("")
        self._show_code("Face(decoder)")
        feed.start()  # what it gives, or its error, must not be cleared

    def close(self) -> None:
        """Close the widget, and stop following a live source; a decoder goes on."""
        self._stop_feed()
        super().close()

    def _take(self, source: Any, levels: live.Proportional | None) -> None:
        if isinstance(source, str | os.PathLike | xr.DataTree | xr.DataArray):
            self.replay(source, levels)
        elif isinstance(source, Mapping) or source is None:
            self.show(source or {})
        else:
            self.follow(source)

    def _stop_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
        self._feed, self._newest, self._over = None, None, False

    def _lit(self, values: Mapping[str, float]) -> dict[str, Any]:
        """Return intensities with the activity of their muscles, for the page."""
        codes = tuple(values)
        if codes not in self._muscles:
            self._muscles[codes] = Muscles(codes)
        muscles = self._muscles[codes]
        activity = muscles.activity(np.array(list(values.values()), dtype=float))
        lit = zip(muscles.sites, activity.tolist(), strict=True)
        return {
            "values": dict(values),
            "activity": [[site.muscle, site.side, round(each, 3)] for site, each in lit],
        }

    def _came(self, output: Output, gaps: list[Output]) -> None:
        """Send an output to the page; called in the thread of the feed."""
        values = dict(output.values)
        if output.kind == "expression":
            values = of_expression(output.label or "")
        known = {} if output.kind == "gap" else checked(values)
        age = (host_ns() - output.host_ns) / 1e6
        message = {
            "kind": "now",
            **self._lit(known),
            "number": output.number,
            "seconds": output.seconds,
            "sampled": time.time() * 1000 - age,
            "gap": output.note if output.kind == "gap" else "",
            "gaps": [[each.seconds, each.note] for each in gaps],
            "label": output.label or ("no decision" if output.kind == "expression" else ""),
        }
        self._newest = message, time.monotonic()
        self._stage.send(message)

    def _ended(self, error: Exception | None) -> None:
        if error is not None:
            self._fail(error)
        self._over = True
        self._stage.send({"kind": "ended"})

    def _send_newest(self) -> None:
        """Send the newest output to a page that was opened later, with its age in ms."""
        if self._newest is not None:
            message, sent = self._newest
            self._stage.send({**message, "age": 1000 * (time.monotonic() - sent)})
        if self._over:
            self._stage.send({"kind": "ended"})

    def _send_film(self) -> None:
        film = self._film
        if film is None:
            return
        values = [film.intensity.astype("<f4").tobytes(), film.activity.astype("<f4").tobytes()]
        self._stage.send({"kind": "film", **film.about()}, buffers=values)

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") == "hello":
            self._hellos.answer(content, self._send_all)

    def _send_all(self) -> None:
        """Send the head, and what it shows."""
        self._stage.send({"kind": "head"}, buffers=[HEAD.read_bytes()])
        if self._stage.mode == "film":
            self._send_film()
        elif self._stage.mode == "live":
            self._send_newest()
