def test_keys(lab, open_notebook):
    nb = open_notebook(lab.write("k.ipynb", "from emgnb.widgets import Capture\ncapture = Capture()\ncapture"))
    nb.run_all()
    p = nb.page
    b = p.locator(".emgnb-panel").get_by_role("button", name="Start")
    b.wait_for(state="visible"); p.wait_for_timeout(500)
    print(p.evaluate("[...document.querySelectorAll('[data-lm-suppress-shortcuts]')].map(e=>e.className)"))
    for k in "xbadd":
        b.focus()
        p.keyboard.press(k); p.wait_for_timeout(200)
        print(k, nb.cells(), p.evaluate("document.activeElement.outerHTML.slice(0,200)"))
