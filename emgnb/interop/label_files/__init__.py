"""Read and write label tables in the formats of other programs and of published data.

`read_labels` and `write_labels` choose the format by the ending and the content of a file. What a
file does not hold, or states wrongly, is reported in sentences: `write_labels` returns them, and
`read_labels` keeps them in the table (`recording.known_faults`). `read_units` and `unit_events`
read action units that a program measured in a video.
"""

from emgnb.interop.label_files.files import LABEL_FORMATS, read_labels, write_labels
from emgnb.interop.label_files.units import read_units, unit_events

__all__ = ["LABEL_FORMATS", "read_labels", "read_units", "unit_events", "write_labels"]
