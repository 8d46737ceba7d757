"""Read published facial EMG data sets from local files.

Each reader checks the layout of the file and reports differences. It fills in the data model
(signal kind, unit, groups, labels) and leaves empty what the file does not state. It measures
problems of the data and reports them, in sentences, in the attribute `faults`
(`recording.known_faults(session)`). It repairs nothing.

To add a reader, write a function that takes a path, parses the file, measures faults with
`_measures`, and returns `recording.make(…)`.
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
