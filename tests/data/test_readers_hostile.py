"""Annotations with anything anywhere: readers yield samples and bad records or raise our errors, and write nowhere."""

import json
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from miniatures import ALL, rrsisd

from remotereasoner.data.convert import convert
from remotereasoner.data.readers import Item, ReadOptions, read_data_set
from remotereasoner.data.samples import fault_of
from remotereasoner.errors import InputError, UsageError

HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, float("nan"), float("inf"), 1e308, "", " ", "../x", "/etc/passwd", "\0", "\ud800",
    "x" * 5000, [], {}, [[]], [None] * 4, {"a": 1}, [1e308] * 8, ["x"], "NaN", "<x>&amp;",
)  # fmt: skip
OPTIONS = {"coco": {"images": "img"}, "geo": {"annotations": "labels/all.geojson"}}
NAMES = {"vrsbench": ("vrsbench-grounding", "vrsbench-vqa", "vrsbench-caption")}
JSON_SETS = ("earthreason", "rrsis-d", "vrsbench", "rsvqa-lr", "coco", "geo", "labelled")


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield node, key
        yield from places(value)


def mutated(text: str, dice: random.Random) -> str:
    """One to three places of a document replaced."""
    document = {"root": json.loads(text)}
    for _ in range(dice.randint(1, 3)):
        node, key = dice.choice(list(places(document)))
        node[key] = dice.choice(HOSTILE)
    return json.dumps(document["root"])


def go_through(name: str, root: Path) -> int:
    """How many samples; every one can be written or its fault be told."""
    count = 0
    for one in NAMES.get(name, (name,)):
        try:
            for found in read_data_set(one, root, ReadOptions(**OPTIONS.get(name, {}))):
                if isinstance(found, Item):
                    fault_of(found.sample)
                    count += 1
        except (InputError, UsageError):
            pass
    return count


@pytest.mark.parametrize("name", JSON_SETS)
def test_anything_anywhere(name: str, tmp_path: Path) -> None:
    root = ALL[name](tmp_path)
    whole = go_through(name, root)
    files = [p for p in root.rglob("*.*") if p.suffix in (".json", ".geojson", ".jsonl") and p.stem != "broken"]
    dice = random.Random(7)
    counts = set()
    for _ in range(60):
        path = dice.choice(files)
        before = path.read_text()
        lines = before.splitlines()
        k = dice.randrange(len(lines))
        try:
            lines[k] = mutated(lines[k], dice)
        except (json.JSONDecodeError, IndexError):  # the miniature's own broken and blank lines
            continue
        path.write_text("\n".join(lines))
        counts.add(go_through(name, root))
        path.write_text(before)
    assert len(counts) > 1
    assert go_through(name, root) == whole


def test_anything_anywhere_in_a_pickle(tmp_path: Path) -> None:
    root = rrsisd(tmp_path)
    path = root / "rrsisd/refs(unc).p"
    whole = path.read_bytes()
    dice = random.Random(11)
    counts = set()
    for _ in range(60):
        document = {"root": pickle.loads(whole)}  # noqa: S301  our own
        for _ in range(dice.randint(1, 3)):
            node, key = dice.choice(list(places(document)))
            node[key] = dice.choice([value for value in HOSTILE if value != "\ud800"])
        path.write_bytes(pickle.dumps(document["root"], protocol=2))
        counts.add(go_through("rrsis-d", root))
    assert len(counts) > 1


@pytest.mark.parametrize("split", ["/tmp/evil", "../../evil", "C:\\evil", "a\0b", "//evil"])
def test_a_split_cannot_make_masks_be_written_elsewhere(split: str, tmp_path: Path) -> None:
    root = rrsisd(tmp_path / "set")
    path = root / "rrsisd/refs(unc).p"
    refs = pickle.loads(path.read_bytes())  # noqa: S301
    refs[0]["split"] = f"{tmp_path}/evil" if split == "/tmp/evil" else split
    path.write_bytes(pickle.dumps(refs, protocol=2))
    done = convert("rrsis-d", root, tmp_path / "a" / "b" / "s.jsonl")
    assert not list(tmp_path.rglob("*evil*"))
    assert any("sample 'rrsisd/" in record.reason for record in done.invalid)
    assert done.samples == 2
