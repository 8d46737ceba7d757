"""Plot power spectra and filter responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from emgnb.plots._style import BACKGROUND, DASHES, colour, dash, new_figure, style
from emgnb.plots._thin import MAX_POINTS, thin
from emgnb.recording import unit_of


def spectrum(
    spec: xr.DataArray | Mapping[str, xr.DataArray],
    *,
    compare: xr.DataArray | None = None,
    title: str = "",
    names: tuple[str, str] = ("raw", "filtered"),
    max_points: int = MAX_POINTS,
) -> go.Figure:
    """Plot power spectra on a logarithmic axis.

    Parameters
    ----------
    spec : (frequency, channel) in a unit of power, or name → such an array; see
        `emgnb.spectra.spectrum`
    compare : spectrum to compare, for example after filtering; `spec` is drawn in grey behind it
    title : title of the figure
    names : names of `spec` and `compare` in the legend
    max_points : maximum number of points per curve

    Raises
    ------
    TypeError, ValueError : not a spectrum, or an empty mapping
    """
    several: dict[str, xr.DataArray]
    if isinstance(spec, xr.DataArray):
        several = {"": spec} if compare is None else {names[0]: spec, names[1]: compare}
    else:
        several = dict(spec)
    if not several:
        raise ValueError("no spectrum to plot: the mapping is empty")
    for one in several.values():
        if not isinstance(one, xr.DataArray) or "frequency" not in one.dims:
            found = one.dims if isinstance(one, xr.DataArray) else type(one).__name__
            raise TypeError(
                f"expected a spectrum (frequency, channel), found {found}: use spectra.spectrum(x)"
            )
    figure = new_figure(title)
    first = next(iter(several.values()))
    for k, (kind, one) in enumerate(several.items()):
        one = one.transpose("frequency", "channel")
        behind = compare is not None and k == 0
        for i, channel in enumerate(str(name) for name in one["channel"].values):
            frequency, power = thin(one.isel(channel=i), max_points, along="frequency")
            figure.add_scatter(
                x=frequency,
                # A logarithmic axis has no zero, so power of 0 becomes a gap.
                y=np.where(power > 0, power, np.nan),
                mode="lines",
                name=kind if behind else f"{channel} {kind}".strip(),
                legendgroup=kind,
                showlegend=not behind or i == 0,
                line={
                    "color": BACKGROUND if behind else colour(i),
                    "width": 1 if behind else 1.5,
                    "dash": dash(i) if compare is not None or len(several) == 1 else DASHES[k % 3],
                },
                hovertemplate=f"{channel} {kind}<br>%{{x:.4g}} Hz<br>%{{y:.3g}} "
                f"{unit_of(one)}<extra></extra>",
            )
    figure.update_xaxes(title_text="frequency (Hz)")
    figure.update_yaxes(title_text=f"power density ({unit_of(first)})", **_decades(figure))
    figure.update_layout(height=380)
    return figure


def response(ds: xr.Dataset, *, title: str = "", max_points: int = MAX_POINTS) -> go.Figure:
    """Plot the frequency and impulse response of a filter chain.

    Parameters
    ----------
    ds : result of `Chain.response(rate)`: over `frequency` (Hz) any of `magnitude` (dB), `phase`
        (rad), `group_delay` (s); over `lag` (s) `impulse`. Variables with the suffix `_zero_phase`
        are those of the zero-phase filter, and are drawn dotted
    title : title of the figure
    max_points : maximum number of points per curve

    Raises
    ------
    TypeError, ValueError : not a response
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"expected the result of chain.response(rate), found {type(ds).__name__}")
    panels = [
        (name, label, along)
        for name, label, along in (
            ("magnitude", "magnitude (dB)", "frequency"),
            ("phase", "phase (rad)", "frequency"),
            ("group_delay", "group delay (ms)", "frequency"),
            ("impulse", "impulse response", "lag"),
        )
        if name in ds
    ]
    if not panels:
        raise ValueError(
            f"found {sorted(map(str, ds.data_vars))}, expected some of magnitude, phase, "
            "group_delay, impulse: use the result of chain.response(rate)"
        )
    columns = 2 if len(panels) > 1 else 1
    figure = make_subplots(
        rows=-(-len(panels) // columns),
        cols=columns,
        horizontal_spacing=0.12,
        vertical_spacing=0.22,
    )
    both = any(f"{name}_zero_phase" in ds for name, _, _ in panels)
    for k, (name, label, along) in enumerate(panels):
        place = {"row": k // columns + 1, "col": k % columns + 1}
        lowest, highest = 0.0, 0.0
        for way, suffix in enumerate(("", "_zero_phase")):
            if name + suffix not in ds:
                continue
            across, y = thin(ds[name + suffix], max_points, along=along)
            y = 1000 * y if name == "group_delay" else y
            lowest, highest = float(np.nanmin(y, initial=lowest)), float(np.nanmax(y, initial=0.0))
            figure.add_scatter(
                x=across,
                y=y,
                mode="lines",
                line={"color": colour(way), "width": 1.5, "dash": DASHES[way]},
                name=("causal (live)", "zero phase")[way],
                legendgroup=suffix,
                showlegend=both and k == 0,
                hovertemplate=f"%{{x:.4g}} {'Hz' if along == 'frequency' else 's'}<br>%{{y:.4g}}"
                f"<extra>{label}</extra>",
                **place,
            )
        if name == "magnitude":
            # Below −100 dB nothing of a 16-bit signal remains.
            figure.update_yaxes(range=[max(lowest, -100.0) - 5, highest + 5], **place)
        if name == "impulse":
            figure.update_xaxes(range=_busy(ds, name, along), **place)
        across_label = "frequency (Hz)" if along == "frequency" else "lag (s)"
        figure.update_xaxes(title_text=across_label, **place)
        figure.update_yaxes(title_text=label, **place)
    left_out = str(ds.attrs.get("nonlinear", ""))
    if left_out:
        title = f"{title} (without {left_out}, which is not linear)".strip()
    style(figure, title)
    figure.update_layout(height=280 * -(-len(panels) // columns))
    return figure


def _decades(figure: go.Figure) -> dict[str, Any]:
    """Return a logarithmic axis for the data, of at most eight decades below the peak."""
    drawn = np.concatenate([np.asarray(trace.y, dtype=np.float64) for trace in figure.data])
    drawn = drawn[np.isfinite(drawn)]
    axis: dict[str, Any] = {"type": "log", "exponentformat": "power"}
    if not drawn.size:
        return axis
    top = float(np.log10(drawn.max()))
    bottom = max(float(np.log10(drawn.min())), top - 8)
    # Show digits between decades only if the axis spans about one decade.
    return axis | {"range": [bottom - 0.1, top + 0.2], "dtick": 1 if top - bottom > 1.5 else None}


def _busy(ds: xr.Dataset, name: str, along: str) -> list[float]:
    """Return the range in which a curve exceeds a hundredth of its peak, with a margin."""
    heights = np.abs(ds[name].values)
    if f"{name}_zero_phase" in ds:
        heights = np.maximum(heights, np.abs(ds[f"{name}_zero_phase"].values))
    there = ds[along].values[heights >= 0.01 * heights.max()]
    air = 0.1 * float(there.max() - there.min()) or 0.01
    return [float(there.min()) - air, float(there.max()) + air]
