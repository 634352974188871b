"""What a run is made of, saved with every checkpoint: configuration, versions, seeds, hashes of the data."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remotereasoner.errors import CheckpointError, UsageError
from remotereasoner.provenance import utc_now
from remotereasoner.training.checkpoints import MANIFEST_NAME
from remotereasoner.training.config import Method, TrainConfig
from remotereasoner.version import package_version

__all__ = ["Manifest", "check_resumable", "git_revision", "make_manifest", "read_manifest"]

_PACKAGES = (
    *("torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors", "tokenizers"),
    *("deepspeed", "vllm", "flash-attn", "numpy", "pillow"),
)


@dataclass(frozen=True)
class Manifest:
    """The content of ``run.json``."""

    facts: dict[str, Any]

    def to_bytes(self) -> bytes:
        return (json.dumps(self.facts, indent=1, sort_keys=True, default=str) + "\n").encode()


def make_manifest(
    method: Method, config: TrainConfig, *, data_sha256: dict[str, str], model_digest: str, processes: int, seed: int
) -> Manifest:
    """The manifest of a run that starts now. ``data_sha256``: ``train`` and, where there is one, ``val``."""
    return Manifest(
        {
            "method": method,
            "started_utc": utc_now(),
            "config": config.model_dump(mode="json"),
            "versions": {"remotereasoner": package_version(), "python": platform.python_version(), **_versions()},
            "git_revision": git_revision(),
            "seeds": {"trainer": seed, "data": config.data.seed},
            "data_sha256": data_sha256,
            "model_digest": model_digest,
            "processes": processes,
        }
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Commit of the working copy that this package runs from (``-dirty``: with changes); None outside one."""
    here = Path(__file__).parent
    try:
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)  # installed inside somebody else's repository?
        commit = _git(here, "rev-parse", "HEAD")
        return f"{commit}-dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def read_manifest(checkpoint: Path) -> dict[str, Any]:
    """Raises CheckpointError for a folder that no run of ours has written."""
    try:
        facts = json.loads((checkpoint / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint} has no readable {MANIFEST_NAME}: no run of this package wrote it"
        ) from error
    if not isinstance(facts, dict):
        raise CheckpointError(f"{checkpoint / MANIFEST_NAME} is no manifest")
    return facts


def check_resumable(checkpoint: Path, now: Manifest) -> None:
    """Raises UsageError where what decides the course of a run has changed: data, base weights, seed, processes."""
    before = read_manifest(checkpoint)
    for name, told in (
        ("method", "the method"),
        ("data_sha256", "the data"),
        ("model_digest", "the base model"),
        ("seeds", "a seed"),
        ("processes", "the number of processes"),
    ):
        if before.get(name) != now.facts[name]:
            raise UsageError(
                f"{checkpoint} cannot be continued exactly: {told} has changed ({before.get(name)} is now "
                f"{now.facts[name]}). Use another output_dir for a new run"
            )
