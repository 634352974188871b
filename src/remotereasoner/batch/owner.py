"""Who holds a claim: a process on a machine, and whether it is still there."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from remotereasoner.batch.ledger_schema import connect

__all__ = ["LEASE_S", "Heartbeat", "Owner"]

LEASE_S = 60.0
"""A driver on another machine that has not been heard of for so long is taken for dead."""


@dataclass(frozen=True)
class Owner:
    """One driver process. A process number alone would come again."""

    host: str
    """Machine, its boot and its space of process numbers: only where all are equal can a pid be looked up."""
    pid: int
    born: str
    """When the process started, in the system's own count; empty where the system does not tell."""

    @classmethod
    def this(cls) -> Owner:
        """The process that asks."""
        pid = os.getpid()
        return cls(_host(), pid, _born(pid))

    def is_known_dead(self) -> bool:
        """True where the process ran on this machine and is gone; False where it runs, or nobody here can tell."""
        return self.host == _host() and not self._runs_here()

    def is_known_alive(self) -> bool:
        """True where the process runs on this machine."""
        return self.host == _host() and self._runs_here()

    def _runs_here(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it runs, as somebody else's
        return _born(self.pid) == self.born


def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux
        boot, space = "", ""
    return f"{socket.gethostname()} {boot[:8]} {space}".strip()


def _born(pid: int) -> str:
    """Field 22 of /proc/PID/stat; a process that has ended and was not waited for counts as gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "gone" if fields[0] in ("Z", "X") else fields[19]


class Heartbeat:
    """Extends an owner's lease while the driver works, from a thread of its own: a unit may take longer than a lease.

    A lease that cannot be extended (a full disk) is not this thread's to report: the driver will meet the same.
    """

    def __init__(self, path: Path, owner: int, *, lease_s: float = LEASE_S) -> None:
        self._connection = connect(path)
        self._owner = owner
        self._lease_s = lease_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="batch-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()
        self._connection.close()

    def _beat(self) -> None:
        while not self._end.wait(self._lease_s / 4):
            # A full disk or a ledger that is busy: the next beat may succeed.
            with contextlib.suppress(sqlite3.OperationalError):
                self._connection.execute(
                    "UPDATE owners SET lease_until = ? WHERE id = ?", (time.time() + self._lease_s, self._owner)
                )
