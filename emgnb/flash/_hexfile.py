"""Read Intel HEX files, the format of compiled firmware."""

from __future__ import annotations

_DATA, _END, _SEGMENT, _LINEAR = 0, 1, 2, 4
_IGNORED = {3, 5}  # where a debugger would start


def parse(text: str) -> bytes:
    """Return the memory from address 0 to the last byte of the file; gaps are 0xFF.

    Raises
    ------
    ValueError : not such a file, damaged, or without its end
    """
    memory = bytearray()
    base = 0
    for number, line in enumerate(text.split(), 1):
        kind, address, data = _record(line, number)
        if kind == _END:
            return bytes(memory)
        if kind == _DATA:
            begin = base + address
            memory.extend(b"\xff" * (begin + len(data) - len(memory)))
            memory[begin : begin + len(data)] = data
        elif kind in (_SEGMENT, _LINEAR):
            base = int.from_bytes(data, "big") << (4 if kind == _SEGMENT else 16)
        elif kind not in _IGNORED:
            raise ValueError(f"line {number}: unknown record type {kind}")
    raise ValueError("the end of the file is missing")


def _record(line: str, number: int) -> tuple[int, int, bytes]:
    """Return the type, address and data of a line."""
    try:
        record = bytes.fromhex(line[1:])
    except ValueError:
        record = b""
    if line[:1] != ":" or len(record) < 5 or len(record) != record[0] + 5:
        raise ValueError(f"line {number} is not a record of an Intel HEX file: {line[:40]!r}")
    if sum(record) % 256:
        raise ValueError(f"line {number} is damaged: wrong checksum")
    return record[3], int.from_bytes(record[1:3], "big"), record[4:-1]
