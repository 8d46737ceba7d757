"""Simulate facial EMG with known muscle activity, timing and noise.

`face()` records a session of a simulated person who is cued to make expressions, `study()` records
several people, and `LiveFace` simulates the person behind a port. `Player` is a person who reacts
to targets. Action units drive the muscles. Electrodes also pick up crosstalk, mains, cable motion,
blinks and the heart. Sensors amplify (`RawSensor`) or rectify and smooth (`V3Sensor`). Each session
includes the true movements and the EMG without noise, so that methods can be *tested* against them.
A method that works on simulated data may still fail on people; a method that fails here will fail
on people too.
"""

from typing import TYPE_CHECKING

from emgnb._lazy import attach

if TYPE_CHECKING:
    from emgnb.simulate._camera import camera
    from emgnb.simulate.live import LiveFace
    from emgnb.simulate.muscles import VOICES, Voice, median_frequency, shwedyk
    from emgnb.simulate.people import DIFFICULTIES, Difficulty, Person, Placement
    from emgnb.simulate.player import Player
    from emgnb.simulate.script import SEVEN, Act, chewing, micro_expressions, protocol, speech
    from emgnb.simulate.sensors import Adc, RawSensor, V3Sensor
    from emgnb.simulate.session import example, face, study

__all__ = [
    "DIFFICULTIES",
    "SEVEN",
    "VOICES",
    "Act",
    "Adc",
    "Difficulty",
    "LiveFace",
    "Person",
    "Placement",
    "Player",
    "RawSensor",
    "V3Sensor",
    "Voice",
    "camera",
    "chewing",
    "example",
    "face",
    "median_frequency",
    "micro_expressions",
    "protocol",
    "shwedyk",
    "speech",
    "study",
]

# Loaded lazily: a port needs only the live face, and sessions load xarray and Zarr (about 1 s).
__getattr__, __dir__ = attach(
    __name__,
    {
        "LiveFace": "live",
        "Player": "player",
        "camera": "_camera",
        **dict.fromkeys(("VOICES", "Voice", "median_frequency", "shwedyk"), "muscles"),
        **dict.fromkeys(("DIFFICULTIES", "Difficulty", "Person", "Placement"), "people"),
        **dict.fromkeys(
            ("SEVEN", "Act", "chewing", "micro_expressions", "protocol", "speech"), "script"
        ),
        **dict.fromkeys(("Adc", "RawSensor", "V3Sensor"), "sensors"),
        **dict.fromkeys(("example", "face", "study"), "session"),
    },
)
