"""A board at the other end of a pseudo-terminal, in a process of its own.

``python feeder.py CHANNELS RATE SECONDS [DIALECT [KEPT]]`` makes a pseudo-terminal, prints its
name, and once a line comes on stdin writes scans in real time whose every value is known (`known`).
On every further line, and at the end, it prints how many it sent and how many bytes it dropped;
then it keeps the port open until stdin closes. It writes without blocking, as a board does: what
finds no room for KEPT seconds (0.5) is dropped, and counted.
"""

import os
import select
import sys
import time

import numpy as np

from emgnb.acquire.wire.frames import Encoder, Status


def known(scans: np.ndarray, channels: int) -> np.ndarray:
    """The value of each scan and channel: no two neighbours alike, all 10 bits used."""
    numbers = np.asarray(scans, dtype=np.int64)[:, np.newaxis]
    return ((numbers * 7919 + np.arange(channels) * 104_729 + numbers // 1024) % 1024).astype(
        np.uint16
    )


def main() -> None:
    import tty

    channels, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    dialect = sys.argv[4] if len(sys.argv) > 4 else "frames"
    kept = float(sys.argv[5]) if len(sys.argv) > 5 else 0.5  # more than any board can keep
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    print(os.ttyname(slave), flush=True)
    sys.stdin.readline()
    encoder = Encoder(channels)
    total = int(rate * seconds)
    sent = dropped = 0
    next_status = 0
    backlog = b"\r\nbooting...\r\n\0" if dialect == "frames" else b"booting...\r\n"
    begin = time.monotonic()
    while sent < total or backlog:
        due = min(int((time.monotonic() - begin) * rate), total)
        if due > sent:
            values = known(np.arange(sent, due), channels)
            if dialect == "frames":
                backlog += encoder.scans(sent, values)
            else:
                backlog += b"".join(
                    b",".join(b"%d" % value for value in row) + b"\r\n" for row in values.tolist()
                )
            sent = due
            if dialect == "frames" and sent >= next_status:
                backlog += encoder.status(Status(0, sent, 0, dropped, 0, int(rate)))
                next_status += int(rate)
        if backlog:
            try:
                done = os.write(master, backlog)
                backlog = backlog[done:]
            except BlockingIOError:
                pass
        if len(backlog) > kept * rate * 27:
            dropped += len(backlog)
            backlog = b"\0"
        if select.select([sys.stdin], [], [], 0.002)[0]:
            if not sys.stdin.readline():
                return
            print(sent, dropped, flush=True)
    print(sent, dropped, flush=True)
    # Stay until told to go; closing the last end is what pulling the cable looks like.
    while sys.stdin.readline():
        print(sent, dropped, flush=True)


if __name__ == "__main__":
    main()
