"""Compare coded action units with muscle activity.

`compare` matches the bursts of each channel with the action units that its electrodes see, and
returns a `Report`: what was found, missed and seen by the electrodes only, lags, strengths and
crosstalk. `movements` joins the bursts of all channels; `spot` and `score_spotting` divide events
into micro and macro by duration and score them as the micro-expression challenges do. The results
describe movements and muscles. They say nothing about what a person feels, are no diagnosis, and do
not detect lies.
"""

from emgnb.validate.comparing import compare
from emgnb.validate.movements import movements
from emgnb.validate.report import MEANING, Report
from emgnb.validate.spotting import Spotting, score_spotting, spot

__all__ = ["MEANING", "Report", "Spotting", "compare", "movements", "score_spotting", "spot"]
