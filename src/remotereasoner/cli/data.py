"""``remotereasoner data``: samples from public data sets, what is wrong with them, and what they look like."""

from __future__ import annotations

import click

from remotereasoner.cli.data_check import check
from remotereasoner.cli.data_convert import convert
from remotereasoner.cli.data_show import show
from remotereasoner.cli.data_synth import synth

__all__ = ["data"]


@click.group()
def data() -> None:
    """Make, check and look at sample files; see docs/data-sets.md."""


for _command in (convert, check, show, synth):
    data.add_command(_command)
