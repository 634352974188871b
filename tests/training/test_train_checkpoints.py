from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from train_parts import make_config

from remotereasoner.errors import CheckpointError, ExportError, UsageError
from remotereasoner.training.checkpoints import (
    MANIFEST_NAME,
    checkpoint_folders,
    newest_checkpoint,
    publish,
    remove_old,
    staging_path,
)
from remotereasoner.training.train import train

SOURCES = Path(__file__).parents[2] / "src"


def fake(output_dir: Path, step: int, *, state: str = '{"global_step": 1}', manifest: bool = True) -> Path:
    folder = output_dir / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(state)
    if manifest:
        (folder / MANIFEST_NAME).write_text("{}")
    return folder


def test_the_newest_whole_one_is_found(tmp_path: Path) -> None:
    good = fake(tmp_path, 9)
    fake(tmp_path, 10, state='{"global_')
    fake(tmp_path, 11, manifest=False)
    (tmp_path / ".checkpoint-12.partial").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-99").write_text("a file")
    assert newest_checkpoint(tmp_path) == good
    assert [step for step, _ in checkpoint_folders(tmp_path)] == [9, 10, 11]


def test_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        newest_checkpoint(tmp_path / "nowhere")


def test_publishing_replaces(tmp_path: Path) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_text("old")
    (staging_path(final) / "deep").mkdir(parents=True)
    (staging_path(final) / "deep" / "new").write_text("new")
    publish(final)
    assert [path.relative_to(final).as_posix() for path in sorted(final.rglob("*"))] == ["deep", "deep/new"]
    with pytest.raises(ExportError):
        publish(final)  # nothing is staged


def test_old_ones_go_and_protected_ones_stay(tmp_path: Path) -> None:
    folders = [fake(tmp_path, step) for step in (5, 10, 100, 20)]
    remove_old(tmp_path, keep=None)
    remove_old(tmp_path, keep=2, protected=[folders[0]])
    assert [step for step, _ in checkpoint_folders(tmp_path)] == [5, 20, 100]


def test_a_run_keeps_the_best_and_says_what_it_is(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    data = {"train": str(tiny_data), "val": str(tiny_data)}
    config = make_config(
        tiny_policy, tiny_data, tmp_path / "run", data=data,
        evaluation={"limit": 3, "max_new_tokens": 4, "batch_size": 2},
        trainer={"max_steps": 4, "save_steps": 1, "save_total_limit": 2, "report_to": ["tensorboard"]},
    )  # fmt: skip
    result = train("sft", config, quiet=True)
    # Every greedy answer earns nothing: the first validation stays the best, and is kept beside the newest.
    assert result.best_checkpoint == tmp_path / "run" / "checkpoint-1" and result.best_metric == 0.0
    assert [step for step, _ in checkpoint_folders(tmp_path / "run")] == [1, 3, 4]
    facts = json.loads((result.best_checkpoint / MANIFEST_NAME).read_bytes())
    assert facts["config"]["lora"] == {"r": 4, "lora_alpha": 8} and set(facts["data_sha256"]) == {"train", "val"}
    assert {"torch", "transformers", "trl", "peft"} <= facts["versions"].keys() and facts["seeds"]["trainer"] == 42
    evaluated = next(entry for entry in result.history if "eval_reward" in entry)
    assert {"eval_giou", "eval_f1", "eval_status/truncated", "eval_rewards/grounding/mean"} <= evaluated.keys()
    assert any((tmp_path / "run" / "runs").rglob("events.out.tfevents*"))
    with pytest.raises(UsageError, match="--resume"):
        train("sft", config, quiet=True)


def test_a_resume_needs_the_same_data(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_bytes(tiny_data.read_bytes())
    changes: dict[str, Any] = {"data": {"train": str(samples), "root": str(tiny_data.parent)}}
    config = make_config(tiny_policy, samples, tmp_path / "run", trainer={"max_steps": 1, "save_steps": 1}, **changes)
    train("sft", config, quiet=True)
    samples.write_bytes(b"".join(tiny_data.read_bytes().splitlines(keepends=True)[:5]))
    with pytest.raises(UsageError, match="the data has changed"):
        train("sft", config, resume=True, quiet=True)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from train_parts import make_config
from remotereasoner.training import running
from remotereasoner.training.train import train
publish = running.publish
def dying(final):
    if final.name == "checkpoint-2":
        os.kill(os.getpid(), signal.SIGKILL)  # everything is written, nothing has its name yet
    publish(final)
running.publish = dying
config = make_config(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), trainer={"max_steps": 3, "save_steps": 1})
train("sft", config, quiet=True)
"""


def test_a_kill_during_a_checkpoint_leaves_the_one_before(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{Path(__file__).parents[1]}"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tiny_policy), str(tiny_data), str(out)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert newest_checkpoint(out).name == "checkpoint-1"
    assert staging_path(out / "checkpoint-2").is_dir()
    config = make_config(tiny_policy, tiny_data, out, trainer={"max_steps": 3, "save_steps": 1})
    result = train("sft", config, resume=True, quiet=True)
    assert result.steps == 3 and not list(out.glob(".*.partial"))


@pytest.mark.slow
def test_kills_at_any_time(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    """A run that saves each step is killed again and again, whenever; it always goes on and ends."""
    out = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{Path(__file__).parents[1]}"}
    script = KILLED.replace('final.name == "checkpoint-2"', "False").replace('"max_steps": 3', '"max_steps": 30')
    script = script.replace("quiet=True)", "quiet=True, resume=True)")
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(tiny_policy), str(tiny_data), str(out)]
    for turn in range(6):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(checkpoint_folders(out))
        limit = time.monotonic() + 120
        while len(checkpoint_folders(out)) <= before and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(0.013 * turn)
        process.kill()
        process.wait()
        newest_checkpoint(out)
    assert subprocess.run(command, env=environment, capture_output=True, timeout=600, check=False).returncode == 0
    assert newest_checkpoint(out).name == "checkpoint-30"
