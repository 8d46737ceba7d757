"""What a recording is: plain xarray, with a few rules.

A *session* is an `xarray.DataTree`. Its node `emg` holds `signal(time, channel)`; beside it may
lie `markers` (what was called out while recording), `labels/<coder>` (event tables) and anything
else at its own rate. Everything that computes takes the signal, `session["emg/signal"]`, which
carries all that matters with it: time, muscle, side, kind of sensor, which samples are valid, the
unit, and the history of what was done to it. On disk a session is one Zarr store.
"""

from emgnb.recording.model import (
    EVENT_COLUMNS,
    KINDS,
    SIDES,
    check,
    emg,
    empty_markers,
    faults,
    history,
    known_faults,
    make,
    markers,
    measured_rate,
    sampling_rate,
    signal,
    uniform,
    with_history,
    with_signal,
)
from emgnb.recording.store import (
    SessionWriter,
    add_labels,
    free_path,
    latest,
    open,
    save,
    to_csv,
    to_netcdf,
)
from emgnb.recording.timeindex import TimeIndex

__all__ = [
    "EVENT_COLUMNS",
    "KINDS",
    "SIDES",
    "SessionWriter",
    "TimeIndex",
    "add_labels",
    "check",
    "emg",
    "empty_markers",
    "faults",
    "free_path",
    "history",
    "known_faults",
    "latest",
    "make",
    "markers",
    "measured_rate",
    "open",
    "sampling_rate",
    "save",
    "signal",
    "to_csv",
    "to_netcdf",
    "uniform",
    "with_history",
    "with_signal",
]
