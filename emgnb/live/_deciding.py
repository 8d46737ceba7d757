"""Turn the filtered samples of one moment into an output's values and label."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters, recording, windows
from emgnb.live import _delay
from emgnb.live._models import Model
from emgnb.live._smoothing import Smoothing
from emgnb.live.output import NOTHING, OutputKind
from emgnb.live.proportional import Proportional
from emgnb.models import Classifier

Samples = npt.NDArray[np.float32]
# Interval (s) from one output to the next: of a classifier, and of intensities from envelopes.
HOP, FAST_HOP = 0.05, 0.02
# Accepted relative difference between the rate of a recording and that of the model's data.
SAME_RATE = 0.02


class Decision(NamedTuple):
    """Values of an output, and its label before smoothing."""

    values: Mapping[str, float]
    label: str | None = None


@dataclass(frozen=True)
class Options:
    """Options of a decoder; see `live.Decoder`."""

    chain: filters.Chain | None = None
    hop: float | None = None
    reject: float = 0.0
    majority: int = 1
    hold: int = 1
    max_delay: float = 0.25

    def __post_init__(self) -> None:
        faults = [
            f"{name}={value!r}, expected {expected}"
            for name, value, expected, right in (
                ("hop", self.hop, "s, above 0", self.hop is None or self.hop > 0),
                ("reject", self.reject, "a probability, 0 to 1", 0 <= self.reject <= 1),
                ("majority", self.majority, "a whole number from 1", _whole(self.majority)),
                ("hold", self.hold, "a whole number from 1", _whole(self.hold)),
                ("max_delay", self.max_delay, "s, above 0", self.max_delay > 0),
            )
            if not right
        ]
        if faults:
            raise ValueError("; ".join(faults))


def _whole(number: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


@dataclass(frozen=True)
class Deciding:
    """What a decoder computes, and how.

    Attributes
    ----------
    kind, names : of the outputs
    size, hop : samples of a window, and from one output to the next
    live : filters with state, to be reset after gaps
    decide : from filtered samples (size, channel) to a decision
    smoothing : of the labels
    added_delay : s that filters, window and smoothing add
    """

    kind: OutputKind
    names: tuple[str, ...]
    size: int
    hop: int
    rate: float
    live: filters.LiveChain
    decide: Callable[[Samples], Decision]
    smoothing: Smoothing
    added_delay: float


def rate_for(model: Model, rate: float) -> float:
    """Return the rate in Hz at which to decode a recording at `rate`: the model's, if near.

    Raises
    ------
    ValueError : the rates differ by more than 2 %
    """
    own = model.rate
    if own is None:
        return rate
    if abs(rate - own) > SAME_RATE * own:
        raise ValueError(
            f"the recording has {rate:.4g} Hz, the model is for {own:.4g} Hz: record at "
            f"{own:.4g} Hz, or train on data at {rate:.4g} Hz"
        )
    return own


def deciding(model: Model, like: xr.DataArray, options: Options) -> Deciding:
    """Return how to decode signals like `like`, of which the samples do not matter.

    Raises
    ------
    ValueError : model, chain and signal do not suit each other; says what to do
    """
    rate = rate_for(model, recording.sampling_rate(like))
    if isinstance(model, Proportional):
        return _proportional(model, like, rate, options)
    return _classifier(model, like, rate, options)


def _proportional(
    model: Proportional, like: xr.DataArray, rate: float, options: Options
) -> Deciding:
    names = tuple(str(name) for name in like["channel"].values)
    faults = []
    if names != model.channel:
        faults.append(f"channels {', '.join(names)}, expected {', '.join(model.channel)}")
    if str(like.attrs["units"]) != model.units:
        faults.append(f"unit {like.attrs['units']}, expected {model.units}")
    if faults:
        raise ValueError(
            f"the levels are of another recording: {'; '.join(faults)}. Measure them with "
            f"live.proportional on a recording of this kind"
        )
    chain = options.chain or model.chain
    example = chain.causal(_example(like, rate, 1.0))
    if any(str(kind) == "raw" for kind in example["signal_kind"].values):
        raise ValueError(f"{chain!r} does not end in an envelope: add Envelope(10)")
    return Deciding(
        kind="intensities",
        names=model.names,
        size=1,
        hop=max(round((options.hop or FAST_HOP) * rate), 1),
        rate=rate,
        live=chain.live(rate, len(names)),
        decide=lambda samples: Decision(model.intensities(samples[-1])),
        smoothing=Smoothing(),
        added_delay=_delay.of_chain(chain, rate, _kinds(like)),
    )


def _classifier(model: Classifier, like: xr.DataArray, rate: float, options: Options) -> Deciding:
    chain = chain_of(model) if options.chain is None else options.chain
    length, hop = model.length, options.hop or HOP
    if length is None:
        raise ValueError("the model does not state its window length: train it on windows.cut(…)")
    example = chain.causal(_example(like, rate, 2 * length + hop))
    window = windows.cut(example, length=length, step=hop).isel(window=[0])
    predict = model.live(window)
    predict(np.asarray(window.values[0]))  # networks are compiled by their first window
    size = window.sizes["sample"]
    step = round(float(window.attrs["step_s"]) * rate)
    smoothing = Smoothing(options.majority, options.hold)
    names = model.classes
    intensities = model.output == "intensities"

    def decide(samples: Samples) -> Decision:
        found = predict(np.ascontiguousarray(samples.T))
        if not np.isfinite(found).all():
            return Decision(NOTHING)
        best = int(found.argmax())
        sure = not intensities and found[best] >= options.reject
        values = dict(zip(names, found.tolist(), strict=True))
        return Decision(values, names[best] if sure else None)

    return Deciding(
        kind="intensities" if intensities else "expression",
        names=names,
        size=size,
        hop=step,
        rate=rate,
        live=chain.live(rate, example.sizes["channel"]),
        decide=decide,
        smoothing=smoothing,
        added_delay=_delay.of_chain(chain, rate, _kinds(like))
        + (size / 2 + smoothing.steps * step) / rate,
    )


def chain_of(model: Classifier) -> filters.Chain:
    """Return the filters of the training data, with the levels that they measured."""
    past = model.spec["data"].get("history") or model.history
    used = [step for each in past if each["step"] == "filter" for step in each["chain"]]
    return filters.Chain.from_json(json.dumps(used))


def _example(like: xr.DataArray, rate: float, seconds: float) -> xr.DataArray:
    """Return noise with the channels of `like`, to try filters and models on."""
    size = (max(round(seconds * rate), 16) + 1, like.sizes["channel"])
    values = np.random.default_rng(0).normal(size=size)
    return recording.signal(
        values,
        rate=rate,
        units=str(like.attrs["units"]),
        channel=[str(name) for name in like["channel"].values],
        **{name: like[name].values.tolist() for name in ("muscle", "side", "signal_kind", "gain")},
    )


def _kinds(x: xr.DataArray) -> list[str]:
    return [str(kind) for kind in x["signal_kind"].values]
