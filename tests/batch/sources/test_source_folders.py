"""Folders and patterns: what is found, in which order, and what becomes of what cannot be read."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources import open_entries
from remotereasoner.errors import InputError, UsageError


def names(entries: Iterable[Entry]) -> list[str]:
    return [entry.name for entry in entries]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in (
        "b/2.tif", "b/10.TIF", "b/notes.xml", "b.tif", "a/deep/er/x.jp2", "a/y.png", "z.jpeg", "z.vrt",
        ".hidden.tif", ".cache/c.tif", "out/items/overlay.png", "ü 船.tif",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_rasters_below_a_folder_in_the_order_of_their_paths(tree: Path) -> None:
    found = list(open_entries(tree, leave_out=tree / "out"))
    assert names(found) == ["a/deep/er/x.jp2", "a/y.png", "b.tif", "b/10.TIF", "b/2.tif", "z.jpeg", "ü 船.tif"]
    assert names(found) == sorted(names(found))
    assert [entry.paths for entry in found] == [(str(tree / entry.name),) for entry in found]
    assert all(entry.fault is None and entry.question is None for entry in found)
    assert names(open_entries(str(tree))) == sorted([*names(found), "out/items/overlay.png"])


def test_paths_are_absolute_where_the_source_is_not(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.parent)
    assert next(open_entries("images")).paths == (str(tree / "a/deep/er/x.jp2"),)
    assert next(open_entries("images/*/*.png")).paths == (str(tree / "a/y.png"),)


def test_links_to_folders_are_not_followed_and_links_to_files_are(tree: Path) -> None:
    (tree / "loop").symlink_to(tree)
    (tree / "linked.tif").symlink_to(tree / "b.tif")
    (tree / "broken.tif").symlink_to(tree / "nowhere")
    found = {entry.name: entry for entry in open_entries(tree)}
    assert not any(name.startswith("loop") for name in found)
    assert found["linked.tif"].fault is None
    assert found["linked.tif"].paths == (str(tree / "linked.tif"),)
    assert found["broken.tif"].fault is not None
    assert found["broken.tif"].fault[0] == "not_found"


def test_what_is_no_regular_file_is_never_opened(tree: Path) -> None:
    os.mkfifo(tree / "a" / "pipe.tif")
    found = {entry.name: entry.fault for entry in open_entries(tree)}
    assert found["a/pipe.tif"] is not None
    assert found["a/pipe.tif"][0] == "not_a_file"


def test_a_name_that_is_not_utf8_is_a_fault(tree: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tree) + b"/c\xff.tif"))).touch()
    found = {entry.name: entry for entry in open_entries(tree)}
    bad = found["c\\udcff.tif"]
    assert bad.fault is not None
    assert bad.fault[0] == "bad_name"
    bad.paths[0].encode("utf-8")


def test_a_folder_that_vanishes_is_a_fault_and_the_rest_goes_on(tree: Path) -> None:
    walk = open_entries(tree)
    first = next(walk)
    shutil.rmtree(tree / "b")
    rest = list(walk)
    assert first.name == "a/deep/er/x.jp2"
    assert [(entry.name, entry.fault and entry.fault[0]) for entry in rest[:3]] == [
        ("a/y.png", None),
        ("b.tif", None),
        ("b/", "not_found"),
    ]
    assert rest[-1].name == "ü 船.tif"


def test_a_folder_without_permission_is_a_fault(tree: Path) -> None:
    for folder in (tree, *tree.parents):  # so that the other user reaches it
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    (tree / "b").chmod(0)
    as_root = os.geteuid() == 0
    try:
        if as_root:
            os.seteuid(65534)
        found = {entry.name: entry.fault for entry in open_entries(tree)}
    finally:
        if as_root:
            os.seteuid(0)
        (tree / "b").chmod(0o755)
    assert found["b/"] == ("no_permission", "folder b/ may not be read: check its permissions")
    assert found["z.jpeg"] is None


def test_a_tree_deeper_than_the_stack(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("deep.tif", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        (entry,) = open_entries(folder)
    finally:
        sys.setrecursionlimit(before)
    assert entry.name == "d/" * 200 + "deep.tif"
    assert entry.fault is None


def test_patterns(tree: Path) -> None:
    assert names(open_entries(f"{tree}/*.tif")) == ["b.tif", "ü 船.tif"]
    assert names(open_entries(f"{tree}/b/*")) == ["10.TIF", "2.tif", "notes.xml"]
    assert names(open_entries(f"{tree}/[ab]/?.*")) == ["a/y.png", "b/2.tif"]
    assert names(open_entries(f"{tree}/**/*.tif")) == ["b.tif", "b/2.tif", "ü 船.tif"]
    assert names(open_entries(f"{tree}/a/**/x.jp2")) == ["deep/er/x.jp2"]
    assert names(open_entries(f"{tree}/**/d*/**/*.jp2")) == ["a/deep/er/x.jp2"]
    # Folders that a pattern matches are looked into, for rasters.
    assert names(open_entries(f"{tree}/[bo]*", leave_out=tree / "out")) == ["b.tif", "b/10.TIF", "b/2.tif"]
    assert names(open_entries(f"{tree}/a/**")) == ["deep/er/x.jp2", "y.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].tif").touch()
    (tmp_path / "a1.tif").touch()
    assert [entry.paths for entry in open_entries(tmp_path / "a[1].tif")] == [(str(tmp_path / "a[1].tif"),)]
    assert names(open_entries(f"{tmp_path}/a[12].tif")) == ["a1.tif"]


def test_nothing_is_in_memory_of_what_was_not_asked_for(tree: Path) -> None:
    walk = open_entries(tree)
    next(walk)
    (tree / "b" / "late.tif").touch()  # its folder has not been listed yet
    assert "b/late.tif" in names(walk)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("nowhere", InputError, "there is no file or folder nowhere"),
        ("empty", InputError, "no raster is below empty"),
        ("no/*.tif", InputError, "there is no folder no"),
        ("empty/*.tif", InputError, r"nothing matches empty/\*.tif"),
        ("https://example.com/x", InputError, "not a path on this machine"),
        ("/vsicurl/x", InputError, "not a path on this machine"),
        ("a.xyz", UsageError, "a.xyz is of no known kind"),
        ("pipe", InputError, "neither a folder nor a regular file"),
        ("  ", InputError, "not a path"),
        ([], InputError, "the list of paths is empty"),
    ],
)
def test_sources_that_cannot_be_used(
    source: str, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("a.xyz").touch()
    os.mkfifo("pipe")
    with pytest.raises(error, match=words):
        open_entries(source)


def test_results_do_not_go_into_the_folder_of_images(tree: Path) -> None:
    with pytest.raises(UsageError, match="both where the images are and where results go"):
        open_entries(tree, leave_out=tree)


def test_options_that_do_not_go_with_a_source(tree: Path) -> None:
    with pytest.raises(UsageError, match="asset is chosen of STAC items only"):
        open_entries(tree, asset="visual")
    with pytest.raises(UsageError, match="root goes with a sample file only"):
        open_entries(tree, root=tree)
