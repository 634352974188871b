"""Scoring a whole file: metrics, rows, report, comparison."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluation_world import make_images, record, write_lines, write_world
from remotereasoner.errors import ExportError, ResultFormatError, UsageError
from remotereasoner.evaluation.compare import compare_runs
from remotereasoner.evaluation.outputs import ScoreOptions, score_and_write
from remotereasoner.evaluation.protocols import PROTOCOLS
from remotereasoner.evaluation.run_file import inspect_samples

RIGHT = [[4, 4, 12, 12]]
HOSTILE = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>\u202e\x1b[31m"


def answers(n: int, **changes: Any) -> list[dict[str, Any]]:
    """What evaluation_world's ANSWER gives: right for most, an alarm for every third."""
    found: list[dict[str, Any]] = []
    for k in range(n):
        line = {"id": f"s{k}", "status": "answered", "boxes": RIGHT, "scores": [0.5 + k / 100], "image_hw": [24, 32]}
        found.append({**line, **changes})
    return found


def score(root: Path, lines: list[Any], out: str = "out", **options: Any) -> dict[str, Any]:
    predictions = write_lines(root / f"{out}.jsonl", lines)
    how = ScoreOptions(root=root, resamples=options.pop("resamples", 50), **options)
    return score_and_write(root / out, inspect_samples(root / "samples.jsonl"), predictions, how)


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "col"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words += data


def test_metrics_of_a_file_by_hand(tmp_path: Path) -> None:
    write_world(tmp_path, 15)
    metrics = score(tmp_path, answers(15), protocols=[PROTOCOLS["visionreasoner"]])
    assert metrics["samples"] == {
        "judged": 15, "images": 4, "invalid": 0, "missing": 0, "unknown_predictions": 0, "masks_from_boxes": 15,
    }  # fmt: skip
    value = {name: one["value"] for name, one in metrics["scores"].items()}
    # 5 of 15 without target (2, 5, 8, 11, 14); two targets: 4, 9; another size: 3 (height 7), 13 (height 5).
    assert value["false_alarm_rate"] == 1.0
    assert value["no_target_recall"] == 0.0
    assert value["acc@0.5"] == pytest.approx(1.0)
    assert value["acc@0.75"] == pytest.approx(7 / 8)
    assert value["grounding"] == pytest.approx((6 + 7 / 8 + 5 / 8 + 2 * 0.5) / 15)
    assert value["count_exact"] == pytest.approx(8 / 15)
    assert value["gIoU"] == pytest.approx((6 + 7 / 8 + 5 / 8 + 2 * 64 / 164) / 15)
    assert "status_answered" not in value
    assert metrics["protocols"]["visionreasoner"]["scores"]["bbox_AP"]["value"] == pytest.approx(10 / 15)
    assert metrics["statuses"]["answered"] == {"n": 15, "rate": 1.0}
    low, high = (metrics["scores"]["gIoU"][end] for end in ("low", "high"))
    assert low < value["gIoU"] < high
    targets = metrics["breakdowns"]["number of targets"]
    assert [(name, one["n"]) for name, one in targets.items()] == [("0", 5), ("1", 8), ("2–5", 2)]
    assert targets["2–5"]["scores"]["grounding"]["value"] == 0.5
    assert "ground size" not in metrics["breakdowns"]  # one group only
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
    rows = [json.loads(line) for line in (tmp_path / "out" / "per_sample.jsonl").read_text().splitlines()]
    assert sum(row["parts"]["grounding"][0] for row in rows) / 15 == pytest.approx(value["grounding"])


def test_missing_unknown_and_failed_predictions(tmp_path: Path) -> None:
    write_world(tmp_path, 6)
    lines = [*answers(4)[:3], {"id": "s3", "status": "truncated"}, {"id": "other"}]
    metrics = score(tmp_path, lines)
    assert (metrics["samples"]["missing"], metrics["samples"]["unknown_predictions"]) == (2, 1)
    assert metrics["samples"]["judged"] == 6
    assert metrics["scores"]["failure_rate"]["value"] == pytest.approx(3 / 6)
    assert metrics["statuses"]["unparseable"]["n"] == 2
    assert metrics["scores"]["grounding"]["value"] == pytest.approx(2 / 6)


def test_box_only_truth_has_no_mask_scores(tmp_path: Path) -> None:
    make_images(tmp_path, 4)
    bare = [{key: v for key, v in record(k).items() if key not in ("polygons", "attributes")} for k in range(6)]
    write_lines(tmp_path / "samples.jsonl", bare)
    metrics = score(tmp_path, answers(6))
    assert "grounding" in metrics["scores"]
    assert not {"gIoU", "cIoU", "P@0.5", "boundary_f"} & set(metrics["scores"])


def test_questions_and_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_images(tmp_path, 4)
    common = {"boxes": [], "query": "What?"}
    samples = [
        {**common, "id": "q0", "image": "0.png", "task": "vqa", "answer": "yes", "kind": "presence"},
        {**common, "id": "q1", "image": "0.png", "task": "vqa", "answer": "4", "kind": "count"},
        {**common, "id": "q2", "image": "1.png", "task": "vqa", "answer": "9", "kind": "count"},
        {**common, "id": "c0", "image": "2.png", "task": "caption", "answer": ["two ships in a harbour", "ships"]},
        {**common, "id": "c1", "image": "3.png", "task": "caption", "answer": "a long road through green fields"},
    ]
    write_lines(tmp_path / "samples.jsonl", samples)
    texts = {"q0": "Yes.", "q1": "four", "q2": "8", "c0": "two ships in a harbour", "c1": "a road"}
    monkeypatch.setenv("PATH", str(tmp_path))  # no Java: METEOR is slow and tested elsewhere
    metrics = score(tmp_path, [{"id": name, "text": text} for name, text in texts.items()])
    value = {name: one["value"] for name, one in metrics["scores"].items()}
    assert value["vqa_exact"] == pytest.approx(2 / 3)
    assert value["vqa_average"] == pytest.approx((1 + 1 / 2) / 2)
    assert value["vqa_rsvqa"] == 1.0
    assert value["bleu_1"] > value["bleu_4"] > 0
    assert 0 < value["cider_d"] < 10
    assert value["caption_words"] == 3.5
    assert "meteor" not in value
    assert metrics["scores"]["bleu_4"]["low"] is not None
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert "two ships in a harbour · ships" in page.words


def test_the_report_is_whole_and_harmless(tmp_path: Path) -> None:
    make_images(tmp_path, 4)
    samples = [{**record(k), "query": f"{k} {HOSTILE}", "category": HOSTILE + str(k % 2)} for k in range(12)]
    write_lines(tmp_path / "samples.jsonl", [*samples, "{ broken <script>"])
    lines = answers(12, reasoning=HOSTILE, completion=HOSTILE, votes=[{"boxes": RIGHT}, {"status": "refused"}])
    lines[3] |= {"status": "truncated", "boxes": [], "scores": [], "reason": HOSTILE}
    metrics = score(tmp_path, lines, title=HOSTILE, protocols=[PROTOCOLS["rmsin"]])
    assert metrics["consistency"]["n"] == 12
    text = (tmp_path / "out" / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert names.count("img") == 2 * 12  # truth and answer of every case
    assert names.count("svg") >= 5
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "action", "data"):
                assert (value or "").startswith("data:image/jpeg;base64,"), (tag, value)
    assert "url(" not in text
    assert "@import" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "<script>alert(1)</script>" in page.words  # shown, not run
    for words in ("Best", "Median", "Worst", "Failed", "Self-consistency", "Other protocols", "Invalid samples"):
        assert words in page.words, words
    assert "default-src 'none'" in text


def test_galleries_without_images_or_cases(tmp_path: Path) -> None:
    write_world(tmp_path, 6)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    score(tmp_path, answers(6))
    text = (tmp_path / "out" / "report.html").read_text()
    assert text.count("data:image/jpeg") == 12
    score(tmp_path, answers(6), gallery=0)
    assert "data:image/jpeg" not in (tmp_path / "out" / "report.html").read_text()


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").touch()
    metrics = score(tmp_path, [])
    assert metrics["scores"] == {}
    assert Page((tmp_path / "out" / "report.html").read_text()).open == []


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    write_world(tmp_path, 1)
    wrong = {"size": [5, 5], "counts": [25]}
    with pytest.raises(ResultFormatError, match="'s0': a mask of 5 x 5 px, its image has 32 x 24"):
        score(tmp_path, answers(1, masks=[wrong]))
    assert not list((tmp_path / "out").iterdir())


def test_broken_truth_is_invalid_not_fatal(tmp_path: Path) -> None:
    write_world(tmp_path, 3)
    Image.new("L", (9, 9)).save(tmp_path / "m.png")
    bare = {key: v for key, v in record(0).items() if key != "polygons"}
    write_lines(tmp_path / "samples.jsonl", [{**bare, "mask": "m.png"}, record(1), {**record(2), "boxes": 5}])
    metrics = score(tmp_path, answers(3))
    assert metrics["samples"]["invalid"] == 2
    assert [problem["line"] for problem in metrics["problems"]] == [1, 3]
    assert metrics["samples"]["judged"] == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    write_world(tmp_path, 1)
    (tmp_path / "out").touch()
    with pytest.raises(ExportError, match="cannot write"):
        score(tmp_path, answers(1))


def test_two_runs(tmp_path: Path) -> None:
    write_world(tmp_path, 15)
    score(tmp_path, answers(15), out="a")
    better = answers(15)
    for k in (2, 5, 8, 11, 14):
        better[k] = {"id": f"s{k}", "status": "no_target", "image_hw": [24, 32]}
    better[0] = {"id": "s0", "status": "refused"}
    score(tmp_path, better, out="b")
    found = compare_runs(tmp_path / "a", tmp_path / "b", resamples=200)
    assert (found.n, found.gained, found.lost) == (15, 5, 1)
    gap, above = found.differences["grounding"]
    assert gap.value == pytest.approx((5 - 1) / 15)
    assert gap.low is not None
    assert gap.low <= gap.value
    assert 0.5 < above <= 1
    assert not any(name.startswith("_") for name in found.differences)
    assert {flip.id for flip in found.flips if not flip.gained} == {"s0"}
    back = compare_runs(tmp_path / "b", tmp_path / "a", resamples=200)
    assert back.differences["grounding"][0].value == pytest.approx(-4 / 15)
    document = found.to_dict()
    assert document["differences"]["grounding"]["share_above_0"] == above
    json.dumps(document, allow_nan=False)


def test_runs_on_other_samples_do_not_compare(tmp_path: Path) -> None:
    write_world(tmp_path, 4)
    score(tmp_path, answers(4), out="a")
    rows = (tmp_path / "a" / "per_sample.jsonl").read_text()
    (tmp_path / "other.jsonl").write_text(rows.replace('"id":"s', '"id":"t'))
    with pytest.raises(UsageError, match="no sample in common"):
        compare_runs(tmp_path / "a", tmp_path / "other.jsonl")
    (tmp_path / "part.jsonl").write_text("".join(rows.splitlines(keepends=True)[1:]).replace('"id":"s3', '"id":"t3'))
    found = compare_runs(tmp_path / "a", tmp_path / "part.jsonl", resamples=20)
    assert (found.n, found.only_first, found.only_second) == (2, 2, 1)
    with pytest.raises(ResultFormatError, match="remotereasoner score"):
        compare_runs(tmp_path / "a", tmp_path / "absent")
    (tmp_path / "part.jsonl").write_text('{"id": "s0"}\n')
    with pytest.raises(ResultFormatError, match="line 1"):
        compare_runs(tmp_path / "a", tmp_path / "part.jsonl")
