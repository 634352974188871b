from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from remotereasoner.errors import CheckpointError, MissingExtraError, ModelNotFoundError, UsageError
from remotereasoner.policy.base import Prompt, Sampling
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.codec_families import Qwen3VLCodec, Qwen25VLCodec
from remotereasoner.policy.engines.checkpoint import inspect_checkpoint
from remotereasoner.policy.engines.hf import TransformersEngine
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt

SIZES = [(60, 90), (200, 300), (512, 100)]


@pytest.fixture(scope="module", params=["tiny_qwen25", "tiny_qwen3", "tiny_internvl"])
def engine(request: pytest.FixtureRequest) -> TransformersEngine:
    return TransformersEngine.from_pretrained(str(request.getfixturevalue(request.param)), device="cpu")


@pytest.fixture(scope="module")
def engine25(tiny_qwen25: Path) -> TransformersEngine:
    return TransformersEngine.from_pretrained(str(tiny_qwen25), device="cpu")


@pytest.fixture
def folder(tiny_qwen25: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_qwen25, tmp_path / "copy"))


def prompts_for(engine: TransformersEngine, *, tokens: int = 5, **sampling: Any) -> list[Prompt]:
    rng = np.random.default_rng(0)
    return [
        build_prompt(
            "locate",
            f"where is number {'1' * (i + 1)}?",
            rng.integers(0, 255, (*hw, 3), dtype=np.uint8),
            engine.codec,
            sampling=Sampling(max_new_tokens=tokens, **sampling),
        )
        for i, hw in enumerate(SIZES)
    ]


def test_batch_equals_single_and_the_frame_is_the_codecs(engine: TransformersEngine) -> None:
    prompts = prompts_for(engine)
    together = engine.generate(prompts)
    for prompt, completion, hw in zip(prompts, together, SIZES, strict=True):
        (alone,) = engine.generate([prompt])
        assert alone.text == completion.text and alone.text
        assert alone.prompt_tokens == completion.prompt_tokens
        assert alone.completion_tokens == completion.completion_tokens
        assert completion.grid_hw == engine.codec.grid_hw(hw)
        answer = parse_completion(completion, task="locate", codec=engine.codec, image_hw=hw)
        assert answer.status in ("answered", "no_target", "unparseable", "truncated", "refused")


def test_prompt_tokens_count_the_image(engine: TransformersEngine) -> None:
    small, large = (
        build_prompt(
            "caption", "", np.zeros((*hw, 3), dtype=np.uint8), engine.codec, sampling=Sampling(max_new_tokens=1)
        )
        for hw in ((128, 128), (256, 256))
    )
    few, many = engine.generate([small, large])
    assert few.prompt_tokens is not None and many.prompt_tokens is not None
    if engine.codec.name == "internvl":
        assert few.prompt_tokens == many.prompt_tokens  # one tile each, whatever the size
        return
    side = 28 if isinstance(engine.codec, Qwen25VLCodec) else 32

    def tokens(grid_hw: tuple[int, int]) -> int:
        return grid_hw[0] * grid_hw[1] // side**2

    assert many.prompt_tokens - few.prompt_tokens == tokens(many.grid_hw) - tokens(few.grid_hw) > 0


def test_the_image_is_seen(engine: TransformersEngine) -> None:
    """The same question of two images gives other numbers inside: the picture reaches the model."""
    model, processor = engine._parts.model, engine._parts.processor
    black, noise = np.zeros((112, 112, 3), np.uint8), np.random.default_rng(1).integers(0, 255, (112, 112, 3), np.uint8)
    logits = []
    for image in (black, noise):
        inputs = engine._inputs([build_prompt("locate", "where?", image, engine.codec)])
        if engine.codec.name != "internvl":
            images = (inputs["input_ids"] == processor.image_token_id).sum()
            assert int(images) == int(inputs["mm_token_type_ids"].sum())
        with torch.inference_mode():
            logits.append(model(**inputs).logits[0, -1])
    assert float((logits[0] - logits[1]).abs().max()) > 1e-6


def test_greedy_ignores_what_the_checkpoint_samples_with(engine25: TransformersEngine) -> None:
    """The checkpoint ships do_sample, top_k and a repetition penalty; argmax of the logits is what counts."""
    (prompt, *_) = prompts_for(engine25, tokens=4)
    (completion,) = engine25.generate([prompt])
    inputs = engine25._inputs([prompt])
    model, tokenizer = engine25._parts.model, engine25._parts.processor.tokenizer
    ids: list[int] = []
    for _ in range(4):
        with torch.inference_mode():
            ids.append(int(model(**inputs).logits[0, -1].argmax()))
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([[ids[-1]]])], dim=1)
        for name, value in (("attention_mask", 1), ("mm_token_type_ids", 0)):
            inputs[name] = torch.cat([inputs[name], torch.tensor([[value]])], dim=1)
    assert completion.text == tokenizer.decode(ids)


def test_seeded_sampling_does_not_depend_on_the_neighbours(engine25: TransformersEngine) -> None:
    prompts = prompts_for(engine25, temperature=1.0, seed=7)
    state = torch.random.get_rng_state()
    forward = engine25.generate(prompts)
    backward = engine25.generate(prompts[::-1])[::-1]
    assert [c.text for c in forward] == [c.text for c in backward]
    assert torch.equal(state, torch.random.get_rng_state())
    other = engine25.generate(prompts_for(engine25, temperature=1.0, seed=8))
    assert [c.text for c in other] != [c.text for c in forward]


def test_end_token_or_limit(engine25: TransformersEngine) -> None:
    tokenizer = engine25._parts.processor.tokenizer
    word = tokenizer.encode("ship")
    assert engine25._read([*word, tokenizer.eos_token_id, tokenizer.pad_token_id]) == ("ship", "stop", len(word) + 1)
    assert engine25._read(word) == ("ship", "length", len(word))
    assert engine25._read([tokenizer.convert_tokens_to_ids("<|vision_start|>"), *word])[0] == "<|vision_start|>ship"
    (completion,) = engine25.generate(prompts_for(engine25, tokens=3)[:1])
    assert completion.completion_tokens is not None and completion.completion_tokens <= 3
    assert engine25.generate([]) == []


def test_identity_and_codec(engine25: TransformersEngine, tiny_qwen25: Path) -> None:
    identity = engine25.identity
    assert identity.engine == "transformers" and identity.model == str(tiny_qwen25)
    assert identity.revision == inspect_checkpoint(tiny_qwen25).digest
    assert (identity.family, identity.dtype, identity.device) == ("qwen2_5_vl", "float32", "cpu")
    assert engine25.codec == Qwen25VLCodec(min_pixels=3_136, max_pixels=100_352)


def test_settings(tiny_qwen25: Path, tiny_qwen3: Path) -> None:
    small = TransformersEngine.from_pretrained(
        str(tiny_qwen25), device="cpu", dtype="bfloat16", max_pixels=12_544, attention="eager", codec="remotereasoner"
    )
    assert small.codec == Qwen25VLCodec(style="lists", min_pixels=3_136, max_pixels=12_544)
    (completion, *_) = small.generate(prompts_for(small, tokens=2))
    assert completion.grid_hw == small.codec.grid_hw(SIZES[0]) == (56, 84)
    assert small.identity.dtype == "bfloat16"
    other = TransformersEngine.from_pretrained(str(tiny_qwen3), codec="0-1", min_pixels=10_000)
    assert other.codec == codec_by_name("0-1")
    fixed = Qwen3VLCodec(max_pixels=70_000)
    assert TransformersEngine.from_pretrained(str(tiny_qwen3), codec=fixed).codec is fixed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dtype": "int3"}, "bfloat16"),
        ({"quantization": "2bit"}, "8bit, 4bit"),
        ({"attention": "kernels-community/flash-attn"}, "eager, sdpa"),
        ({"batch_size": 0}, "batch_size"),
        ({"device": "gpu"}, "device"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"max_pixels": 10}, "min_pixels <= max_pixels"),
        ({"codec": "nope"}, "nope"),
    ],
)
def test_settings_that_are_refused(tiny_qwen25: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        TransformersEngine.from_pretrained(str(tiny_qwen25), **options)


def test_quantisation_names_what_is_missing(tiny_qwen25: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remotereasoner.policy.engines.hf_model.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[quantize\]"):
        TransformersEngine.from_pretrained(str(tiny_qwen25), quantization="4bit")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no folder"):
        TransformersEngine.from_pretrained(str(tmp_path / "nothing"))


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_weight_that_is_missing(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    # as large as before, so that only the names tell
    weights = {("stray" if "q_proj.weight" in name and "layers.0" in name else name): t for name, t in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="lacks 1 of the model's weights"):
        TransformersEngine.from_pretrained(str(folder))


def test_a_weight_of_another_shape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "q_proj.weight" in name)
    weights[name] = torch.zeros(17, 16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError):
        TransformersEngine.from_pretrained(str(folder))


def test_a_configuration_larger_than_the_weights(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 2_000_000_000
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="describes a model of"):
        TransformersEngine.from_pretrained(str(folder))


def test_code_in_the_checkpoint_is_not_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    auto_map = {"AutoConfig": "own.Config", "AutoModelForImageTextToText": "own.Model", "AutoProcessor": "own.P"}
    change_json(folder / "config.json", auto_map=auto_map)
    change_json(folder / "preprocessor_config.json", auto_map={"AutoProcessor": "own.P", "AutoImageProcessor": "own.P"})
    change_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.T", "own.T"]})
    TransformersEngine.from_pretrained(str(folder))  # the stock classes are taken instead
    change_json(folder / "config.json", model_type="own")
    with pytest.raises(CheckpointError, match="configuration"):
        TransformersEngine.from_pretrained(str(folder))
    assert not marker.exists()


def test_text_only_models_and_missing_parts_are_refused(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="chat template"):
        TransformersEngine.from_pretrained(str(folder))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="processor"):
        TransformersEngine.from_pretrained(str(folder))
    change_json(folder / "config.json", model_type="llama")
    with pytest.raises(CheckpointError, match="takes no images"):
        TransformersEngine.from_pretrained(str(folder))
