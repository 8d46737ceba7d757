"""`make bench`: run the benchmarks with their peers and write docs/benchmarks.md.

python benchmarks [name …]   names of `legs.LEGS`, all by default

Each benchmark runs in a separate process. The page has its output unchanged, below a chart of its
first table. If a benchmark is not run, its section of the page is kept; if it fails, the section is
kept and the reason is added.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import charts
from environments import ROOT, Environment, environment, machine
from legs import LEGS, Leg

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "benchmarks"

HEAD = """\
# Benchmarks

This page is written by `make bench`. Each section is the output of a script in
[benchmarks](../benchmarks), which runs emgnb and its peers in the same run on the same machine. The
versions of the peers are pinned in [peers.txt](../benchmarks/peers.txt) and
[libemg.txt](../benchmarks/libemg.txt). Results in which a peer is ahead are included. Times on a
shared machine vary: compare ratios within a table, not seconds between two tables.
`python benchmarks/live_view.py`, `electrode_to_pixel.py`, `tuning.py` and `labelling.py` use a
browser and are run by hand.
`python benchmarks/recorder.py` measures the recorder, on Linux.
`make bench ARGS=filtering` repeats one section and keeps the others.
"""


def section(name: str, leg: Leg, page: str) -> tuple[str, bool]:
    """Run one benchmark; return its section of the page, and whether it succeeded."""
    script = Path(__file__).with_name(f"{name}.py")
    where = environment(leg.where)
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [str(where.python), str(script), *leg.arguments],
            cwd=ROOT,
            env=where.variables(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60 * leg.minutes,
        )
        out, why = done.stdout, ""
        if done.returncode:
            last = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            why = last[-1]
            print(done.stderr, file=sys.stderr)
    except subprocess.TimeoutExpired:
        out, why = "", f"it took longer than {leg.minutes:g} minutes"
    took = time.perf_counter() - began
    if why:
        said = f"*Run of {date.today()} failed: {plain(why)}*"
        kept = re.sub(r"^\*Run of .* failed: .*\*\n+", "", part_of(page, name), flags=re.M)
        kept = kept or f"<!-- {name} -->\n## {leg.title}\n\n{wrapped(leg.about)}\n"
        return f"{kept.rstrip()}\n\n{said}\n", False
    return written(name, leg, where, out, took), True


def written(name: str, leg: Leg, where: Environment, out: str, took: float) -> str:
    parts = [f"<!-- {name} -->", f"## {leg.title}", "", wrapped(leg.about), ""]
    if where.missing:
        parts += [f"*Peers are missing: {plain(where.missing)}*", ""]
    chart = leg.chart(out)
    if chart is not None:
        picture = PICTURES / f"{name}.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        drawn = charts.bars(chart) if isinstance(chart, charts.Bars) else charts.lines(chart)
        picture.write_text(drawn, encoding="utf-8")
        parts += [f"![{chart.title}](benchmarks/{name}.svg)", ""]
    body = out.strip()
    if not charts.tables(out):
        body = f"```text\n{body}\n```"
    else:
        # The name of a file must not become markup.
        body = re.sub(r"<(?!br>)(?=[a-zA-Z/!])", "&lt;", body)
    command = " ".join(["python", f"benchmarks/{name}.py", *leg.arguments])
    stamp = f"{date.today()}: `{command}`, {took:.0f} s. {machine()}. {where.versions}."
    return "\n".join([*parts, body, "", f"<sub>{stamp}</sub>", ""])


def plain(words: str) -> str:
    """Return one line of an error without paths and addresses of this machine."""
    words = re.sub(r"\w+://\S+", "…", words.splitlines()[0])
    words = re.sub(r"(?:[A-Za-z]:)?(?:[/\\][\w.\-]+){2,}", "…", words)
    return words.replace("*", "")[:300]


def wrapped(words: str, width: int = 100) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(words, width))


def part_of(page: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n.*?(?=<!-- \w+ -->\n|\Z)", page, re.S)
    return found.group().rstrip() + "\n" if found else ""


def read() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(LEGS))
    asked = parser.parse_args().names
    unknown = sorted(set(asked) - set(LEGS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(LEGS)}")
    failed = []
    for name in asked or LEGS:
        print(f"{name} …", file=sys.stderr, flush=True)
        made, well = section(name, LEGS[name], read())
        print(made, flush=True)
        if not well:
            failed.append(name)
        page = read()  # read again: another run may have written another section
        parts = [made if each == name else part_of(page, each) for each in LEGS]
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text("\n".join([HEAD, *filter(None, parts)]), encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
