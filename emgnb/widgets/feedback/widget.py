"""Show a task of `emgnb.live.tasks` to the person who does it, and run it on live outputs.

The widget displays a `tasks.Run` and passes its key to it. A thread of the kernel takes the outputs
of the decoder; the page only draws.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import anywidget
import traitlets

from emgnb.cues import MarkerSink
from emgnb.live import Output, tasks
from emgnb.widgets.shared.hello import Hellos
from emgnb.widgets.shared.panel import Panel, front, styles

# Least time (s) between two drawings, and how far ahead a target is shown (s).
LEAST, AHEAD = 1 / 60, 4.0


class _Stage(anywidget.AnyWidget):
    _esm = front("feedback/feedback.js")
    _css = styles("feedback/feedback.css")
    summary = traitlets.Unicode().tag(sync=True)
    units: traitlets.List[Any] = traitlets.List().tag(sync=True)
    running = traitlets.Bool().tag(sync=True)


class Feedback(Panel):
    """Show a closed-loop task, and run it on the outputs of a decoder.

    Parameters
    ----------
    task : a task of `live.tasks`, such as `tasks.Hold("L12")`
    source : a decoder of `live.decode`, or outputs one after the other
    recorder : receives the markers of the trials, see `tasks.Run`

    Attributes
    ----------
    run : current `tasks.Run`, None before the start
    error : last error that was shown; None if the last action succeeded

    Raises
    ------
    TypeError : not a task, or not a source of outputs

    Notes
    -----
    Space starts, and selects the target in tasks that are selected by a key; Esc stops. In a gap
    the value disappears, and the reason is shown. If nothing new has arrived for half a second, the
    page says so itself. While a cell is running, the kernel does not process buttons and keys; the
    task itself continues.
    """

    def __init__(
        self, task: tasks.Task, source: Iterable[Output], *, recorder: MarkerSink | None = None
    ) -> None:
        self._stopping = threading.Event()  # also for a widget whose arguments were wrong
        if not isinstance(task, tasks.Task):
            raise TypeError(f"expected a task of live.tasks, found {type(task).__name__}")
        if not isinstance(source, Iterable):
            raise TypeError(
                f"expected a decoder of live.decode, or Outputs one after the other; found "
                f"{type(source).__name__}"
            )
        self.task = task
        self.run: tasks.Run | None = None
        self._source, self._recorder = source, recorder
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._sent = -math.inf
        self._shown: tuple[str, int] = ("", 0)
        self._stage = _Stage(units=list(task.units), summary=_summary(task))
        self._hellos = Hellos(lambda content: self._stage.send(content))
        self._stage.on_msg(self._heard)
        super().__init__([self._stage], label="task with feedback")
        self._show_code(f"tasks.play({_short(task)}, decoder)")

    @property
    def running(self) -> bool:
        """Whether the task is in progress."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def result(self) -> tasks.Result | None:
        """Result of the trials done so far; None before the start."""
        if self.run is None:
            return None
        with self._lock:
            return self.run.result()

    def start(self) -> None:
        """Start the task; no effect while it runs, so that a cell can follow a click."""
        if self.running:
            return
        self.error = None
        self._say("")
        self._stopping.clear()
        self.run = tasks.Run(self.task, recorder=self._recorder)
        self._stage.running = True
        self._thread = threading.Thread(target=self._follow, args=(self.run,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the task; the decoder continues."""
        self._stopping.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the task is over, at most `timeout` s; return whether it is over."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.run is not None and not self.running

    def play(self) -> tasks.Result:
        """Start the task if nobody has, wait for its end, and return the result.

        Raises
        ------
        RuntimeError : the source of the outputs failed
        """
        if self.run is None:
            self.start()
        self.wait()
        if self.error is not None:
            raise RuntimeError(f"the task ended early: {self.error}") from self.error
        assert self.result is not None
        return self.result

    def close(self) -> None:
        """Stop the task and close the widget; the decoder continues."""
        self.stop()
        super().close()

    def _follow(self, run: tasks.Run) -> None:
        """Run the task; in a thread of its own."""
        try:
            for output in tasks.fresh(self._source):
                if self._stopping.is_set():
                    break
                with self._lock:
                    moment = run.push(output)
                self._show(run, moment)
                if run.over:
                    break
            early = not run.over
            with self._lock:
                run.stop()
            self._say(("ended early\n" if early else "") + str(run.result()))
        except Exception as error:
            with self._lock:
                run.stop()
            self._fail(error)
        self._stage.running = False
        self._to_page(run, run.moment)

    def _show(self, run: tasks.Run, moment: tasks.Moment) -> None:
        """Send a moment to the page, at most 60 a second, but each change of phase."""
        now, what = time.monotonic(), (moment.phase, moment.trial)
        if what == self._shown and now - self._sent < LEAST:
            return
        self._sent, self._shown = now, what
        self._to_page(run, moment)

    def _to_page(self, run: tasks.Run, moment: tasks.Moment) -> None:
        content = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in vars(moment).items()
        }
        with self._lock:  # a key may end the trial in another thread
            ahead = [[after, band] for after, band in run.ahead(AHEAD)]
        self._stage.send({"kind": "now", **content, "ahead": ahead})

    def _heard(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        kind = content["kind"]
        if kind == "start":
            self._try(self.start)
        elif kind == "stop":
            self.stop()
        elif kind == "select" and self.run is not None:
            with self._lock:
                self.run.select()
        elif kind == "hello":
            self._hellos.answer(content, self._send_newest)

    def _send_newest(self) -> None:
        if self.run is not None:
            self._to_page(self.run, self.run.moment)


def _summary(task: tasks.Task) -> str:
    """Return what the task asks, in a sentence."""
    trials = task.trials
    seconds = sum(trial.rest + trial.seconds for trial in trials)
    most = "at most " if trials[0].selection else "about "
    how = {
        "": "Bring the value into the grey range and keep it there.",
        "dwell": "From rest, reach the grey range as fast as you can, and stay in it.",
        "key": "From rest, reach the grey range as fast as you can, and press Space.",
    }[trials[0].selection]
    return f"{how} {len(trials)} trials, {most}{seconds:.0f} s."


def _short(task: tasks.Task) -> str:
    """Return a task as code, without options at their defaults."""
    name = f"tasks.{type(task).__name__}"
    if not dataclasses.is_dataclass(task):
        return f"{name}(…)"
    given = [
        repr(getattr(task, field.name))
        if field.default is dataclasses.MISSING
        else f"{field.name}={getattr(task, field.name)!r}"
        for field in dataclasses.fields(task)
        if getattr(task, field.name) != field.default
    ]
    return f"{name}({', '.join(given)})"
