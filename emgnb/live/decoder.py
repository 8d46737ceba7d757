"""Decode samples as they arrive. No clock of its own, no file, no process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

from emgnb import filters
from emgnb.live._deciding import Deciding, Options, deciding
from emgnb.live._models import Model, need_live
from emgnb.live.output import NOTHING, Output, OutputKind, Stream

# Time (s) without a scan after which this is said, and the longest time without any output.
SILENT, QUIET = 0.25, 0.5


class Decoder:
    """Decode samples as they arrive: `push` takes scans and returns outputs.

    The outputs do not depend on how scans are split between calls. A scan that is missing, by its
    number or because a channel has no finite value, is announced as a gap; filters and smoothing
    then begin again, and nothing is decided until the filters have settled.

    Parameters
    ----------
    model : a trained `models.Classifier`, or levels measured with `live.proportional`
    like : a signal like the one that will arrive (rate, channels, kinds, unit); its samples do not
        matter, and it may have none
    chain : filters, which must run live; by default those of the model's training data
    hop : s from one output to the next; by default 0.05, for envelopes 0.02
    reject : smallest probability of the most probable class; below, the label is None
    majority : number of successive labels of which the most frequent is taken
    hold : number of successive equal outcomes after which the label changes (hysteresis)
    max_delay : age (s) from which an output is skipped if a newer one is due; only with `clock`
    clock : returns the host clock in ns (`emgnb.acquire.clock.host_ns`); without it, delays are
        unknown (NaN) and nothing is skipped
    begun_ns : host clock at the recording's beginning; by default the first scan's
    name, source : of the stream, see `Stream`

    Attributes
    ----------
    stream : description of the outputs, with the delay that filters, window and smoothing add
    settling : s after a gap until the next output

    Raises
    ------
    TypeError : a model that cannot run live, such as `models.Fused`
    ValueError : model, chain and signal do not suit each other, or an invalid option
    """

    def __init__(
        self,
        model: Model,
        like: xr.DataArray,
        *,
        chain: filters.Chain | None = None,
        hop: float | None = None,
        reject: float = 0.0,
        majority: int = 1,
        hold: int = 1,
        max_delay: float = 0.25,
        clock: Callable[[], int] | None = None,
        begun_ns: int | None = None,
        name: str = "emgnb",
        source: str = "",
    ) -> None:
        need_live(model)
        options = Options(chain, hop, reject, majority, hold, max_delay)
        self._does: Deciding = deciding(model, like, options)
        self._max_delay = max_delay
        self._clock = clock
        self._begun_ns = begun_ns
        rate = self._does.rate
        self._settling = int(np.ceil(self._does.live.settling * rate))
        self.settling = (self._settling + self._does.size) / rate
        self.stream = Stream(
            name=name,
            kind=self._does.kind,
            names=self._does.names,
            rate=rate / self._does.hop,
            added_delay=self._does.added_delay,
            source=source,
        )
        self._number = 0
        self._last: int | None = None
        self._newest_ns: int | None = None
        self._said_ns: int | None = None  # when the newest output was made
        self._stalled = False
        self._ready = 0
        self._rows = np.empty((0, self._does.live.channels), dtype=np.float32)

    def push(
        self, numbers: npt.ArrayLike, values: npt.ArrayLike, host_ns: npt.ArrayLike
    ) -> list[Output]:
        """Decode the next scans.

        Parameters
        ----------
        numbers : (n,) of the scans, ascending; missing numbers are lost scans
        values : (n, channels) in the unit of `like`; NaN marks a lost scan
        host_ns : (n,) host clock of each scan, in ns

        Raises
        ------
        ValueError : numbers do not ascend, or shapes differ
        """
        at = np.asarray(numbers, dtype=np.int64)
        table = np.asarray(values, dtype=np.float32)
        host = np.asarray(host_ns, dtype=np.int64)
        if table.shape != (at.size, self._rows.shape[1]) or host.shape != at.shape:
            raise ValueError(
                f"numbers {at.shape}, values {table.shape} and host_ns {host.shape}: expected "
                f"(n,), (n, {self._rows.shape[1]}) and (n,)"
            )
        before = -1 if self._last is None else self._last
        if at.size and (at[0] <= before or (np.diff(at) <= 0).any()):
            raise ValueError("scan numbers do not ascend: push each scan once, in order")
        if at.size:
            self._newest_ns, self._stalled = int(host[-1]), False
        whole = np.isfinite(table).all(axis=1)
        at, table, host = at[whole], table[whole], host[whole]
        cuts = np.flatnonzero(np.diff(at) != 1) + 1
        outputs: list[Output] = []
        for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), at.size], strict=True):
            if first < last:
                outputs += self._run(at[first:last], table[first:last], host[first:last])
        return outputs

    def tick(self, now_ns: int, why: str = "") -> list[Output]:
        """Return a gap if no scan has come for 0.25 s, or no output for 0.5 s.

        Parameters
        ----------
        now_ns : host clock in ns
        why : reason why no scans come, if it is known
        """
        newest = self._newest_ns
        if newest is None:
            return []
        silent = (now_ns - newest) / 1e9
        quiet = (now_ns - (self._said_ns or newest)) / 1e9
        stalls = silent > SILENT and not self._stalled
        if not stalls and quiet <= max(QUIET, 2 * self._does.hop / self._does.rate):
            return []
        if silent > SILENT:
            self._stalled = True
            note = f"no scans for {silent:.1f} s" + (f": {why}" if why else "")
        else:
            note = "the filters settle"
        return [self.gap(note, newest, now_ns)]

    def gap(self, note: str, host_ns: int | None = None, now_ns: int | None = None) -> Output:
        """Return an output that announces a gap, and count it.

        Parameters
        ----------
        note : what the gap is
        host_ns : host clock of the newest sample before the announcement; by default the newest
        now_ns : host clock of the announcement; by default that of `clock`
        """
        at = host_ns if host_ns is not None else self._newest_ns or 0
        return self._output("gap", at, now_ns=now_ns, note=note)

    def _run(
        self,
        at: npt.NDArray[np.int64],
        values: npt.NDArray[np.float32],
        host: npt.NDArray[np.int64],
    ) -> Iterator[Output]:
        """Decode scans without a gap between them."""
        does, first = self._does, int(at[0])
        if self._begun_ns is None:
            self._begun_ns = int(host[0])
        if self._last is None or first != self._last + 1:
            if self._last is not None:
                lost = first - self._last - 1
                seconds = lost / does.rate
                yield self.gap(
                    f"{lost} scan{'s' * (lost != 1)} lost ({seconds:.3g} s)", int(host[0])
                )
            self._begin(first)
        self._last = int(at[-1])
        filtered = does.live.push(values)
        rows = np.concatenate([self._rows, filtered])
        kept = len(self._rows)
        self._rows = rows[max(len(rows) - does.size + 1, 0) :]
        # Outputs lie on a grid of scan numbers, as the windows of a recording cut as a whole.
        due = np.flatnonzero((at >= self._ready) & ((at + 1 - does.size) % does.hop == 0))
        late: list[float] = []  # of the outputs skipped, in s
        for i in due.tolist():
            if i != due[-1] and (age := self._age(int(host[i]))) > self._max_delay:
                late.append(age)
                continue
            if late:
                yield self._skip(late, int(host[i]))
                late = []
            end = kept + i + 1
            yield self._decided(rows[end - does.size : end], int(host[i]))

    def _begin(self, first: int) -> None:
        self._does.live.reset()
        self._does.smoothing.reset()
        self._rows = self._rows[:0]
        self._ready = first + self._settling + self._does.size - 1

    def _age(self, host_ns: int) -> float:
        """Return how old a sample is in s; 0 without a clock."""
        return 0.0 if self._clock is None else (self._clock() - host_ns) / 1e9

    def _skip(self, late: list[float], host_ns: int) -> Output:
        count = len(late)
        self._number += count
        self._does.smoothing.reset()
        note = f"{count} output{'s' * (count != 1)} skipped: decoding was {late[0]:.2g} s late"
        return self.gap(note, host_ns)

    def _decided(self, samples: npt.NDArray[np.float32], host_ns: int) -> Output:
        does = self._does
        values, label = does.decide(samples)
        if does.kind == "expression":
            label = does.smoothing.push(label)
        return self._output(does.kind, host_ns, values=values, label=label)

    def _output(
        self,
        kind: OutputKind,
        host_ns: int,
        *,
        values: Mapping[str, float] = NOTHING,
        label: str | None = None,
        note: str = "",
        now_ns: int | None = None,
    ) -> Output:
        if now_ns is None and self._clock is not None:
            now_ns = self._clock()
        begun = host_ns if self._begun_ns is None else self._begun_ns
        made = Output(
            number=self._number,
            host_ns=host_ns,
            seconds=(host_ns - begun) / 1e9,
            delay=float("nan") if now_ns is None else (now_ns - host_ns) / 1e9,
            kind=kind,
            values=values,
            label=label,
            note=note,
        )
        self._number += 1
        self._said_ns = now_ns
        return made
