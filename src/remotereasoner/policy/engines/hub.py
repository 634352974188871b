"""From a model's name to a folder on this machine: as given, or out of the hub's cache, downloaded where needed."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from remotereasoner.errors import CheckpointError, MissingExtraError, ModelNotFoundError

__all__ = ["fetch_checkpoint"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")

# What a checkpoint in safetensors consists of. Neither Python nor any format that can carry code.
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")


def fetch_checkpoint(model: str, *, revision: str | None, local_files_only: bool) -> tuple[Path, str | None]:
    """The folder, and the commit for a name of the hub (None for a folder of the user's).

    Raises ModelNotFoundError, saying what to do; CheckpointError where a revision is asked of a plain folder.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        if revision is not None:
            raise CheckpointError(f"{model} is a folder, which has no revision {revision!r}")
        return folder, None
    if not _HUB_NAME.fullmatch(model):
        raise ModelNotFoundError(f"there is no folder {model!r}, and it is no name of the hub (OWNER/NAME) either")
    if find_spec("huggingface_hub") is None:
        raise MissingExtraError("hf", "Fetching a checkpoint from the hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    named = model if revision is None else f"{model}@{revision}"
    try:
        snapshot = snapshot_download(
            model, revision=revision, local_files_only=local_files_only, allow_patterns=list(_FILES)
        )
    except GatedRepoError as error:
        raise ModelNotFoundError(f"{named} is gated: accept its terms on the hub and run `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise ModelNotFoundError(f"{model} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(f"the hub has no model {model}, or it is private: run `hf auth login`") from error
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelNotFoundError(
            f"{named} is not in the cache of this machine and could not be pulled"
            + (" (local_files_only is set)" if local_files_only else "; is the hub reachable?")
            + " Pull it where there is a network (`hf download`), or give a folder with the checkpoint"
        ) from error
    path = Path(snapshot)
    return path, path.name if _COMMIT.fullmatch(path.name) else None
