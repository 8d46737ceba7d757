"""Bursts: when a muscle began, was strongest, and let go.

`bursts(x)` finds them in a whole recording, `live(calibration)` as samples come; both find the same
events. What a user sets is how many false alarms a minute are bearable at rest; the thresholds
follow from the noise of the recording itself.
"""

from emgnb.detect.live import LiveBursts, live
from emgnb.detect.offline import bursts

__all__ = ["LiveBursts", "bursts", "live"]
