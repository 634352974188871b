"""A LoRA folded into its base model: a checkpoint of its own in safetensors, as every engine loads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from remotereasoner.errors import CheckpointError, ExportError, MissingExtraError, UsageError
from remotereasoner.policy.engines.checkpoint import inspect_checkpoint
from remotereasoner.policy.engines.hub import fetch_checkpoint
from remotereasoner.training.checkpoints import MANIFEST_NAME, publish, staging_path
from remotereasoner.training.renamed import without_renaming_warnings

try:
    from peft import PeftModel
    from safetensors import SafetensorError

    from remotereasoner.policy.engines.hf_model import load_model
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "Merging a LoRA") from error

__all__ = ["merge"]

_ADAPTER = "adapter_config.json"
# Everything of a checkpoint that is neither weights nor the model's configuration: tokenizer, processor, templates.
_BESIDE = ("*.json", "*.jinja", "*.txt", "*.model")
_NOT_BESIDE = ("config.json", "model.safetensors.index.json", _ADAPTER)


def merge(adapter: Path, out: Path, *, base: str | None = None, dtype: str = "auto") -> Path:
    """Fold the LoRA in ``adapter`` (a checkpoint of a run, or its ``final``) into its base and write ``out``.

    ``base``: where the base model lies now, None: where it lay when the run began. ``dtype``: of the weights written;
    ``auto``: as the base stores them. The processor's files are the base's, with the pixel limits of the run.
    Raises UsageError where ``out`` exists, CheckpointError for what is no LoRA or does not fit, ModelNotFoundError
    without the base, ExportError where the disk refuses.
    """
    if out.exists():
        raise UsageError(f"{out} exists: merge into a new folder")
    settings = _settings(adapter)
    if _is_of_the_embedded_model(adapter):
        from remotereasoner.training.nano.combine import combine_into

        return combine_into(adapter, out, None if base is None else Path(base))
    where = base if base is not None else str(settings.get("base_model_name_or_path"))
    folder, _ = fetch_checkpoint(
        where, revision=settings.get("revision") if base is None else None, local_files_only=False
    )
    loaded = load_model(folder, dtype=dtype, device="cpu", quantization=None, attention=None)
    try:
        with without_renaming_warnings():
            wrapped = PeftModel.from_pretrained(loaded.model, str(adapter))
        merged: Any = wrapped.merge_and_unload(safe_merge=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"the LoRA in {adapter} does not fit {folder}: {error}") from error
    staging = staging_path(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        merged.save_pretrained(staging)
        _copy_beside(folder, staging)
        _write_limits(adapter, staging)
        if (adapter / MANIFEST_NAME).is_file():
            shutil.copy2(adapter / MANIFEST_NAME, staging / MANIFEST_NAME)
    except OSError as error:
        raise ExportError(f"the merged model could not be written to {out}: {error.strerror or error}") from error
    inspect_checkpoint(staging)
    publish(out)
    return out


def _settings(adapter: Path) -> dict[str, Any]:
    if not adapter.is_dir():
        raise CheckpointError(f"there is no folder {adapter}")
    if not (adapter / _ADAPTER).is_file():
        if (adapter / "config.json").is_file():
            raise CheckpointError(f"{adapter} holds a whole model: there is nothing to merge, it can be used as it is")
        raise CheckpointError(f"{adapter} holds no LoRA: there is no {_ADAPTER}")
    if not (adapter / "adapter_model.safetensors").is_file():
        raise CheckpointError(f"{adapter} holds no adapter_model.safetensors; other formats are not read")
    try:
        settings = json.loads((adapter / _ADAPTER).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{adapter / _ADAPTER} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{adapter / _ADAPTER} is not a table of settings")
    return settings


def _is_of_the_embedded_model(adapter: Path) -> bool:
    """Whether the run's manifest says so: the embedded model has no folder or name that a LoRA could note."""
    try:
        manifest = json.loads((adapter / MANIFEST_NAME).read_bytes())
        return bool(manifest["config"]["model"]["name"] == "embedded")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _copy_beside(base: Path, out: Path) -> None:
    for pattern in _BESIDE:
        for file in base.glob(pattern):
            if file.name not in _NOT_BESIDE and file.is_file():
                shutil.copyfile(file, out / file.name)


def _write_limits(adapter: Path, out: Path) -> None:
    """The pixel limits that the run's processor had, into the file that names the base's."""
    limits = _limits(adapter)
    if limits is None:
        return
    for name in ("preprocessor_config.json", "processor_config.json"):
        file = out / name
        if not file.is_file():
            continue
        facts = json.loads(file.read_bytes())
        part = facts.get("image_processor", facts) if isinstance(facts, dict) else None
        if isinstance(part, dict) and (part is not facts or "image_processor_type" in part or "size" in part):
            part.pop("min_pixels", None)
            part.pop("max_pixels", None)
            part["size"] = limits
            file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _limits(adapter: Path) -> dict[str, int] | None:
    for name in ("processor_config.json", "preprocessor_config.json"):
        file = adapter / name
        if file.is_file():
            facts = json.loads(file.read_bytes())
            part = facts.get("image_processor", facts)
            size = part.get("size") if isinstance(part, dict) else None
            if isinstance(size, dict) and {"shortest_edge", "longest_edge"} <= size.keys():
                return {key: int(size[key]) for key in ("shortest_edge", "longest_edge")}
    return None
