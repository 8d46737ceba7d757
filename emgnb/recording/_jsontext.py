"""Parse JSON from untrusted files."""

from __future__ import annotations

import json
from typing import Any

# Maximum size of a JSON text (bytes). The parsed objects take up to 25 times as much memory.
LARGEST = 1 << 26


def parsed(text: str | bytes, what: str) -> Any:
    """Parse a JSON text.

    Parameters
    ----------
    text : str, or bytes in UTF-8 with or without a byte-order mark
    what : name of the text in messages, such as the file name

    Raises
    ------
    ValueError : not JSON, nested too deeply, or longer than 64 MB

    Examples
    --------
    >>> from emgnb import recording
    >>> recording.parsed('{"mains": 50}', "settings.json")
    {'mains': 50}
    """
    if len(text) > LARGEST:
        raise ValueError(
            f"{what} holds {len(text) / 1e6:.0f} MB of JSON, expected at most "
            f"{LARGEST / 1e6:.0f} MB: split it"
        )
    try:
        return json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError(
            f"{what} is JSON nested too deep; emgnb does not write such files"
        ) from None
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {error}") from None
