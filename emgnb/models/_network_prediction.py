"""Predict with networks, and differentiate them.

Networks are compiled for one window and for batches of 256 windows only. With JAX they are compiled
once per architecture, and the weights are arguments.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.models._backend import backend
from emgnb.models._networks import Architecture, Floats, build

# Windows per batch in prediction.
BATCH = 256
_predicting = threading.Lock()


def predictor(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Floats]:
    """Return the prediction function (window, sample, channel) → (window, class).

    A single window is predicted as it is, for live use. More windows are predicted in batches of
    256, so that only two shapes are compiled.
    """
    forward = _jax_forward(shape, weights) if backend() == "jax" else _forward(shape, weights)

    def predict(windows: Floats) -> Floats:
        if len(windows) == 1:
            return np.asarray(forward(windows))
        parts = []
        for first in range(0, len(windows), BATCH):
            part = windows[first : first + BATCH]
            padded = np.pad(part, ((0, BATCH - len(part)), (0, 0), (0, 0)))
            parts.append(np.asarray(forward(padded))[: len(part)])
        return np.concatenate(parts)

    return predict


def _jax_forward(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Any]:
    """Return a prediction function with JAX.

    It is compiled once per architecture, with the weights as arguments. A plain model(x) takes 100
    times as long.
    """
    compiled, split = _compiled(shape)
    trainable, other = split(weights)
    return lambda windows: compiled(trainable, other, windows)


def differentiator(
    shape: Architecture, weights: list[Floats]
) -> Callable[[Floats, npt.NDArray[np.int32]], Floats]:
    """Return a function of windows and output numbers that returns the gradients by the windows.

    Raises
    ------
    ValueError : Keras does not run on JAX
    """
    if backend() != "jax":
        raise ValueError(
            f"gradients need Keras on JAX, found {backend()}: restart the kernel and set "
            f"KERAS_BACKEND=jax before the first import of keras"
        )
    _, split = _compiled(shape)
    trainable, other = split(weights)
    gradient = _gradient(shape)

    def differentiate(windows: Floats, output: npt.NDArray[np.int32]) -> Floats:
        parts = [np.zeros((0, *windows.shape[1:]), dtype=np.float32)]
        for first in range(0, len(windows), BATCH):
            part, of = (values[first : first + BATCH] for values in (windows, output))
            lack = BATCH - len(part)
            padded = np.pad(part, ((0, lack), (0, 0), (0, 0)))
            given = gradient(padded, trainable, other, np.pad(of, (0, lack)))
            parts.append(np.asarray(given)[: len(part)])
        return np.concatenate(parts)

    return differentiate


@functools.cache
def _gradient(shape: Architecture) -> Any:
    import jax

    forward, _ = _compiled(shape)

    def chosen(windows: Any, own: Any, rest: Any, output: Any) -> Any:
        # Windows do not depend on one another, so the gradient of the sum is that of each.
        given = forward(own, rest, windows)
        return jax.numpy.take_along_axis(given, output[:, None], axis=1).sum()

    return jax.jit(jax.grad(chosen))


@functools.cache
def _compiled(shape: Architecture) -> tuple[Any, Any]:
    import jax

    model = build(shape)
    order = [id(w) for w in model.weights]
    trainable = [order.index(id(v)) for v in model.trainable_variables]
    other = {
        order.index(id(v)): n for n, v in enumerate(model.non_trainable_variables) if id(v) in order
    }

    def split(weights: list[Floats]) -> tuple[list[Any], list[Any]]:
        rest = [jax.numpy.asarray(v.value) for v in model.non_trainable_variables]
        for place, n in other.items():
            rest[n] = jax.numpy.asarray(weights[place])
        return [jax.numpy.asarray(weights[i]) for i in trainable], rest

    def forward(own: Any, rest: Any, windows: Any) -> Any:
        return model.stateless_call(own, rest, windows, training=False)[0]

    return jax.jit(forward), split


def _forward(shape: Architecture, weights: list[Floats]) -> Callable[[Floats], Any]:
    """Return a prediction function with another backend, which compiles per model."""
    model = _shared(shape)

    def forward(windows: Floats) -> Any:
        with _predicting:
            model.set_weights(weights)
            return model.predict_on_batch(windows)

    return forward


@functools.cache
def _shared(shape: Architecture) -> Any:
    return build(shape)
