"""METEOR 1.5 (Denkowski and Lavie 2014), which exists in Java only: asked where there is a Java and its archive.

The archive comes with the extra ``meteor`` (the package ``pycocoevalcap``), or is named by
``REMOTEREASONER_METEOR_JAR``. Its data of paraphrases must lie beside it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from remotereasoner.errors import EngineError
from remotereasoner.scores.rouge import words_of

__all__ = ["find_meteor", "meteor_scores"]

_JAR = "meteor-1.5.jar"


def find_meteor() -> Path | None:
    """The archive, or None where it or Java is not there."""
    if shutil.which("java") is None:
        return None
    named = os.environ.get("REMOTEREASONER_METEOR_JAR")
    if named:
        return Path(named) if Path(named).is_file() else None
    spec = importlib.util.find_spec("pycocoevalcap")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    paths = [Path(folder, "meteor", _JAR) for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def meteor_scores(
    jar: Path, predicted: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[float, list[float]]:
    """(of the corpus, of each caption), in [0, 1]. The corpus's is made from sums, not the mean of the others.

    Raises :class:`~remotereasoner.errors.EngineError` where the process ends or says something else than a number.
    """
    if not predicted:
        return 0.0, []
    command = ["java", "-Xmx2G", "-jar", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command, cwd=jar.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise EngineError("METEOR's process has no pipes")
        try:
            counts = [
                _ask(process.stdin, process.stdout, " ||| ".join(["SCORE", *map(_plain, texts), _plain(text)]))
                for text, texts in zip(predicted, references, strict=True)
            ]
            first = _ask(process.stdin, process.stdout, " ||| ".join(["EVAL", *counts]))
            each = [float(first), *(float(process.stdout.readline()) for _ in counts[1:])]
            whole = float(process.stdout.readline())
        except (OSError, ValueError) as error:
            raise EngineError(f"METEOR ended without a score: {error}") from error
        finally:
            process.kill()
            with contextlib.suppress(OSError):  # what is still to be written has no reader
                process.stdin.close()
    return whole, each


def _plain(text: str) -> str:
    """Words on one line: neither a line break nor METEOR's own separator."""
    return " ".join(words_of(text)) or "."


def _ask(stdin: IO[str], stdout: IO[str], line: str) -> str:
    stdin.write(line + "\n")
    stdin.flush()
    return stdout.readline().strip()
