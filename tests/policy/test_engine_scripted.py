from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.errors import EngineError
from remotereasoner.policy.base import Completion, Prompt
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.engines.scripted import ScriptedEngine
from remotereasoner.policy.prompts import build_prompt

CODEC = codec_by_name("qwen2.5-vl")
IMAGE = np.zeros((512, 300, 3), dtype=np.uint8)


def prompts(*questions: str) -> list[Prompt]:
    return [build_prompt("locate", question, IMAGE, CODEC) for question in questions]


def test_one_text_for_all() -> None:
    engine = ScriptedEngine("<answer>[]</answer>", codec=CODEC)
    completions = engine.generate(prompts("a", "b")) + engine.generate(prompts("c"))
    assert [c.text for c in completions] == ["<answer>[]</answer>"] * 3
    assert completions[0] == Completion("<answer>[]</answer>", "stop", CODEC.grid_hw((512, 300)))
    assert engine.calls == 2 and [p.question for p in engine.prompts_seen] == ["a", "b", "c"]
    assert engine.identity.engine == "scripted" and engine.identity.family == "qwen2.5-vl"
    assert engine.codec is CODEC


def test_sequence_is_used_up_in_order() -> None:
    cut_off = Completion("<think>", "length", (1, 1))
    engine = ScriptedEngine(["one", cut_off], codec=CODEC)
    assert engine.generate(prompts("a"))[0].text == "one"
    assert engine.generate(prompts("b")) == [cut_off]
    with pytest.raises(EngineError, match="2 replies"):
        engine.generate(prompts("c"))


def test_function_of_the_prompt() -> None:
    engine = ScriptedEngine(lambda prompt: prompt.question.upper(), codec=CODEC)
    assert [c.text for c in engine.generate(prompts("a", "b"))] == ["A", "B"]
    assert engine.generate([]) == [] and engine.calls == 2
