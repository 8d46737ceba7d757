"""The names of xarray that are not part of its public interface, in one place.

They may change in any release of xarray; `tests/unit/test_xarray_names.py` checks each as it is
used here.
"""

from xarray.backends import BackendArray
from xarray.core.indexing import (
    ExplicitIndexer,
    IndexingSupport,
    IndexSelResult,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)
from xarray.indexes.range_index import RangeCoordinateTransform

__all__ = [
    "BackendArray",
    "ExplicitIndexer",
    "IndexSelResult",
    "IndexingSupport",
    "LazilyIndexedArray",
    "RangeCoordinateTransform",
    "explicit_indexing_adapter",
]
