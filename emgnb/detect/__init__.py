"""Detect bursts: onset, apex and offset of muscle activity.

`bursts(x)` processes a whole recording, `live(calibration)` samples as they arrive; both return the
same events. The user sets the acceptable number of false alarms per minute at rest. The thresholds
follow from the noise of the recording.
"""

from emgnb.detect.offline import bursts
from emgnb.detect.rises import rises
from emgnb.detect.streaming import LiveBursts, live

__all__ = ["LiveBursts", "bursts", "live", "rises"]
