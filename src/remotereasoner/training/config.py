"""What a training run is: one YAML file, checked before anything is loaded.

Our own keys are few; TRL's and PEFT's options go under ``trainer``, ``generation`` and ``lora`` by their own names.
Unknown keys are refused, with the nearest known one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remotereasoner.errors import MissingExtraError, UsageError
from remotereasoner.training.nearest import did_you_mean

try:
    import yaml
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "Training") from error

__all__ = [
    "DataConfig",
    "EvaluationConfig",
    "ModelConfig",
    "RewardsConfig",
    "TrainConfig",
    "config_from_mapping",
    "load_config",
]

Method = Literal["sft", "grpo"]
_MAX_CONFIG_BYTES = 2**20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """The checkpoint that learns."""

    name: str = Field(min_length=1)
    """A folder, or OWNER/NAME of the model hub."""
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights in memory; ``auto``: as stored."""
    attention: str | None = None
    """``sdpa``, ``flash_attention_2``, …; None: the model's own choice."""
    min_pixels: int | None = Field(None, ge=1)
    max_pixels: int | None = Field(None, ge=1)
    """Limits of the image's resize in place of the checkpoint's; prompts, codec and processor follow together."""
    codec: str | None = None
    """How it writes coordinates, where its configuration does not tell."""
    freeze: tuple[str, ...] = ()
    """Regular expressions: parameters whose name they find are not trained. For runs without ``lora``."""
    local_files_only: bool = False


class RewardsConfig(_Section):
    """What is rewarded."""

    preset: str = "default"
    weights: dict[str, float] = {}
    """In place of the preset's, by the name of the reward."""
    segmenter: str | None = None
    """Turns boxes into masks, for presets that judge masks."""
    segmenter_device: str | None = None
    """``cuda:1``, …; None: the segmenter's own choice."""


class DataConfig(_Section):
    """Sample files."""

    train: Path
    val: Path | None = None
    root: Path | None = None
    """Where the images lie; None: the folder of each sample file."""
    limit: int | None = Field(None, ge=1)
    """Use this many training samples, drawn by ``seed``."""
    seed: int = 0


class EvaluationConfig(_Section):
    """Greedy answers to the questions of ``data.val``, every ``trainer.eval_steps``."""

    limit: int | None = Field(None, ge=1)
    """Use this many, the same ones each time."""
    batch_size: int = Field(8, ge=1)
    """Prompts at once, per process."""
    max_new_tokens: int | None = Field(None, ge=1)
    """None: ``generation.max_completion_length``, 512 for the supervised start."""
    metric: Literal["reward", "giou", "f1", "loss"] = "reward"
    """What the best checkpoint is best in."""


class TrainConfig(_Section):
    """One run."""

    model: ModelConfig
    data: DataConfig
    output_dir: Path
    lora: dict[str, Any] | None = None
    """Options of ``peft.LoraConfig`` by their own names; None trains the whole model."""
    rewards: RewardsConfig = RewardsConfig()
    generation: dict[str, Any] = {}
    """Options of ``trl.GRPOConfig`` on how completions are drawn; the supervised start has none."""
    evaluation: EvaluationConfig = Field(default_factory=lambda: EvaluationConfig.model_validate({}))
    trainer: dict[str, Any] = {}
    """All other options of ``trl.GRPOConfig`` or ``trl.SFTConfig``, by their own names."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which 1e-6 is a number and a key that stands twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for position, key in enumerate(keys) if key in keys[:position]), None)
        if twice is not None:
            raise UsageError(f"the key {twice!r} stands twice (line {node.start_mark.line + 1} and after)")
        content: dict[Any, Any] = super().construct_mapping(node, deep)
        return content


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML file; ``overrides`` such as ``trainer.max_steps=3`` win over it. Raises UsageError."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise UsageError(f"{path} is larger than {_MAX_CONFIG_BYTES} bytes: it is no configuration")
        content = _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold keys and values (model, data, output_dir, …)")
    for override in overrides:
        _set(content, override)
    return config_from_mapping(content)


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{where} is no valid YAML: {error}") from error


def _set(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    *parents, last = key.strip().split(".")
    if not separator or not all((*parents, last)):
        raise UsageError(f"--set {override!r} should be KEY=VALUE, such as trainer.max_steps=100")
    section: Any = content
    for name in parents:
        section = section.setdefault(name, {}) if isinstance(section, dict) else None
        if section is None:
            raise UsageError(f"--set {override!r}: {name} holds no keys")
    if not isinstance(section, dict):
        raise UsageError(f"--set {override!r}: {'.'.join(parents)} holds no keys")
    section[last] = _parse(text, f"--set {override!r}")


def config_from_mapping(content: Mapping[str, Any]) -> TrainConfig:
    """The configuration that ``content`` means. Raises UsageError that names every key that is wrong."""
    try:
        return TrainConfig.model_validate(dict(content))
    except ValidationError as error:
        raise UsageError("; ".join(_told(problem) for problem in error.errors())) from error


def _told(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, last = problem["loc"]
        return f"{where} is not a key{did_you_mean(str(last), _known(parents))}"
    if problem["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {problem['msg'].removeprefix('Input should be ')} (it is {problem['input']!r})"


def _known(parents: Sequence[object]) -> list[str]:
    section: Any = TrainConfig
    for name in parents:
        section = section.model_fields[str(name)].annotation
    return list(section.model_fields)
