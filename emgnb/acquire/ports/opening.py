"""Open any port by its URL."""

from __future__ import annotations

from emgnb.acquire.ports.port import Port, split_url
from emgnb.acquire.ports.serial import SerialPort


def open_port(url: str) -> Port:
    """Open a port by its URL.

    Parameters
    ----------
    url : a device ("COM3", "/dev/ttyACM0"), "serial://…?baud=500000&rate=1000&channels=8",
        "tcp://host:port", "webserial://board" (see `webserial`),
        "lsl://stream?source_id=amplifier7",
        "sim://smile?seed=1&rate=1000&channels=8&sensor=raw&drift_ppm=-1300",
        "emulator://mega?face=smile&sensor=v3" (see `emulator`), or "replay://file?speed=1"

    Raises
    ------
    PortError : missing, busy, no permission, unknown option …; says what is wrong and what to do
    """
    scheme, name, options = split_url(url)
    if scheme == "serial":
        return SerialPort(url, name, options)
    if scheme == "tcp":
        from emgnb.acquire.ports.tcp import TcpPort

        return TcpPort(url, name, options)
    if scheme == "webserial":
        from emgnb.acquire.ports.webserial import WebSerialPort

        return WebSerialPort(url, name, options)
    if scheme == "lsl":
        from emgnb.acquire.ports.lsl import LslPort

        return LslPort(url, name, options)
    if scheme == "emulator":
        from emgnb.acquire.ports.emulator import EmulatedBoard

        return EmulatedBoard(url, name, options)
    from emgnb.acquire.ports import replay, simulated

    if scheme == "sim":
        return simulated.SimPort(url, name, options)
    return replay.ReplayPort(url, name, options)
