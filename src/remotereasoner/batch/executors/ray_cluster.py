"""To a Ray cluster and back: one of our own on this machine, or one that is there and stays there."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO, cast

from remotereasoner.errors import EngineError, MissingExtraError, UsageError

__all__ = ["connected", "import_ray"]

_LOG = logging.getLogger(__name__)
_OBJECT_STORE_BYTES = 256 * 1024**2
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of results that are forgotten on purpose
}


def import_ray() -> ModuleType:
    """Raises MissingExtraError. Ray reads its environment when it is first imported: it reports no usage to anyone."""
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "Running a batch on a Ray cluster")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    return ray


@contextlib.contextmanager
def connected(address: str | None, *, cpus: int, verbose: bool = False) -> Iterator[ModuleType]:
    """Ray, connected. ``address`` None starts a cluster of ``cpus`` here and ends it; another one is left as it was.

    A process that is connected to a cluster already stays connected to it. Raises MissingExtraError, UsageError where
    nothing answers at ``address``, EngineError where Ray does not start.
    """
    with contextlib.ExitStack() as stack:
        if address is None:
            stack.enter_context(_loopback_only())
        ray = import_ray()
        if not verbose:
            stack.enter_context(contextlib.redirect_stdout(cast("TextIO", _Sieve(sys.stdout))))
        with _own_signals():
            if address is None:
                _start(ray, cpus, stack, verbose=verbose)
            elif not ray.is_initialized():
                _join(ray, address, verbose=verbose)
                stack.callback(ray.shutdown)
        yield ray


def _start(ray: ModuleType, cpus: int, stack: contextlib.ExitStack, *, verbose: bool) -> None:
    if ray.is_initialized():
        raise UsageError("this process is connected to a Ray cluster: pass address='auto' to use it")
    folder = Path(tempfile.mkdtemp(prefix="rr-ray-"))  # short: sockets lie in it
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            log_to_driver=verbose,
            logging_level=_level(verbose=verbose),
            _temp_dir=str(folder),
        )
    except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
        raise EngineError(f"Ray does not start on this machine: {error}") from error
    stack.callback(ray.shutdown)
    listens = ray.util.get_node_ip_address()
    if listens != "127.0.0.1":
        raise UsageError(f"Ray was imported before and would listen on {listens}: start it in a fresh process")


def _join(ray: ModuleType, address: str, *, verbose: bool) -> None:
    try:
        ray.init(address=address, log_to_driver=verbose, logging_level=_level(verbose=verbose))
    except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
        first = str(error).strip().split("\n")[0]
        raise UsageError(f"there is no Ray cluster to use at {address}: {first}") from error


def _level(*, verbose: bool) -> int:
    return logging.INFO if verbose else logging.ERROR


class _Sieve:
    """Standard output without what Ray tells there of dead workers and nodes: that goes to the log."""

    _MARKS = ("(raylet)", "(autoscaler")

    def __init__(self, under: TextIO) -> None:
        self._under = under
        self._drops_newline = False

    def write(self, text: str) -> int:
        drops_newline, self._drops_newline = self._drops_newline, False
        if any(mark in text[:24] for mark in self._MARKS):
            _LOG.debug("%s", text.strip())
            self._drops_newline = True  # print() writes it by itself
        elif not (drops_newline and text == "\n"):
            self._under.write(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._under, name)


@contextlib.contextmanager
def _loopback_only() -> Iterator[None]:
    """A cluster started inside listens on 127.0.0.1 alone, and wants a token: the user's, or one that only this process
    and its children know.

    The first variable is meant for systems on which Ray has no clusters of several machines; on Linux it has the same
    effect, and an address given to ``ray.init`` has not: that one is turned into the machine's own.
    """
    own = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
    if not (os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")):
        own["RAY_AUTH_TOKEN"] = _token()
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache  # so does Ray, which reads it once in a process
def _token() -> str:
    return secrets.token_hex(24)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """``ray.init`` takes SIGTERM for itself; the driver's handler ends a run cleanly, so it is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
