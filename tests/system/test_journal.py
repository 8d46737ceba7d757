"""The journal: what was written is there, whatever became of the writer."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emgnb.acquire.journal import MAGIC, JournalError, JournalReader, JournalWriter, Kind


def written(path: Path, n: int = 50) -> list[tuple[int, bytes]]:
    """A journal of n chunks and some notes; returns where each record ends and its payload."""
    writer = JournalWriter(path)
    writer.note(Kind.SETTINGS, {"port": "sim://", "participant": "µ"})
    found = []
    rng = np.random.default_rng(0)
    for k in range(n):
        writer.raw(rng.bytes(int(rng.integers(0, 600))), 1000 * k, 5_000_000 + k)
    writer.note(Kind.END, {}, 1000 * n)
    writer.close()
    with JournalReader(path) as reader:
        for record in reader.records():
            found.append((reader.position, record.payload))
    return found


def payloads(path: Path) -> list[bytes]:
    with JournalReader(path) as reader:
        return [record.payload for record in reader.records()]


def test_records_come_back_with_their_times(tmp_path):
    path = tmp_path / "j"
    with pytest.raises(FileNotFoundError, match="no journal"):
        JournalReader(path)
    written(path)
    with JournalReader(path) as reader:
        records = list(reader.records())
        assert (reader.skipped, reader.torn) == (0, 0)
    assert [record.kind for record in records] == [Kind.SETTINGS, *[Kind.RAW] * 50, Kind.END]
    assert records[0].json() == {"port": "sim://", "participant": "µ"}
    assert [record.mono_ns for record in records[1:]] == [1000 * k for k in range(51)]
    assert records[7].utc_ns == 5_000_006


def test_a_journal_is_never_overwritten(tmp_path):
    path = tmp_path / "j"
    written(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="not overwritten"):
        JournalWriter(path)
    assert path.read_bytes() == before


def test_torn_anywhere_it_gives_all_whole_records_before(tmp_path):
    path, torn = tmp_path / "j", tmp_path / "torn"
    found = written(path, 12)
    data = path.read_bytes()
    for size in range(len(MAGIC), len(data)):
        torn.write_bytes(data[:size])
        whole = [payload for end, payload in found if end <= size]
        with JournalReader(torn) as reader:
            assert [record.payload for record in reader.records()] == whole
            assert reader.position + reader.torn == size
            assert reader.skipped == 0


def test_a_wrong_byte_costs_its_record_only(tmp_path):
    path, bad = tmp_path / "j", tmp_path / "bad"
    found = written(path, 12)
    data = path.read_bytes()
    starts = [len(MAGIC), *(end for end, _ in found)]
    for at in range(len(MAGIC), len(data), 7):
        wrong = bytearray(data)
        wrong[at] ^= 0x10
        bad.write_bytes(wrong)
        hurt = next(n for n, (end, _) in enumerate(found) if at < end)
        rest = [payload for n, (_, payload) in enumerate(found) if n != hurt]
        with JournalReader(bad) as reader:
            assert [record.payload for record in reader.records()] == rest
            last = hurt == len(found) - 1
            assert reader.skipped == (0 if last else found[hurt][0] - starts[hurt])


def test_a_file_of_zeros_at_the_end_is_a_torn_tail(tmp_path):
    path = tmp_path / "j"
    found = written(path)
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert payloads(path) == [payload for _, payload in found]


def test_a_reader_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "j"
    writer = JournalWriter(path)
    with JournalReader(path) as reader:
        assert list(reader.records()) == []
        for k in range(5):
            writer.raw(bytes([k]) * 100, k, k)
            assert [record.payload[0] for record in reader.records()] == [k]
        # Half a record: not yet.
        whole = (tmp_path / "j").read_bytes()
        writer.raw(b"late" * 50, 9, 9)
        last = (tmp_path / "j").read_bytes()[len(whole) :]
        with path.open("r+b") as file:
            file.truncate(len(whole) + 30)
        assert list(reader.records()) == []
        with path.open("ab") as file:
            file.write(last[30:])
        assert [record.payload for record in reader.records()] == [b"late" * 50]
        assert reader.skipped == 0
    writer.close()


def test_seeking_finds_the_first_record_of_a_time(tmp_path):
    path = tmp_path / "j"
    writer = JournalWriter(path)
    for k in range(5000):
        writer.raw(b"x" * 100, 1000 * k, 0)
    writer.close()
    with JournalReader(path) as reader:
        for wanted, first in ((-5, 0), (0, 0), (1, 1000), (2_500_000, 2_500_000), (10**9, None)):
            reader.seek_time(wanted)
            record = next(iter(reader.records()), None)
            assert (record.mono_ns if record else None) == first


@pytest.mark.parametrize("content", [b"time,ch1\n1,2\n", b"EMGJRNL\x02rest", b"\0" * 100])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(JournalError, match=r"not a journal|another version"):
        JournalReader(tmp_path / "j")


def test_an_empty_file_is_an_empty_journal(tmp_path):
    (tmp_path / "j").write_bytes(b"")
    assert payloads(tmp_path / "j") == []


WRITER = """
import sys
from emgnb.acquire.journal import JournalWriter
writer = JournalWriter(sys.argv[1])
n = 0
while True:
    writer.raw(n.to_bytes(8, "little") * 30, n, n)
    n += 1
    if n % 100 == 0:
        print(n, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_written(tmp_path):
    path = tmp_path / "j"
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = 0
    deadline = time.monotonic() + 30
    while said < 2000 and time.monotonic() < deadline:
        said = int(child.stdout.readline())
    child.kill()
    said = max([said, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    numbers = [int.from_bytes(payload[:8], "little") for payload in payloads(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= said >= 2000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always full disk")
def test_a_full_disk_is_an_error_at_once(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    writer = JournalWriter(tmp_path / "j")
    real, writer._fd = writer._fd, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="space"):
        writer.raw(b"x", 0, 0)
    os.close(writer._fd)
    writer._fd = real
    writer.close()


def test_a_record_finished_while_one_looks_beyond_it_is_not_skipped(tmp_path):
    whole = tmp_path / "whole"
    written(whole, 3)
    data = whole.read_bytes()
    growing = tmp_path / "growing"
    second = data.index(b"\xabREC", data.index(b"\xabREC") + 1)
    growing.write_bytes(data[: second + 10])

    class Slow(JournalReader):
        """The writer writes on while this reader searches behind a torn record."""

        def _next_good(self, position: int) -> int | None:
            growing.write_bytes(data)
            return super()._next_good(position)

    with Slow(growing) as reader:
        assert [record.payload for record in reader.records()] == payloads(whole)
        assert reader.skipped == 0
