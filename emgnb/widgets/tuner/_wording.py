"""Texts of the tuner: the chain as code, the output, and notes about the source."""

from __future__ import annotations

import dataclasses

import numpy as np
import xarray as xr

from emgnb import recording
from emgnb.filters import Chain
from emgnb.widgets.tuner._applying import filtered_by


def as_code(chain: Chain) -> str:
    """Return the chain as code, without most options at their defaults."""
    steps = []
    for step in chain.steps:
        shown = []
        for option in dataclasses.fields(step):
            value = getattr(step, option.name)
            if value != option.default or option.name in ("low", "high", "cutoff", "mains"):
                text = f"{value:g}" if isinstance(value, float) else repr(value)
                shown.append(f"{option.name}={text}")
        steps.append(f"{type(step).__name__}({', '.join(shown)})")
    return f"Chain({', '.join(steps)})"


def outcome(out: xr.DataArray, response: xr.Dataset) -> str:
    """Describe the output of a chain: signal kind, lost samples, and what is not drawn."""
    kind = str(np.atleast_1d(out["signal_kind"].values)[0])
    said = [f"Output: {'raw EMG' if kind == 'raw' else kind} ({recording.unit_of(out)})"]
    if lost := 100 * (1 - float(out["valid"].mean())):
        said.append(f"{lost:.2g} % of this channel is lost or disturbed by a gap")
    if bent := response.attrs["nonlinear"]:
        said.append(f"{bent} has no response; the curve shows the linear filters before it")
    return "; ".join(said)


def source_note(x: xr.DataArray) -> str:
    """Return a note if the signal is filtered already, by its history; otherwise ""."""
    done = filtered_by(x)
    if not done:
        return ""
    return (
        f"This signal is already filtered ({done}), and the chain below filters it again. Use the "
        "original recording unless this is intended."
    )


def part_note(part: tuple[float, float], whole: tuple[float, float]) -> str:
    """Describe the displayed part of a recording."""
    return (
        f"Shown and measured: {part[0]:.0f}–{part[1]:.0f} s of a recording from {whole[0]:.0f} to "
        f"{whole[1]:.0f} s. tuner.filtered and “Apply to sessions” filter whole recordings."
    )
