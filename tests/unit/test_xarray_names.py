"""xarray's private names exist and behave as emgnb uses them."""

import numpy as np
import xarray as xr
from xarray.indexes import RangeIndex

from emgnb import _xarray


class Rows(_xarray.BackendArray):
    """An array that notes which parts of it are read."""

    def __init__(self, values, support):
        self.values, self.support = values, support
        self.shape, self.dtype = values.shape, values.dtype
        self.read = []

    def __getitem__(self, key):
        assert isinstance(key, _xarray.ExplicitIndexer)
        return _xarray.explicit_indexing_adapter(key, self.shape, self.support, self._read)

    def _read(self, key):
        self.read.append(key)
        return self.values[key]


def lazy(support):
    rows = Rows(np.arange(12.0).reshape(6, 2), support)
    return rows, xr.Variable(("time", "channel"), _xarray.LazilyIndexedArray(rows))


def test_a_lazy_array_reads_what_is_used_and_nothing_before():
    for support in (_xarray.IndexingSupport.BASIC, _xarray.IndexingSupport.OUTER):
        rows, variable = lazy(support)
        part = variable[2:5][1:]
        assert not rows.read
        np.testing.assert_array_equal(part.values, [[6, 7], [8, 9]])
        assert [key[0] for key in rows.read] == [slice(3, 5, 1)]


def test_an_array_that_reads_slices_alone_still_takes_any_rows():
    rows, variable = lazy(_xarray.IndexingSupport.BASIC)
    np.testing.assert_array_equal(variable[[5, 1], 0].values, [10, 2])
    assert all(isinstance(part, slice | int) for key in rows.read for part in key)


def test_an_array_that_reads_rows_by_number_reads_those_alone():
    rows, variable = lazy(_xarray.IndexingSupport.OUTER)
    np.testing.assert_array_equal(variable[[5, 1]].values, [[10, 11], [2, 3]])
    (key,) = rows.read
    np.testing.assert_array_equal(key[0], [1, 5])  # sorted; put back in order in memory


def test_a_range_is_made_of_start_stop_size_and_step():
    transform = _xarray.RangeCoordinateTransform(
        1.0, 1.0 + 4 * 0.5, 4, coord_name="time", dim="time", step=0.5
    )
    index = RangeIndex(transform)
    assert (index.start, index.stop, index.step, index.size) == (1.0, 3.0, 0.5, 4)
    assert index.dim == "time"
    assert index.transform is transform


def test_a_selection_is_given_as_positions_along_a_dimension():
    found = _xarray.IndexSelResult({"time": slice(1, 3)})
    assert found.dim_indexers == {"time": slice(1, 3)}
