"""From a port to a session, without losing a scan.

`start` records in a process of its own; what comes is appended to a journal as it came, and `stop`
makes a session of it. The notebook may be busy, restart or die meanwhile: `attach` takes up a
recording again, `recover` makes the session of one whose recorder was killed, `follow` gives live
plots what is new. `frames` and `dialects` are pure: bytes to scans.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emgnb.acquire.client import Recorder, attach, start
    from emgnb.acquire.finding import find
    from emgnb.acquire.follower import Follower, follow
    from emgnb.acquire.health import Health
    from emgnb.acquire.ports import Port, PortError, PortInfo, PortLost, list_ports, open_port
    from emgnb.acquire.sessions import recover

_HOMES = {
    "Follower": "follower",
    "Health": "health",
    "Port": "ports",
    "PortError": "ports",
    "PortInfo": "ports",
    "PortLost": "ports",
    "Recorder": "client",
    "attach": "client",
    "find": "finding",
    "follow": "follower",
    "list_ports": "ports",
    "open_port": "ports",
    "recover": "sessions",
    "start": "client",
}

__all__ = [
    "Follower",
    "Health",
    "Port",
    "PortError",
    "PortInfo",
    "PortLost",
    "Recorder",
    "attach",
    "find",
    "follow",
    "list_ports",
    "open_port",
    "recover",
    "start",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"emgnb.acquire.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'emgnb.acquire' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
