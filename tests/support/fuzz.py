"""Feed every decoder with what no board would send, again and again.

``python tests/support/fuzz.py [--cases 1000000] [--seed 1] [--dialects frames,csv]``: a case is a
stream of one dialect, whole, damaged, cut, mixed with another dialect's, or mere noise, fed at
once, and in pieces of random length. No decoder may raise or hang, the pieces, taken one by one,
must give what the whole gives, taken all together by numpy, and what is accepted is held against
what was sent. For frames a wrong scan is one that was not sent under that number; how many there
may be follows from the CRC.
"""

import argparse
import copy
import time
from collections import Counter
from dataclasses import fields
from itertools import pairwise

import numpy as np
import streams

from emgnb.acquire.wire import csv_lines, dialects, frames
from emgnb.acquire.wire.frames import Decoded, Status

KINDS = ("whole", "damaged", "cut", "mixed", "noise")
SCANS = 12
# Scans that are looked at before the first is given.
LOOK = {"csv": 51, "spikerbox": 65}
# A case that takes more of the processor than this, in s, hangs.
HANGS = 5.0


def pool(dialect: str, rng: np.random.Generator, size: int) -> list[tuple[np.ndarray, bool, bytes]]:
    """Streams to choose from, with what they hold; making each anew would cost most of the time."""
    make = streams.MAKERS[dialect][0]
    found = []
    for n in range(size):
        look = LOOK.get(dialect, 0) * (n % 8 == 0)
        # LineDecoder and the SpikerBox's look at the first lines before they give any.
        values = streams.values(dialect, SCANS + look, n)
        head = [b"", b"\r\nbooting\r\n", b"\0\0"][n % 3]
        stream = make(values)
        if dialect == "frames":
            encoder = streams.Encoder(values.shape[1])
            stream += encoder.status(Status(n, n, 0, 0, n % 8, 1000)) + encoder.text(f"case {n}")
        if dialect == "spikerbox" and n % 2:
            half = len(stream) // 2 // (2 * values.shape[1]) * (2 * values.shape[1])
            stream = stream[:half] + streams.spikerbox_message("HWT:X;") + stream[half:]
        found.append(
            (
                values,
                look or not LOOK.get(dialect),
                head + b"\n\0"[rng.integers(0, 2) :][:1] + stream,
            )
        )
    return found


def case(
    kind: str,
    streams_: list[tuple[np.ndarray, bool, bytes]],
    others: list[bytes],
    rng: np.random.Generator,
) -> tuple[np.ndarray, bool, bytes]:
    """One stream, the values that were in it, and whether it is one from the beginning."""
    values, fresh, stream = streams_[rng.integers(0, len(streams_))]
    if kind == "damaged":
        stream = streams.corrupted(stream, 10.0 ** rng.uniform(-3, -0.5), rng)
    elif kind == "cut":
        a, b = sorted(rng.integers(0, len(stream) + 1, 2).tolist())
        stream = stream[:a] + stream[b:]
    elif kind == "mixed":
        at = int(rng.integers(0, len(stream) + 1))
        stream = stream[:at] + others[rng.integers(0, len(others))] + stream[at:]
    elif kind == "noise":
        stream = rng.bytes(int(rng.integers(0, 600)))
    return values, fresh, stream


def begun(dialect: str) -> dialects.Decoder:
    """A decoder that has seen enough of a stream to know its form."""
    decoder = dialects.decoder(dialect)
    decoder.feed(b"\n" + streams.MAKERS[dialect][0](streams.values(dialect, LOOK[dialect])))
    return decoder


def run(
    decoder: dialects.Decoder, stream: bytes, cuts: list[int]
) -> tuple[list[Decoded], Counter[str]]:
    """Decode in pieces; the parts, and the sums of what they count."""
    parts = [decoder.feed(stream[a:b]) for a, b in pairwise([0, *cuts, len(stream)])]
    parts.append(decoder.finish())
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(lost=part.lost, damaged=part.crc_errors, junk=part.junk, odd=part.impossible)
    return parts, sums


def joined(parts: list[Decoded], name: str) -> np.ndarray | tuple[object, ...]:
    if name in ("statuses", "texts", "decisions"):
        return tuple(extra for part in parts for extra in getattr(part, name))
    full = [getattr(part, name) for part in parts if part.scans.size]
    return full[0] if len(full) == 1 else np.concatenate(full) if full else np.empty(0)


def wrong_scans(dialect: str, values: np.ndarray, parts: list[Decoded]) -> tuple[int, int]:
    """Of the scans accepted: how many there are, and how many were never sent so."""
    numbers, rows = joined(parts, "scans"), joined(parts, "values")
    assert isinstance(numbers, np.ndarray)
    assert isinstance(rows, np.ndarray)
    if dialect == "frames":
        sent = dict(enumerate(values.tolist()))
        got = zip(numbers.tolist(), rows.tolist(), strict=True)
        return len(numbers), sum(sent.get(n) != row for n, row in got)
    sent_rows = {tuple(row) for row in values.tolist()}
    return len(numbers), sum(tuple(row) not in sent_rows for row in rows.tolist())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dialects", default=",".join(streams.MAKERS))
    arguments = parser.parse_args(argv)
    chosen = arguments.dialects.split(",")
    few = frames.FEW, csv_lines.FEW
    rng = np.random.default_rng(arguments.seed)
    pools = {dialect: pool(dialect, rng, 40) for dialect in streams.MAKERS}
    everything = {
        dialect: [stream for other in pools if other != dialect for *_, stream in pools[other][:8]]
        for dialect in pools
    }
    knows = {dialect: begun(dialect) for dialect in LOOK}
    totals: dict[tuple[str, str], Counter[str]] = {}
    begin = time.monotonic()
    slowest = 0.0
    for n in range(arguments.cases):
        dialect = chosen[n % len(chosen)]
        kind = KINDS[n // len(chosen) % len(KINDS)]
        values, fresh, stream = case(kind, pools[dialect], everything[dialect], rng)
        pieces = int(rng.integers(1, 4))
        cuts = sorted(rng.integers(0, len(stream) + 1, pieces).tolist())
        started = time.process_time()
        make = dialects.decoder if fresh else lambda dialect: copy.deepcopy(knows[dialect])
        frames.FEW = csv_lines.FEW = 1
        whole, sums = run(make(dialect), stream, [])
        frames.FEW, csv_lines.FEW = few
        parts, sums_of_parts = run(make(dialect), stream, cuts)
        took = time.process_time() - started
        slowest = max(slowest, took)
        assert took < HANGS, (dialect, kind, stream)
        assert sums == sums_of_parts, (dialect, kind, stream, cuts, sums, sums_of_parts)
        for field in fields(Decoded):
            if field.name not in ("lost", "crc_errors", "junk", "impossible"):
                a, b = joined(whole, field.name), joined(parts, field.name)
                same = a == b if isinstance(a, tuple) else np.array_equal(a, b, equal_nan=True)
                assert same, (dialect, kind, stream, cuts, field.name)
        if n % 16 == 0:
            dialects.detect(stream)
        accepted, wrong = wrong_scans(dialect, values, whole)
        assert not wrong or kind != "whole", (dialect, stream)
        total = totals.setdefault((dialect, kind), Counter())
        total.update(cases=1, bytes=len(stream), accepted=accepted, wrong=wrong, **sums)
        if (n + 1) % 50_000 == 0:
            print(f"{n + 1} cases in {time.monotonic() - begin:.0f} s", flush=True)
    print(f"{arguments.cases} cases, no exception, no hang (slowest {1e3 * slowest:.0f} ms), every")
    print("chunking gave the same. Scans accepted, and accepted though never sent so:")
    for (dialect, kind), total in sorted(totals.items()):
        print(
            f"  {dialect:10} {kind:8} {total['cases']:8} cases {total['bytes'] / 1e6:8.1f} MB "
            f"{total['accepted']:9} accepted {total['wrong']:7} wrong {total['lost']:8} lost "
            f"{total['damaged']:8} damaged {total['odd']:6} of odd number"
        )


if __name__ == "__main__":
    main()
