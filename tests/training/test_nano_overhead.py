from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.world import write_world
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.overhead import PLAUSIBLE, UNLIKELY, LabelledImage, read_split, read_world

ROAD, WATER, VEGETATION, LAND = (AREAS.index(n) for n in ("road", "water", "vegetation", "land"))


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Write one image with its line, and read it back."""

    def one(mask: np.ndarray | None = None, **row: Any) -> LabelledImage:
        (tmp_path / "images").mkdir(exist_ok=True)
        pixels = np.full((24, 40, 3), (200, 100, 50), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / "a.jpg", quality=95)
        line: dict[str, Any] = {
            "image": "images/a.jpg",
            "width": 40,
            "height": 24,
            "objects": [],
            "exhaustive_for": None,
        }
        if mask is not None:
            Image.fromarray(mask).save(tmp_path / "a.png")
            line["mask"] = "a.png"
        (tmp_path / "train.jsonl").write_text(json.dumps(line | row) + "\n")
        (image,) = read_split(tmp_path, "train")
        return image

    return one


def thing(name: str, *box: float) -> dict[str, Any]:
    return {"category": name, "bbox": list(box) or [1.0, 2.0, 11.5, 12.0]}


def weights(image: LabelledImage) -> dict[str, float]:
    return dict(zip(THINGS, image.negative_weights.tolist(), strict=True))


def test_pixels_and_boxes(read) -> None:  # type: ignore[no-untyped-def]
    objects = [thing("ship"), thing("water"), thing("helipad"), thing("tree", 5, 5, 9, 9)]
    image = read(set="rsod", objects=objects)
    assert image.pixels.shape == (24, 40, 3)
    assert image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - (200, 100, 50)).max() < 6
    assert image.boxes_xyxy.tolist() == [[1, 2, 11.5, 12], [5, 5, 9, 9]]
    assert [THINGS[k] for k in image.classes] == ["ship", "tree"]  # areas are no things, unknown names are left out
    assert (image.source_set, image.scene, image.multilabels) == ("rsod", None, ())


def test_an_image_without_objects(read) -> None:  # type: ignore[no-untyped-def]
    image = read(set="rsod")
    assert image.boxes_xyxy.shape == (0, 4)
    assert image.classes.shape == (0,)


def test_grey_images_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (8, 6), 99).save(tmp_path / "grey.png")
    row = {"image": "grey.png", "set": "rsod", "width": 8, "height": 6, "objects": [], "exhaustive_for": None}
    (tmp_path / "val.jsonl").write_text(json.dumps(row) + "\n")
    assert read_split(tmp_path, "val")[0].pixels.shape == (6, 8, 3)


def test_negatives_of_exhaustive_labels_weigh_all(read) -> None:  # type: ignore[no-untyped-def]
    image = read(
        set="nwpu_vhr10", objects=[thing("ship"), thing("building")], exhaustive_for=["ship", "airplane", "water"]
    )
    found = weights(image)
    assert found["ship"] == found["airplane"] == 1.0
    assert found["building"] == 0.0  # some are labelled, others may not be
    assert found["tree"] == found["solar_panel"] == PLAUSIBLE  # anything may be in that set's images


def test_negatives_of_a_set_of_one_kind(read) -> None:  # type: ignore[no-untyped-def]
    found = weights(read(set="psu_car", objects=[thing("vehicle")], exhaustive_for=["vehicle"]))
    assert found["vehicle"] == 1.0
    assert found["building"] == found["tree"] == PLAUSIBLE
    assert found["ship"] == found["tennis_court"] == UNLIKELY


def test_planet_images_may_show_what_stands_at_the_shore(read) -> None:  # type: ignore[no-untyped-def]
    found = weights(read(set="ships_planet"))
    assert found["harbor"] == found["bridge"] == found["ship"] == PLAUSIBLE
    assert found["airplane"] == UNLIKELY


def test_uc_merced_says_what_is_not_there(read) -> None:  # type: ignore[no-untyped-def]
    image = read(set="ucmerced", scene="freeway", multilabels=["cars", "pavement", "trees", "sea"])
    found = weights(image)
    assert found["airplane"] == found["ship"] == found["building"] == found["solar_panel"] == 1.0
    assert found["vehicle"] == found["tree"] == 0.0  # they are somewhere, unlabelled
    assert found["overpass"] == 0.0  # the scene may hold one
    assert found["bridge"] == found["baseball_diamond"] == 1.0
    assert image.area_presence.tolist() == [1, 1, 1, 0]
    assert image.area_values is None
    assert image.multilabels == ("cars", "pavement", "trees", "sea")


def test_dubai_masks_decide_every_area(read) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((24, 40), np.uint8)
    for value in range(1, 5):
        mask[value] = value
    mask[10] = 5
    image = read(mask, set="dubai", exhaustive_for=["building"])
    assert image.area_known.all()
    assert image.area_values is not None
    rows = image.area_values[:, 0]
    assert [rows[k] for k in range(5)] == [0, LAND + 1, ROAD + 1, VEGETATION + 1, WATER + 1]
    assert rows[10] == 255
    assert weights(image)["building"] == 1.0


def test_road_masks_decide_roads_only(read) -> None:  # type: ignore[no-untyped-def]
    mask = np.zeros((24, 40), np.uint8)
    mask[5:9] = 255
    image = read(mask, set="mass_roads", exhaustive_for=["road"])
    assert image.area_known.tolist() == [True, False, False, False]
    assert image.area_values is not None
    assert set(np.unique(image.area_values)) == {0, ROAD + 1}
    assert (image.area_values[5:9] == ROAD + 1).all()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"set": "tennis_google"}, 0),
        ({"set": "deepforest_trees"}, 0),
        ({"set": "simd", "objects": [thing("ship")]}, 1),
        ({"set": "simd", "objects": [thing("harbor")]}, 1),
        ({"set": "simd", "objects": [thing("airplane")]}, -1),
    ],
)
def test_what_is_known_of_water(read, row: dict[str, Any], expected: int) -> None:  # type: ignore[no-untyped-def]
    presence = read(**row).area_presence
    assert presence[WATER] == expected
    assert (np.delete(presence, WATER) == -1).all()


def test_a_missing_split(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_split(tmp_path, "test")


def test_a_synthetic_world_is_known_wholly(tmp_path: Path) -> None:
    write_world(WorldOptions(seed=3, side=128, masks=True), 6, tmp_path / "world")
    scenes = read_world(tmp_path / "world")
    lines = [json.loads(line) for line in (tmp_path / "world" / "labels.jsonl").read_text().splitlines()]
    assert len(scenes) == len(lines) == 6
    for scene, line in zip(scenes, lines, strict=True):
        things = [o for o in line["objects"] if o["category"] in THINGS]
        assert scene.boxes_xyxy.tolist() == [o["bbox"] for o in things]
        assert [THINGS[k] for k in scene.classes] == [o["category"] for o in things]
        exhaustive = [scene.negative_weights[THINGS.index(n)] == 1.0 for n in line["exhaustive_for"] if n in THINGS]
        assert exhaustive and all(exhaustive)
        assert scene.area_known.all() and scene.area_values is not None
        assert set(np.unique(scene.area_values)) <= {0, 1, 2, 3, 4, 255}
        for area in (o for o in line["objects"] if o["category"] in AREAS):
            x1, y1, x2, y2 = area["bbox"]
            assert (scene.area_values[y1:y2, x1:x2] == AREAS.index(area["category"]) + 1).any()
