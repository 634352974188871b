"""The exception tree. Everything this package raises on purpose is one of these.

::

    RemoteReasonerError                     exit code 1 unless said otherwise
    ├── UsageError                    (2)   a parameter or setting is wrong; the message says which and what is allowed
    ├── InputError                    (3)   what the user gave cannot be used
    │   ├── ImageReadError            (3)   a raster was refused or could not be read; carries a ``code``
    │   ├── CoordinateError           (3)   bounds, CRS or points that cannot be used with this scene
    │   ├── ResultFormatError         (3)   a saved result that cannot be read back
    │   └── SampleError               (3)   a line of a sample file that is not a sample; names file and line
    ├── MissingExtraError             (1)   an optional dependency is not installed; names the extra
    ├── ModelError                    (1)   the policy or the segmenter
    │   ├── ModelNotFoundError        (1)   weights that are not there and could not be pulled
    │   ├── CheckpointError           (1)   weights that are refused: format, hash, shape, remote code
    │   └── EngineError               (1)   the engine failed; ``transient`` says whether asking again can help
    ├── TrainingError                 (1)   a run that cannot go on: it diverged, or its rewards judge nothing
    └── ExportError                   (1)   an output could not be written; nothing half-written is left

An answer that cannot be read is not an error: it is an :class:`~remotereasoner.policy.answer.Answer` with the status
``unparseable``, ``truncated`` or ``refused``.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "CoordinateError",
    "EngineError",
    "ExportError",
    "ImageReadError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "ModelNotFoundError",
    "RemoteReasonerError",
    "ResultFormatError",
    "SampleError",
    "TrainingError",
    "UsageError",
]


class RemoteReasonerError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class UsageError(RemoteReasonerError, ValueError):
    """A parameter or a setting is wrong."""

    exit_code = 2


class InputError(RemoteReasonerError):
    """What the user gave cannot be used."""

    exit_code = 3


class ImageReadError(InputError):
    """A raster was refused or could not be read.

    ``code`` is a short, stable, machine-readable word such as ``not_found``, ``unknown_format`` or ``too_large``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[ImageReadError], tuple[str, str]]:
        return type(self), (self.code, str(self))


class CoordinateError(InputError):
    """Bounds, a CRS or points that cannot be used with this scene."""


class ResultFormatError(InputError):
    """A saved result that cannot be read back."""


class SampleError(InputError):
    """A sample file, or one line of it, that cannot be used: ``path``, ``line`` (from 1, or None) and ``reason``."""

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if line is None else f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[SampleError], tuple[str, int | None, str]]:
        return type(self), (self.path, self.line, self.reason)


class MissingExtraError(RemoteReasonerError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional dependency: pip install 'remotereasoner[{extra}]'")
        self.extra = extra
        self.purpose = purpose

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.extra, self.purpose)


class ModelError(RemoteReasonerError):
    """The policy or the segmenter."""


class ModelNotFoundError(ModelError):
    """Weights that are not there and could not be pulled."""


class CheckpointError(ModelError):
    """Weights that are refused."""


class EngineError(ModelError):
    """The engine that runs a model failed; ``transient`` says whether asking again can help."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class TrainingError(RemoteReasonerError):
    """A training run that cannot go on; checkpoints written before are whole."""


class ExportError(RemoteReasonerError):
    """An output could not be written."""
