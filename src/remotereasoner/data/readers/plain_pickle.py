"""Pickles that hold plain data, read without running any of them.

A pickle is a program. Before it is loaded, its instructions are gone through, and all that could import, call or build
anything are refused; so are memo numbers that make the loader allocate gigabytes. What loads it afterwards refuses to
look up any name as well.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.files import read_bytes
from remotereasoner.errors import InputError

__all__ = ["MAX_PICKLE_BYTES", "read_plain_pickle"]

MAX_PICKLE_BYTES = 256 << 20
_PLAIN = frozenset((
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "EMPTY_LIST", "APPEND", "APPENDS", "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT",
    "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS", "FROZENSET", "GET", "BINGET", "LONG_BINGET", "PUT",
    "BINPUT", "LONG_BINPUT", "MEMOIZE",
))  # fmt: skip
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> NoReturn:
        raise FieldError(f"it wants {shown(f'{module_name}.{global_name}')}: only plain data is read")

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002
        raise FieldError("it refers to objects outside itself: only plain data is read")


def _check(content: bytes) -> None:
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in _PLAIN:
            wanted = f" {shown(argument)}" if isinstance(argument, str) else ""
            raise FieldError(f"its instruction {opcode.name}{wanted} is not of plain data")
        if opcode.name in _PUTS and (not isinstance(argument, int) or argument > number):
            raise FieldError(f"its memo number {argument} is out of all proportion")


def read_plain_pickle(path: Path) -> Any:
    """Lists, tuples, dicts, text and numbers of a pickle. Text of Python 2 is read as UTF-8.

    Raises :class:`~remotereasoner.errors.InputError` for a file that is missing, too large, damaged, or holds anything
    else; nothing of it has been run then.
    """
    try:
        content = read_bytes(path, MAX_PICKLE_BYTES)
        _check(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="utf-8", errors="replace").load()
    except FieldError as error:
        raise InputError(f"{path} is refused: {error}") from None
    except (pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is not a pickle that can be read: {error}") from None
    except (MemoryError, RecursionError, AttributeError) as error:
        raise InputError(f"{path} is refused: {type(error).__name__} while reading it") from None
