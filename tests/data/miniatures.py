"""Each public data set's layout in miniature, with the traps of the real one, made from nothing.

Run as a script to look at them: ``python tests/data/miniatures.py FOLDER``.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from PIL import Image

HW = (48, 64)


def pixels(seed: int, size_hw: tuple[int, int] = HW) -> np.ndarray:
    """(H, W, 3) smooth noise that differs between seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size_hw[::-1], Image.Resampling.BICUBIC))


def save(path: Path, array: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def mask_of(*boxes: tuple[int, int, int, int], size_hw: tuple[int, int] = HW) -> np.ndarray:
    """(H, W) bool, True within the boxes."""
    mask = np.zeros(size_hw, bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


A, B = (5, 6, 25, 20), (40, 10, 60, 40)


def earthreason(root: Path) -> Path:
    """Dots in names, 0/1, 0/255, palette, RGB and smaller masks, an empty one, a missing label, an ambiguous id."""
    test = root / "test"

    def add(image: str, label: str, mask: np.ndarray, questions: list[Any], answer: list[str]) -> None:
        save(test / "images" / image, pixels(len(list((test / "images").glob("*"))) if test.exists() else 0))
        save(test / "labels" / f"{label}.png", mask)
        write_json(test / "QAs" / f"{label}.json", {"questions": questions, "answer": answer})

    six = [f"Where could {what} be kept?" for what in ("water", "grain", "boats", "oil", "sheep", "cars")]
    add("plain.jpg", "plain", mask_of(A, B).astype(np.uint8) * 255, six, ["The tanks."])
    add("P01.rf.x9.jpg", "P01", mask_of(A).astype(np.uint8), six, ["The tank."])  # 0/1; id up to the first dot
    add("P02.whole.png", "P02.whole", mask_of(B).astype(np.uint8) * 255, six, ["The pool."])  # named by the whole stem
    add("none.jpeg", "none", np.zeros(HW, np.uint8), six[:2], [])
    small = mask_of((2, 3, 12, 10), size_hw=(24, 32)).astype(np.uint8) * 255  # half the image's size
    add("small.jpg", "small", np.repeat(small[:, :, None], 3, axis=2), six, ["The field."])
    add("turned.jpg", "turned", np.zeros((64, 48), np.uint8), six, [])  # of another shape: refused
    add("blank.jpg", "blank", mask_of(A).astype(np.uint8), ["", "Where?"], ["There."])
    save(test / "images" / "lonely.jpg", pixels(90))  # no label
    save(test / "images" / "twin.a.jpg", pixels(91))
    add("twin.b.jpg", "twin", mask_of(A).astype(np.uint8), six, ["Which?"])  # both come down to "twin"
    palette = Image.fromarray(mask_of(A).astype(np.uint8), mode=None).convert("P")
    palette.putpalette([0, 0, 0, 200, 0, 0] + [0] * 762)
    add("palette.jpg", "palette", mask_of(A).astype(np.uint8), six, ["It."])
    palette.save(test / "labels" / "palette.png")
    return root


def packed(counts: list[int]) -> str:
    """COCO's packed run lengths, for the fixture only: differences from the fourth on, 5 bits a character."""
    text = ""
    for k, count in enumerate(counts):
        value = count - counts[k - 2] if k > 2 else count
        while True:
            digit = value & 0x1F
            value >>= 5
            more = value != (-1 if digit & 0x10 else 0)
            text += chr((digit | 0x20 if more else digit) + 48)
            if not more:
                break
    return text


def runs(mask: np.ndarray) -> list[int]:
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *counts] if flat[0] else counts


def xywh(box: tuple[int, int, int, int]) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def rrsisd(root: Path) -> Path:
    """ref_id, ann_id and image_id all differ; packed, plain and polygon segmentations; a NaN box; a lost annotation."""
    folder = root / "images/rrsisd/JPEGImages"
    for number in (11, 12):
        save(folder / f"000{number}.jpg", pixels(number))
    size = list(HW)
    annotations = [
        {"id": 501, "image_id": 11, "category_id": 3, "bbox": xywh(A), "area": 280,
         "segmentation": [{"size": size, "counts": packed(runs(mask_of(A)))}]},
        {"id": 502, "image_id": 12, "category_id": 4, "bbox": xywh(B), "area": 600,
         "segmentation": {"size": size, "counts": runs(mask_of(B))}},
        {"id": 503, "image_id": 12, "category_id": 4, "bbox": xywh(A), "area": 280,
         "segmentation": [[5, 6, 25, 6, 25, 20, 5, 20]]},
        {"id": 504, "image_id": 12, "category_id": 4, "bbox": [float("nan"), 1, 2, 3], "segmentation": []},
        {"id": 505, "image_id": 12, "category_id": 4, "bbox": xywh(A),
         "segmentation": {"size": [48, 65], "counts": [48 * 65]}},
    ]  # fmt: skip
    instances = {
        "images": [{"id": n, "file_name": f"000{n}.jpg", "width": 64, "height": 48} for n in (11, 12)],
        "annotations": annotations,
        "categories": [{"id": 3, "name": "storage tank"}, {"id": 4, "name": "dam"}],
    }
    write_json(root / "rrsisd/instances.json", instances)

    def ref(ref_id: int, ann_id: int, image_id: int, split: str, *texts: str) -> dict[str, Any]:
        sentences = [{"raw": t, "sent": t.lower(), "tokens": t.split(), "sent_id": k} for k, t in enumerate(texts)]
        return {"ref_id": ref_id, "ann_id": ann_id, "image_id": image_id, "category_id": 3, "split": split,
                "file_name": f"000{image_id}.jpg", "sent_ids": [0], "sentences": sentences}  # fmt: skip

    refs = [
        ref(12, 501, 11, "test", "The tank on the left", "A round tank"),  # its ref_id is another image's id
        ref(11, 502, 12, "test", "The dam on the right"),
        ref(13, 503, 12, "train", "The small dam"),
        ref(14, 504, 12, "test", "A dam without a place"),
        ref(15, 999, 12, "test", "A dam without an annotation"),
        ref(16, 505, 12, "test", "A dam with a mask of another size"),
        ref(17, 501, 12, "test", "A tank of another image"),
        "no ref at all",
    ]
    (root / "rrsisd/refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    return root


def refsegrs(root: Path) -> Path:
    """TIFF images and 3-channel TIFF masks, a JPEG that carries a mask, lines without a phrase and without a file."""
    for name, seed, boxes in (("a1", 1, (A, B)), ("a2", 2, ())):
        save(root / "images" / f"{name}.tif", pixels(seed))
        mask = mask_of(*boxes).astype(np.uint8) * 255
        save(root / "masks" / f"{name}.tif", np.repeat(mask[:, :, None], 3, axis=2))
    save(root / "images/a3.tif", pixels(3))
    save(root / "masks/a3.jpg", mask_of(A).astype(np.uint8) * 255, quality=40)  # rings around edges
    lines = ["a1 the two  vehicles", "a2 a bus", "a3 the car", "a1", "zz nothing there", "../a1 a way out"]
    (root / "output_phrase_test.txt").write_text("\n".join(lines) + "\n")
    (root / "output_phrase_train.txt").write_bytes(b"a1 road\na2 \xff\xfe\n")
    return root


def risbench(root: Path) -> Path:
    """One object in two parts, a mask of another ending, 0/1."""
    save(root / "img_rgb/00001.png", pixels(1))
    save(root / "mask/00001.png", mask_of(A, B).astype(np.uint8))
    save(root / "img_rgb/00002.jpg", pixels(2))
    save(root / "mask/00002.png", mask_of(B).astype(np.uint8) * 255)
    (root / "output_phrase_val.txt").write_text("00001.png the long ship\n\n00002.jpg\tthe pier\n")
    return root


def xml_of(file_name: str, *objects: tuple[str, tuple[Any, ...], str | None]) -> str:
    parts = [f"<annotation><filename>{file_name}</filename><size><width>64</width><height>48</height></size>"]
    for name, (x1, y1, x2, y2), description in objects:
        words = "" if description is None else f"<description>{description}</description>"
        parts.append(
            f"<object><name>{name}</name><pose>U</pose><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
            f"<ymax>{y2}</ymax></bndbox>{words}</object>"
        )
    return "".join(parts) + "</annotation>"


def dior_rsvg(root: Path) -> Path:
    """Running numbers over all files in the order of names (10 before 2), none of which is a file's number."""
    for number in (2, 10, 30):
        save(root / "JPEGImages" / f"{number}.jpg", pixels(number))
    folder = root / "Annotations"
    folder.mkdir()
    (folder / "10.xml").write_text(xml_of("10.jpg", ("ship", A, "object 0"), ("ship", B, "object 1")))
    (folder / "2.xml").write_text(xml_of("2.jpg", ("dam", A, "object 2"), ("dam", B, None), ("dam", A, "object 4")))
    (folder / "30.xml").write_text(
        xml_of("30.jpg", ("a", ("x", 1, 2, 3), "object 5"), ("b", (9, 9, 9, 12), "object 6"), ("c", B, "object 7"))
    )
    (root / "test.txt").write_text("1\n2\n7\n")
    (root / "train.txt").write_text("0\n3\n4\n")
    (root / "val.txt").write_text("5\n6\n99\nzero\n2\n")
    return root


def vrsbench(root: Path) -> Path:
    """Normalised boxes, objects without a sentence, numbers as answers, a coordinate out of range, a lost image."""
    save(root / "Images_val/P0001_0002.png", pixels(1))
    objects = [
        {"obj_id": 0, "obj_cls": "ship", "is_unique": True, "obj_coord": [0.25, 0.5, 0.5, 1.0],
         "referring_sentence": "The ship at the bottom."},
        {"obj_id": 1, "obj_cls": "ship", "is_unique": False, "obj_coord": [0.1, 0.1, 0.2, 0.2]},
        {"obj_id": 2, "obj_cls": "ship", "obj_coord": [10, 20, 30, 40], "referring_sentence": "In pixels."},
        {"obj_id": 3, "obj_cls": "ship", "obj_coord": [0.9, 0.9, 1.01, 1.0], "referring_sentence": "At the edge."},
        "a ship",
    ]  # fmt: skip
    pairs = [
        {"ques_id": 0, "question": "How many ships?", "type": "object quantity", "answer": 2},
        {"ques_id": 1, "question": "Is it a port?", "type": "scene type", "answer": "Yes"},
        {"ques_id": 2, "question": "", "type": "scene type", "answer": "Yes"},
        {"ques_id": 3, "question": "What?", "type": "scene type"},
    ]
    write_json(
        root / "Annotations_val/P0001_0002.json",
        {"image": "P0001_0002.png", "caption": " A port.\n", "objects": objects, "qa_pairs": pairs},
    )
    write_json(root / "Annotations_val/lost.json", {"caption": "Nothing.", "objects": [], "qa_pairs": []})
    (root / "Annotations_val/broken.json").write_text('{"caption": ')
    return root


def rsvqa(root: Path, *, high: bool = False) -> Path:
    """Entries that are not active, numbers that are places in lists, TIFF images, a question without an answer."""
    prefix, folder = ("USGS_split_test_phili", "Data") if high else ("LR_split_test", "Images_LR")
    for number in (1, 2):
        save(root / folder / f"{number}.tif", pixels(number))
    images = [
        {"id": 0, "active": False},
        {"id": 1, "active": True, "questions_ids": [0, 1, 2]},
        {"id": 2, "active": True, "questions_ids": [3, 4]},
        {"id": 3, "active": True, "questions_ids": [5]},  # its file is not there
    ]
    questions = [
        {"id": 0, "active": True, "img_id": 1, "type": "count", "question": "How many farms?", "answers_ids": [2]},
        {"id": 1, "active": False},
        {
            "id": 2,
            "active": True,
            "img_id": 1,
            "type": "presence",
            "question": "Is a road there?",
            "answers_ids": [0, 1],
        },
        {"id": 3, "active": True, "img_id": 2, "type": "area", "question": "What area?", "answers_ids": [3]},
        {"id": 4, "active": True, "img_id": 2, "type": "comp", "question": "More roads?", "answers_ids": [0]},
        {"id": 5, "active": True, "img_id": 3, "type": "comp", "question": "Less?", "answers_ids": [1]},
    ]
    answers = [
        {"id": 0, "active": False},
        {"id": 1, "active": True, "answer": "yes"},
        {"id": 2, "active": True, "answer": 17},
        {"id": 3, "active": True, "answer": "1234m2"},
    ]
    for name, entries in (("images", images), ("questions", questions), ("answers", answers)):
        write_json(root / f"{prefix}_{name}.json", {name: entries})
    return root


def coco(root: Path) -> Path:
    """Polygons, run lengths, a crowd, a box without width, an unknown category, a stated size that is wrong."""
    for number in (1, 2, 3):
        save(root / f"img/{number}.png", pixels(number))
    triangle = [10.0, 10.0, 20.0, 10.0, 15.0, 20.0]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 10, 10, 10], "segmentation": [triangle], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 7, "bbox": xywh(B),
         "segmentation": {"size": list(HW), "counts": runs(mask_of(B))}, "iscrowd": 0},
        {"id": 3, "image_id": 1, "category_id": 8, "bbox": xywh(A), "iscrowd": 0},
        {"id": 4, "image_id": 2, "category_id": 7, "bbox": xywh(A),
         "segmentation": {"size": list(HW), "counts": runs(mask_of(A))}, "iscrowd": 1},
        {"id": 5, "image_id": 2, "category_id": 8, "bbox": [1, 1, 0, 5]},
        {"id": 6, "image_id": 2, "category_id": 9, "bbox": xywh(A)},
        {"id": 7, "image_id": 99, "category_id": 7, "bbox": xywh(A)},
        {"id": 8, "category_id": 7, "bbox": xywh(A)},
    ]  # fmt: skip
    images = [{"id": n, "file_name": f"{n}.png", "height": 48, "width": 64 + (n == 3)} for n in (1, 2, 3)]
    images.append({"id": 4, "file_name": "../../etc/passwd", "height": 48, "width": 64})
    categories = [{"id": 7, "name": "storage_tank"}, {"id": 8, "name": "ship"}]
    write_json(
        root / "instances.json", {"images": images, "annotations": annotations, "categories": categories, "info": {}}
    )
    return root


UTM = "EPSG:32631"
WEST, NORTH, PIXEL_M = 500_000.0, 4_649_776.0, 10.0


def geo_raster(path: Path, seed: int, *, crs: str | None = UTM, column: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(PIXEL_M, 0.0, WEST + column * 64 * PIXEL_M, 0.0, -PIXEL_M, NORTH)
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=48, count=3, dtype="uint8", crs=crs, transform=transform
    ) as file:
        file.write(np.moveaxis(pixels(seed), 2, 0))
    return path


def on_map(x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
    """A ring in UTM around pixels of the first raster."""
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    return [[WEST + x * PIXEL_M, NORTH - y * PIXEL_M] for x, y in corners]


def geo_features() -> list[dict[str, Any]]:
    """A field with a hole, a field across two rasters' edge, a point, a bow tie, one without a name, one far away."""

    def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
        return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}

    far = [[x + 1e5, y] for x, y in on_map(0, 0, 5, 5)]
    tie = [on_map(0, 0, 1, 1)[0], on_map(8, 8, 9, 9)[0], on_map(8, 0, 9, 1)[0], on_map(0, 8, 1, 9)[0]]
    return [
        feature("Polygon", [on_map(10, 10, 30, 30), on_map(15, 15, 20, 20)[::-1]], category="field"),
        feature("Polygon", [on_map(54, 5, 74, 15)], category="field"),
        feature("Point", on_map(1, 1, 2, 2)[0], category="tree"),
        feature("Polygon", [[*tie, tie[0]]], category="tie"),
        feature("Polygon", [on_map(1, 1, 5, 5)], category=None),
        feature("Polygon", [far], category="field"),
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": "no"}, "properties": {"category": "x"}},
    ]


def geo(root: Path) -> Path:
    """Two rasters side by side in UTM, one without a CRS; labels in UTM by an old-style crs member."""
    geo_raster(root / "left.tif", 1)
    geo_raster(root / "right.tif", 2, column=1)
    geo_raster(root / "unplaced.tif", 3, crs=None)
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    write_json(root / "labels/all.geojson", {"type": "FeatureCollection", "crs": crs, "features": geo_features()})
    return root


def labelled(root: Path) -> Path:
    """Exhaustive and not, polygons, a class that the question bank does not know, broken lines."""
    for name in ("a", "b", "c"):
        save(root / f"images/{name}.jpg", pixels(ord(name)))
    ring = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]
    rows: list[Any] = [
        {"image": "images/a.jpg", "set": "nwpu_vhr10", "width": 64, "height": 48, "gsd_m": 0.5,
         "licence_tier": "research",
         "objects": [{"category": "ship", "bbox": [10, 10, 20, 20], "polygon": [ring]},
                     {"category": "ship", "bbox": [40, 30, 60, 45], "polygon": [[40, 30, 60, 30, 60, 45]]},
                     {"category": "helicopter", "bbox": [1, 1, 5, 5]}],
         "exhaustive_for": ["ship", "airplane", "bridge", "helicopter"]},
        {"image": "images/b.jpg", "set": "simd", "width": 64, "height": 48, "gsd_m": None,
         "objects": [{"category": "ship", "bbox": [10, 10, 20, 20]}], "exhaustive_for": None},
        {"image": "images/lost.jpg", "set": "simd", "width": 64, "height": 48, "objects": [], "exhaustive_for": None},
        {"image": "images/c.jpg", "set": "simd", "width": 64, "height": 48, "exhaustive_for": ["ship"],
         "objects": [{"category": "ship", "bbox": [20, 10, 10, 20]}]},
    ]  # fmt: skip
    lines = [json.dumps(row) for row in rows]
    (root / "train.jsonl").write_text("\n".join([lines[0], "", lines[1], lines[2], "{broken", lines[3]]) + "\n")
    (root / "val.jsonl").write_text(lines[0] + "\n")
    return root


def samples(root: Path) -> Path:
    """A mask that fits, an image that is missing, a broken line."""
    save(root / "images/a.png", pixels(1))
    save(root / "masks/a.png", mask_of(A).astype(np.uint8))
    rows = [
        {
            "id": "1",
            "image": "images/a.png",
            "query": "Where?",
            "boxes": [list(A)],
            "mask": "masks/a.png",
            "split": "val",
        },
        {"id": "2", "image": "images/b.png", "query": "Where?", "boxes": []},
        {"id": "3", "image": "images/a.png", "query": "What?", "task": "vqa", "answer": "A pier.", "split": "test"},
    ]
    (root / "samples.jsonl").write_text("\n".join([json.dumps(row) for row in rows] + ["nonsense"]) + "\n")
    return root


ALL = {
    "earthreason": earthreason, "rrsis-d": rrsisd, "refsegrs": refsegrs, "risbench": risbench, "dior-rsvg": dior_rsvg,
    "vrsbench": vrsbench, "rsvqa-lr": rsvqa, "coco": coco, "geo": geo, "labelled": labelled, "samples": samples,
}  # fmt: skip

if __name__ == "__main__":
    for name, make in ALL.items():
        folder = Path(sys.argv[1], name)
        folder.mkdir(parents=True)
        make(folder)
