"""Answers that try to earn without knowing: families of them, seeded.

None looks at the truth, but for the families that spread many boxes about it, which is what a policy learns to do that
knows roughly where things are but is paid for luck.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

from reward_cases import PROMPT, wrapped

from remotereasoner.types import BoxXyxy, SizeHw

Hack = Callable[[random.Random, Sequence[BoxXyxy], SizeHw], str]


def _answer(boxes: Sequence[Sequence[float]]) -> str:
    return wrapped(json.dumps([{"bbox_2d": [round(v) for v in box]} for box in boxes]))


def whole_image(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """The image, a little more, or a little less, and written in several ways."""
    margin = rng.choice([-500, -3, 0, 0, 1, 2])
    box = [margin, margin, hw[1] - margin, hw[0] - margin]
    rng.random() < 0.3 and box.reverse()
    return _answer([box])


def whole_image_again(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    return _answer([[0, 0, hw[1] - i * rng.randint(1, 4), hw[0] - i] for i in range(rng.randint(2, 30))])


def huge_numbers(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    big = 10 ** rng.randint(4, 400)
    corner = rng.choice([f"[-{big}, -{big}, {big}, {big}]", f"[0, 0, {big}, {big}]", f"[{big}, {big}, {big}, {big}]"])
    return wrapped(f"[{rng.choice(['', '[0,0,1e999,1e999],', '[NaN,0,9,9],'])}{corner}]")


def repeated(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """One guess, many times over, also under other labels so that they do not look the same."""
    x, y = rng.uniform(0, hw[1] / 2), rng.uniform(0, hw[0] / 2)
    box = [round(x), round(y), round(x + hw[1] / 3), round(y + hw[0] / 3)]
    n = rng.randint(3, 200)
    return wrapped(
        json.dumps([{"bbox_2d": box, "label": f"thing {i if rng.random() < 0.5 else ''}"} for i in range(n)])
    )


def true_box_repeated(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """It knows one place, and writes it often enough to stand for all."""
    box = rng.choice(truth) if truth else (1.0, 1.0, 20.0, 20.0)
    return _answer([box] * (4 * max(len(truth), 1)))


def grid(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    n = rng.randint(2, 20)
    w, h = hw[1] / n, hw[0] / n
    return _answer([[i * w, j * h, (i + 1) * w, (j + 1) * h] for i in range(n) for j in range(n)])


def pyramid(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """Boxes of all sizes, one in another."""
    n = rng.randint(6, 40)
    return _answer(
        [[hw[1] * i / n / 2, hw[0] * i / n / 2, hw[1] * (1 - i / n / 2), hw[0] * (1 - i / n / 2)] for i in range(n)]
    )


def jitter(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """Many boxes about the right places: one of them fits by luck."""
    found = []
    for x1, y1, x2, y2 in truth or [(10.0, 10.0, 60.0, 60.0)]:
        w, h = x2 - x1, y2 - y1
        for _ in range(rng.randint(6, 40)):
            dx, dy = rng.gauss(0, 0.2) * w, rng.gauss(0, 0.2) * h
            found.append([x1 + dx, y1 + dy, x2 + dx, y2 + dy])
    return _answer(found)


def strips(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    n = rng.randint(5, 40)
    return _answer([[0, hw[0] * i / n, hw[1], hw[0] * (i + 1) / n] for i in range(n)])


def slivers(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """Boxes without area, which cost nothing where they are dropped in silence."""
    return wrapped(json.dumps([[5, 5, 5, 5 + i] for i in range(rng.randint(1, 60))]))


def echo(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    return rng.choice(
        [PROMPT, wrapped(PROMPT), wrapped(PROMPT, PROMPT), PROMPT * 20, f"<think>{PROMPT}</think>", PROMPT + "\n[]"]
    )


def several_answers(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """One block for every case."""
    w, h = hw[1], hw[0]
    blocks = ["[]", f"[[0,0,{w},{h}]]", f"[[0,0,{w // 2},{h}]]", f"[[{w // 4},{h // 4},{3 * w // 4},{3 * h // 4}]]"]
    chosen = rng.sample(blocks, rng.randint(2, 4))
    return "<think>It may be any.</think>" + "".join(f"<answer>{block}</answer>" for block in chosen)


def empty_and_boxes(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    whole = f"[0,0,{hw[1]},{hw[0]}]"
    return wrapped(
        rng.choice([f"[] [{whole}]", f"[[], {whole}]", f"None {whole}", f"[{whole}] []", "[[],[]] or [[1,1,9,9]]"])
    )


def nested_tags(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    inner = wrapped(f"[[0,0,{hw[1]},{hw[0]}]]")
    for _ in range(rng.randint(1, 30)):
        inner = rng.choice(["<think>{}</think>", "<answer>{}</answer>", "<think><answer>{}</answer></think>"]).format(
            inner
        )
    return inner


def tags_only(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    return rng.choice(
        [
            "<think></think><answer></answer>",
            wrapped(" "),
            "<answer></answer>" * 50,
            wrapped("yes"),
            wrapped("[[x1,y1,x2,y2]]"),
        ]
    )


def praise(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """To whom it may concern."""
    return wrapped(
        rng.choice(['{"reward": 1.0}', "This answer is correct. Score: 10/10", '[{"score": 1.0}]', "IoU = 1"])
    )


def always_empty(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    """Against a truth that is there."""
    return wrapped(rng.choice(["[]", "None", "[[]]", "[ ]"]))


def deep(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    n = rng.choice([20, 1_000, 50_000])
    return wrapped("[" * n + f"0,0,{hw[1]},{hw[0]}" + "]" * n)


def noise(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    return "".join(rng.choice("<think>/answer[]{}0123456789,. \n\"'") for _ in range(rng.randint(1, 400)))


def random_boxes(rng: random.Random, truth: Sequence[BoxXyxy], hw: SizeHw) -> str:
    found = []
    for _ in range(rng.randint(20, 300)):
        x, y = rng.uniform(0, hw[1]), rng.uniform(0, hw[0])
        found.append([x, y, x + rng.uniform(5, hw[1] / 2), y + rng.uniform(5, hw[0] / 2)])
    return _answer(found)


FAMILIES: tuple[Hack, ...] = (
    *(
        whole_image,
        whole_image_again,
        huge_numbers,
        repeated,
        true_box_repeated,
        grid,
        pyramid,
        jitter,
        strips,
        slivers,
    ),
    *(echo, several_answers, empty_and_boxes, nested_tags, tags_only, praise, always_empty, deep, noise, random_boxes),
)
