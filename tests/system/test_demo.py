"""The demo makes the whole journey unattended and ends in one page that needs no network."""

import re

import pytest

from emgnb import demo, recording


@pytest.mark.slow
def test_the_demo_ends_in_a_report_with_honest_accuracies(tmp_path):
    said: list[str] = []
    report = demo.run(tmp_path, people=2, repetitions=2, epochs=1, say=said.append)
    page = report.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link)[^>]+(src|href)=.?https?:", page)
    for name in ("LDA", "CNN", "LSTM", "CNN-LSTM", "TCN"):
        assert re.search(rf"\b{name}\b", page)
    assert "leave-one-participant-out" in said[-2]
    assert "chance" in said[-2]
    session = recording.open(recording.latest(tmp_path))
    assert session["emg/signal"].attrs["lost"] == 0
    assert session["markers"].sizes["marker"] == 2 * 2 * len(demo.EXPRESSIONS)
