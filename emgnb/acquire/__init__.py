"""Record from a port to a session without losing a scan.

A scan is one sample of all channels. `start` records in a separate process that appends all
received bytes to a journal; `stop` converts the journal to a session. Recording continues while the
notebook is busy or restarts: `attach` reconnects to a running recording, `recover` converts an
interrupted one, and `follow` reads new scans for live plots.
"""

from typing import TYPE_CHECKING

from emgnb._lazy import attach as _attach

if TYPE_CHECKING:
    from emgnb.acquire.ports.finding import find
    from emgnb.acquire.ports.opening import open_port
    from emgnb.acquire.ports.port import Port, PortError, PortInfo, PortLost
    from emgnb.acquire.ports.serial import list_ports
    from emgnb.acquire.record.client import Recorder, attach, start
    from emgnb.acquire.record.convert import recover
    from emgnb.acquire.record.decisions import decisions
    from emgnb.acquire.record.follower import Follower, follow
    from emgnb.acquire.record.health import Health

__all__ = [
    "Follower",
    "Health",
    "Port",
    "PortError",
    "PortInfo",
    "PortLost",
    "Recorder",
    "attach",
    "decisions",
    "find",
    "follow",
    "list_ports",
    "open_port",
    "recover",
    "start",
]

__getattr__, __dir__ = _attach(
    __name__,
    {
        "Follower": "record.follower",
        "Health": "record.health",
        "Port": "ports.port",
        "PortError": "ports.port",
        "PortInfo": "ports.port",
        "PortLost": "ports.port",
        "Recorder": "record.client",
        "attach": "record.client",
        "decisions": "record.decisions",
        "find": "ports.finding",
        "follow": "record.follower",
        "list_ports": "ports.serial",
        "open_port": "ports.opening",
        "recover": "record.convert",
        "start": "record.client",
    },
)
