"""``remotereasoner batch`` and ``batch status`` as a user runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from remotereasoner.cli.main import main

SRC = Path(__file__).parents[2] / "src"
ANSWER = '<think>.</think><answer>[{"bbox_2d": [4, 6, 20, 25]}]</answer>'


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(3):
        Image.fromarray(np.full((32, 32, 3), 40 * k, np.uint8)).save(folder / f"{k}.png")
    (tmp_path / "script.txt").write_text(ANSWER)
    return folder


def arguments(images: Path, *more: str) -> list[str]:
    model = ["--model", f"scripted:{images.parent / 'script.txt'}", "--segmenter", "box"]
    return ["batch", *more, *model]


def test_a_run_and_its_status(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(arguments(images, str(images), "Where?", "What?", "-o", out, "--json")) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert shown.err == ""
    assert {name: document[name] for name in ("done", "failed", "quarantined", "pending", "ending", "concluded")} == {
        "done": 6, "failed": 0, "quarantined": 0, "pending": 0, "ending": "complete", "concluded": 6,
    }  # fmt: skip
    assert all(Path(path).is_file() for path in document["files"].values())
    assert main(["batch", "status", out, "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["done"], status["pending"], status["total"], status["is_complete"]) == (6, 0, 6, True)
    assert status["questions"] == ["Where?", "What?"]
    assert status["last_run"]["how"] == "complete"
    assert main(["batch", "status", out]) == 0
    assert re.search(r"done\s+6", capsys.readouterr().out)


def test_options_may_come_first_and_the_word_run_may_be_written(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert main(arguments(images, "--json", "-o", out, str(images), "Where?")) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 3
    assert main(arguments(images, "run", str(images), "Where?", "-o", out)) == 0
    assert "Finished: 0 items" in capsys.readouterr().out


def test_help_tells_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: remotereasoner batch [OPTIONS] SOURCE [QUESTION]...")
    assert "batch status" in shown
    assert main(["batch"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("x" * 2000, "--executor", "inline", "--workers", "2"), 2, "is one worker"),
        ((), 2, "give at least one question"),
        (("",), 2, "a question is empty"),
        (("{images}/1.png",), 2, "is a file, not a question: quote a pattern"),
        (("Where?", "--executor", "inline", "--workers", "2"), 2, "is one worker"),
        (("Where?", "--executor", "inline", "--unit-timeout", "5"), 2, "goes with --executor processes"),
        (("Where?", "--ray-address", "auto"), 2, "goes with --executor ray"),
        (("Where?", "--asset", "visual"), 2, "of STAC items only"),
        (("Where?", "--max-side", "100", "--tile-px", "100"), 2, "give either"),
        (("Where?", "--model", "nonsense"), 2, "names no engine"),
    ],
)
def test_usage(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, words: str
) -> None:
    args = ["batch", str(images), *(part.format(images=images) for part in more), "-o", str(tmp_path / "out")]
    if "--model" not in more:
        args += arguments(images)[1:]
    assert main(args) == code
    assert words in " ".join(capsys.readouterr().err.split())


def test_nothing_that_could_be_answered_is_exit_code_3(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in images.iterdir():
        path.write_bytes(b"broken")
    assert main(arguments(images, str(images), "Where?", "-o", str(tmp_path / "out"))) == 3
    shown = capsys.readouterr().out
    assert "unknown_format" in shown
    assert "--retry-failed" in shown


def test_status_of_what_is_no_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "status", str(tmp_path)]) == 3
    assert "there is no batch in" in capsys.readouterr().err


def test_a_sample_file_brings_its_questions(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = tmp_path / "samples.jsonl"
    lines = [{"id": f"s{k}", "image": f"images/{k}.png", "query": f"Question {k}?", "boxes": []} for k in range(3)]
    samples.write_text("\n".join(map(json.dumps, lines)))
    assert main(arguments(images, str(samples), "-o", str(tmp_path / "out"), "--json")) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 3
    assert main(arguments(images, str(samples), "Where?", "-o", str(tmp_path / "out"))) == 2
    assert "brings its own questions" in capsys.readouterr().err


def test_ctrl_c_ends_it_and_the_same_command_goes_on(images: Path, tmp_path: Path) -> None:
    for k in range(3, 80):
        Image.fromarray(np.full((32, 32, 3), (k % 256, k // 256, 7), np.uint8)).save(images / f"{k}.png")
    command = [sys.executable, "-m", "remotereasoner"]
    command += arguments(images, str(images), "Where?", "-o", str(tmp_path / "out"), "--json", "--no-tables")
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        while not list((tmp_path / "out").glob("items/*/*")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130, stderr
    document = json.loads(stdout)
    assert document["ending"] == "interrupted"
    assert 0 < document["done"] < 80
    again = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert again.returncode == 0, again.stderr
    finished = json.loads(again.stdout)
    assert (finished["done"], finished["concluded"]) == (80, 80 - document["done"])
