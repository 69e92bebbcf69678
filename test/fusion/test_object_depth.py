"""object_depths on scenes with known truth, and on what it must refuse."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from smolvlm_ros.fusion.depth_result import DepthConfig, NoDepth, ObjectDepth
from smolvlm_ros.fusion.object_depth import object_depth, object_depths

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmark"))
from fusion_scenes import KINDS, make_scene  # noqa: E402

BOX = (20.0, 20.0, 60.0, 80.0)


def wall(z: float = 5.0, shape: tuple[int, int] = (100, 120)) -> np.ndarray:
    return np.full(shape, z, np.float32)


def found(depth: np.ndarray, box: ArrayLike = BOX, **settings: object) -> ObjectDepth:
    result = object_depth(depth, box, DepthConfig().changed(**settings))
    assert isinstance(result, ObjectDepth), result
    return result


def reason(depth: np.ndarray, box: ArrayLike = BOX, **settings: object) -> str:
    result = object_depth(depth, box, DepthConfig().changed(**settings))
    assert isinstance(result, NoDepth), result
    return result.reason


@pytest.mark.parametrize("jitter", [0.0, 0.04])   # a perfect detector's boxes, a usual one's
@pytest.mark.parametrize("kind", KINDS)
def test_right_surface(kind: str, jitter: float) -> None:
    rng = np.random.default_rng(11)
    scenes = [make_scene(kind, rng, box_jitter=jitter) for _ in range(20)]
    right = 0
    for scene in scenes:
        result = object_depth(scene.depth_m, scene.xyxy)
        slack = 0.03 * scene.nearest_m
        right += (isinstance(result, ObjectDepth)
                  and scene.nearest_m - slack <= result.depth_m <= scene.farthest_m + slack)
    assert right >= 0.95 * len(scenes)


def test_median_would_fail_where_this_does_not() -> None:
    # Half of the box is a counter at 2 m that goes on to both sides, the rest a person at 4 m.
    depth = wall(9.0)
    depth[20:80, 20:60] = 4.0
    depth[45:, :] = 2.0
    assert np.median(depth[20:80, 20:60]) == 2.0
    assert found(depth).depth_m == 4.0


def test_statistics_of_the_surface() -> None:
    depth = wall(9.0)
    depth[20:80, 20:60] = np.linspace(3.0, 3.2, 40, dtype=np.float32)   # leans away to the right
    result = found(depth, depth_std_rel=0.0)
    assert result.depth_m == pytest.approx(3.1, abs=0.01)
    assert result.std_m == pytest.approx(0.2 * 0.34, abs=0.01)       # 16 to 84 % of an even spread
    assert result.extent_m == pytest.approx(0.18, abs=0.02)
    assert result.valid_fraction == 1.0
    assert result.pixels == pytest.approx(2400, rel=0.1)
    # The source's scale adds in squares.
    assert found(depth, depth_std_rel=0.1).std_m == pytest.approx(np.hypot(0.068, 0.31), abs=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_float_types(dtype: type) -> None:
    assert found(wall(5.0).astype(dtype)).depth_m == pytest.approx(5.0)


def test_equal_surfaces_take_the_nearer() -> None:
    # Two layers woven finely, as much of one as of the other, neither outside the box.
    depth = wall(20.0)
    depth[20:80, 20:60] = 6.0
    depth[20:80:2, 20:60] = 3.0
    assert found(depth).depth_m in (3.0, 6.0)
    depth[20:80, 20:60:2] = 3.0   # now three quarters
    assert found(depth).depth_m == 3.0


# share of pixels without depth, what they are, expected
@pytest.mark.parametrize(("share", "value", "depth_m"), [
    (0.5, np.nan, 5.0),      # a usual stereo image
    (0.8, np.nan, 5.0),      # sparse, still enough
    (0.5, np.inf, 5.0),      # sky through it
    (0.5, -np.inf, 5.0),     # too near: unknown here
    (0.5, 0.0, 5.0),         # some drivers mark unknown so
    (0.5, -1.0, 5.0),        # no depth is negative
])
def test_invalid_pixels_are_left_out(share: float, value: float, depth_m: float) -> None:
    depth = wall(5.0)
    depth[np.random.default_rng(3).random(depth.shape) < share] = value
    result = found(depth)
    assert result.depth_m == depth_m
    assert result.valid_fraction == pytest.approx(1 - share, abs=0.05)


def test_sky_is_no_surface() -> None:
    depth = wall(np.inf)
    depth[40:60, 30:50] = 12.0   # a sixth of the box
    assert found(depth).depth_m == 12.0


# what is wrong, and words of the reason
@pytest.mark.parametrize(("value", "words"), [
    (np.nan, "100% unknown"),
    (np.inf, "100% beyond range"),
    (-np.inf, "100% too near"),
])
def test_no_depth_says_what_the_pixels_are(value: float, words: str) -> None:
    assert words in reason(wall(value))


def test_limits_are_named() -> None:
    depth = wall(np.nan)
    depth[::5, ::5] = 4.0
    assert "min_valid_fraction = 0.1" in reason(depth)
    assert found(depth, min_valid_fraction=0.01).depth_m == 4.0
    assert "min_valid_pixels = 3000" in reason(wall(), min_valid_pixels=3000)
    noise = np.random.default_rng(0).uniform(1, 100, (100, 120)).astype(np.float32)
    assert "min_surface_fraction = 0.9" in reason(noise, min_surface_fraction=0.9)


# box, words of the reason
@pytest.mark.parametrize(("box", "words"), [
    ((np.nan, 0, 10, 10), "not finite"),
    ((30, 10, 30, 50), "empty"),                    # no width
    ((50, 50, 10, 10), "empty"),                    # corners swapped
    ((200, 10, 300, 50), "120x100 depth map"),      # right of the image
    ((-50, -50, 0, 0), "120x100 depth map"),        # touches its corner
])
def test_boxes_without_pixels(box: tuple[float, ...], words: str) -> None:
    assert words in reason(wall(), box)


# boxes that go over the image's edge or fill it
@pytest.mark.parametrize("box", [(-30, -30, 40, 40), (100, 60, 200, 200), (0, 0, 120, 100),
                                 (-1e9, -1e9, 1e9, 1e9)])
def test_boxes_are_clipped(box: tuple[float, ...]) -> None:
    assert found(wall(), box).depth_m == 5.0


def test_results_keep_the_order_of_the_boxes() -> None:
    depth = wall(9.0)
    depth[10:40, 10:40] = 2.0
    depth[60:90, 60:90] = 3.0
    boxes = [(10, 10, 40, 40), (5, 5, 5, 5), (60, 60, 90, 90)] * 20   # more than one batch
    results = object_depths(depth, boxes)
    assert [r.depth_m if isinstance(r, ObjectDepth) else None for r in results] == [
        2.0, None, 3.0] * 20
    assert object_depths(depth, np.zeros((0, 4))) == ()


@pytest.mark.parametrize(("depth", "boxes", "words"), [
    (np.zeros((4, 4), np.uint16), [BOX], "16UC1"),          # millimetres
    (np.zeros((4, 4, 1), np.float32), [BOX], "(4, 4, 1)"),
    (np.zeros((4, 4), np.float32), [1, 2, 3, 4], "(4,)"),
    (np.zeros((4, 4), np.float32), [[1, 2, 3]], "(1, 3)"),
])
def test_wrong_arguments(depth: np.ndarray, boxes: ArrayLike, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        object_depths(depth, boxes)


def ground(shape: tuple[int, int] = (480, 640)) -> np.ndarray:
    """Depth of the ground 1.2 m below a level camera with f = 500 px; +Inf above the horizon."""
    rows = np.arange(shape[0]) - 239.5
    column = np.where(rows > 0, 600.0 / np.where(rows > 0, rows, 1), np.inf).astype(np.float32)
    return np.repeat(column[:, None], shape[1], axis=1)


def test_contact_is_the_ground_under_the_lower_edge() -> None:
    result = found(ground(), (300, 100, 360, 389), depth_anchor="contact", depth_std_rel=0.0)
    assert result.depth_m == pytest.approx(600 / 149.5)
    # 2 % of 289 px are 6 px: what they do to the depth.
    assert result.std_m == pytest.approx(600 / 143.5 - 600 / 149.5, rel=0.01)


def test_contact_below_the_image_is_wide() -> None:
    whole = found(ground(), (300, 100, 360, 470), depth_anchor="contact")
    cut = found(ground(), (300, 100, 360, 500), depth_anchor="contact")
    assert cut.depth_m == pytest.approx(600 / 239.5)
    assert cut.std_m > 0.25 * cut.depth_m > 4 * whole.std_m


def test_contact_above_the_horizon_is_refused() -> None:
    text = reason(ground(), (300, 100, 360, 200), depth_anchor="contact")
    assert "not on known ground" in text
    assert "100% beyond range" in text


def test_contact_just_below_the_horizon_is_vague() -> None:
    result = found(ground(), (300, 100, 360, 241), depth_anchor="contact")
    assert result.std_m >= result.depth_m   # the row above is the horizon already


def test_floor_takes_the_farthest_ground_beside_a_box() -> None:
    box = (300, 100, 360, 389)
    plain = ground()
    exact = found(plain, box, depth_anchor="contact").depth_m
    assert found(plain, box, depth_anchor="floor").depth_m == pytest.approx(exact)
    # A network draws the ground under the object towards it: the ground beside it is right.
    blurred = plain.copy()
    blurred[:, 296:366] *= 0.8
    assert found(blurred, box, depth_anchor="contact").depth_m == pytest.approx(0.8 * exact)
    assert found(blurred, box, depth_anchor="floor").depth_m == pytest.approx(exact)
    # Something stands beside it and hides the ground there: it is nearer, and does not count.
    blurred[:, :294] *= 0.5
    assert found(blurred, box, depth_anchor="floor").depth_m == pytest.approx(exact)
    # At the image's edge, or beside what is not known, the other side is left.
    blurred[:, 366:] = np.nan
    assert found(blurred, box, depth_anchor="floor").depth_m == pytest.approx(0.8 * exact)
    edge = (580, 100, 639, 389)
    assert found(plain, edge, depth_anchor="floor").depth_m == pytest.approx(exact)


def test_floor_puts_what_lies_along_the_line_of_sight_between_its_ends() -> None:
    # Somebody 0.25 m thick, from 3.0 to 4.6 m: the box ends above the far end, below the near one.
    depth, box = ground(), (240, 342, 400, 439)
    contact = found(depth, box, depth_anchor="contact", depth_std_rel=0.0)
    rows = np.arange(342, 440) - 239.5
    body = np.clip((1.2 - 0.25) * 500 / rows, 3.0, 4.6)[:, None]
    depth[342:440, 241:400] = body
    lying = found(depth, box, depth_anchor="floor", depth_std_rel=0.0)
    assert contact.depth_m == pytest.approx(3.0, abs=0.02)
    assert contact.depth_m + 0.05 < lying.depth_m < 3.8
    assert lying.std_m > contact.std_m and lying.extent_m > contact.extent_m
    # A low thing that stands there shows one depth, and the box of somebody upright is high.
    depth[342:440, 241:400] = 3.0
    assert found(depth, box, depth_anchor="floor").depth_m == pytest.approx(3.0, abs=0.02)
    depth[200:438, 241:400] = 4.5
    upright = found(depth, (240, 200, 400, 439), depth_anchor="floor")
    assert upright.depth_m == pytest.approx(3.0, abs=0.02)
    # Nothing is known of its own depth: the ground it lies on is.
    depth[342:430, 241:400] = np.nan
    assert found(depth, box, depth_anchor="floor").depth_m == pytest.approx(3.0, abs=0.02)
