"""Import Keras, on a backend that can train."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from types import SimpleNamespace
from typing import Any

# Keras backend → Python package.
PACKAGES = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}


def backend() -> str:
    """Import Keras, and return the name of its backend.

    The backend is JAX unless `KERAS_BACKEND` is set or Keras has been imported before. If JAX is
    not installed, it is TensorFlow or PyTorch, in this order.

    Raises
    ------
    ImportError : Keras or the backend is not installed; the message says what to install
    """
    return str(loaded().keras.backend.backend())


@functools.cache
def loaded() -> Any:
    """Import Keras, and define the custom layer `Scale`."""
    if "keras" not in sys.modules:
        if importlib.util.find_spec("keras") is None:
            raise ImportError("networks need Keras: pip install 'emgnb[train]'")
        there = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
        # Otherwise Keras tries TensorFlow only, fails, and stores that choice in its settings.
        wanted = os.environ.setdefault("KERAS_BACKEND", there[0] if there else "jax")
        if wanted not in PACKAGES:
            raise ImportError(
                f"KERAS_BACKEND={wanted} cannot train; use one of {', '.join(PACKAGES)}"
            )
        if wanted not in there:
            raise ImportError(
                f"Keras should run on {wanted} (KERAS_BACKEND), which is not installed; installed: "
                f"{', '.join(there) or 'none'}. pip install 'emgnb[train]' brings JAX; then unset "
                f"KERAS_BACKEND or set it to jax, before the first import of keras"
            )
    import keras

    running = keras.backend.backend()
    if running not in PACKAGES:
        raise ImportError(
            f"Keras runs on {running}, which cannot train: restart the kernel and set "
            f"KERAS_BACKEND=jax before the first import of keras"
        )

    class Scale(keras.layers.Layer):  # type: ignore[misc]
        """Compute (compress(x · gain) − mean) · scale with parameters from the training windows."""

        def __init__(self, compress: bool, **options: Any) -> None:
            super().__init__(**options)
            self.compress = compress

        def build(self, shape: tuple[int, ...]) -> None:
            for name in ("gain", "mean", "scale"):
                fill = "zeros" if name == "mean" else "ones"
                weight = self.add_weight(
                    shape=(shape[-1],), initializer=fill, trainable=False, name=name
                )
                setattr(self, name, weight)

        def call(self, x: Any) -> Any:
            x = x * self.gain
            return ((keras.ops.arcsinh(x) if self.compress else x) - self.mean) * self.scale

    return SimpleNamespace(keras=keras, Scale=Scale)
