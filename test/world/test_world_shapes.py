from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world import patterns
from smolvlm_ros.world.casting import Light, bounds_of, cast
from smolvlm_ros.world.figure import PersonLook, Posture, person
from smolvlm_ros.world.mounts import camera_pose
from smolvlm_ros.world.primitives import Hull, box, ellipsoid, frustum, prism
from smolvlm_ros.world.scenery import grid
from smolvlm_ros.world.shadows import ShadowStyle, shadow_map
from smolvlm_ros.world.things import level_axes
from smolvlm_ros.world.view import View, Window

RED = (200.0, 20.0, 20.0)
TILTED = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
SHAPES = {
    "sphere": ellipsoid((4, 0.3, 1), np.eye(3), (0.5, 0.5, 0.5), RED),
    "ellipsoid": ellipsoid((3, -0.5, 1.2), TILTED, (0.2, 0.6, 0.4), RED),
    "cone": frustum((4, 0, 0.2), (4, 0.2, 1.4), 0.5, 0.1, RED, capped=True),
    "cylinder": frustum((4, -0.6, 1.0), (4.5, 0.6, 0.8), 0.3, 0.3, RED, capped=True),
    "flat frustum": frustum((3, 0, 0.4), (3, 0, 1.2), 0.3, 0.5, RED, side=(0, 1, 0), flatness=0.5,
                            capped=True),
    "box": box((4, 0.2, 0.8), level_axes(0.7), (0.8, 0.5, 0.6), RED),
    "tilted box": box((3, 0, 1.0), TILTED, (0.8, 0.5, 0.6), RED),
    "prism": prism([(-0.5, 0), (0.5, 0), (0.1, 0.6), (-0.3, 0.6)], (4, 0, 0.5), level_axes(0.4),
                   0.7, (RED,) * 5, taper=0.7),
}


def inside(shape, points):
    """True for points in the shape, from its definition."""
    if isinstance(shape, Hull):
        return (points @ shape.normals.T <= shape.offsets).all(-1)
    q = points - shape.center
    value = np.einsum("...i,ij,...j", q, shape.matrix, q) + 2 * q @ shape.linear + shape.constant
    result = value <= 0
    if shape.axis is not None:
        along = q @ shape.axis
        result &= (along >= 0) & (along <= shape.length)
    return result


@pytest.fixture(scope="module")
def view():
    return View(CameraModel.from_fov(80, 60, 66.0), camera_pose((0.0, 0.0, 1.0), 3.0, 4.0, 10.0))


@pytest.mark.parametrize("name", SHAPES)
def test_surfaces_are_where_marching_along_the_rays_finds_them(view, name):
    shape = SHAPES[name]
    layer = cast(view, [shape], Light())
    assert layer is not None and layer.colour.dtype == layer.inverse_depth.dtype == np.float32
    w = np.zeros((60, 80), np.float32)
    part = layer.window.cut(view.frame)
    w[part.within(view.frame)] = layer.inverse_depth[part.within(layer.window)]
    rays = view.camera.ray_image().astype(np.float64) @ view.rotation.T
    steps = np.arange(1.0, 7.0, 0.004)
    hits = inside(shape, view.origin + rays[:, :, None] * steps[:, None])
    first = np.where(hits.any(-1), steps[hits.argmax(-1)], np.inf)
    drawn = np.where(w > 0, 1 / np.maximum(w, 1e-9), np.inf)
    # Rays that only graze the shape may be caught by one and not by the other.
    both = np.isfinite(first) & np.isfinite(drawn)
    assert both.sum() > 60
    assert (np.isfinite(first) != np.isfinite(drawn)).sum() <= 0.04 * both.sum() + 2
    error = first[both] - drawn[both]
    assert np.quantile(np.abs(error), 0.97) < 0.005 and error.min() > -0.004


@pytest.mark.parametrize("name", SHAPES)
def test_bounds_hold_the_shape_tightly(view, name):
    layer = cast(view, [SHAPES[name]], Light())
    ys, xs = np.nonzero(layer.inverse_depth > 0)
    drawn = np.array([xs.min(), ys.min(), xs.max(), ys.max()]) + [layer.window.left,
                                                                  layer.window.top] * 2
    assert_allclose(layer.bounds, drawn, atol=1.3)
    assert (layer.bounds[:2] <= drawn[:2]).all() and (layer.bounds[2:] >= drawn[2:]).all()


def test_what_is_behind_or_beside_is_not_drawn(view):
    assert cast(view, [ellipsoid((2, 9, 1), np.eye(3), (1, 1, 1), RED)], Light()) is None
    behind = cast(view, [ellipsoid((-3, 0, 1), np.eye(3), (1, 1, 1), RED)], Light())
    assert behind is None or not behind.inverse_depth.any()
    around = cast(view, [box((0, 0, 1), np.eye(3), (4, 4, 4), RED)], Light())
    assert around is not None and not around.inverse_depth.any()   # seen from inside: nothing
    assert np.isnan(bounds_of(view, [box((0, 0, 1), np.eye(3), (4, 4, 4), RED)])).all()


@pytest.mark.parametrize(("center", "radius", "seen"), [
    ((5, 0, 1), 0.5, True), ((-5, 0, 1), 1.0, False), ((5, 12, 1), 1.0, False),
    ((5, -3.8, 1), 1.0, True), ((5, 0, 9), 1.0, False), ((0, 0, 1), 0.5, True)])
def test_balls_in_and_out_of_sight(view, center, radius, seen):
    assert view.may_see(np.array(center, float), radius) is seen


def test_a_plane_s_inverse_depth_is_affine(view):
    w = view.inverse_depth((0, 0, 1), 0.0, view.frame)
    assert_allclose(w[10, 5] + w[30, 45], w[10, 45] + w[30, 5], atol=1e-6)
    # Below the camera by one metre: depth = 1 / -slope.
    slope = view.along((0, 0, 1), view.frame)
    assert_allclose(w, -slope, rtol=1e-5, atol=1e-7)


def test_windows_cut_and_pick():
    a, b = Window(-3, 2, 10, 8), Window(0, 0, 5, 20)
    assert a.cut(b) == Window(0, 2, 5, 8) and a.cut(b).within(a) == (slice(0, 6), slice(3, 8))
    assert Window(5, 0, 5, 9).empty and not a.empty and a.shape == (6, 13)


@pytest.mark.parametrize("recline", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("face_down", [False, True])
def test_people_touch_the_floor_and_do_not_sink(recline, face_down):
    look = PersonLook(1.75, RED, RED, RED, RED, face_down=face_down, bend=0.6)
    lowest = min(center[2] - np.sqrt(spread[2, 2])
                 for shape in person(look, Posture(0.4, 0.0, recline), (2.0, 1.0), 0.5)
                 for center, spread in shape.discs)
    assert abs(lowest) < 0.06


def test_feet_stay_on_the_floor_in_a_walk():
    look = PersonLook(1.8, RED, RED, RED, RED)
    for walked in np.linspace(0, 1.4, 15):
        shapes = person(look, Posture(float(walked), 1.0), (0.0, 0.0), 0.0)
        lowest = min(c[2] - np.sqrt(s[2, 2]) for shape in shapes for c, s in shape.discs)
        assert abs(lowest) < 0.02


def test_sunlight_throws_a_shadow_away_from_the_sun():
    post = frustum((0, 0, 0), (0, 0, 1), 0.05, 0.05, RED)
    found = shadow_map([post], ShadowStyle((0.6, 0.0, 0.8), 0.5, 0.03, contact=0.0))
    ys, xs = np.nonzero(found.dark > 0.2)
    x = found.low[0] + (xs + 0.5) / found.texels_per_m
    # 1 m high, the sun at 53 degrees on the side of +x: 0.75 m towards -x.
    assert x.max() == pytest.approx(0.05, abs=0.08) and x.min() == pytest.approx(-0.80, abs=0.08)


@pytest.mark.parametrize("name", patterns.NAMES)
def test_patterns_tile_and_have_contrast(name):
    grey = patterns.pattern(name).astype(float)
    assert grey.shape == (256, 256) and 8 < grey.std() < 90
    if name in ("tiles", "brick", "panels", "planks"):
        return   # begin with a joint
    seam = np.abs(grey[:, 0] - grey[:, -1]).mean()
    assert seam < 2 * np.abs(np.diff(grey, axis=1)).mean() + 2


def test_an_unknown_pattern_is_named():
    with pytest.raises(ValueError, match="plaster"):
        patterns.pattern("marble")


def test_texels_are_where_their_face_says():
    points = grid(1, (2.0, 0.0), (1.0, 0.5), 10.0, -1.5)
    assert points.shape == (5, 10, 3)
    assert_allclose(points[0, 0], [2.05, -1.5, 0.05])
    assert_allclose(points[-1, -1], [2.95, -1.5, 0.45])
