"""The decoder on the board: bit-identical to Python's integers, and no scan lost for it."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from truth import against_truth, wait_for

from emgnb import acquire, models, recording
from emgnb.acquire.ports.emulator import truth_of
from emgnb.acquire.wire.frames import DECISION, Decision, Decoder, Encoder

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
WRAPPER = """
#include "decoder.h"
#include <string.h>
/* Decide for scans numbered from `first`; returns the number of decisions. */
int decided(uint32_t first, const uint16_t *x, int n, uint32_t *ends, uint8_t *labels,
            uint16_t *margins)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        if (decoder_push(first + (uint32_t)i, x + i * MODEL_CHANNELS)) {
            uint16_t margin;
            ends[found] = first + (uint32_t)i;
            labels[found] = decoder_decide(&margin);
            margins[found++] = margin;
        }
    return found;
}
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Compile a model's header with the board's decoder."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler (cc) here")

    def made(header: str) -> ctypes.CDLL:
        folder = tmp_path_factory.mktemp("decoder")
        (folder / "model.h").write_text(header)
        (folder / "wrapper.c").write_text(WRAPPER)
        warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
        options = ["-shared", "-fPIC", "-fsanitize=undefined", "-fno-sanitize-recover"]
        places = [f"-I{folder}", f"-I{FIRMWARE / 'emg_stream'}"]
        command = [compiler, *warnings, *options, *places, "-o", folder / "decoder.so"]
        subprocess.run([*command, folder / "wrapper.c"], check=True)
        return ctypes.CDLL(str(folder / "decoder.so"))

    return made


def in_c(library: ctypes.CDLL, counts: np.ndarray, first: int = 0) -> tuple[np.ndarray, ...]:
    """What the board's code decides for counts."""
    x = np.ascontiguousarray(counts, dtype=np.uint16)
    ends = np.zeros(len(x), dtype=np.uint32)
    labels, margins = np.zeros(len(x), dtype=np.uint8), np.zeros(len(x), dtype=np.uint16)
    places = [each.ctypes.data_as(ctypes.c_void_p) for each in (x, ends, labels, margins)]
    n = library.decided(ctypes.c_uint32(first), places[0], len(x), *places[1:])
    return ends[:n], labels[:n], margins[:n]


def trained(names, compress, *, channels=8, classes=5, seed=0):
    """An LDA of random features, positive and of any size."""
    rng = np.random.default_rng(seed)
    n = 60 * classes
    label = np.repeat([f"class {k}" for k in range(classes)], 60)
    level = np.exp(rng.normal(0, 1.5, (classes, channels)))[np.repeat(np.arange(classes), 60)]
    table = xr.Dataset(
        {
            name: (
                ("window", "channel"),
                10.0 ** rng.uniform(-1, 2, channels)
                * level
                * np.exp(rng.normal(0, 0.4, level.shape)),
                {"units": "count"},
            )
            for name in names
        },
        coords={"channel": [f"ch{k}" for k in range(channels)], "label": ("window", label)},
        attrs={"rate": 1000.0, "length_s": 0.2},
    )
    assert table.sizes["window"] == n
    return models.fit(table, model="lda", compress=compress)


def signals(channels: int, seed: int) -> np.ndarray:
    """Counts of every kind: flat, saturated, noise of all sizes, steps."""
    rng = np.random.default_rng(seed)
    size = np.repeat(10.0 ** rng.uniform(-1, 3, (12, channels)), 250, axis=0)
    noise = 512 + size * rng.normal(size=size.shape)
    noise[500:750], noise[750:1000, 0], noise[1000:1250] = 0, 1023, 7
    noise[1250:1500] = np.where(np.arange(250)[:, np.newaxis] % 2, 0, 1023)
    return np.clip(np.rint(noise), 0, 1023).astype(np.uint16)


@pytest.mark.parametrize("compress", ["asinh", "log"])
@pytest.mark.parametrize("names", [["std"], ["mean"], ["mean", "std"], ["std", "mean"]])
def test_c_and_python_agree_in_every_bit(build, names, compress):
    channels = 16 if names == ["std"] else 8
    model = models.quantise(trained(names, compress, channels=channels), step=0.05)
    library = build(model.header())
    counts = np.concatenate([signals(channels, seed) for seed in range(4)])
    expected = model.predict(counts)
    got = in_c(library, counts)
    for mine, boards in zip(expected, got, strict=True):
        np.testing.assert_array_equal(mine, boards)
    assert np.unique(expected.labels).size > 1
    # A lost scan begins a new window.
    later = in_c(library, counts[:400], first=100_000)
    np.testing.assert_array_equal(later[0] - 100_000, model.predict(counts[:400]).ends)


def test_a_decision_survives_the_wire():
    decision = Decision(scan=123_456, label=3, margin=700, micros=4300)
    wire = Encoder(8).decision(decision)
    assert Decoder().feed(wire).decisions == (decision,)
    many = Decoder().feed(wire * 400)
    assert many.decisions == (decision,) * 400
    assert DECISION == 4


def test_the_board_decides_while_it_samples_and_loses_no_scan(board, build, folder):
    emulated = board("mega_decoder", fast=True)
    recorder = acquire.start(f"serial://{emulated.port}?channels=8&rate=1000", folder)
    wait_for(recorder, lambda health: health.scans > 6000)
    path = recorder.stop()
    session = recording.open(path)
    emulated.report()
    (truth,) = truth_of(folder / "truth", 8)
    assert against_truth(session["emg/signal"], truth) == (0, 0)
    assert (session["emg/signal"].attrs["lost"], session.attrs["overruns"]) == (0, 0)

    found = acquire.decisions(path.parent)
    header = (FIRMWARE / "example" / "model.h").read_text()
    ends, labels, margins = in_c(build(header), truth)
    n = found.sizes["decision"]
    assert n >= len(ends) - 1 > 100
    np.testing.assert_array_equal(found["scan"], ends[:n])
    np.testing.assert_array_equal(found["margin"] * 256, margins[:n])
    names = np.array(re.findall(r'MODEL_NAMES "(.+)"', header)[0].split(", "))
    np.testing.assert_array_equal(found["label"], names[labels[:n]])
    rate = recording.measured_rate(session["emg/signal"])
    np.testing.assert_allclose(found["time"], ends[:n] / rate)
    assert f'"{found.attrs["model"]}"' in header
    taken = found["taken"].values
    print(f"\n{n} decisions, at most {1e3 * taken.max():.1f} ms each")
    assert taken.max() <= 0.010


def test_the_sketch_with_a_decoder_needs_at_most_6_kb(folder):
    size = shutil.which("avr-size")
    elf = FIRMWARE / "build" / "mega_decoder.elf"
    if size is None or not elf.is_file():
        pytest.skip("the sketch with a decoder is not built: make emulator")
    line = subprocess.run([size, elf], capture_output=True, text=True, check=True).stdout
    _, data, bss = map(int, line.splitlines()[1].split()[:3])
    print(f"\n{data + bss} bytes of RAM without the stack")
    assert data + bss <= 6 * 1024 - 512  # and the stack
