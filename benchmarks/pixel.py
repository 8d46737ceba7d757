"""Find the pixels of a drawn face that a smile changes most, and measure them in each frame.

The face draws itself coarser where frames take long, so its canvas may change its size at any time.
`settle` therefore moves the face until the size stays. Should it change later, the pixels near the
place are compared again over some frames; until they are found, frames have no level.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from electrode import Steps

# Difference (of 255) from which a pixel has changed, and what the pixels must reach to be used.
CHANGED, CLEAR = 8, 32
# Time (s) for which the canvas must keep its size, and in which it must begin to do so.
KEPT, PATIENCE = 10.0, 180.0
# Frames in `KEPT` s without which the face does not move; steps in which pixels are compared.
FEW, COMPARED = 20, 24
# Steps after which half of them must have been seen.
EARLY = 40

READ = """
  const canvas = document.querySelector('.emgnb-face .stage canvas');
  const gl = canvas.getContext('webgl');
  const read = (x, y, width, height) => {
    const bytes = new Uint8Array(4 * width * height);
    gl.readPixels(x, y, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return bytes;
  };
"""
KEEP = "() => {" + READ + "window.kept = read(0, 0, canvas.width, canvas.height); }"
# Finds the pixel that differs most from the kept picture, in shares of the canvas.
FIND = (
    "() => {"
    + READ
    + """
  const now = read(0, 0, canvas.width, canvas.height), { kept } = window;
  if (now.length !== kept.length) return [-1, 0, 0]; // the canvas has got another size
  let best = 0, most = 0;
  for (let k = 0; k < now.length; k++) {
    const differs = Math.abs(now[k] - kept[k]);
    if (differs > most) [best, most] = [k >> 2, differs];
  }
  const column = best % canvas.width, row = Math.floor(best / canvas.width);
  return [most, (column + 0.5) / canvas.width, (row + 0.5) / canvas.height];
}"""
)
# Records of each frame the output, the size of the canvas, the level of the pixels, how grey the
# head is, and when it was painted. The pixels are 3 × 3 around the one that changes most in a box
# around the place; the level is the mean of their colours that change at least half as much, with
# the sign of the change.
WATCH = (
    """([NEAR, LEARNED, CLEAR]) => {"""
    + READ
    + """
  const pixel = window.pixel = { frames: [], sizes: [], place: null, spot: null, most: 0 };
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  let base = null, other = null, learned = 0;
  const box = () => {
    const { width, height } = canvas, [x, y] = pixel.place;
    const left = within(Math.floor((x - NEAR) * width), 0, width - 3);
    const low = within(Math.floor((y - NEAR) * height), 0, height - 3);
    const right = within(Math.ceil((x + NEAR) * width), left + 3, width);
    const high = within(Math.ceil((y + NEAR) * height), low + 3, height);
    return [left, low, right - left, high - low];
  };
  const choose = ([left, low, width, height]) => {
    let best = 0, most = 0;
    for (let k = 0; k < base.length; k++) {
      const differs = k % 4 === 3 ? 0 : Math.abs(other[k] - base[k]);
      if (differs > most) [best, most] = [k >> 2, differs];
    }
    const column = within((best % width) - 1, 0, width - 3);
    const row = within(Math.floor(best / width) - 1, 0, height - 3);
    const signs = new Float64Array(36);
    let count = 0;
    for (let k = 0; k < 36; k++) {
      const at = 4 * ((row + Math.floor(k / 12)) * width + column) + (k % 12);
      const differs = k % 4 === 3 ? 0 : other[at] - base[at];
      if (Math.abs(differs) < most / 2) continue;
      signs[k] = Math.sign(differs);
      count += 1;
    }
    pixel.spot = { x: left + column, y: low + row, signs, count };
  };
  const learn = () => { // from the first frame and the one that differs most from it
    const at = box(), now = read(...at);
    if (base === null) { base = now; return; }
    learned += 1;
    let differs = 0;
    for (let k = 0; k < now.length; k++) differs = Math.max(differs, Math.abs(now[k] - base[k]));
    if (differs > pixel.most) [pixel.most, other] = [differs, now];
    if (learned >= LEARNED && pixel.most >= CLEAR) choose(at);
  };
  const level = () => {
    const { x, y, signs, count } = pixel.spot, now = read(x, y, 3, 3);
    let sum = 0;
    for (let k = 0; k < 36; k++) sum += signs[k] * now[k];
    return sum / count;
  };
  const forget = () => { pixel.spot = base = other = null; learned = pixel.most = 0; };
  pixel.look = (place) => { pixel.place = place; forget(); };
  const measured = (grey) => {
    const size = `${canvas.width} x ${canvas.height}`;
    if (size !== pixel.sizes.at(-1)) { pixel.sizes.push(size); forget(); }
    if (pixel.place === null) { read(0, 0, 3, 3); return null; }  // as slow as with a place
    if (grey > 0) return null;
    if (pixel.spot !== null) return level();
    learn();
    return null;
  };
  const after = new MessageChannel();  // its message comes once the frame is painted
  after.port1.onmessage = ({ data }) => pixel.frames.push([...data, performance.now()]);
  new MutationObserver(() => {
    const { number, grey } = canvas.dataset, found = measured(Number(grey));
    after.port2.postMessage([Number(number), pixel.sizes.length, found, Number(grey)]);
  }).observe(canvas, { attributes: true, attributeFilter: ['data-frames'] });
}"""
)
# Half the side of the box as a share of the canvas, and frames of the box that are compared.
NEAR, LEARNED = 0.04, 16


class Frames(NamedTuple):
    """The frames of a page, and the size of its canvas.

    Attributes
    ----------
    number : (n,) of the output drawn
    size : (n,) counts the sizes of the canvas
    level : (n,) of the pixels, of 255; NaN while they are sought, and where the head is grey
    grey : (n,) 0 to 1
    painted : (n,) ms of the page's clock
    canvas : its size at the end, in pixels
    """

    number: Any
    size: Any
    level: Any
    grey: Any
    painted: Any
    canvas: str

    @property
    def sizes(self) -> int:
        """How often the canvas changed its size."""
        return int(self.size[-1] - self.size[0]) if len(self.size) else 0

    @property
    def words(self) -> str:
        """What was drawn, in words."""
        count = len(self.number)
        if count < 2:
            return f"{count} frames drawn"
        rate = 1e3 * (count - 1) / (self.painted[-1] - self.painted[0])
        lacks = np.isnan(self.level) & (self.grey == 0)
        return (
            f"{rate:.0f} frames/s on a canvas of {self.canvas}, which changed its size "
            f"{self.sizes} times; grey in {(self.grey > 0).mean():.1%} of the frames, pixels "
            f"sought again in {lacks.mean():.1%}"
        )


def watch(page: Any) -> None:
    """Begin to measure each frame; without a place, frames have no level."""
    page.evaluate(WATCH, [NEAR, LEARNED, CLEAR])


def frames_of(page: Any) -> Frames:
    """Return the frames since the last `forget`."""
    rows, sizes = json.loads(
        page.evaluate("JSON.stringify([window.pixel.frames, window.pixel.sizes])")
    )
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return Frames(*columns, canvas=sizes[-1] if sizes else "no frame yet")


def forget(page: Any) -> None:
    """Forget the frames so far."""
    page.evaluate("() => { window.pixel.frames = []; }")


def settle(page: Any, steps: Steps, every: float) -> None:
    """Move the face until its canvas has kept its size for `KEPT` s."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        forget(page)
        move(page, steps, every, 2 * max(1, round(KEPT / every / 2)))
        found = frames_of(page)
        if len(found.number) < FEW:
            raise SystemExit(f"the face does not move in {KEPT:.0f} s of steps: {found.words}")
        if not found.sizes:
            return
    raise SystemExit(
        f"the canvas has not kept its size for {KEPT:.0f} s within {PATIENCE:.0f} s: repeat the "
        "run on a quieter computer"
    )


def calibrate(page: Any, steps: Steps, every: float) -> None:
    """Find the pixel that a smile changes most, and compare the pixels around it."""
    for _ in range(5):
        still(page, lambda _: True, first=True)
        page.evaluate(KEEP)
        steps.plan([0.0])
        place = still(page, lambda differs: differs >= CLEAR)
        steps.plan([0.0])
        if place and still(page, lambda differs: differs <= CHANGED):
            page.evaluate("(place) => window.pixel.look(place)", place)
            move(page, steps, every, COMPARED)
            if page.evaluate("window.pixel.spot !== null"):
                return
        page.wait_for_timeout(5000)
    most = page.evaluate("window.pixel.most")
    raise SystemExit(
        f"no pixels found: the canvas does not keep its size, or the head hardly moves (in the "
        f"last try by {most} of 255, expected {CLEAR}); {frames_of(page).words}"
    )


def still(page: Any, wanted: Callable[[float], bool], *, first: bool = False) -> list[float] | None:
    """Wait until the head differs from the kept picture as wanted, and no longer moves.

    With `first`, it is compared with a picture that is kept now. Returns the place of the pixel
    that differs most; None if the canvas has got another size.
    """
    if first:
        page.evaluate(KEEP)
    before = float("inf")
    for _ in range(200):
        page.wait_for_timeout(500)
        differs, *place = page.evaluate(FIND)
        if differs < 0:
            return None
        if wanted(differs) and abs(differs - before) <= 1:
            return list(place)
        before = differs
    raise SystemExit(f"the brightest change of the head stays {before} of 255")


def move(page: Any, steps: Steps, every: float, count: int) -> None:
    """Make steps, an even number, and wait until they are over."""
    rng = np.random.default_rng(2)
    steps.plan(every * rng.uniform(0.8, 1.2, count))
    while not steps.over():
        page.wait_for_timeout(250)


def moves(found: Frames) -> int:
    """Return how often the pixels changed from one side to the other; counted for each size."""
    count = 0
    for size in np.unique(found.size):
        level = found.level[(found.size == size) & np.isfinite(found.level)]
        if level.size and np.ptp(level) >= CLEAR / 2:
            high = level > (level.min() + level.max()) / 2
            count += int(np.count_nonzero(np.diff(high)))
    return count


def check(found: Frames, received: set[int], made: set[int]) -> None:
    """End the run if less than half of the first `EARLY` steps are seen.

    Parameters
    ----------
    received, made : numbers of the outputs that the page received, and that the decoder made
    """
    numbers = found.number.astype(int)
    known = np.isin(numbers, list(received & made))
    seen = moves(Frames(*(column[known] for column in found[:5]), canvas=found.canvas))
    if seen >= EARLY / 2:
        return
    raise SystemExit(
        f"stopped: of the first {EARLY} steps, {seen} are seen, expected at least {EARLY // 2}. "
        f"The pixels changed {moves(found)} times; {found.words}; the output is known of "
        f"{known.mean() if known.size else 0:.0%} of the frames ({len(received)} outputs received "
        f"by the page, {len(made)} made). Repeat the run on a quieter computer"
    )
