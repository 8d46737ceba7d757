"""Front end of a recording, and its defaults: ports, participant code, montage and sites."""

from __future__ import annotations

import inspect
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import traitlets

from emgnb import acquire, facs, filters
from emgnb.acquire.ports.port import split_url
from emgnb.acquire.record import settings
from emgnb.acquire.wire import dialects
from emgnb.filters import Chain
from emgnb.widgets.capture._live_view import LiveView
from emgnb.widgets.shared.panel import front, styles

AS_RECORDED, CLEANED = "as recorded", "raw EMG, band-pass and notch"
SMOOTHED, LOW_PASS, GIVEN = "raw EMG, envelope", "envelope sensor, low-pass", "your chain"
PREVIEWS = (AS_RECORDED, CLEANED, SMOOTHED, LOW_PASS)
# Options of `acquire.start` that the widget also has.
_OWN = ("port", "folder", "participant", "session", "montage")
# Letters and digits that are not easily confused.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class Desk(LiveView):
    """State of a recording that is shared with the browser."""

    _esm = front("capture/capture.js")
    _css = styles("capture/live_view.css", "capture/capture.css")
    ports: traitlets.List[Any] = traitlets.List().tag(sync=True)
    port = traitlets.Unicode().tag(sync=True)
    participant = traitlets.Unicode().tag(sync=True)
    session = traitlets.Unicode().tag(sync=True)
    consent = traitlets.Dict().tag(sync=True)
    montage: traitlets.List[Any] = traitlets.List().tag(sync=True)
    sites = traitlets.Dict().tag(sync=True)
    cues = traitlets.List(traitlets.Unicode()).tag(sync=True)
    previews = traitlets.List(traitlets.Unicode()).tag(sync=True)
    preview = traitlets.Unicode(AS_RECORDED).tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    offer = traitlets.Unicode().tag(sync=True)
    verdict = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    troubles: traitlets.List[Any] = traitlets.List().tag(sync=True)
    # Markers that have not been withdrawn: (name, s since the start of the recording, text).
    marked: traitlets.List[Any] = traitlets.List().tag(sync=True)
    # Message, whether it is an error, and where to show it: "port", "bar", "marks" or "looks".
    said = traitlets.Dict().tag(sync=True)


def check(options: Mapping[str, Any], own: type) -> None:
    """Check options for `acquire.start` when the widget is created.

    Parameters
    ----------
    options : options given to the widget in addition to its own
    own : class of the widget, whose options are listed in messages

    Raises
    ------
    TypeError : unknown option; the message lists the options
    ValueError : invalid value
    """
    passed = [name for name in inspect.signature(acquire.start).parameters if name not in _OWN]
    unknown = sorted(set(options) - set(passed))
    if unknown:
        mine = [name for name in inspect.signature(own).parameters if name != "options"]
        raise TypeError(
            f"{own.__name__} has no option {', '.join(unknown)}. Its options are "
            f"{', '.join(mine)}, and those of acquire.start: {', '.join(passed)}"
        )
    dialects.check(options.get("dialect", "auto"))
    settings.check(options)


def arguments(desk: Desk, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `acquire.start` except port and folder, without empty values."""
    attrs = {**(options.get("attrs") or {})}
    if desk.consent:
        attrs["consent"] = dict(desk.consent)
    found = {"participant": desk.participant, "session": desk.session, **options}
    # The simulated face reports this montage itself.
    if not (desk.port.startswith("sim:") and desk.montage == usual_montage(desk.port)):
        found["montage"] = [tuple(row) for row in desk.montage]
    return {name: value for name, value in {**found, "attrs": attrs}.items() if value}


def lines_of_code(
    desk: Desk, folder: Path, given: Mapping[str, Any], marked: list[str], path: Path | None
) -> str:
    """Return the code that is equivalent to the actions in the widget."""
    options = "".join(f", {name}={value!r}" for name, value in given.items())
    lines = [f"rec = acquire.start({desk.port!r}, folder={str(folder)!r}{options})", *marked]
    if path is not None:
        lines.append(f"session = recording.open({str(path)!r})")
        signal = 'session["emg/signal"]'
        drawn = [name for name, source in desk.lanes if source]
        if drawn:
            pairs = {name: tuple(desk.pairs[name]) for name in drawn}
            lines.append(f"pairs = filters.bipolar({signal}, {pairs!r})")
        if desk.spectral:
            lines.append(f"plots.spectrum(spectra.spectrum({signal}))")
    return "\n".join(lines)


def ports() -> list[list[str]]:
    """Return the available ports: URL and description."""
    found = acquire.list_ports()
    simulated = [port.url for port in found if port.url.startswith("sim:")]
    return [
        [port.url, port.description if port.url in simulated else port.board or port.description]
        for port in found
    ]


def code() -> str:
    """Return a random participant code."""
    return "P-" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def usual_montage(port: str) -> list[list[str]]:
    """Return the default montage for a port: as many sites as its URL states, otherwise 8."""
    try:
        n = int(split_url(port)[2].get("channels", len(facs.DEFAULT_MONTAGE)))
    except (acquire.PortError, ValueError):
        n = len(facs.DEFAULT_MONTAGE)
    return resized([], n)


def resized(montage: list[list[str]], n: int) -> list[list[str]]:
    """Return a montage of n rows: cut, or extended by unused sites and then unnamed channels."""
    used = {row[0] for row in montage}
    spare = [site for site in facs.WIDE_MONTAGE if site.channel not in used]
    rows = [*montage, *([each.channel, each.muscle, each.side] for each in spare)]
    rows += [[f"ch{k + 1}", "", ""] for k in range(len(rows), n)]
    return rows[:n]


def sites() -> dict[str, list[Any]]:
    """Return all electrode sites by channel: channel, muscle, side, title, action units."""
    places = [
        (facs.site(name, side), muscle)
        for name, muscle in facs.MUSCLES.items()
        for side in (("midline",) if muscle.midline else ("right", "left"))
    ]
    return {
        site.channel: [site.channel, site.muscle, site.side, muscle.title, list(muscle.aus)]
        for site, muscle in places
    }


def chain(preview: str, rate: float, mains: float) -> Chain | None:
    """Return the filter chain of a preview, or None for no filter.

    Raises
    ------
    ValueError : the rate is too low for raw EMG
    """
    if preview in (CLEANED, SMOOTHED):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the rate may lower a corner frequency
            cleaned = filters.preset("raw", rate=rate, mains=mains)
        return cleaned if preview == CLEANED else Chain(*cleaned.steps, filters.Envelope(10.0))
    return Chain(filters.LowPass(min(10.0, 0.4 * rate))) if preview == LOW_PASS else None
