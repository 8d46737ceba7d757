"""The notebooks, and what they leave in a folder that they ran in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from emgnb import filters, models, recording

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
ACQUIRE, FILTER, TRAIN = ("01_acquire.ipynb", "02_filter.ipynb", "03_train.ipynb")
# These need nothing of the others.
VALIDATE, PAPER, LIVE = "04_validate.ipynb", "05_paper.ipynb", "06_live.ipynb"
# Twice in one folder: from the middle, where nothing is recorded yet, then from the beginning.
ORDER = (TRAIN, FILTER, ACQUIRE, ACQUIRE, FILTER, TRAIN, VALIDATE, VALIDATE)
# For everyday tests in the browser: one recording.
SHORT_ORDER = (FILTER, ACQUIRE, FILTER, TRAIN, VALIDATE)
# A shorter protocol and training for everyday tests: (text, text in its place).
SHORT = (
    ("repetitions=3", "repetitions=2"),
    ('"hold": 2.0, "rest": 1.0, "baseline": 5.0', '"hold": 1.2, "rest": 0.6, "baseline": 2.0'),
    ("PEOPLE = 6", "PEOPLE = 2"),
    ("epochs=6", "epochs=1"),
    ("rng.random((2000, 8))", "rng.random((500, 8))"),
    ("range(4)", "range(3)"),
    ('("neutral", "smile", "frown")', '("smile", "frown")'),
    ("time.sleep(1.5)", "time.sleep(0.5)"),
)


def place(name: str, folder: Path, *, short: bool, data: Path | None = None) -> Path:
    """Copy a notebook into a folder, with shorter training and the path of data if wanted."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    if data is not None:
        text = text.replace('DATA = \\"\\"', f'DATA = \\"{data.as_posix()}\\"')
    for long, quick in SHORT if short else ():
        text = text.replace(json.dumps(long)[1:-1], json.dumps(quick)[1:-1])
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def text_of(output: dict[str, Any]) -> str:
    """What an output of a cell says as plain text."""
    said = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(said)


def check(ran: tuple[str, ...], folder: Path, said: str) -> None:
    """Check what the last of the notebooks that `ran` left, and what its cells printed."""
    if ran[-1] == FILTER and ACQUIRE not in ran:
        check_start_in_the_middle(folder, trained=TRAIN in ran)
    elif ran[-1] == FILTER:
        check_what_was_cleaned(folder, said)
    elif ran[-1] == TRAIN and ACQUIRE in ran:
        check_what_was_trained(folder, said, ran.count(TRAIN))
    elif ran[-1] == VALIDATE:
        check_the_validation(said)
        reports = list(folder.glob("recordings/validation*.html"))
        assert len(reports) == ran.count(VALIDATE)


def check_start_in_the_middle(folder: Path, trained: bool) -> None:
    """Without a recording, an example is cleaned, and a model of it stored by 03."""
    assert recording.latest(folder) is None
    assert recording.latest(folder, "clean") is not None
    assert bool(list(folder.glob("recordings/lda*.npz"))) == trained


def check_what_was_cleaned(folder: Path, said: str) -> None:
    """02 took what 01 recorded, said so, cleaned it, and stored a label of the user's."""
    recorded = recording.latest(folder)
    assert recorded is not None
    assert recorded.parent.name in said
    clean = recording.open(recording.latest(folder, "clean"))
    assert recording.history(clean["emg/signal"])[-1]["step"] == "filter"
    assert clean["labels/me/au"].values.tolist() == ["12"]
    assert clean["markers"].identical(recording.open(recorded)["markers"])


def check_what_was_trained(folder: Path, said: str, models_: int) -> None:
    """03 took the chain of 02 for everybody, and stored a model beside any earlier one."""
    x = recording.open(recording.latest(folder, "clean"))["emg/signal"]
    assert repr(filters.chain_of(x)) in said
    found = sorted((folder / "recordings").glob("lda*.npz"))
    assert len(found) == models_
    steps = [each["chain"] for each in models.load(found[-1]).history if "chain" in each]
    assert steps == [filters.settings(json.loads(filters.chain_of(x).to_json()))]


def check_the_validation(said: str) -> None:
    """04 found what it had put into its coders, and stored a report."""
    late = re.search(r"^onset difference \(median, s\): ([\d.]+)", said, re.M)
    assert late is not None
    assert float(late[1]) == pytest.approx(0.2, abs=0.04)
    lags = dict(re.findall(r"^(Ann|Ben): median lag (-\d+) ms, .*±33 ms", said, re.M))
    # 0.1 s of the skin and half a frame; Ben is late.
    assert float(lags["Ann"]) == pytest.approx(-117, abs=25)
    assert float(lags["Ben"]) == pytest.approx(-317, abs=25)
    assert "kept by Cleo" in said
    assert "all bursts: 36 of 36 codes found" in said


def check_the_paper(said: str) -> None:
    """05 reproduced both figures, and came to the verdict that the rows are random numbers."""
    found = [float(each) for each in re.findall(r"^(?:CNN|LSTM): ([\d.]+) % here", said, re.M)]
    assert len(found) == 2
    assert min(found) > 50, found
    assert "not physiology: looks like independent uniform draws" in said
    assert "physiology: looks like envelope of EMG" in said
    assert "leak='no physiology', verdict='found'" in said


def check_the_live_decoder(said: str) -> None:
    """06 calibrated, decoded, announced the gap, and scored the tasks."""
    assert "Expected accuracy" in said
    assert re.search(r"^\d\.\d\d s: (499|500|501) scans lost", said, re.M)
    assert re.search(r"^by design: \d+ ms", said, re.M)
    for task, trials in (("Copy", 4), ("Hold", 6), ("Follow", 3), ("Reach", 32)):
        assert re.search(rf"^{task}: score \d+ % .*, {trials} of {trials} trials", said, re.M), task
    low, high = map(float, re.findall(r"interval ([\d.]+)–([\d.]+), 4 cond", said)[0])
    assert low < 2.0 < high
