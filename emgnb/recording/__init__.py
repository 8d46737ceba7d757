"""The data model of recordings: xarray objects with a few rules.

A *session* is an `xarray.DataTree`. Its node `emg` holds `signal(time, channel)`. Optional nodes
are `markers` (moments marked during recording), `labels/<coder>` (event tables), and other data at
their own rates. Functions that compute take the signal, `session["emg/signal"]`. Its coordinates
and attributes hold time, muscle, side, kind of signal, validity of samples, unit, and processing
history. On disk and on object storage a session is one Zarr store.
"""

from emgnb._faults import refuse
from emgnb._vocabulary import KINDS, SIDES
from emgnb.recording._jsontext import parsed
from emgnb.recording._study import open_each, study
from emgnb.recording.arguments import (
    need_positive,
    need_samples,
    need_session,
    need_signal,
    need_table,
)
from emgnb.recording.blocks import PART, bounds, is_lazy, mapped_rows, over_rows
from emgnb.recording.checks import (
    EVENT_COLUMNS,
    EVENT_INTENSITIES,
    EVENT_SIDES,
    check,
    check_labels,
    event_faults,
    faults,
    in_todays_notation,
)
from emgnb.recording.consent import need_sharing, sharing_refused
from emgnb.recording.export import to_csv, to_netcdf
from emgnb.recording.files import atomic_path, free_path
from emgnb.recording.model import (
    emg,
    empty_markers,
    history,
    known_faults,
    make,
    markers,
    signal,
    unit_of,
    with_history,
    with_signal,
)
from emgnb.recording.names import short_names
from emgnb.recording.places import latest
from emgnb.recording.sampling import measured_rate, sampling_rate, uniform
from emgnb.recording.store import add_labels, open, save, save_table
from emgnb.recording.timeindex import TimeIndex
from emgnb.recording.uploading import remove_unfinished
from emgnb.recording.use import need_use, state_use
from emgnb.recording.writer import SessionWriter

__all__ = [
    "EVENT_COLUMNS",
    "EVENT_INTENSITIES",
    "EVENT_SIDES",
    "KINDS",
    "PART",
    "SIDES",
    "SessionWriter",
    "TimeIndex",
    "add_labels",
    "atomic_path",
    "bounds",
    "check",
    "check_labels",
    "emg",
    "empty_markers",
    "event_faults",
    "faults",
    "free_path",
    "history",
    "in_todays_notation",
    "is_lazy",
    "known_faults",
    "latest",
    "make",
    "mapped_rows",
    "markers",
    "measured_rate",
    "need_positive",
    "need_samples",
    "need_session",
    "need_sharing",
    "need_signal",
    "need_table",
    "need_use",
    "open",
    "open_each",
    "over_rows",
    "parsed",
    "refuse",
    "remove_unfinished",
    "sampling_rate",
    "save",
    "save_table",
    "sharing_refused",
    "short_names",
    "signal",
    "state_use",
    "study",
    "to_csv",
    "to_netcdf",
    "uniform",
    "unit_of",
    "with_history",
    "with_signal",
]
