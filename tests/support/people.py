"""Predictions of a model on people, some of whom are easy to read and some hard."""

import numpy as np
import xarray as xr

from emgnb import evaluate

CLASSES = np.array(["frown", "rest", "smile"])


def people(
    n: int,
    *,
    windows: int = 30,
    skill: float = 0.8,
    noise: float = 1.0,
    sharp: float = 1.0,
    seed: int | np.random.Generator = 0,
    first: int = 0,
) -> evaluate.Result:
    """Return the result of a model on `n` people, named from P`first` on.

    `skill` is the spread of the evidence between people, `noise` that between windows; a `sharp`
    above 1 makes the model over-confident.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (n, windows))
    own = 1.5 + skill * rng.standard_normal((n, 1, 1))
    logit = own * np.eye(3)[truth] + noise * rng.standard_normal((n, windows, 3))
    logit = sharp * logit.reshape(-1, 3)
    made = np.exp(logit - logit.max(1, keepdims=True))
    who = np.repeat([f"P{first + i}" for i in range(n)], windows)
    return evaluate.Result(
        xr.DataArray(
            (made / made.sum(1, keepdims=True)).astype(np.float32),
            dims=("window", "class"),
            coords={
                "class": CLASSES,
                "truth": ("window", CLASSES[truth.ravel()]),
                "group": ("window", who),
                "participant": ("window", who),
                "trial": ("window", np.tile(np.repeat(np.arange(windows // 3), 3), n)),
            },
            attrs={"scheme": "leave-one-participant-out", "by": "participant"},
        )
    )
