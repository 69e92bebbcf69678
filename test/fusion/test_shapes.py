"""Shapes: signed distances by hand and against sampling, and what they refuse."""
from __future__ import annotations

import math

import numpy as np
import pytest

from smolvlm_ros.fusion.shapes import Cylinder, Prism, Sector, Shape

SQUARE = Prism(((0, 0), (2, 0), (2, 2), (0, 2)), 0.0, 2.0)
ELL = Prism(((0, 0), (3, 0), (3, 1), (1, 1), (1, 3), (0, 3)))   # not convex
POLE = Cylinder((1.0, 1.0), 0.5, 0.0, 2.0)
AHEAD = Sector((1.0, 3.0), (-45.0, 45.0))
BEHIND = Sector((0.0, 2.0), (135.0, -135.0))
OPTICAL = Sector((1.0, 3.0), (0.0, 45.0), -0.5, 0.5, optical=True)
RING = Sector((1.0, 2.0), (-180.0, 180.0))


# shape, point, signed distance, what it shows
@pytest.mark.parametrize(("shape", "point", "distance"), [
    (SQUARE, (1, 1, 1), -1.0),                      # the middle
    (SQUARE, (0.25, 1, 1), -0.25),                  # near a side
    (SQUARE, (1, 1, 1.9), -0.1),                    # near the top
    (SQUARE, (3, 1, 1), 1.0),                       # beside
    (SQUARE, (5, 6, 1), 5.0),                       # from a corner
    (SQUARE, (1, 1, 3.5), 1.5),                     # above
    (SQUARE, (6, 1, 5), 5.0),                       # beside and above
    (SQUARE, (1, 1, -0.5), 0.5),                    # below
    (ELL, (2, 2, 99), 1.0),          # in the notch, any height
    (ELL, (0.5, 2, 0), -0.5),
    (POLE, (1, 1, 1), -0.5),
    (POLE, (2.5, 1, 1), 1.0),
    (POLE, (1, 1, 2.2), 0.2),
    (AHEAD, (2, 0, 0), -1.0),
    (AHEAD, (4, 0, 0), 1.0),                        # beyond
    (AHEAD, (0.5, 0, 0), 0.5),                      # before
    (AHEAD, (0, 2, 0), math.sqrt(2)),               # to the left: from the wedge's edge
    (AHEAD, (-2, 0, 0), 2.0),                        # behind: from its tip
    (BEHIND, (-1, 0, 0), -math.sqrt(0.5)),          # over the seam at 180 degrees
    (BEHIND, (1, 0, 0), 1.0),
    (OPTICAL, (-1, 0, 2), -0.5),                    # x is right: this is ahead and to the left
    (OPTICAL, (1, 0, 2), 1.0),                      # to the right
    (OPTICAL, (-1, -1, 2), 0.5),                    # y is down: this is 1 m up
    (RING, (0, -1.5, 0), -0.5),                     # all around, whatever the bearing
    (RING, (0, 0, 0), 1.0),
])
def test_distance(shape: Shape, point: tuple[float, ...], distance: float) -> None:
    got = shape.distance(np.array([point], np.float64))
    assert got == pytest.approx([distance], abs=1e-3)


@pytest.mark.parametrize("shape", [SQUARE, ELL, POLE, AHEAD, BEHIND, RING])
def test_outline_is_the_border(shape: Shape) -> None:
    corners = shape.outline()
    middles = (corners + np.roll(corners, -1, axis=0)) / 2
    points = np.column_stack([np.concatenate([corners, middles]),
                              np.full(2 * len(corners), 1.0)])
    # Chords of arcs lie a little inside.
    gap = shape.distance(points)
    if shape is not RING:   # its outline has a seam from the inner to the outer circle
        assert np.abs(gap).max() < 0.03
    assert np.abs(gap[:len(corners)]).max() < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_prism_against_winding(seed: int) -> None:
    # A star polygon around its middle: inside is nearer than the border on the same bearing.
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(-np.pi, np.pi, 9))
    reach = rng.uniform(1, 3, 9)
    corners = np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    if np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() > np.pi:
        pytest.skip("not a star around its middle")
    points = np.column_stack([rng.uniform(-3, 3, (300, 2)), np.zeros(300)])
    for turned in (corners, corners[::-1]):   # either way round
        distance = Prism(tuple(map(tuple, turned.tolist()))).distance(points)
        # Dense points on the border give the size of the distance.
        a, b = corners, np.roll(corners, -1, axis=0)
        border = (a[:, None] + np.linspace(0, 1, 200)[:, None] * (b - a)[:, None]).reshape(-1, 2)
        size = np.linalg.norm(points[:, None, :2] - border, axis=2).min(1)
        assert np.abs(distance) == pytest.approx(size, abs=0.02)
        bearing = np.arctan2(points[:, 1], points[:, 0])
        at = np.argmin(np.abs(np.angle(np.exp(1j * (np.arctan2(border[:, 1], border[:, 0])
                                                    - bearing[:, None])))), axis=1)
        inside = np.linalg.norm(points[:, :2], axis=1) < np.linalg.norm(border[at], axis=1)
        clear = size > 0.1
        assert ((distance < 0) == inside)[clear].all()


@pytest.mark.parametrize("low", [-4.8, -1.2, 0.1, 0.3])
def test_points_as_high_as_a_corner(low: float) -> None:
    # A ray through a corner passes it once, whatever is lost in adding up its edges.
    for step in np.arange(1, 80) / 10:
        middle, high = round(low + step, 1), round(low + step + 1, 1)
        diamond = Prism(((0, low), (2, middle), (0, high), (-2, middle)))
        distance = diamond.distance(np.array([[0, middle, 0], [-1, middle, 0], [-5, middle, 0]]))
        assert distance[0] < 0 and distance[1] < 0 and distance[2] == pytest.approx(3.0)


# what is wrong, and words of the error
@pytest.mark.parametrize(("make", "words"), [
    (lambda: Prism(((0, 0), (1, 0))), "2 corners"),
    (lambda: Prism(((0, 0), (1, 0), (1, 0), (0, 1))), "same corner twice"),
    (lambda: Prism(((0, 0), (1, 0), (1, 1), (0, 0))), "same corner twice"),     # closed by hand
    (lambda: Prism(((0, 0), (2, 2), (2, 0), (0, 2))), "cross"),                 # an hourglass
    (lambda: Prism(((0, 0), (2, 0), (1, 0))), "cross"),                         # no area
    (lambda: Prism(((0, 0), (4, 0), (4, 2), (2, 0), (0, 2))), "cross"),         # touches itself
    (lambda: Prism(((0, 0), (math.nan, 0), (1, 1))), "finite"),
    (lambda: Prism(((0, 0), (1, 0), (1, 1)), 2.0, 1.0), "swap"),
    (lambda: Cylinder((0, 0), 0.0), "above 0"),
    (lambda: Cylinder((0, math.inf), 1.0), "finite"),
    (lambda: Cylinder((0, 0), 1.0, 1.0, 1.0), "below z_max_m"),
    (lambda: Sector((2.0, 1.0), (0, 10)), "least"),
    (lambda: Sector((-1.0, 1.0), (0, 10)), "least"),
    (lambda: Sector((0.0, 1.0), (10, 10)), "spans nothing"),
    (lambda: Sector((0.0, 1.0), (0, 400)), "-360 to 360"),
    (lambda: Sector((0.0, 1.0), (0, math.nan)), "finite"),
])
def test_refused(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]
