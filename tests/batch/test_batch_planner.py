"""Planning: lazily, a bounded distance ahead; content by hash; keys; files that cannot be hashed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from remotereasoner.batch import hashing
from remotereasoner.batch.hashing import Content, FileHasher
from remotereasoner.batch.items import Entry, Recipe, item_key
from remotereasoner.batch.ledger import Ledger, PlanKey
from remotereasoner.batch.ledger_planning import Planned
from remotereasoner.batch.owner import Owner
from remotereasoner.batch.planner import CHUNK, QUEUE_CHUNKS, Keys, Planner
from remotereasoner.errors import InputError

KEYS = Keys(Recipe(), "model", "1")


def entry(number: int, **more: object) -> Entry:
    return replace(Entry((f"/i/{number}.tif",), f"{number}.tif"), **more)  # type: ignore[arg-type]


def by_name(one: Entry) -> Content:
    return Content(f"hash of {one.name}")


def all_of(planner: Planner) -> list[Planned]:
    found: list[Planned] = []
    while not planner.is_exhausted:
        found += planner.take(10.0)
    return found


def test_entries_times_questions_in_order() -> None:
    own = entry(2, question="Its own?", task="vqa", extra={"id": "s2"})
    fault = entry(3, fault=("remote_href", "it is elsewhere"))
    with Planner([entry(1), own, fault], ["A", "B"], "locate", KEYS, by_name) as planner:
        found = all_of(planner)
    assert [(p.name, p.question, p.task, p.fault and p.fault[0]) for p in found] == [
        ("1.tif", "A", "locate", None),
        ("1.tif", "B", "locate", None),
        ("2.tif", "Its own?", "vqa", None),
        ("3.tif", "A", "locate", "remote_href"),
        ("3.tif", "B", "locate", "remote_href"),
    ]
    assert found[2].extra == {"id": "s2"}
    assert found[0].key == item_key("hash of 1.tif", "A", "locate", Recipe(), "model", "1")
    assert len({p.key for p in found}) == len({p.ident for p in found}) == 5


def test_what_can_change_a_result_changes_the_key() -> None:
    base = ("sha", "Where?", "locate", Recipe(), "model", "1")
    others = [
        ("sha2", *base[1:]), ("sha", "What?", *base[2:]), (*base[:2], "vqa", *base[3:]), (*base[:4], "model 2", "1"),
        (*base[:5], "2"), (*base[:3], Recipe(seed=1), *base[4:]),
        (*base[:3], Recipe(survey={"tile_px": 512}), *base[4:]),
        (*base[:3], Recipe(bands=(3, 2, 1)), *base[4:]), (*base[:3], Recipe(formats=("mask",)), *base[4:]),
        (*base[:3], Recipe(max_side_px=100), *base[4:]),
    ]  # fmt: skip
    keys = {item_key(*one) for one in (base, *others)}  # type: ignore[arg-type]
    assert len(keys) == len(others) + 1


def test_reading_stops_when_nobody_takes() -> None:
    read = 0

    def endless() -> Iterator[Entry]:
        nonlocal read
        while True:
            read += 1
            yield entry(read)

    with Planner(endless(), ["A"], "locate", KEYS, by_name) as planner:
        assert planner.take(10.0)[0].name == "1.tif"
        before = -1
        while before != read:  # until the queue is full
            before = read
            planner._end.wait(0.5)
        assert read <= CHUNK * (QUEUE_CHUNKS + 2)


def test_errors_of_the_source_arrive_behind_what_was_read() -> None:
    def breaking() -> Iterator[Entry]:
        yield entry(1)
        raise InputError("damaged")

    with Planner(breaking(), ["A"], "locate", KEYS, by_name) as planner, pytest.raises(InputError, match="damaged"):
        all_of(planner)
    with (
        Planner([entry(1)], [], "locate", KEYS, by_name) as planner,
        pytest.raises(InputError, match="brings no questions"),
    ):
        all_of(planner)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path) as found:
        yield found


def of_files(*paths: Path) -> Entry:
    return Entry(tuple(map(str, paths)), paths[0].name)


def test_content_is_the_bytes_and_what_names_say_of_bands(tmp_path: Path, ledger: Ledger) -> None:
    names = ("a.tif", "b.tif", "LT05_x.tif", "x_B04.tif", "x_B03.tif", "y_B04.tif", "y_B03.tif", "z_B02.tif")
    files = {name: tmp_path / name for name in names}
    for path in files.values():
        path.write_bytes(b"same")
    (tmp_path / "c.tif").write_bytes(b"other")
    with FileHasher(ledger.path) as hasher:

        def of(*names: str) -> str | None:
            return hasher(of_files(*(tmp_path / name for name in names))).sha256

        assert of("a.tif") == of("b.tif") == "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5"
        assert len({of("a.tif"), of("c.tif"), of("LT05_x.tif")}) == 3
        assert of("x_B04.tif", "x_B03.tif") == of("y_B04.tif", "y_B03.tif")
        assert of("x_B04.tif", "x_B03.tif") != of("x_B03.tif", "x_B04.tif")
        assert of("x_B04.tif", "x_B03.tif") != of("x_B04.tif", "z_B02.tif")


def test_a_file_that_did_not_change_is_hashed_once(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"one")
    run = ledger.begin(PlanKey("s", ("Q",), {}, "i", "1", "d"), "inline", Owner.this())
    with FileHasher(ledger.path) as hasher:
        first = hasher(of_files(path))
        assert len(first.hashed) == 1
        ledger.plan(run, [Planned(b"1", "a", (str(path),), "Q", "locate", "k", first.sha256, hashed=first.hashed)])
        with monkeypatch.context() as patched:
            patched.setattr(hashing, "_hash_file", None)
            assert hasher(of_files(path)) == Content(first.sha256)
        path.write_bytes(b"two")
        os.utime(path, ns=(1, 1))
        second = hasher(of_files(path))
        assert second.sha256 != first.sha256
        assert [file.size for file in second.hashed] == [3]


def test_files_that_cannot_be_hashed_are_faults(tmp_path: Path, ledger: Ledger) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with FileHasher(ledger.path) as hasher:
        gone = hasher(of_files(tmp_path / "gone.tif"))
        assert gone.fault is not None
        assert gone.fault[0] == "not_found"
        pipe = hasher(of_files(tmp_path / "pipe.tif"))
        assert pipe.fault == ("broken", "file pipe.tif cannot be read: not a regular file")
        folder = hasher(Entry((str(tmp_path),), "folder"))
        assert folder.fault is not None
