"""A bar for work that says itself how far it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from remotereasoner.plain_text import printable

__all__ = ["following"]


@contextlib.contextmanager
def following(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left on stderr; call what it gives with (done, in all).

    Nothing is shown where stderr is no terminal.
    """
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(printable(what), total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
