"""What the presets pay: the cases that systems of the field decide differently, order, invariance, hacks."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reward_cases import FAR, HW, PROMPT, WHOLE, A, B, columns_of, drawn, total, wrapped
from reward_hacks import FAMILIES, Hack

from remotereasoner.errors import UsageError
from remotereasoner.policy.codec_families import NormalisedCodec, PixelCodec, Qwen25VLCodec
from remotereasoner.rewards.presets import PRESETS, build_rewards
from remotereasoner.rewards.reading import AnswerReader
from remotereasoner.rewards.seg_zero import SegZeroTerm
from remotereasoner.rewards.visionreasoner import VisionReasonerAccuracy
from remotereasoner.rewards.vlm_r1 import VlmR1Accuracy
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import BoxXyxy, SizeHw

RANGES = {
    "default": 1.3,
    "remotereasoner": 2,
    "think2seg": 4,
    "visionreasoner": 7,
    "vlm-r1": 2,
    "seg-zero": 5,
    "grasp": 3,
}
SQUARE: SizeHw = (840, 840)  # pixels are those of the thresholds


def ring(box: BoxXyxy) -> list[list[list[float]]]:
    x1, y1, x2, y2 = box
    return [[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]]


def think2seg(*boxes: Sequence[float]) -> str:
    content = drawn(*boxes, points=2).partition("<answer>")[2].removesuffix("</answer>")
    return wrapped(f"```json\n{content}\n```")


def earned(preset: str, text: str, truth: Sequence[BoxXyxy], hw: SizeHw = HW) -> float:
    if preset == "think2seg":
        image = Image.new("RGB", (hw[1], hw[0]))
        return total(preset, text, truth, hw, polygons=[ring(box) for box in truth], image=image)
    return total(preset, text, truth, hw)


def form(preset: str, *boxes: Sequence[float]) -> str:
    """A perfectly formed answer in the way that the preset's system asks for."""
    if preset == "think2seg":
        return think2seg(*boxes)
    if preset == "seg-zero" and boxes:
        x1, y1, x2, y2 = boxes[0]
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        return wrapped(json.dumps({"bbox": list(boxes[0]), "points_1": [x, y], "points_2": [x + 1, y]}))
    points = {"visionreasoner": 1, "grasp": 2}.get(preset, 0)
    whole = [[int(v) for v in box] for box in boxes]
    return drawn(*whole, points=points)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_perfect_answer_earns_everything(preset: str) -> None:
    assert set(RANGES) == set(PRESETS)
    assert earned(preset, form(preset, A), [A]) == pytest.approx(RANGES[preset])
    if preset != "seg-zero":
        assert earned(preset, form(preset, B, A), [A, B]) == pytest.approx(RANGES[preset])


def above(score: float, *truth: BoxXyxy) -> float:
    """By hand: what our default pays for a score, above that of the whole image."""
    shortcut = max((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in truth) / (HW[0] * HW[1]) / len(truth)
    return (score - shortcut) / (1 - shortcut)


# The matrix of edge cases: rows are cases, columns what is paid.
# (default, remotereasoner, think2seg, visionreasoner, vlm-r1, grasp)
COLUMNS = ("default", "remotereasoner", "think2seg", "visionreasoner", "vlm-r1", "grasp")
MATRIX: dict[str, tuple[list[BoxXyxy], list[BoxXyxy], tuple[float, ...]]] = {
    # VisionReasoner never rewards a right empty answer: tags and no sentence twice are all. VLM-R1's form wants a box.
    "nothing there, nothing said": ([], [], (1.3, 2, 4, 2, 1, 3)),
    "nothing there, a box": ([A], [], (0.3, 1, 2, 4, 1, 1)),
    "something there, nothing said": ([], [A], (0.3, 1, 2, 2, 0, 1)),
    # One box too many: a false alarm for all; Think2Seg's union of masks grows, and its form still earns 2.
    "too many": ([A, FAR], [A], (0.3 + above(0.5, A), 1.5, 2 + 2 * 1600 / 2000, 5.5, 2, 2)),
    # Think2Seg removes repeats, VLM-R1's one-target rule looks at the first box only.
    "the same box twice": ([A, A], [A], (0.25 + above(0.5, A), 1.5, 4, 5.5, 2, 2)),
    "one of two": ([A], [A, B], (0.3 + above(0.5, A, B), 1.5, 2 + 2 * 1600 / 5200, 5.5, 1 + 0.7 * 0.5 + 0.3 * 0.75, 2)),
    "corners the other way round": ([(50, 50, 10, 10)], [A], (1.3, 2, 4, 7, 2, 3)),
    # Clipped. The point is the centre of what was written: too far for VisionReasoner; VLM-R1's form has no minus sign.
    "partly outside the image": ([(-30, -30, 50, 50)], [(0.0, 0.0, 50.0, 50.0)], (1.3, 2, 4, 6, 1, 3)),
    "outside the image": ([(400, 400, 500, 500)], [A], (0, 1, 2, 4, 1, 1)),
}


@pytest.mark.parametrize("case", MATRIX)
@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=COLUMNS)
def test_the_matrix_of_edge_cases(case: str, column: int) -> None:
    boxes, truth, wanted = MATRIX[case]
    preset = COLUMNS[column]
    assert earned(preset, form(preset, *boxes), truth) == pytest.approx(wanted[column], abs=1e-9)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("text", ["", "I think it is over there.", "<think>never ends", "[[10, 10, 50"])
def test_what_cannot_be_read_earns_nothing(preset: str, text: str) -> None:
    untouched = 1.0 if preset == "visionreasoner" else 0.0  # no sentence twice
    assert earned(preset, text, [A]) == earned(preset, text, [A, B]) == untouched
    if preset != "seg-zero":
        assert earned(preset, text, []) == untouched


def test_one_region_of_many_parts_is_judged_by_its_mask() -> None:
    """EarthReason's masks are regions: any set of boxes that covers the region is as good as another."""
    columns = columns_of(
        [(0.0, 0.0, 100.0, 50.0)], 2, polygons=[ring((0.0, 0.0, 100.0, 50.0))], image=Image.new("RGB", (300, 200))
    )
    rewards, _ = build_rewards("think2seg", codec=PixelCodec(), segmenter=BoxSegmenter())
    texts = [think2seg((0, 0, 100, 50)), think2seg((0, 0, 50, 50), (50, 0, 100, 50))]
    assert rewards[0]([PROMPT] * 2, texts, **columns) == [1.0, 1.0]


@pytest.mark.parametrize("preset", PRESETS)
def test_perfect_beats_partial_beats_wrong_beats_malformed(preset: str) -> None:
    truth: list[BoxXyxy] = [(100.0, 100.0, 300.0, 300.0)]
    shifted, elsewhere = (110.0, 100.0, 325.0, 300.0), (500.0, 500.0, 600.0, 600.0)
    perfect = earned(preset, form(preset, *truth), truth, SQUARE)
    partial = earned(preset, form(preset, shifted), truth, SQUARE)
    wrong = earned(preset, form(preset, elsewhere), truth, SQUARE)
    malformed = earned(preset, "The answer is [[100, 100, 300", truth, SQUARE)
    if preset == "seg-zero":
        assert perfect >= partial > wrong > malformed  # steps of 0 and 1 cannot tell the first two apart
    else:
        assert perfect > partial > wrong > malformed or (
            preset == "visionreasoner" and perfect >= partial > wrong > malformed
        )


coordinate = st.integers(0, 60)
side = st.integers(4, 40)
boxes = st.tuples(coordinate, coordinate, side, side).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)


@settings(deadline=None, max_examples=40)
@given(
    predicted=st.lists(boxes, max_size=4),
    truth=st.lists(boxes, max_size=4),
    scale=st.sampled_from([2, 5, 10]),
    data=st.data(),
)
@pytest.mark.parametrize("preset", ["default", "remotereasoner", "grasp"])
def test_order_and_scale_do_not_matter(
    preset: str, predicted: list[BoxXyxy], truth: list[BoxXyxy], scale: int, data: st.DataObject
) -> None:
    before = earned(preset, form(preset, *predicted), truth, (100, 100))
    assert 0 <= before <= RANGES[preset] + 1e-9
    shuffled = data.draw(st.permutations(truth))
    assert earned(preset, form(preset, *predicted), shuffled, (100, 100)) == pytest.approx(before)
    if len(set(predicted)) == len(predicted):  # of near repeats the parser keeps the first
        again = data.draw(st.permutations(predicted))
        kept = [
            AnswerReader(PixelCodec()).rows([form(preset, *p)], columns_of(truth, hw=(100, 100)))[0]
            for p in (predicted, again)
        ]
        if all(row.reading is not None and row.reading.spurious == 0 for row in kept):
            assert earned(preset, form(preset, *again), truth, (100, 100)) == pytest.approx(before)

    def larger(found: Sequence[BoxXyxy]) -> list[BoxXyxy]:
        return [(a * scale, b * scale, c * scale, d * scale) for a, b, c, d in found]

    side_px = 100 * scale
    if preset != "grasp":  # its test points do not scale
        after = earned(preset, form(preset, *larger(predicted)), larger(truth), (side_px, side_px))
        assert after == pytest.approx(before)


def test_the_policys_own_resize_does_not_matter() -> None:
    """The same boxes, written as each family writes them, earn the same."""
    truth: list[BoxXyxy] = [(100.0, 200.0, 700.0, 900.0)]
    found = (150.0, 250.0, 800.0, 900.0)
    hw = (1_500, 1_000)
    values = []
    for codec in (PixelCodec(), Qwen25VLCodec(max_pixels=802_816), NormalisedCodec()):
        grid_hw = codec.grid_hw(hw)
        corners = np.array(found).reshape(-1, 2)
        written = codec.encode_xy(corners, grid_hw=grid_hw, image_hw=hw).ravel().tolist()
        rewards, weights = build_rewards("default", codec=codec)
        columns = columns_of(truth, hw=hw, grid_hw=list(grid_hw))
        earned_now = [reward([PROMPT], [drawn(written)], **columns)[0] for reward in rewards]
        values.append(sum(w * v for w, v in zip(weights, earned_now, strict=True) if v is not None))
    assert values[1:] == pytest.approx(values[:1] * 2)


def scenes() -> list[tuple[list[BoxXyxy], SizeHw]]:
    """Twenty truths: few and many objects, small ones and such that fill most of the image."""
    rng = random.Random(7)
    found: list[tuple[list[BoxXyxy], SizeHw]] = []
    for i in range(20):
        hw = (rng.randint(150, 900), rng.randint(150, 900))
        if i % 4 == 0:
            share = rng.uniform(0.5, 0.85)
            found.append(([(0.0, 0.0, float(hw[1]), round(hw[0] * share))], hw))
            continue
        truth: list[BoxXyxy] = []
        while len(truth) < 1 + i % 5:
            w, h = rng.randint(20, hw[1] // 4), rng.randint(20, hw[0] // 4)
            x, y = rng.randint(0, hw[1] - w), rng.randint(0, hw[0] - h)
            if all(x + w < a or c < x or y + h < b or d < y for a, b, c, d in truth):
                truth.append((float(x), float(y), float(x + w), float(y + h)))
        found.append((truth, hw))
    return found


def honest_partial(truth: Sequence[BoxXyxy]) -> str:
    """Every object found, each a tenth of its width to the side and a tenth too long: IoU 0.74 without clipping."""
    moved = []
    for x1, y1, x2, y2 in truth:
        shift, more = 0.1 * (x2 - x1), 0.1 * (y2 - y1)
        moved.append([round(v, 2) for v in (x1 + shift, y1, x2 + shift, y2 + more)])
    return drawn(*moved)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_no_hack_beats_an_honest_partial_answer(family: Hack) -> None:
    """20 families × 20 truths = 400 hacks under our default."""
    for seed, (truth, hw) in enumerate(scenes()):
        hack = family(random.Random(seed), truth, hw)
        partial = total("default", honest_partial(truth), truth, hw)
        cheated = total("default", hack, truth, hw)
        assert partial > 0.5
        assert 0 <= cheated < partial, (
            f"{family.__name__}, truth {seed}: {cheated:.3f} against {partial:.3f}: {hack[:300]}"
        )


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.__name__ != "always_empty"], ids=lambda f: f.__name__)
def test_no_hack_earns_where_nothing_is(family: Hack) -> None:
    for seed in range(20):
        hack = family(random.Random(seed), [], HW)
        assert total("default", hack, [], HW) <= 0.3 + 1e-9 < total("default", wrapped("[]"), [], HW)


def test_a_mask_reward_in_the_default_opens_no_door() -> None:
    image = Image.new("RGB", (300, 200))
    truth: list[BoxXyxy] = [(0.0, 0.0, 300.0, 120.0)]
    rewards, weights = build_rewards("default", codec=PixelCodec(), segmenter=BoxSegmenter())
    columns = columns_of(truth, 3, polygons=[ring(truth[0])], image=image)
    texts = [drawn(WHOLE), drawn((0, 0, 300, 100)), drawn((0, 0, 300, 120))]
    values = np.array([[v or 0.0 for v in reward([PROMPT] * 3, texts, **columns)] for reward in rewards])
    whole, partial, perfect = (np.array(weights) @ values).tolist()
    assert whole == pytest.approx(0.3) and whole < partial < perfect == pytest.approx(1.8)


def test_words_are_paid_for_as_places_are() -> None:
    rewards, weights = build_rewards("default", codec=PixelCodec())
    columns = {"task": ["vqa", "caption", "vqa"], "answers": [["3"], ["a port"], ["3"]]}
    texts = [wrapped("three"), wrapped("A port."), wrapped("four")]
    sums = np.zeros(3)
    for reward, weight in zip(rewards, weights, strict=True):
        sums += [weight * (value or 0.0) for value in reward([PROMPT] * 3, texts, **columns)]
    assert sums.tolist() == pytest.approx([1.3, 1.3, 0.3])


def test_names_and_refusals() -> None:
    for preset in PRESETS:
        rewards, weights = build_rewards(preset, codec=PixelCodec(), segmenter=BoxSegmenter(), root="data")
        names = [reward.__name__ for reward in rewards]
        assert len(set(names)) == len(names) == len(weights) and sum(weights) >= RANGES[preset] - 1e-9
    with pytest.raises(UsageError, match="no reward preset 'grpo'; there are: default, remotereasoner"):
        build_rewards("grpo", codec=PixelCodec())
    with pytest.raises(UsageError, match="give a segmenter"):
        build_rewards("think2seg", codec=PixelCodec())


def test_visionreasoner_by_hand() -> None:
    judge = VisionReasonerAccuracy(AnswerReader(PixelCodec()))
    truth: list[BoxXyxy] = [(100.0, 100.0, 200.0, 200.0), (400.0, 400.0, 500.0, 500.0)]

    def earned_by(*found: tuple[Sequence[float], Sequence[float]]) -> float | None:
        text = wrapped(json.dumps([{"bbox_2d": list(box), "point_2d": list(point)} for box, point in found]))
        return judge([PROMPT], [text], **columns_of(truth, hw=SQUARE))[0]

    exact = ((100, 100, 200, 200), (150, 150))
    assert earned_by(exact) == pytest.approx(3 / 6)
    assert earned_by(((100, 100, 200, 200), (190, 150))) == pytest.approx(2 / 6)  # the point is 40 px off
    assert earned_by(((120, 100, 220, 200), (150, 150))) == pytest.approx(2 / 6)  # mean |Δ| is 10: not below
    assert earned_by(((170, 100, 270, 200), (171, 150))) == pytest.approx(1 / 6)  # IoU too low; the point is 21 px off
    assert earned_by(((170, 100, 270, 200), (150, 150))) == 0.0  # outside its own box
    assert earned_by(exact, exact, exact) == pytest.approx(3 / 9)
    assert judge([PROMPT], [drawn(*truth)], **columns_of(truth, hw=SQUARE)) == [0.0]  # no points
    assert judge([PROMPT], [wrapped("[]")], **columns_of([], hw=SQUARE)) == [0.0]
    assert judge([PROMPT], [wrapped("[]")], **columns_of(None)) == [None]


def test_seg_zero_by_hand() -> None:
    truth: list[BoxXyxy] = [(100.0, 100.0, 200.0, 200.0)]
    reader = AnswerReader(PixelCodec())

    def earned_by(box: Sequence[float], *points: Sequence[float]) -> list[float | None]:
        named = {f"points_{i}": list(point) for i, point in enumerate(points, start=1)}
        text = wrapped(json.dumps({"bbox": list(box), **named}))
        columns = columns_of(truth, hw=SQUARE)
        return [SegZeroTerm(reader, term=term)([PROMPT], [text], **columns)[0] for term in ("iou", "l1", "points")]

    assert earned_by((100, 100, 200, 200), (150, 150), (160, 150)) == [1, 1, 1]
    assert earned_by((120, 100, 220, 200), (150, 150), (160, 150)) == [1, 0, 1]
    assert earned_by((160, 100, 260, 200), (165, 150), (150, 150)) == [0, 0, 0]  # one point outside the box
    assert earned_by((100, 100, 200, 200), (150, 150)) == [1, 1, 0]
    assert earned_by((100, 100, 700, 700), (690, 690), (600, 600)) == [0, 0, 0]  # far from the object
    for text, several in ((drawn(A), [A, B]), (wrapped("[]"), [])):
        assert SegZeroTerm(reader)([PROMPT], [text], **columns_of(several)) == [None]
    assert SegZeroTerm(reader)([PROMPT], ["?"], **columns_of([A])) == [0.0]


def test_vlm_r1_by_hand() -> None:
    judge = VlmR1Accuracy(AnswerReader(PixelCodec()))
    truth = [A, B, FAR]
    text = drawn(A, (100, 20, 160, 79), (0, 100, 20, 130), (30, 100, 50, 130))
    iou = (61 * 60) / (61 * 61)  # inclusive
    matched = 1 + iou
    wanted = 0.7 * matched / 3 + 0.3 * (1 - (1 / 3 + 2 / 4) / 2)
    assert judge([PROMPT], [text], **columns_of(truth)) == [pytest.approx(wanted)]
    assert judge([PROMPT], [drawn(FAR, A)], **columns_of([A])) == [0.0]  # the first box only
    assert judge([PROMPT], [drawn(A)], **columns_of(None)) == [None]
