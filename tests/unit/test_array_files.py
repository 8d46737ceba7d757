"""Arrays of strangers: windows, trials and structs in `.mat` and `.npz` files."""

from __future__ import annotations

import itertools
import json
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io

from emgnb import evaluate, interop, labels, simulate, windows
from emgnb.cli import main
from emgnb.evaluate import leaks
from emgnb.evaluate.leaks import copies
from emgnb.evaluate.leaks.case import Case
from emgnb.interop.corpora import matfile

WINDOWS, SAMPLES, CHANNELS = 24, 40, 3
NAMES = ("window", "sample", "channel")
NO_SKLEARN = "scikit-learn is not installed: pip install 'emgnb[train]'"
NO_H5PY = "h5py is not installed: pip install 'emgnb[exchange]'"
Save = Callable[[Path, Mapping[str, object]], None]


def values(seed: int = 0) -> np.ndarray:
    """Windows of numbers (window, sample, channel)."""
    return np.random.default_rng(seed).normal(size=(WINDOWS, SAMPLES, CHANNELS))


def beside() -> dict[str, np.ndarray]:
    """Label, person and trial of each window."""
    at = np.arange(WINDOWS)
    return {"y": np.array(["smile", "frown"])[at // 2 % 2], "subject": at // 8, "trial": at // 2}


def npz(path: Path, content: Mapping[str, object]) -> None:
    np.savez(path, **content)  # type: ignore[arg-type]


def mat(path: Path, content: Mapping[str, object]) -> None:
    scipy.io.savemat(path, dict(content), do_compression=True)


def mat_of_one_struct(path: Path, content: Mapping[str, object]) -> None:
    scipy.io.savemat(path, {"EMG": dict(content)})


def mat_of_nested_structs(path: Path, content: Mapping[str, object]) -> None:
    first, *others = content
    held = {first: content[first], "about": {name: content[name] for name in others}}
    scipy.io.savemat(path, {"EMG": held}, oned_as="column")


WAYS: dict[str, tuple[str, Save]] = {
    "npz": (".npz", npz),
    "mat": (".mat", mat),
    "struct": (".mat", mat_of_one_struct),
    "nested": (".mat", mat_of_nested_structs),
}


def read(
    folder: Path, content: Mapping[str, object], way: str = "npz", **options: object
) -> pd.DataFrame:
    ending, save = WAYS[way]
    save(folder / f"x{ending}", content)
    return interop.read_rows(folder / f"x{ending}", **options)  # type: ignore[arg-type]


def windows_of(table: pd.DataFrame) -> np.ndarray:
    """The windows that a table was made from (window, sample, channel)."""
    signal = table[[name for name in table.columns if name.startswith("X")]].to_numpy()
    return signal.reshape(table["window"].nunique(), -1, signal.shape[1])


def said(table: pd.DataFrame) -> str:
    return "\n".join(table.attrs["reading"])


# --- windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_windows_are_read_whatever_the_order_of_their_axes(tmp_path: Path, way: str) -> None:
    for order in itertools.permutations(range(3)):
        table = read(tmp_path, {"X": values().transpose(order), **beside()}, way)
        np.testing.assert_array_equal(windows_of(table), values())
        for name, each in beside().items():
            first = table.groupby("window")[name].first()
            assert first.astype(str).tolist() == each.astype(str).tolist()


def test_the_table_says_what_was_taken_as_what(tmp_path: Path) -> None:
    more = {"fs": 500, "session": "S1", "note": "left arm", "t": np.arange(SAMPLES) / 500}
    table = read(tmp_path, {"X": values(), **beside(), **more}, "struct")
    assert table.attrs["reading"] == [
        f"signal: `X` {values().shape}, 24 windows of 40 samples of 3 channels; windows are "
        "counted by the axis as long as `y`, and the longer of the other two is time",
        "one value for each: `y`, `subject`, `trial`",
        "the same in all: `session` = S1",
        "rate: `fs` = 500 Hz",
        "left aside: `note`, `t` (1, 40)",
    ]
    assert table.attrs["label"] == "y"
    assert table.attrs["rate"] == 500
    assert set(table["session"]) == {"S1"}


def test_names_of_channels_tell_the_axis_of_channels(tmp_path: Path) -> None:
    wide = values().transpose(0, 2, 1)  # 40 channels of 3 samples
    names = np.array([f"e{k}" for k in range(SAMPLES)])
    table = read(tmp_path, {"X": wide, "channels": names, **beside()}, "mat")
    assert list(table.columns[1 : 1 + SAMPLES]) == names.tolist()
    assert "channels by the 40 names" in said(table)
    assert len(table) == WINDOWS * CHANNELS


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"X": values()[:, :3], **beside()}, "3 samples of as many channels"),
        ({"X": values()}, r"no array with one value per window .* \(found none\)"),
        ({"X": values()[:, :24], **beside()}, "2 axes as long as `y`"),
    ],
)
def test_axes_that_cannot_be_told_are_asked_for(
    tmp_path: Path, content: dict[str, np.ndarray], why: str
) -> None:
    with pytest.raises(ValueError, match=rf"x\.npz: `X` .*{why}.*--axes \w+,\w+,\w+ \(axes=\("):
        read(tmp_path, content)
    table = read(tmp_path, content, axes="window, sample, channel")
    np.testing.assert_array_equal(windows_of(table), content["X"])
    assert "the axes are as given" in said(table)
    turned = read(tmp_path, content, axes=("window", "channel", "sample"))
    np.testing.assert_array_equal(windows_of(turned), content["X"].transpose(0, 2, 1))


def test_windows_of_one_channel_may_be_given_as_rows(tmp_path: Path) -> None:
    content = {"X": values()[:, :, 0], **beside()}
    assert len(read(tmp_path, content)) == WINDOWS
    table = read(tmp_path, content, axes="window,sample")
    assert len(table) == WINDOWS * SAMPLES
    np.testing.assert_array_equal(windows_of(table)[:, :, 0], content["X"])


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    table = read(tmp_path, {"X": values()[:, None, :, :, None], **beside()})
    np.testing.assert_array_equal(windows_of(table), values())


@pytest.mark.parametrize("axes", ["time,channel", "window,window,sample", "window"])
def test_axes_that_do_not_exist_are_refused(tmp_path: Path, axes: str) -> None:
    with pytest.raises(ValueError, match="expected the order in the file of window,sample,channel"):
        read(tmp_path, {"X": values(), **beside()}, axes=axes)


def test_axes_are_for_arrays_only(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"axes and signal are for arrays in \.mat and \.npz files"
    ):
        interop.read_rows(tmp_path / "x.csv", axes="sample,channel")


def test_of_several_signals_one_is_named(tmp_path: Path) -> None:
    content = {"left": values(1), "right": values(2), **beside()}
    with pytest.raises(ValueError, match=r"`left`, `right`: name the one with the signal by --sig"):
        read(tmp_path, content)
    table = read(tmp_path, content, signal="right")
    assert table["right1"].iloc[0] == values(2)[0, 0, 0]
    assert "left aside: `left` (24, 40, 3)" in said(table)
    with pytest.raises(ValueError, match=r"no array 'middle' .* it holds `left` \(24, 40, 3\)"):
        read(tmp_path, content, signal="middle")
    usual = read(tmp_path, {"acc": values(1), "emg": values(2), **beside()})
    assert usual["emg1"].iloc[0] == values(2)[0, 0, 0]


def test_labels_with_a_column_per_class_are_numbered(tmp_path: Path) -> None:
    classes = np.eye(3)[np.arange(WINDOWS) % 3]
    for held in (classes, classes.T):
        table = read(tmp_path, {"X": values(), "y": held})
        assert table.groupby("window")["y"].first().tolist() == [0, 1, 2] * (WINDOWS // 3)
        assert "holds a column per class, read as its number" in said(table)


def test_arrays_for_training_and_testing_are_joined(tmp_path: Path) -> None:
    y = beside()["y"]
    content = {
        **{"X_train": values()[:16], "y_train": y[:16], "X_test": values()[16:], "y_test": y[16:]},
        "fs": 1000,
    }
    table = read(tmp_path, content)
    np.testing.assert_array_equal(windows_of(table), values())
    first = table.groupby("window").first()
    assert first["split"].tolist() == ["train"] * 16 + ["test"] * 8
    assert first["y"].tolist() == y.tolist()
    assert table.attrs["rate"] == 1000
    # Trials that are named keep their names: one that is on both sides is a leak.
    content |= {"trial_train": np.arange(16) // 2, "trial_test": np.arange(8) // 2}
    both = read(tmp_path, content).groupby("window")["trial"].first()
    assert both.tolist() == [k // 2 for k in (*range(16), *range(8))]
    # Without its labels, a part is an array like any other.
    del content["y_test"]
    with pytest.raises(ValueError, match="name the one with the signal"):
        read(tmp_path, content)


# --- rows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_matrix_has_its_rows_along_the_axis_of_the_labels(tmp_path: Path, way: str) -> None:
    x = values()[:, :, 0]
    tables = [read(tmp_path, {"X": held, **beside()}, way) for held in (x, x.T)]
    for table in tables:
        np.testing.assert_array_equal(table.iloc[:, :SAMPLES].to_numpy(), x)
        assert table["y"].astype(str).tolist() == beside()["y"].tolist()
    assert "`X` turned, because its second axis has as many values" in said(tables[1])


def test_a_recording_of_channels_by_samples_is_turned_where_this_is_said(tmp_path: Path) -> None:
    content = {"emg": values()[0].T, "label": "smile", "subject": 3}
    table = read(tmp_path, content, "mat", axes="channel,sample")
    assert table.shape == (SAMPLES, CHANNELS + 2)
    np.testing.assert_array_equal(table.iloc[:, :CHANNELS].to_numpy(), values()[0])
    assert set(table["label"]) == {"smile"}


def test_a_folder_with_a_file_per_person_is_one_table(tmp_path: Path) -> None:
    for person in range(3):
        mine = slice(8 * person, 8 * person + 8)
        content = {"X": values()[mine], "y": beside()["y"][mine], "subject": f"P{person}"}
        scipy.io.savemat(tmp_path / f"person{person}.mat", {"study": content})
    table = interop.read_rows(tmp_path)
    assert len(table) == WINDOWS * SAMPLES
    assert set(table["subject"]) == {"P0", "P1", "P2"}
    assert said(table).startswith("3 files, the first of them person0.mat\nsignal: `X` (8, 40, 3)")
    rows = leaks.tables.from_frame(table, label="label", person="subject")
    assert rows.label.tolist() == beside()["y"].tolist()
    assert rows.groups["person"].tolist() == [f"P{k // 8}" for k in range(WINDOWS)]


# --- trials -----------------------------------------------------------------------------------


def signals(turned: bool = False) -> list[np.ndarray]:
    """Signals of trials of different lengths (sample, channel)."""
    found = [values(k)[0][: 30 + k] for k in range(10)]
    return [each.T for each in found] if turned else found


def cells(things: list[np.ndarray] | list[str]) -> np.ndarray:
    made = np.empty(len(things), dtype=object)
    made[:] = things
    return made


def trials_as(form: str, turned: bool) -> dict[str, object]:
    """Signals of trials with their labels, in a form that MATLAB's users save."""
    held, names = signals(turned), ["smile", "frown"] * 5
    numbers = np.arange(10) // 5 + 1
    if form == "struct array":
        kind = [("emg", object), ("label", object), ("subject", object)]
        made = np.empty(10, dtype=kind)
        for k in range(10):
            made[k] = (held[k], names[k], int(numbers[k]))
        return {"trials": made}
    if form == "struct array in a struct":
        return {"study": {"trials": trials_as("struct array", turned)["trials"], "fs": 100.0}}
    if form == "cells and cells of texts":
        return {"emg": cells(held), "label": cells(names), "subject": numbers}
    if form == "cells and a char matrix":
        return {"emg": cells(held), "label": np.array(names), "subject": numbers[:, None]}
    return {"study": {"emg": cells(held), "label": cells(names), "subject": numbers}}


FORMS = (
    "struct array",
    "struct array in a struct",
    "cells and cells of texts",
    "cells and a char matrix",
    "cells in a struct",
)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_trials_of_any_length_are_read_in_every_form(
    tmp_path: Path, form: str, turned: bool
) -> None:
    scipy.io.savemat(tmp_path / "x.mat", trials_as(form, turned))
    table = interop.read_rows(tmp_path / "x.mat")
    np.testing.assert_array_equal(
        table[["emg1", "emg2", "emg3"]].to_numpy(), np.concatenate(signals())
    )
    first = table.groupby("trial").first()
    assert first["label"].tolist() == ["smile", "frown"] * 5
    assert first["subject"].tolist() == [1] * 5 + [2] * 5
    assert table.groupby("trial").size().tolist() == [30 + k for k in range(10)]
    assert said(table).startswith(
        "signal: `emg`, 10 trials of 30 to 39 samples of 3 channels; time is the axis whose length "
        "differs between trials\none value for each: `label`, `subject`"
    )
    assert table.attrs.get("rate") == (100 if form == "struct array in a struct" else None)
    rows = leaks.tables.from_frame(table, label="label")
    assert rows.units == "samples"
    assert [len(trial) for trial in rows.trials] == [30 + k for k in range(10)]


def test_trials_of_one_length_have_the_longer_axis_as_time(tmp_path: Path) -> None:
    for held, axes in (
        ([values(k)[0] for k in range(10)], ""),
        ([np.eye(9)] * 10, "sample,channel"),
    ):
        content = {"emg": cells(held), "label": np.arange(10) % 2}
        scipy.io.savemat(tmp_path / "x.mat", content)
        if axes:
            with pytest.raises(ValueError, match=r"as many samples as channels\. Give --axes"):
                interop.read_rows(tmp_path / "x.mat")
        table = interop.read_rows(tmp_path / "x.mat", axes=axes)
        assert len(table) == sum(map(len, held))


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ([np.ones((30, 3)), np.ones((20, 4))], "differ in both axes"),
        ([np.ones((30, 3)), np.ones((30, 3, 2))], r"has the shape \(30, 3, 2\), expected two axes"),
        ([np.ones((0, 0)), np.ones((0, 0))], "all trials of `emg` are empty"),
    ],
)
def test_trials_that_do_not_fit_are_refused(
    tmp_path: Path, held: list[np.ndarray], why: str
) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"emg": cells(held * 5), "label": np.arange(10) % 2})
    with pytest.raises(ValueError, match=f"x.mat.*({why})"):
        interop.read_rows(tmp_path / "x.mat")


def test_values_of_whole_trials_are_no_channels(tmp_path: Path) -> None:
    content = {"emg": cells(signals()), "label": np.arange(10) % 2, "age": np.arange(10) // 2 + 20}
    scipy.io.savemat(tmp_path / "x.mat", content)
    rows = leaks.tables.from_frame(interop.read_rows(tmp_path / "x.mat"), label="label")
    assert rows.signal_columns == ("emg1", "emg2", "emg3")
    assert rows.trials[0].shape == (30, 3)
    assert rows.columns[-1] == "age"
    assert set(rows.values[:, -1]) == set(range(20, 25))


def test_other_lists_beside_a_matrix_are_no_trials(tmp_path: Path) -> None:
    content = {"X": values()[:, :, 0], **beside(), "maps": cells([np.eye(3), np.eye(4)])}
    scipy.io.savemat(tmp_path / "x.mat", content)
    table = interop.read_rows(tmp_path / "x.mat")
    assert len(table) == WINDOWS
    assert "left aside: `maps` (2 arrays)" in said(table)


def test_an_empty_trial_is_left_out_with_its_label(tmp_path: Path) -> None:
    held = signals()
    held[1] = np.empty((0, 0))
    names = ["smile", "lost", *["smile", "frown"] * 4]
    scipy.io.savemat(tmp_path / "x.mat", {"emg": cells(held), "label": cells(names)})
    table = interop.read_rows(tmp_path / "x.mat")
    assert "1 empty trials left out" in said(table)
    assert set(table["label"]) == {"smile", "frown"}


def test_times_of_the_samples_of_each_trial_are_a_column(tmp_path: Path) -> None:
    times = [np.arange(len(each)) / 100 for each in signals()]
    content = {"emg": cells(signals()), "time": cells(times), "label": np.arange(10) % 2}
    scipy.io.savemat(tmp_path / "x.mat", content)
    table = interop.read_rows(tmp_path / "x.mat")
    np.testing.assert_array_equal(table["time"], np.concatenate(times))


def test_arrays_of_named_trials_are_windows_of_them(tmp_path: Path) -> None:
    held, at = [values(k)[0] for k in range(12)], np.arange(12)
    content = {"emg": cells(held), "label": at // 3 % 2, "trial": at // 3}
    scipy.io.savemat(tmp_path / "x.mat", content)
    table = interop.read_rows(tmp_path / "x.mat")
    assert table["window"].nunique() == 12
    rows = leaks.tables.from_frame(table, label="label")
    assert rows.units == "features"
    assert rows.groups["trial"].tolist() == (at // 3).astype(str).tolist()
    content["trial"] = at
    scipy.io.savemat(tmp_path / "x.mat", content)
    assert "window" not in interop.read_rows(tmp_path / "x.mat").columns


# --- what is not read -------------------------------------------------------------------------


def element(kind: int, content: bytes) -> bytes:
    """Return an element of a MATLAB file."""
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def test_string_objects_are_named_with_the_way_out(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"X": values()[:, :, 0]})
    opaque = element(6, struct.pack("<II", 17, 0)) + element(1, b"label")
    opaque += element(1, b"MCOS") + element(1, b"string")
    with (tmp_path / "x.mat").open("ab") as file:
        file.write(element(14, opaque))
    table = interop.read_rows(tmp_path / "x.mat")
    assert said(table).endswith(
        "left aside: `label` (string object): label = cellstr(label) in MATLAB"
    )
    with pytest.raises(ValueError, match=r"no column 'label'.*Not read: `label` .*cellstr\("):
        leaks.tables.from_frame(table, label="label")


def mat73(path: Path, content: Mapping[str, object]) -> None:
    """Write an HDF5 file as MATLAB does: axes reversed, cells as references, letters as numbers."""
    h5py = pytest.importorskip(
        "h5py", reason="h5py is not installed: pip install 'emgnb[exchange]'"
    )

    def put(group: object, name: str, value: object) -> object:
        if isinstance(value, dict):
            made = group.create_group(name)  # type: ignore[attr-defined]
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, each in value.items():
                put(made, key, each)
            return made
        kind = "double"
        if isinstance(value, str):
            letters = np.array([list(map(ord, value))], dtype=np.uint16)
            kind, value = "char", letters
        elif isinstance(value, list):
            hidden = file.require_group("#refs#")
            refs = [put(hidden, f"{len(hidden)}", each).ref for each in value]  # type: ignore
            kind, value = "cell", np.array([refs], dtype=h5py.ref_dtype)
        made = group.create_dataset(name, data=np.atleast_2d(value).T)  # type: ignore[attr-defined]
        made.attrs["MATLAB_class"] = np.bytes_(kind)
        return made

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, each in content.items():
            put(file, name, each)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\x02IM")


def test_files_of_version_7_3_are_read(tmp_path: Path) -> None:
    label = beside()["y"].tolist()
    content = {"EMG": {"X": values(), "y": label, "about": {"subject": "P1", "fs": 500.0}}}
    mat73(tmp_path / "x.mat", content)
    table = interop.read_rows(tmp_path / "x.mat")
    np.testing.assert_array_equal(windows_of(table), values())
    assert table.groupby("window")["y"].first().tolist() == label
    assert set(table["subject"]) == {"P1"}
    assert table.attrs["rate"] == 500
    mat73(tmp_path / "x.mat", {"emg": signals(), "label": ["smile", "frown"] * 5})
    assert len(interop.read_rows(tmp_path / "x.mat")) == sum(map(len, signals()))


def test_links_out_of_a_file_of_version_7_3_are_not_followed(tmp_path: Path) -> None:
    h5py = pytest.importorskip(
        "h5py", reason="h5py is not installed: pip install 'emgnb[exchange]'"
    )
    mat73(tmp_path / "other.mat", {"secret": values()[:, :, 0]})
    mat73(tmp_path / "x.mat", {"X": values()[:, :, 1]})
    with h5py.File(tmp_path / "x.mat", "r+") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.mat"), "secret")
        file.create_dataset("y", (24,), "f8", external=[(str(tmp_path / "other.mat"), 0, 192)])
    table = interop.read_rows(tmp_path / "x.mat")
    assert table.shape == (WINDOWS, SAMPLES)
    assert said(table).endswith("left aside: `y` (24,) (data in another file)")


def test_a_damaged_file_of_version_7_3_is_refused_with_the_way_out(tmp_path: Path) -> None:
    mat73(tmp_path / "x.mat", {"X": values(), "y": beside()["y"].tolist()})
    whole = (tmp_path / "x.mat").read_bytes()
    (tmp_path / "x.mat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"x\.mat is no MATLAB 7\.3 file .*save\(…, '-v7'\)"):
        interop.read_rows(tmp_path / "x.mat")


def test_without_h5py_the_error_says_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "x.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ImportError, match=r"x\.mat, a MATLAB 7\.3 file.*'-v7'.*emgnb\[exchange\]"):
        interop.read_rows(tmp_path / "x.mat")


def test_arrays_of_objects_are_refused_and_single_ones_left_aside(tmp_path: Path) -> None:
    table = read(tmp_path, {"X": values(), **beside(), "about": {"rate": 1000}})
    assert "left aside: `about` (a Python object)" in said(table)
    content = {"X": values(), "y": beside()["y"].astype(object)}
    with pytest.raises(ValueError, match=r"`y` holds Python objects, .*names\.astype\(str\)"):
        read(tmp_path, content)


class Trap:
    """An object that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "executed")] * 2, dtype=object)
    with pytest.raises(ValueError, match="because loading them can run code"):
        read(tmp_path, {"X": values(), "y": trap})
    read(tmp_path, {"X": values(), **beside(), "about": trap[0]})
    assert not (tmp_path / "executed").exists()


def test_an_array_that_declares_more_than_it_has_is_refused(tmp_path: Path) -> None:
    huge = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 100000), }"
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(huge)) + huge)
    with pytest.raises(ValueError, match=r"x\.npz is no \.npz file .*`x` \(100000000, 100000\)"):
        interop.read_rows(tmp_path / "x.npz")


@pytest.mark.parametrize("form", ["struct array in a struct", "cells and a char matrix"])
def test_a_damaged_file_of_structs_is_one_clear_error(tmp_path: Path, form: str) -> None:
    content = trials_as(form, turned=False)
    scipy.io.savemat(tmp_path / "x.mat", content)
    raw = (tmp_path / "x.mat").read_bytes()
    for at in range(128, min(len(raw), 2500), 5):
        (tmp_path / "x.mat").write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        try:
            matfile.variables(tmp_path / "x.mat")
        except ValueError as error:
            assert "x.mat" in str(error)  # noqa: PT017 - a change may also do no harm


def test_structs_in_structs_are_read_to_a_depth(tmp_path: Path) -> None:
    content: object = np.eye(3)
    for _ in range(6):
        content = {"in": content}
    scipy.io.savemat(tmp_path / "x.mat", {"top": content})
    with pytest.raises(ValueError, match=r"`top\.in\.in\.in\.in` .*struct more than 4 levels deep"):
        interop.read_rows(tmp_path / "x.mat")


# --- the audit --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut() -> object:
    """Windows of four simulated people."""
    script = simulate.protocol(("smile", "frown"), repetitions=3)
    sessions = simulate.study(people=4, seed=1, script=script)
    return windows.stack(
        [windows.cut(each, labels.trials(each), length=0.25, step=0.5) for each in sessions]
    )


def saved(path: Path, x: object, order: tuple[str, ...], **more: object) -> Path:
    """Save windows as a stranger would."""
    held = x.transpose(*order)  # type: ignore[attr-defined]
    np.savez(
        path,
        X=held.values,
        y=held["label"].values.astype(str),
        subject=held["participant"].values.astype(str),
        trial=held["trial"].values.astype(str),
        fs=held.attrs["rate"],
        **more,  # type: ignore[arg-type]
    )
    return path


def test_windows_from_a_file_are_audited_as_windows(
    cut: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(
        "sklearn", reason="scikit-learn is not installed: pip install 'emgnb[train]'"
    )
    path = saved(tmp_path / "x.npz", cut, ("window", "channel", "sample"))
    out = str(tmp_path / "report.json")
    assert main(["audit", str(path), "--json", out, "--html", str(tmp_path / "r.html")]) == 0
    printed = capsys.readouterr().out
    assert "read as:  signal: `X`" in printed
    report = json.loads(Path(out).read_text("utf-8"))
    assert report["reading"][-1].startswith("label = y, person = subject, trial = trial; signal: ")
    assert "<b>Read as</b>" in (tmp_path / "r.html").read_text("utf-8")
    itself = evaluate.audit(cut, progress=False)  # type: ignore[arg-type]
    assert itself.honest is not None
    assert report["honest"]["accuracy"] == pytest.approx(itself.honest.accuracy)
    assert report["honest"]["scheme"] == "whole people left out"
    assert report["data"]["windows"] == itself.data["windows"]
    verdicts = {each["leak"]: each["verdict"] for each in report["findings"]}
    assert verdicts["no physiology"] == "not found"
    assert verdicts["copies across groups"] == "not found"


def test_copied_windows_in_a_file_are_found(cut: object, tmp_path: Path) -> None:
    pytest.importorskip(
        "sklearn", reason="scikit-learn is not installed: pip install 'emgnb[train]'"
    )
    x = cut.copy(deep=True)  # type: ignore[attr-defined]
    people = x["participant"].values
    first, other = (np.flatnonzero(people == name)[:10] for name in np.unique(people)[:2])
    x.values[other] = x.values[first]
    table = interop.read_rows(saved(tmp_path / "x.npz", x, ("sample", "window", "channel")))
    report = leaks.audit(table, progress=False)
    assert report["copies across groups"].verdict == "found"


@pytest.mark.parametrize(("step", "verdict"), [(20, "found"), (40, "undetermined")])
def test_windows_that_share_samples_are_found_without_times_and_trials(
    tmp_path: Path, step: int, verdict: str
) -> None:
    pytest.importorskip(
        "sklearn", reason="scikit-learn is not installed: pip install 'emgnb[train]'"
    )
    signal = np.random.default_rng(0).normal(size=(WINDOWS * SAMPLES, CHANNELS))
    cuts = np.stack([signal[k * step : k * step + SAMPLES] for k in range(WINDOWS)])
    table = read(tmp_path, {"X": cuts, "y": beside()["y"]})
    found = copies.overlap(Case(leaks.tables.from_frame(table, label="y")))
    assert found.verdict == verdict
    if verdict == "found":
        assert found.evidence == "96 % of the windows share samples with the next"
        split = np.where(np.arange(WINDOWS) < 12, "train", "test")
        assert overlap_across(tmp_path, cuts, split).verdict == "found"
        # Without the first window for testing, none shares samples with one for training.
        kept = np.delete(np.arange(WINDOWS), 12)
        assert overlap_across(tmp_path, cuts[kept], split[kept]).verdict == "not found"


def overlap_across(folder: Path, cuts: np.ndarray, split: np.ndarray) -> leaks.Finding:
    table = read(folder, {"X": cuts, "y": beside()["y"][: len(cuts)], "split": split})
    return copies.overlap(Case(leaks.tables.from_frame(table, label="y")))


def test_a_text_table_with_numbered_windows_is_read_as_windows() -> None:
    x = values()
    table = pd.DataFrame(x.reshape(-1, CHANNELS), columns=["X1", "X2", "X3"])
    for name, each in beside().items():
        table[name] = np.repeat(each, SAMPLES)
    table["window"] = np.repeat(np.arange(WINDOWS), SAMPLES)
    table["force"] = np.repeat(np.arange(WINDOWS) % 5, SAMPLES)
    rows = leaks.tables.from_frame(table, label="y")
    assert len(rows) == WINDOWS
    assert rows.columns[-1] == "force"
    assert rows.signal_columns == ("X1", "X2", "X3")
    np.testing.assert_allclose(rows.values[:, :3], x.mean(axis=1), atol=1e-12)
    as_samples = leaks.tables.from_frame(table, label="y", rows="samples")
    assert as_samples.units == "samples"
    assert len(as_samples.trials) == len(np.unique(beside()["trial"]))
