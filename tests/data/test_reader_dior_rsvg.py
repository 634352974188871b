"""DIOR-RSVG in miniature: its numbers count objects."""

from pathlib import Path

import pytest
from miniatures import A, B, dior_rsvg, xml_of
from reader_results import read

from remotereasoner.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return dior_rsvg(tmp_path)


def test_numbers_count_objects_in_the_order_of_file_names(root: Path) -> None:
    items, bad = read("dior-rsvg", root, splits=("test",))
    assert not bad
    assert [(item.sample.query, item.sample.image) for item in items] == [
        ("object 1", "JPEGImages/10.jpg"),
        ("object 2", "JPEGImages/2.jpg"),
        ("object 7", "JPEGImages/30.jpg"),
    ]
    assert items[0].sample.boxes == (tuple(map(float, B)),)
    assert items[1].sample.category == "dam"


def test_every_object_counts_with_or_without_a_description(root: Path) -> None:
    items, bad = read("dior-rsvg", root, splits=("train",))
    assert [item.sample.id for item in items] == ["dior_rsvg/train/0", "dior_rsvg/train/4"]
    assert items[1].sample.boxes == (tuple(map(float, A)),)
    assert [(record.file, record.reason) for record in bad] == [
        ("Annotations/2.xml", "object 1: description must be text that is not empty, not None")
    ]


def test_bad_numbers_and_bad_boxes(root: Path) -> None:
    _, bad = read("dior-rsvg", root, splits=("test", "val"))
    told = [(record.file, record.line, record.reason) for record in bad]
    assert ("val.txt", 4, "must be a number of an object, not 'zero'") in told
    assert ("val.txt", 5, "the number 2 stands in test.txt, line 2, too") in told
    assert ("val.txt", 3, "there is no object 99: the XML files hold fewer") in told
    assert ("Annotations/30.xml", None, "object 0: bndbox has no usable xmin: 'x'") in told
    assert any("xmin < xmax" in reason for _, _, reason in told)
    assert len(told) == 5


def test_a_broken_file_stops_reading_because_all_later_numbers_depend_on_it(root: Path) -> None:
    (root / "Annotations/2.xml").write_text("<annotation>")
    with pytest.raises(InputError, match=r"2\.xml.*none after this one can be told"):
        read("dior-rsvg", root)


def test_an_xml_bomb_is_refused(root: Path) -> None:
    (root / "Annotations/0.xml").write_text('<!DOCTYPE a [<!ENTITY x "xx">]><annotation>&x;</annotation>')
    with pytest.raises(InputError, match="document type"):
        read("dior-rsvg", root)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "C:/x.jpg", "a\\..\\b.jpg", ""])
def test_a_file_name_cannot_leave_the_images(root: Path, name: str) -> None:
    (root / "Annotations/10.xml").write_text(xml_of(name, ("ship", A, "object 0"), ("ship", B, "object 1")))
    items, bad = read("dior-rsvg", root, splits=("test",))
    assert len(items) == 2
    assert "file name" in bad[0].reason
