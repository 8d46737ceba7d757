"""A chain of steps, and the three ways to use it: on a recording, live, and as a curve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters import engine, long, suits, whole
from emgnb.filters.base import Array, Mask, Place, Step
from emgnb.filters.curves import curves
from emgnb.filters.engine import LiveChain
from emgnb.filters.steps import from_dict, to_dict

# Above this many samples a channel a recording is filtered part by part, 70 min at 1 kHz.
LONG = 1 << 22


@dataclass(frozen=True, init=False)
class Chain:
    """Filter steps in order; `Chain(BandPass(20, 450), Notch(50))`.

    Call it on a signal for zero-phase filtering of a whole recording. Neighbouring linear filters
    become one cascade of second-order sections, applied once.

    The repr is Python code that makes the chain again; chains with equal steps are equal.
    """

    steps: tuple[Step, ...]

    def __init__(self, *steps: Step) -> None:
        wrong = [repr(step) for step in steps if not isinstance(step, Step)]
        if wrong:
            raise TypeError(
                f"not a filter step: {', '.join(wrong)}; write Chain(BandPass(20, 450), Notch(50))"
            )
        object.__setattr__(self, "steps", tuple(steps))

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.steps))})"

    def __call__(self, x: xr.DataArray) -> xr.DataArray:
        """Filter a whole recording without delay (forwards and backwards).

        It sees the future: an onset may show up to a filter's length early. What must also run
        live, or must not look ahead, uses `causal`.

        Parameters
        ----------
        x : (time, channel) signal, uniform in time

        Returns
        -------
        (time, channel) as `x`: dtype and coordinates kept, `signal_kind`, `units` and `history`
        brought up to date. NaN stays NaN, and `valid` is False there and where what was lost could
        move the result by more than 5 % of its own amplitude. A channel that is NaN throughout
        stays so and marks nothing. Of dask arrays, `recording.open(path, chunks=300)`, come dask
        arrays in the same chunks, computed when they are used or saved; each chunk is filtered with
        as much on either side as makes a difference, so chunks much shorter than that cost time.

        Raises
        ------
        TypeError : no signal, such as a whole session
        ValueError : kind of signal, rate or length do not suit a step, all reasons in one message;
            or the signal is a dask array and a step needs the whole recording
        """
        recording.need_signal(x, dims=("time",))
        if recording.is_lazy(x):
            return self._lazily(x)
        return self._whole(x)[0]

    @property
    def channelwise(self) -> bool:
        """Whether a channel's values are the same whatever other channels are given with it.

        `valid` is not: it tells of a gap in any of them.
        """
        return all(step.channelwise for step in self.steps)

    def blocks(self, x: xr.DataArray, *, seconds: float = recording.PART) -> Iterator[xr.DataArray]:
        """Filter a recording of any length part by part: joined, the parts are `chain(x)`.

        Memory grows with `seconds` and with the time the chain's filters ring, not with the
        recording. A signal from `recording.open` is read as it is needed.

        Parameters
        ----------
        x : (time, channel) signal, uniform in time
        seconds : length of a part

        Yields
        ------
        (time, channel) the next stretch of `chain(x)`

        Raises
        ------
        TypeError, ValueError : as for calling the chain, or a step needs the whole recording
        """
        rate, kinds = suits.suits(self.steps, x)
        recording.need_positive(seconds=seconds)
        self._long_enough(x.sizes["time"], rate)
        self._runs_by_parts()
        return self._blocks(x, rate, kinds, max(round(seconds * rate), 1))

    def _blocks(
        self, x: xr.DataArray, rate: float, kinds: Sequence[str], size: int
    ) -> Iterator[xr.DataArray]:
        bounds = list(recording.bounds(x.sizes["time"], size))
        found = long.parts(self.steps, x, rate, bounds, _dtype(x))
        for keep, (values, disturbed) in zip(bounds, found, strict=True):
            yield self._give(x.isel(time=slice(*keep)), values, kinds, disturbed, phase="zero")

    def fit(self, x: xr.DataArray) -> Chain:
        """Measure the levels that `Baseline` and `Normalise` need, and return a chain with them.

        Measured on calibration data, that chain runs live and treats test data no better than the
        future: nothing of them enters the levels.

        Parameters
        ----------
        x : (time, channel) signal; all of it is read into memory, so of a long recording give a
            part that holds rest and contraction

        Raises
        ------
        ValueError : as for calling the chain
        """
        return self._whole(x)[1]

    def causal(self, x: xr.DataArray) -> xr.DataArray:
        """Filter a whole recording with delay, exactly as it runs live.

        Parameters, returns, raises : as for calling the chain; gaps are bridged by holding the last
        value, and steps that must see the whole recording are refused.
        """
        rate, kinds = suits.suits(self.steps, x)
        self._runs_live()
        table = suits.table(x)
        live = LiveChain(
            whole.stages(self.steps, rate), rate=rate, channels=table.shape[1], text=repr(self)
        )
        out = live.push(table)
        disturbed = whole.spread(self.steps, ~np.isfinite(table), rate)
        return self._give(x, out, kinds, disturbed, phase="causal")

    def live(
        self,
        rate: float | None = None,
        channels: int | None = None,
        *,
        like: xr.DataArray | None = None,
    ) -> LiveChain:
        """Make the chain ready for samples as they come.

        Parameters
        ----------
        rate, channels : sampling rate in Hz and number of channels
        like : a signal, instead of both; then the kinds of its channels are checked as well

        Raises
        ------
        ValueError : a step needs the whole recording, or does not suit the rate or the kinds
        """
        if (like is None) == (rate is None or channels is None):
            raise ValueError("give rate (Hz) and channels, or like=signal")
        self._runs_live()
        if like is not None:
            rate = suits.suits(self.steps, like)[0]
            channels = int(np.atleast_1d(like["signal_kind"].values).size)
        else:
            recording.need_positive(rate=rate, channels=channels)
            assert rate is not None
            assert channels is not None
            reasons = suits.rate_reasons(self.steps, rate)
            if reasons:
                raise ValueError(suits.told(reasons))
            tries = [
                suits.kind_reasons(self.steps, [kind], [f"all, if {kind}"])[0]
                for kind in recording.KINDS
            ]
            if all(tries):
                raise ValueError(suits.told(tries[0]))
        return LiveChain(
            whole.stages(self.steps, rate), rate=rate, channels=channels, text=repr(self)
        )

    def response(
        self, rate: float, *, frequency: npt.ArrayLike | None = None, run: int = 0
    ) -> xr.Dataset:
        """What the linear filters of the chain do to each frequency, and to one sharp tick.

        Parameters
        ----------
        rate : sampling rate in Hz
        frequency : Hz; by default 2001 places up to half the rate, and every corner and notch
        run : which run of linear filters, counted from 0; a rectification ends a run, for behind
            it the frequencies are others, and `FirBandPass` is one of its own. attrs["runs"] says
            how many there are.

        Returns
        -------
        Dataset on `frequency` (Hz) and `lag` (s), for the causal filter `magnitude` (dB, not below
        −240), `phase` (rad, unwrapped), `group_delay` (s) and `impulse`, and for the zero-phase
        filter `magnitude_zero_phase` (dB, twice the causal) and `impulse_zero_phase`; its phase and
        delay are 0. attrs: `steps` (the chain as code), `nonlinear` (names of the steps that have
        no response), `run`, `runs`, `rate`

        Raises
        ------
        ValueError : a step cannot work at this rate, or there is no such run
        """
        reasons = suits.rate_reasons(self.steps, rate)
        if reasons:
            raise ValueError(suits.told(reasons))
        runs = [stage for stage in whole.stages(self.steps, rate) if not callable(stage)]
        if not 0 <= run < max(len(runs), 1):
            raise ValueError(f"run={run}: the chain has {len(runs)} runs of linear filters")
        sos = runs[run] if runs else np.array([[1.0, 0, 0, 1, 0, 0]])
        if frequency is None:
            corners = [f for step in self.steps for f in step.corners(rate)]
            frequency = np.unique(np.concatenate([np.linspace(0, rate / 2, 2001), corners]))
        found = curves(sos, rate, np.atleast_1d(np.asarray(frequency, dtype=float)))
        return found.assign_attrs(
            steps=repr(self),
            nonlinear=", ".join(type(step).__name__ for step in self.steps if not step.linear),
            run=run,
            runs=len(runs),
            rate=rate,
        )

    def settling(self, rate: float) -> float:
        """Seconds until a transient (start, gap, artefact) has fallen below 5 %.

        A recording must be longer than that.
        """
        return engine.SHORTEST * whole.slowest(self.steps, rate) / rate

    def to_json(self) -> str:
        """Write the chain as JSON: a list of steps with their options."""
        return json.dumps([to_dict(step) for step in self.steps])

    @classmethod
    def from_json(cls, text: str) -> Chain:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError : not a list of steps, or a step or option is unknown
        """
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"no JSON of a chain: {error}; Chain.to_json() writes one") from None
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ValueError("a chain in JSON is a list of objects with a key `step`")
        return cls(*(from_dict(item) for item in found))

    def _whole(self, x: xr.DataArray) -> tuple[xr.DataArray, Chain]:
        rate, kinds = suits.suits(self.steps, x)
        self._long_enough(x.sizes["time"], rate)
        if x.sizes["time"] > LONG and not self._unmeasured():
            return self._by_parts(x, rate, kinds), self
        # Filters run along a channel, so each channel's samples should lie side by side.
        values = engine.columns(suits.table(x))
        whole_needed = any(step.needs_whole for step in self.steps)
        ran = whole.over(
            self.steps,
            values,
            Place(rate, 0, suits.start_of(x), suits.names_of(x)),
            invalid=_invalid(x, values) if whole_needed else None,
        )
        known = Chain(*ran.steps)
        del values
        return known._give(x, ran.values, kinds, ran.disturbed, phase="zero"), known

    def _by_parts(self, x: xr.DataArray, rate: float, kinds: Sequence[str]) -> xr.DataArray:
        values = np.empty((x.sizes["time"], len(kinds)), dtype=_dtype(x))
        disturbed = np.empty(len(values), dtype=bool)
        bounds = list(recording.bounds(len(values), LONG // 4))
        found = long.parts(self.steps, x, rate, bounds, values.dtype)
        for keep, part in zip(bounds, found, strict=True):
            values[slice(*keep)], disturbed[slice(*keep)] = part
        return self._give(x, values, kinds, disturbed, phase="zero")

    def _lazily(self, x: xr.DataArray) -> xr.DataArray:
        rate, kinds = suits.suits(self.steps, x)
        self._long_enough(x.sizes["time"], rate)
        self._runs_by_parts()
        values, disturbed = long.lazily(self.steps, x, rate, _dtype(x))
        return self._give(x, values, kinds, disturbed, phase="zero")

    def _unmeasured(self) -> list[str]:
        return [type(step).__name__ for step in self.steps if step.needs_whole]

    def _long_enough(self, n: int, rate: float) -> None:
        shortest = engine.SHORTEST * whole.slowest(self.steps, rate)
        if n <= shortest:
            raise ValueError(
                f"the recording has {n} samples ({n / rate:.3g} s), too short for this chain: it "
                f"needs more than {shortest / rate:.3g} s, {engine.SHORTEST:g} decay times of its "
                "slowest filter. Use a longer recording, a lower order, or a wider filter "
                "(higher cutoff, lower q)."
            )
        short = [step for step in self.steps if n < step.least(rate)]
        if short:
            raise ValueError(
                f"the recording has {n} samples ({n / rate:.3g} s), too short for {short[0]!r}: it "
                f"needs {short[0].least(rate) / rate:.3g} s or more."
            )

    def _runs_by_parts(self) -> None:
        if self._unmeasured():
            raise ValueError(
                f"{', '.join(self._unmeasured())} must see the whole recording at once. A level is "
                "measured beforehand on a part that holds rest and contraction, "
                "chain.fit(x.isel(time=slice(600_000))), and that chain runs part by part; for the "
                "rest take the chain(x) of recordings that fit in memory, chain(x.compute())."
            )

    def _runs_live(self) -> None:
        reasons = suits.live_reasons(self.steps)
        if reasons:
            raise ValueError(suits.told(reasons))

    def _give(
        self,
        x: xr.DataArray,
        values: npt.NDArray[Any],
        kinds: Sequence[str],
        disturbed: Mask,
        *,
        phase: str,
    ) -> xr.DataArray:
        """`x` with new values, and with what the chain changed said in its coords and attrs."""
        turned = x.transpose("time", ...)
        data = values.astype(_dtype(x), copy=False).reshape(turned.shape)
        valid = ~disturbed
        if "valid" in x.coords:
            valid = valid & x["valid"].data
        kind = x["signal_kind"]
        out = (
            turned.copy(data=data)
            .transpose(*x.dims)
            .assign_coords(
                valid=("time", valid), signal_kind=(kind.dims, np.reshape(kinds, kind.shape))
            )
            .drop_encoding()
        )
        units = str(x.attrs.get("units", ""))
        for step in self.steps:
            units = step.units_after(units)
        out.attrs["units"] = units
        return recording.with_history(out, "filter", chain=json.loads(self.to_json()), phase=phase)


def _dtype(x: xr.DataArray) -> np.dtype[Any]:
    """Type of the result: a float stays what it is, counts become float32."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)


def _invalid(x: xr.DataArray, values: Array) -> Mask:
    """Samples marked invalid, but of channels that have nothing else (another may be dead)."""
    if "valid" not in x.coords:
        return np.zeros(values.shape, dtype=bool)
    marked = ~x["valid"].values.astype(bool)[:, np.newaxis]
    return np.asarray(marked & (~marked & np.isfinite(values)).any(axis=0))
