from __future__ import annotations

import io
from typing import Any

from transformers import TrainerControl, TrainerState

from remotereasoner.training.view import RunView, Shown, plain_line

LOGS = {"loss": 0.5, "reward": 0.25, "rewards/format/mean": 1.0, "rewards/mask/mean": None, "status/answered": 0.75}
HOSTILE = Shown("s1", "where?", "<think>\x1b[31mred\x1b]0;title\x07</think>[bold]", "answered", None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def state(*, main: bool = True) -> TrainerState:
    return TrainerState(global_step=3, max_steps=10, is_world_process_zero=main)


def shown(stream: io.StringIO, *logs: dict[str, Any], main: bool = True) -> str:
    view = RunView(lambda: [HOSTILE], stream=stream)
    arguments: Any = None
    view.on_train_begin(arguments, state(main=main), TrainerControl())
    for entry in logs:
        view.on_log(arguments, state(main=main), TrainerControl(), logs=entry)
    view.on_train_end(arguments, state(main=main), TrainerControl())
    return stream.getvalue()


def test_one_line_of_a_log() -> None:
    assert plain_line(LOGS, 3, 10) == "step 3/10  loss 0.5  reward 0.25 (format 1)  answered 75%"
    assert plain_line({"eval_reward": 0.5, "eval_f1": 0.1}, 3, 10) == "step 3/10  evaluation  reward 0.5  f1 0.1"


def test_lines_where_nobody_watches() -> None:
    text = shown(io.StringIO(), LOGS, {"eval_giou": 0.5}, {"train_runtime": 3.0})
    assert text.splitlines() == [plain_line(LOGS, 3, 10), "step 3/10  evaluation  giou 0.5"]


def test_a_table_on_a_terminal_without_what_a_completion_smuggles_in() -> None:
    text = shown(Terminal(), LOGS, {"eval_giou": 0.5})
    assert all(word in text for word in ("3/10", "format", "giou 0.5", "completion", "[bold]"))
    assert "\x1b[31m" not in text and "title" not in text


def test_other_processes_say_nothing() -> None:
    assert shown(io.StringIO(), LOGS, main=False) == "" == shown(Terminal(), LOGS, main=False)
