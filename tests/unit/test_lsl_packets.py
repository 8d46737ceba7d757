"""Packets in which samples of the Lab Streaming Layer are recorded."""

import numpy as np
import pytest
import streams

from emgnb.acquire.wire import dialects, lsl_packets


def decoded(stream):
    decoder = lsl_packets.LslDecoder()
    found = decoder.feed(stream)
    assert decoder.finish().scans.size == 0
    return found


@pytest.mark.parametrize("kind", lsl_packets.FORMATS.values())
def test_samples_and_their_numbers_come_back_bit_by_bit(kind):
    dtype = np.dtype(kind)
    rng = np.random.default_rng(0)
    sent = rng.bytes(1000 * 16 * dtype.itemsize)
    values = np.frombuffer(sent, dtype).reshape(1000, 16)
    found = decoded(lsl_packets.packed(70, np.arange(1000) / 2000, values))
    assert found.values.tobytes() == sent
    assert found.scans.tolist() == list(range(70, 1070))
    assert (found.lost, found.crc_errors, found.junk) == (0, 0, 0)


def test_a_step_of_the_time_stamps_begins_a_segment():
    values = np.arange(40).reshape(20, 2)
    stamps = np.arange(20) / 1000
    stamps[7:] += 0.4  # a late chunk
    stamps[12:] += 0.6
    stamps[15:] -= 90.0  # the sender's clock was set
    found = decoded(streams.lsl(values, stamps))
    assert found.segment.tolist() == [0] * 12 + [1] * 3 + [2] * 5
    assert found.scans.tolist() == list(range(20))


def test_samples_of_a_damaged_packet_are_counted_as_lost():
    stream = bytearray(streams.lsl(np.arange(60).reshape(20, 3)))
    stream[len(stream) // 4 + 40] ^= 1
    found = decoded(bytes(stream))
    assert (found.lost, found.crc_errors) == (5, 1)
    assert found.junk == len(stream) // 4
    assert found.scans.tolist() == [*range(5), *range(10, 20)]


def test_packets_are_short_enough_to_be_recognised():
    values = np.zeros((500, 200), np.float64)
    stream = lsl_packets.packed(0, np.arange(500) / 1000, values)
    assert dialects.detect(stream[-4096:]) == "lsl"
    assert not lsl_packets.fitting(600, "<f8")
