"""Files that are complete or not there."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remotereasoner.batch.whole_files import whole_file, write_many
from remotereasoner.errors import ExportError, UsageError


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write more into a file: as a full disk, but without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_gets_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [one.name for one in path.parent.iterdir()] == ["a.txt"]


def test_what_was_there_stays_where_the_new_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UsageError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise UsageError("no")
    refused = pytest.raises(ExportError, match=r"cannot write .*a\.txt: File too large")
    with files_of_at_most(1000), refused, whole_file(path) as temporary:
        temporary.write_bytes(bytes(2000))
    with pytest.raises(ExportError), whole_file(path):
        pass  # nothing was written
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_many_files(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    write_many(folder, {f"{number}.json": str(number).encode() for number in range(50)})
    write_many(folder, {"0.json": b"new"}, remove=frozenset({"0.json", "1.json", "gone.json"}))
    assert (folder / "0.json").read_bytes() == b"new"
    assert len(list(folder.iterdir())) == 49


def test_of_many_files_each_is_whole_where_the_disk_refuses(tmp_path: Path) -> None:
    payloads = {f"{number}.json": bytes(100) for number in range(20)} | {"large.json": bytes(5000)}
    with files_of_at_most(1000), pytest.raises(ExportError, match="File too large"):
        write_many(tmp_path, payloads)
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {100}
    assert all(path.suffix == ".json" for path in tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="cannot write to"):
        write_many(tmp_path / "file", payloads)
