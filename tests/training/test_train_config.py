from __future__ import annotations

from pathlib import Path

import pytest

from remotereasoner.errors import UsageError
from remotereasoner.training.config import config_from_mapping, load_config
from remotereasoner.training.options import LANGUAGE_LINEARS, generation_names, lora_config, trainer_arguments

ROOT = Path(__file__).parents[2]
MINIMAL = {"model": {"name": "m"}, "data": {"train": "t.jsonl"}, "output_dir": "out"}
CPU = {"use_cpu": True, "bf16": False}


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trianer": {}}, "trianer is not a key: did you mean trainer?"),
        ({"model": {"name": "m", "max_pixel": 3}}, "model.max_pixel is not a key: did you mean max_pixels?"),
        ({"model": {}}, "model.name is missing"),
        ({"model": {"name": "m", "dtype": "fp8"}}, "model.dtype"),
        ({"data": {"train": "t", "limit": 0}}, "data.limit"),
        ({"evaluation": {"metric": "loss?"}}, "evaluation.metric"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        config_from_mapping(MINIMAL | change)


def test_scientific_numbers_are_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path, "model: {name: m}\ndata: {train: t}\noutput_dir: o\ntrainer: {learning_rate: 1e-6, a: 2E+3}\n"
    )
    assert load_config(path).trainer == {"learning_rate": 1e-6, "a": 2000.0}


def test_overrides_win(tmp_path: Path) -> None:
    path = write(tmp_path, "model: {name: m}\ndata: {train: t}\noutput_dir: o\n")
    config = load_config(path, ["trainer.max_steps=3", "model.name=other", "lora.r=4"])
    assert (config.trainer, config.model.name, config.lora) == ({"max_steps": 3}, "other", {"r": 4})


@pytest.mark.parametrize("override", ["trainer.max_steps", "=3", "a..b=1", "model.name.x=1", "output_dir.x=2"])
def test_bad_overrides(tmp_path: Path, override: str) -> None:
    path = write(tmp_path, "model: {name: m}\ndata: {train: t}\noutput_dir: o\n")
    with pytest.raises(UsageError):
        load_config(path, [override])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", "keys and values"),
        ("a: [1\n", "no valid YAML"),
        ("output_dir: a\noutput_dir: b\n", "stands twice"),
        ("a: !!python/object/apply:os.system ['true']\n", "no valid YAML"),
        ("[" * 5000, "no valid YAML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_config(write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"trainer": {"learning_rat": 1}}, "did you mean learning_rate"),
        ({"trainer": {"num_generations": 4}}, "belongs under generation"),
        ({"trainer": {"output_dir": "x"}}, "set elsewhere"),
        ({"generation": {"temprature": 1}}, "did you mean temperature"),
        ({"generation": {"learning_rate": 1}}, "not an option"),
        ({"trainer": {"per_device_train_batch_size": 3}, "generation": {"num_generations": 2}}, "divisible"),
        ({"trainer": {"eval_strategy": "steps"}}, "no data.val"),
        ({"trainer": {"num_iterations": 2, "save_steps": 3}, "generation": {"num_generations": 2}}, "multiple of 2"),
    ],
)
def test_options_of_trl_are_checked(section: dict[str, dict[str, object]], told: str) -> None:
    trainer = {"trainer": {**CPU, **section.get("trainer", {})}}
    with pytest.raises(UsageError, match=told):
        trainer_arguments("grpo", config_from_mapping(MINIMAL | section | trainer))


def test_a_validation_turns_the_best_checkpoint_on(tmp_path: Path) -> None:
    data = {"train": "t", "val": "v"}
    config = config_from_mapping(
        MINIMAL | {"data": data, "output_dir": str(tmp_path), "trainer": {**CPU, "save_steps": 7}}
    )
    arguments = trainer_arguments("grpo", config)
    assert arguments.load_best_model_at_end and arguments.metric_for_best_model == "eval_reward"
    assert arguments.eval_steps == arguments.save_steps == 7


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft still reads it
def test_lora_targets_the_language_layers_only(tiny_policy: Path) -> None:
    from peft import get_peft_model

    from remotereasoner.policy.engines.hf_model import load_model

    model = load_model(tiny_policy, dtype="auto", device="cpu", quantization=None, attention=None).model
    wrapped = get_peft_model(model, lora_config({"r": 2}))
    touched = {name for name, parameter in wrapped.named_parameters() if parameter.requires_grad}
    assert len(touched) == 2 * 2 * 7 and not any("visual" in name for name in touched)


def test_lora_options_are_checked() -> None:
    assert lora_config(None) is None
    with pytest.raises(UsageError, match="did you mean lora_alpha"):
        lora_config({"lora_alhpa": 3})
    assert lora_config({"target_modules": ["q_proj"]}).target_modules == {"q_proj"}
    assert lora_config({}).target_modules == LANGUAGE_LINEARS


def test_generation_holds_what_draws_completions() -> None:
    assert {"num_generations", "temperature", "top_p", "use_vllm", "vllm_mode"} <= generation_names()
    assert "learning_rate" not in generation_names()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    method = "sft" if path.stem.endswith("sft") else "grpo"
    config = load_config(path, ["trainer.use_cpu=true", "trainer.bf16=false"])
    arguments = trainer_arguments(method, config)  # type: ignore[arg-type]
    assert arguments.learning_rate == config.trainer["learning_rate"]
    lora_config(config.lora)


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_its_files(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(path))
    assert config.num_processes in (2, 8, 16)


def test_the_reference_recipe_is_the_reference_recipe() -> None:
    config = load_config(ROOT / "configs" / "remotereasoner-7b.yaml", ["trainer.use_cpu=true", "trainer.bf16=false"])
    arguments = trainer_arguments("grpo", config)
    assert config.lora == {"r": 8, "lora_alpha": 16} and config.model.max_pixels == 802_816
    assert (arguments.learning_rate, arguments.beta, arguments.loss_type) == (1e-6, 0.04, "grpo")
    assert (arguments.num_generations, arguments.temperature, arguments.num_train_epochs) == (4, 0.9, 24)
