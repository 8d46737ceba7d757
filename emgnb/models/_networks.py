"""Define four small networks over time.

The input is (window, sample, channel). All convolutions and recurrences run along `sample`. The
first layers encode prior knowledge of EMG, so that a few minutes of training data suffice:

- **raw** EMG is noise whose *power* carries the information. Channels are standardised, and the
  logarithm of the power in short bins (20 ms) is taken: of each channel and, for `cnn` and
  `cnn_lstm`, of learned filters over 16 ms (as in the shallow ConvNet of Schirrmeister 2017,
  doi:10.1002/hbm.23730).
- **rectified** EMG and **envelopes** are amplitudes that span decades. Values are divided by their
  median, compressed by asinh (a logarithm that is linear around zero) and standardised. Learned
  filters over 20 ms follow.

`cnn` then applies one more convolution, and takes mean and maximum over time. `lstm` runs an LSTM
over bins of 10 ms (longer for windows above half a second, because the cost of an LSTM grows with
its steps: at most 50). `cnn_lstm` runs an LSTM over the learned bins. `tcn` applies blocks of
dilated convolutions with residual connections (Bai 2018, arXiv:1803.01271) to the learned bins,
until the middle bin sees the whole window (at most 253 bins), and takes mean and maximum over time.
It is not causal: a window is complete when it is classified, so each bin may see those after it.

The last layer gives probabilities that add up to 1 (classes), or a number from 0 to 1 for each
action unit (intensities).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb.models._backend import loaded

Floats = npt.NDArray[np.float32]

KINDS = ("cnn", "lstm", "cnn_lstm", "tcn")
# Length of the dilated convolutions, and the most blocks of them.
TCN_KERNEL, MOST_LEVELS = 3, 6
# Last activation by kind of output.
ACTIVATIONS = {"classes": "softmax", "intensities": "sigmoid"}


@dataclass(frozen=True)
class Architecture:
    """Parameters that define a network; lengths in samples or, after `bin`, in bins."""

    kind: str
    samples: int
    channels: int
    classes: int
    raw: bool
    bin: int
    kernel: int
    pool: int
    filters: int = 24
    width: int = 32
    dropout: float = 0.3
    output: str = "classes"

    @classmethod
    def for_windows(
        cls,
        kind: str,
        *,
        samples: int,
        channels: int,
        classes: int,
        raw: bool,
        rate: float,
        output: str = "classes",
    ) -> Architecture:
        """Choose kernel and pooling lengths for a rate in Hz."""

        def length(seconds: float, low: int, high: int) -> int:
            return int(min(max(round(seconds * rate), low), max(high, 1)))

        if kind == "lstm":
            bins, kernel, pool = max(length(0.01, 1, samples), -(-samples // 50)), 1, 1
        elif raw:
            bins, kernel, pool = 1, length(0.016, 3, samples), length(0.02, 1, samples)
        else:
            bins = length(0.003, 1, samples)
            kernel = int(min(max(round(0.021 * rate / bins), 3), samples // bins))
            pool = int(min(max(round(0.009 * rate / bins), 1), samples // bins))
        return cls(kind, samples, channels, classes, raw, bins, kernel, pool, output=output)


def build(shape: Architecture, seed: int = 0) -> Any:
    """Return an untrained Keras model of an architecture.

    Raises
    ------
    ValueError : a recurrent network on the torch backend
    """
    bundle = loaded()
    keras, layers = bundle.keras, bundle.keras.layers
    if "lstm" in shape.kind and keras.backend.backend() == "torch":
        raise ValueError(
            f"{shape.kind} is not available with Keras' torch backend, which runs the recurrence "
            f"step by step in Python, about ten times slower than JAX. Restart the kernel and set "
            f"KERAS_BACKEND=jax before the first import of keras, or use model='cnn'"
        )
    make = _Layers(keras, seed)
    given = keras.Input((shape.samples, shape.channels), name="emg")
    x = _bins(make, shape, bundle.Scale(not shape.raw, name="scale")(given))
    if shape.kind == "cnn":
        x = make.conv(shape.width, min(5, x.shape[1]), activation="relu", name="patterns")(x)
        x = make.mean_and_max(x)
    elif shape.kind == "tcn":
        x = make.mean_and_max(_dilated(make, shape, x))
    else:
        x = make.recurrence(shape.width)(x)
    x = layers.Dropout(shape.dropout, seed=make.seed())(x)
    return keras.Model(given, make.last(shape)(x), name=shape.kind)


class _Layers:
    """Make layers, each with its own seed."""

    def __init__(self, keras: Any, seed: int) -> None:
        self.keras, self.layers, self.ops = keras, keras.layers, keras.ops
        self._seeds = iter(range(1000 * seed, 1000 * seed + 100))

    def seed(self) -> int:
        return next(self._seeds)

    def glorot(self) -> Any:
        return self.keras.initializers.GlorotUniform(seed=self.seed())

    def conv(self, size: int, kernel: int, **options: Any) -> Any:
        start = self.glorot()
        return self.layers.Conv1D(size, kernel, padding="same", kernel_initializer=start, **options)

    def recurrence(self, width: int) -> Any:
        return self.layers.LSTM(
            width,
            name="memory",
            kernel_initializer=self.glorot(),
            recurrent_initializer=self.keras.initializers.Orthogonal(seed=self.seed()),
        )

    def binned(self, x: Any, size: int) -> Any:
        """Return means of `size` samples; twice as fast to train in JAX as AveragePooling1D."""
        if size == 1:
            return x
        bins, channels = x.shape[1] // size, x.shape[2]
        whole = self.ops.reshape(x[:, : bins * size], (-1, bins, size, channels))
        return self.ops.mean(whole, axis=2)

    def log_power(self, x: Any, size: int) -> Any:
        # Standardised channels have power 1; the floor is a thousandth of it.
        return self.ops.log(self.binned(self.ops.square(x), size) + 1e-3)

    def mean_and_max(self, x: Any) -> Any:
        both = [self.layers.GlobalAveragePooling1D()(x), self.layers.GlobalMaxPooling1D()(x)]
        return self.layers.Concatenate()(both)

    def last(self, shape: Architecture) -> Any:
        activation = ACTIVATIONS[shape.output]
        return self.layers.Dense(
            shape.classes, activation=activation, kernel_initializer=self.glorot(), name="classes"
        )


def _bins(make: _Layers, shape: Architecture, scaled: Any) -> Any:
    """Return what the network sees of standardised samples, (window, bin, feature)."""
    if shape.kind == "lstm":
        return (make.log_power if shape.raw else make.binned)(scaled, shape.bin)
    if shape.raw:
        learned = make.conv(shape.filters, shape.kernel, use_bias=False, name="bank")(scaled)
        parts = [make.log_power(learned, shape.pool), make.log_power(scaled, shape.pool)]
        return make.layers.Concatenate()(parts)
    bank = make.conv(shape.filters, shape.kernel, activation="relu", name="bank")
    return make.binned(bank(make.binned(scaled, shape.bin)), shape.pool)


def _dilated(make: _Layers, shape: Architecture, x: Any) -> Any:
    """Apply residual blocks of two dilated convolutions until the middle bin sees all bins."""
    layers, steps = make.layers, x.shape[1]
    x = make.conv(shape.width, 1, name="enter")(x)
    level, seen = 0, 1
    while level == 0 or (seen < steps and level < MOST_LEVELS):
        inner = x
        for half in ("a", "b"):
            inner = make.conv(
                shape.width,
                TCN_KERNEL,
                dilation_rate=2**level,
                activation="relu",
                name=f"level_{level}{half}",
            )(inner)
        x = layers.Add()([x, inner])
        seen += 2 * (TCN_KERNEL - 1) * 2**level
        level += 1
    return x


def weight_names(shape: Architecture) -> list[str]:
    """Return the names of the weights, in the order in which they are stored."""
    return [str(w.path) for w in build(shape).weights]


def to_spec(shape: Architecture) -> dict[str, Any]:
    """Return an architecture as JSON-serialisable values."""
    return asdict(shape)
