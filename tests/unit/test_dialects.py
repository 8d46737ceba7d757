"""Lines of numbers, as ordinary sketches print them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emgnb.acquire.wire import _numerals
from emgnb.acquire.wire.csv_lines import FEW, LOOK, LineDecoder
from emgnb.acquire.wire.dialects import decoder, detect
from emgnb.acquire.wire.frames import Decoded, Encoder


def values(n: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 1024, (n, channels))


def lines(
    rows: np.ndarray,
    *,
    end: str = "\r\n",
    comma: str = ",",
    start: int | None = None,
    step: int = 3,
) -> bytes:
    """What `Serial.print` makes of rows, with a leading millis if `start` is given."""
    out = []
    for n, row in enumerate(rows.tolist()):
        fields = ([] if start is None else [start + step * n]) + row
        out.append(comma.join(map(str, fields)) + end)
    return "".join(out).encode()


def decoded(stream: bytes, cuts: list[int] | None = None, dialect: str = "csv") -> Decoded:
    line_decoder = decoder(dialect)
    edges = [0, *sorted(cuts or []), len(stream)]
    parts = [line_decoder.feed(stream[a:b]) for a, b in pairwise(edges)]
    parts.append(line_decoder.finish())
    full = [part for part in parts if part.scans.size]
    none = np.empty(0, dtype=np.int64)
    return Decoded(
        np.concatenate([none, *(part.scans for part in full)]),
        np.concatenate([none, *(part.segment for part in full)]),
        np.concatenate([part.values for part in full]) if full else parts[0].values,
        np.concatenate([none, *(part.ends for part in full)]),
        (),
        sum((part.texts for part in parts), ()),
        sum(part.lost for part in parts),
        sum(part.crc_errors for part in parts),
        sum(part.junk for part in parts),
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("comma", [",", ", ", ";", "\t", " "])
@pytest.mark.parametrize("start", [None, 5000])
def test_lines_come_back_with_and_without_millis(end, comma, start):
    rows = values(200)
    got = decoded(b"torn,line\n" + lines(rows, end=end, comma=comma, start=start))
    np.testing.assert_array_equal(got.values, rows)
    np.testing.assert_array_equal(got.scans, np.arange(200))
    assert (got.lost, got.crc_errors) == (0, 0)


def test_the_first_line_is_never_used_for_the_port_was_opened_in_its_middle():
    rows = values(100)
    stream = lines(rows)[2:]
    got = decoded(stream)
    np.testing.assert_array_equal(got.values, rows[1:])


@pytest.mark.parametrize(("step", "rate"), [(1, 1000.0), (3, 1e3 / 3), (50, 20.0), (1000, 1000.0)])
def test_the_boards_clock_column_tells_its_rate_in_millis_or_micros(step, rate):
    line_decoder = LineDecoder()
    line_decoder.feed(b"\n" + lines(values(300), start=70_000, step=step))
    assert line_decoder.channels == 3
    assert line_decoder.clock_rate == pytest.approx(rate)


def test_a_header_names_the_channels_and_the_clock():
    line_decoder = LineDecoder()
    got = line_decoder.feed(b"EMG logger v2\r\ntime,left,right\r\n" + lines(values(60, 2), start=0))
    assert line_decoder.names == ["left", "right"]
    assert got.values.shape == (60, 2)
    assert got.texts == ("EMG logger v2", "time,left,right")


def test_a_clock_that_a_header_names_need_not_rise_evenly():
    rows = np.column_stack([np.cumsum(values(100, 1)), values(100, 2)])
    got = LineDecoder().feed(b"millis,a,b\n" + lines(rows))
    np.testing.assert_array_equal(got.values, rows[:, 1:])


def test_a_rising_envelope_is_no_clock():
    rise = 200 + 600 * (1 - np.cos(np.linspace(0, np.pi, LOOK + 20))) / 2
    rows = np.column_stack([rise.astype(int), values(LOOK + 20, 2)])
    np.testing.assert_array_equal(decoded(b"\n" + lines(rows)).values, rows)


def test_a_silent_first_channel_is_no_clock():
    rows = np.column_stack([np.zeros(100, dtype=int), values(100, 2)])
    np.testing.assert_array_equal(decoded(b"\n" + lines(rows)).values, rows)


def test_csv_plain_takes_even_a_clock_for_a_channel():
    stream = b"\n" + lines(values(100), start=5)
    assert decoded(stream, dialect="csv-plain").values.shape == (100, 4)
    assert decoded(stream, dialect="csv").values.shape == (100, 3)


@pytest.mark.parametrize(
    "wrong", [b"512,30", b"512,300,2212,300,20,7", b"5\x912,1,2", b"512,,20", b"1e5x,2,3", b"-"]
)
def test_a_damaged_line_is_counted_and_leaves_a_gap_not_a_shift(wrong):
    rows = values(200)
    stream = b"\n" + lines(rows[:100]) + wrong + b"\r\n" + lines(rows[101:])
    got = decoded(stream)
    np.testing.assert_array_equal(got.scans, np.delete(np.arange(200), 100))
    np.testing.assert_array_equal(got.values, np.delete(rows, 100, axis=0))
    assert (got.crc_errors, got.lost) == (1, 1)


def test_words_between_the_lines_are_texts_and_take_no_scan_number():
    rows = values(200)
    stream = b"\n" + lines(rows[:100]) + b"calibrating sensors\r\n\r\n" + lines(rows[100:])
    got = decoded(stream)
    np.testing.assert_array_equal(got.values, rows)
    np.testing.assert_array_equal(got.scans, np.arange(200))
    assert got.texts == ("calibrating sensors",)
    assert got.crc_errors == 0


def test_named_fields_of_the_serial_plotter_are_read():
    stream = b"\n" + b"".join(b"A0:%d,A1: %d\r\n" % (a, b) for a, b in values(80, 2).tolist())
    np.testing.assert_array_equal(decoded(stream).values, values(80, 2))


def test_volts_with_signs_points_and_nan_are_numbers():
    stream = b"\n" + b"-0.5,+1.25,3e-2\n.5,2.,nan\n" * 40
    got = decoded(stream)
    np.testing.assert_allclose(got.values[0], [-0.5, 1.25, 0.03], rtol=1e-6)
    np.testing.assert_array_equal(got.values[1], [0.5, 2.0, np.nan])
    assert got.crc_errors == 0


def test_a_recording_shorter_than_the_look_comes_at_its_end():
    rows = values(LOOK - 5)
    line_decoder = LineDecoder()
    assert line_decoder.feed(b"\n" + lines(rows)).scans.size == 0
    np.testing.assert_array_equal(line_decoder.finish().values, rows)


def test_the_unfinished_last_line_is_left_out():
    got = decoded(b"\n" + lines(values(60)) + b"512,300,2")
    assert got.scans.size == 60


def test_garbage_gives_no_scan_and_is_counted():
    noise = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8).tobytes()
    got = decoded(noise)
    assert got.scans.size == 0
    assert got.junk > 15_000


STREAM = (
    b"0,2\n"
    + lines(values(60), start=100)
    + b"hello there\r\n12,,\r\n"
    + b"9" * 1500
    + b"\r\n"
    + lines(values(70), start=400)
    + b"1,2"
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_chunking_gives_the_same_lines(cuts):
    a, b = decoded(STREAM, cuts), decoded(STREAM)
    assert b.scans.size == 130
    for name in Decoded.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


ODD = [
    b"1,2,3",
    b"-4,.5,6.",
    b"1.25,-0.001,99999",
    b"1,2",
    b"1,2,3,4",
    b"",
    b"hello there",
    b"1,,3",
    b"1-2,3,4",
    b"1.2.3,4,5",
    b"-,1,2",
    b".,1,2",
    b"+1,2,3",
    b"1e3,2,nan",
    b"1,2,3 ",
    b"7;8;9",
    b"1_0,2,3",
    b"123456789012345678,1,2",
    b"a:1,b:2,c:3",
    b"\x80,1,2",
    b"1,2,3\r",
    b"\r",
    b"--1,2,3",
    b"1,2,3" + b" " * 1200,
    b"\0001,2,3",
]


@given(
    odd=st.lists(st.sampled_from(ODD), min_size=FEW, max_size=3 * FEW),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_many_lines_at_once_give_what_line_by_line_gives(odd, end):
    stream = b"\n" + lines(values(LOOK + 1)) + end.join(odd) + end
    one_by_one = np.flatnonzero(np.frombuffer(stream, np.uint8) == 10) + 1
    a, b = decoded(stream, one_by_one.tolist()), decoded(stream)
    for name in Decoded.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@given(
    numbers=st.lists(
        st.decimals(-99_999, 99_999, places=4, allow_nan=False), min_size=FEW, max_size=2 * FEW
    )
)
def test_decimals_are_read_as_python_reads_them(numbers):
    text = "".join(f"{number},7\n" for number in numbers).encode()
    ends, formed, table = _numerals.table(text, ord(","), 2, longest=1000)
    assert formed.all()
    assert table[:, 0].tolist() == [float(number) for number in numbers]
    assert text[ends[0] - 1 : ends[0]] == b"\n"


def test_byte_by_byte_gives_the_same_lines():
    a, b = decoded(STREAM, list(range(len(STREAM)))), decoded(STREAM)
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.ends, b.ends)


@given(st.binary(max_size=3000))
def test_any_bytes_are_survived(data):
    decoded(data)
    detect(data)


def test_ends_say_where_each_line_ended():
    stream = b"\n" + lines(values(60))
    got = decoded(stream)
    np.testing.assert_array_equal(
        got.ends, np.flatnonzero(np.frombuffer(stream, np.uint8) == 10)[1:] + 1
    )


def test_what_is_spoken_shows_in_the_first_bytes():
    frames = Encoder(8).scans(0, np.full((20, 8), 7, dtype=np.uint16))
    assert detect(b"boot\r\n\0" + frames) == "frames"
    assert detect(b"\0" + Encoder(8).text("emgnb 1.0")) == "frames"
    assert detect(lines(values(20))) == "csv"
    assert detect(b"Hello\r\nmillis,a\r\n" + lines(values(20), start=4)) == "csv"
    assert detect(b"") is None
    assert detect(b"Hello world, this is a board\r\n" * 10) is None
    assert (
        detect(np.random.default_rng(0).integers(0, 256, 5000).astype(np.uint8).tobytes()) is None
    )


def test_an_unknown_dialect_is_refused_by_name():
    with pytest.raises(ValueError, match="morse"):
        decoder("morse")
