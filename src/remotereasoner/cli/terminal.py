"""What reaches the terminal: tables, progress and errors, all of it printable text.

Questions, file names and everything a model wrote are other people's text. They pass :func:`printable` and are handed
to rich as :class:`~rich.text.Text`, so that neither escape sequences nor rich's own markup in them do anything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from remotereasoner.plain_text import printable

__all__ = [
    "counting",
    "following",
    "lines",
    "log_to_stderr",
    "print_json",
    "print_table",
    "show_error",
    "tracking",
    "working",
]


def _console(*, stderr: bool = False) -> Console:
    # Made at each use: tests and callers replace sys.stdout.
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else 160
    return Console(file=file, markup=False, highlight=False, emoji=False, soft_wrap=False, width=width)


def _text(value: str, style: str = "") -> Text:
    return Text(printable(value), style=style)


def lines(*texts: str, style: str = "") -> None:
    """Each text as a paragraph on stdout, its own line breaks kept."""
    console = _console()
    for text in texts:
        console.print(Text(printable(text, newlines=True), style=style))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """A table on stdout; ``right``: columns that hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        numeric = number in right
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    _console().print(table)


def print_json(document: Any) -> None:
    """One document on stdout and nothing else. Control characters are escaped, as JSON does it."""
    click.echo(json.dumps(document, indent=1, allow_nan=False))


def show_error(message: str) -> None:
    """One message on stderr."""
    console = _console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), printable(message, newlines=True)))


@contextlib.contextmanager
def working(what: str, *, quiet: bool) -> Iterator[None]:
    """A spinner on stderr while something takes long; nothing where stderr is no terminal."""
    console = _console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(_text(what)):
        yield


@contextlib.contextmanager
def following(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left on stderr; call what it gives with (done, in all).

    Nothing is shown where stderr is no terminal.
    """
    console = _console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns,
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task(printable(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def tracking(what: str, *, quiet: bool) -> Iterator[Callable[[int, int | None, str], None]]:
    """A bar for work whose end may not be known yet; call what it gives with (done, in all or None, a remark)."""
    console = _console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task(printable(what), total=None, remark="")
        yield lambda done, total, remark: bar.update(task, completed=done, total=total, remark=printable(remark))


@contextlib.contextmanager
def counting(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """The same for work that says how many things were done since the last call."""
    with following(what, quiet=quiet) as tell:
        so_far = 0

        def advance(done: int) -> None:
            nonlocal so_far
            so_far += done
            tell(so_far, total)

        advance(0)
        yield advance


def log_to_stderr(verbose: bool) -> None:
    """Our own log messages on stderr, from DEBUG on where ``verbose``; the root logger is left alone."""
    logger = logging.getLogger("remotereasoner")
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{record.levelname.lower()}: {printable(record.getMessage())}\n")
