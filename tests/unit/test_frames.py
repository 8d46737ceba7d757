"""The wire protocol, as h11 tests its own: whole, byte by byte, with junk, in any chunking."""

from itertools import pairwise

import numpy as np
import pytest
import streams
from hypothesis import given, settings
from hypothesis import strategies as st

from emgnb.acquire.wire import frames
from emgnb.acquire.wire._cobs import MAX_BODY, cobs_decode, cobs_encode, crc16, unpack
from emgnb.acquire.wire.frames import MAX_LEAP, MAX_STEP, Decoded, Decoder, Encoder, Status

BANNER = b"\r\nets Jul 29 2019 12:21:46\r\nrst:0x1 (POWERON_RESET)\r\n"
STATUS = Status(
    micros=123_000_000, scans=4_000_000_000, overruns=7, dropped=256, inputs=3, rate=1000
)


def counts(n: int, channels: int = 8, seed: int = 0) -> np.ndarray:
    # Small numbers on purpose: zeros are what COBS is about.
    return np.random.default_rng(seed).integers(0, 300, (n, channels)).astype(np.uint16)


def decoded(
    stream: bytes, cuts: list[int] | None = None, decoder: Decoder | None = None
) -> Decoded:
    """Feed a stream in pieces and join what comes."""
    decoder = decoder or Decoder()
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
        sum((part.statuses for part in parts), ()),
        sum((part.texts for part in parts), ()),
        sum(part.lost for part in parts),
        sum(part.crc_errors for part in parts),
        sum(part.junk for part in parts),
        sum(part.impossible for part in parts),
    )


def assert_same(a: Decoded, b: Decoded) -> None:
    for name in Decoded.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def python_cobs(data: bytes) -> bytes:
    """COBS as its paper tells it, byte by byte (for less than 254 bytes)."""
    return b"".join(bytes([len(run) + 1]) + run for run in data.split(b"\0"))


def test_the_crc_is_ccitt_false():
    check = np.frombuffer(b"123456789", dtype=np.uint8)[np.newaxis]
    assert crc16(check)[0] == 0x29B1


@given(st.binary(min_size=1, max_size=MAX_BODY))
def test_cobs_packs_as_its_paper_says_and_unpacks_again(data):
    packed = cobs_encode(np.frombuffer(data, dtype=np.uint8)[np.newaxis])
    assert packed.tobytes() == python_cobs(data)
    plain, sound = cobs_decode(packed)
    assert sound[0]
    assert plain.tobytes() == data


def test_a_frame_is_the_bytes_that_the_document_says():
    stream = Encoder(2).scans(258, np.array([[1, 515]], dtype=np.uint16))
    body = b"\x01\x03\x00\x02\x01\x00\x00\x01\x00\x03\x02"
    crc = int(crc16(np.frombuffer(body, dtype=np.uint8)[np.newaxis])[0]).to_bytes(2, "little")
    assert stream == python_cobs(body + crc) + b"\0"


@pytest.mark.parametrize("channels", [1, 8, 16])
def test_every_scan_comes_back_bit_by_bit(channels):
    sent = np.random.default_rng(1).integers(0, 65536, (5000, channels)).astype(np.uint16)
    got = decoded(Encoder(channels).scans(10, sent))
    np.testing.assert_array_equal(got.values, sent)
    np.testing.assert_array_equal(got.scans, np.arange(10, 5010))
    assert (got.lost, got.crc_errors, got.junk, got.impossible) == (0, 0, 0, 0)


def test_status_and_text_come_in_their_order_between_the_scans():
    encoder = Encoder(8)
    sent = counts(20)
    got = decoded(
        b"\0"
        + encoder.text("emgnb µ 1.0")
        + encoder.scans(0, sent[:10])
        + encoder.status(STATUS)
        + encoder.text("")
        + encoder.scans(10, sent[10:])
        + encoder.text("x" * 250)
    )
    assert got.texts == ("emgnb µ 1.0", "", "x" * 250)
    assert got.statuses == (STATUS,)
    np.testing.assert_array_equal(got.values, sent)


def test_a_text_too_long_for_a_frame_is_refused():
    with pytest.raises(ValueError, match="at most 253"):
        Encoder(8).text("x" * 251)


def stream_of_everything() -> bytes:
    encoder = Encoder(3)
    sent = counts(30, 3)
    broken = bytearray(encoder.scans(12, sent[12:13]))
    broken[4] ^= 8
    return b"".join(
        [
            BANNER,
            b"\0",
            encoder.text("hello"),
            encoder.scans(0, sent[:5]),
            encoder.scans(7, sent[7:12]),
            bytes(broken),
            encoder.status(STATUS),
            b"\0\0\0",
            encoder.scans(13, sent[13:20]),
            encoder.scans(5_000_000, sent[:1]),
            encoder.scans(20, sent[20:22]),
            b"A terminal was here, and it wrote a great deal. " * 9,
            b"\0",
            encoder.scans(24, sent[24:26]),
            encoder.scans(0, sent[:4]),
            Encoder(5).scans(4, counts(3, 5)),
            encoder.scans(2**32 - 2, sent[:1]),
            encoder.scans(4, sent[4:6]),
            encoder.scans(6, sent[6:8])[:-5],
        ]
    )


def test_byte_by_byte_gives_the_same_as_the_whole():
    stream = stream_of_everything()
    assert_same(decoded(stream, list(range(1, len(stream)))), decoded(stream))


@given(cuts=st.lists(st.integers(0, len(stream_of_everything())), max_size=40))
def test_any_chunking_gives_the_same_scans(cuts):
    stream = stream_of_everything()
    assert_same(decoded(stream, cuts), decoded(stream))


@given(damage=st.sampled_from([0.0, 0.003, 0.05]), seed=st.integers(0, 2**32))
def test_frames_unpacked_together_give_what_one_by_one_gives(damage, seed):
    stream = streams.corrupted(stream_of_everything(), damage, np.random.default_rng(seed))
    one_by_one = decoded(stream)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "FEW", 1)
        assert_same(decoded(stream), one_by_one)


@given(
    junk=st.lists(st.binary(max_size=400), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 3000)),
)
def test_any_bytes_are_survived_and_the_frames_after_them_come_through(junk, cuts):
    encoder, sent = Encoder(8), counts(12)
    pieces = [
        piece + b"\0" + encoder.scans(2 * n, sent[2 * n : 2 * n + 2])
        for n, piece in enumerate(junk)
    ]
    stream = b"".join(pieces)
    cuts = [cut for cut in cuts if cut < len(stream)]
    got = decoded(stream, cuts)
    np.testing.assert_array_equal(got.scans, np.arange(2 * len(junk)))
    np.testing.assert_array_equal(got.values, sent[: 2 * len(junk)])


def test_what_is_said_of_everything_is_right():
    got = decoded(stream_of_everything())
    want = [*range(5), *range(7, 12), *range(13, 22), 24, 25, *range(7)]
    np.testing.assert_array_equal(got.scans, want)
    np.testing.assert_array_equal(got.segment, [0] * 21 + [1] * 7)
    sent = counts(30, 3)
    np.testing.assert_array_equal(got.values, sent[want])
    assert got.lost == 2 + 1 + 2
    # The broken frame, the terminal, three frames of other channels.
    assert got.crc_errors == 1 + 1 + 3
    assert got.impossible == 2
    assert got.texts == ("hello",)


def test_ends_say_where_in_the_stream_each_scan_ended():
    encoder, sent = Encoder(4), counts(50, 4)
    one = len(encoder.scans(0, sent[:1]))
    stream = BANNER + b"\0" + encoder.scans(0, sent)
    for cuts in ([], [3, 100, 101, 200], list(range(len(stream)))):
        got = decoded(stream, cuts)
        np.testing.assert_array_equal(got.ends, len(BANNER) + 1 + one * np.arange(1, 51))


@pytest.mark.parametrize("seed", range(20))
def test_no_single_wrong_bit_gives_a_wrong_scan(seed):
    """Every bit of the middle one of three frames, its delimiters included."""
    encoder, sent = Encoder(8), counts(3, seed=seed)
    three = [encoder.scans(100 + n, sent[n : n + 1]) for n in range(3)]
    stream = b"\0" + b"".join(three)
    first = len(three[0])
    truth = {100 + n: sent[n].tolist() for n in range(3)}
    for bit in range(8 * first, 8 * (first + len(three[1]) + 1)):
        wrong = bytearray(stream)
        wrong[bit // 8] ^= 1 << bit % 8
        got = decoded(bytes(wrong))
        for scan, values in zip(got.scans.tolist(), got.values.tolist(), strict=True):
            assert truth[scan] == values
        assert got.scans.size >= 1
        assert got.crc_errors + got.junk >= 1


@settings(max_examples=30, derandomize=True)
@given(values=st.lists(st.integers(0, 65535), min_size=6, max_size=6), scan=st.integers(0, 2**32))
def test_no_single_wrong_bit_of_any_frame_gives_a_wrong_scan(values, scan):
    sent = np.array([values], dtype=np.uint16)
    stream = Encoder(6).scans(scan, sent)
    for bit in range(8 * (len(stream) - 1)):
        wrong = bytearray(stream)
        wrong[bit // 8] ^= 1 << bit % 8
        assert decoded(bytes(wrong)).scans.size == 0


def test_a_boot_banner_and_a_torn_first_frame_are_junk_not_damage():
    encoder, sent = Encoder(8), counts(5)
    stream = encoder.scans(0, sent)[11:]
    got = decoded(BANNER + stream)
    np.testing.assert_array_equal(got.scans, [1, 2, 3, 4])
    assert got.crc_errors == 0
    assert got.junk == len(BANNER) + 16 - 1


def test_a_torn_last_frame_waits_for_its_rest():
    encoder, sent = Encoder(8), counts(2)
    stream = encoder.scans(0, sent)
    decoder = Decoder()
    assert decoder.feed(stream[:-1]).scans.tolist() == [0]
    assert decoder.feed(stream[-1:]).scans.tolist() == [1]


def test_a_megabyte_without_a_delimiter_is_let_go_and_not_kept():
    decoder = Decoder()
    junk = sum(decoder.feed(b"\xff" * 1000).junk for _ in range(1000))
    assert junk == 1_000_000
    got = decoder.feed(b"\0" + Encoder(8).scans(0, counts(3)))
    assert got.scans.tolist() == [0, 1, 2]


def test_the_counter_counts_on_beyond_32_bits():
    sent = counts(1000)
    got = decoded(Encoder(8).scans(2**32 - 500, sent), [5000, 13_500, 13_501])
    np.testing.assert_array_equal(got.scans, 2**32 - 500 + np.arange(1000))
    assert got.lost == 0


def test_dropped_scans_show_in_the_counter():
    encoder, sent = Encoder(8), counts(100)
    keep = np.r_[0:30, 47:80, 81:100]
    got = decoded(b"".join(encoder.scans(int(n), sent[n : n + 1]) for n in keep))
    np.testing.assert_array_equal(got.scans, keep)
    assert got.lost == 18


def test_a_scan_number_that_cannot_be_is_dropped_and_counted():
    encoder, sent = Encoder(8), counts(10)
    for odd in (2, 3 + MAX_LEAP + 1, 2**31):
        stream = encoder.scans(0, sent[:4]) + encoder.scans(odd, sent[5:6])
        got = decoded(stream + encoder.scans(4, sent[4:8]))
        np.testing.assert_array_equal(got.scans, np.arange(8))
        np.testing.assert_array_equal(got.values, sent[:8])
        assert (got.impossible, got.segment.max()) == (1, 0)


@pytest.mark.parametrize("missing", [MAX_STEP - 1, MAX_STEP, 5000, MAX_LEAP - 1])
def test_a_long_gap_is_a_gap_once_a_second_frame_confirms_it(missing):
    encoder, sent = Encoder(8), counts(10)
    decoder = Decoder()
    assert decoder.feed(encoder.scans(0, sent[:4])).scans.size == 4
    first = decoder.feed(encoder.scans(4 + missing, sent[4:5]))
    assert first.scans.size == (missing < MAX_STEP)
    second = decoder.feed(encoder.scans(5 + missing, sent[5:7]))
    assert first.lost + second.lost == missing
    assert second.segment.max() == 0
    np.testing.assert_array_equal(second.scans[-2:], [5 + missing, 6 + missing])


def test_a_number_that_nothing_confirms_is_counted_at_the_end():
    encoder, sent = Encoder(8), counts(5)
    got = decoded(encoder.scans(0, sent[:4]) + encoder.scans(900, sent[4:]))
    np.testing.assert_array_equal(got.scans, np.arange(4))
    assert (got.impossible, got.lost) == (1, 0)


@pytest.mark.parametrize("together", [1, 200])
def test_a_value_beyond_the_announced_bits_is_damage(together):
    """A frame may be damaged and pass its CRC; here it is made so, with the CRC of its content."""
    encoder, sent = Encoder(4), counts(3 * together, 4)
    wrong = sent.copy()
    wrong[together : 2 * together, 2] |= 0x0400
    before = decoded(encoder.scans(0, wrong))
    np.testing.assert_array_equal(before.values, wrong)
    stream = (
        b"\0"
        + encoder.text("emgnb 1.0, Mega 2560, 16 channels of 10 bits over 5 V")
        + encoder.scans(0, wrong)
    )
    for cuts in ([], [10, 40, 200], list(range(0, len(stream), 13))):
        got = decoded(stream, cuts)
        right = np.r_[:together, 2 * together : 3 * together]
        np.testing.assert_array_equal(got.scans, right)
        np.testing.assert_array_equal(got.values, sent[right])
        assert (got.crc_errors, got.lost) == (together, together)


def test_bits_are_believed_from_where_they_are_said():
    encoder, loud = Encoder(2), np.full((100, 2), 2000, dtype=np.uint16)
    stream = (
        encoder.scans(0, loud) + encoder.text("8 channels of 10 bits") + encoder.scans(100, loud)
    )
    stream += encoder.text("8 channels of 12 bits") + encoder.scans(200, loud)
    for cuts in ([], list(range(0, len(stream), 17))):
        np.testing.assert_array_equal(decoded(stream, cuts).scans, np.r_[:100, 200:300])


@given(body=st.binary(min_size=3, max_size=60), flip=st.integers(0, 10_000))
def test_one_frame_is_unpacked_as_many_are(body, flip):
    packed = bytearray(python_cobs(body))
    packed[flip % len(packed)] ^= (flip // len(packed)) % 256
    if 0 in packed:
        return
    plain, sound = cobs_decode(np.frombuffer(packed, dtype=np.uint8)[np.newaxis])
    right = sound[0] and crc16(plain[:, :-2])[0] == int.from_bytes(
        plain[0, -2:].tobytes(), "little"
    )
    assert unpack(bytes(packed)) == (plain[0, :-2].tobytes() if right else None)


def test_a_board_that_starts_anew_begins_a_new_segment():
    encoder, sent = Encoder(8), counts(40)
    got = decoded(encoder.scans(1000, sent[:20]) + BANNER + b"\0" + encoder.scans(0, sent[20:]))
    np.testing.assert_array_equal(got.scans, [*range(1000, 1020), *range(20)])
    np.testing.assert_array_equal(got.segment, [0] * 20 + [1] * 20)
    np.testing.assert_array_equal(got.values, sent)
    assert (got.lost, got.impossible, got.crc_errors) == (0, 0, 1)


def test_frames_of_other_channels_count_as_damaged():
    sent = counts(10, 8)
    stream = Encoder(8).scans(0, sent[:5]) + Encoder(4).scans(5, sent[5:, :4])
    got = decoded(stream)
    np.testing.assert_array_equal(got.values, sent[:5])
    assert got.crc_errors == 5
    expecting = decoded(stream, decoder=Decoder(mask=0b1111))
    np.testing.assert_array_equal(expecting.values, sent[5:, :4])


def test_the_encoder_refuses_what_the_protocol_cannot_carry():
    with pytest.raises(ValueError, match="17 channels"):
        Encoder(17)
    with pytest.raises(ValueError, match=r"\(n, 8\)"):
        Encoder(8).scans(0, counts(3, 7))
