"""A face without hardware: known muscles, known moments, known noise.

`face()` records a session of a simulated person who is asked for expressions, `study()` several
people, `LiveFace` is the same person behind a port. Muscles are driven by action units and heard
through electrodes that also pick up neighbours, mains, cables, eyelids and the heart, by sensors
that amplify (`RawSensor`) or rectify and smooth (`V3Sensor`). What was really done, and the signal
of the muscles alone, come with each session: so a method can be *tested* on it. What works here
need not work on people; what fails here will fail on them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emgnb.simulate.live import LiveFace
    from emgnb.simulate.muscles import VOICES, Voice, median_frequency, shwedyk
    from emgnb.simulate.people import DIFFICULTIES, Difficulty, Person, Wearing
    from emgnb.simulate.script import SEVEN, Act, micro_expressions, protocol
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
    "RawSensor",
    "V3Sensor",
    "Voice",
    "Wearing",
    "example",
    "face",
    "median_frequency",
    "micro_expressions",
    "protocol",
    "shwedyk",
    "study",
]

_HOMES = {
    "live": ("LiveFace",),
    "muscles": ("VOICES", "Voice", "median_frequency", "shwedyk"),
    "people": ("DIFFICULTIES", "Difficulty", "Person", "Wearing"),
    "script": ("SEVEN", "Act", "micro_expressions", "protocol"),
    "sensors": ("Adc", "RawSensor", "V3Sensor"),
    "session": ("example", "face", "study"),
}


def __getattr__(name: str) -> Any:
    # A port needs the live face only: sessions bring xarray and Zarr, a second of loading.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"emgnb.simulate.{home}"), name)
    raise AttributeError(f"module 'emgnb.simulate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
