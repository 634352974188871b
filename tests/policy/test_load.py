from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from remotereasoner.errors import CheckpointError, ModelNotFoundError, UsageError
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.load import ENGINE_FORMS, load_engine, split_revision
from remotereasoner.policy.prompts import build_prompt


def test_openai() -> None:
    engine = load_engine("openai:http://127.0.0.1:9/v1#Qwen/Qwen3-VL-8B-Instruct:latest", timeout_s=1.5)
    assert engine.identity.engine == "openai"
    assert engine.identity.model == "Qwen/Qwen3-VL-8B-Instruct:latest"
    assert engine.codec == codec_by_name("qwen3-vl")


def test_scripted(tmp_path: Path) -> None:
    script = tmp_path / "answer.txt"
    script.write_text("<answer>[[1, 2, 3, 4]]</answer>")
    engine = load_engine(f"scripted:{script}")
    assert engine.codec.name == "pixels" and engine.identity.model == str(script)
    prompt = build_prompt("locate", "where?", np.zeros((8, 9, 3), np.uint8), engine.codec)
    assert engine.generate([prompt])[0].text == "<answer>[[1, 2, 3, 4]]</answer>"
    assert load_engine(f"scripted:{script}", codec="0-1000").codec.name == "0-1000"
    with pytest.raises(UsageError, match="cannot be read"):
        load_engine(f"scripted:{tmp_path / 'nothing.txt'}")


@pytest.mark.parametrize("form", ["{}", "hf:{}"])
def test_folder(tiny_qwen3: Path, form: str) -> None:
    engine = load_engine(form.format(tiny_qwen3), device="cpu", batch_size=2)
    assert engine.identity.engine == "transformers" and engine.identity.family == "qwen3_vl"


def test_folder_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"config\.json"):
        load_engine(str(tmp_path))
    with pytest.raises(CheckpointError, match="no revision"):
        load_engine(f"hf:{tmp_path}", revision="main")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "gpt-5",
        "nonsense:thing",
        "hf:",
        "openai:",
        "scripted:",
        "vllm:",
        "EMBEDDED",
        "/no/such/folder",
        "C:\\models",
    ],
)
def test_what_is_no_engine_lists_what_is(spec: str) -> None:
    with pytest.raises(UsageError, match="Allowed") as error:
        load_engine(spec)
    assert all(form in str(error.value) for form, _ in ENGINE_FORMS)


@pytest.mark.parametrize("spec", ["openai:http://127.0.0.1:9/v1", "openai:#model", "openai:http://127.0.0.1:9/v1#"])
def test_openai_needs_address_and_model(spec: str) -> None:
    with pytest.raises(UsageError, match="ADDRESS#MODEL"):
        load_engine(spec)


def test_options_that_an_engine_does_not_take() -> None:
    with pytest.raises(UsageError, match=r"timeout'.*timeout_s, retries"):
        load_engine("openai:http://127.0.0.1:9/v1#qwen3-vl", timeout=3)
    with pytest.raises(UsageError, match=r"batch.*revision, dtype"):
        load_engine("hf:Qwen/Qwen3-VL-8B-Instruct", batch=3)


def test_revisions(tmp_path: Path) -> None:
    assert split_revision("Qwen/Qwen2.5-VL-7B-Instruct@cc59489") == ("Qwen/Qwen2.5-VL-7B-Instruct", "cc59489")
    assert split_revision("Qwen/Qwen2.5-VL-7B-Instruct") == ("Qwen/Qwen2.5-VL-7B-Instruct", None)
    odd = tmp_path / "model@home"
    odd.mkdir()
    assert split_revision(str(odd)) == (str(odd), None)
    for name in ("@main", "Qwen/Qwen2.5-VL-7B-Instruct@"):
        with pytest.raises(UsageError, match="OWNER/NAME@REVISION"):
            split_revision(name)


def test_the_factory_loads_nothing_heavy() -> None:
    code = (
        "import sys; from remotereasoner.policy.load import load_engine;"
        "load_engine('openai:http://127.0.0.1:9/v1#qwen3-vl');"
        "print([m for m in ('torch', 'transformers', 'vllm', 'cv2') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("missing", "spec", "extra"),
    [
        ("httpx", "openai:http://127.0.0.1:9/v1#qwen3-vl", "remote"),
        ("torch", "hf:Qwen/Qwen3-VL-8B-Instruct", "hf"),
        ("vllm", "vllm:Qwen/Qwen3-VL-8B-Instruct", "vllm"),
    ],
)
def test_missing_extras_are_named(missing: str, spec: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from remotereasoner.errors import MissingExtraError\n"
        "from remotereasoner.policy.load import load_engine\n"
        f"try: load_engine({spec!r})\n"
        "except MissingExtraError as error: print(error.extra)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == extra
