"""Files of items on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from remotereasoner.batch.durable import ItemWriter, sweep
from remotereasoner.batch.items import ItemDone
from remotereasoner.batch.layout import item_folder

KEY = "ab" + "0" * 62


def item(**files: bytes) -> ItemDone:
    return ItemDone(KEY, "answered", {name.replace("_", "."): content for name, content in files.items()}, {})


def test_hashes_and_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    with ItemWriter(tmp_path) as writer:
        (facts,) = writer.write([item(result_json=b"{}", mask_tif=b"II")])
    folder = item_folder(tmp_path, KEY)
    assert {path.name for path in folder.iterdir()} == {"result.json", "mask.tif"} == set(facts)
    assert facts["result.json"] == (hashlib.sha256(b"{}").hexdigest(), 2)


def test_what_a_dead_holder_left_is_gone_when_the_item_is_written_again(tmp_path: Path) -> None:
    """Also where the run that took over was killed before it had swept: the item is open then, and nobody's."""
    folder = item_folder(tmp_path, KEY)
    folder.mkdir(parents=True)
    (folder / ".result.json.0123abcd.tmp").write_bytes(b"{")
    (folder / "result.json").write_bytes(b"{} of before")
    (folder / "notes.tmp").write_bytes(b"somebody else's")
    with ItemWriter(tmp_path) as writer:
        writer.write([item(result_json=b"{}")])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "result.json": b"{}",
        "notes.tmp": b"somebody else's",
    }


def test_sweeping_counts_and_spares_links(tmp_path: Path) -> None:
    (tmp_path / ".result.json.0123abcd.tmp").write_bytes(b"")
    (tmp_path / ".mask.tif.89abcdef.tmp").symlink_to(tmp_path / "elsewhere")
    assert sweep([tmp_path, tmp_path / "missing"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".mask.tif.89abcdef.tmp"]
