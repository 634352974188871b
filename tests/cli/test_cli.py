"""The commands as a user runs them: in this process where possible, as real processes where it matters."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from remotereasoner import Result
from remotereasoner.cli import ask as ask_module
from remotereasoner.cli.main import main
from remotereasoner.cli.options import parse_bands
from remotereasoner.errors import UsageError
from remotereasoner.loading import engine_options
from remotereasoner.settings import load_settings

TWO = "<think>Two \x1b[31mround\x1b[0m tanks [bold]here[/bold].</think><answer>[[10,20,40,50],[60,20,90,50]]</answer>"
NONE = "<think>Only fields.</think><answer>[]</answer>"
UNREADABLE = "<think>Hm.</think><answer>over \x1b[2Jthere</answer>"


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    path = tmp_path / "scene.tif"
    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "height": 90, "width": 120, "count": 4, "dtype": "uint16", "crs": "EPSG:32618"}
    with rasterio.open(path, "w", transform=Affine(10, 0, 4e5, 0, -10, 4.2e6), **profile) as target:
        target.write(rng.integers(0, 3000, (4, 90, 120)).astype(np.uint16))
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("REMOTEREASONER_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main() sets its own


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(text: str) -> list[str]:
        path = tmp_path / "answer.txt"
        path.write_text(text)
        return ["--model", f"scripted:{path}", "--segmenter", "box"]

    return write


def test_ask_shows_reasoning_table_and_files(
    scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["ask", str(scene_file), "Where is oil stored?", *script(TWO), "-o", str(tmp_path / "out")])
    shown, errors = capsys.readouterr()
    assert (code, errors) == (0, "")
    assert "tanks [bold]here[/bold]." in shown
    assert "\x1b" not in shown
    assert "2 places found" in shown
    assert "-76.1" in shown
    assert "37.9" in shown
    assert "300.1 × 300.1 m" in shown
    assert "Total area" in shown
    assert str(tmp_path / "out" / "findings.geojson") in shown
    assert Result.read(tmp_path / "out").count == 2


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (TWO, 0, "2 places found"),
        (NONE, 4, "Nothing in this scene answers the question"),
        (UNREADABLE, 5, "could not be read"),
    ],
)
def test_exit_codes(
    text: str, code: int, words: str, scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", str(scene_file), "Where is oil stored?", *script(text)]) == code
    shown, _ = capsys.readouterr()
    assert words in shown
    assert "\x1b" not in shown


def test_json_is_one_document_and_nothing_else(
    scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["ask", str(scene_file), "Where?", *script(TWO), "--json", "-o", str(tmp_path / "out"), "--seed", "7"]
    assert main(arguments) == 0
    shown, errors = capsys.readouterr()
    assert errors == ""
    assert "\x1b" not in shown
    document = json.loads(shown)
    assert document["status"] == "answered"
    assert document["provenance"]["sampling"]["seed"] == 7
    assert Path(document["files"]["mask"]).is_file()
    assert Result.from_json(shown.encode()).count == 2


def test_words_and_captions(scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told = script("<think>I count.</think><answer>three</answer>")
    assert main(["ask", str(scene_file), "How many?", "--task", "vqa", *told]) == 0
    assert "three" in capsys.readouterr().out
    assert main(["ask", str(scene_file), "--task", "caption", *told]) == 0
    assert "three" in capsys.readouterr().out


def test_part_of_the_scene(scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def rendering(*options: str) -> dict[str, Any]:
        assert main(["ask", str(scene_file), "Where?", *script(TWO), "--json", *options]) == 0
        return dict(json.loads(capsys.readouterr().out)["scene"])

    assert rendering("--window", "10", "20", "100", "60")["rendering"]["window"] == [10, 20, 100, 60]
    assert rendering("--bands", "4,3,2")["rendering"]["bands"] == [4, 3, 2]
    assert rendering("--bounds", "400100", "4199500", "401000", "4199900")["rendering"]["window"] == [10, 10, 90, 40]
    lonlat = ["-76.137", "37.940", "-76.13", "37.942"]
    assert rendering("--bounds", *lonlat, "--bounds-crs", "EPSG:4326")["size_hw"][1] < 90
    assert max(rendering("--max-side", "100")["size_hw"]) == 100


def test_several_files_are_one_scene(tmp_path: Path, script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for band in ("B02", "B03", "B04"):
        path = tmp_path / f"T18_{band}.tif"
        profile = {"driver": "GTiff", "height": 60, "width": 90, "count": 1, "dtype": "uint8", "crs": "EPSG:32618"}
        with rasterio.open(path, "w", transform=Affine(10, 0, 4e5, 0, -10, 4.2e6), **profile) as target:
            target.write(np.full((1, 60, 90), 100, np.uint8))
        paths.append(str(path))
    assert main(["ask", *paths, "Where?", *script(TWO), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scene"]["size_hw"] == [60, 90]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ask", "nowhere.tif", "Where?"], 3, "nowhere.tif"),
        (["ask", "/vsicurl/http://127.0.0.1/x.tif", "Where?"], 3, ""),
        (["ask", "{scene}", "Where?", "--bands", "1,,3"], 2, "--bands"),
        (["ask", "{scene}", "Where?", "--bands", "9,9,9"], 2, "9"),
        (["ask", "{scene}", "Where?", "--bounds", "0", "0", "1", "1"], 3, ""),
        (["ask", "{scene}", "Where?", "--bounds", "0", "0", "1", "1", "--bounds-crs", "/etc/passwd"], 3, "EPSG"),
        (["ask", "{scene}", "Where?", "--temperature", "9"], 2, "temperature"),
        (["ask", "{scene}", "Where?", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["ask", "{scene}", "Where?", "--model", "nonsense"], 2, "nonsense"),
        (["ask", "{scene}", "Where?", "--segmenter", "pencil"], 2, "pencil"),
        (["ask", "{scene}", ""], 2, "question is empty"),
        (["ask", "{scene}"], 2, "image and a question"),
        (["ask", "{scene}", "Where?", "--task", "dance"], 2, "dance"),
        (["ask"], 2, "Missing argument"),
        (["dance"], 2, "dance"),
        (["info", "nowhere.tif"], 3, "nowhere.tif"),
        (["models", "pull", "--from", "nowhere.whl", "--cache-dir", "cache"], 1, ""),
    ],
)
def test_mistakes_get_one_message_and_their_code(
    arguments: list[str],
    code: int,
    words: str,
    scene_file: Path,
    script: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [argument.format(scene=scene_file) for argument in arguments]
    if given[0] == "ask" and len(given) > 2:
        defaults = script(TWO)
        given += [] if "--model" in given else defaults[:2]
        given += [] if "--segmenter" in given else defaults[2:]
    assert main(given) == code
    shown, errors = capsys.readouterr()
    assert shown == ""
    assert words in errors
    assert "rror" in errors
    assert "Traceback" not in errors


def test_output_that_cannot_be_written(scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert main(["ask", str(scene_file), "Where?", *script(TWO), "-o", "file/below"]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_hostile_file_names_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "\x1b[2Jgone\x07.tif", "Where?"]) == 3
    assert "\x1b" not in capsys.readouterr().err


def test_interrupted(
    scene_file: Path, script: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ask_module, "_answer", interrupt)
    assert main(["ask", str(scene_file), "Where?", *script(TWO)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_info(scene_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(scene_file)]) == 0
    shown = capsys.readouterr().out
    assert "120 × 90 px" in shown
    assert "EPSG:32618" in shown
    assert main(["info", str(scene_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size_hw"] == [90, 120]
    assert main(["info", str(scene_file), str(scene_file), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REMOTEREASONER_CACHE_DIR", str(tmp_path / "empty"))
    assert main(["models"]) == 0
    assert "models pull" in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["embedded"]["base_cached"] is False
    entries = {entry["name"]: entry for entry in document["segmenters"]}
    assert entries["box"]["available"] is True
    assert {entry["name"].partition(":")[0] for entry in document["engines"]} >= {"embedded", "openai", "hf", "vllm"}
    assert all(entry["available"] or entry["extra"] for entry in document["engines"])


def test_which_setting_goes_where(tmp_path: Path) -> None:
    server = load_settings(model="openai:http://127.0.0.1:1/v1#m", api_key="k", timeout_s=3.0, device="cuda")
    assert engine_options(server) == {"timeout_s": 3.0, "api_key": "k"}
    local = load_settings(model="hf:a/b", api_key="k", device="cuda", dtype="bfloat16")
    assert engine_options(local) == {"device": "cuda", "dtype": "bfloat16"}
    assert engine_options(load_settings(cache_dir=tmp_path)) == {"cache_dir": tmp_path}


def test_bands() -> None:
    assert parse_bands(None) is None
    assert parse_bands("4, 3,2") == (4, 3, 2)
    assert parse_bands("B04,B03,2") == ("B04", "B03", "2")
    with pytest.raises(UsageError):
        parse_bands("4,")


def test_as_a_process(scene_file: Path, script: Any) -> None:
    """``python -m``; and what the entry does to the process: no torch, quiet OpenMP, the version."""
    command = [sys.executable, "-m", "remotereasoner"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("remotereasoner ")
    done = subprocess.run(
        [*command, "ask", str(scene_file), "Where?", *script(NONE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (4, "")
    program = (
        "import os, sys; from remotereasoner.cli.main import main; code = main(sys.argv[1:]);"
        "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'; assert 'torch' not in sys.modules; sys.exit(code)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    arguments = [sys.executable, "-c", program, "ask", str(scene_file), "Where?", *script(NONE)]
    assert subprocess.run(arguments, env=environment, capture_output=True, check=False).returncode == 4


def test_a_defect_is_one_line_unless_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    main(["--version"])
    capsys.readouterr()
    hook = sys.excepthook
    error = ZeroDivisionError("oh \x1b[31mno")
    hook(ZeroDivisionError, error, None)
    shown = capsys.readouterr().err
    assert "internal error (ZeroDivisionError: oh no)" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("REMOTEREASONER_TRACEBACK", "1")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    hook(ZeroDivisionError, error, None)
    assert "ZeroDivisionError" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_pipe_that_closes_early(scene_file: Path, script: Any) -> None:
    arguments = [sys.executable, "-m", "remotereasoner", "ask", str(scene_file), "Where?", *script(TWO), "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait() == 1
    assert b"Traceback" not in errors
    assert b"Exception" not in errors
    assert process.returncode != -signal.SIGPIPE
