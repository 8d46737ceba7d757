"""The result of a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from emgnb.evaluate.metrics import NO_WIDTH, unseen
from emgnb.live.tasks.throughput import Throughput, throughput
from emgnb.live.tasks.trial import Task


@dataclass(frozen=True, eq=False)
class Result:
    """Scores of a task, with all that they were computed from.

    Attributes
    ----------
    task : what was asked
    trials : (trial) `name`, `begin` (s of the recording), `scored` (s), `score` (0–100), `gaps`
        (number within the trial), and what the task measures
    trace : (time, unit) `value`, `low` and `high` of the range; (time) `trial` from 1, 0 at rest,
        and `scored`. `time` is in s of the recording. A row of NaN stands for each gap
    gaps : (s of the recording, what the gap was)
    complete : whether all trials were done
    """

    task: Task
    trials: xr.Dataset
    trace: xr.Dataset
    gaps: tuple[tuple[float, str], ...]
    complete: bool

    @property
    def score(self) -> float:
        """Mean score of the trials, 0 to 100; NaN without any. Trials without a score are out."""
        score = self._scores()
        return float(score.mean()) if score.size else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the score, within 0 to 100, with trials as units.

        Of targets hit: Wilson 1927, doi:10.1080/01621459.1927.10502953. Of shares of time: by
        Student's t; if all trials scored alike, what so few cannot rule out, as in
        `evaluate.Result.intervals`. NaN for fewer than two trials.
        """
        score = self._scores()
        n = score.size
        if n < 2:
            return float("nan"), float("nan")
        if "endpoint" in self.trials:
            found = stats.binomtest(int((score == 100).sum()), n).proportion_ci(method="wilson")
            return 100 * float(found.low), 100 * float(found.high)
        wide = float(stats.t.ppf(0.975, n - 1) * score.std(ddof=1) / np.sqrt(n))
        mean = float(score.mean())
        if wide < NO_WIDTH:
            return unseen(mean, n, (0.0, 100.0))
        return max(mean - wide, 0.0), min(mean + wide, 100.0)

    @property
    def throughput(self) -> Throughput | None:
        """Throughput of a `Reach` task; None for other tasks."""
        return throughput(self.trials) if "endpoint" in self.trials else None

    def _scores(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        score = self.trials["score"].values.astype(np.float64)
        return np.asarray(score[np.isfinite(score)])

    def __str__(self) -> str:
        low, high = self.interval
        done = self.trials.sizes["trial"]
        lines = [
            f"{type(self.task).__name__}: score {self.score:.0f} % (95 % interval "
            f"{low:.0f}–{high:.0f} %, {done} of {len(self.task.trials)} trials)"
        ]
        found = self.throughput
        if found is not None:
            lines.append(f"Throughput {found}")
        lines += [f"Gap at {at:.1f} s: {note}" for at, note in self.gaps]
        return "\n".join(lines)

    __repr__ = __str__
