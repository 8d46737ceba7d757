"""Shrinkage LDA in a few lines of NumPy: an audit fits it some thousand times."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from emgnb.evaluate.leaks.rows import Floats, Names

# Share of the covariance that is replaced by a multiple of the identity.
SHRINKAGE = 0.1


@dataclass(eq=False)
class Lda:
    """Linear discriminant analysis of standardised columns, with a shrunk covariance."""

    _classes: Names = field(init=False, repr=False)
    _weights: Floats = field(init=False, repr=False)
    _offset: Floats = field(init=False, repr=False)

    def fit(self, values: Floats, label: Names) -> Lda:
        """Fit (row, column) to the labels; returns itself."""
        self._classes, of = np.unique(label, return_inverse=True)
        middle, spread = values.mean(axis=0), values.std(axis=0)
        # The deviation of a constant column is rounding, which grows with the number of rows.
        rounding = len(values) * np.finfo(float).eps * np.abs(middle)
        spread = np.where(spread > rounding, spread, 1.0)
        z = (values - middle) / spread
        size = np.bincount(of).astype(np.float64)
        one_hot = np.zeros((len(size), len(z)))
        one_hot[of, np.arange(len(z))] = 1.0
        means = (one_hot @ z) / size[:, None]
        within = z - means[of]
        covariance = within.T @ within / len(z)
        power = float(np.trace(covariance)) / len(covariance)
        covariance *= 1 - SHRINKAGE
        covariance[np.diag_indices_from(covariance)] += SHRINKAGE * power
        # Positive definite unless all columns are constant, which then weigh nothing.
        weights = np.linalg.solve(covariance, means.T) if power > 0 else np.zeros_like(means.T)
        offset = np.log(size / len(z)) - 0.5 * (means * weights.T).sum(axis=1)
        self._weights = weights / spread[:, None]
        self._offset = offset - middle @ self._weights
        return self

    def predict(self, values: Floats) -> Names:
        """Label of each row."""
        named: Names = self._classes[np.argmax(values @ self._weights + self._offset, axis=1)]
        return named
