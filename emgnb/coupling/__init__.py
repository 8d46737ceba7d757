"""Relate EMG to EEG or fNIRS recorded at the same time.

`add_node` puts a second recording into a session, at its own rate and on its own clock, and `align`
converts its times to those of the EMG. `event_locked` and `event_power` average it around EMG
onsets. `coherence` measures EMG–EEG coherence and separates coupling with a lag from muscle
activity that the scalp electrodes record at lag zero. `to_mne`, `epochs_to_mne` and `from_mne`
exchange data with MNE-Python. The results describe signals; they are no diagnosis.
"""

from emgnb.coupling.aligning import Alignment, add_node, align
from emgnb.coupling.averages import event_locked, event_power
from emgnb.coupling.coherence import MEANING, VERDICTS, Coupling, coherence
from emgnb.coupling.mne_objects import epochs_to_mne, from_mne, to_mne

__all__ = [
    "MEANING",
    "VERDICTS",
    "Alignment",
    "Coupling",
    "add_node",
    "align",
    "coherence",
    "epochs_to_mne",
    "event_locked",
    "event_power",
    "from_mne",
    "to_mne",
]
