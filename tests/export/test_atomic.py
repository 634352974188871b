from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from remotereasoner.errors import ExportError
from remotereasoner.export.atomic import write_files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_everything_is_there_and_nothing_else(tmp_path: Path) -> None:
    paths = write_files(tmp_path / "a" / "b", {"one": b"1", "two": b"22"})
    assert names(tmp_path / "a" / "b") == ["one", "two"]
    assert {name: path.read_bytes() for name, path in paths.items()} == {"one": b"1", "two": b"22"}
    assert not stat.S_IMODE(paths["one"].stat().st_mode) & stat.S_IXUSR


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"one": b"old", "two": b"old"})
    synced = []

    def full_disk(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ExportError, match="No space left"):
        write_files(tmp_path, {"one": b"new", "two": b"new"})
    assert names(tmp_path) == ["one", "two"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == b"old"


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    with pytest.raises(ExportError):
        write_files(tmp_path, {"one": b"1", "two": b"2"})
    assert [name for name in names(tmp_path) if name.endswith(".tmp")] == []


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="cannot write"):
        write_files(tmp_path / "file", {"one": b"1"})


def test_only_named_files_are_removed(tmp_path: Path) -> None:
    write_files(tmp_path, {"one": b"1", "two": b"2", "three": b"3"})
    write_files(tmp_path, {"one": b"new"}, remove=frozenset({"one", "two", "four"}))
    assert names(tmp_path) == ["one", "three"]
    assert (tmp_path / "one").read_bytes() == b"new"
