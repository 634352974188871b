"""METEOR through its own archive, where Java and the archive are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from remotereasoner.errors import EngineError
from remotereasoner.scores.meteor import find_meteor, meteor_scores


@pytest.mark.slow  # Java reads 60 MB of paraphrases first
def test_order_and_bounds() -> None:
    jar = find_meteor()
    if jar is None:
        pytest.skip("no Java or no meteor-1.5.jar (extra meteor)")
    predicted = ["Two ships lie in the harbour.", "two boats lie in a harbor", "a road ||| \n of snow"]
    references = [["two ships lie in the harbour"]] * 3
    whole, each = meteor_scores(jar, predicted, references)
    assert each[0] == pytest.approx(1.0, abs=0.01)
    assert each[0] > each[1] > each[2] >= 0
    assert 0 < whole < 1
    assert meteor_scores(jar, [], []) == (0.0, [])


def test_without_java_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_meteor() is None


def test_a_named_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho nonsense\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("REMOTEREASONER_METEOR_JAR", str(tmp_path / "absent.jar"))
    assert find_meteor() is None
    archive = tmp_path / "mine.jar"
    archive.touch()
    monkeypatch.setenv("REMOTEREASONER_METEOR_JAR", str(archive))
    assert find_meteor() == archive
    with pytest.raises(EngineError, match="without a score"):
        meteor_scores(archive, ["a"], [["a"]])
