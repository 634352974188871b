"""The OpenAI engine against a server that somebody else wrote: ``transformers serve``, over the loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from remotereasoner.errors import EngineError
from remotereasoner.policy.base import Prompt, Sampling
from remotereasoner.policy.engines.hf import TransformersEngine
from remotereasoner.policy.engines.openai import OpenAIEngine
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt

START_S = 600  # a quarter of a minute on a free machine

SIZES = [(100, 170), (333, 200)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def served(tiny_qwen25: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder. The copy names no processor class, so that the registered one is taken."""
    pytest.importorskip("fastapi", reason="transformers serve needs transformers[serving]")
    pytest.importorskip("uvicorn", reason="transformers serve needs transformers[serving]")
    pytest.importorskip("openai", reason="transformers serve needs transformers[serving]")
    base = tmp_path_factory.mktemp("served")
    folder = Path(shutil.copytree(tiny_qwen25, base / "tiny-qwen2.5-vl"))
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    del settings["processor_class"]
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    generation = json.loads((folder / "generation_config.json").read_text())
    kept = {key: generation[key] for key in ("eos_token_id", "pad_token_id")}
    (folder / "generation_config.json").write_text(json.dumps(kept))
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("serve_checkpoint.py")), str(folder), str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(base)}
    log = base / "log"
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            wait_until_healthy(port, process, log)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.terminate()
            process.wait(30)


def wait_until_healthy(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    pytest.fail(f"transformers serve did not start:\n{log.read_text(errors='replace')[-3000:]}")


def prompts_for(engine: OpenAIEngine | TransformersEngine) -> list[Prompt]:
    rng = np.random.default_rng(5)
    return [
        build_prompt(
            "locate",
            "which ship is nearest to the harbour?",
            rng.integers(0, 255, (*hw, 3), dtype=np.uint8),
            engine.codec,
            sampling=Sampling(max_new_tokens=4),
        )
        for hw in SIZES
    ]


def test_served_answers_are_those_of_the_same_checkpoint_in_process(served: tuple[str, Path]) -> None:
    """Same tokens for the image (so: same size seen), same text, greedy, through two different ways."""
    address, folder = served
    here = TransformersEngine.from_pretrained(str(folder), device="cpu")
    expected = here.generate(prompts_for(here))
    with OpenAIEngine(address, str(folder), max_pixels=100_352, timeout_s=300, concurrency=2) as engine:
        assert engine.codec == here.codec
        completions = engine.generate(prompts_for(engine))
    for completion, local, hw in zip(completions, expected, SIZES, strict=True):
        assert completion.grid_hw == local.grid_hw == here.codec.grid_hw(hw)
        assert (completion.prompt_tokens, completion.completion_tokens) == (
            local.prompt_tokens,
            local.completion_tokens,
        )
        assert completion.finish_reason == local.finish_reason
        assert completion.text == local.text
        answer = parse_completion(completion, task="locate", codec=engine.codec, image_hw=hw)
        assert answer.status in ("unparseable", "truncated")


def test_what_the_server_refuses(served: tuple[str, Path]) -> None:
    address, folder = served
    with (
        OpenAIEngine(address, str(folder), timeout_s=300, retries=0, extra_body={"no_such_field": 1}) as engine,
        pytest.raises(EngineError, match="answered 422") as error,
    ):
        engine.generate(prompts_for(engine)[:1])
    assert not error.value.transient
    with (
        OpenAIEngine(address.replace("/v1", "/v2"), str(folder), timeout_s=300, retries=0) as engine,
        pytest.raises(EngineError, match="answered 404; check the model's name and the address"),
    ):
        engine.generate(prompts_for(engine)[:1])
