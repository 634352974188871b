"""Every setting in one model: command line over environment over file over default.

A setting ``model`` is the option ``--model``, the variable ``REMOTEREASONER_MODEL`` and the key ``model`` of
``remotereasoner.toml`` in the working directory (or of the file given as ``--config``). Unknown keys are refused, so
that a misspelt one does not go unnoticed.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from remotereasoner.errors import UsageError

__all__ = ["DEFAULT_CONFIG_NAME", "ENV_PREFIX", "Settings", "default_cache_dir", "load_settings"]

ENV_PREFIX = "REMOTEREASONER_"
DEFAULT_CONFIG_NAME = "remotereasoner.toml"


def default_cache_dir() -> Path:
    """``REMOTEREASONER_CACHE_DIR``, else ``XDG_CACHE_HOME/remotereasoner``, else ``~/.cache/remotereasoner``."""
    own = os.environ.get("REMOTEREASONER_CACHE_DIR")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "remotereasoner"


class Settings(BaseSettings):
    """What can be set; field names are the keys everywhere."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", env_ignore_empty=True, frozen=True)

    model: str = Field("embedded", min_length=1, description="the policy; see `remotereasoner models`")
    segmenter: str = Field("embedded", min_length=1, description="boxes to masks; see `remotereasoner models`")

    device: str | None = Field(None, description="cpu, cuda, cuda:0, mps; unset: the engine decides")
    dtype: Literal["float32", "float16", "bfloat16"] | None = Field(None, description="of the policy's weights")

    codec: str | None = Field(None, description="how the policy writes coordinates, where its name does not tell")
    quantization: Literal["8bit", "4bit"] | None = Field(None, description="of a checkpoint run by transformers")
    attention: str | None = Field(None, description="attention implementation of a checkpoint run by transformers")

    api_key: SecretStr | None = Field(None, description="sent to the server of `openai:…` only; not in any result")
    timeout_s: float | None = Field(None, gt=0, le=86_400, description="seconds for one request to a server")
    retries: int | None = Field(None, ge=0, le=20, description="further attempts after a server's transient failure")

    temperature: float = Field(0.0, ge=0, le=2, description="0 is greedy")
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(512, ge=1, le=65_536)
    seed: int | None = Field(None, ge=0, lt=2**63)

    max_side_px: int | None = Field(None, ge=16, le=65_536, description="scenes are read no larger than this")

    cache_dir: Path = Field(default_factory=default_cache_dir, description="where pulled weights live")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what :func:`load_settings` merged; no ``.env`` file, no secrets folder: no hidden inputs."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings


def _read_config(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"no settings file at {path}: check --config or {ENV_PREFIX}CONFIG") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the settings file {path} cannot be read: {error}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the settings file {path} is not valid TOML: {error}") from None


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"]) or "settings"
        if item["type"] == "extra_forbidden":
            parts.append(f"{name}: there is no such setting; there are {', '.join(sorted(Settings.model_fields))}")
        else:
            parts.append(f"{name}: {item['msg'][:1].lower()}{item['msg'][1:]}")
    return "; ".join(parts)


def load_settings(config: Path | str | None = None, **overrides: Any) -> Settings:
    """Settings from ``overrides`` (None: not given), then the environment, then a TOML file, then the defaults.

    ``config`` None reads ``REMOTEREASONER_CONFIG`` where set, else ``remotereasoner.toml`` in the working directory
    where there is one. Raises :class:`~remotereasoner.errors.UsageError` naming each wrong setting, without its value.
    """
    chosen = config or os.environ.get(ENV_PREFIX + "CONFIG")
    if chosen:
        values = _read_config(Path(chosen))
    else:
        default = Path(DEFAULT_CONFIG_NAME)
        values = _read_config(default) if default.is_file() else {}
    given = [key for key, value in os.environ.items() if value and key.upper().startswith(ENV_PREFIX)]
    environment = {key[len(ENV_PREFIX) :].lower() for key in given}
    # What the environment sets must win over the file, so the file only fills what is left.
    merged = {key: value for key, value in values.items() if key not in environment}
    merged |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise UsageError(_explain(error)) from None
