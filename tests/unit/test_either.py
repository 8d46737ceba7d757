"""What derives something else from a signal takes the signal or its session, with equal results."""

from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from emgnb import detect, filters, plots, quality, recording, simulate, spectra, windows

SESSION = simulate.example()
RAW = recording.with_signal(
    SESSION, recording.emg(SESSION).isel(time=slice(0, 20_000), channel=slice(0, 2))
)


@pytest.mark.parametrize(
    "derive",
    [
        lambda x: detect.bursts(x),
        lambda x: spectra.spectrum(x),
        lambda x: quality.report(x),
        lambda x: windows.cut(x, length=0.2, step=0.2),
    ],
)
def test_a_session_gives_what_its_signal_gives(derive: Callable[[Any], Any]) -> None:
    clean = recording.with_signal(RAW, filters.preset_for(recording.emg(RAW))(recording.emg(RAW)))
    xr.testing.assert_equal(
        derive(clean).drop_vars(["participant", "session"], errors="ignore"),
        derive(recording.emg(clean)).drop_vars(["participant", "session"], errors="ignore"),
    )


def test_a_figure_of_a_session_is_that_of_its_signal() -> None:
    assert plots.signal(RAW).to_json() == plots.signal(recording.emg(RAW)).to_json()


def test_an_array_is_neither() -> None:
    with pytest.raises(TypeError, match="expected a signal"):
        spectra.spectrum([1.0, 2.0])  # type: ignore[arg-type]
