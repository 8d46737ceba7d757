"""A chain of steps, and the three ways to use it: on a recording, live, and as a curve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters import engine
from emgnb.filters.base import Array, Mask, Step
from emgnb.filters.curves import curves
from emgnb.filters.engine import LiveChain
from emgnb.filters.steps import from_dict, to_dict


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
        stays so and marks nothing.

        Raises
        ------
        TypeError : no signal, such as a whole session
        ValueError : kind of signal, rate or length do not suit a step; all reasons in one message
        """
        return self._whole(x)[0]

    def fit(self, x: xr.DataArray) -> Chain:
        """Measure the levels that `Baseline` and `Normalise` need, and return a chain with them.

        Measured on calibration data, that chain runs live and treats test data no better than the
        future: nothing of them enters the levels.

        Parameters
        ----------
        x : (time, channel) signal

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
        rate, kinds = self._suits(x)
        self._runs_live()
        table = _table(x)
        live = LiveChain(self._stages(rate), rate=rate, channels=table.shape[1], text=repr(self))
        out = live.push(table)
        disturbed = self._spread(_gaps(~np.isfinite(table)), rate, zero_phase=False)
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
            rate = self._suits(like)[0]
            channels = int(np.atleast_1d(like["signal_kind"].values).size)
        else:
            recording.need_positive(rate=rate, channels=channels)
            assert rate is not None
            assert channels is not None
            reasons = self._rate_reasons(rate)
            if reasons:
                raise ValueError(_told(reasons))
            tries = [self._kind_reasons([kind], [f"all, if {kind}"])[0] for kind in recording.KINDS]
            if all(tries):
                raise ValueError(_told(tries[0]))
        return LiveChain(self._stages(rate), rate=rate, channels=channels, text=repr(self))

    def response(
        self, rate: float, *, frequency: npt.ArrayLike | None = None, run: int = 0
    ) -> xr.Dataset:
        """What the linear filters of the chain do to each frequency, and to one sharp tick.

        Parameters
        ----------
        rate : sampling rate in Hz
        frequency : Hz; by default 2001 places up to half the rate, and every corner and notch
        run : which run of linear filters, counted from 0; a rectification ends a run, for behind
            it the frequencies are others. attrs["runs"] says how many there are.

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
        reasons = self._rate_reasons(rate)
        if reasons:
            raise ValueError(_told(reasons))
        runs = [stage for stage in self._stages(rate) if not callable(stage)]
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
        return engine.SHORTEST * self._slowest(rate) / rate

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
        rate, kinds = self._suits(x)
        table = _table(x)
        n = len(table)
        shortest = engine.SHORTEST * self._slowest(rate)
        if n <= shortest:
            raise ValueError(
                f"the recording has {n} samples ({n / rate:.3g} s), too short for this chain: it "
                f"needs more than {shortest / rate:.3g} s, {engine.SHORTEST:g} decay times of its "
                "slowest filter. Use a longer recording, a lower order, or a wider filter "
                "(higher cutoff, lower q)."
            )
        # Filters run along a channel, so each channel's samples should lie side by side.
        values = table.astype(np.float64, order="F")
        missing = ~np.isfinite(values)
        values = engine.bridge(values, missing)
        whole = any(step.needs_whole for step in self.steps)
        unseen = missing | _invalid(x, missing) if whole else missing
        pending: list[Array] = []
        fitted: list[Step] = []

        def flush() -> None:
            if pending:
                engine.both_ways(np.concatenate(pending), values)
                pending.clear()

        for step in self.steps:
            if step.needs_whole:
                flush()
                values, step = step.over_whole(values, unseen, _start(x), rate)
            else:
                for operation in step.operations(rate):
                    if callable(operation):
                        flush()
                        values = operation(values)
                    else:
                        pending.append(operation)
            fitted.append(step)
        flush()
        values[missing] = np.nan
        disturbed = self._spread(_gaps(missing), rate, zero_phase=True)
        known = Chain(*fitted)
        return known._give(x, values, kinds, disturbed, phase="zero"), known

    def _stages(self, rate: float) -> list[engine.Stage]:
        """Operations in order, neighbouring sections joined into one cascade."""
        stages: list[engine.Stage] = []
        for step in self.steps:
            for operation in step.operations(rate):
                if not callable(operation) and stages and not callable(stages[-1]):
                    stages[-1] = np.concatenate([stages[-1], operation])
                else:
                    stages.append(operation)
        return stages

    def _slowest(self, rate: float) -> float:
        """Longest decay time of the chain's filters, in samples."""
        return max((engine.decay(s) for s in self._stages(rate) if not callable(s)), default=0.0)

    def _spread(self, mask: Mask, rate: float, *, zero_phase: bool) -> Mask:
        """Samples disturbed by the gaps in `mask`, run by run."""
        if mask.any():
            for stage in self._stages(rate):
                if not callable(stage):
                    mask = engine.reach(mask, stage, zero_phase=zero_phase)
        return mask

    def _runs_live(self) -> None:
        reasons = [reason for step in self.steps if (reason := step.refuses_live())]
        if reasons:
            raise ValueError(_told(reasons))

    def _rate_reasons(self, rate: float) -> list[str]:
        found = ((type(step).__name__, step.refuses_rate(rate)) for step in self.steps)
        return [f"{name}: {reason}" for name, reason in found if reason]

    def _kind_reasons(
        self, kinds: Sequence[str], names: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Why channels of these kinds must not be filtered so, and the kinds that come out."""
        now = list(kinds)
        refused: dict[str, list[str]] = {}
        for step in self.steps:
            for i, kind in enumerate(now):
                reason = step.refuses_kind(kind)
                if reason:
                    refused.setdefault(reason, []).append(names[i])
                else:
                    now[i] = step.kind_after(kind)
        reasons = [f"{reason} Channels: {', '.join(who)}." for reason, who in refused.items()]
        return reasons, now

    def _suits(self, x: xr.DataArray) -> tuple[float, list[str]]:
        """Rate of `x` and the kinds after the chain; ValueError with every reason why not."""
        recording.need_signal(x, dims=("time",))
        if "signal_kind" not in x.coords:
            raise ValueError(
                "the signal does not say what its channels are: make it with recording.signal("
                "..., signal_kind='raw' | 'rectified' | 'envelope')"
            )
        kinds = [str(kind) for kind in np.atleast_1d(x["signal_kind"].values)]
        names = [str(name) for name in np.atleast_1d(x["channel"].values)]
        reasons, after = self._kind_reasons(kinds, names)
        try:
            rate = recording.sampling_rate(x)
            reasons += self._rate_reasons(rate)
        except ValueError as error:
            reasons.append(str(error))
            rate = recording.measured_rate(x)
            reasons += [f"Even at {rate:.4g} Hz, {said}" for said in self._rate_reasons(rate)]
        if not reasons:
            reasons = self._offset_reasons(x, kinds, names)
        if reasons:
            raise ValueError(_told(reasons))
        return rate, after

    def _offset_reasons(
        self, x: xr.DataArray, kinds: Sequence[str], names: Sequence[str]
    ) -> list[str]:
        """Why the raw channels cannot be rectified: they do not swing about zero."""
        first = next((i for i, step in enumerate(self.steps) if not step.linear), None)
        if first is None or any(step.removes_offset for step in self.steps[:first]):
            return []
        reasons = []
        table = _table(x)
        for i, name in enumerate(names):
            seen = table[np.isfinite(table[:, i]), i].astype(np.float64)
            if kinds[i] == "raw" and seen.size and abs(seen.mean()) > seen.std():
                reasons.append(
                    f"{type(self.steps[first]).__name__} on raw channel {name}: it lies at "
                    f"{seen.mean():.4g} {x.attrs.get('units', '')} and moves by {seen.std():.3g} "
                    "only, so its absolute value is its offset; put HighPass(20) before it."
                )
        return reasons

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
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        data = values.astype(dtype, order="C", copy=False).reshape(turned.shape)
        valid = ~disturbed
        if "valid" in x.coords:
            valid = valid & x["valid"].values
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


def _table(x: xr.DataArray) -> npt.NDArray[Any]:
    """Values as (time, channel), whatever the order of the dims, or one channel without a dim."""
    values = x.transpose("time", ...).values
    return values[:, np.newaxis] if values.ndim == 1 else values


def _start(x: xr.DataArray) -> float:
    return float(x["time"].isel(time=0))


def _invalid(x: xr.DataArray, missing: Mask) -> Mask:
    """Samples marked invalid, but of channels that have nothing else (another may be dead)."""
    if "valid" not in x.coords:
        return np.zeros_like(missing)
    marked = ~x["valid"].values.astype(bool)[:, np.newaxis]
    return np.asarray(marked & (~marked & ~missing).any(axis=0))


def _gaps(missing: Mask) -> Mask:
    """Times at which a channel is lost; a channel without any sample is no gap."""
    found = missing[:, ~missing.all(axis=0)].any(axis=1)
    return np.asarray(found, dtype=bool)


def _told(reasons: Sequence[str]) -> str:
    if len(reasons) == 1:
        return reasons[0]
    return f"{len(reasons)} reasons:\n" + "\n".join(f"- {reason}" for reason in reasons)
