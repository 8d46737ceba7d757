"""ELAN files: other tiers survive, ours are replaced, and pympi reads what is written."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from emgnb import interop, labels, recording

# As ELAN 6 saves: an independent tier, tiers that refer to it, a vocabulary with links to it, and
# a subdivision whose inner boundaries have no time.
SAVED = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="Ann" DATE="2026-01-02T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <LICENSE LICENSE_URL="https://example.org/licence"/>
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///film.mp4" MIME_TYPE="video/mp4"
            RELATIVE_MEDIA_URL="./film.mp4" TIME_ORIGIN="40"/>
        <PROPERTY NAME="URN">urn:nl-mpi-tools-elan-eaf:1</PROPERTY>
        <PROPERTY NAME="lastUsedAnnotationId">5</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
        <TIME_SLOT TIME_SLOT_ID="ts2"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2500"/>
    </TIME_ORDER>
    <TIER ANNOTATOR="Ben" LANG_REF="eng" LINGUISTIC_TYPE_REF="speech" TIER_ID="words">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" CVE_REF="cveid_1" TIME_SLOT_REF1="ts1"
                TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>yes &amp; no</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="parts" PARENT_REF="words" TIER_ID="syllables">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>yes</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>no</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="note" PARENT_REF="words" TIER_ID="notes">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1">
                <ANNOTATION_VALUE>12B</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="answers" GRAPHIC_REFERENCES="false"
        LINGUISTIC_TYPE_ID="speech" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Time_Subdivision" GRAPHIC_REFERENCES="false"
        LINGUISTIC_TYPE_ID="parts" TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false"
        LINGUISTIC_TYPE_ID="note" TIME_ALIGNABLE="false"/>
    <LANGUAGE LANG_DEF="http://cdb.iso.org/lg/CDB-00138502-001" LANG_ID="eng" LANG_LABEL="English"/>
    <CONSTRAINT DESCRIPTION="Time subdivision" STEREOTYPE="Time_Subdivision"/>
    <CONSTRAINT DESCRIPTION="1-1 association" STEREOTYPE="Symbolic_Association"/>
    <CONTROLLED_VOCABULARY CV_ID="answers">
        <DESCRIPTION LANG_REF="eng"/>
        <CV_ENTRY_ML CVE_ID="cveid_1">
            <CVE_VALUE DESCRIPTION="" LANG_REF="eng">yes &amp; no</CVE_VALUE>
        </CV_ENTRY_ML>
    </CONTROLLED_VOCABULARY>
</ANNOTATION_DOCUMENT>
"""


def saved(folder: Path) -> Path:
    path = folder / "saved.eaf"
    path.write_text(SAVED, encoding="utf-8")
    return path


def table(*onsets: float):
    return labels.events(onsets, np.array(onsets) + 1, au="12", side="L", intensity="C")


def without_ours(path: Path, ours: str = "emgnb events") -> list[str]:
    """The elements of a file as canonical texts, without our tiers, their type and time slots."""
    root = ET.parse(path).getroot()
    for tier in root.findall("TIER"):
        if tier.get("LINGUISTIC_TYPE_REF") == ours:
            root.remove(tier)
    used = {"ts1", "ts2", "ts3"}
    order = root.find("TIME_ORDER")
    for slot in order.findall("TIME_SLOT"):
        if slot.get("TIME_SLOT_ID") not in used:
            order.remove(slot)
    for kind in root.findall("LINGUISTIC_TYPE"):
        if kind.get("LINGUISTIC_TYPE_ID") == ours:
            root.remove(kind)
    for found in root.iterfind("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']"):
        found.text = "5"
    return [ET.canonicalize(ET.tostring(each), strip_text=True) for each in root]


def test_tiers_that_elan_saved_survive_and_ours_are_replaced(tmp_path):
    first, second, third = (tmp_path / f"{n}.eaf" for n in (1, 2, 3))
    interop.write_labels(table(1, 4), first, into=saved(tmp_path), coder="Ann")
    interop.write_labels(table(6), second, into=first, coder="Ben")
    interop.write_labels(table(2, 8, 9.5), third, into=second, coder="Ann")
    before = without_ours(tmp_path / "saved.eaf")
    assert before == without_ours(first) == without_ours(second) == without_ours(third)
    assert interop.read_labels(third, coder="Ann")["onset"].values.tolist() == [2, 8, 9.5]
    assert interop.read_labels(third, coder="Ben")["onset"].values.tolist() == [6]
    root = ET.parse(third).getroot()
    assert len(root.findall("TIME_ORDER/TIME_SLOT")) == 3 + 2 * 3 + 2 * 1
    ids = [each.get("ANNOTATION_ID") for each in root.iter() if each.get("ANNOTATION_ID")]
    assert len(ids) == len(set(ids))
    last = root.find("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']").text
    assert int(last) == max(int(each[1:]) for each in ids)
    assert (tmp_path / "saved.eaf").read_text("utf-8") == SAVED


def test_elements_are_in_the_order_of_elans_schema(tmp_path):
    path = tmp_path / "1.eaf"
    interop.write_labels(table(1), path, into=saved(tmp_path), coder="Ann")
    order = ["LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE"]
    order += ["CONSTRAINT", "CONTROLLED_VOCABULARY"]
    tags = [order.index(each.tag) for each in ET.parse(path).getroot()]
    assert tags == sorted(tags)


def test_pympi_reads_our_tiers(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    path = tmp_path / "t.eaf"
    events = labels.events(
        [0.5, 0.75, 2.0], [1.5, 1.25, 3.0], apex=[1.0, np.nan, 2.5], au=["12", "12", "4"]
    )
    said = interop.write_labels(events, path, coder="Ann")
    assert said == []
    file = elan.Eaf(str(path))
    assert list(file.get_tier_names()) == ["Ann: 12", "Ann: 12 (2)", "Ann: 4"]
    assert file.get_annotation_data_for_tier("Ann: 12") == [(500, 1500, "12; apex=1.000")]
    assert file.get_annotation_data_for_tier("Ann: 12 (2)") == [(750, 1250, "12")]
    assert file.get_parameters_for_tier("Ann: 4")["ANNOTATOR"] == "Ann"
    joined = tmp_path / "joined.eaf"
    interop.write_labels(events, joined, into=saved(tmp_path), coder="Ann")
    both = elan.Eaf(str(joined))
    assert both.get_annotation_data_for_tier("words") == [(500, 2500, "yes & no")]
    assert [row[:3] for row in both.get_annotation_data_for_tier("notes")] == [(500, 2500, "12B")]


def test_files_of_pympi_are_read(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    file = elan.Eaf(author="Ann")
    file.remove_tier("default")
    file.add_tier("AU12", ann="Ann")
    file.add_tier("L4", ann="Ann")
    file.add_annotation("AU12", 1000, 2000, "b")
    file.add_annotation("AU12", 2000, 2600, "smile")
    file.add_annotation("L4", 100, 400, "")
    path = tmp_path / "t.eaf"
    file.to_file(str(path))
    read = interop.read_labels(path)
    assert read["au"].values.tolist() == ["12", "12", "4"]
    assert read["side"].values.tolist() == ["", "", "L"]
    assert read["intensity"].values.tolist() == ["B", "", ""]
    assert read["label"].values.tolist() == ["", "smile", ""]
    assert read.attrs["coder"] == "Ann"
    assert recording.known_faults(read) == ["no tiers written by emgnb: all are read (AU12, L4)"]


def test_annotations_without_a_time_of_their_own_are_said(tmp_path):
    read = interop.read_labels(saved(tmp_path), tiers=["words", "syllables", "notes"])
    assert read["label"].values.tolist() == ["yes & no", ""]
    assert read["au"].values.tolist() == ["", "12"]
    assert read["onset"].values.tolist() == [0.5, 0.5]
    assert recording.known_faults(read) == [
        "tier 'syllables': 2 annotations have no time of their own (not aligned); they are left out"
    ]


def test_what_cannot_be_chosen_or_replaced_is_explained(tmp_path):
    path = tmp_path / "both.eaf"
    interop.write_labels(table(1), tmp_path / "ann.eaf", coder="Ann")
    interop.write_labels(table(1), path, into=tmp_path / "ann.eaf", coder="Ben")
    with pytest.raises(ValueError, match="tiers by Ann, Ben: choose one, coder='Ann'"):
        interop.read_labels(path)
    with pytest.raises(ValueError, match="no tiers by 'Cleo'"):
        interop.read_labels(path, coder="Cleo")
    text = path.read_text("utf-8")
    child = '<TIER TIER_ID="why" PARENT_REF="Ann: L12" LINGUISTIC_TYPE_REF="x"/><LINGUISTIC_TYPE'
    path.write_text(text.replace("<LINGUISTIC_TYPE", child, 1), "utf-8")
    with pytest.raises(ValueError, match="tier 'why' depends on 'Ann: L12'"):
        interop.write_labels(table(2), tmp_path / "new.eaf", into=path, coder="Ann")
    path.write_text(text.replace('TIER_ID="Ann: L12"', 'TIER_ID="Cleo: L12"'), "utf-8")
    with pytest.raises(ValueError, match="has a tier 'Cleo: L12' that emgnb did not write"):
        interop.write_labels(table(2), tmp_path / "new.eaf", into=path, coder="Cleo")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<ANNOTATION_DOCUMENT><TIER", "is not XML"),
        ('<?xml version="1.0" encoding="none"?><ANNOTATION_DOCUMENT/>', "is not XML"),
        ("<TRANSCRIPT/>", "is XML of TRANSCRIPT"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT/>', "has a DOCTYPE"),
        (
            '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="PAL-frames"/></ANNOTATION_DOCUMENT>',
            "times in PAL-frames",
        ),
    ],
)
def test_files_that_are_not_elans_are_rejected(text, words, tmp_path):
    path = tmp_path / "t.eaf"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=words):
        interop.read_labels(path, "elan")
