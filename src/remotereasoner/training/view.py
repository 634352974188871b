# ruff: noqa: ARG002 - the signatures are the callback's
"""What a person sees of a run: a table that lives on a terminal, one plain line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from remotereasoner.plain_text import printable

__all__ = ["RunView", "Shown", "plain_line"]

STATUSES = ("answered", "no_target", "unparseable", "truncated", "refused")
_MAX_TEXT = 300


@dataclass(frozen=True)
class Shown:
    """A completion to look at."""

    id: str
    query: str
    text: str
    status: str
    reward: float | None


def plain_line(logs: Mapping[str, Any], step: int, steps: int) -> str:
    """One line of the figures that matter: ``step 3/10  reward 0.41 (format 0.9, boxes 0.3)  answered 75%``."""
    parts = [f"step {step}/{steps}"]
    prefix = "eval_" if any(name.startswith("eval_") for name in logs) else ""
    if prefix:
        parts.append("evaluation")
    for name in ("loss", "reward", "giou", "f1"):
        value = _number(logs, prefix + name)
        if value is not None:
            parts.append(f"{name} {value:.4g}" + (_components(logs, prefix) if name == "reward" else ""))
    length = _number(logs, f"{prefix}completions/mean_length")
    if length is not None:
        parts.append(f"length {length:.0f}")
    rates = [(status, _number(logs, f"{prefix}status/{status}")) for status in STATUSES]
    parts += [f"{status} {100 * rate:.0f}%" for status, rate in rates if rate]
    for name, told in (("grad_norm", "gradient"), ("kl", "kl"), ("learning_rate", "lr")):
        value = _number(logs, name)
        if value is not None:
            parts.append(f"{told} {value:.3g}")
    return "  ".join(parts)


def _components(logs: Mapping[str, Any], prefix: str) -> str:
    means = _reward_means(logs, prefix)
    return " (" + ", ".join(f"{name} {value:.3g}" for name, value in means.items()) + ")" if means else ""


def _reward_means(logs: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found = {}
    for name in logs:
        if name.startswith(f"{prefix}rewards/") and name.endswith("/mean"):
            value = _number(logs, name)
            if value is not None:
                found[name.removeprefix(f"{prefix}rewards/").removesuffix("/mean")] = value
    return found


def _number(logs: Mapping[str, Any], name: str) -> float | None:
    value = logs.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class RunView(TrainerCallback):
    """Shows the logs of a run. Only the main process shows anything."""

    def __init__(self, examples: Callable[[], list[Shown]], *, stream: TextIO | None = None) -> None:
        self._examples = examples
        self._stream = stream if stream is not None else sys.stderr
        self._console = Console(file=self._stream, markup=False, highlight=False, emoji=False)
        self._live: Live | None = None
        self._latest: dict[str, Any] = {}
        self._evaluated: dict[str, Any] = {}
        self._began = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = time.monotonic()
        if state.is_world_process_zero and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=2, transient=False)
            self._live.start()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not state.is_world_process_zero or not logs or "train_runtime" in logs:
            return
        evaluation = any(name.startswith("eval_") for name in logs)
        if evaluation:
            self._evaluated |= logs
        else:
            self._latest = dict(logs)
        if self._live is None:
            self._stream.write(plain_line(logs, state.global_step, state.max_steps) + "\n")
            self._stream.flush()
        else:
            self._live.update(self._screen(state))

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was; also after an error."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _screen(self, state: TrainerState) -> Group:
        spent = time.monotonic() - self._began
        figures = Table(box=None, pad_edge=False, show_header=False)
        figures.add_column(style="bold")
        figures.add_column(overflow="fold")
        figures.add_row("step", f"{state.global_step}/{state.max_steps}   {spent:.0f} s")
        figures.add_row("now", Text(plain_line(self._latest, state.global_step, state.max_steps)))
        for name, value in _reward_means(self._latest).items():
            figures.add_row(Text(printable(name)), Text(f"{value:6.3f} {'█' * round(20 * min(1.0, max(0.0, value)))}"))
        if self._evaluated:
            figures.add_row("val", Text(plain_line(self._evaluated, state.global_step, state.max_steps)))
        drawn = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("sample", "status", "reward", "question", "completion"):
            drawn.add_column(name, overflow="fold")
        for shown in self._examples():
            reward = "–" if shown.reward is None else f"{shown.reward:.2f}"
            cells = (shown.id, shown.status, reward, shown.query, shown.text[:_MAX_TEXT])
            drawn.add_row(*(Text(printable(cell)) for cell in cells))
        return Group(figures, drawn)
