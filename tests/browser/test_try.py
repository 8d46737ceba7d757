import time

STUB = """
import sys, types, numpy as np, xarray as xr
try:
    import emgnb.labels
except ImportError:
    import emgnb
    m = types.ModuleType("emgnb.labels")
    def events(onset, offset, *, apex=None, au="", side="", intensity="", label=""):
        n=len(onset)
        return xr.Dataset({k: ("event", v) for k, v in dict(onset=onset, offset=offset, apex=apex, au=au, side=side, intensity=intensity, label=label).items()})
    m.events = events
    def with_labels(s, coder, t):
        s = s.copy(); s[f"labels/{coder}"] = xr.DataTree(t); return s
    m.with_labels = with_labels
    sys.modules["emgnb.labels"] = m; emgnb.labels = m
from emgnb import recording
rng = np.random.default_rng(0)
x = rng.normal(size=(60000, 8)).astype("f4")*3
for k in range(10): x[3000+5000*k:5000+5000*k, k%8] *= 12
x[20000:20500]=np.nan
s = recording.make(recording.signal(x, rate=1000., units="uV", channel=["frontalis_medialis_l","corrugator_l","orbicularis_oculi_l","levator_labii_l","zygomaticus_major_l","zygomaticus_major_r","depressor_anguli_oris_l","mentalis"]), markers=recording.markers([3.,8.,13.,18.,23.], ["smile","rest","frown","rest","surprise"]), participant="P01")
"""


def test_labeller(lab, open_notebook):
    nb = open_notebook(
        lab.write(
            "labeller.ipynb",
            STUB,
            "from emgnb.widgets import Labeller\nlabeller = Labeller(s)\nlabeller",
        )
    )
    nb.run_all()
    canvas = nb.page.locator(".emgnb-spans canvas")
    canvas.wait_for(state="attached")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    nb.page.wait_for_timeout(500)

    def drag(a, b):
        m = nb.page.mouse
        m.move(box["x"] + a, box["y"] + 200)
        m.down()
        m.move(box["x"] + (a + b) / 2, box["y"] + 200)
        m.move(box["x"] + b, box["y"] + 210)
        m.up()

    drag(300, 380)
    nb.page.locator(".emgnb-spans select[aria-label=au]").select_option("12")
    nb.page.locator(".emgnb-spans select[aria-label=side]").select_option("L")
    nb.page.locator(".emgnb-spans select[aria-label=intensity]").select_option("C")
    drag(600, 680)
    nb.page.wait_for_timeout(500)
    print(nb.value("labeller._spans.events"), nb.value("labeller.message"))
    nb.screenshot()
    for _ in range(3):
        nb.page.keyboard.press("+")
    nb.page.wait_for_timeout(500)
    nb.screenshot("zoomed")


def test_tuner(lab, open_notebook):
    nb = open_notebook(
        lab.write("tuner.ipynb", STUB, "from emgnb.widgets import Tuner\ntuner = Tuner(s)\ntuner"),
        height=1300,
    )
    nb.run_all()
    nb.page.locator(".js-plotly-plot .scatterlayer").first.wait_for(state="attached")
    nb.page.locator(".emgnb-panel").scroll_into_view_if_needed()
    nb.page.wait_for_timeout(2500)
    print(nb.value("tuner.message"), nb.value("tuner.chain"))
    nb.screenshot()
