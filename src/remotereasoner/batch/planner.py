"""From a source to what the ledger takes in: entries times questions, hashed a little ahead of the work.

A thread reads the source and hashes; the driver takes what is ready when it has room. The list as a whole is nowhere:
at most :data:`QUEUE_CHUNKS` chunks wait, and while they do, nothing is read.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType

from remotereasoner.batch.hashing import Content, Hasher
from remotereasoner.batch.items import Entry, Recipe, item_key
from remotereasoner.batch.ledger_planning import Planned
from remotereasoner.errors import InputError
from remotereasoner.types import Task

__all__ = ["Keys", "Planner"]

CHUNK = 256
QUEUE_CHUNKS = 4
_LINGER_S = 0.05
_PUT_S = 0.2


@dataclass(frozen=True)
class Keys:
    """What item keys are made of beside content and question."""

    recipe: Recipe
    identity: str
    code_version: str


class Planner:
    """The source's entries in their order, read in a thread. ``questions`` are asked where an entry brings none.

    Leave the block to end the thread; what it has read is forgotten, and read again by the next run.
    """

    def __init__(
        self, entries: Iterable[Entry], questions: Sequence[str], task: Task, keys: Keys, hasher: Hasher
    ) -> None:
        self._entries = entries
        self._questions = tuple(questions)
        self._task = task
        self._keys = keys
        self._hasher = hasher
        self._ready: queue.Queue[list[Planned] | BaseException | None] = queue.Queue(QUEUE_CHUNKS)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, name="batch-planner", daemon=True)
        self.is_exhausted = False
        """True when the last chunk was taken."""

    def __enter__(self) -> Planner:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def take(self, timeout_s: float) -> list[Planned]:
        """The next chunk, [] where none is ready within the time or the source is at its end.

        Raises what reading the source raised.
        """
        if self.is_exhausted:
            return []
        try:
            found = self._ready.get(timeout=timeout_s) if timeout_s > 0 else self._ready.get_nowait()
        except queue.Empty:
            return []
        if found is None:
            self.is_exhausted = True
            return []
        if isinstance(found, BaseException):
            self.is_exhausted = True
            raise found
        return found

    def _read(self) -> None:
        try:
            self._read_all()
        except BaseException as error:
            self._put(error)
        else:
            self._put(None)

    def _read_all(self) -> None:
        chunk: list[Planned] = []
        began = time.monotonic()
        for entry in self._entries:
            chunk += self._planned(entry)
            if len(chunk) >= CHUNK or time.monotonic() - began > _LINGER_S:
                self._put(chunk)
                chunk, began = [], time.monotonic()
            if self._end.is_set():
                return
        if chunk:
            self._put(chunk)

    def _put(self, what: list[Planned] | BaseException | None) -> None:
        while not self._end.is_set():
            try:
                self._ready.put(what, timeout=_PUT_S)
            except queue.Full:
                continue
            return

    def _planned(self, entry: Entry) -> list[Planned]:
        if entry.question is not None:
            questions: Sequence[str] = (entry.question,)
        elif self._questions:
            questions = self._questions
        else:
            raise InputError("the source brings no questions: give at least one")
        task = entry.task if entry.question is not None else self._task
        found = self._hasher(entry) if entry.fault is None else Content(None, entry.fault)
        content, fault = found.sha256, found.fault
        of_content = content if content is not None else _digest(["fault", entry.name, entry.paths, fault]).hex()
        return [
            Planned(
                ident=_digest([entry.name, entry.paths, question, task])[:16],
                name=entry.name,
                paths=entry.paths,
                question=question,
                task=task,
                key=item_key(
                    of_content, question, task, self._keys.recipe, self._keys.identity, self._keys.code_version
                ),
                content=content,
                fault=fault,
                extra=entry.extra,
                hashed=found.hashed if number == 0 else (),
            )
            for number, question in enumerate(questions)
        ]


def _digest(parts: Sequence[object]) -> bytes:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).digest()
