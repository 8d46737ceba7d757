"""Read and write model files: a zip of spec.json and .npy arrays, without code.

Files may come from untrusted sources. So the declared sizes are checked before memory is
allocated, and nothing in a file is executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emgnb import recording
from emgnb.models import _baselines, _extraction, _forest, _networks, _population

# Name and version of the file format.
FORMAT = "emgnb-model-1"
# Date of zip members; a fixed date makes files of the same model identical.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Maximum unpacked size of compressed members (bytes); `save` does not compress.
MOST_UNPACKED = 1 << 26
# NumPy kinds of arrays that are accepted: boolean, integer, floating point.
KINDS = "biuf"

Arrays = Mapping[str, npt.NDArray[Any]]


def packed(content: Mapping[str, Any], arrays: Arrays) -> bytes:
    """Return the bytes of a model file with `content` as JSON and `arrays`."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        text = json.dumps(
            {"format": FORMAT, **content, "arrays": list(arrays)}, indent=1, ensure_ascii=False
        )
        archive.writestr(zipfile.ZipInfo("spec.json", EPOCH), text)
        for number, values in enumerate(arrays.values()):
            with archive.open(zipfile.ZipInfo(f"{number:03}.npy", EPOCH), "w") as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
    return whole.getvalue()


def unpacked(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return the content and arrays of a model file.

    Raises
    ------
    Exception : of various types, from the libraries that parse the file
    """
    with zipfile.ZipFile(path) as archive:
        declared = sum(member.file_size for member in archive.infolist())
        most = max(path.stat().st_size, MOST_UNPACKED)
        if declared > most:
            raise ValueError(
                f"it unpacks to {declared / 1e6:.0f} MB, expected at most {most / 1e6:.0f} MB"
            )
        content = recording.parsed(archive.read("spec.json"), "spec.json")
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else content
            raise ValueError(f"its format is {found!r:.60}, expected {FORMAT!r}")
        arrays = {
            str(name): _array(archive.read(f"{number:03}.npy"))
            for number, name in enumerate(content["arrays"])
        }
    return content, arrays


def _array(raw: bytes) -> npt.NDArray[Any]:
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an array is of version {version}, expected (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in KINDS:
        raise ValueError(f"an array contains {dtype}, expected numbers")
    held = np.frombuffer(raw[file.tell() :], dtype=dtype)
    return held.reshape(shape, order="F" if fortran else "C").copy()


def check(content: Mapping[str, Any], arrays: Arrays) -> None:
    """Raise ValueError unless the parts of a model have the types and shapes for prediction."""
    spec = _of(content["spec"], dict, "spec")
    classes = _of(spec["classes"], list, "classes")
    architecture = _of(spec.get("architecture", {}), dict, "architecture")
    least = 1 if architecture.get("output") == "intensities" else 2
    if len(classes) < least or not all(isinstance(name, str) for name in classes):
        raise ValueError(f"`classes` is {classes!r:.60}, expected {least} or more names")
    for name in ("model", "label", "label_meaning"):
        _of(spec[name], str, name)
    _of(_of(spec["data"], dict, "data")["windows"], int, "windows")
    settings = _of(spec["settings"], dict, "settings")
    for code in _of(spec.get("participants", []), list, "participants"):
        _of(code, str, "a participant")
    _check_expects(_of(spec["expects"], dict, "expects"))
    _check_population(arrays, len(classes))
    if "calibration" in spec:
        channels = len(spec["expects"].get("channel", []))
        _check_calibration(_of(spec["calibration"], dict, "calibration"), channels)
    if "choice" in spec:
        _check_choice(_of(spec["choice"], dict, "choice"))
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"array {name!r} contains NaN or infinity")
    if spec["model"] in _baselines.KINDS:
        if settings["compress"] not in _baselines.COMPRESS:
            raise ValueError(f"`compress` is {settings['compress']!r:.60}")
        # Files of earlier versions do not name the kernel.
        if settings.get("kernel", "rbf") not in _baselines.KERNELS:
            raise ValueError(f"`kernel` is {settings['kernel']!r:.60}")
        if spec.get("features", _extraction.COVARIANCE) not in _extraction.NAMES:
            raise ValueError(f"`features` is {spec['features']!r:.60}")
        _check_baseline(spec["model"], arrays, len(classes))
    else:
        if "features" in spec:
            raise ValueError("`features` is given, but networks have none")
        _check_network(spec["model"], architecture, len(classes))


def _check_expects(expects: Mapping[str, Any]) -> None:
    if expects["input"] not in ("features", "windows"):
        raise ValueError(f"`input` is {expects['input']!r:.60}, expected features or windows")
    for name in ("channel", "signal_kind", "feature"):
        if not all(isinstance(each, str) for each in _of(expects.get(name, []), list, name)):
            raise ValueError(f"`{name}` must contain names only")
    for name in ("rate", "length_s", "samples"):
        if name in expects:
            recording.need_positive(**{name: expects[name]})
    _of(expects.get("units", ""), (str, dict), "units")
    for step in _of(expects["steps"], list, "steps"):
        _of(_of(step, dict, "a step")["step"], str, "step")


def _check_population(arrays: Arrays, classes: int) -> None:
    population = _population.of_arrays(arrays)
    if population is None:
        return
    width = arrays["size"].size if "size" in arrays else population.mean.size
    expected = {"means": (classes, width), "mean": (width,), "sizes": (2,)}
    expected |= dict.fromkeys(("noise", "shift", "own"), (width, width))
    for name, shape in expected.items():
        found = getattr(population, name)
        if found.shape != shape:
            raise ValueError(f"array {name!r} has shape {found.shape}, expected {shape}")
    if not (population.sizes > 0).all():
        raise ValueError("`sizes` of the population must be above 0")
    for name in ("noise", "shift", "own"):
        spread = getattr(population, name)
        if not np.allclose(spread, spread.T) or not (np.linalg.eigvalsh(spread) > 0).all():
            raise ValueError(f"array {name!r} is not a covariance")


def _check_calibration(made: Mapping[str, Any], channels: int) -> None:
    for name, count in _of(made["windows"], dict, "windows").items():
        if name not in ("rest", "trials", "unlabelled"):
            raise ValueError(f"calibration with {name!r:.60}")
        _of(count, int, name)
    _of(made["trials"], int, "trials")
    gains = _of(made.get("gain", []), list, "gain")
    if gains and len(gains) != channels:
        raise ValueError(f"calibration with {len(gains)} gains for {channels} channels")
    for gain in gains:
        recording.need_positive(gain=_of(gain, (int, float), "gain"))


def _check_choice(choice: Mapping[str, Any]) -> None:
    names, accuracy = (_of(choice[name], list, name) for name in ("candidates", "accuracy"))
    if not names or len(names) != len(accuracy):
        raise ValueError(f"{len(accuracy)} accuracies of {len(names)} candidates")
    for name in names:
        _of(name, str, "a candidate")
    for value in accuracy:
        if not 0 <= _of(value, (int, float), "accuracy") <= 1:
            raise ValueError(f"an accuracy is {value}, expected 0 to 1")
    _of(choice["by"], str, "by")
    for name in ("folds", "fits"):
        _of(choice[name], int, name)


def _check_baseline(model: str, arrays: Arrays, classes: int) -> None:
    width = arrays["size"].size
    if model == "forest":
        _forest.check(arrays, width, classes)
    machines = classes if model == "lda" else classes * (classes - 1) // 2
    expected: dict[str, tuple[int, ...]] = {"size": (width,), "mean": (width,), "spread": (width,)}
    if model != "forest":
        inner = width if model == "lda" else len(arrays["support"])
        expected |= {"weights": (machines, inner), "offset": (machines,)}
    if model == "svm":
        expected |= {"support": (inner, width), "gamma": ()}
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"array {name!r} has shape {arrays[name].shape}, expected {shape}")


def _check_network(model: str, architecture: Mapping[str, Any], classes: int) -> None:
    if model not in _networks.KINDS or architecture.get("kind") != model:
        raise ValueError(f"`model` is {model!r:.60}, its architecture {architecture.get('kind')!r}")
    for name in ("samples", "channels", "classes", "bin", "kernel", "pool", "filters", "width"):
        size = _of(architecture.get(name), int, name)
        if not 0 < size < 1 << (20 if name in ("samples", "bin", "kernel", "pool") else 12):
            raise ValueError(f"`{name}` of the architecture is {size}")
    if architecture["classes"] != classes:
        raise ValueError(f"{classes} classes, but an architecture of {architecture['classes']}")
    # Files of earlier versions do not name the output.
    if architecture.get("output", "classes") not in _networks.ACTIVATIONS:
        raise ValueError(f"`output` of the architecture is {architecture['output']!r:.60}")
    _of(architecture["raw"], bool, "raw")
    if not 0 <= _of(architecture["dropout"], (int, float), "dropout") < 1:
        raise ValueError(f"`dropout` is {architecture['dropout']}, expected 0 to 1")


def _of(value: Any, kind: type | tuple[type, ...], name: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"`{name}` is {value!r:.60}, a {type(value).__name__}")
    return value
