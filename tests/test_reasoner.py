from __future__ import annotations

from collections.abc import Sequence

import pytest

from remotereasoner import InstanceMask, Reasoner, Sampling, Scene
from remotereasoner.errors import EngineError, UsageError
from remotereasoner.policy.base import Completion, Prompt
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.engines.scripted import ScriptedEngine
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import BoxXyxy, PointXy
from result_fixtures import MakeScene

TWO = "<think>Two round tanks.</think><answer>[[10,20,40,50],[60,20,90,50]]</answer>"


class CountingSegmenter(BoxSegmenter):
    """The box segmenter, counting how often it is asked and for how much."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        self.asked.append(len(boxes_xyxy))
        return super().segment(scene, boxes_xyxy, points_xy)


def reasoner(script: object, **options: object) -> tuple[Reasoner, ScriptedEngine, CountingSegmenter]:
    engine = ScriptedEngine(script, codec=codec_by_name("pixels"))  # type: ignore[arg-type]
    segmenter = CountingSegmenter()
    return Reasoner(engine, segmenter, **options), engine, segmenter  # type: ignore[arg-type]


def test_one_call_gives_every_granularity(make_scene: MakeScene) -> None:
    asker, engine, segmenter = reasoner(TWO)
    result = asker.ask(make_scene(), "Where is oil stored?")
    assert result.boxes == ((10.0, 20.0, 40.0, 50.0), (60.0, 20.0, 90.0, 50.0))
    assert [mask.mask.sum() for mask in result.masks] == [900, 900]
    assert [polygons.area for polygons in result.polygons] == [900.0, 900.0]
    result.to_geojson()
    result.contour_png()
    result.mask_tiff()
    assert engine.calls == 1
    assert len(engine.prompts_seen) == 1
    assert segmenter.asked == [2]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>Only fields.</think><answer>[]</answer>", "no_target"),
        ("<think>Hm.</think><answer>over there</answer>", "unparseable"),
    ],
)
def test_nothing_to_draw_costs_nothing(text: str, status: str, make_scene: MakeScene) -> None:
    asker, engine, segmenter = reasoner(text)
    result = asker.ask(make_scene(), "Where is oil stored?")
    assert (result.status, result.count, engine.calls, segmenter.asked) == (status, 0, 1, [])
    assert result.provenance.segmenter is None


def test_a_cut_off_answer_is_told_apart(make_scene: MakeScene) -> None:
    asker, _, segmenter = reasoner([Completion("<think>Two rou", "length", (120, 160))])
    assert asker.ask(make_scene(), "Where is oil stored?").status == "truncated"
    assert segmenter.asked == []


def test_questions_go_as_one_batch_and_come_back_in_order(make_scene: MakeScene) -> None:
    def reply(prompt: Prompt) -> str:
        x = int(prompt.question.split()[-1])
        return f"<think>{x}</think><answer>[[{x},0,{x + 10},10]]</answer>"

    asker, engine, segmenter = reasoner(reply)
    results = asker.ask_many(make_scene(), [f"What is at {x}" for x in (50, 10, 30)])
    assert [result.boxes[0][0] for result in results] == [50.0, 10.0, 30.0]
    assert engine.calls == 1
    assert segmenter.asked == [1, 1, 1]
    assert asker.ask_many(make_scene(), []) == []
    assert engine.calls == 1


def test_words(make_scene: MakeScene) -> None:
    asker, _, segmenter = reasoner("<think>I count.</think><answer>three</answer>")
    answer = asker.answer_question(make_scene(), "How many?")
    assert (answer.task, answer.text, answer.reasoning) == ("vqa", "three", "I count.")
    caption = asker.caption(make_scene())
    assert (caption.task, caption.text) == ("caption", "three")
    assert segmenter.asked == []


def test_provenance_says_what_was_done(make_scene: MakeScene) -> None:
    sampling = Sampling(temperature=0.7, seed=3)
    asker, engine, _ = reasoner(TWO, sampling=sampling)
    result = asker.ask(make_scene(), "Where is oil stored?")
    told = result.provenance
    assert told.model == engine.identity
    assert told.sampling == engine.prompts_seen[0].sampling == sampling
    assert told.prompt_user == engine.prompts_seen[0].user
    assert "Where is oil stored?" in told.prompt_user
    assert len(told.prompt_sha256) == 64
    assert {"remotereasoner", "python", "numpy", "rasterio", "gdal"} <= set(told.versions)
    assert told.started_utc <= told.finished_utc
    assert told.finished_utc.endswith("Z")
    assert told.seconds["total"] >= told.seconds["policy"] >= 0
    assert result.rendering.source == "noise.tif"
    assert result.completion.text == TWO


def test_engines_that_lose_answers_are_caught(make_scene: MakeScene) -> None:
    class Forgetful(ScriptedEngine):
        def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
            return super().generate(prompts)[:-1]

    asker = Reasoner(Forgetful(TWO, codec=codec_by_name("pixels")), BoxSegmenter())
    with pytest.raises(EngineError, match="0 answers to 1"):
        asker.ask(make_scene(), "Where?")


def test_load_takes_names_and_refuses_others(tmp_path: object) -> None:
    with pytest.raises(UsageError):
        Reasoner.load("no such engine", "box")
    script = f"{tmp_path}/answer.txt"
    with open(script, "w") as file:  # noqa: PTH123
        file.write(TWO)
    assert Reasoner.load(f"scripted:{script}", "box").segmenter.name == "box"
    with pytest.raises(UsageError):
        Reasoner.load(f"scripted:{script}", "pencil")
