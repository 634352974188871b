"""A folder with a checkpoint, looked at before anybody loads it: safetensors only, sizes that add up, no code.

Nothing here needs torch. The header of a safetensors file is 8 bytes with its length N (little-endian), then N bytes of
JSON: tensor name -> {dtype, shape, data_offsets}; then the data. See https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remotereasoner.errors import CheckpointError, ModelNotFoundError

__all__ = ["CheckpointFolder", "inspect_checkpoint"]

_MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors library itself
_MAX_JSON_BYTES = 64 * 2**20
_WHOLE_HASH_BYTES = 256 * 2**20  # below this the weights themselves are hashed, above it their headers and sizes
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".npz", ".msgpack", ".h5")
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class CheckpointFolder:
    """A checkpoint that may be loaded."""

    path: Path
    config: dict[str, Any]
    elements: int
    """Numbers stored in all tensors together."""
    digest: str
    """``sha256:…`` of the weights, or ``sha256-headers:…`` of names, sizes and headers where they are large."""


def inspect_checkpoint(path: Path) -> CheckpointFolder:
    """Look at a folder without loading any tensor.

    Raises ModelNotFoundError where there is no checkpoint, CheckpointError where there is one that is refused: weights
    in a format that can run code, damaged or lying safetensors, an adapter without its base.
    """
    if not (path / "config.json").is_file():
        if (path / "adapter_config.json").is_file():
            raise CheckpointError(f"{path} holds a LoRA adapter only: merge it into its base model first")
        raise ModelNotFoundError(f"{path} holds no checkpoint: there is no config.json")
    if (path / "adapter_config.json").exists():
        # transformers would load the adapter too, and fetch whatever base model it names
        raise CheckpointError(f"{path} holds a LoRA adapter beside a model: merge it first, or remove the adapter")
    config = _read_json(path / "config.json")
    _check_config(config)
    files = _weight_files(path)
    elements = sum(_check_safetensors(file) for file in files)
    return CheckpointFolder(path=path, config=config, elements=elements, digest=_digest(files))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise CheckpointError(f"{path} is larger than {_MAX_JSON_BYTES} bytes; refused")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no table of settings")
    return content


def _check_config(config: dict[str, Any]) -> None:
    """Settings by which a config.json alone makes transformers fetch code, or load weights other than those looked at.

    An attention implementation with a slash is a kernel that it would download and run; ``transformers_weights`` names
    the file of the weights, and may name a pickle.
    """
    if "transformers_weights" in config:
        raise CheckpointError("config.json names its own file of weights (transformers_weights); refused")
    for key, value in config.items():
        if "attn_implementation" in key and "/" in str(value):
            raise CheckpointError(f"config.json asks for code from elsewhere ({key}: {value}); refused")
        if isinstance(value, dict):
            _check_config(value)


def _weight_files(path: Path) -> list[Path]:
    index = path / "model.safetensors.index.json"
    single = path / "model.safetensors"
    if single.is_file():
        return [single]
    if index.is_file():
        names = _read_json(index).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise CheckpointError(f"{index} has no weight_map")
        files = []
        for name in sorted({str(name) for name in names.values()}):
            if Path(name).name != name or not name.endswith(".safetensors"):
                raise CheckpointError(f"{index} names {name!r}: only .safetensors files beside it are allowed")
            if not (path / name).is_file():
                raise CheckpointError(f"{path} lacks {name}, which its index names: the download is not complete")
            files.append(path / name)
        return files
    others = sorted(file.name for file in path.iterdir() if file.suffix.lower() in _PICKLES)
    if others:
        raise CheckpointError(
            f"{path} holds its weights as {', '.join(others[:4])}, which can run code when loaded; refused. Convert "
            "them to safetensors (model.save_pretrained writes it) on a machine where you trust them"
        )
    raise CheckpointError(f"{path} holds no weights: there is no model.safetensors")


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Header, and bytes of data after it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or not 2 <= length <= min(size - 8, _MAX_HEADER_BYTES):
            raise CheckpointError(f"{path} is no safetensors file: a header of {length} bytes in a file of {size}")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} is no safetensors file: its header is not JSON") from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is no safetensors file: its header is not a table of tensors")
    return header, size - 8 - length


def _check_safetensors(path: Path) -> int:
    """Elements in the file. Raises CheckpointError unless the tensors fill the data exactly, as they say they do."""
    header, data_bytes = _read_header(path)
    spans: list[tuple[int, int]] = []
    elements = 0
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        shape, span, bits = _entry(path, name, tensor)
        count = math.prod(shape)
        if -(-count * bits // 8) != span[1] - span[0]:
            raise CheckpointError(f"{path}: {name!r} says shape {shape} but holds {span[1] - span[0]} bytes")
        spans.append(span)
        elements += count
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise CheckpointError(f"{path}: its tensors overlap or leave gaps")
        end = stop
    if end != data_bytes:
        raise CheckpointError(f"{path} declares {end} bytes of tensors and holds {data_bytes}: cut off, or damaged")
    return elements


def _entry(path: Path, name: str, tensor: object) -> tuple[list[int], tuple[int, int], int]:
    """Shape, (first, last + 1) byte and bits of a number of one tensor."""
    if isinstance(tensor, dict):
        bits = _BITS.get(str(tensor.get("dtype")))
        shape, span = _sizes(tensor.get("shape")), _sizes(tensor.get("data_offsets"))
        if bits is not None and shape is not None and span is not None and len(span) == 2 and span[0] <= span[1]:
            return shape, (span[0], span[1]), bits
    raise CheckpointError(f"{path}: the entry of {name!r} in its header cannot be read")


def _sizes(value: object) -> list[int] | None:
    if isinstance(value, list) and all(type(number) is int and 0 <= number < 2**63 for number in value):
        return value
    return None


def _digest(files: list[Path]) -> str:
    whole = sum(file.stat().st_size for file in files) <= _WHOLE_HASH_BYTES
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            if whole:
                while block := stream.read(2**20):
                    digest.update(block)
            else:
                digest.update(stream.read(int.from_bytes(stream.read(8), "little")))
    return f"{'sha256' if whole else 'sha256-headers'}:{digest.hexdigest()}"
