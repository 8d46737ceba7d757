"""Read and write annotation files of ELAN (EAF).

The XML of an existing file is edited, so that everything else in it survives. Libraries that parse
the file into a model and write it again lose links from annotations to controlled vocabularies.
Format: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

import xarray as xr

from emgnb.interop.label_files import _notation
from emgnb.interop.label_files._rows import Found, Row, coder_of, not_held, rows_of
from emgnb.interop.label_files._tiers import arranged

# Linguistic type of the tiers that emgnb writes and replaces.
OURS = "emgnb events"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EMPTY = f"""<ANNOTATION_DOCUMENT xmlns:xsi="{_XSI}" AUTHOR="" FORMAT="3.0" VERSION="3.0"
  xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
  <TIME_ORDER/>
</ANNOTATION_DOCUMENT>"""


def looks_like(text: str) -> bool:
    """Return whether a text is an annotation file of ELAN."""
    return "<ANNOTATION_DOCUMENT" in text[:4000]


def read(path: Path, *, coder: str | None, tiers: Iterable[str] | None) -> Found:
    """Read the tiers that emgnb wrote, or those named; if there are none, all tiers.

    Raises
    ------
    ValueError : not an ELAN file, no such tier or coder, or several coders and none chosen
    """
    root = _parsed(path)
    chosen = _chosen(root, path.name, coder, tiers)
    found = Found([])
    ours = [tier for tier in chosen if tier.get("LINGUISTIC_TYPE_REF") == OURS]
    if tiers is None and chosen and not ours:
        names = ", ".join(_name(tier) for tier in chosen)
        found.remarks.append(f"no tiers written by emgnb: all are read ({names})")
    clock = _Clock(root)
    for tier in chosen:
        _read_tier(tier, clock, found)
    coders = {tier.get("ANNOTATOR", "") for tier in chosen} - {""}
    if len(coders) == 1:
        found.attrs["coder"] = coders.pop()
    return found


def write(table: xr.Dataset, path: Path, *, into: Path | None, coder: str | None) -> list[str]:
    """Write a table, beside the tiers of the file `into`; return what the file does not hold.

    Tiers that emgnb wrote for the same coder are replaced; all others are kept.

    Raises
    ------
    ValueError : an event before 0 or shorter than a millisecond, a tier of that name by somebody
        else, or `into` is not an ELAN file, or has a tier that depends on a replaced one
    """
    name = coder_of(table.attrs, coder)
    rows = rows_of(table)
    _check_times(rows)
    root = ET.fromstring(_EMPTY) if into is None else _parsed(into)
    if into is None:
        root.set("DATE", datetime.datetime.now().astimezone().isoformat(timespec="seconds"))
    _remove_ours(root, name)
    _add(root, rows, name)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="UTF-8", xml_declaration=True)
    moved = sum(any(abs(t * 1000 - round(t * 1000)) > 1e-6 for t in _times(row)) for row in rows)
    rounded = [f"times are rounded to 1 ms in {moved} of {len(rows)} events"] if moved else []
    order = ["events are sorted by unit and onset"] if _sorted_differs(rows) else []
    return rounded + order + not_held(table, columns=_notation.HELD, attrs=("coder",))


def _parsed(path: Path) -> ET.Element:
    if b"<!DOCTYPE" in path.read_bytes()[:4000]:
        raise ValueError(f"{path.name} has a DOCTYPE, which ELAN does not write")
    try:
        parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
        root = ET.parse(path, parser).getroot()
    except (ET.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"{path.name} is not XML: {error}. Can ELAN open it?") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise ValueError(f"{path.name} is XML of {root.tag}, expected an annotation file of ELAN")
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise ValueError(f"{path.name} has times in {units}, expected milliseconds")
    return root


def _name(tier: ET.Element) -> str:
    return tier.get("TIER_ID", "")


def _chosen(
    root: ET.Element, name: str, coder: str | None, tiers: Iterable[str] | None
) -> list[ET.Element]:
    there = root.findall("TIER")
    if tiers is not None:
        wanted = list(tiers)
        missing = sorted(set(wanted) - {_name(tier) for tier in there})
        if missing:
            listed = ", ".join(map(_name, there)) or "none"
            raise ValueError(f"{name} has no tier {', '.join(missing)}; it has {listed}")
        return [tier for tier in there if _name(tier) in wanted]
    ours = [tier for tier in there if tier.get("LINGUISTIC_TYPE_REF") == OURS] or there
    coders = sorted({tier.get("ANNOTATOR", "") for tier in ours} - {""})
    if coder is not None and coders:
        if coder not in coders:
            raise ValueError(f"{name} has no tiers by {coder!r}; it has {', '.join(coders)}")
        return [tier for tier in ours if tier.get("ANNOTATOR") == coder]
    if len(coders) > 1:
        raise ValueError(
            f"{name} has tiers by {', '.join(coders)}: choose one, coder={coders[0]!r}"
        )
    return ours


class _Clock:
    """Times of annotations, in s."""

    def __init__(self, root: ET.Element) -> None:
        self._slots = {
            slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")
        }
        self._annotations = {
            each.get("ANNOTATION_ID"): each
            for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION")
            for each in root.iter(kind)
        }

    def span(self, annotation: ET.Element) -> tuple[float, float] | None:
        """Return onset and offset, those of the parent for a reference; None if not aligned."""
        for _ in range(len(self._annotations)):
            if annotation.tag == "ALIGNABLE_ANNOTATION":
                break
            parent = self._annotations.get(annotation.get("ANNOTATION_REF"))
            if parent is None:
                return None
            annotation = parent
        ends = [self._slots.get(annotation.get(f"TIME_SLOT_REF{n}")) for n in (1, 2)]
        first, last = ends
        try:
            return None if first is None or last is None else (int(first) / 1000, int(last) / 1000)
        except ValueError:
            return None


def _read_tier(tier: ET.Element, clock: _Clock, found: Found) -> None:
    lost = 0
    for annotation in tier.iterfind("ANNOTATION/*"):
        if annotation.tag not in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            continue
        span = clock.span(annotation)
        if span is None:
            lost += 1
            continue
        text = annotation.findtext("ANNOTATION_VALUE") or ""
        where = f"tier {_name(tier)!r} at {span[0]:g} s"
        rows, remarks = _notation.read_text(text, where, *span, tier=_name(tier))
        found.rows += rows
        found.remarks += remarks
    if lost:
        found.remarks.append(
            f"tier {_name(tier)!r}: {lost} annotations have no time of their own (not aligned); "
            "they are left out"
        )


def _times(row: Row) -> list[float]:
    return [t for t in (row.onset, row.apex, row.offset) if t == t]


def _milliseconds(time: float) -> int:
    return round(time * 1000)


def _check_times(rows: list[Row]) -> None:
    odd = [row.where for row in rows if row.onset < 0]
    if odd:
        raise ValueError(
            f"{', '.join(odd)} begin before 0 s, which ELAN cannot hold: shift the times first"
        )
    short = [row.where for row in rows if _milliseconds(row.onset) == _milliseconds(row.offset)]
    if short:
        raise ValueError(
            f"{', '.join(short)} have no duration in whole milliseconds, ELAN's resolution: leave "
            "them out, or use another format"
        )


def _sorted_differs(rows: list[Row]) -> bool:
    return [row for tier in arranged(rows).values() for row in tier] != rows


def _remove_ours(root: ET.Element, coder: str) -> None:
    gone = [
        tier
        for tier in root.findall("TIER")
        if tier.get("LINGUISTIC_TYPE_REF") == OURS and tier.get("ANNOTATOR", "") == coder
    ]
    names = {_name(tier) for tier in gone}
    for tier in root.findall("TIER"):
        parent = tier.get("PARENT_REF")
        if parent in names and tier not in gone:
            raise ValueError(
                f"tier {_name(tier)!r} depends on {parent!r}, which would be replaced. Write with "
                "another coder name, or remove the dependency in ELAN"
            )
    for tier in gone:
        root.remove(tier)
    used = {
        each.get(f"TIME_SLOT_REF{n}") for each in root.iter("ALIGNABLE_ANNOTATION") for n in (1, 2)
    }
    freed = {
        each.get(f"TIME_SLOT_REF{n}")
        for tier in gone
        for each in tier.iter("ALIGNABLE_ANNOTATION")
        for n in (1, 2)
    }
    order = _time_order(root)
    for slot in order.findall("TIME_SLOT"):
        if slot.get("TIME_SLOT_ID") in freed - used:
            order.remove(slot)


def _add(root: ET.Element, rows: list[Row], coder: str) -> None:
    there = {_name(tier) for tier in root.findall("TIER")}
    tiers = {
        f"{coder}: {name}" if coder else name: events for name, events in arranged(rows).items()
    }
    taken = sorted(there & set(tiers))
    if taken:
        raise ValueError(
            f"the file has a tier {taken[0]!r} that emgnb did not write for this coder: write with "
            "another coder name, coder='…'"
        )
    order = _time_order(root)
    slots, annotations = _highest(root, "TIME_SLOT_ID"), _highest(root, "ANNOTATION_ID")
    at = _place_after(root, ("LICENSE", "HEADER", "TIME_ORDER", "TIER"))
    for name, events in tiers.items():
        tier = ET.Element("TIER", {"TIER_ID": name, "LINGUISTIC_TYPE_REF": OURS})
        if coder:
            tier.set("ANNOTATOR", coder)
        for row in events:
            for time in (row.onset, row.offset):
                slots += 1
                about = {"TIME_SLOT_ID": f"ts{slots}", "TIME_VALUE": str(_milliseconds(time))}
                ET.SubElement(order, "TIME_SLOT", about)
            annotations += 1
            about = {
                "ANNOTATION_ID": f"a{annotations}",
                "TIME_SLOT_REF1": f"ts{slots - 1}",
                "TIME_SLOT_REF2": f"ts{slots}",
            }
            one = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", about)
            text = _notation.text_of(row, decimals=3)
            ET.SubElement(one, "ANNOTATION_VALUE").text = text
        root.insert(at, tier)
        at += 1
    _declare_type(root)
    _count(root, annotations)


def _declare_type(root: ET.Element) -> None:
    """Add the linguistic type of our tiers, unless it is there."""
    if all(each.get("LINGUISTIC_TYPE_ID") != OURS for each in root.iter("LINGUISTIC_TYPE")):
        about = {
            "GRAPHIC_REFERENCES": "false",
            "LINGUISTIC_TYPE_ID": OURS,
            "TIME_ALIGNABLE": "true",
        }
        before = ("LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE")
        root.insert(_place_after(root, before), ET.Element("LINGUISTIC_TYPE", about))


def _count(root: ET.Element, last: int) -> None:
    """Tell ELAN the highest number of an annotation, from which it numbers new ones."""
    for found in root.iterfind("HEADER/PROPERTY"):
        if found.get("NAME") == "lastUsedAnnotationId":
            before = found.text or ""
            found.text = str(max(last, int(before) if before.isdigit() else 0))


def _time_order(root: ET.Element) -> ET.Element:
    order = root.find("TIME_ORDER")
    if order is None:
        order = ET.Element("TIME_ORDER")
        root.insert(_place_after(root, ("LICENSE", "HEADER")), order)
    return order


def _place_after(root: ET.Element, tags: tuple[str, ...]) -> int:
    """Return the index after the last child with one of the tags."""
    return max((i + 1 for i, child in enumerate(root) if child.tag in tags), default=0)


def _highest(root: ET.Element, key: str) -> int:
    """Return the highest number at the end of the identifiers of a kind."""
    found = [re.search(r"(\d+)$", str(each.get(key, ""))) for each in root.iter() if each.get(key)]
    return max((int(each[1]) for each in found if each), default=0)
