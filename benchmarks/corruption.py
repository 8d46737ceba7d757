"""Count how often a damaged frame is accepted as valid, and which check rejects the others.

``python benchmarks/corruption.py [--mb 100] [--damage 0.001]``: frames of 8 channels of 10 bits,
whose values follow from the scan number, with a share of the bytes replaced by other values, in
chunks of 64 kB. Printed are the number of damaged frames that pass each check in turn, and of scans
accepted with wrong values. The CRC passes one damaged frame in 65 536; the last line gives the
number of wrong scans to expect in a recording.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from emgnb.acquire.wire import _cobs
from emgnb.acquire.wire.frames import Decoder, Encoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from streams import corrupted

CHANNELS, BITS, BLOCK = 8, 10, 40_000
BODY = 7 + 2 * CHANNELS


def known(scans: np.ndarray) -> np.ndarray:
    """Return the values that follow from the scan number; they use all bits."""
    mixed = scans[:, np.newaxis].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = mixed + np.arange(CHANNELS, dtype=np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(20) & np.uint64(1023)).astype(np.uint16)


def past_each_check(damaged: bytes, whole: bytes) -> np.ndarray:
    """Count the damaged frames that pass each check in turn.

    Returns
    -------
    of the right length; packed well; of these, damaged over more than two bytes, so that the CRC
    may miss it; of these, a data frame of all channels and values of 10 bits; of the right CRC; and
    right in all of that
    """
    size = BODY + _cobs.CRC_BYTES + 1
    data = np.frombuffer(damaged, dtype=np.uint8)
    ends = np.flatnonzero(data == 0)
    fits = ends[np.diff(ends, prepend=-1) == size + 1] - size
    rows = data[fits[:, np.newaxis] + np.arange(size)]
    original = np.frombuffer(whole, dtype=np.uint8).reshape(-1, size + 1)[:, :-1]
    # Bytes are replaced, not removed, so that frames keep their positions.
    place = np.minimum(fits // (size + 1), len(original) - 1)
    hurt = (fits % (size + 1) != 0) | (rows != original[place]).any(axis=1)
    plain, packed = _cobs.cobs_decode(rows[hurt])
    before, _ = _cobs.cobs_decode(original[place[hurt]])
    differs = plain != before
    span = size - 1 - differs[:, ::-1].argmax(axis=1) - differs.argmax(axis=1)
    wide = packed & (span > 2)
    crc = plain[:, -2].astype(np.uint16) | plain[:, -1].astype(np.uint16) << 8
    right = packed & (_cobs.crc16(plain[:, :-2]) == crc)
    form = (plain[:, 0] == 1) & (plain[:, 1] == 0xFF) & (plain[:, 2] == 0)
    form &= ~(plain[:, 8:-2:2] >> (BITS - 8)).any(axis=1)
    return np.array(
        [
            hurt.sum(),
            packed.sum(),
            wide.sum(),
            (wide & form).sum(),
            right.sum(),
            (right & form).sum(),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=float, default=10.0)
    parser.add_argument("--damage", type=float, default=1e-3, help="share of the bytes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    encoder, decoder = Encoder(CHANNELS), Decoder(bits=BITS)
    begin = time.process_time()
    sent = accepted = wrong = missing = errors = impossible = segments = 0
    size = 0.0
    passed = np.zeros(6, dtype=np.int64)
    while size < arguments.mb * 1e6:
        whole = encoder.scans(sent, known(np.arange(sent, sent + BLOCK)))
        stream = corrupted(whole, arguments.damage, rng)
        sent += BLOCK
        size += len(stream)
        passed += past_each_check(stream, whole)
        for at in range(0, len(stream), 1 << 16):
            got = decoder.feed(stream[at : at + (1 << 16)])
            accepted += got.scans.size
            wrong += int((got.values != known(got.scans)).any(axis=1).sum())
            missing += got.lost
            errors += got.crc_errors
            impossible += got.impossible
            segments = max(segments, int(got.segment.max(initial=0)))
    hurt = sent - accepted
    length, packed, wide, form, right, all_right = passed.tolist()
    by_crc, by_all = wide / 65536, form / 65536
    print(f"{size / 1e6:.0f} MB, {sent} frames, {arguments.damage:.2%} of the bytes damaged")
    print(f"  accepted {accepted} scans, WRONG {wrong}")
    print(
        f"  hurt {hurt} frames ({hurt / sent:.2%}); reported {missing} missing, {errors} damaged,"
    )
    print(f"       {impossible} of impossible number, {segments} false restarts")
    print(
        f"  of the damaged {length} had the right length, {packed} were packed well, {wide} of them"
    )
    print(f"       damaged over more than 16 bits, where the CRC may fail; it passed {right}, of")
    print(f"       which {all_right} had the channels and values of a scan as well")
    print(f"  expected past the CRC {by_crc:.4f}, past all but the counter {by_all:.4f}: one wrong")
    print(
        f"       scan in {sent / max(by_all, 1e-9):.1g} frames, "
        f"{size / 1e6 / max(by_all, 1e-9):.1g} MB"
    )
    print(f"  {time.process_time() - begin:.0f} s of processor")


if __name__ == "__main__":
    main()
