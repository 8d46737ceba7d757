"""Occlusion finds the muscle and the moment that decide, where these are known."""

from __future__ import annotations

import frowns
import numpy as np
import pytest
import xarray as xr

from emgnb import evaluate, models, plots


@pytest.fixture(scope="module")
def trials():
    return frowns.trials(16)


def bins(x):
    """Mean amplitude of each channel in each tenth of a second, as features."""
    size = x.sizes["sample"] // 6
    values = np.abs(x.values)[..., : 6 * size].reshape(len(x), x.sizes["channel"], 6, size).mean(-1)
    names = [f"{c} {i}" for c in x["channel"].values for i in range(6)]
    kept = {name: c.variable for name, c in x.coords.items() if c.dims == ("window",)}
    return xr.DataArray(
        values.reshape(len(x), -1),
        dims=("window", "feature"),
        coords=kept | {"feature": names},
        attrs={"units": "uV", "label_meaning": "", "history": ""},
    )


def test_the_muscle_and_the_moment_of_a_simulated_frown_are_found(trials):
    lda = models.fit(bins(trials.isel(window=slice(0, 8))), model="lda")
    found = evaluate.occlusion(
        lambda w: lda.predict(bins(w)), trials.isel(window=slice(8, 16)), slice_s=0.1
    )
    fall = found.fall.sel({"class": "frown"})
    channel, place = np.unravel_index(int(np.argmax(fall.values)), fall.shape)
    assert fall["channel"].values[channel] == "corrugator_l"
    assert 0.05 < float(fall["start"][place]) < 0.25
    others = fall.drop_sel(channel="corrugator_l")
    assert float(others.max()) < 0.5 * float(fall.max())
    assert found.sentences()[0].startswith("without corrugator_l between ")
    assert "frown falls from " in str(found)


class Gate:
    """The class is the sign of channel 1 in samples 8 to 11: the truth is known."""

    def predict(self, x):
        high = (x.values[:, 1, 8:12].mean(-1) > 0).astype(float)
        return xr.DataArray(
            np.stack([high, 1 - high], 1), dims=("window", "class"), coords={"class": ["on", "off"]}
        )


def gated(n=40, kind="envelope"):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3, 20))
    on = np.arange(n) % 4 == 0
    x[:, 1, 8:12] += np.where(on, 9.0, -9.0)[:, None]
    return xr.DataArray(
        x,
        dims=("window", "channel", "sample"),
        coords={
            "channel": ["a", "b", "c"],
            "signal_kind": ("channel", [kind] * 3),
            "label": ("window", np.where(on, "on", "off")),
        },
        attrs={"rate": 100.0, "units": "uV"},
    )


@pytest.mark.parametrize("kind", ["envelope", "raw"])
def test_only_the_part_that_decides_falls(kind):
    found = evaluate.occlusion(Gate(), gated(kind=kind), slice_s=0.04)
    assert found.fill == ("exchange" if kind == "raw" else "average")
    fall = found.fall.transpose("channel", "slice", "class").values
    needed = np.zeros_like(fall, bool)
    needed[1, 2] = True
    assert (fall[~needed] == 0).all()
    assert fall[1, 2].max() > 0.3
    assert found.parts["start"].values == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])
    assert found.average.sizes == {"class": 2, "channel": 3, "sample": 20}


def test_the_average_gives_each_class_the_same_weight():
    # A quarter of the windows is `on`; the mean of the class means is near 0, of windows −4.5.
    found = evaluate.occlusion(Gate(), gated(), slice_s=0.04)
    off = found.average.sel({"class": "off"}).values
    on = found.average.sel({"class": "on"}).values
    assert abs((on + off)[1, 8:12].mean() / 2) < 1


def test_a_sentence_states_what_a_second_prediction_shows():
    data = gated()
    found = evaluate.occlusion(Gate(), data, slice_s=0.04)
    text = [s for s in found.sentences() if "without b between 80 and 120 ms" in s]
    hidden = data.copy(deep=True)
    hidden[:, 1, 8:12] = found.average.mean("class").values[1, 8:12]
    for name in ("on", "off"):
        given = Gate().predict(hidden.isel(window=data["label"].values == name))
        after = float(given.sel({"class": name}).mean())
        if after < 0.95:
            assert any(
                f"{name} falls from 1.00 to {after:.2f}".replace("0.", ".") in s for s in text
            )
    assert text


def test_a_class_that_no_channel_decides_is_said():
    class Constant:
        def predict(self, x):
            return xr.DataArray(
                np.full((len(x), 2), 0.5),
                dims=("window", "class"),
                coords={"class": ["off", "on"]},
            )

    assert "no single channel decides on" in str(evaluate.occlusion(Constant(), gated()))


def test_features_and_unknown_labels_are_refused():
    with pytest.raises(ValueError, match=r"lambda w: model.predict"):
        evaluate.occlusion(Gate(), gated().isel(sample=0))
    data = gated().assign_coords(label=("window", np.tile(["on", "wink"], 20)))
    with pytest.raises(ValueError, match="does not know wink"):
        evaluate.occlusion(Gate(), data)
    with pytest.raises(ValueError, match="longer than the windows"):
        evaluate.occlusion(Gate(), gated(), slice_s=3.0)


def test_the_windows_stay_as_they_are():
    data = gated()
    before = data.copy(deep=True)
    evaluate.occlusion(Gate(), data)
    xr.testing.assert_identical(data, before)


def test_the_plot_shades_the_part_and_writes_the_fall():
    found = evaluate.occlusion(Gate(), gated(kind="raw"), slice_s=0.04)
    figure = plots.occlusion(found, expression="on")
    fall = float(found.fall.sel({"class": "on"}).max())
    shaded = [shape for shape in figure.layout.shapes if shape.x0 == 80 and shape.x1 == 120]
    assert len(shaded) == 1
    assert figure.layout.legend.title.text == "mean (µV)"
    assert [a.text for a in figure.layout.annotations] == [f"−{fall:.2f}"]
    assert plots.occlusion(found).layout.shapes
    with pytest.raises(ValueError, match="no class 'wink'"):
        plots.occlusion(found, expression="wink")
    with pytest.raises(TypeError, match=r"evaluate\.occlusion"):
        plots.occlusion(gated())
