"""Look for leaks in labelled data before believing an accuracy on them.

`audit` looks for some twenty leaks, one after the other: each finding has a verdict (found, not
found, undetermined), its evidence, its size in points of accuracy, and advice. The honest accuracy,
with whole people, sessions or trials left out, stands beside the one that shuffled rows would give.
"""

from emgnb.evaluate.leaks.finding import Finding, Score
from emgnb.evaluate.leaks.report import Report
from emgnb.evaluate.leaks.run import audit

__all__ = ["Finding", "Report", "Score", "audit"]
