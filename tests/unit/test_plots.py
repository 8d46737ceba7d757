import json
import re
import types

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from emgnb import filters, labels, plots, recording, spectra
from emgnb.plots._thin import thin


def face(seconds: float = 30.0, channels: int = 8, *, rate: float = 1000.0) -> xr.DataArray:
    values = np.random.default_rng(0).normal(0, 5, (round(seconds * rate), channels))
    return recording.signal(values, rate=rate, units="uV")


def curves(figure: go.Figure) -> list:
    return [trace for trace in figure.data if trace.mode == "lines" and trace.fill is None]


def words(figure: go.Figure) -> str:
    """All titles of axes in one string."""
    axes = [*figure.select_xaxes(), *figure.select_yaxes()]
    return " | ".join(str(axis.title.text) for axis in axes)


# ── Thinning ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", [0, 1, 12_345, 99_998, 99_999])
@pytest.mark.parametrize("height", [50.0, -50.0])
def test_a_single_sample_spike_survives_at_its_place(place, height):
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[place] = height
    x = recording.signal(values, rate=1000, units="uV").isel(channel=0)
    time, y = thin(x, 2000)
    assert y.size <= 2000
    found = int(np.argmax(np.abs(y)))
    assert y[found] == np.float32(height)
    assert time[found] == pytest.approx(place / 1000)
    assert np.all(np.diff(time) >= 0)


@pytest.mark.parametrize("points", [10, 333, 2000])
def test_a_curve_has_at_most_the_points_asked_for(points):
    values = np.random.default_rng(0).normal(0, 1, 54_321)
    values[5000:5003] = np.nan
    x = recording.signal(values, rate=1000, units="uV").isel(channel=0)
    assert thin(x, points)[1].size <= points
    assert thin(x.isel(time=slice(0, 4000)), points)[1].size <= max(points, 2)


def test_a_short_curve_is_drawn_sample_by_sample():
    x = face(1.0, 1).isel(channel=0)
    time, y = thin(x, 2000)
    np.testing.assert_array_equal(y, x.values)
    np.testing.assert_array_equal(time, x["time"].values)


def test_a_gap_of_one_sample_breaks_the_line_and_keeps_the_burst_beside_it():
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[40_000], values[40_002] = np.nan, 60.0
    x = recording.signal(values, rate=1000, units="uV").isel(channel=0)
    time, y = thin(x, 2000)
    broken = np.flatnonzero(np.isnan(y))
    assert broken.size == 1
    assert time[broken[0]] == pytest.approx(40.0, abs=0.2)
    assert np.nanmax(y) == 60.0


def test_a_channel_that_is_all_gap_is_drawn_as_nothing():
    values = np.full((5000, 2), np.nan)
    values[:, 0] = 1.0
    figure = plots.signal(recording.signal(values, rate=1000, units="uV"))
    assert np.isnan(curves(figure)[1].y).all()


# ── Signals ───────────────────────────────────────────────────────────────────────────────────


def test_a_signal_names_its_unit_its_kind_and_its_channels():
    figure = plots.signal(face())
    assert "time (s)" in words(figure)
    assert re.search(r"row spacing [\d.]+ µV, raw", words(figure))
    assert list(figure.layout.yaxis.ticktext) == [f"ch{k}" for k in range(1, 9)]
    one = plots.signal(face(channels=1))
    assert "ch1 (µV, raw)" in words(one)


def test_no_curve_of_a_long_signal_exceeds_its_points():
    figure = plots.signal(face(120, 3), max_points=500)
    assert [len(trace.y) for trace in figure.data] == [500] * 3
    assert len(figure.to_json()) < 100_000


def test_rows_lie_a_spacing_apart_and_the_pointer_shows_true_values():
    values = np.column_stack([np.full(1000, 3.0), np.full(1000, 500.0)])
    values[::2] += 1.0
    figure = plots.signal(recording.signal(values, rate=1000, units="count"))
    first, second = curves(figure)
    spacing = -figure.layout.yaxis.tickvals[1]
    assert np.median(first.y) - np.median(second.y) == pytest.approx(spacing)
    assert set(second.customdata) == {500.0, 501.0}


def test_invalid_samples_are_shaded():
    valid = np.ones(5000, dtype=bool)
    valid[1000:2000] = False
    x = recording.signal(np.zeros(5000), rate=1000, units="uV", valid=valid)
    shade = [trace for trace in plots.signal(x).data if trace.name == "invalid"]
    assert len(shade) == 1
    assert (np.nanmin(shade[0].x), np.nanmax(shade[0].x)) == (1.0, 2.0)
    assert not [t for t in plots.signal(face(1.0)).data if t.name == "invalid"]


def test_markers_and_spans_lie_where_they_belong():
    table = labels.events([1.0, 5.0], [2.0, 6.5], label=["smile", "frown"])
    marks = recording.markers([1.0, 5.0], ["smile", "frown"])
    figure = plots.signal(face(10), markers=marks, labels=table)
    spans = {trace.name: trace for trace in figure.data if trace.fill == "toself"}
    assert set(spans) == {"smile", "frown"}
    assert np.nanmax(spans["frown"].x) == 6.5
    (text,) = [trace for trace in figure.data if trace.mode == "text"]
    assert list(text.text) == ["smile", "frown"]


def test_spans_of_many_names_differ_and_lie_behind_the_curves():
    n = np.arange(14)
    table = labels.events(n, n + 0.5, label=[f"name {k}" for k in n])
    figure = plots.signal(face(15), labels=table)
    spans = [trace for trace in figure.data if trace.fill == "toself"]
    assert len({(each.line.color, each.fillpattern.shape) for each in spans}) == n.size
    assert list(figure.data[: n.size]) == spans


def test_overlapping_events_do_not_lie_over_one_another():
    table = labels.events([1, 1.5, 6, 1.8], [4, 3, 7, 6], au=["6", "12", "6", "6"])
    figure = plots.signal(face(10), labels=table)
    spans = {trace.name: trace for trace in figure.data if trace.fill == "toself"}
    boxes = [
        (np.nanmin(x), np.nanmax(x), np.nanmin(y), np.nanmax(y))
        for span in spans.values()
        for x, y in zip(np.split(span.x, [6, 12]), np.split(span.y, [6, 12]), strict=True)
        if len(x)
    ]
    assert len(boxes) == 4
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart_in_time = one[0] >= other[1] or other[0] >= one[1]
            assert apart_in_time or one[2] >= other[3] - 1e-9 or other[2] >= one[3] - 1e-9
    whole = max(box[3] for box in boxes) - min(box[2] for box in boxes)
    (alone,) = [box for box in boxes if box[0] == 6]
    assert alone[3] - alone[2] == pytest.approx(whole)

    lanes = plots.timeline(table)
    six, twelve = lanes.data[0], lanes.data[2]
    assert six.y[::3].tolist() == [0.0, 0.0, -0.5]
    assert twelve.y[0] == -1.5
    assert list(lanes.layout.yaxis.tickvals) == [-0.25, -1.5]


def test_a_filtered_signal_is_drawn_over_the_raw_at_one_scale():
    x = face(5, 2)
    figure = plots.signal(x, compare=x / 2)
    assert [trace.name for trace in curves(figure)] == ["raw", "filtered"] * 2
    assert sum(bool(trace.showlegend) for trace in curves(figure)) == 2
    heights = [np.ptp(trace.y) for trace in curves(figure)]
    assert heights[1] == pytest.approx(heights[0] / 2, rel=1e-3)


def test_irregular_time_can_be_drawn():
    x = recording.signal([1.0, 2.0, 3.0], time=[0.0, 0.1, 0.5], units="count")
    np.testing.assert_array_equal(curves(plots.signal(x))[0].x, [0.0, 0.1, 0.5])


def test_events_have_a_lane_for_each_action_unit_and_side():
    table = labels.events(
        [1.0, 5.0, 8.0],
        [2.0, 6.5, 9.0],
        apex=[1.5, np.nan, 8.1],
        au=["12", "4", "12"],
        side=["L", "", "L"],
    )
    figure = plots.timeline(table)
    assert list(figure.layout.yaxis.ticktext) == ["AU L12", "AU 4"]
    both = plots.events(face(10, 2), table)
    assert list(both.layout.yaxis2.ticktext) == ["AU L12", "AU 4"]
    assert list(both.layout.yaxis.ticktext) == ["ch1", "ch2"]
    assert both.layout.xaxis.matches == "x2"


def test_bursts_without_a_label_get_a_lane_for_each_channel():
    table = labels.events([1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    table["channel"] = ("event", np.array(["corrugator_l", "mentalis", "corrugator_l"]))
    drawn = [trace.name for trace in plots.timeline(table).data if trace.mode == "lines"]
    assert drawn == ["corrugator_l", "mentalis"]


def test_a_table_without_onsets_is_refused():
    with pytest.raises(ValueError, match="no onset and no offset"):
        plots.timeline(xr.Dataset({"label": ("event", ["a"])}))


# ── Frequencies ───────────────────────────────────────────────────────────────────────────────


def test_a_spectrum_has_units_and_a_logarithmic_axis():
    spec = spectra.spectrum(face(5, 8))
    figure = plots.spectrum(spec)
    assert "frequency (Hz)" in words(figure)
    assert "power density (µV²/Hz)" in words(figure)
    assert figure.layout.yaxis.type == "log"
    looks = {(trace.line.color, trace.line.dash) for trace in figure.data}
    assert len(looks) == 8


def test_silence_is_no_power_and_not_an_error():
    spec = spectra.spectrum(recording.signal(np.zeros((3000, 1)), rate=1000, units="uV"))
    assert np.isnan(np.asarray(plots.spectrum(spec).data[0].y, dtype=float)).all()


def test_spectra_by_name_are_all_drawn():
    spec = spectra.spectrum(face(5, 2))
    assert len(plots.spectrum({"rest": spec, "smile": spec}).data) == 4
    assert len(plots.spectrum(spec, compare=spec).data) == 4
    with pytest.raises(ValueError, match="empty"):
        plots.spectrum({})


def test_a_response_shows_magnitude_phase_delay_and_impulse():
    chain = filters.Chain(filters.BandPass(20, 450), filters.Rectify())
    figure = plots.response(chain.response(1000.0), title="x")
    for name in ("magnitude (dB)", "phase (rad)", "group delay (ms)", "impulse response"):
        assert name in words(figure)
    assert "without Rectify" in figure.layout.title.text
    assert figure.layout.yaxis.range[0] >= -105
    with pytest.raises(ValueError, match=r"expected some of magnitude"):
        plots.response(xr.Dataset({"other": ("frequency", [1.0])}))


# ── Learning ──────────────────────────────────────────────────────────────────────────────────


def test_a_confusion_shows_counts_and_shares():
    table = xr.DataArray(
        [[8, 2], [0, 0]],
        dims=("truth", "predicted"),
        coords={"truth": ["a", "b"], "predicted": ["a", "b"]},
    )
    heat, written = plots.confusion(types.SimpleNamespace(confusion=table)).data
    assert heat.text[0][0] == "8<br>80 %"
    assert heat.text[1][1] == ""
    assert list(heat.y) == ["a", "b"]
    assert list(written.text) == ["8<br>80 %", "2<br>20 %", "", ""]
    assert list(zip(written.x, written.y, strict=True))[:2] == [("a", "a"), ("b", "a")]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast of two colours (0 to 255 each) as WCAG defines it."""
    bright = []
    for colour in (one, other):
        c = np.array(colour) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        bright.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(bright) / min(bright)


def rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def test_the_text_of_every_cell_stands_out_from_its_shade():
    counts = [[k, 100 - k] for k in range(0, 101, 4)]
    names = [f"c{k}" for k in range(len(counts))]
    table = xr.DataArray(
        counts,
        dims=("truth", "predicted"),
        coords={"truth": names, "predicted": ["a", "b"]},
    )
    heat, written = plots.confusion(table).data
    pale, full = (np.array(rgb(shade)) for _, shade in heat.colorscale)
    for share, ink in zip(np.ravel(heat.z), written.textfont.color, strict=True):
        assert contrast(tuple(pale + share * (full - pale)), rgb(ink)) >= 4.5, share


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_axes_texts_and_first_dots_are_seen_on_a_light_and_on_a_dark_page(page):
    figure = plots.accuracy({"LDA": result(0.6), "CNN": result(0.7)})
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert axis.showline
        for colour in (axis.linecolor, axis.tickcolor, figure.layout.font.color):
            assert contrast(rgb(colour), rgb(page)) >= 4
    dots = figure.data[0].marker
    assert dots.opacity in (None, 1)
    assert contrast(rgb(dots.color), rgb(page)) >= 4


def test_no_marker_is_written_over_another():
    times = np.arange(0, 40, 0.5)
    marks = recording.markers(times, ["smile", "end"] * 40)
    figure = plots.signal(face(40), markers=marks)
    (text,) = [trace for trace in figure.data if trace.mode == "text"]
    written = [time for time, word in zip(text.x, text.text, strict=True) if word]
    assert 5 < len(written) < 40
    assert np.diff(written).min() >= 2
    assert set(text.text) == {"smile", ""}
    assert list(text.customdata) == ["smile", "end"] * 40


def test_only_names_that_are_too_long_are_shortened_and_none_alike():
    names = ["zygomaticus_major_l", "zygomaticus_major_r", "depressor_anguli_oris_l"]
    x = recording.signal(np.zeros((100, 3)), rate=100, units="uV", channel=names)
    drawn = list(plots.signal(x).layout.yaxis.ticktext)
    assert drawn == ["zygomaticus_major_l", "zygomaticus_major_r", "depres_anguli_oris_l"]


def test_training_draws_validation_beside_training():
    history = xr.Dataset(
        {name: ("epoch", np.ones(3)) for name in ("loss", "val_loss", "accuracy", "val_accuracy")},
        coords={"epoch": [1, 2, 3]},
    )
    figure = plots.training(history)
    names = [trace.name for trace in figure.data]
    assert names == [
        "loss, training",
        "loss, validation",
        "accuracy, training",
        "accuracy, validation",
    ]
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color
    assert words(figure).count("epoch") == 2


def result(accuracy: float) -> types.SimpleNamespace:
    groups = xr.Dataset(
        {"accuracy": ("group", [accuracy - 0.1, accuracy + 0.1])}, coords={"group": ["P1", "P2"]}
    )
    interval = (accuracy - 0.05, accuracy + 0.05)
    return types.SimpleNamespace(by_group=groups, accuracy=accuracy, interval=interval, chance=0.25)


def test_accuracy_shows_people_interval_and_chance():
    figure = plots.accuracy({"LDA": result(0.6), "CNN": result(0.7)})
    people, mean = figure.data[2:]
    np.testing.assert_allclose(people.y, [60, 80])
    assert list(people.customdata) == ["P1", "P2"]
    assert mean.error_y.array[0] == pytest.approx(5)
    assert [a.text for a in figure.layout.annotations] == ["chance 25 %"]
    assert figure.layout.yaxis.range[0] == 0


def test_of_a_single_model_people_are_named_and_the_mean_is_a_line_with_its_interval():
    figure = plots.accuracy({"LDA": result(0.6)})
    (people,) = figure.data
    assert list(people.x) == ["P1", "P2"]
    np.testing.assert_allclose(people.y, [50, 70])
    band, mean, chance = figure.layout.shapes
    assert (band.y0, band.y1) == pytest.approx((55, 65))
    assert (mean.y0, chance.y0) == pytest.approx((60, 25))
    said = [note.text for note in figure.layout.annotations]
    assert said == ["mean 60 %, 95 % interval 55–65", "chance 25 %"]
    assert "left-out" in words(figure)


def test_features_are_drawn_by_label_with_their_units():
    rng = np.random.default_rng(0)
    ds = xr.Dataset(
        {
            "mav": (("window", "channel"), rng.random((20, 2)), {"units": "uV"}),
            "mdf": (("window", "channel"), rng.random((20, 2)), {"units": "Hz"}),
        },
        coords={"label": ("window", ["smile", "rest"] * 10), "channel": ["a", "b"]},
    )
    figure = plots.features(ds, channel="a")
    assert len(figure.data) == 4
    assert "µV" in words(figure)
    assert "Hz" in words(figure)
    np.testing.assert_allclose(figure.data[0].y, ds["mav"].sel(channel="a")[::2])
    with pytest.raises(ValueError, match="no coordinate `label"):
        plots.features(ds.drop_vars("label"))


def test_every_figure_is_json_of_floats_on_a_transparent_ground():
    table = labels.events([1.0], [2.0], label="smile")
    spec = spectra.spectrum(face(5, 2))
    figures = [
        plots.signal(face(5, 2), labels=table, markers=recording.markers([1.0], ["a"])),
        plots.events(face(5, 2), table),
        plots.spectrum(spec),
        plots.response(filters.Chain(filters.BandPass()).response(1000.0)),
        plots.accuracy(result(0.5)),
    ]
    for figure in figures:
        content = json.loads(figure.to_json())
        kinds = set(re.findall(r'"dtype": ?"(\w+)"', json.dumps(content)))
        assert kinds <= {"f4", "f8"}
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
        assert figure.layout.height >= 100


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: plots.signal(x.values), "found ndarray"),
        (lambda x: plots.signal(x, compare=x.values), "found ndarray"),
        (lambda x: plots.signal(x, compare=x.isel(channel=[0])), "has no channel ch2; it has ch1"),
        (lambda x: plots.spectrum(x), r"spectra\.spectrum\(x\)"),
        (lambda x: plots.response(filters.PRESETS["raw"]), "found Chain"),
        (lambda x: plots.features(x), "found DataArray"),
        (lambda x: plots.confusion(x), "cross_validate"),
        (lambda x: plots.training(x), "found DataArray"),
        (lambda x: plots.accuracy({"cnn": 0.9}), "cnn: expected .* found float"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_can(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(face(3.0, 2))
