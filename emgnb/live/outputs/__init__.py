"""Send the results of live decoding to other programs and to files.

A destination is a URL: ``osc://127.0.0.1:9000``, ``vmc://127.0.0.1:39539``, ``lsl://smile``,
``ws://127.0.0.1:8765``, ``file://smile.jsonl`` or ``file://smile.csv``. Without a host it is this
computer, and a host elsewhere causes a warning. Each destination describes the stream, sends gaps
as gaps, and never waits for a receiver.
"""

from __future__ import annotations

from importlib import import_module

from emgnb._extras import explained
from emgnb.live.output import Stream
from emgnb.live.outputs.destination import Destination

__all__ = ["SCHEMES", "Destination", "open_output"]

# Scheme of a URL → module with a function `connect(url, stream)`.
_MODULES = {"osc": "osc", "vmc": "vmc", "lsl": "lsl", "ws": "websocket", "file": "files"}
SCHEMES = tuple(_MODULES)


def open_output(url: str, stream: Stream) -> Destination:
    """Open a destination for the results of a live decoder.

    Parameters
    ----------
    url : destination, see `SCHEMES` and docs/outputs.md
    stream : description of the results, sent before the first of them

    Raises
    ------
    ValueError : a URL that is not a destination, or a stream that its protocol cannot carry
    ImportError : the package for this protocol is not installed
    FileExistsError : the file exists
    OSError : the host is unknown, or the port is in use

    Examples
    --------
    >>> with open_output("osc://127.0.0.1:9000", stream) as out:  # doctest: +SKIP
    ...     for output in decoder:
    ...         out.send(output)
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _MODULES:
        raise ValueError(
            f"{url!r} is not a destination; expected one of osc://host:port, vmc://host:port, "
            "lsl://name, ws://host:port, file://name.jsonl, file://name.csv"
        )
    with explained(f"{scheme}://"):
        opened: Destination = import_module(f"{__name__}.{_MODULES[scheme]}").connect(url, stream)
    return opened
