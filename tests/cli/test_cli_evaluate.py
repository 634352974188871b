"""evaluate, score and compare as a user runs them, and killed in the middle as a cluster does it."""

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

from evaluation_world import record, write_lines, write_world
from remotereasoner.cli.main import main
from remotereasoner.cli.scores_shown import _PROTOCOLS
from remotereasoner.evaluation.protocols import PROTOCOLS

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("REMOTEREASONER_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main() sets its own


def arguments(root: Path, out: Path, *more: str) -> list[str]:
    model = ["--model", f"scripted:{root / 'answer.txt'}", "--segmenter", "box"]
    return ["evaluate", str(root / "samples.jsonl"), *model, "--resamples", "20", "-o", str(out), *more]


def scores(out: Path) -> dict[str, Any]:
    """What may not depend on how often a run was interrupted."""
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    del metrics["seconds"]
    return metrics


def test_evaluate_then_score_then_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(tmp_path, 15)
    out = tmp_path / "run"
    assert main(arguments(tmp_path, out, "--protocol", "think2seg")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "gIoU" in shown.out
    assert "15 samples about 4 images: 15 answered." in shown.out
    assert {path.name for path in out.iterdir()} == {
        "run.json", "predictions.jsonl", "metrics.json", "per_sample.jsonl", "report.html",
    }  # fmt: skip
    first = scores(out)
    assert first["scores"]["false_alarm_rate"]["value"] == 1.0
    again = tmp_path / "again"
    command = ["score", str(out), "--samples", str(tmp_path / "samples.jsonl"), "--resamples", "20", "-o", str(again)]
    assert main([*command, "--protocol", "think2seg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"] == first["scores"]
    assert scores(again) == first
    assert main(["compare", str(out), str(again), "--resamples", "20"]) == 0
    shown = capsys.readouterr()
    assert "15 samples in both" in shown.out
    assert "Flipped: 0 that only B gets right, 0 that only A gets right." in shown.out
    assert main(["compare", str(out), str(again), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 15


def test_a_run_goes_on_or_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(tmp_path, 6)
    out = tmp_path / "run"
    assert main(arguments(tmp_path, out)) == 0
    before = (out / "predictions.jsonl").read_bytes()
    assert main(arguments(tmp_path, out, "--gallery", "0", "--protocol", "rmsin")) == 0  # only the scoring differs
    assert "Going on" in capsys.readouterr().out
    assert (out / "predictions.jsonl").read_bytes() == before
    assert main(arguments(tmp_path, out, "--temperature", "0.5")) == 2
    assert "temperature: 0.0 then, 0.5 now" in capsys.readouterr().err.replace("\n", " ")
    write_lines(tmp_path / "samples.jsonl", [record(k) for k in range(7)])
    assert main(arguments(tmp_path, out)) == 2
    assert main(["score", str(out), "--samples", str(tmp_path / "samples.jsonl")]) == 2
    assert "is not the file" in capsys.readouterr().err


def test_limit_and_seed(tmp_path: Path) -> None:
    write_world(tmp_path, 20)
    ids = []
    for number, more in enumerate((["--limit", "4"], ["--limit", "4", "--seed", "5"], ["--limit", "4", "--seed", "5"])):
        out = tmp_path / str(number)
        assert main(arguments(tmp_path, out, *more)) == 0
        ids.append([json.loads(line)["id"] for line in (out / "predictions.jsonl").read_text().splitlines()])
        assert scores(out)["samples"]["judged"] == 4
    assert ids[0] == ["s0", "s1", "s2", "s3"]
    assert ids[1] == ids[2] != ids[0]
    # Samples that were never to be asked are not missing.
    assert main(["score", str(tmp_path / "1"), "--samples", str(tmp_path / "samples.jsonl"), "--resamples", "0"]) == 0
    assert scores(tmp_path / "1")["samples"] == {**scores(tmp_path / "2")["samples"], "missing": 0}


def test_invalid_samples_end_with_3_and_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(tmp_path, 3)
    lines = [record(0), "{ no JSON", {**record(1), "image": "absent.png"}, record(2)]
    write_lines(tmp_path / "samples.jsonl", lines)
    assert main(arguments(tmp_path, tmp_path / "run")) == 3
    shown = capsys.readouterr().out
    assert "2 invalid samples" in shown
    assert "line 2: not JSON" in shown
    assert "line 3: image absent.png" in shown
    assert scores(tmp_path / "run")["samples"]["judged"] == 2
    assert main(arguments(tmp_path, tmp_path / "strict", "--strict")) == 3
    assert "samples.jsonl, line 2: not JSON" in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "strict" / "metrics.json").exists()


def test_votes_reach_the_report(tmp_path: Path) -> None:
    write_world(tmp_path, 4)
    assert main(arguments(tmp_path, tmp_path / "run", "--votes", "2")) == 0
    found = scores(tmp_path / "run")["consistency"]
    assert (found["n"], found["confidence"]) == (4, 1.0)
    assert "Self-consistency" in (tmp_path / "run" / "report.html").read_text()


def test_the_option_names_every_protocol() -> None:
    assert tuple(PROTOCOLS) == _PROTOCOLS


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    command = [sys.executable, "-m", "remotereasoner", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_in_the_middle_and_continued(tmp_path: Path) -> None:
    write_world(tmp_path, 1500)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(arguments(tmp_path, whole, "--gallery", "1")) == 0
    path = killed / "predictions.jsonl"
    kept = 0
    for wanted in (40, 300):
        process = start(arguments(tmp_path, killed, "--gallery", "1"))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if path.exists() and path.read_bytes().count(b"\n") > max(wanted, kept):
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL, process.stderr and process.stderr.read()
        lines = path.read_bytes().count(b"\n")
        assert kept < lines < 1500, "it was to be killed in the middle"
        kept = lines
        assert not (killed / "metrics.json").exists()
        if process.stderr is not None:
            process.stderr.close()
    # What a power cut leaves: half a line.
    with path.open("ab") as file:
        file.write(b'{"id":"s1499","status":"answ')
    assert main(arguments(tmp_path, killed, "--gallery", "1")) == 0
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    assert ids == [f"s{k}" for k in range(1500)]
    assert scores(killed) == scores(whole)


MEASURE = """
import sys
from remotereasoner.cli.main import main
sys.path.insert(0, {tests!r})
from scene.peak_memory import peak_rss_mib
code = main({arguments!r})
print("peak", peak_rss_mib(), file=sys.stderr)
raise SystemExit(code)
"""


def peak_mib(root: Path, n: int) -> int:
    """Most memory of a run over ``n`` samples about eight images."""
    root.mkdir()
    write_world(root, n, images=8)
    script = MEASURE.format(tests=str(Path(__file__).parents[1]), arguments=arguments(root, root / "run"))
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len((root / "run" / "predictions.jsonl").read_text().splitlines()) == n
    return int(done.stderr.split("peak")[1])


def test_memory_is_flat(tmp_path: Path) -> None:
    few, many = peak_mib(tmp_path / "few", 500), peak_mib(tmp_path / "many", 5_000)
    assert many - few < 25, f"{few} MiB for 500 samples, {many} MiB for 5,000"


@pytest.mark.slow
def test_memory_is_flat_over_100_000_samples(tmp_path: Path) -> None:
    few, many = peak_mib(tmp_path / "few", 500), peak_mib(tmp_path / "many", 100_000)
    assert many - few < 250, f"{few} MiB for 500 samples, {many} MiB for 100,000"
