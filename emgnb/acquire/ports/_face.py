"""Make the simulated face that the words of a port's address describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emgnb.simulate.live import LiveFace


def face(
    rate: float, found: dict[str, float], words: dict[str, str], expression: str, **options: Any
) -> LiveFace:
    """Return the face that repeats an expression; ``rest`` and ``neutral`` repeat none."""
    from emgnb.simulate.live import LiveFace

    return LiveFace(
        rate=rate,
        channels=int(found["channels"]),
        sensor=words["sensor"],
        seed=int(found["seed"]),
        participant=int(found["participant"]),
        session=int(found["session"]),
        difficulty=words["difficulty"],
        mains=found["mains"],
        repeats=None if expression in ("rest", "neutral") else expression,
        **options,
    )
