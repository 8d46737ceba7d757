"""Move the face of an avatar by the VMC protocol (Virtual Motion Capture, protocol.vmc.info)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from emgnb.facs import EXPRESSIONS, INTENSITIES, INTENSITY_NUMBERS, blendshapes
from emgnb.live.output import Output, Stream
from emgnb.live.outputs._bundles import message, packets
from emgnb.live.outputs._messages import told
from emgnb.live.outputs._network import Datagrams, place_of, warned
from emgnb.live.outputs._repeat import Repeat
from emgnb.live.outputs.destination import Destination

FADE = 0.3  # s from full weight to 0
FADING_EVERY = 1 / 60  # s
STATUS_EVERY = 1.0  # s
# Without results for this time (s), and for five results, the face fades as in a gap.
PATIENCE = 0.5


def connect(url: str, stream: Stream) -> Destination:
    """Send to "vmc://host:port"; most avatar programs receive at port 39539 or 39540.

    Raises
    ------
    ValueError : no port in the URL, or a stream without a name that moves a face
    OSError : the host is not known
    """
    return _Vmc(url, stream)


class _Vmc(Destination):
    """Blend shapes of an avatar, and whether they are up to date.

    ``/VMC/Ext/OK`` is sent with each frame: loaded 1, calibrated 3, mode 0, tracking 1, or tracking
    0 in a gap. ``/VMC/Ext/T`` is the time since the beginning in s. ``/VMC/Ext/Blend/Val`` has a
    shape of `emgnb.facs.blendshapes` with a capital letter, as the avatars of "Perfect Sync" name
    them, and its weight; ``/VMC/Ext/Blend/Apply`` follows. In a gap the weights fade to 0.
    """

    def __init__(self, url: str, stream: Stream) -> None:
        place = place_of(url, example="vmc://127.0.0.1:39539")
        self._puppet = Puppet(stream)
        where = "on this computer" if place.local else "outside this computer, not encrypted"
        self.url = f"vmc://{place}"
        self.about = warned(f"VMC blend shapes to {place}, {where}", local=place.local)
        self._lock = threading.Lock()
        self._socket = Datagrams(place)
        self._repeat = Repeat(self._tick)

    def send(self, output: Output) -> None:
        with self._lock:
            self._send(self._puppet.take(output, time.monotonic()))
        if output.kind == "gap":
            self._repeat.wake()
        self.dropped = self._socket.dropped

    def close(self) -> None:
        """Return the face to rest and close."""
        self._repeat.close()
        with self._lock:
            self._send(self._puppet.rest(time.monotonic()))
            self._socket.close()

    def _tick(self) -> float:
        with self._lock:
            messages, wait = self._puppet.tick(time.monotonic())
            self._send(messages)
        return wait

    def _send(self, messages: list[bytes]) -> None:
        for packet in packets(messages):
            self._socket.send(packet)


class Puppet:
    """Weights of an avatar's shapes over time, without a clock or a network of its own.

    New weights apply at once. Shapes that the newest result does not tell, in a gap all of them,
    fade to 0. `now` is in s.

    Raises
    ------
    ValueError : no name of the stream moves a shape
    """

    def __init__(self, stream: Stream) -> None:
        self._units = frozenset(filter(_is_unit, stream.names))
        moved = [posed(name) for name in stream.names]
        if stream.kind == "intensities":
            moved = [blendshapes.weights(dict.fromkeys(self._units, 0.0))]
        self.weights = dict.fromkeys((shape for pose in moved for shape in pose), 0.0)
        if not self.weights:
            raise ValueError(
                f"VMC moves a face, but none of {', '.join(stream.names)} is an action unit or an "
                "expression with a face shape; expected names such as 'L12' or 'smile'"
            )
        self._patience = max(PATIENCE, 5 / max(stream.rate, 1.0))
        self._current: frozenset[str] = frozenset()
        self._began: float | None = None
        self._faded = 0.0
        self._newest = -float("inf")
        self._tracking = False

    def take(self, output: Output, now: float) -> list[bytes]:
        """Take a result and return the messages of the face with it."""
        self._fade(now)
        new = self._posed(output)
        self._current = frozenset(new)
        self._tracking = output.kind != "gap"
        self._newest = now
        self.weights.update({shape: new[shape] for shape in new if shape in self.weights})
        gap = [message("/emgnb/gap", "hds", output.number, output.seconds, output.note)]
        return [*self._frame(now), *(gap if output.kind == "gap" else [])]

    def tick(self, now: float) -> tuple[list[bytes], float]:
        """Return the messages that are due without a result, and the s until the next call."""
        if self._tracking and now - self._newest > self._patience:
            self._current, self._tracking = frozenset(), False
        self._fade(now)
        moving = any(self.weights[shape] for shape in self.weights if shape not in self._current)
        if moving:
            return list(self._frame(now)), FADING_EVERY
        status = [] if self._tracking else list(self._frame(now))
        return status, min(STATUS_EVERY, self._patience)

    def rest(self, now: float) -> list[bytes]:
        """Return the messages of a face at rest, without tracking."""
        self.weights = dict.fromkeys(self.weights, 0.0)
        self._tracking = False
        return list(self._frame(now))

    def _posed(self, output: Output) -> dict[str, float]:
        if output.kind != "intensities":
            return posed(output.label)
        values = told(output.values)
        return blendshapes.weights({name: values[name] for name in values if name in self._units})

    def _fade(self, now: float) -> None:
        step = (now - self._faded) / FADE
        self._faded = now
        for shape, weight in self.weights.items():
            if shape not in self._current:
                self.weights[shape] = max(0.0, weight - step)

    def _frame(self, now: float) -> Iterator[bytes]:
        self._began = now if self._began is None else self._began
        yield message("/VMC/Ext/OK", "iiii", 1, 3, 0, int(self._tracking))
        yield message("/VMC/Ext/T", "f", now - self._began)
        for shape, weight in self.weights.items():
            yield message("/VMC/Ext/Blend/Val", "sf", shape[0].upper() + shape[1:], weight)
        yield message("/VMC/Ext/Blend/Apply", "")


def posed(label: str | None) -> dict[str, float]:
    """Return the weights of the shapes in an expression, as it is instructed; {} if unknown."""
    expression = EXPRESSIONS.get(label or "")
    letters = expression.aus if expression else {}
    return blendshapes.weights(
        {au: INTENSITY_NUMBERS[letter] / len(INTENSITIES) for au, letter in letters.items()}
    )


def _is_unit(name: str) -> bool:
    try:
        blendshapes.weights({name: 0.0})
    except ValueError:
        return False
    return True
