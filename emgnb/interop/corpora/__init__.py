"""Readers for published facial EMG, each from a path that you give.

A reader checks the layout and says what it found where it expected something else. It fills in
what the data model wants to know (kind of signal, unit, groups, labels) and leaves empty what the
file does not say. What is wrong with the data it measures in the file at hand and reports, in
sentences, in the attribute `faults` (`recording.known_faults(session)`); it repairs nothing.

A further reader is a function of a path beside these: parse, measure with `measures`, and hand over
by `recording.make`.
"""

from emgnb.interop.corpora.envelopes import read_envelope_json
from emgnb.interop.corpora.films import read_face_films
from emgnb.interop.corpora.paper import read_paper_capture, read_paper_rows
from emgnb.interop.corpora.powers import read_power_features

__all__ = [
    "read_envelope_json",
    "read_face_films",
    "read_paper_capture",
    "read_paper_rows",
    "read_power_features",
]
