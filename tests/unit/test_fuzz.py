"""No decoder raises, hangs or invents scans, whatever it is fed; see tests/support/fuzz.py."""

import fuzz
import pytest


@pytest.mark.parametrize(
    "cases",
    [2000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])],
)
def test_whatever_is_fed_no_decoder_raises_hangs_or_depends_on_the_chunking(cases, capsys):
    fuzz.main(["--cases", str(cases)])
    assert f"{cases} cases, no exception, no hang" in capsys.readouterr().out
