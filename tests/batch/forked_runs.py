"""Runs of the command line in children of one process that has loaded everything: quick to start, real to kill.

Started as a script it reads one JSON line a run, ``{"args": […], "failpoint": "name:n" or null, "kill_after_s": …,
"largest_file": …}``, forks, and answers with one line ``{"status": …, "output": …}``: exit code, or minus the signal.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_HEAVY = (
    "remotereasoner.batch.run",
    "remotereasoner.batch.executors.inline",
    "remotereasoner.policy.engines.scripted",
    "remotereasoner.transform.box",
    "remotereasoner.tiling.survey",
    "remotereasoner.batch.merged",
    "pyarrow.parquet",
    "pandas",
    "remotereasoner.loading",
    "remotereasoner.settings",
)


@dataclass
class Runner:
    process: subprocess.Popen[str]

    def run(
        self,
        *args: str,
        failpoint: str | None = None,
        kill_after_s: float | None = None,
        largest_file: int | None = None,
    ) -> tuple[int, str]:
        """(exit code or minus the signal, what was written) of ``remotereasoner ARGS``.

        ``largest_file``: bytes beyond which no file may grow, as on a disk that is full.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        wish = {"args": args, "failpoint": failpoint, "kill_after_s": kill_after_s, "largest_file": largest_file}
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["status"], answer["output"]


@contextlib.contextmanager
def runner() -> Iterator[Runner]:
    """A process that runs commands until the block ends."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield Runner(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _child(wish: dict[str, Any], output: int) -> None:
    from remotereasoner.batch import failpoints
    from remotereasoner.cli.main import main

    os.dup2(output, 1)
    os.dup2(output, 2)
    if wish["failpoint"]:
        os.environ[failpoints.VARIABLE] = wish["failpoint"]
        importlib.reload(failpoints)
    if wish["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wish["largest_file"],) * 2)
    code = main(wish["args"])
    sys.stdout.flush()
    os._exit(code)


def _serve() -> None:
    for name in _HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        wish = json.loads(line)
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if child == 0:
                _child(wish, output.fileno())
            if wish["kill_after_s"] is not None:
                time.sleep(wish["kill_after_s"])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            _, ended = os.waitpid(child, 0)
            output.seek(0)
            answer = {"status": os.waitstatus_to_exitcode(ended), "output": output.read().decode(errors="replace")}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
