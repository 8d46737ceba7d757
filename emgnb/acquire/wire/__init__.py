"""Decode what boards send: bytes in, scans out. No I/O, no clock.

A scan is one sample of all channels. `frames` is emgnb's own protocol; `csv_lines`, `packets` and
`spikerbox` decode the streams of other boards, and `dialects` detects which one a board uses.
`stream` decodes a whole recording, record by record; `clock_fit` fits the board's scan counter to
the host's clock.
"""
