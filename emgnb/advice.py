"""Set the limits beyond which a recording needs attention, and advise on each problem.

`emgnb doctor`, the health line of a running recorder and the capture widget share these limits, so
that they judge a board alike. Pure functions: numbers in, findings out.
"""

from __future__ import annotations

from typing import NamedTuple

# Share of scans lost or damaged that is rated bad; a single one gives a warning.
LOST = 1e-3
# Relative difference between measured and nominal rate. Ceramic resonators are off by 0.7 %.
DRIFT = 0.01
# Minimum sampling rate (Hz), even for envelopes.
SLOW = 100.0
# Maximum share of a channel's samples at the ends of the converter.
CLIPPED = 0.01
# Maximum shares of a channel's power in the mains lines, and below 20 Hz.
MAINS, MOTION = 0.5, 0.9
# Minimum shares of the converter's range for mains hum (SEEN) and for drift (FILLS) to count: at
# rest, hum and drift are most of a quiet muscle's power. Hum beyond FILLS means an open input.
SEEN, FILLS = 0.005, 0.02


class Finding(NamedTuple):
    """A problem: `level` "warn" or "bad", `what` was found, `todo` says what to do about it."""

    level: str
    what: str
    todo: str


# Problems of a channel, by key.
CHANNEL = {
    "none": Finding(
        "bad",
        "no signal",
        "check that the electrodes are on, the lead is plugged in and the sensor is powered",
    ),
    "open": Finding(
        "bad",
        "mains hum fills the channel",
        "check that the electrodes are on, the lead is plugged in and the sensor is powered",
    ),
    "clipped": Finding(
        "bad", "clipping", "turn the sensor's gain down, or check its supply and electrodes"
    ),
    "mains": Finding(
        "warn",
        "mains hum is over half of the power",
        "clean the skin, check the reference electrode, run the laptop on battery",
    ),
    "motion": Finding(
        "warn",
        "movement is nearly all of the power",
        "press the electrode on, fix its cable, ask the person to keep the head still",
    ),
}


def of_stream(
    *,
    scans: int,
    lost: int = 0,
    damaged: int = 0,
    overruns: int = 0,
    dropped: int = 0,
    rate: float | None = None,
    nominal: float | None = None,
) -> list[Finding]:
    """Judge the arrival of a board's scans.

    Parameters
    ----------
    scans, lost, damaged : scans received and missing; frames or lines that failed their check
    overruns, dropped : scans and bytes that the board could not keep up with
    rate, nominal : measured and nominal scans per second, in Hz; None if unknown
    """
    sent = max(scans + lost, 1)
    found = []
    if lost:
        found.append(
            Finding(
                _level(lost / sent),
                f"{lost} of {sent} scans lost",
                "use another USB socket without a hub, a lower rate, or fewer channels",
            )
        )
    if damaged:
        found.append(
            Finding(
                _level(damaged / sent),
                f"{damaged} frames or lines damaged",
                "use a shorter cable, another USB socket, or a lower baud rate",
            )
        )
    told = ((overruns, "scans overrun"), (dropped, "bytes dropped"))
    if missed := [f"{count} {what}" for count, what in told if count]:
        found.append(
            Finding(
                "bad",
                f"the board cannot keep up: {', '.join(missed)}",
                "use a lower rate, fewer channels, or a higher baud rate",
            )
        )
    if rate and nominal and abs(rate / nominal - 1) > DRIFT:
        found.append(
            Finding(
                "warn",
                f"the board runs at {rate:.1f} Hz, not at its nominal {nominal:g} Hz",
                "times are right all the same: a session follows the measured rate",
            )
        )
    if rate and rate < SLOW:
        found.append(
            Finding(
                "bad",
                f"{rate:.1f} Hz is too slow for EMG: raw needs 1000 Hz, an envelope 100 Hz",
                "load the sketch of firmware/, or take delay() and slow printing out of yours",
            )
        )
    return found


def of_channel(*, contact: str, mains: float, motion: float, fills: float | None) -> str:
    """Return the problem of a channel, a key of `CHANNEL`; "" if there is none.

    Parameters
    ----------
    contact : as estimated by `quality.report`; "none" is a flat or railed channel
    mains, motion : shares of the power, 0 to 1; NaN counts as 0
    fills : standard deviation as a share of the converter's range; None if unknown
    """
    if contact == "none":
        return "none"
    if mains >= MAINS:
        hum = None if fills is None else fills * mains**0.5
        if hum is not None and hum > FILLS:
            return "open"
        return "mains" if hum is None or hum > SEEN else ""
    if motion >= MOTION and (fills is None or fills * motion**0.5 > FILLS):
        return "motion"
    return ""


def _level(share: float) -> str:
    return "bad" if share > LOST else "warn"
