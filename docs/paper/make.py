"""`make paper`: compute every number of the paper, and fill them into its text.

python docs/paper/make.py [group …]   names of `GROUPS`, all by default
python docs/paper/make.py --fill      fill in the stored numbers, compute nothing

`paper.md` has `{{name}}` where a number stands. The numbers are in `numbers.json`, by group; the
filled text, the references and the picture go to build/paper. Everything is seeded. Numbers that
come from published recordings need the folder `shared/data` next to the checkout. Without it they
are named, and the stored ones are kept.
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import date
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PAPER, REFERENCES, PICTURE = HERE / "paper.md", HERE / "paper.bib", HERE / "detection.svg"
NUMBERS, DATA = HERE / "numbers.json", ROOT.parent / "shared" / "data"
BUILT = ROOT / "build" / "paper"
PLACE = re.compile(r"\{\{(\w+)\}\}")

Numbers = dict[str, str]

# Seeds of 60 bursts each, and ms of the bursts.
BURST_SEEDS = range(1000, 1003)
PEOPLE, EXPRESSIONS = 6, ("smile", "frown", "surprise", "disgust", "pucker")
FRAMES, DAMAGE = 100_000, 1e-3


def package() -> Numbers:
    """Count what is documented and tested."""
    import emgnb
    from emgnb import facs, interop

    modules = [import_module(f"emgnb.{name}") for name in emgnb._MODULES]
    found = [each for module in modules for each in _public(module)]
    code = {id(each): each for each in found if inspect.isclass(each) or inspect.isroutine(each)}
    tests = (ROOT / "tests").rglob("test_*.py")
    return {
        "public_names": str(len(code)),
        "examples": str(sum(">>>" in (each.__doc__ or "") for each in code.values())),
        "tests": _thousands(
            sum(len(re.findall(r"^def test_", p.read_text("utf-8"), re.M)) for p in tests)
        ),
        "notebooks": str(len(list((ROOT / "notebooks").glob("0*.ipynb")))),
        "muscles": str(len(facs.MUSCLES)),
        "label_formats": str(len(interop.LABEL_FORMATS)),
        "recording_formats": str(len(interop.RECORDING_FORMATS)),
    }


def _public(module: ModuleType) -> list[Any]:
    """Return what a module makes public: `__all__`, or what it defines."""
    own = [name for name, each in vars(module).items() if _from(each) == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return [getattr(module, name) for name in names]


def _from(value: Any) -> str:
    return str(getattr(value, "__module__", ""))


def integrity() -> Numbers:
    """Damage bytes of a stream at random, and count the scans that are wrong and accepted."""
    import corruption

    from emgnb.acquire.wire.frames import Decoder, Encoder

    rng = np.random.default_rng(1)
    scans = np.arange(FRAMES)
    whole = Encoder(corruption.CHANNELS).scans(0, corruption.known(scans))
    stream = corruption.corrupted(whole, DAMAGE, rng)
    decoder = Decoder(bits=corruption.BITS)
    accepted = wrong = 0
    for at in range(0, len(stream), 1 << 16):
        got = decoder.feed(stream[at : at + (1 << 16)])
        accepted += got.scans.size
        wrong += int((got.values != corruption.known(got.scans)).any(axis=1).sum())
    return {
        "frames": _thousands(FRAMES),
        "frames_lost": _thousands(FRAMES - accepted),
        "frames_wrong": str(wrong),
    }


def bursts() -> Numbers:
    """Find bursts at known times in noise; draw the F1 of their onsets by duration."""
    import charts
    import detection

    detectors = {"emgnb": detection.ours("glr"), "mean + 3 SD": detection.textbook}
    score: dict[tuple[str, int, float], float] = {}
    for name, detector in detectors.items():
        for snr in (10, 5):
            for duration in detection.DURATIONS:
                made = [detection.bursts(seed, snr, duration) for seed in BURST_SEEDS]
                each = [detection.f1(t, detector(x), detection.TOLERANCES[0]) for x, t in made]
                score[name, snr, duration] = float(np.mean(each))
    curves = {
        f"{name}, {snr} dB": [(1000 * d, score[name, snr, d]) for d in detection.DURATIONS]
        for name in detectors
        for snr in (10, 5)
    }
    chart = charts.Lines("Onsets found within ±15 ms", "duration of the burst, ms", "F1", curves)
    PICTURE.write_text(charts.lines(chart), encoding="utf-8")
    rest = detection.band(np.random.default_rng(7), round(600 * detection.RATE))
    return {
        "burst_count": str(detection.BURSTS * len(BURST_SEEDS)),
        "f1_short": f"{score['emgnb', 5, 0.04]:.2f}",
        "f1_long": f"{score['emgnb', 5, 0.5]:.2f}",
        "f1_textbook_short": f"{score['mean + 3 SD', 5, 0.04]:.2f}",
        "f1_textbook_long": f"{score['mean + 3 SD', 5, 0.5]:.2f}",
        "alarms": f"{len(detectors['emgnb'](rest)) / 10:.1f}",
        "alarms_textbook": f"{len(detectors['mean + 3 SD'](rest)) / 10:.0f}",
    }


def sensor() -> Numbers:
    """Measure how long a movement of 40 ms looks through an envelope sensor."""
    import detection

    from emgnb import detect, recording, simulate

    smoothing = simulate.V3Sensor().smoothing
    x, _ = detection.bursts(BURST_SEEDS[0], 20, 0.04)
    raw = recording.signal(5 * x, rate=detection.RATE, units="uV")
    seen = simulate.V3Sensor().apply(raw)

    def length(stated: float) -> str:
        found = detect.bursts(seen, lag=stated)
        return f"{1000 * float((found['offset'] - found['onset']).median()):.0f}"

    return {
        "smoothing": f"{1000 * smoothing:.0f}",
        "movement": "40",
        "length_seen": length(0.0),
        "length_corrected": length(smoothing),
    }


def people() -> Numbers:
    """Classify posed expressions of simulated people, with three splits of the same windows."""
    from emgnb import evaluate, features, filters, labels, models, recording, simulate, windows

    chain = filters.preset_for(simulate.face(participant=0, seed=3)["emg/signal"])
    cut = []
    for person in range(PEOPLE):
        script = simulate.protocol(EXPRESSIONS, repetitions=4, seed=person)
        face = simulate.face(participant=person, seed=3, script=script)
        clean = recording.with_signal(face, chain(face["emg/signal"]))
        cut.append(windows.cut(clean, labels.trials(clean), length=0.2, step=0.05))
    table = features.extract(windows.stack(cut), "hudgins")
    both = evaluate.shuffled_beside_honest(table, models.fit, progress=False)
    by_trial = evaluate.cross_validate(table, models.fit, by="trial", folds=10, progress=False)
    low, high = both.honest.interval
    return {
        "people": str(PEOPLE),
        "expressions": str(len(EXPRESSIONS)),
        "shuffled": _percent(both.shuffled.accuracy),
        "by_trial": _percent(by_trial.accuracy),
        "by_person": _percent(both.honest.accuracy),
        "by_person_low": _percent(low),
        "by_person_high": _percent(high),
        "chance": _percent(both.honest.chance),
    }


def published() -> Numbers:
    """Judge published data: is it physiology, and what does a split by people give?"""
    import accuracies

    from emgnb import evaluate, quality
    from emgnb.interop import corpora

    files = sorted((DATA / "paper").glob("subject_*.csv"))
    verdicts = [quality.is_physiology(corpora.read_paper_rows(file)) for file in files]
    data = accuracies.powers(DATA)
    plain = accuracies.ALONE["LDA, log"]
    own = accuracies.OWN["LDA, calibrate balanced"]
    both = evaluate.shuffled_beside_honest(data, plain, by="participant", progress=False)
    mine = evaluate.cross_validate(data, own, by="participant", progress=False)
    low, high = mine.interval
    return {
        "tables": str(len(files)),
        "tables_not_physiology": str(sum(each.physiology is False for each in verdicts)),
        "real_people": str(both.honest.n_groups),
        "real_shuffled": _percent(both.shuffled.accuracy),
        "real_honest": _percent(both.honest.accuracy),
        "real_calibrated": _percent(mine.accuracy),
        "real_calibrated_low": _percent(low),
        "real_calibrated_high": _percent(high),
    }


GROUPS: dict[str, Callable[[], Numbers]] = {
    "package": package,
    "integrity": integrity,
    "bursts": bursts,
    "sensor": sensor,
    "people": people,
    "published": published,
}
# Groups that need recordings, and their folders.
NEEDED = {"published": ("paper", "emotion_power_features")}


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def stored() -> dict[str, Any]:
    """Return the contents of numbers.json."""
    found: dict[str, Any] = json.loads(NUMBERS.read_text("utf-8")) if NUMBERS.exists() else {}
    return {group: found[group] for group in GROUPS if group in found}


def names() -> dict[str, str]:
    """Return name → number of all groups."""
    return {name: text for each in stored().values() for name, text in each["numbers"].items()}


def fill(text: str, numbers: Mapping[str, str]) -> str:
    """Return a text with its numbers.

    Raises
    ------
    KeyError : a name that has no number
    """
    if missing := sorted(set(PLACE.findall(text)) - set(numbers)):
        raise KeyError(f"no number for {', '.join(missing)}: run `make paper`")
    return PLACE.sub(lambda found: numbers[found[1]], text)


def compute(group: str) -> None:
    """Compute a group of numbers and store them; keep those that need absent recordings."""
    absent = [name for name in NEEDED.get(group, ()) if not (DATA / name).is_dir()]
    if absent:
        print(f"{group}: skipped, no recordings {', '.join(absent)}; the stored numbers are kept")
        return
    print(f"{group} …", flush=True)
    made = GROUPS[group]()
    versions = {name: metadata.version(name) for name in ("numpy", "scipy", "xarray")}
    entry = {
        "computed": str(date.today()),
        "versions": {"python": platform.python_version(), **versions},
        "numbers": made,
    }
    known = stored() | {group: entry}
    text = json.dumps({name: known[name] for name in GROUPS if name in known}, indent=2)
    NUMBERS.write_text(f"{text}\n", encoding="utf-8")


def build() -> Path:
    """Write the filled paper, its references and its picture; return the paper."""
    BUILT.mkdir(parents=True, exist_ok=True)
    made = BUILT / PAPER.name
    made.write_text(fill(PAPER.read_text("utf-8"), names()), encoding="utf-8")
    for each in (REFERENCES, PICTURE):
        shutil.copy(each, BUILT)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--fill", action="store_true", help="compute nothing")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.groups) - set(GROUPS)):
        parser.error(f"no group {', '.join(unknown)}: there are {', '.join(GROUPS)}")
    for group in [] if asked.fill else asked.groups or GROUPS:
        compute(group)
    print(f"The paper is in {build().relative_to(ROOT)}")


if __name__ == "__main__":
    main()
