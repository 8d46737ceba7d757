"""Closed-loop tasks: hold a level, follow a trace, hit a target, copy an expression.

A task is a few numbers (`Hold`, `Follow`, `Reach`, `Copy`). `Run` takes the outputs of a live
decoder one after the other, says at each what is asked, and measures. Its clock is that of the
samples: in a gap it stands still, so that a gap never counts as time in the target. `play` runs a
task on a decoder, and `rehearse` on a simulated person (`simulate.Player`), without waiting.

Fitts's law: Fitts 1954, doi:10.1037/h0055392. Throughput with the effective width of ISO 9241-411:
Soukoreff & MacKenzie 2004, doi:10.1016/j.ijhcs.2004.09.001.
"""

from emgnb.live.tasks.copying import Copy
from emgnb.live.tasks.following import Follow
from emgnb.live.tasks.holding import Hold
from emgnb.live.tasks.playing import Simulated, fresh, play, rehearse
from emgnb.live.tasks.reaching import Reach
from emgnb.live.tasks.result import Result
from emgnb.live.tasks.run import Moment, Run
from emgnb.live.tasks.throughput import Throughput, difficulty, throughput
from emgnb.live.tasks.trial import Samples, Task, Trial

__all__ = [
    "Copy",
    "Follow",
    "Hold",
    "Moment",
    "Reach",
    "Result",
    "Run",
    "Samples",
    "Simulated",
    "Task",
    "Throughput",
    "Trial",
    "difficulty",
    "fresh",
    "play",
    "rehearse",
    "throughput",
]
