"""The widgets' JavaScript: its modules are combined into one, and its own tests are run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'emgnb[lab]'")

from emgnb import facs
from emgnb.widgets.shared import panel
from emgnb.widgets.shared.modules import combined

TESTS = Path(__file__).parents[1] / "javascript"
ENTRIES = (
    "shared/panel",
    "cues/cues",
    "capture/capture",
    "capture/live",
    "tuner/picture",
    "webserial/webserial",
    "face/face",
    "feedback/feedback",
)
Write = Callable[..., Path]


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: it runs the tests of the widgets' JavaScript")
    return found


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(**modules: str) -> Path:
        for name, text in modules.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return tmp_path / "entry.js"

    return put


def run(node: str, *arguments: str, script: str = "") -> str:
    ran = subprocess.run(
        [node, *arguments], input=script, capture_output=True, text=True, encoding="utf-8"
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def test_modules_keep_their_own_names_and_are_evaluated_once(write: Write, node: str) -> None:
    entry = write(
        entry='import { one } from "./one.js";\n'
        'import { two as second } from "./two.js";\n'
        'import {\n  state,\n} from "./base.js";\n'
        "const own = 5;\nexport default [own, one(), second, state.runs];\n",
        one='import { state } from "./base.js";\n'
        "const own = 1;\nexport function one() { return own + state.runs; }\n",
        two='import { Base, state } from "./base.js";\n'
        "const own = 2;\nexport const two = new Base().value + own + state.runs;\n",
        base="export const state = { runs: 0 };\nstate.runs += 1;\n"
        "export class Base { value = 40; }\n",
    )
    text = combined(entry).replace("export default", "const found =")
    assert json.loads(run(node, "-", script=f"{text}\nconsole.log(JSON.stringify(found));")) == [
        5,
        2,
        43,
        1,
    ]


@pytest.mark.parametrize(
    ("modules", "error", "words"),
    [
        (
            {"a": 'import { b } from "./b.js";\n', "b": 'import { a } from "./a.js";\n'},
            ValueError,
            r"in a circle: a\.js → b\.js → a\.js\. Move what they share",
        ),
        ({}, FileNotFoundError, r"entry\.js imports .*a\.js, which does not exist"),
        (
            {"a": "export const b = 1;\nconst a = 2;\n"},
            ValueError,
            r"entry\.js imports a from a\.js, which exports b\.",
        ),
        (
            {"a": "export const a = 1;\nexport function a() {}\n"},
            ValueError,
            r"a\.js exports a twice",
        ),
        ({"a": "export let a = 1;\n"}, ValueError, r'a\.js has "export let a = 1;"\. Expected'),
        ({"a": 'import * as b from "./b.js";\n'}, ValueError, r'a\.js has "import \* as b'),
        (
            {
                "a": 'import { b } from "./b.js";\nimport { c as b } from "./c.js";\n',
                "b": "export const b = 1;\n",
                "c": "export const c = 1;\n",
            },
            ValueError,
            r"a\.js imports b twice",
        ),
    ],
    ids=["circle", "missing", "not exported", "twice", "let", "star", "imported twice"],
)
def test_what_cannot_be_combined_is_named(
    write: Write, modules: dict[str, str], error: type[Exception], words: str
) -> None:
    entry = write(entry='import { a } from "./a.js";\nexport default { a };\n', **modules)
    with pytest.raises(error, match=words):
        combined(entry)


@pytest.mark.parametrize("entry", [*ENTRIES, "labeller/front"])
def test_each_front_end_is_one_module_that_imports_nothing(entry: str, node: str) -> None:
    text = panel.front(f"{entry}.js")
    assert "\nimport " not in f"\n{text}"
    script = text.replace("export default", "const front =") + "\nconsole.log(typeof front.render);"
    assert run(node, "--input-type=module", "-", script=script).strip() == "function"


def test_the_labeller_has_the_notation_of_facs() -> None:
    text = (panel.HERE / "labeller/notation.js").read_text(encoding="utf-8")
    notation = text.partition("export const FACS = ")[2].rstrip().removesuffix(";")
    assert json.loads(notation) == dict(facs.NOTATION)


def test_the_pure_functions(node: str) -> None:
    run(node, "--test", *(str(path) for path in sorted(TESTS.glob("*.test.js"))))
