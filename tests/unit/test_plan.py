"""What a plan says, and what is wrong with one."""

import json
from pathlib import Path

import pytest

from emgnb import batch, filters

LEAST = 'sessions = "recordings"\noutput = "s3://lab/derived/"\n'


@pytest.fixture
def plan(tmp_path):
    def made(text: str) -> batch.Plan:
        (tmp_path / "study.toml").write_text(text)
        return batch.read_plan(tmp_path / "study.toml")

    return made


def test_the_least(plan, tmp_path):
    found = plan(LEAST)
    assert found == batch.Plan(
        sessions=str(tmp_path / "recordings"), output="s3://lab/derived", select={}
    )


def test_everything(plan):
    found = plan(
        f"""{LEAST}
[select]
participant = ["P01", "P02"]
kind = "recording"
[signal]
kind = "raw"
[[chain]]
step = "HighPass"
cutoff = 20
[[chain]]
step = "Rectify"
[bursts]
[features]
names = ["rms"]
trials = false
[workers]
count = 4
memory = "2 GiB"
"""
    )
    assert found.select == {"participant": ("P01", "P02"), "kind": ("recording",)}
    assert found.kind == "raw"
    assert found.chain == filters.Chain(filters.HighPass(20), filters.Rectify())
    assert found.false_alarms == 0.5
    assert found.features == batch.Table(names=("rms",), trials=False)
    assert found.workers == batch.Workers(count=4, memory="2 GiB")
    json.dumps(found.settings())


def test_workers_do_not_change_what_results_depend_on(plan):
    assert plan(f"{LEAST}[workers]\ncount = 4").settings() == plan(LEAST).settings()


def test_all_faults_come_in_one_error(plan):
    with pytest.raises(ValueError, match=r"study\.toml: 7 faults") as error:
        plan(
            """
sessions = 3
outputs = "derived"
[select]
participant = 4
mood = "good"
[signal]
mains = "50"
[workers]
cores = 4
"""
        )
    for word in (
        "outputs",
        "sessions",
        "`output` is None",
        "participant",
        "mood",
        "mains",
        "cores",
    ):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[signal]\nkind = "cooked"', "expected raw, rectified, envelope"),
        ("[features]\nlength = 0", "`length` is 0, expected more than 0"),
        ("[features]\ntrials = 1", "expected true or false"),
        ("[features]\nlength = inf", "`length` is inf, expected more than 0"),
        ('[features]\nnames = ["rms", "rmss"]', r"'rmss'\].* expected names of features \(.*rms"),
        ("[features]\nnames = []", "expected names of features"),
        ("[workers]\nretries = -1", "`retries` is -1, expected 0 or more"),
        ("[workers]\ncount = true", "expected a number"),
        ('[workers]\ncount = 2\naddress = "tcp://a:1"', "more than one of"),
        ("[signal]\nmains = 50\n[[chain]]\nstep = 'Rectify'", "for the default filters"),
        ("[[chain]]\nstep = 'Blur'", "no filter step 'Blur'"),
        ("[chain]\nstep = 'Rectify'", r"write \[\[chain\]\]"),
        ("sessions = 1", "is not TOML"),
    ],
)
def test_faults_say_what_is_expected(plan, text, fault):
    with pytest.raises(ValueError, match=fault):
        plan(f"{LEAST}{text}")


def test_a_plan_takes_paths_as_well_as_texts(tmp_path):
    found = batch.Plan(sessions=tmp_path / "recordings", output="~/derived")
    assert found.sessions == str(tmp_path / "recordings")
    assert found.output == str(Path("~/derived").expanduser())


def test_a_plan_from_an_editor_of_windows(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(LEAST, encoding="utf-8-sig")
    assert batch.read_plan(file).output == "s3://lab/derived"
    file.write_text(LEAST.replace("recordings", r"C:\Users\ann"))
    with pytest.raises(ValueError, match=r"not TOML.*Write paths of Windows with /"):
        batch.read_plan(file)


def test_no_file():
    with pytest.raises(FileNotFoundError, match=r"no file nowhere\.toml"):
        batch.read_plan(Path("nowhere.toml"))
