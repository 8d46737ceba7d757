"""Find smiles (AU 12) with raised cheeks (AU 6), the Duchenne marker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from emgnb import facs, recording
from emgnb._arrays import Floats
from emgnb.dynamics._envelopes import joined, words
from emgnb.dynamics.events import needed
from emgnb.dynamics.wording import MEANING, Estimate, shown
from emgnb.labels.comparing import intervals_of

CHEEKS, LIPS = "6", "12"
EVIDENCE = (
    "AU 6 with AU 12 is not a sign of a felt smile: people showed it as often in posed as in "
    "spontaneous smiles (Krumhuber & Manstead 2009, doi:10.1037/a0017844), it also occurs in "
    "smiles perceived as polite or embarrassed (Ambadar 2009, doi:10.1007/s10919-008-0059-5), and "
    "it added little about reported positive emotion (Girard 2021, doi:10.1007/s42761-020-00030-w)."
)
BURSTS = (
    "The events are bursts: electrodes over the orbicularis oculi also pick up blinks, AU 7, and "
    "the zygomaticus major (crosstalk)."
)


@dataclass(frozen=True, eq=False)
class Coactivation:
    """Smiles with and without AU 6; prints the shares and what they do not mean.

    Attributes
    ----------
    smiles : row (event) per smile: `onset`, `offset` (s), `label`, `shared` (s, time with AU 6),
        `overlap` (share of the smile), `lag` (s, onset of AU 6 minus that of AU 12, NaN without
        AU 6), `coactive`
    share : label → share of coactive smiles, with the 95 % interval of Wilson
    least : s, time with AU 6 from which a smile is coactive
    from_bursts : whether the events are bursts and not codes
    """

    smiles: xr.Dataset
    share: Mapping[str, Estimate]
    least: float
    from_bursts: bool

    def __str__(self) -> str:
        lines = [f"smiles (AU 12) with AU 6 for at least {self.least:g} s"]
        for label, share in self.share.items():
            n = int((self.smiles["label"].values == label).sum())
            lines.append(f"{label or 'smiles'}: {n}, share {shown(share)}")
        return "\n".join([*lines, EVIDENCE, *([BURSTS] if self.from_bursts else []), MEANING])


def coactivation(
    table: xr.Dataset, x: xr.DataArray | xr.DataTree | None = None, *, least: float = 0.3
) -> Coactivation:
    """Find the smiles (AU 12) that go with raised cheeks (AU 6), the Duchenne marker.

    The marker was held to distinguish felt from posed smiles (Ekman 1990,
    doi:10.1037/0022-3514.58.2.342). Later studies found it as often in posed smiles (Krumhuber &
    Manstead 2009, doi:10.1037/a0017844), in polite and embarrassed ones (Ambadar 2009,
    doi:10.1007/s10919-008-0059-5), and hardly informative beyond the strength of the smile (Girard
    2021, doi:10.1007/s42761-020-00030-w). So the result describes muscles that act together, and
    prints this evidence. It is no sign of what a person feels, no diagnosis and no lie detection.

    Parameters
    ----------
    table : event table of a coder (`au`), or from `detect.bursts` (`channel`; then `x` is needed).
        Overlapping events of a unit, as of both sides, are one
    x : signal or session, for the muscles of the channels of bursts
    least : s, time that AU 6 must share with the smile; the default is longer than a blink

    Raises
    ------
    TypeError : not a table
    ValueError : the table violates the data model, bursts without `x`, or no event of AU 12
    """
    recording.need_positive(least=least)
    table, muscles = _with_muscles(table, x)
    au = table["au"].values.astype(str)
    lips = (au == LIPS) | (muscles == facs.AUS[LIPS].muscle)
    cheeks = (au == CHEEKS) | (muscles == facs.AUS[CHEEKS].muscle)
    if not lips.any():
        raise ValueError("no event of AU 12 or of a channel over the zygomaticus major: no smiles")
    interval, label = intervals_of(table), table["label"].values.astype(str)
    smiles = joined(interval[lips], label[lips])
    raised = [(a, b) for a, b, _ in joined(interval[cheeks], label[cheeks])]
    made = _as_table(smiles, np.array(raised, dtype=float).reshape(-1, 2), least)
    share = {
        word: _share(made["coactive"].values[made["label"].values == word])
        for word in dict.fromkeys(map(str, made["label"].values))
    }
    return Coactivation(made, share, least, bool((muscles[lips] != "").any()))


def _with_muscles(
    table: xr.Dataset, x: xr.DataArray | xr.DataTree | None
) -> tuple[xr.Dataset, npt.NDArray[np.str_]]:
    """Return the table, and the muscle of each burst ("" for codes)."""
    empty = np.full(getattr(table, "sizes", {}).get("event", 0), "", dtype="<U1")
    if x is None:
        table = recording.need_table(table, "table", "labels.events(onset, offset, au=…)")
        recording.refuse(recording.event_faults(table))
        if "channel" in table and (table["channel"].values != "").any():
            raise ValueError(
                "the table has bursts of channels: pass the signal or session as well, for their "
                "muscles: coactivation(bursts, x)"
            )
        return table, empty
    x = recording.emg(x)
    table = needed(table, x)
    if "channel" not in table:
        return table, empty
    of = dict(zip(map(str, x["channel"].values), map(str, x["muscle"].values), strict=True))
    return table, np.array([of.get(str(n), "") for n in table["channel"].values], dtype=str)


def _as_table(smiles: list[tuple[float, float, str]], raised: Floats, least: float) -> xr.Dataset:
    begin, end = np.array([each[:2] for each in smiles], dtype=float).T
    first = np.maximum(begin[:, None], raised[None, :, 0])
    last = np.minimum(end[:, None], raised[None, :, 1])
    each = np.maximum(last - first, 0.0)
    shared = each.sum(axis=1)
    lag = np.full(begin.size, np.nan)
    for i in np.flatnonzero(shared > 0):
        lag[i] = raised[np.flatnonzero(each[i])[0], 0] - begin[i]
    return xr.Dataset(
        {
            "onset": ("event", begin, {"units": "s"}),
            "offset": ("event", end, {"units": "s"}),
            "label": ("event", words([word for *_, word in smiles])),
            "shared": ("event", shared, {"units": "s"}),
            "overlap": ("event", shared / (end - begin)),
            "lag": ("event", lag, {"units": "s"}),
            "coactive": ("event", shared >= least - 1e-9),
        }
    )


def _share(coactive: npt.NDArray[np.bool_]) -> Estimate:
    found = stats.binomtest(int(coactive.sum()), int(coactive.size))
    low, high = found.proportion_ci(method="wilson")
    return float(found.statistic), float(low), float(high)
