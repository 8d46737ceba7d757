"""Read published data and other file formats, and write labels for other programs."""

from emgnb.interop.bids import read_bids, write_bids
from emgnb.interop.datasheets import data_sheet
from emgnb.interop.forgetting import Forgotten, forget
from emgnb.interop.imported import RECORDING_FORMATS, read_recording
from emgnb.interop.label_files import (
    LABEL_FORMATS,
    read_labels,
    read_units,
    unit_events,
    write_labels,
)
from emgnb.interop.rows import read_rows, session_stores
from emgnb.interop.sharing import anonymise
from emgnb.interop.tries import read_tries

__all__ = [
    "LABEL_FORMATS",
    "RECORDING_FORMATS",
    "Forgotten",
    "anonymise",
    "data_sheet",
    "forget",
    "read_bids",
    "read_labels",
    "read_recording",
    "read_rows",
    "read_tries",
    "read_units",
    "session_stores",
    "unit_events",
    "write_bids",
    "write_labels",
]
