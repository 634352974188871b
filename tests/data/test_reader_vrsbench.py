"""VRSBench in miniature."""

from pathlib import Path

import pytest
from miniatures import vrsbench, write_json
from reader_results import read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return vrsbench(tmp_path)


def test_grounding_in_pixels(root: Path) -> None:
    items, bad = read("vrsbench-grounding", root)
    ship, edge = (item.sample for item in items)
    assert ship.boxes == ((16.0, 24.0, 32.0, 48.0),)
    assert (ship.query, ship.category, ship.attributes) == ("The ship at the bottom.", "ship", {"is_unique": True})
    assert edge.boxes[0][2] == 64.0
    reasons = [record.reason for record in bad]
    assert any("objects[2].obj_coord must lie within 0 and 1" in reason for reason in reasons)
    assert any("objects[4] must be an object" in reason for reason in reasons)


def test_questions_with_their_types(root: Path) -> None:
    items, bad = read("vrsbench-vqa", root)
    assert [(i.sample.query, i.sample.answers, i.sample.kind, i.sample.task) for i in items] == [
        ("How many ships?", ("2",), "object quantity", "vqa"),
        ("Is it a port?", ("Yes",), "scene type", "vqa"),
    ]
    assert sum("qa_pairs" in record.reason for record in bad) == 2


def test_captions(root: Path) -> None:
    items, _ = read("vrsbench-caption", root)
    assert [(item.sample.task, item.sample.answers) for item in items] == [("caption", ("A port.",))]
    assert items[0].sample.query


@pytest.mark.parametrize("name", ["vrsbench-grounding", "vrsbench-vqa", "vrsbench-caption"])
def test_a_lost_image_and_broken_json_in_each_task(root: Path, name: str) -> None:
    _, bad = read(name, root)
    reasons = {record.file: record.reason for record in bad}
    assert "there is no file 'lost'" in reasons["Annotations_val/lost.json"]
    assert "is not JSON" in reasons["Annotations_val/broken.json"]


def test_hostile_documents(root: Path) -> None:
    folder = root / "Annotations_val"
    (folder / "deep.json").write_text("[" * 200_000)
    (folder / "digits.json").write_text('{"caption": ' + "9" * 6000 + "}")
    (folder / "list.json").write_text("[1]")
    (folder / "latin.json").write_bytes(b'{"caption": "\xe9"}')
    with (folder / "huge.json").open("wb") as file:
        file.truncate((4 << 20) + 1)
    write_json(folder / "out.json", {"image": "../Annotations_val/out.json", "caption": "x"})
    _, bad = read("vrsbench-caption", root)
    reasons = {Path(record.file).stem: record.reason for record in bad}
    assert "nested too deep" in reasons["deep"]
    assert "not JSON" in reasons["digits"]
    assert "must hold a JSON object" in reasons["list"]
    assert "not JSON" in reasons["latin"]
    assert "larger than" in reasons["huge"]
    assert "must not lead out" in reasons["out"]
