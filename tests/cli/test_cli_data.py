"""``data convert``, ``check`` and ``show`` as a user types them: output and exit codes."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))

from miniatures import dior_rsvg, earthreason, labelled, refsegrs

from remotereasoner.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["data", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_convert_check_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = dior_rsvg(tmp_path / "set"), tmp_path / "s.jsonl"
    code, text, _ = run(capsys, "convert", "dior-rsvg", root, out, "--split", "test", "--json")
    document = json.loads(text)
    assert (code, document["samples"], document["invalid_count"]) == (0, 3, 0)
    assert document["root"] == str(root)
    code, text, _ = run(capsys, "check", out, "--root", root, "--json")
    assert (code, json.loads(text)["samples"]) == (0, 3)
    for name in ("sheet.png", "sheet.html"):
        code, text, _ = run(capsys, "show", out, "--root", root, "-o", tmp_path / name)
        assert (code, "3 of 3 samples" in text) == (0, True)
        assert (tmp_path / name).stat().st_size > 1000


def test_invalid_records_end_with_exit_code_3_and_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = refsegrs(tmp_path / "set"), tmp_path / "s.jsonl"
    code, text, errors = run(capsys, "convert", "refsegrs", root, out)
    assert code == 3
    assert "4 records left out" in text
    assert "output_phrase_test.txt, line 5: there is no file 'zz'" in errors
    assert out.is_file()
    code, _, errors = run(capsys, "convert", "refsegrs", root, tmp_path / "t.jsonl", "--strict")
    assert code == 3
    assert "output_phrase_train.txt, line 2: not UTF-8" in errors
    assert not (tmp_path / "t.jsonl").exists()


def test_check_finds_and_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = labelled(tmp_path / "set"), tmp_path / "s.jsonl"
    assert run(capsys, "convert", "labelled", root, out, "--seed", "4")[0] == 3
    code, text, errors = run(capsys, "check", out, "--root", root)
    assert code == 3
    assert "images in two splits, pixel for pixel" in text
    assert "a.jpg in the split val is in the split train" in errors
    code, _, errors = run(capsys, "check", out, "--strict")
    assert code == 3
    assert "s.jsonl, line 1: images/a.jpg" in errors


def test_options_that_mean_nothing_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = dior_rsvg(tmp_path / "set")
    code, _, errors = run(capsys, "convert", "dior-rsvg", root, tmp_path / "s.jsonl", "--merge-px", "3")
    assert (code, "--merge-px means nothing for dior-rsvg" in errors) == (2, True)
    assert run(capsys, "convert", "diorrsvg", root, tmp_path / "s.jsonl")[0] == 2
    assert run(capsys, "convert")[0] == 2


def test_the_rule_and_the_policy_reach_the_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = earthreason(tmp_path / "set"), tmp_path / "o" / "s.jsonl"
    code, _, _ = run(
        capsys, "convert", "earthreason", root, out, "--questions", "all", "--min-area-px", "300", "--merge-px", "0"
    )
    assert code == 3
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    plain = [row for row in rows if "/plain/" in row["id"]]
    assert len(plain) == 6
    assert plain[0]["attributes"]["box_rule"] == {
        "rule": "components", "connectivity": 8, "min_area_px": 300, "merge_px": 0,
    }  # fmt: skip
    assert len(plain[0]["boxes"]) == 1


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "convert", "--list")
    assert code == 0
    assert "rsvqa-hr" in text
    code, text, _ = run(capsys, "convert", "--list", "--json")
    entries = {entry["name"]: entry["options"] for entry in json.loads(text)}
    assert entries["earthreason"] == ["--questions", "--seed", "--min-area-px", "--merge-px"]


def test_show_ends_with_3_where_an_image_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text('{"id": "1", "image": "lost.png", "query": "Where?", "boxes": []}\n')
    code, _, errors = run(capsys, "show", file, "-o", tmp_path / "s.png")
    assert code == 3
    assert "there is no file lost.png" in errors
