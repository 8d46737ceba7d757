"""Read filter chains from the history of a signal."""

from __future__ import annotations

import json

import xarray as xr

from emgnb import recording
from emgnb.filters.chain import Chain


def chain_of(x: xr.DataArray) -> Chain:
    """Return the chain with which `x` was filtered, to filter other recordings the same way.

    A model accepts only data cleaned by the chain it was trained with, so all recordings of a study
    should share one. Several chains in a row are joined.

    Parameters
    ----------
    x : a filtered signal, or windows or features of one

    Raises
    ------
    ValueError : the history contains no filter

    Examples
    --------
    >>> from emgnb import filters, simulate
    >>> x = simulate.face(duration=4)["emg/signal"]
    >>> x = filters.Chain(filters.BandPass(20, 450), filters.Rectify())(x)
    >>> filters.chain_of(x)
    Chain(BandPass(low=20, high=450, order=4), Rectify())
    """
    used = [step for step in recording.history(x) if step["step"] == "filter"]
    if not used:
        raise ValueError(
            "the history contains no filter: this signal is as recorded. Create a chain with "
            "filters.preset_for(signal)"
        )
    return Chain.from_json(json.dumps([step for each in used for step in each["chain"]]))
