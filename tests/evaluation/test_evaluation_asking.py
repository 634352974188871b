"""Who is asked, in which order, with which others, and what becomes of samples that cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation_world import ANSWER, make_images, record, write_lines, write_world
from remotereasoner.errors import EngineError, SampleError
from remotereasoner.evaluation.asking import Asker, AskOptions, chosen_ordinals, root_of
from remotereasoner.evaluation.predictions import Invalid, Prediction, PredictionLog, PredictionTable, read_predictions
from remotereasoner.evaluation.run_file import inspect_samples
from remotereasoner.policy.base import Completion, Prompt
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.engines.scripted import ScriptedEngine
from remotereasoner.reasoner import Reasoner
from remotereasoner.transform.box import BoxSegmenter


def run(samples: Path, out: Path, engine: ScriptedEngine, options: AskOptions, limit: int | None = None) -> list[int]:
    file = inspect_samples(samples)
    with PredictionLog(out) as log, PredictionTable(out) as done:
        asker = Asker(Reasoner(engine, BoxSegmenter()), log, done, options)
        return list(asker.run(file, chosen_ordinals(file.n_records, limit, None)))


def scripted(reply: object = ANSWER) -> ScriptedEngine:
    return ScriptedEngine(reply, codec=codec_by_name("pixels"))  # type: ignore[arg-type]


def test_questions_on_one_image_go_together_and_in_order(tmp_path: Path) -> None:
    samples = write_world(tmp_path, 7)
    engine = scripted()
    steps = run(samples, tmp_path / "p.jsonl", engine, AskOptions(root=tmp_path, batch=2))
    assert sum(steps) == 7
    assert steps == [2, 1, 2, 1, 1]
    entries = list(read_predictions(tmp_path / "p.jsonl"))
    assert [entry.id for entry in entries] == [f"s{k}" for k in range(7)]
    first = entries[0]
    assert isinstance(first, Prediction)
    assert (first.status, first.boxes, first.image_hw) == ("answered", ((4.0, 4.0, 12.0, 12.0),), (24, 32))
    assert first.completion == ANSWER
    assert first.masks is not None
    assert first.masks[0].area_px == 64
    assert engine.calls == 5


def test_what_is_answered_is_not_asked_again(tmp_path: Path) -> None:
    samples = write_world(tmp_path, 9)
    path = tmp_path / "p.jsonl"
    run(samples, path, scripted(), AskOptions(root=tmp_path), limit=4)
    before = path.read_text()
    engine = scripted()
    run(samples, path, engine, AskOptions(root=tmp_path))
    assert path.read_text().startswith(before)
    assert [entry.id for entry in read_predictions(path)] == [f"s{k}" for k in range(9)]
    # s3 was there: its image's questions are asked as before, in one batch, and only the new answers are kept.
    assert [prompt.question for prompt in engine.prompts_seen] == [f"Where is square {k}?" for k in range(3, 9)]
    again = scripted()
    run(samples, path, again, AskOptions(root=tmp_path))
    assert again.calls == 0


def test_a_failing_engine_keeps_what_was_answered(tmp_path: Path) -> None:
    samples = write_world(tmp_path, 9)
    with pytest.raises(EngineError):
        run(samples, tmp_path / "p.jsonl", scripted([ANSWER] * 4), AskOptions(root=tmp_path))
    assert len(list(read_predictions(tmp_path / "p.jsonl"))) == 3


def bad_lines(tmp_path: Path) -> Path:
    make_images(tmp_path, 1)
    Image.fromarray(np.zeros((5, 5), dtype=np.uint8)).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
    masked = {key: value for key, value in record(0).items() if key != "polygons"}
    return write_lines(
        tmp_path / "samples.jsonl",
        [
            record(0),
            "",
            "{ broken",
            {**record(1), "image": "absent.png"},
            {**record(2), "image": "broken.png"},
            {**masked, "id": "m", "mask": "small.png"},
            {**record(3), "boxes": [[0, 0, 1e999, 5]], "polygons": None},
            {**record(4), "colour": "red"},
            {**record(0)},
            {**record(5), "image": "0.png", "query": "\u200b\u200e"},
            {**record(6), "image": "0.png"},
        ],
    )


def test_invalid_samples_are_named_and_passed_over(tmp_path: Path) -> None:
    samples = bad_lines(tmp_path)
    path = tmp_path / "p.jsonl"
    for _ in range(2):  # a second run adds nothing
        steps = run(samples, path, scripted(), AskOptions(root=tmp_path))
        assert sum(steps) == 10
    entries = list(read_predictions(path))
    assert [entry.id for entry in entries if isinstance(entry, Prediction)] == ["s0", "s6"]
    invalid = {entry.line: entry for entry in entries if isinstance(entry, Invalid)}
    words = {
        3: "not JSON", 4: "absent.png", 5: "broken.png", 6: "has 5 x 5 px, its image 32 x 24",
        7: "Infinity", 8: "unknown field 'colour'", 9: "earlier line", 10: "no readable character",
    }  # fmt: skip
    assert set(invalid) == set(words)
    for line, part in words.items():
        assert part in invalid[line].reason, line
    assert invalid[4].id == "s1"


def test_strict_stops_at_the_first(tmp_path: Path) -> None:
    samples = bad_lines(tmp_path)
    with pytest.raises(SampleError, match=r"samples\.jsonl, line 3: not JSON"):
        run(samples, tmp_path / "p.jsonl", scripted(), AskOptions(root=tmp_path, strict=True))
    lines = samples.read_text().splitlines()
    samples.write_text("\n".join([lines[0], "", *lines[3:]]))
    with pytest.raises(SampleError, match=r"samples\.jsonl, line 3: image absent\.png"):
        run(samples, tmp_path / "q.jsonl", scripted(), AskOptions(root=tmp_path, strict=True))


def test_an_image_that_the_policy_refuses_is_no_failure_of_the_run(tmp_path: Path) -> None:
    write_world(tmp_path, 1)
    Image.fromarray(np.zeros((2, 900, 3), dtype=np.uint8)).save(tmp_path / "long.png")
    samples = write_lines(tmp_path / "l.jsonl", [{**record(0), "image": "long.png"}, record(1)])
    engine = ScriptedEngine(ANSWER, codec=codec_by_name("qwen2.5-vl"))
    run(samples, tmp_path / "p.jsonl", engine, AskOptions(root=tmp_path))
    entries = list(read_predictions(tmp_path / "p.jsonl"))
    assert [type(entry) for entry in entries] == [Invalid, Prediction]


def test_votes_are_sampled_each_with_its_own_seed(tmp_path: Path) -> None:
    samples = write_world(tmp_path, 2)

    def reply(prompt: Prompt) -> Completion | str:
        if prompt.sampling.temperature == 0:
            return ANSWER
        return f"<think>.</think><answer>[[4,4,12,{10 + (prompt.sampling.seed or 0)}]]</answer>"

    engine = scripted(reply)
    run(samples, tmp_path / "p.jsonl", engine, AskOptions(root=tmp_path, votes=2, vote_temperature=0.9))
    first = next(read_predictions(tmp_path / "p.jsonl"))
    assert isinstance(first, Prediction)
    assert [vote.boxes[0][3] for vote in first.votes] == [11.0, 12.0]
    assert {prompt.sampling.temperature for prompt in engine.prompts_seen} == {0.0, 0.9}


def test_no_masks_where_none_are_wanted(tmp_path: Path) -> None:
    samples = write_world(tmp_path, 1)
    run(samples, tmp_path / "p.jsonl", scripted(), AskOptions(root=tmp_path, masks=False))
    assert "masks" not in json.loads((tmp_path / "p.jsonl").read_text())


def test_choices() -> None:
    assert chosen_ordinals(10, None, 1) is None
    assert chosen_ordinals(10, 10, None) is None
    assert chosen_ordinals(10, 3, None) == {0, 1, 2}
    drawn = chosen_ordinals(1000, 20, 7)
    assert drawn is not None
    assert len(drawn) == 20
    assert drawn == chosen_ordinals(1000, 20, 7) != chosen_ordinals(1000, 20, 8)
    assert root_of(Path("a/b.jsonl"), None) == Path("a")
    assert root_of(Path("a/b.jsonl"), Path("c")) == Path("c")
