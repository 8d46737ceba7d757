"""The sketch's protocol.h, compiled here, against the host's own encoder and decoder."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emgnb.acquire.wire.frames import DATA, STATUS, TEXT, Decoder, Encoder, Status

HEADER = Path(__file__).resolve().parents[2] / "firmware" / "emg_stream" / "protocol.h"
WRAPPER = """
#include "protocol.h"
uint8_t packed(const void *body, uint8_t length, uint8_t *ring, uint8_t at)
    { return pack(body, length, ring, at); }
char parsed(const char *line, uint32_t *number) { return parse(line, number); }
uint32_t highest(uint8_t channels, uint8_t prescaler, int *limit)
    { limit_t found; uint32_t rate = highest_rate(channels, prescaler, &found); *limit = found;
      return rate; }
uint8_t chosen(uint32_t rate, uint32_t channels, uint32_t prescaler, char *text, uint8_t size)
    { settings_t wish = {rate, channels, prescaler}; text[0] = 0;
      return prescaler_for(&wish, text, size); }
uint32_t scan_size(void) { return sizeof(scan_t); }
uint32_t status_size(void) { return sizeof(status_t); }
"""
CONVERTER, LINE, PROCESSOR = range(3)
CLOCK, BAUD = 16e6, 500_000


@pytest.fixture(scope="session")
def protocol(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler (cc) here")
    folder = tmp_path_factory.mktemp("protocol")
    source, library = folder / "wrapper.c", folder / "protocol.so"
    source.write_text(WRAPPER)
    warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
    command = [compiler, *warnings, "-shared", "-fPIC", f"-I{HEADER.parent}", "-o", library, source]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.parsed.restype = ctypes.c_char
    for name in ("packed", "chosen"):
        getattr(loaded, name).restype = ctypes.c_uint8
    for name in ("highest", "scan_size", "status_size"):
        getattr(loaded, name).restype = ctypes.c_uint32
    return loaded


def packed(protocol: ctypes.CDLL, body: bytes, at: int = 0) -> bytes:
    ring = (ctypes.c_uint8 * 256)()
    size = protocol.packed(body, len(body), ring, at)
    return bytes(ring[(at + n) % 256] for n in range(size))


def highest(protocol: ctypes.CDLL, channels: int, prescaler: int) -> tuple[int, int]:
    limit = ctypes.c_int()
    rate = protocol.highest(channels, prescaler, ctypes.byref(limit))
    return rate, limit.value


def chosen(protocol: ctypes.CDLL, rate: int, channels: int, prescaler: int = 0) -> tuple[int, str]:
    text = ctypes.create_string_buffer(141)
    return protocol.chosen(rate, channels, prescaler, text, 140), text.value.decode()


@given(
    numbers=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
    channels=st.integers(1, 16),
    at=st.integers(0, 255),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_scan_is_packed_as_the_host_packs_it(protocol, numbers, channels, at, seed):
    values = np.random.default_rng(seed).integers(0, 1024, channels).astype("<u2")
    values[seed % channels] &= 0x0300  # zeros, which COBS must hide
    for number in numbers:
        body = bytes([DATA]) + Encoder(channels).mask.to_bytes(2, "little")
        body += number.to_bytes(4, "little") + values.tobytes()
        wire = Encoder(channels).scans(number, values[np.newaxis])
        assert packed(protocol, body, at) == wire
        assert len(wire) == 11 + 2 * channels


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 4, *[st.integers(0, 65535)] * 2))
def test_a_status_is_packed_as_the_host_packs_it(protocol, fields):
    status = Status(*fields)
    body = bytes([STATUS]) + b"".join(value.to_bytes(4, "little") for value in status[:4])
    body += b"".join(value.to_bytes(2, "little") for value in status[4:])
    assert len(body) == protocol.status_size()
    wire = packed(protocol, body)
    assert wire == Encoder(8).status(status)
    assert Decoder().feed(wire).statuses == (status,)


@given(st.binary(min_size=1, max_size=250), st.integers(0, 255))
def test_anything_packed_is_one_frame_without_zeros_and_comes_back(protocol, body, at):
    wire = packed(protocol, bytes([TEXT]) + body, at)
    assert wire.index(0) == len(wire) - 1 == len(body) + 4
    assert Decoder().feed(wire).texts == (body.decode("utf-8", "replace"),)


@given(st.binary(max_size=30))
def test_no_line_of_noise_is_more_than_a_command_or_nothing(protocol, line):
    number = ctypes.c_uint32()
    protocol.parsed(line.replace(b"\0", b"") + b"\0", ctypes.byref(number))


@pytest.mark.parametrize(
    ("line", "letter", "number"),
    [
        (b"?", b"?", 0),
        (b"R1000", b"R", 1000),
        (b"R1000\r", b"R", 1000),
        (b"C16", b"C", 16),
        (b"S", b"S", 0),
        (b"X", b"X", 0),
        (b"R", b"\0", 0),
        (b"R-5", b"\0", 0),
        (b"R1000x", b"\0", 0),
        (b"S1", b"\0", 1),
        (b"", b"\0", 0),
        (b"R99999999999", b"\0", 0),
    ],
)
def test_commands_are_a_letter_and_a_number(protocol, line, letter, number):
    found = ctypes.c_uint32()
    assert protocol.parsed(line, ctypes.byref(found)) == letter
    if letter != b"\0":
        assert found.value == number


@pytest.mark.parametrize("channels", range(1, 17))
@pytest.mark.parametrize("prescaler", [16, 32, 64, 128])
def test_what_is_said_to_hold_fits_converter_and_line(protocol, channels, prescaler):
    rate, limit = highest(protocol, channels, prescaler)
    # 13 clocks of the converter a channel, whatever else; ten bits a byte.
    assert rate * channels * 13 * prescaler < CLOCK
    assert rate * (11 + 2 * channels) < BAUD / 10
    assert limit in (CONVERTER, LINE, PROCESSOR)
    assert chosen(protocol, rate, channels, prescaler) == (prescaler, "")
    refused, text = chosen(protocol, rate + 1, channels, prescaler)
    assert refused == 0
    assert text.startswith(f"refused: {rate + 1} Hz on {channels} channels")
    assert text.endswith(f"1 to {rate} Hz hold")
    assert len(text) < 140


def test_the_readme_names_the_rates_that_the_board_holds(protocol):
    text = (HEADER.parents[1] / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| 500000 \|(.+)\|$", text, re.MULTILINE)
    assert len(rows) == 7
    for channels, cells in rows:
        for prescaler, cell in zip((128, 64, 32, 16), cells.split("|"), strict=True):
            rate, limit = highest(protocol, int(channels), prescaler)
            assert cell.split() == [str(rate), "clp"[limit]]


def test_the_usual_rates_hold_and_the_most_exact_prescaler_that_does_is_taken(protocol):
    assert chosen(protocol, 1000, 8) == (128, "")
    assert chosen(protocol, 1000, 16) == (64, "")
    assert chosen(protocol, 1800, 8) == (64, "")


def test_what_cannot_be_is_refused_with_the_reason(protocol):
    assert "the line carries 50000 bytes a second" in chosen(protocol, 2000, 8)[1]
    assert "at prescaler 128; 1 to 1068 Hz hold" in chosen(protocol, 1200, 8, 128)[1]
    assert chosen(protocol, 1000, 17)[1] == "refused: 17 channels; this board has 1 to 16"
    assert chosen(protocol, 1000, 0)[0] == 0
    assert chosen(protocol, 0, 8)[0] == 0
    assert chosen(protocol, 1000, 8, 100)[1].startswith("refused: prescaler 100")
    assert chosen(protocol, 999_999_999, 8)[0] == 0
