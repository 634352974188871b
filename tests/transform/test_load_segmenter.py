from __future__ import annotations

import pytest

from remotereasoner.errors import MissingExtraError, UsageError
from remotereasoner.transform import load, sam2
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.transform.load import SEGMENTERS, load_segmenter


def test_the_plain_names() -> None:
    assert isinstance(load_segmenter("box"), BoxSegmenter)


@pytest.mark.parametrize(
    "spec", ["", "Box", "sam2", "sam2:", "sam3:x", "box:", "box:1", "embedded:x", "grabcut:5", "/etc/passwd"]
)
def test_what_there_is_not_says_what_there_is(spec) -> None:
    with pytest.raises(UsageError, match="there is no segmenter") as caught:
        load_segmenter(spec)
    for name in SEGMENTERS:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sam2:facebook/sam2.1-hiera-small", ("facebook/sam2.1-hiera-small", None)),
        ("sam2:facebook/sam2.1-hiera-small@abc123", ("facebook/sam2.1-hiera-small", "abc123")),
    ],
)
def test_name_and_revision(spec, expected, monkeypatch) -> None:
    monkeypatch.setattr(sam2, "load_checkpoint", lambda name, **given: (name, given["revision"]))
    segmenter = load_segmenter(spec)
    assert isinstance(segmenter, sam2.Sam2Segmenter)
    assert segmenter._checkpoint == expected


def test_a_folder_with_an_at_sign(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "weights@home"
    folder.mkdir()
    assert load._split_revision(str(folder)) == (str(folder), None)


@pytest.mark.parametrize("spec", ["sam2:@abc", "sam2:name@"])
def test_half_a_revision(spec) -> None:
    with pytest.raises(UsageError, match="sam2:NAME@REVISION"):
        load_segmenter(spec)


def test_a_missing_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[sam\]"):
        load_segmenter("sam2:facebook/sam2.1-hiera-small")
