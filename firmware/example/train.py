"""Train the decoder of this folder on simulated faces: ``python firmware/example/train.py``.

It shows the way from recordings to ``model.h``. A decoder for a person is trained on that person's
recordings, or calibrated to them, see ``docs/onboard.md``.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from emgnb import features, labels, models, simulate, windows

# Bits of the Mega's converter, and its sampling rate (Hz).
BITS, RATE = 10, 1000


def table(session: xr.DataTree) -> xr.Dataset:
    """Return the features of a session that the board computes: 0.2 s of unfiltered EMG."""
    cut = windows.cut(session, labels.trials(session), length=0.2, step=0.05)
    return features.extract(cut, ["std"])


def trained(people: int = 4) -> models.Classifier:
    """Return an LDA of simulated people, from counts of the converter."""
    sessions = simulate.study(people, seed=5, rate=RATE, adc_bits=BITS)
    return models.fit(xr.concat([table(each) for each in sessions], "window"), model="lda")


if __name__ == "__main__":
    model = models.quantise(trained())
    Path(__file__).with_name("model.h").write_text(model.header(), encoding="utf-8")
