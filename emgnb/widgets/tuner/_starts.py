"""Initial steps and chains for each signal kind."""

from __future__ import annotations

import numpy as np
import xarray as xr

from emgnb import filters, recording
from emgnb.filters import Chain, Step

# Steps that have controls at first, by signal kind, in a sensible order.
STEPS: dict[str, tuple[Step, ...]] = {
    "raw": (filters.BandPass(), filters.Notch(), filters.Rectify(), filters.Envelope()),
    "rectified": (filters.Envelope(), filters.Baseline()),
    "envelope": (filters.LowPass(), filters.Baseline()),
}
FITTING, RAW, ENVELOPE = "for this recording", "raw EMG", "envelope"
# Initial chains by signal kind; the first is the default.
STARTS = {
    "raw": (RAW, ENVELOPE, FITTING),
    "rectified": (ENVELOPE,),
    "envelope": (ENVELOPE, FITTING),
}


def starting(name: str, x: xr.DataArray) -> Chain:
    """Return an initial chain for the signal kind of `x`.

    Raises
    ------
    ValueError : the sampling rate is too low, or the signal too short
    """
    kind, rate = kind_of(x), recording.measured_rate(x)
    if name == FITTING:
        return filters.preset_for(x)
    if kind == "rectified":
        return Chain(filters.Envelope(), filters.Baseline())
    if kind == "envelope":
        return filters.preset("envelope", rate=rate)
    raw = filters.preset("raw", rate=rate)
    return raw if name == RAW else Chain(*raw.steps, filters.Rectify(), filters.Envelope())


def suggested(x: xr.DataArray) -> tuple[Chain, ValueError | None]:
    """Return the default chain for a signal; or, if it is not suitable, a preset and the error."""
    kind = kind_of(x)
    try:
        return starting(STARTS[kind][0], x), None
    except ValueError as error:
        return filters.PRESETS["raw" if kind == "raw" else "envelope"], error


def kind_of(x: xr.DataArray) -> str:
    """Return the signal kind of the channels.

    Raises
    ------
    ValueError : channels of several kinds
    """
    kinds = sorted({str(kind) for kind in np.atleast_1d(x["signal_kind"].values)})
    if len(kinds) > 1:
        raise ValueError(
            f"channels of several kinds ({', '.join(kinds)}) need separate chains: select one "
            f"kind, as in Tuner(x.sel(channel=x.signal_kind == {kinds[0]!r}))"
        )
    return kinds[0]


def need_chain(chain: object) -> None:
    """Raise TypeError unless `chain` is a `Chain` or None."""
    if not isinstance(chain, Chain | None):
        raise TypeError(
            f"chain={chain!r}, expected a Chain: filters.Chain(filters.BandPass(20, 450)), or "
            f"filters.preset('raw', rate=1000)"
        )
