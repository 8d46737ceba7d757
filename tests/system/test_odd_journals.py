"""From any journal: its scans, or one clear error; in bounded time and memory."""

import json
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from emgnb import acquire, recording
from emgnb.acquire.journal import MAGIC, JournalReader, Kind
from emgnb.acquire.ports import opening
from emgnb.acquire.record import _layout
from emgnb.acquire.wire import _digital_inputs, csv_lines
from emgnb.acquire.wire.clock_fit import Arrivals
from emgnb.acquire.wire.frames import CHANGED, Encoder, Status
from emgnb.acquire.wire.stream import Block, Stream
from emgnb.cli import main

SCANS = 2000
VALUES = (np.arange(SCANS)[:, np.newaxis] * 7 + np.arange(2)) % 1024


def record(kind: int, payload: bytes, at: float = 101.0) -> bytes:
    """A record with a checksum that is right, whatever it holds."""
    head = struct.pack("<4sBxxxIqq", b"\xabREC", kind, len(payload), round(at * 1e9), 0)
    return head + payload + struct.pack("<I", zlib.crc32(head + payload))


def scans(begin: float = 100.0, first: int = 0) -> bytes:
    """Records of 20 s of two channels at 100 Hz."""
    encoder = Encoder(2)
    return b"".join(
        record(
            Kind.RAW,
            encoder.scans(n, VALUES[n - first : n - first + 10].astype(np.uint16)),
            begin + (n - first + 9) / 100,
        )
        for n in range(first, first + SCANS, 10)
    )


def journal(folder: Path, *records: bytes) -> Path:
    path = folder / "journal.emgj"
    path.write_bytes(MAGIC + b"".join(records))
    return path


def note(**content: object) -> bytes:
    return json.dumps(content).encode()


ODD = {
    "a list": (Kind.SETTINGS, b"[1, 2]"),
    "deep": (Kind.SETTINGS, b"[" * 200_000),
    "no JSON": (Kind.DEVICE, b"\xff\xfe{"),
    "null": (Kind.RECONNECT, b"null"),
    "no dialect": (Kind.SETTINGS, note(dialect=["csv"])),
    "no such dialect": (Kind.SETTINGS, note(dialect="klingon")),
    "no description": (Kind.DEVICE, note(describe=7)),
    "odd description": (
        Kind.DEVICE,
        note(
            describe={
                "rate": "fast",
                "gain": [],
                "montage": [[1]],
                "units": {},
                "units_per_count": "x",
                "signal_kind": 3,
                "truth": {"onset": [1.0], "offset": ["x"]},
            }
        ),
    ),
    "endless rate": (Kind.DEVICE, b'{"describe": {"rate": 1e999, "gain": NaN}}'),
    "uneven truth": (Kind.DEVICE, note(describe={"truth": {"onset": [1], "au": ["1", "2"]}})),
    "no text": (Kind.MARK, b"{}"),
    "long text": (Kind.MARK, note(text="x" * 1_000_000)),
    "endlessly unsure": (Kind.MARK, b'{"text": "x", "uncertainty": 1e999}'),
    "unsure in words": (Kind.MARK, note(text="x", uncertainty=[1])),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_record_that_makes_no_sense_costs_no_scan_and_is_told(tmp_path, odd):
    path = journal(tmp_path, record(*odd), scans(), record(*odd), record(Kind.END, b"{}", 121.0))
    session = recording.open(acquire.recover(path))
    x = session["emg/signal"]
    assert int(x["valid"].sum()) == SCANS
    (fault,) = [each for each in recording.known_faults(session) if "are invalid" in each]
    assert fault.startswith("2 records of the journal")
    follower = acquire.follow(tmp_path)
    assert follower.read()[0].size > 0
    follower.close()
    port = opening.open_port(f"replay://{path}")
    port.describe()
    port.close()


def test_a_truth_that_is_none_is_left_out_and_told(tmp_path):
    truth = {"onset": [5.0], "apex": [4.0], "offset": [3.0], "au": ["12"], "side": ["L"]}
    truth |= {"intensity": ["C"], "label": ["smile"]}
    device = record(Kind.DEVICE, note(describe={"truth": truth, "rate": 100.0}))
    session = recording.open(acquire.recover(journal(tmp_path, device, scans())))
    assert "labels" not in session.children
    assert "simulated face was left out" in " ".join(recording.known_faults(session))


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([scans(), scans(begin=9e9, first=70_000_000)], "days at 100 Hz: the times"),
        ([scans(), scans(begin=500.0)[:-1]], None),
        ([scans(begin=-9e9)], None),
    ],
    ids=["far", "torn", "before all time"],
)
def test_times_that_cannot_be_are_an_error_at_once(tmp_path, records, said):
    device = record(Kind.DEVICE, note(describe={"rate": 100.0}))
    path = journal(tmp_path, device, *records)
    if said is None:
        assert recording.open(acquire.recover(path))["emg/signal"].sizes["time"] >= SCANS
        return
    with pytest.raises(ValueError, match=said):
        acquire.recover(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_rate_that_cannot_be_is_an_error(tmp_path):
    encoder = Encoder(2)
    chunks = [
        record(Kind.RAW, encoder.scans(n * 100, VALUES[:100].astype(np.uint16)), 100 + n * 1e-8)
        for n in range(20)
    ]
    with pytest.raises(ValueError, match="scans a second by the clock fit"):
        acquire.recover(journal(tmp_path, *chunks))


def test_many_gaps_in_one_block_are_laid_out_in_bounded_memory():
    n, width = 200, 4
    gaps = 60_000
    numbers = np.arange(n) * gaps
    block = Block(numbers, np.zeros(n, np.int64), np.ones((n, width), np.uint16), [])
    survey = _layout.Survey(Stream("frames"))
    survey.segments[0] = _layout.Segment(0, int(numbers[-1]), Arrivals())
    tracemalloc.start()
    rows = found = 0
    for laid in _layout.grid([block], survey):
        rows += len(laid)
        found += int(np.count_nonzero(~np.isnan(laid[:, 0])))
        assert len(laid) <= 3 * _layout.FILL
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (rows, found) == ((n - 1) * gaps + 1, n)
    assert peak < 50e6


def test_a_file_of_beginnings_is_given_up(tmp_path, monkeypatch):
    size = 200_000
    false = struct.pack("<4sBxxxIqq", b"\xabREC", 1, size // 2, 0, 0)
    path = journal(tmp_path, scans()[:4000], false * (size // len(false)))
    reads = 0
    real = JournalReader._at

    def counted(self: JournalReader, position: int) -> object:
        nonlocal reads
        reads += 1
        return real(self, position)

    monkeypatch.setattr(JournalReader, "_at", counted)
    monkeypatch.setattr("emgnb.acquire.journal._VAIN", 0)
    with JournalReader(path) as reader:
        assert len(list(reader.records())) > 10
        assert reader.torn > size * 0.9
    assert reads < 200


def test_a_line_that_changes_with_every_scan_fills_no_memory(monkeypatch):
    monkeypatch.setattr(_digital_inputs, "MOST", 100)
    collected = _digital_inputs.Inputs()
    numbers = np.arange(1000)
    statuses = [Status(0, n, 0, 0, CHANGED | n % 2, 1000) for n in range(1000)]
    collected.push(statuses, numbers, np.zeros(1000, np.int64), 0)
    assert (len(collected.edges), collected.left_out) == (100, 899)


def test_a_number_beyond_32_bits_is_a_missing_value():
    decoder = csv_lines.LineDecoder(clock=False)
    text = b"0,0\n" + b"1,2\n" * 60 + b"1e39,5\n-9e99,6\n" + b"9" * 400 + b",7\n3.4e38,8\n"
    many = decoder.feed(text + b"4,1e300\n" * 40).values
    found = many[60:64]
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [True, True, True, False])
    np.testing.assert_array_equal(found[:, 1], [5, 6, 7, 8])
    assert not np.isinf(many).any()


def test_a_scale_that_leads_beyond_32_bits_gives_missing_values(tmp_path):
    text = b"".join(b"%d.5,%d\n" % (n, n % 7) for n in range(999)) + b"1e30,1\n"
    chunks = [record(Kind.RAW, text[n : n + 100], 100 + n / 1000) for n in range(0, len(text), 100)]
    path = journal(tmp_path, *chunks)
    made = acquire.recover(path, dialect="csv-plain", units="V", units_per_count=1e20)
    x = recording.open(made)["emg/signal"]
    assert not np.isinf(x.values).any()
    assert x.attrs["lost"] == 1


def test_info_prints_no_escapes_of_a_file(tmp_path, capsys):
    escape = "\x1b[31mred\x1b]0;title\x07"
    settings = note(port=escape, montage=[[escape, "", ""], ["b", "", ""]], session=escape)
    mark = record(Kind.MARK, note(text=escape), 105.0)
    path = journal(tmp_path, record(Kind.SETTINGS, settings), scans(), mark)
    assert main(["info", str(path)]) == 0
    acquire.recover(path)
    assert main(["info", str(tmp_path)]) == 0
    path.write_bytes(MAGIC)
    main(["info", str(tmp_path / escape.replace("/", ""))])
    said = "".join(capsys.readouterr())
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\\x1b[31mred" in said
