from __future__ import annotations

from remotereasoner.transform.box import BoxSegmenter


def test_it_fills_the_box(make_scene) -> None:
    (mask,) = BoxSegmenter().segment(make_scene(40, 50), [(3.4, 5.0, 10.6, 9.0)])
    assert mask.offset_xy == (3, 5)
    assert mask.mask.shape == (4, 8)
    assert mask.mask.all()
    assert mask.score == 1.0


def test_clipped_to_the_scene_and_never_empty_by_rounding(make_scene) -> None:
    outside, thin = BoxSegmenter().segment(make_scene(40, 50), [(45.0, -4.0, 60.0, 3.0), (7.6, 1.0, 7.9, 3.0)])
    assert outside.mask.shape == (3, 5)
    assert outside.offset_xy == (45, 0)
    assert thin.mask.shape == (2, 1)
    assert thin.offset_xy == (7, 1)


def test_names() -> None:
    assert BoxSegmenter().name == "box"
