"""The sample file: what is read, what is refused and how it is named."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remotereasoner.data.samples import (
    MAX_LINE_BYTES,
    BadSample,
    Sample,
    image_path,
    mask_path,
    read_samples,
    sample_record,
    write_samples,
)
from remotereasoner.errors import ExportError, SampleError

GOOD: dict[str, Any] = {"id": "a", "image": "images/a.png", "query": "Where?", "boxes": [[0, 1, 10, 12.5]]}


def line_of(**changes: Any) -> bytes:
    record = {**GOOD, **changes}
    return json.dumps({k: v for k, v in record.items() if v != "ABSENT"}).encode()


def file_of(folder: Path, *lines: bytes) -> Path:
    path = folder / "samples.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_fields_are_read(tmp_path: Path) -> None:
    whole = {
        **GOOD,
        "polygons": [[[[0, 1], [10, 1], [10, 12.5]]]],
        "category": "ship",
        "split": "val",
        "source": "synthetic",
        "licence": "CC0",
        "kind": "implicit",
        "attributes": {"gsd_m": 0.5},
    }
    path = file_of(
        tmp_path,
        b"\xef\xbb\xbf" + json.dumps(whole).encode() + b"\r",
        b"   ",
        line_of(id="b", boxes=[], mask="masks/b.png"),
        line_of(id="c", task="vqa", answer="three", boxes="ABSENT"),
        line_of(id="d", task="caption", answer=["A port.", "A harbour."], query="ABSENT", boxes=[[1, 1, 2, 2]]),
    )
    first, second, third, fourth = read_samples(path)
    assert first == Sample(
        id="a",
        image="images/a.png",
        query="Where?",
        boxes=((0.0, 1.0, 10.0, 12.5),),
        polygons=((((0.0, 1.0), (10.0, 1.0), (10.0, 12.5)),),),
        category="ship",
        split="val",
        source="synthetic",
        licence="CC0",
        kind="implicit",
        attributes={"gsd_m": 0.5},
    )
    assert (
        isinstance(second, Sample) and second.boxes == () and second.mask == "masks/b.png" and second.task == "locate"
    )
    assert isinstance(third, Sample) and third.answers == ("three",) and third.boxes == ()
    assert isinstance(fourth, Sample) and fourth.answers == ("A port.", "A harbour.") and fourth.query == ""
    assert hash(first) != hash(third)


BAD: dict[str, tuple[bytes, str]] = {
    "broken": (b'{"id": "a", ', "not JSON"),
    "not an object": (b"[1, 2]", "JSON object, not a list"),
    "a number": (b"7", "JSON object, not a number"),
    "null": (b"null", "JSON object, not null"),
    "true": (b"true", "JSON object, not a truth value"),
    "deep": (b'{"id": "a", "boxes": ' + b"[" * 100_000, "nested too deep"),
    "many digits": (b'{"id": ' + b"9" * 5_000 + b"}", "not JSON"),
    "key twice": (b'{"id": "a", "id": "b"}', "'id' stands twice"),
    "not UTF-8": (b'{"id": "\xff"}', "not UTF-8: byte 0xff at position 9"),
    "unknown field": (line_of(bboxes=[]), "unknown field 'bboxes': did you mean boxes?"),
    "unknown, far off": (line_of(gsd_m=0.3), "into attributes"),
    "no id": (line_of(id="ABSENT"), "id is missing"),
    "number as id": (line_of(id=7), "id must be text, not a number"),
    "blank id": (line_of(id="  "), "id is empty"),
    "long id": (line_of(id="x" * 257), "at most 256"),
    "half a surrogate": (line_of(id="\ud800"), "surrogate"),
    "no image": (line_of(image="ABSENT"), "image is missing"),
    "absolute image": (line_of(image="/etc/passwd"), "image must be a relative path"),
    "image leads out": (line_of(image="a/../../b.png"), "must not lead out of the root"),
    "drive": (line_of(image="C:/a.png"), "image must be a relative path"),
    "scheme": (line_of(image="https://host/a.png"), "image must be a relative path"),
    "backslash": (line_of(image="a\\b.png"), "image must be a relative path"),
    "the root itself": (line_of(image="./"), "names no file"),
    "mask leads out": (line_of(mask="../m.png"), "mask must not lead out"),
    "no query": (line_of(query=""), "query is empty"),
    "long query": (line_of(query="?" * 2_001), "at most 2000"),
    "no boxes": (line_of(boxes="ABSENT"), "write [] where nothing"),
    "boxes as text": (line_of(boxes="[]"), "list of [x1, y1, x2, y2], not text"),
    "flat box": (line_of(boxes=[0, 0, 5, 5]), "boxes[0] must be four numbers"),
    "three numbers": (line_of(boxes=[[0, 0, 9, 9], [0, 0, 5]]), "boxes[1] must be four numbers"),
    "NaN": (b'{"id": "a", "boxes": [[NaN, 0, 1, 1]]}', "NaN is not a number"),
    "infinite": (b'{"id": "a", "image": "a", "query": "q", "boxes": [[0, 0, 1e999, 1]]}', "finite numbers"),
    "huge integer": (line_of(boxes=[[0, 0, 10**400, 1]]), "finite numbers"),
    "text in a box": (line_of(boxes=[[0, 0, "9", 1]]), "boxes[0] must hold numbers, not '9'"),
    "truth in a box": (line_of(boxes=[[0, 0, True, 1]]), "boxes[0] must hold numbers, not True"),
    "turned in x": (line_of(boxes=[[5, 0, 5, 9]]), "x1 < x2 and y1 < y2"),
    "turned in y": (line_of(boxes=[[0, 9, 5, 1]]), "x1 < x2 and y1 < y2"),
    "wrong task": (line_of(task="segment"), "task must be one of locate, vqa, caption, not 'segment'"),
    "task as a list": (line_of(task=["vqa"]), "task must be one of"),
    "answer missing": (line_of(task="vqa"), "answer is missing: the task vqa"),
    "answer of a place": (line_of(answer="here"), "not to locate"),
    "empty answer": (line_of(task="vqa", answer=[]), "answer must be text or a list"),
    "blank answer": (line_of(task="caption", answer=[" "]), "answer must be text that is not empty"),
    "number as answer": (line_of(task="vqa", answer=[3]), "answer must be text that is not empty"),
    "polygons short": (line_of(polygons=[]), "each of the 1 boxes, not 0 of them"),
    "polygons as text": (line_of(polygons="x"), "each of the 1 boxes, not text"),
    "no rings": (line_of(polygons=[[]]), "polygons[0] must be a list of rings"),
    "two points": (line_of(polygons=[[[[0, 0], [1, 1]]]]), "polygons[0][0] must be a ring"),
    "flat ring": (line_of(polygons=[[[0, 0, 1, 1, 2, 2]]]), "polygons[0][0] must hold points"),
    "polygons and mask": (line_of(polygons=[[[[0, 0], [1, 1], [0, 1]]]], mask="m.png"), "exclude each other"),
    "attributes as a list": (line_of(attributes=[1]), "attributes must be a JSON object, not a list"),
    "10 MB": (b'{"id": "' + b"x" * 10_000_000 + b'"}', f"longer than {MAX_LINE_BYTES:,} bytes"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_and_the_others_are_read(case: str, tmp_path: Path) -> None:
    raw, reason = BAD[case]
    path = file_of(tmp_path, line_of(id="before"), b"", raw, line_of(id="after"))
    before, bad, after = read_samples(path)
    assert isinstance(before, Sample) and isinstance(after, Sample) and after.id == "after"
    assert isinstance(bad, BadSample) and bad.line == 3 and reason in bad.reason
    assert "\n" not in bad.reason and len(bad.reason) < 250
    with pytest.raises(SampleError) as caught:
        list(read_samples(path, strict=True))
    assert str(caught.value) == f"{path}, line 3: {bad.reason}"
    assert caught.value.line == 3 and caught.value.exit_code == 3
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_an_id_must_not_come_twice_but_a_bad_line_claims_none(tmp_path: Path) -> None:
    path = file_of(tmp_path, line_of(id="x", boxes=[[1]]), line_of(id="x"), line_of(id="x"))
    bad, good, twice = read_samples(path)
    assert isinstance(bad, BadSample) and bad.id == "x" and isinstance(good, Sample)
    assert twice == BadSample(3, "the id 'x' stands on an earlier line", "x")


def test_a_file_without_a_last_newline_and_one_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(line_of() + b"\n" + line_of(id="b")[:-4])
    good, bad = read_samples(path)
    assert isinstance(good, Sample) and isinstance(bad, BadSample) and bad.line == 2
    path.write_bytes(b"")
    assert list(read_samples(path)) == []


def test_a_long_last_line_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(line_of() + b"\n" + b"x" * (MAX_LINE_BYTES + 1))
    good, bad = read_samples(path)
    assert isinstance(good, Sample) and isinstance(bad, BadSample) and bad.line == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"nothing\.jsonl: cannot be read: No such file"):
        next(read_samples(tmp_path / "nothing.jsonl"))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """750 kB of boxes: what stays is the ids."""
    path = tmp_path / "big.jsonl"
    boxes = json.dumps([[i, i, i + 1.5, i + 2.5] for i in range(500)])
    with path.open("w") as file:
        for i in range(60):
            file.write(f'{{"id": "{i}", "image": "a.png", "query": "q", "boxes": {boxes}}}\n')
    tracemalloc.start()
    try:
        count = sum(isinstance(sample, Sample) for sample in read_samples(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 60 and path.stat().st_size > 7e5
    assert peak < 5e5


numbers = st.floats(0, 1e6, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
boxes = st.tuples(numbers, numbers, st.floats(0.5, 100), st.floats(0.5, 100)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@st.composite
def any_samples(draw: st.DrawFn) -> list[Sample]:
    ids = draw(st.lists(texts.filter(lambda t: bool(t.strip())), max_size=4, unique=True))
    found = []
    for identifier in ids:
        task = draw(st.sampled_from(["locate", "vqa", "caption"]))
        places = tuple(draw(st.lists(boxes, max_size=3)))
        rings = tuple((((x, y), (u, y), (u, v)),) for x, y, u, v in places)
        found.append(
            Sample(
                id=identifier,
                image="images/é.png",
                query=draw(texts.filter(lambda t: bool(t.strip()))),
                boxes=places,
                task=task,
                answers=() if task == "locate" else ("yes", "it is"),
                polygons=rings if draw(st.booleans()) else None,
                category=draw(st.none() | texts),
                attributes=draw(st.dictionaries(texts, numbers, max_size=2)),
            )
        )
    return found


@settings(deadline=None, max_examples=50)
@given(samples=any_samples())
def test_what_is_written_is_read_back(samples: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.jsonl"
    assert write_samples(path, samples) == len(samples)
    assert list(read_samples(path, strict=True)) == samples


def good(identifier: str = "a", **changes: Any) -> Sample:
    return Sample(**{"id": identifier, "image": "a.png", "query": "q", "boxes": (), **changes})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (good("a"), "stands on an earlier line"),
        (good("b", boxes=((1.0, 1.0, 1.0, 2.0),)), "x1 < x2"),
        (good("b", boxes=((float("nan"), 1.0, 1.0, 2.0),)), "cannot be written as JSON"),
        (good("b", image="../b.png"), "must not lead out"),
        (good("b", attributes={"when": object()}), "cannot be written as JSON"),
        (good("\ud800"), "cannot be written as JSON"),
        (good("b", attributes={"notes": "x" * MAX_LINE_BYTES}), "longer than"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(bad: Sample, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_samples(path, [good("old")])
    with pytest.raises(SampleError, match=f"line 2: .*{reason}"):
        write_samples(path, [good("a"), bad])
    assert [sample_record(s)["id"] for s in read_samples(path) if isinstance(s, Sample)] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_writer_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_samples(path, [good("old")])

    def breaking() -> Iterator[Sample]:
        yield good("new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_samples(path, breaking())
    assert [s.id for s in read_samples(path) if isinstance(s, Sample)] == ["old"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"cannot write .*out\.jsonl: No such file"):
        write_samples(tmp_path / "missing" / "out.jsonl", [good()])


def test_paths_stay_below_the_root(tmp_path: Path) -> None:
    assert image_path(tmp_path, good(image="images/a.png")) == tmp_path / "images" / "a.png"
    assert mask_path(tmp_path, good()) is None
    assert mask_path(tmp_path, good(mask="m/a.png")) == tmp_path / "m" / "a.png"
    for path in ("/a.png", "../a.png", "a/../../b.png", "", "a\0.png"):
        with pytest.raises(SampleError, match="sample 'a'"):
            image_path(tmp_path, good(image=path))
    with pytest.raises(SampleError, match="mask"):
        mask_path(tmp_path, good(mask="../../m.png"))
