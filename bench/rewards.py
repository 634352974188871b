"""Time that a batch of GRPO waits for its rewards: 1,000 completions of 10 boxes, without the segmenter.

Prints Markdown rows and one JSON line. The target: under 100 ms for all rewards of a preset together.
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
ROUNDS = 7


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


def best_ms(preset: str, *, fenced: bool = False) -> float:
    """The fastest of some rounds, each with completions that have not been seen before."""
    times = []
    for seed in range(ROUNDS):
        completions, columns = batch(seed, fenced=fenced)
        rewards, _ = build_rewards(preset, codec=Qwen25VLCodec())
        prompts = [""] * N
        start = time.perf_counter()
        for reward in rewards:
            reward(prompts, completions, **columns)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def parser_ms() -> float:
    """The inference parser over the same completions, one by one."""
    codec = Qwen25VLCodec()
    completions, _ = batch(0)
    start = time.perf_counter()
    for (message,) in completions:
        finished = Completion(message["content"], "stop", (SIDE, SIDE))
        parse_completion(finished, task="locate", codec=codec, image_hw=(SIDE, SIDE))
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    best_ms("default")
    measured = {preset: best_ms(preset) for preset in ("default", "remotereasoner")}
    print("| rewards of 1,000 completions of 10 boxes | ms | target, ms |\n|---|---|---|")
    for preset, milliseconds in measured.items():
        print(f"| preset `{preset}`, all its rewards | {milliseconds:.0f} | {TARGET_MS:.0f} |")
    fenced, parsed = best_ms("default", fenced=True), parser_ms()
    print(f"| preset `default`, answers in code fences (not the form asked for) | {fenced:.0f} | – |")
    print(f"| the inference parser alone, for comparison | {parsed:.0f} | – |")
    print(json.dumps({"bench": "rewards", **measured, "fenced": fenced, "parser": parsed}))


if __name__ == "__main__":
    main()
