"""Other people's boards: Chords, SpikerBox and Cyton streams, and what shows when they break."""

from itertools import pairwise

import numpy as np
import pytest
import streams
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb.acquire.wire import dialects
from emgnb.acquire.wire.frames import Decoded

BOARDS = ("chords", "cyton", "spikerbox")


def decoded(dialect: str, stream: bytes, cuts: list[int] | None = None) -> Decoded:
    """Feed a stream in pieces and join what comes."""
    decoder = dialects.decoder(dialect)
    edges = [0, *sorted(cuts or []), len(stream)]
    parts = [decoder.feed(stream[a:b]) for a, b in pairwise(edges)]
    parts.append(decoder.finish())
    full = [part for part in parts if part.scans.size]
    none = np.empty(0, dtype=np.int64)
    return Decoded(
        np.concatenate([none, *(part.scans for part in full)]),
        np.concatenate([none, *(part.segment for part in full)]),
        np.concatenate([part.values for part in full]) if full else parts[0].values,
        np.concatenate([none, *(part.ends for part in full)]),
        texts=sum((part.texts for part in parts), ()),
        lost=sum(part.lost for part in parts),
        crc_errors=sum(part.crc_errors for part in parts),
        junk=sum(part.junk for part in parts),
        impossible=sum(part.impossible for part in parts),
    )


def assert_same(a: Decoded, b: Decoded) -> None:
    for name in Decoded.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("dialect", BOARDS)
def test_every_scan_comes_back_bit_by_bit(dialect):
    sent = streams.values(dialect, 2000)
    stream = streams.MAKERS[dialect][0](sent)
    got = decoded(dialect, stream)
    np.testing.assert_array_equal(got.values, sent)
    np.testing.assert_array_equal(np.diff(got.scans), 1)
    np.testing.assert_array_equal(got.ends, np.arange(1, 2001) * (len(stream) // 2000))
    assert (got.lost, got.crc_errors, got.junk, got.impossible) == (0, 0, 0, 0)


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 16])
def test_the_number_of_channels_shows_in_the_stream(channels):
    sent = np.random.default_rng(1).integers(0, 1024, (300, channels))
    np.testing.assert_array_equal(decoded("chords", streams.chords(sent)).values, sent)
    np.testing.assert_array_equal(decoded("spikerbox", streams.spikerbox(sent)).values, sent)


def everything(dialect: str) -> bytes:
    """A board's words, scans, a gap, a lost byte, a damaged header and end, and a torn tail."""
    make = streams.MAKERS[dialect][0]
    stream = make(streams.values(dialect, 400))
    size = len(stream) // 400
    bad = bytearray(stream[: 300 * size])
    bad[100 * size] ^= 0x91
    bad[150 * size - 1] ^= 0xE0
    hello = b"\x00\x00StartUp!\r\nUNO-R3\r\n"
    message = streams.spikerbox_message("HWT:MUSCLESS;") if dialect == "spikerbox" else b""
    return b"".join(
        [
            hello,
            stream[size // 2 : 20 * size],
            bytes(bad[20 * size : 200 * size]),
            message,
            stream[200 * size : 220 * size + 3],
            stream[220 * size + 4 : 240 * size],
            b"\xff\x00 noise \xc7\x7c\xa0" * 9,
            stream[250 * size : 399 * size + 3],
        ]
    )


@pytest.mark.parametrize("dialect", BOARDS)
@settings(max_examples=60)
@given(data=st.data())
def test_any_chunking_gives_the_same_scans(dialect, data):
    stream = everything(dialect)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=40))
    assert_same(decoded(dialect, stream, cuts), decoded(dialect, stream))


@pytest.mark.parametrize("dialect", BOARDS)
def test_byte_by_byte_gives_the_same_as_the_whole(dialect):
    stream = everything(dialect)
    assert_same(decoded(dialect, stream, list(range(1, len(stream)))), decoded(dialect, stream))


@pytest.mark.parametrize("dialect", ["chords", "cyton"])
def test_a_counted_scan_is_right_whatever_was_lost_before_it(dialect):
    sent = streams.values(dialect, 400)
    got = decoded(dialect, everything(dialect))
    first = 1 if dialect == "chords" else 0
    np.testing.assert_array_equal(got.values, sent[got.scans - first])
    # The torn first packet is junk; two damaged packets, one short of a byte, ten never sent.
    assert got.scans.size == 399 - 1 - 2 - 1 - 10
    assert got.lost == 13
    assert got.texts == ("StartUp!", "UNO-R3")


def test_what_is_missing_from_a_spikerbox_is_told_by_the_bytes_between():
    sent = streams.values("spikerbox", 400)
    got = decoded("spikerbox", everything("spikerbox"))
    assert got.texts == ("StartUp!", "UNO-R3", "HWT:MUSCLESS;")
    rows = {tuple(row) for row in sent.tolist()}
    assert all(tuple(row) in rows for row in got.values.tolist())
    # Until the noise, each scan stands at its place: the gap is as long as the bytes it took.
    before = got.scans[got.scans < 215]
    np.testing.assert_array_equal(got.values[: before.size], sent[1 + before])
    assert got.crc_errors >= 4


@pytest.mark.parametrize("dialect", ["chords", "cyton"])
def test_lost_packets_are_counted_modulo_256(dialect):
    make = streams.MAKERS[dialect][0]
    sent = streams.values(dialect, 1000)
    size = len(make(sent)) // 1000
    stream = make(sent)
    for missing in (1, 17, 254):
        got = decoded(dialect, stream[: 100 * size] + stream[(100 + missing) * size :])
        assert got.lost == missing
        assert (got.crc_errors, got.junk) == (0, 0)
    # 300 look like 44, and the dialect says that they do.
    assert decoded(dialect, stream[: 100 * size] + stream[400 * size :]).lost == 44
    assert "modulo 256" in dialects.DIALECTS[dialect].blind


@pytest.mark.parametrize("dialect", ["chords", "cyton"])
def test_one_counter_that_stands_out_is_damage_and_not_a_gap(dialect):
    make = streams.MAKERS[dialect][0]
    sent = streams.values(dialect, 300)
    stream = bytearray(make(sent))
    size = len(stream) // 300
    stream[150 * size + (2 if dialect == "chords" else 1)] ^= 0x40
    got = decoded(dialect, bytes(stream))
    np.testing.assert_array_equal(got.values, np.delete(sent, 150, axis=0))
    np.testing.assert_array_equal(got.scans - got.scans[0], np.delete(np.arange(300), 150))
    assert (got.lost, got.impossible) == (1, 1)


@pytest.mark.parametrize("dialect", streams.MAKERS)
def test_each_dialect_is_told_from_the_others(dialect):
    make = streams.MAKERS[dialect][0]
    stream = make(streams.values(dialect, 200))
    for torn in (0, 1, 5, 11):
        assert dialects.detect(stream[torn:]) == dialect
    assert dialects.detect(b"StartUp!\r\n" + stream) == dialect


@settings(max_examples=300)
@given(st.binary(max_size=3000))
def test_any_bytes_are_survived_by_every_dialect(data):
    for dialect in streams.MAKERS:
        got = decoded(dialect, data)
        assert got.scans.size == got.segment.size == got.ends.size == got.values.shape[0]
    dialects.detect(data)


@pytest.mark.parametrize("dialect", streams.MAKERS)
@settings(max_examples=40)
@given(data=st.data())
def test_damaged_streams_are_decoded_alike_in_any_chunking(dialect, data):
    """And of frames no value is accepted that was not sent under that number."""
    sent = streams.values(dialect, 120)
    stream = streams.MAKERS[dialect][0](sent)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    stream = streams.corrupted(stream, data.draw(st.sampled_from([0.001, 0.01, 0.1])), rng)
    if data.draw(st.booleans()):
        a, b = sorted(rng.integers(0, len(stream), 2).tolist())
        stream = stream[:a] + stream[b:]
    got = decoded(dialect, stream)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    assert_same(decoded(dialect, stream, cuts), got)
    if dialect == "frames" and got.scans.size:
        np.testing.assert_array_equal(got.values, sent[got.scans])


@pytest.mark.parametrize("read", [9600, 57_600, 115_200, 230_400, 250_000, 1_000_000])
@pytest.mark.parametrize("dialect", streams.MAKERS)
def test_a_wrong_baud_rate_is_no_dialect(dialect, read):
    sent = 500_000 if dialect in ("frames", "csv") else 115_200
    if read == sent:
        return
    stream = streams.MAKERS[dialect][0](streams.values(dialect, 250))
    garbled = streams.heard_at(stream, sent, read)
    assert len(garbled) > 50
    assert dialects.detect(garbled) is None


def test_cyton_counts_are_microvolts_at_its_default_gain():
    cyton = dialects.DIALECTS["cyton"]
    assert cyton.units == "uV"
    assert cyton.units_per_count == pytest.approx(0.02235, abs=5e-6)
    lowest = streams.cyton(np.array([[-(2**23), 2**23 - 1, 0, 1, -1, 5, 6, 7]] * 9))
    got = decoded("cyton", lowest)
    assert got.values[0].tolist() == [-(2**23), 2**23 - 1, 0, 1, -1, 5, 6, 7]
