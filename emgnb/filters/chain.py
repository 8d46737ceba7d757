"""Define the chain of filter steps: filter recordings, run live, compute responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import recording
from emgnb.filters import _cascade, _compatibility, _reading, _run
from emgnb.filters._again import warn_if_repeated
from emgnb.filters._labelled import dtype_of, invalid, labelled
from emgnb.filters._registry import from_dict, to_dict
from emgnb.filters._response import curves
from emgnb.filters.live import LiveChain
from emgnb.filters.step import Place, Step

# Recordings longer than this are filtered part by part (samples per channel, 70 min at 1 kHz).
LONG = 1 << 22


@dataclass(frozen=True, init=False)
class Chain:
    """Filter steps in order, for example `Chain(BandPass(20, 450), Notch(50))`.

    Call it on a signal for zero-phase filtering of a whole recording. Adjacent linear filters are
    joined into one cascade of second-order sections.

    The repr is Python code that recreates the chain. Chains with equal steps are equal.

    Examples
    --------
    >>> from emgnb import filters, simulate
    >>> chain = filters.Chain(filters.BandPass(20, 450), filters.Notch(50))
    >>> clean = chain(simulate.face(duration=4)["emg/signal"])
    >>> chain
    Chain(BandPass(low=20, high=450, order=4), Notch(mains=50, harmonics=None, q=30.0))
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
        """Filter a whole recording with zero phase (forwards and backwards).

        Zero-phase filters use future samples, so onsets may appear up to one filter length early.
        Use `causal` for results that must match live processing. A warning is issued if the history
        of the signal contains a step with the same effect.

        Parameters
        ----------
        x : (time, channel) signal, uniform in time

        Returns
        -------
        (time, channel) as `x`, with the same dtype and coordinates, and `signal_kind`, `units` and
        `history` updated. NaN stays NaN. `valid` is False there, and where lost samples could
        change the result by more than 5 % of its amplitude. Channels that are NaN throughout stay
        NaN and do not affect `valid`. For dask arrays, such as from `recording.open(path,
        chunks=300)`, the result is a dask array in the same chunks, computed on use. Each chunk is
        filtered with enough overlap on either side to be exact, so chunks much shorter than the
        overlap are slow.

        Raises
        ------
        TypeError : not a signal, for example a whole session
        ValueError : kind of signal, rate or length do not suit a step (all reasons in one message);
            or the signal is a dask array and a step needs the whole recording
        """
        recording.need_signal(x, dims=("time",))
        warn_if_repeated(self.steps, x)
        if recording.is_lazy(x):
            return self._lazily(x)
        return self._whole(x)[0]

    @property
    def channelwise(self) -> bool:
        """Whether the values of a channel are independent of the other channels.

        `valid` is not: it marks gaps in any channel.
        """
        return all(step.channelwise for step in self.steps)

    def blocks(self, x: xr.DataArray, *, seconds: float = recording.PART) -> Iterator[xr.DataArray]:
        """Filter a recording of any length part by part; concatenated, the parts equal `chain(x)`.

        Memory depends on `seconds` and on the filters' decay time, not on the length of the
        recording. A signal from `recording.open` is read part by part.

        Parameters
        ----------
        x : (time, channel) signal, uniform in time
        seconds : length of a part

        Yields
        ------
        (time, channel) next part of `chain(x)`

        Raises
        ------
        TypeError, ValueError : as for calling the chain, or a step needs the whole recording
        """
        rate, kinds = _compatibility.suits(self.steps, x)
        warn_if_repeated(self.steps, x)
        recording.need_positive(seconds=seconds)
        _compatibility.need_length(self.steps, x.sizes["time"], rate)
        _compatibility.need_parts(self.steps)
        return self._blocks(x, rate, kinds, max(round(seconds * rate), 1))

    def _blocks(
        self, x: xr.DataArray, rate: float, kinds: Sequence[str], size: int
    ) -> Iterator[xr.DataArray]:
        bounds = list(recording.bounds(x.sizes["time"], size))
        found = _run.parts(self.steps, x, rate, bounds, dtype_of(x))
        for keep, (values, disturbed) in zip(bounds, found, strict=True):
            yield labelled(
                self.steps, x.isel(time=slice(*keep)), values, kinds, disturbed, phase="zero"
            )

    def fit(self, x: xr.DataArray) -> Chain:
        """Measure the levels of `Baseline` and `Normalise`, and return a chain that contains them.

        Fitted on calibration data, the chain runs live, and no test data enters the levels.

        Parameters
        ----------
        x : (time, channel) signal. It is read into memory, so select a part with rest and
            contraction of a long recording

        Raises
        ------
        ValueError : as for calling the chain
        """
        return self._whole(x)[1]

    def causal(self, x: xr.DataArray) -> xr.DataArray:
        """Filter a whole recording with delay, exactly as `live` does.

        Parameters, returns and errors are as for calling the chain. Gaps are bridged by holding the
        last value, and steps that need the whole recording raise ValueError.
        """
        rate, kinds = _compatibility.suits(self.steps, x)
        warn_if_repeated(self.steps, x)
        _compatibility.need_live(self.steps)
        table = _reading.table(x)
        live = LiveChain(
            _run.stages(self.steps, rate), rate=rate, channels=table.shape[1], text=repr(self)
        )
        out = live.push(table)
        disturbed = _run.spread(self.steps, ~np.isfinite(table), rate)
        return labelled(self.steps, x, out, kinds, disturbed, phase="causal")

    def live(
        self,
        rate: float | None = None,
        channels: int | None = None,
        *,
        like: xr.DataArray | None = None,
    ) -> LiveChain:
        """Return a filter with state that processes samples as they arrive.

        Parameters
        ----------
        rate, channels : sampling rate in Hz and number of channels
        like : a signal to use instead of both; the kinds of its channels are then checked

        Raises
        ------
        ValueError : a step needs the whole recording, or does not suit the rate or the kinds
        """
        if (like is None) == (rate is None or channels is None):
            raise ValueError("give rate (Hz) and channels, or like=signal")
        _compatibility.need_live(self.steps)
        if like is not None:
            rate = _compatibility.suits(self.steps, like)[0]
            channels = int(np.atleast_1d(like["signal_kind"].values).size)
        else:
            recording.need_positive(rate=rate, channels=channels)
            assert rate is not None
            assert channels is not None
            _compatibility.need_rate(self.steps, rate)
            _compatibility.need_some_kind(self.steps)
        return LiveChain(
            _run.stages(self.steps, rate), rate=rate, channels=channels, text=repr(self)
        )

    def response(
        self, rate: float, *, frequency: npt.ArrayLike | None = None, run: int = 0
    ) -> xr.Dataset:
        """Return frequency and impulse response of the chain's linear filters.

        Parameters
        ----------
        rate : sampling rate in Hz
        frequency : Hz; by default 2001 values up to half the rate, plus all corners and notches
        run : index of the run of linear filters, from 0. Rectification ends a run, because it
            changes the frequencies; `FirBandPass` is a run of its own. attrs["runs"] is the number
            of runs

        Returns
        -------
        Dataset on `frequency` (Hz) and `lag` (s). For the causal filter: `magnitude` (dB, at least
        −240), `phase` (rad, unwrapped), `group_delay` (s) and `impulse`. For the zero-phase filter,
        whose phase and delay are 0: `magnitude_zero_phase` (dB, twice the causal) and
        `impulse_zero_phase`. attrs: `steps` (the chain as code), `nonlinear` (names of the steps
        without a response), `run`, `runs`, `rate`

        Raises
        ------
        ValueError : a step cannot work at this rate, or there is no such run
        """
        _compatibility.need_rate(self.steps, rate)
        runs = [stage for stage in _run.stages(self.steps, rate) if not callable(stage)]
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

    def refusals(self, x: xr.DataArray) -> dict[int, str]:
        """Return which steps do not suit a signal, and why.

        Parameters
        ----------
        x : (time, channel) signal

        Returns
        -------
        Reasons by position of the step in `steps`; empty if all steps suit the signal. Recordings
        that are too short or irregular in time have no entry, because no single step is the reason.

        Raises
        ------
        TypeError : not a signal
        """
        recording.need_signal(x, dims=("time",))
        return _compatibility.refusals(self.steps, x)

    def settling(self, rate: float) -> float:
        """Return the time until a transient (start, gap, artefact) is below 5 %, in s.

        Recordings must be longer.
        """
        return _cascade.SHORTEST * _run.slowest(self.steps, rate) / rate

    def to_json(self) -> str:
        """Return the chain as JSON: a list of steps with their options."""
        return json.dumps([to_dict(step) for step in self.steps])

    @classmethod
    def from_json(cls, text: str) -> Chain:
        """Create a chain from JSON written by `to_json`.

        Raises
        ------
        ValueError : not a list of steps, or a step or option is unknown
        """
        try:
            found = recording.parsed(text, "it")
        except ValueError as error:
            raise ValueError(f"no JSON of a chain: {error}; Chain.to_json() writes one") from None
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ValueError("a chain in JSON is a list of objects with a key `step`")
        return cls(*(from_dict(item) for item in found))

    def _whole(self, x: xr.DataArray) -> tuple[xr.DataArray, Chain]:
        rate, kinds = _compatibility.suits(self.steps, x)
        _compatibility.need_length(self.steps, x.sizes["time"], rate)
        if x.sizes["time"] > LONG and not any(step.needs_whole for step in self.steps):
            return self._by_parts(x, rate, kinds), self
        # Filters run along channels, so each channel should be contiguous.
        values = _cascade.columns(_reading.table(x))
        whole_needed = any(step.needs_whole for step in self.steps)
        ran = _run.over(
            self.steps,
            values,
            Place(rate, 0, _reading.start_of(x), _reading.names_of(x)),
            invalid=invalid(x, values) if whole_needed else None,
        )
        known = Chain(*ran.steps)
        del values
        return labelled(known.steps, x, ran.values, kinds, ran.disturbed, phase="zero"), known

    def _by_parts(self, x: xr.DataArray, rate: float, kinds: Sequence[str]) -> xr.DataArray:
        values = np.empty((x.sizes["time"], len(kinds)), dtype=dtype_of(x))
        disturbed = np.empty(len(values), dtype=bool)
        bounds = list(recording.bounds(len(values), LONG // 4))
        found = _run.parts(self.steps, x, rate, bounds, values.dtype)
        for keep, part in zip(bounds, found, strict=True):
            values[slice(*keep)], disturbed[slice(*keep)] = part
        return labelled(self.steps, x, values, kinds, disturbed, phase="zero")

    def _lazily(self, x: xr.DataArray) -> xr.DataArray:
        rate, kinds = _compatibility.suits(self.steps, x)
        _compatibility.need_length(self.steps, x.sizes["time"], rate)
        _compatibility.need_parts(self.steps)
        values, disturbed = _run.lazily(self.steps, x, rate, dtype_of(x))
        return labelled(self.steps, x, values, kinds, disturbed, phase="zero")
