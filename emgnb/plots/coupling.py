"""Plot EMG–EEG coherence."""

from __future__ import annotations

import plotly.graph_objects as go

from emgnb.coupling import VERDICTS, Coupling
from emgnb.plots._style import BACKGROUND, FAINT, colour, new_figure


def coherence(
    coupling: Coupling, *, eeg: str | None = None, emg: str | None = None, title: str = ""
) -> go.Figure:
    """Plot plain and lagged coherence of one pair with the thresholds of the surrogates.

    Dotted curves are the values that 1 − alpha of the surrogates stay below, for each frequency by
    itself; the verdict is that of the shaded band as a whole. Plain coherence includes muscle
    activity that the scalp electrodes record, lagged coherence does not.

    Parameters
    ----------
    coupling : result of `coupling.coherence`
    eeg, emg : names of the channels; the first ones by default
    title : title of the figure; the verdict by default

    Raises
    ------
    TypeError : not the result of `coupling.coherence`
    ValueError : no such channel
    """
    if not isinstance(coupling, Coupling):
        raise TypeError(
            f"expected the result of coupling.coherence, found {type(coupling).__name__}"
        )
    rows = [
        row
        for row in coupling.pairs
        if (eeg is None or row["eeg"] == eeg) and (emg is None or row["emg"] == emg)
    ]
    if not rows:
        found = [(row["eeg"], row["emg"]) for row in coupling.pairs]
        raise ValueError(f"no pair of eeg={eeg!r} and emg={emg!r}; found {found}")
    row = rows[0]
    pair = coupling.spectra.sel(eeg=row["eeg"], emg=row["emg"])
    verdict = VERDICTS[row["verdict"]].split(":")[0]
    figure = new_figure(title or f"{row['eeg']} – {row['emg']}: {verdict}")
    for name, line in (("plain", BACKGROUND), ("lagged", colour(0))):
        for key, dash in ((name, "solid"), (f"{name}_threshold", "dot")):
            figure.add_scatter(
                x=pair["frequency"].values,
                y=pair[key].values,
                mode="lines",
                name=key.replace("_", " "),
                line={"color": line, "width": 1.5, "dash": dash},
                hovertemplate=f"%{{x:.3g}} Hz<br>%{{y:.3f}}<extra>{key.replace('_', ' ')}</extra>",
            )
    first, last = coupling.settings["band"]
    figure.add_vrect(x0=first, x1=last, fillcolor=FAINT, opacity=0.4, line_width=0, layer="below")
    figure.update_xaxes(title_text="frequency (Hz)")
    figure.update_yaxes(title_text="coherence", rangemode="tozero")
    figure.update_layout(height=380)
    return figure
