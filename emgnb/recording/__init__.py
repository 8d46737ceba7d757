"""What a recording is: plain xarray, with a few rules.

A *session* is an `xarray.DataTree`. Its node `emg` holds `signal(time, channel)`; beside it may
lie `markers` (what was called out while recording), `labels/<coder>` (event tables) and anything
else at its own rate. Everything that computes takes the signal, `session["emg/signal"]`, which
carries all that matters with it: time, muscle, side, kind of sensor, which samples are valid, the
unit, and the history of what was done to it. On disk a session is one Zarr store.
"""

from emgnb.recording.clock import measured_rate, sampling_rate, uniform
from emgnb.recording.export import to_csv, to_netcdf
from emgnb.recording.lazy import PART, bounds, is_lazy, mapped_rows, over_rows
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
from emgnb.recording.need import (
    need_positive,
    need_samples,
    need_session,
    need_signal,
    need_table,
)
from emgnb.recording.rules import (
    EVENT_COLUMNS,
    EVENT_INTENSITIES,
    EVENT_SIDES,
    KINDS,
    SIDES,
    check,
    check_labels,
    event_faults,
    faults,
    refuse,
)
from emgnb.recording.store import SessionWriter, add_labels, free_path, latest, open, save
from emgnb.recording.timeindex import TimeIndex

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
    "bounds",
    "check",
    "check_labels",
    "emg",
    "empty_markers",
    "event_faults",
    "faults",
    "free_path",
    "history",
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
    "need_signal",
    "need_table",
    "open",
    "over_rows",
    "refuse",
    "sampling_rate",
    "save",
    "signal",
    "to_csv",
    "to_netcdf",
    "uniform",
    "unit_of",
    "with_history",
    "with_signal",
]
