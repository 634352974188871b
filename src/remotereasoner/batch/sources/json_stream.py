"""JSON files that others wrote, read in pieces: an object's members one by one, a long list's elements too.

Sizes are capped and nothing but a regular file is opened. Every fault of the file is a :class:`FaultError`.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from remotereasoner.batch.sources.files import fault_of_os_error
from remotereasoner.errors import InputError

__all__ = ["MAX_BYTES", "FaultError", "read_object", "stream_members"]

MAX_BYTES = 64 * 2**20
"""A larger file, or a longer value in one that is streamed (then in characters), is refused."""
_CHUNK_CHARS = 1 << 18
_SPACE = " \t\r\n"


class FaultError(InputError):
    """What is wrong with a part of a source, or one file of it; becomes the fault of an entry, with its ``code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _open(path: Path, max_bytes: int | None) -> TextIO:
    try:
        # Not blocking: a FIFO would wait for its writer. What it is, is looked at before anything is read.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or (max_bytes is not None and found.st_size > max_bytes):
            os.close(descriptor)
            if stat.S_ISREG(found.st_mode):
                raise _too_large(path.name)
            raise FaultError("not_a_file", f"{path.name} is not a regular file")
        return open(descriptor, encoding="utf-8-sig", errors="strict")  # noqa: PTH123  a descriptor
    except OSError as error:
        raise FaultError(*fault_of_os_error(error, f"file {path.name}")) from error
    except ValueError as error:  # a NUL in the path
        raise FaultError("not_found", "there is no file of that name") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file of at most :data:`MAX_BYTES`. Raises :class:`FaultError`."""
    return dict(stream_members(path, max_bytes=MAX_BYTES))


def stream_members(
    path: Path, elements_of: str | None = None, *, max_bytes: int | None = None
) -> Iterator[tuple[str, Any]]:
    """The members of the object in a file, in its order. The list under ``elements_of`` is not read as a whole: there
    is a pair for each element. Raises :class:`FaultError`, also in the middle.
    """
    with _open(path, max_bytes) as file:
        reader = _Reader(file, path.name)
        try:
            reader.take("{")
            if reader.peek() == "}":
                reader.take("}")
            else:
                while True:
                    name = reader.value()
                    if not isinstance(name, str):
                        reader.fail("a member's name is not text")
                    reader.take(":")
                    if name == elements_of and reader.peek() == "[":
                        for element in reader.elements():
                            yield name, element
                    else:
                        yield name, reader.value()
                    if reader.take(",}") == "}":
                        break
            if reader.peek():
                reader.fail("something follows its object")
        except UnicodeDecodeError:
            reader.fail("it is not UTF-8")
        except OSError as error:
            raise FaultError(*fault_of_os_error(error, f"file {path.name}")) from error


def _too_large(name: str) -> FaultError:
    return FaultError("too_large", f"{name} is larger than {MAX_BYTES >> 20} MiB, or one part of it is")


class _Reader:
    """Values out of a text that is in memory only in part."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file = file
        self._name = name
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def fail(self, why: str) -> None:
        raise FaultError("bad_json", f"{self._name} is not usable JSON: {why}")

    def _more(self, size: int = _CHUNK_CHARS) -> None:
        chunk = self._file.read(size)
        self._ended = not chunk
        self._text = self._text[self._at :] + chunk
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space; "" at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._more()

    def take(self, expected: str) -> str:
        """The next character, which must be one of ``expected``."""
        found = self.peek()
        if not found or found not in expected:
            self.fail(f"{' or '.join(expected)} is missing" if found else "it ends too early")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value as a whole."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                self.fail("it is nested too deeply")
            except ValueError as error:
                if self._ended:
                    self.fail(getattr(error, "msg", "a number is too long"))
            else:
                if end < len(self._text) or self._ended:  # else a number may go on
                    self._at = end
                    return value
            held = len(self._text) - self._at
            if held > MAX_BYTES:
                raise _too_large(self._name)
            self._more(max(_CHUNK_CHARS, held))  # doubling: what is decoded in vain stays in proportion

    def elements(self) -> Iterator[Any]:
        """The elements of the list that comes next."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return
