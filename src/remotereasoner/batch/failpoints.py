"""Named points at which a test can kill the process, as ``kill -9`` would.

``REMOTEREASONER_FAILPOINT=write.renamed:3`` ends the process by SIGKILL when it comes to ``write.renamed`` for the
third time. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

from remotereasoner.errors import UsageError

__all__ = ["FAILPOINTS", "VARIABLE", "hit"]

VARIABLE = "REMOTEREASONER_FAILPOINT"

FAILPOINTS = (
    "plan.inserted",  # entries and items are in the ledger
    "claim.before",  # about to claim
    "claim.committed",  # claimed, nothing submitted
    "read.opened",  # a worker has opened the image
    "infer.done",  # a worker has its result
    "result.received",  # the driver has it, nothing is written
    "write.temp",  # a temporary file is written, not flushed
    "write.fsynced",  # it is on the disk under its temporary name
    "write.renamed",  # one file has its name, the folder is not flushed
    "mark.before",  # all files are in place, the ledger does not know
    "mark.committed",  # the ledger knows
    "parts.written",  # tables above the items were extended
)


def _armed() -> tuple[str, int] | None:
    wish = os.environ.get(VARIABLE)
    if not wish:
        return None
    name, _, nth = wish.partition(":")
    if name not in FAILPOINTS or not (nth or "1").isdecimal() or int(nth or "1") < 1:
        raise UsageError(f"{VARIABLE}={wish!r}: give NAME or NAME:N, NAME one of {', '.join(FAILPOINTS)}")
    return name, int(nth or "1")


_target = _armed()
_left = _target[1] if _target is not None else 0


def hit(name: str) -> None:
    """Pass the point ``name``; where it is the one that was asked for, this does not return."""
    global _left
    if _target is None or _target[0] != name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
