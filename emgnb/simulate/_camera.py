"""Simulate a camera beside the face: action units over time, as programs report them."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal

from emgnb import facs, recording
from emgnb._arrays import Floats
from emgnb.simulate.people import generator

# Time constant of the program's error (s): neighbouring frames are similar.
SLOW = 0.3
# The face relaxes within so long before the offset (s).
FALL = 0.2
# A lost face stays lost for about so long (s).
LOST = 1.0


def camera(
    session: xr.DataTree,
    *,
    frame_rate: float = 30.0,
    delay: float = 0.1,
    error: float = 0.5,
    lost: float = 0.02,
    seed: int = 0,
) -> xr.Dataset:
    """Simulate the action units that a video program reports of a simulated face.

    The true movements (`labels/truth`) rise from onset to apex, hold, and fall within 0.2 s before
    the offset. The frame after a moment shows it.

    Parameters
    ----------
    session : simulated session, see `face`
    frame_rate : frames per second
    delay : s, from muscle to skin
    error : standard deviation of the program's error, in the units of its scale (0 to 5); its time
        constant is 0.3 s
    lost : share of time without a face, in stretches of about 1 s
    seed : of the error and of the lost faces, which differ between people and sessions

    Returns
    -------
    As `interop.read_units`: `intensity` (time, au) from 0 to 5, NaN without a face; `confidence`
    (time), 0 without a face and else 0.98; coordinates `time` (s), `au` and `valid` (time)

    Raises
    ------
    ValueError : a session without `labels/truth`, a frame rate that is not positive, or `lost`
        outside 0 to 1

    Examples
    --------
    >>> from emgnb import simulate
    >>> units = simulate.camera(simulate.face(duration=4, seed=1), frame_rate=30)
    >>> round(1 / float(units.time[1] - units.time[0]))
    30
    """
    recording.need_positive(frame_rate=frame_rate)
    if not 0 <= lost < 1 or error < 0:
        raise ValueError(f"lost={lost:g} and error={error:g}, expected 0 <= lost < 1, error >= 0")
    if "labels" not in session.children or "truth" not in session["labels"].children:
        raise ValueError("the session has no labels/truth: it is not of simulate.face")
    truth = session["labels/truth"].to_dataset()
    span = recording.emg(session)["time"].values[[0, -1]]
    time = span[0] + np.arange(1, int((span[1] - span[0]) * frame_rate) + 1) / frame_rate
    names = sorted(set(truth["au"].values.astype(str)), key=lambda code: (len(code), code))
    who = f"{session.attrs.get('participant')} {session.attrs.get('session')}"
    rng = generator(seed, zlib.crc32(who.encode()))
    values = _movements(truth, names, time - delay)
    values += error * _slow(rng, values.shape, frame_rate)
    seen = _seen(rng, len(time), lost, frame_rate)
    values = np.where(seen[:, np.newaxis], np.clip(values, 0.0, 5.0), np.nan)
    return xr.Dataset(
        {
            "intensity": (("time", "au"), values.astype(np.float32)),
            "confidence": ("time", np.where(seen, 0.98, 0.0).astype(np.float32)),
        },
        coords={"time": time, "au": names, "valid": ("time", seen)},
        attrs={"coder": "simulated camera", "frame_rate": frame_rate, "scale": "0-5"},
    )


def _movements(truth: xr.Dataset, names: list[str], time: Floats) -> Floats:
    """Return the true intensity of each unit (time, au): the largest of the events there."""
    values = np.zeros((len(time), len(names)))
    for row in range(truth.sizes["event"]):
        event = truth.isel(event=row)
        onset, apex, offset = (float(event[name]) for name in ("onset", "apex", "offset"))
        rise = np.clip((time - onset) / max(apex - onset, 1e-6), 0.0, 1.0)
        fall = np.clip((offset - time) / min(FALL, max(offset - apex, 1e-6)), 0.0, 1.0)
        height = facs.INTENSITY_NUMBERS.get(str(event["intensity"].values), 1)
        column = values[:, names.index(str(event["au"].values))]
        np.maximum(column, height * np.minimum(rise, fall), out=column)
    return values


def _slow(rng: np.random.Generator, shape: tuple[int, ...], frame_rate: float) -> Floats:
    """Return noise of unit variance whose neighbouring frames are similar (AR of order 1)."""
    keep = np.exp(-1.0 / (SLOW * frame_rate))
    fresh = rng.standard_normal(shape)
    fresh[1:] *= np.sqrt(1 - keep**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -keep], fresh, axis=0))


def _seen(
    rng: np.random.Generator, frames: int, lost: float, frame_rate: float
) -> npt.NDArray[np.bool_]:
    """Return whether each frame shows the face; lost ones come in stretches."""
    seen = np.ones(frames, dtype=bool)
    stretch = max(round(LOST * frame_rate), 1)
    for begin in rng.permutation(np.arange(0, frames, stretch))[: round(lost * frames / stretch)]:
        seen[begin : begin + stretch] = False
    return seen
