"""Lists of paths and sample files."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from remotereasoner.batch.sources import brings_questions, open_entries
from remotereasoner.errors import InputError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("a.tif", "B02.jp2", "B03.jp2", "B04.jp2", "sp ace.png"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_list_of_paths(images: Path) -> None:
    lines = [
        "\ufeff# made by find",
        "a.tif",
        "",
        "  ",
        f"{images}/sp ace.png\r",
        "B04.jp2\tB03.jp2\tB02.jp2",
        "gone.tif",
        ".",
    ]
    (images / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    a, spaced, bands, gone, folder = open_entries(images / "list.txt")
    assert (a.name, a.paths, a.fault) == ("a.tif", (str(images / "a.tif"),), None)
    assert (spaced.name, spaced.paths, spaced.fault) == (f"{images}/sp ace.png", (str(images / "sp ace.png"),), None)
    assert (bands.name, len(bands.paths), bands.fault) == ("B04.jp2, B03.jp2, B02.jp2", 3, None)
    assert bands.paths[0] == str(images / "B04.jp2")
    assert gone.fault == ("not_found", f"there is no file {images}/gone.tif")
    assert folder.fault is not None
    assert folder.fault[0] == "not_a_file"


def test_lines_that_cannot_be_used_are_faults(images: Path) -> None:
    parts = [b"a.tif", b"\xff\xfe", b"x" * 200_000, b"nul\0.tif", b"\t".join([b"a.tif"] * 65), b"a.tif"]
    (images / "list.txt").write_bytes(b"\n".join(parts))
    found = list(open_entries(images / "list.txt"))
    assert [entry.fault and entry.fault[0] for entry in found] == [None, *["bad_line"] * 4, None]
    assert [entry.name for entry in found[1:5]] == ["line 2", "line 3", "line 4", "line 5"]
    assert found[1].fault is not None
    assert found[1].fault[1] == "line 2 of the list cannot be used: not UTF-8: byte 0xff at position 1"


def test_standard_input(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.tif\nB02.jp2\n")))
    assert [entry.paths for entry in open_entries("-")] == [(str(images / "a.tif"),), (str(images / "B02.jp2"),)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(InputError, match="no path came on standard input"):
        open_entries("-")


def test_several_paths_and_a_single_one(images: Path) -> None:
    found = list(open_entries([images / "a.tif", str(images / "gone.tif")]))
    assert [entry.fault and entry.fault[0] for entry in found] == [None, "not_found"]
    (one,) = open_entries(images / "a.tif")
    assert one.paths == (str(images / "a.tif"),)


def test_a_list_without_paths(images: Path) -> None:
    (images / "list.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="lists no path"):
        open_entries(images / "list.txt")


def test_a_sample_file_brings_its_questions(images: Path) -> None:
    samples = [
        {"id": "1", "image": "a.tif", "query": "Where are ships?", "boxes": []},
        {"id": "2", "image": "a.tif", "query": "How many?", "boxes": [], "task": "vqa", "answer": "3"},
        {"id": "2", "image": "a.tif", "query": "again", "boxes": []},
        {"id": "3", "image": "gone.tif", "query": "Where?", "boxes": []},
    ]
    (images / "s.jsonl").write_text("\n".join([*map(json.dumps, samples), "{broken"]))
    first, second, doubled, gone, broken = open_entries(images / "s.jsonl")
    assert (first.question, first.task, first.extra) == ("Where are ships?", "locate", {"id": "1"})
    assert (second.question, second.task, second.paths) == ("How many?", "vqa", first.paths)
    assert doubled.fault is not None
    assert doubled.fault[0] == "bad_sample"
    assert "stands on an earlier line" in doubled.fault[1]
    assert gone.fault is not None
    assert gone.fault[0] == "not_found"
    assert (broken.name, broken.paths) == ("line 5", ())
    assert broken.fault is not None
    assert brings_questions(images / "s.jsonl")
    assert not brings_questions(images)


def test_a_sample_files_root(images: Path) -> None:
    (images / "labels").mkdir()
    (images / "labels" / "s.jsonl").write_text(json.dumps({"id": "1", "image": "a.tif", "query": "?", "boxes": []}))
    (entry,) = open_entries(images / "labels" / "s.jsonl", root=images)
    assert (entry.paths, entry.fault) == ((str(images / "a.tif"),), None)


def test_an_empty_sample_file(images: Path) -> None:
    (images / "s.jsonl").touch()
    with pytest.raises(InputError, match="has no samples"):
        open_entries(images / "s.jsonl")
