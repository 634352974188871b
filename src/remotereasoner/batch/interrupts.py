"""SIGINT and SIGTERM as a wish to end, not as an end in the middle of something."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]

_SAME_S = 1.0  # `timeout` and some supervisors signal process and group: that is one wish
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Inside the block the first signal sets :attr:`wanted`, the second one interrupts as it always did.

    Only the main thread can listen to signals; in another one nothing is changed.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self.wanted:
            self.wanted, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > _SAME_S:
            raise KeyboardInterrupt
