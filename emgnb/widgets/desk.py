"""The front end of a recording, and what it begins with: ports, a code, a montage, sites."""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import traitlets

from emgnb import acquire, facs, filters
from emgnb.acquire.ports import split_url
from emgnb.filters import Chain
from emgnb.widgets.live import LiveView
from emgnb.widgets.panel import joined

AS_RECORDED, CLEANED = "as recorded", "raw EMG, band-pass and notch"
SMOOTHED, LOW_PASS, GIVEN = "raw EMG, its envelope", "envelope sensor, low-pass", "your chain"
PREVIEWS = (AS_RECORDED, CLEANED, SMOOTHED, LOW_PASS)
# Letters and digits that nobody takes for one another.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class Desk(LiveView):
    """What the page knows of a recording, and what it may change."""

    _esm = joined("face.js", "dom.js", "sites.js", "live.js", "capture.js")
    _css = joined("live.css", "capture.css")
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


def ports() -> list[list[str]]:
    """Name what can be recorded from here."""
    found = acquire.list_ports()
    simulated = [port.url for port in found if port.url.startswith("sim:")]
    return [
        [port.url, port.description if port.url in simulated else port.board or port.description]
        for port in found
    ]


def code() -> str:
    """Return a random code for a person."""
    return "P-" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def usual_montage(port: str) -> list[list[str]]:
    """Return the montage to begin with: as many sites as the port's name says, else 8."""
    try:
        n = int(split_url(port)[2].get("channels", len(facs.DEFAULT_MONTAGE)))
    except (acquire.PortError, ValueError):
        n = len(facs.DEFAULT_MONTAGE)
    return resized([], n)


def resized(montage: list[list[str]], n: int) -> list[list[str]]:
    """Return the first n rows, or as many more as there are sites left."""
    used = {row[0] for row in montage}
    spare = [site for site in facs.WIDE_MONTAGE if site.channel not in used]
    rows = [*montage, *([each.channel, each.muscle, each.side] for each in spare)]
    rows += [[f"ch{k + 1}", "", ""] for k in range(len(rows), n)]
    return rows[:n]


def sites() -> dict[str, list[Any]]:
    """Return every place for electrodes: channel, muscle, side, title, action units."""
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
    """Return what a preview looks through, None for nothing.

    Raises
    ------
    ValueError : the rate is too low for raw EMG
    """
    if preview in (CLEANED, SMOOTHED):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a corner that the rate lowers
            cleaned = filters.preset("raw", rate=rate, mains=mains)
        return cleaned if preview == CLEANED else Chain(*cleaned.steps, filters.Envelope(10.0))
    return Chain(filters.LowPass(min(10.0, 0.4 * rate))) if preview == LOW_PASS else None
