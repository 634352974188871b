"""The predictions file: there and back, torn, damaged, and written by one process only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from remotereasoner.errors import ExportError, ResultFormatError, UsageError
from remotereasoner.evaluation.predictions import (
    Invalid,
    Prediction,
    PredictionLog,
    PredictionTable,
    Vote,
    read_predictions,
    record_of,
)
from remotereasoner.scores.runs import Runs

MASK = Runs.of_mask(np.eye(4, dtype=np.bool_))
FULL = Prediction(
    "a", "answered", ((0.5, 1.0, 2.0, 3.25),), (0.5,), (MASK,), None, "because", "<think>…", None, (4, 4), 0.3, 1.5, 7,
    (Vote("answered", ((0.0, 0.0, 1.0, 1.0),), None, "raw"), Vote("no_target")),
)  # fmt: skip


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    words = Prediction("b", "answered", text="two ‹ships›\nin \ud800 line", completion="raw")
    with PredictionLog(path) as log:
        log.append([FULL, words])
        log.append([Invalid(None, 3, "no JSON"), Invalid("c", 4, "no image")])
    found = list(read_predictions(path))
    first = found[0]
    assert isinstance(first, Prediction)
    assert record_of(first) == record_of(FULL)
    assert first.masks is not None
    np.testing.assert_array_equal(first.masks[0].to_mask(), np.eye(4))
    assert isinstance(found[1], Prediction)
    assert found[1].text == "two ‹ships›\nin ? line"
    assert found[2:] == [Invalid(None, 3, "no JSON"), Invalid("c", 4, "no image")]
    with PredictionTable(path) as table:
        assert len(table) == 3
        assert ("b" in table, "z" in table, table.invalid_lines) == (True, False, {3})
        assert table.get("c") == found[3]
        assert table.get("z") is None


@pytest.mark.parametrize("torn", ['{"id":"b","sta', '{"id":"b"}', "", "\x00\x00"])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "p.jsonl"
    whole = json.dumps(record_of(FULL)) + "\n"
    path.write_text(whole + torn)
    with PredictionLog(path) as log:
        log.append([Prediction("c", "no_target")])
    assert [entry.id for entry in read_predictions(path)] == ["a", "c"]
    assert path.read_text().startswith(whole)


def test_a_file_without_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"x" * 200_000)
    with PredictionLog(path):
        pass
    assert path.read_bytes() == b""


def test_others_need_not_end_their_last_line(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a"}\n\n{"id": "b", "boxes": [[0, 0, 1, 1]]}')
    assert [(e.id, e.status) for e in read_predictions(path) if isinstance(e, Prediction)] == [
        ("a", "no_target"),
        ("b", "answered"),
    ]
    path.write_text('{"id": "a"}\n{"id": "b", "boxes": [[0,')
    assert len(list(read_predictions(path))) == 1


def test_one_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with PredictionLog(path), pytest.raises(UsageError, match="another process"):
        PredictionLog(path)
    with PredictionLog(path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="cannot write"):
        PredictionLog(tmp_path / "file" / "p.jsonl")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[]", "JSON object"),
        ("{", "not JSON"),
        ('{"status": "answered"}', "id is missing"),
        ('{"id": "a", "status": "fine"}', "status must be one of"),
        ('{"id": "a", "boxes": [[0, 0, 1]]}', "not enough values"),
        ('{"id": "a", "boxes": [[0, 0, 1, NaN]]}', "not finite"),
        ('{"id": "a", "boxes": [[0, 0, 1, 1]], "scores": [1, 2]}', "2 scores for 1 boxes"),
        ('{"id": "a", "boxes": [], "masks": [{}]}', "1 masks for 0 boxes"),
        ('{"id": "a", "text": 5}', "text must be text"),
        ('{"id": "a", "boxes": [[0, 0, 1, 1]], "masks": [{"size": [2, 2], "counts": [1]}]}', "add up"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "ok"}\n' + line + "\n")
    with pytest.raises(ResultFormatError, match=f"line 2: .*{words}"):
        list(read_predictions(path))


def test_an_id_twice(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a"}\n{"id": "a"}\n')
    with pytest.raises(ResultFormatError, match="line 2: a second prediction of 'a'"):
        PredictionTable(path)
    with pytest.raises(ResultFormatError, match="cannot be read"):
        PredictionTable(tmp_path / "absent.jsonl")
    path.write_text('{"id": "a"}\n{"line": 3}\n')
    with pytest.raises(ResultFormatError, match="line 2"):
        PredictionTable(path)
