"""Find rest in a channel, excluding bursts.

Rest is everything that no window identifies as a burst. The search alternates between finding
bursts and measuring rest until it converges.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emgnb._arrays import Floats, Mask
from emgnb.detect import _amplitude, _intervals
from emgnb.detect._amplitude import Options
from emgnb.detect._independence import FIRST_GUESS, independence, window_means
from emgnb.detect._reading import Kept
from emgnb.detect._rest import SOME, RestEstimate, in_pieces, pair_sums, strength_family
from emgnb.detect._scan import HOPS, SLACK, Hops, Scan

# Evidence in nats above which a window is not rest, during the search.
NOT_REST = 7.0
ROUNDS = 6
SETTLED = 1e-3
# Minimum duration of rest, in lengths of the shortest burst; fewer windows give no reliable
# variance.
LEAST_REST = 30


def look_for_rest(
    kept: Kept, *, options: Options, kind: str, everywhere: bool, name: str
) -> RestEstimate:
    """Find rest in one channel, on strength.

    Parameters
    ----------
    everywhere : the whole recording is rest; otherwise rest is searched
    name : of the channel, for messages

    Raises
    ------
    ValueError : too little rest, nothing but zeros, or a raw signal with an offset
    """
    n, pair = options.samples, 2 * options.hop
    family = strength_family(kind)
    sums = pair_sums(kept.sums)
    ok = np.isfinite(sums)
    if everywhere:
        _refuse_little(ok, options, f"channel {name}", "in the interval given")
    guess = _guess(sums, ok, pair, kept, kind, name)
    # Quantisation counts as scatter; 1e-9 avoids zero for constant rest.
    scatter = _Scatter(kept, options, kind, guess[0], max(_grain(kept), 1e-9 * guess[1]))
    if everywhere:
        rest = ok
        base, level, independent, wander = _figures(sums, rest, scatter, pair, n, kind)
    else:
        base, level = guess
        # Few for envelopes, whose samples are correlated; the iteration then converges from above.
        independent, wander = (0.25 / pair if kind == "envelope" else FIRST_GUESS), 0.0
        if kind == "envelope":
            wander = scatter.hidden(level)
        rest = np.zeros(len(ok), dtype=bool)
        for _ in range(ROUNDS):
            scan = Scan(family, independent, wander, n, pair, NOT_REST + SLACK, HOPS // 2)
            found = ok.copy()
            found[_intervals.places(*scan.regions(Hops(sums, base * pair, level)))] = False
            settled = abs(int(found.sum()) - int(rest.sum())) <= SETTLED * found.sum()
            rest = found
            if found.sum() * pair < LEAST_REST * n:
                break
            base, level, independent, wander = _figures(sums, rest, scatter, pair, n, kind)
            if settled:
                break
    calm = RestEstimate(kept, options, kind, rest, base, level, independent, wander)
    _refuse_little(rest, options, f"channel {name}", "found")
    if kind == "raw":
        _refuse_offset(calm, name)
    return calm


def _refuse_little(rest: Mask, options: Options, who: str, where: str) -> None:
    seconds = float(rest.sum()) * 2 * options.hop / options.rate
    least = LEAST_REST * options.samples / options.rate
    if seconds < least:
        raise ValueError(
            f"{who}: {seconds:.2g} s of rest {where}, at least {least:.2g} s are needed. Give an "
            "interval of rest, rest=(start, stop) in s, or a calibration recording, "
            "rest=signal"
        )


def _guess(
    sums: npt.NDArray[np.float32], ok: Mask, pair: int, kept: Kept, kind: str, name: str
) -> tuple[float, float]:
    """Return baseline and level (power, or standard deviation) of the quieter part."""
    width = 8 * HOPS // 2
    means = window_means(sums, ok, width) / pair
    if means.size < 2:
        raise ValueError(
            f"channel {name} has {int(ok.sum()) * pair} valid samples of {len(ok) * pair} in whole "
            "hops, too few consecutive ones to distinguish rest from bursts"
        )
    low = float(np.quantile(means, 0.2))
    if kind != "envelope":
        if low <= 0.0:
            raise ValueError(
                f"channel {name} is 0 for at least 20 % of the time: a flat line has no rest "
                "level. Mark missing samples as NaN, or exclude the channel"
            )
        return 0.0, low
    quiet = _quiet(sums, ok, width, pair, float(np.quantile(means, 0.4)))
    spread = max(float(np.sqrt(np.mean((quiet - low) ** 2))), _grain(kept))
    if spread <= 0.0:
        raise ValueError(
            f"channel {name} is {low:.6g} throughout: a flat line has no bursts. Exclude it"
        )
    return low, spread


def _quiet(sums: npt.NDArray[np.float32], ok: Mask, width: int, pair: int, below: float) -> Floats:
    """Return the means of hop pairs in all windows with a mean of at most `below`."""
    n = len(sums) // width * width
    rows = sums[:n].reshape(-1, width).astype(np.float64) / pair
    whole = ok[:n].reshape(-1, width).all(axis=1)
    return np.asarray(rows[whole & (rows.mean(axis=1) <= below)])


class _Scatter:
    """Standard deviation of the samples of an envelope at rest."""

    def __init__(self, kept: Kept, options: Options, kind: str, base: float, least: float) -> None:
        self._kept, self._options, self._base, self._least = kept, options, base, least
        if kind != "envelope":
            return
        size = _amplitude.strength(kept.pieces, options, kind) - base
        rows = size.reshape(len(size), -1, 2 * options.hop)
        self._sums, self._squares = rows.sum(axis=2), np.square(rows).sum(axis=2)

    def over(self, rest: Mask) -> float:
        own = in_pieces(rest, self._kept, self._options)
        n = own.sum() * 2 * self._options.hop
        if not n:
            return self._least
        mean = self._sums[own].sum() / n
        return float(np.sqrt(max(self._squares[own].sum() / n - mean**2, self._least**2)))

    def hidden(self, level: float) -> float:
        """Return the wander hidden by quantisation: noise below one step is not averaged out.

        The error of a mean of rounded samples is half a step without noise, and decreases as
        exp(−2π²σ²) with noise of σ steps [Widrow 1996, doi:10.1109/19.492748].
        """
        step = np.sqrt(12.0) * self._least
        noise = max((level / step) ** 2 - 1.0 / 12.0, 0.0)
        return float((0.5 * step / level * np.exp(-2.0 * np.pi**2 * noise)) ** 2)


def _figures(
    sums: npt.NDArray[np.float32], rest: Mask, scatter: _Scatter, pair: int, n: int, kind: str
) -> tuple[float, float, float, float]:
    """Return baseline, level, independent samples and wander of the hop pairs at rest."""
    mean = float(sums[rest].mean(dtype=np.float64) / pair) if rest.any() else np.nan
    if kind == "envelope":
        level = scatter.over(rest)
        independent, wander = independence((sums - mean * pair) / level, rest, pair, n, 1.0)
        return mean, level, independent, max(wander, scatter.hidden(level))
    return 0.0, mean, *independence(sums / mean, rest, pair, n, 2.0)


def _grain(kept: Kept) -> float:
    """Return the standard deviation due to quantisation alone."""
    some = kept.pieces[:: max(1, -(-len(kept.pieces) // SOME))].astype(np.float64)
    step = np.abs(np.diff(some, axis=1))
    step = step[np.isfinite(step) & (step > 0)]
    return float(step.min() / np.sqrt(12.0)) if step.size else 0.0


def _refuse_offset(calm: RestEstimate, name: str) -> None:
    values, rest = calm.pieces(SOME)
    w = _amplitude.reach(calm.options)
    own = values[:, w : values.shape[1] - w].reshape(*rest.shape, -1)[rest]
    if not own.size:
        return
    middle, level = float(own.mean()), float(np.sqrt(calm.level))
    if abs(middle) > 0.5 * level:
        raise ValueError(
            f"channel {name} rests at {middle:.4g} with an RMS of {level:.4g}: remove this "
            "offset first, for example with filters.preset('raw', rate=…)(x)"
        )
