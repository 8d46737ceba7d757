"""Describe the data that a model was trained on, and compare other data with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import features, filters, recording

# Accepted relative difference in rate and window length. Clocks of two boards differ by less.
SAME_RATE = 0.02
# Steps that change the meaning of values; other steps (cut, stack …) are visible in the shape.
MEANINGFUL = ("filter", "features", "profile", "standardise_within")

Data = xr.DataArray | xr.Dataset


def describe(data: Data) -> dict[str, Any]:
    """Return the properties of data that must match for prediction, as JSON-serialisable values.

    Raises
    ------
    ValueError : `data` is neither windows (window, channel, sample) nor features
    """
    found: dict[str, Any] = {"input": "features" if is_features(data) else "windows"}
    if "channel" in data.coords:
        found["channel"] = _texts(data["channel"])
        if "signal_kind" in data.coords:
            found["signal_kind"] = _texts(data["signal_kind"])
    if isinstance(data, xr.Dataset):
        found["feature"] = [str(name) for name in data.data_vars]
        found["units"] = {str(n): str(v.attrs.get("units", "")) for n, v in data.data_vars.items()}
    elif is_features(data):
        found["feature"] = _texts(data["feature"])
    else:
        found["samples"] = int(data.sizes["sample"])
        found["units"] = str(data.attrs.get("units", ""))
    for name in ("rate", "length_s"):
        if name in data.attrs:
            found[name] = float(data.attrs[name])
    found["steps"] = [_step(s) for s in recording.history(data) if s["step"] in MEANINGFUL]
    return found


def is_features(data: Data) -> bool:
    """Return whether `data` holds features (True) or windows (False).

    Raises
    ------
    ValueError : `data` holds neither
    """
    if "window" not in data.dims:
        raise ValueError(
            f"expected windows (window, channel, sample) or features (window, channel), found "
            f"dimensions {tuple(str(d) for d in data.dims)}: cut the signal with windows.cut first"
        )
    if isinstance(data, xr.Dataset):
        odd = [str(n) for n, v in data.data_vars.items() if set(v.dims) != {"window", "channel"}]
        if odd or not data.data_vars:
            raise ValueError(
                f"expected features, each (window, channel); {', '.join(odd) or 'none'} found: "
                f"use features.extract(windows), without further variables"
            )
        return True
    if set(data.dims) == {"window", "feature"}:
        return True
    if set(data.dims) != {"window", "channel", "sample"}:
        raise ValueError(
            f"expected windows (window, channel, sample), found {tuple(str(d) for d in data.dims)}"
        )
    return False


def differences(model: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Return the differences between `data` and the training data, each with advice."""
    if model["input"] != data["input"]:
        do = "features.extract(windows)" if model["input"] == "features" else "windows.cut(…)"
        return [f"{data['input']}, expected {model['input']}: use {do}"]
    found = []
    for name, advice in ADVICE.items():
        want, have = model.get(name), data.get(name)
        if name == "steps":
            # Models of earlier versions also stored what the steps had learned.
            want, have = ([_step(step) for step in steps or ()] for steps in (want, have))
        if _same(name, want, have):
            continue
        turned = isinstance(want, list) and name != "steps" and sorted(want) == sorted(have or [])
        if name == "steps":
            # Only the steps that differ, because chains are long.
            left, right = list(want or ()), list(have or ())
            want, have = [s for s in left if s not in right], [s for s in right if s not in left]
        fill = model.get("length_s") if name == "samples" else want
        found.append(
            f"{name}{' in another order:' if turned else ''} {_list(have)}, "
            f"expected {_list(want)}: {advice.format(want=_list(fill))}"
        )
    return found


def need_fitting(model: str, expects: Mapping[str, Any], data: Data) -> None:
    """Raise ValueError if `data` differ from the training data; the message lists all."""
    wrong = differences(expects, describe(data))
    if wrong:
        raise ValueError(
            f"these data do not fit the {model} model:\n"
            + "\n".join(f"- {fault}" for fault in wrong)
        )


def _same(name: str, want: Any, have: Any) -> bool:
    if name in ("rate", "length_s"):
        return want is None or have is None or abs(want - have) <= SAME_RATE * abs(want)
    return bool(want == have)


ADVICE = {
    "channel": "select and order them with data.sel(channel=[…]), or train on these channels",
    "signal_kind": "the sensor or filter chain is of another kind; train on this kind",
    "units": "convert the data, or train on data in this unit",
    "feature": "extract the same features in the same order",
    "rate": "resample to {want} Hz before cutting",
    "samples": "cut windows with length={want}",
    "length_s": "cut windows with length={want}",
    "steps": "use the steps of the training data (classifier.history)",
}


def _list(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, dict):
        return ", ".join(f"{k} {v!r}" for k, v in value.items())
    if isinstance(value, list):
        if not value:
            return "none"
        return ", ".join(v if isinstance(v, str) else json.dumps(v) for v in value)
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _step(step: dict[str, Any]) -> dict[str, Any]:
    # Live chains are causal and offline chains zero-phase; otherwise the filters are the same.
    kept = {key: value for key, value in step.items() if key != "phase"}
    if step["step"] == "filter" and isinstance(step.get("chain"), list):
        kept["chain"] = filters.settings(step["chain"])
    return kept


def _texts(coord: xr.DataArray) -> list[str]:
    return [str(v) for v in coord.values]


def table(data: Data) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return features as a matrix (window, column) and the column names."""
    if isinstance(data, xr.DataArray):
        ordered = data.transpose("window", "feature")
        return np.asarray(ordered.values, dtype=np.float64), _texts(data["feature"])
    joined = features.matrix(data)
    return np.asarray(joined.values, dtype=np.float64), _texts(joined["feature"])


def array(data: xr.DataArray) -> npt.NDArray[np.float32]:
    """Return windows as (window, sample, channel); the networks run over the sample axis."""
    return np.ascontiguousarray(
        data.transpose("window", "sample", "channel").values, dtype=np.float32
    )


def refuse_gaps(values: npt.NDArray[Any]) -> None:
    """Raise ValueError if windows contain NaN or infinity."""
    bad = int((~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).sum())
    if bad:
        raise ValueError(
            f"{bad} of {len(values)} windows contain NaN or infinity. windows.cut drops windows "
            f"with lost samples; drop these with data.isel(window=…)"
        )


def fingerprint(*parts: npt.NDArray[Any] | str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 hash of arrays and strings."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            digest.update(str((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()[:16]
