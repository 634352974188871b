"""The entry point: commands, exit codes, and how errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType

import click

from remotereasoner.cli.ask import ask
from remotereasoner.cli.batch import batch
from remotereasoner.cli.compare import compare
from remotereasoner.cli.data import data
from remotereasoner.cli.evaluate import evaluate
from remotereasoner.cli.info import info
from remotereasoner.cli.models import models
from remotereasoner.cli.score import score
from remotereasoner.cli.terminal import show_error
from remotereasoner.cli.train import train
from remotereasoner.errors import RemoteReasonerError
from remotereasoner.version import package_version

__all__ = ["cli", "main"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not context.resilient_parsing:
        click.echo(f"remotereasoner {package_version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def cli() -> None:
    """Ask questions of overhead imagery; get boxes, masks and contours on the map.

    Exit codes: 0 done, 2 usage, 3 bad input, 4 nothing answers the question, 5 the model's answer could not be read,
    130 interrupted, 1 anything else.
    """


for _command in (ask, batch, compare, data, evaluate, info, models, score, train):
    cli.add_command(_command)


def _defect(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What Python shows for an exception that nobody expected: one line, or everything where it was asked for."""
    if os.environ.get("REMOTEREASONER_TRACEBACK"):
        sys.__excepthook__(kind, error, traceback)
        return
    show_error(
        f"internal error ({kind.__name__}: {error}). This is a defect of remotereasoner: please report it with what "
        "REMOTEREASONER_TRACEBACK=1 shows."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. ``arguments`` None: those of the process."""
    # Before anything imports torch: idle OpenMP threads then sleep instead of spinning on cores that others need.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.excepthook = _defect
    try:
        code = cli.main(args=arguments, prog_name="remotereasoner", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        show_error("interrupted")
        return _INTERRUPTED
    except RemoteReasonerError as error:
        show_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return int(code or 0)
