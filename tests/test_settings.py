from __future__ import annotations

from pathlib import Path

import pytest

from remotereasoner.errors import UsageError
from remotereasoner.settings import ENV_PREFIX, Settings, load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings, and none in the environment."""
    import os

    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.model, settings.segmenter, settings.temperature) == ("embedded", "embedded", 0.0)


def test_command_line_over_environment_over_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "remotereasoner.toml").write_text('model = "file"\nsegmenter = "file"\ndevice = "file"\n')
    monkeypatch.setenv("REMOTEREASONER_MODEL", "environment")
    monkeypatch.setenv("REMOTEREASONER_SEGMENTER", "environment")
    monkeypatch.setenv("REMOTEREASONER_DEVICE", "")  # empty: not set
    settings = load_settings(model="option", segmenter=None)
    assert (settings.model, settings.segmenter, settings.device) == ("option", "environment", "file")


def test_a_file_by_name(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "remotereasoner.toml").write_text('model = "not this one"')
    (elsewhere / "mine.toml").write_text("seed = 3\nmax_new_tokens = 99\n")
    assert load_settings(elsewhere / "mine.toml").seed == 3
    monkeypatch.setenv("REMOTEREASONER_CONFIG", str(elsewhere / "mine.toml"))
    assert load_settings().max_new_tokens == 99
    assert load_settings().model == "embedded"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle = 'x'", "modle: there is no such setting; there are .*model"),
        ("temperature = 'warm'", "temperature: input should be a valid number"),
        ("temperature = 3", "temperature: input should be less than or equal to 2"),
        ("dtype = 'int3'", "dtype: input should be 'float32', 'float16' or 'bfloat16'"),
        ("max_new_tokens = 0", "max_new_tokens"),
        ("model = ''", "model"),
        ("model = [", "not valid TOML"),
    ],
)
def test_mistakes_are_named(text: str, message: str, elsewhere: Path) -> None:
    (elsewhere / "bad.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_settings("bad.toml")


def test_files_that_cannot_be_read(elsewhere: Path) -> None:
    with pytest.raises(UsageError, match="no settings file"):
        load_settings("nowhere.toml")
    (elsewhere / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings("binary.toml")


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOTEREASONER_API_KEY", "sk-very-secret")
    settings = load_settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk-very-secret"
    assert "very-secret" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_wrong_values_are_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(api_key=["sk-very-secret"])
    assert "very-secret" not in str(caught.value)


def test_every_setting_is_explained_or_plain() -> None:
    unexplained = {name for name, field in Settings.model_fields.items() if not field.description}
    assert unexplained == {"top_p", "max_new_tokens", "seed"}
