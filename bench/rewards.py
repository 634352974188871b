"""Time that a batch of GRPO waits for its rewards: 1,000 completions of 10 boxes, without the segmenter.

Prints Markdown rows and one JSON line. The target: under 100 ms for all rewards of a preset together. One thread does
all of it, so CPU time is what it takes on a core of its own; the wall clock stands beside it.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec_families import Qwen25VLCodec
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.rewards.presets import build_rewards

N, BOXES, SIDE = 1_000, 10, 896
TARGET_MS = 100.0
ROUNDS = 12


def batch(seed: int, *, fenced: bool = False) -> tuple[list[list[dict[str, str]]], dict[str, Any]]:
    """Completions as TRL hands them over, every one different, with the columns of their samples."""
    rng = random.Random(seed)
    completions, truths = [], []
    for _ in range(N):
        boxes = []
        for _ in range(BOXES):
            x, y = rng.randint(0, 780), rng.randint(0, 780)
            boxes.append([x, y, x + rng.randint(10, 110), y + rng.randint(10, 110)])
        answer = json.dumps([{"bbox_2d": box, "label": "ship"} for box in boxes])
        if fenced:
            answer = f"```json\n{answer}\n```"
        words = " ".join(rng.choice(["ships", "lie", "at", "the", "quay", "north", "of", "tanks"]) for _ in range(60))
        completions.append([{"role": "assistant", "content": f"<think>{words}</think>\n<answer>{answer}</answer>"}])
        truths.append([[float(v + rng.randint(-3, 3)) for v in box] for box in boxes])
    columns = {"boxes": truths, "image_hw": [[SIDE, SIDE]] * N, "grid_hw": [[SIDE, SIDE]] * N, "task": ["locate"] * N}
    return completions, columns


def best_ms(preset: str, *, fenced: bool = False, rounds: int = ROUNDS) -> tuple[float, float]:
    """(CPU, wall) of the fastest of some rounds, each with completions that have not been seen before."""
    cpu, wall = [], []
    for seed in range(rounds):
        completions, columns = batch(seed, fenced=fenced)
        rewards, _ = build_rewards(preset, codec=Qwen25VLCodec())
        prompts = [""] * N
        start, started = time.process_time(), time.perf_counter()
        for reward in rewards:
            reward(prompts, completions, **columns)
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - started)
    return 1e3 * min(cpu), 1e3 * min(wall)


def parser_ms() -> tuple[float, float]:
    """The inference parser over the same completions, one by one."""
    codec = Qwen25VLCodec()
    completions, _ = batch(0)
    start, started = time.process_time(), time.perf_counter()
    for (message,) in completions:
        finished = Completion(message["content"], "stop", (SIDE, SIDE))
        parse_completion(finished, task="locate", codec=codec, image_hw=(SIDE, SIDE))
    return 1e3 * (time.process_time() - start), 1e3 * (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    rows = {
        "preset `default`, all its rewards": best_ms("default"),
        "preset `remotereasoner`, all its rewards": best_ms("remotereasoner"),
        "preset `default`, answers in code fences (not the form asked for)": best_ms("default", fenced=True, rounds=2),
        "the inference parser alone, for comparison": parser_ms(),
    }
    print("| 1,000 completions of 10 boxes | CPU, ms | wall, ms | target, ms |\n|---|---|---|---|")
    for i, (what, (cpu, wall)) in enumerate(rows.items()):
        print(f"| {what} | {cpu:.0f} | {wall:.0f} | {f'{TARGET_MS:.0f}' if i < 2 else '–'} |")
    print(json.dumps({"bench": "rewards", **{what: cpu for what, (cpu, _) in rows.items()}}))


if __name__ == "__main__":
    main()
