"""What ``check`` finds, and what it does not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniatures import mask_of, pixels, save
from PIL import Image

from remotereasoner.data.check import check
from remotereasoner.data.fingerprints import fingerprint, near_pairs
from remotereasoner.errors import ImageReadError, SampleError

HW = (192, 256)


def big(seed: int) -> np.ndarray:
    return pixels(seed, HW)


def row(identity: str, image: str = "a.png", **fields: Any) -> dict[str, Any]:
    return {"id": identity, "image": image, "query": "Where?", "boxes": [[1, 2, 30, 40]], **fields}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", big(seed))
    return tmp_path


def kinds(report: Any) -> dict[str, int]:
    return dict(report.counts)


def test_a_clean_file(root: Path) -> None:
    file = written(root / "s.jsonl", row("1", split="train"), row("2", "b.png", split="val", boxes=[]))
    report = check([file])
    assert report.is_clean
    assert (report.samples, report.images, report.no_target) == (2, 2, 1)
    assert report.splits == {"train": 1, "val": 1}


def test_lines_images_masks_and_boxes(root: Path) -> None:
    save(root / "m.png", mask_of((1, 1, 9, 9), size_hw=(48, 64)).astype(np.uint8))
    (root / "text.png").write_text("no image")
    file = written(
        root / "s.jsonl",
        row("1", "lost.png"),
        "",
        "{nonsense",
        row("2", "text.png", query="Q2"),
        row("3", mask="m.png", query="Q3"),
        row("4", mask="lost.png", query="Q4"),
        row("5", query="Q5", boxes=[[0, 0, 256.9, 192], [200, 100, 300, 150]]),
        row("6", query="Q6", boxes=[[0, 0, 9, 9]], polygons=[[[[0, 0], [9, 0], [9, 400]]]]),
        row("7", query="Q7", surprise=1),
    )
    report = check([file])
    assert kinds(report) == {"line": 2, "image": 2, "mask": 2, "outside": 2}
    told = {finding.line: finding for finding in report.findings}
    assert "there is no file lost.png" in told[1].message
    assert "not JSON" in told[3].message
    assert "none of TIFF" in told[4].message
    assert "is 64 x 48, its image 256 x 192 pixels" in told[5].message
    assert told[7].message == "box 2 [200, 100, 300, 150] leaves the image of 256 x 192 pixels"
    assert told[8].message.startswith("polygon 1")
    assert "unknown field" in told[9].message
    assert told[7].id == "5"


def test_duplicates(root: Path) -> None:
    file = written(root / "s.jsonl", row("1"), row("2"), row("3", query="Other?"), row("4", "b.png"))
    report = check([file])
    assert kinds(report) == {"duplicate": 1}
    assert report.findings[0].line == 2
    assert "stands in line 1" in report.findings[0].message


def test_overlap_by_file_by_pixels_and_by_looks(root: Path) -> None:
    save(root / "same.png", big(0), compress_level=1)  # other bytes, the same pixels as a.png
    Image.fromarray(big(1)).save(root / "again.jpg", quality=50)
    Image.fromarray(big(2)).resize((128, 96)).save(root / "half.png")
    file = written(
        root / "s.jsonl",
        row("1", "a.png", split="train"), row("2", "b.png", split="train"), row("3", "c.png", split="train"),
        row("4", "same.png", split="test"), row("5", "again.jpg", split="test"), row("6", "half.png", split="val"),
        row("7", "a.png", split="val"),
    )  # fmt: skip
    report = check([file])
    assert kinds(report) == {"overlap": 2, "similar": 2}
    told = sorted(finding.message for finding in report.findings)
    assert told == [
        "a.png in the split val is in the split train",
        "again.jpg in the split test looks like b.png in train",
        "half.png in the split val looks like c.png in train",
        "same.png in the split test has the pixels of a.png in the split train",
    ]
    assert check([file], content=False).is_clean


def test_files_without_splits_are_compared_with_each_other(root: Path) -> None:
    train, val = written(root / "train.jsonl", row("1")), written(root / "val.jsonl", row("1", query="Else?"))
    report = check([train, val])
    assert [finding.message for finding in report.findings] == ["a.png in the split val is in the split train"]
    assert report.findings[0].file == str(val)


def test_flat_images_do_not_look_like_each_other(root: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 3, (2, 96, 96, 3), dtype=np.uint8)
    save(root / "sea1.png", noise[0] + 40)
    save(root / "sea2.png", noise[1] + 42)
    file = written(root / "s.jsonl", row("1", "sea1.png", split="train"), row("2", "sea2.png", split="val"))
    assert check([file]).is_clean


def test_strict_stops_at_the_first(root: Path) -> None:
    file = written(root / "s.jsonl", row("1"), row("2", "lost.png"), "{")
    with pytest.raises(SampleError, match=r"s\.jsonl, line 2: lost\.png") as caught:
        check([file], strict=True)
    assert caught.value.line == 2


def test_another_root_and_a_missing_file(root: Path, tmp_path: Path) -> None:
    file = written(root / "s.jsonl", row("1"))
    assert kinds(check([file], tmp_path / "elsewhere")) == {"image": 1}
    with pytest.raises(SampleError, match="cannot be read"):
        check([root / "none.jsonl"])


def test_progress_and_undecodable_pixels(root: Path) -> None:
    whole = (root / "b.png").read_bytes()
    (root / "b.png").write_bytes(whole[: len(whole) // 2])
    file = written(root / "s.jsonl", row("1", split="train"), row("2", "b.png", split="val"))
    told: list[tuple[int, int]] = []
    report = check([file], progress=lambda done, total: told.append((done, total)))
    assert kinds(report) == {"image": 1}
    assert told[-1] == (2, 2)


def test_near_pairs_agree_with_counting_bits() -> None:
    dice = np.random.default_rng(3)
    left = [int(v) for v in dice.integers(0, 2**63, 40, dtype=np.uint64)]
    right = [
        value ^ int(sum(1 << int(b) for b in dice.choice(64, k, replace=False))) for k, value in enumerate(left[:12])
    ]
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if (a ^ b).bit_count() <= 5]
    assert sorted(near_pairs(left, right, 5)) == expected
    assert len(expected) == 6
    assert near_pairs([], right, 5) == []


def test_an_image_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("x")
    with pytest.raises(ImageReadError):
        fingerprint(tmp_path / "x.png")
