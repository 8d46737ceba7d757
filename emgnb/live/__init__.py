"""Decode a recording while it runs, and hand the results on.

`decode` starts a process that follows a recording and decodes it: a classifier every 50 ms, or
intensities of action units from calibrated envelopes (`proportional`). `replay` decodes a recording
as a whole, with the same decisions bit by bit. `Decoder` is the computation alone, for use without
a process. `outputs` sends the results to other programs, and `tasks` are closed-loop tasks with
feedback.
"""

from emgnb.live._models import load
from emgnb.live.client import Decoding, attach, decode
from emgnb.live.decoder import Decoder
from emgnb.live.output import Output, Stream
from emgnb.live.proportional import Proportional, proportional
from emgnb.live.replaying import replay

__all__ = [
    "Decoder",
    "Decoding",
    "Output",
    "Proportional",
    "Stream",
    "attach",
    "decode",
    "load",
    "proportional",
    "replay",
]
