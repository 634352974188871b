from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from remotereasoner.cli.main import main


def test_a_world_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["data", "synth", "2", str(tmp_path / "w"), "--seed", "5", "--size", "128", "--workers", "1", "--json"]
    assert main([*arguments, "--family", "mine", "--family", "dam", "--masks"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scenes"] == 2
    assert {p.name for p in (tmp_path / "w").iterdir()} == {
        "images", "masks", "labels.jsonl", "samples.jsonl", "world.json",
    }  # fmt: skip
    assert main(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments[:-1], "--overwrite", "--gsd", "1", "2", "--png"]) == 0
    assert "2 scenes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra", [["0"], ["1", "--family", "atlantis"], ["1", "--geotiff", "--png"], ["1", "--gsd", "3", "1"], ["many"]]
)
def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str]) -> None:
    assert main(["data", "synth", extra[0], str(tmp_path / "w"), "--workers", "1", *extra[1:]]) == 2
    assert capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_opencv_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from remotereasoner.cli.main import main\n"
        f"sys.exit(main(['data', 'synth', '1', {str(tmp_path / 'w')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "remotereasoner[synth]" in done.stderr.replace("\n", "")


def test_the_command_line_starts_without_opencv() -> None:
    code = "import remotereasoner.cli.main, sys; sys.exit('cv2' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
