from __future__ import annotations

from pathlib import Path

import pytest

from remotereasoner.errors import CheckpointError, ModelNotFoundError
from remotereasoner.policy.engines.hub import fetch_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache as huggingface_hub lays it out, with one model at one commit."""
    repository = tmp_path / "models--Someone--Model"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_cached_model_with_its_commit(cache: Path, revision: str | None) -> None:
    path, commit = fetch_checkpoint("Someone/Model", revision=revision, local_files_only=True)
    assert path == cache / "models--Someone--Model" / "snapshots" / COMMIT and commit == COMMIT


def test_folder_has_no_commit(tmp_path: Path) -> None:
    assert fetch_checkpoint(str(tmp_path), revision=None, local_files_only=True) == (tmp_path, None)
    with pytest.raises(CheckpointError, match="no revision"):
        fetch_checkpoint(str(tmp_path), revision="main", local_files_only=True)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("model", "revision"), [("Someone/Other", None), ("Someone/Model", "v2")])
def test_not_in_the_cache_and_not_allowed_to_pull(model: str, revision: str | None) -> None:
    with pytest.raises(ModelNotFoundError, match=r"local_files_only is set.*give a folder"):
        fetch_checkpoint(model, revision=revision, local_files_only=True)


@pytest.mark.usefixtures("cache")
def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="could not be pulled; is the hub reachable"):
        fetch_checkpoint("Someone/Other", revision=None, local_files_only=False)


@pytest.mark.parametrize(
    "model", ["", "model", "/no/such/folder", "a/b/c", "../up", "https://hub/a/b", "a/b@main", "a b/c"]
)
def test_neither_folder_nor_name(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ModelNotFoundError, CheckpointError), match="there is no folder"):
        fetch_checkpoint(model, revision=None, local_files_only=True)
