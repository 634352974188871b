"""Which lines records stand on, and that a run is continued as it was begun."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remotereasoner.errors import ResultFormatError, SampleError, UsageError
from remotereasoner.evaluation.run_file import FILE_NAME, RunParameters, begin_or_continue, inspect_samples, read_run

PARAMETERS = RunParameters(
    samples="s.jsonl", samples_sha256="00", model={"engine": "scripted", "revision": None}, codec="pixels",
    segmenter="box", temperature=0.0, top_p=1.0, max_new_tokens=512, seed=None, limit=None, batch=8, votes=0,
    vote_temperature=None, masks=True,
)  # fmt: skip


@given(st.lists(st.sampled_from(["{}", "", "  ", '{"task": "caption"}']), max_size=12), st.booleans())
def test_lines_of_records(tmp_path_factory: pytest.TempPathFactory, lines: list[str], ended: bool) -> None:
    path = tmp_path_factory.mktemp("lines") / "s.jsonl"
    path.write_text("\n".join(lines) + ("\n" if ended and lines else ""))
    file = inspect_samples(path)
    wanted = [number for number, line in enumerate(lines, start=1) if line.strip()]
    assert file.n_records == len(wanted)
    assert [file.line_of(ordinal) for ordinal in range(file.n_records)] == wanted
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.may_have_captions == any("caption" in line for line in lines)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"s\.jsonl: cannot be read"):
        inspect_samples(tmp_path / "s.jsonl")


def test_a_run_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    assert not begin_or_continue(tmp_path, PARAMETERS)
    assert begin_or_continue(tmp_path, PARAMETERS)
    with pytest.raises(UsageError, match=r"temperature: 0\.0 then, 0\.7 now; limit: null then, 5 now"):
        begin_or_continue(tmp_path, replace(PARAMETERS, temperature=0.7, limit=5))
    with pytest.raises(UsageError, match="model"):
        begin_or_continue(tmp_path, replace(PARAMETERS, model={"engine": "embedded", "revision": "x" * 200}))
    document = read_run(tmp_path)
    assert document is not None
    assert document["parameters"]["segmenter"] == "box"


def test_predictions_of_an_unknown_run_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").touch()
    with pytest.raises(UsageError, match="unknown run"):
        begin_or_continue(tmp_path, PARAMETERS)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"format": "other"})])
def test_a_damaged_run_file(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ResultFormatError, match=r"run\.json"):
        begin_or_continue(tmp_path, PARAMETERS)
