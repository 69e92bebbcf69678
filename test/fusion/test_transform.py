"""Transform: quaternions, composition with its inverse, and what it refuses."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.fusion.transform import Transform

NUMBERS = st.floats(-1, 1)


# quaternion (x, y, z, w) and where it takes the x axis
@pytest.mark.parametrize(("xyzw", "x_axis"), [
    ((0, 0, 0, 1), (1, 0, 0)),                    # identity
    ((0, 0, 2 ** -0.5, 2 ** -0.5), (0, 1, 0)),    # a quarter turn to the left
    ((0, 2 ** -0.5, 0, 2 ** -0.5), (0, 0, -1)),   # a quarter turn down
    ((-0.5, 0.5, -0.5, 0.5), (0, -1, 0)),         # optical to body (REP-103): x right is -y
    ((0, 0, 0, 3), (1, 0, 0)),                    # not normalised
])
def test_quaternion(xyzw: tuple[float, ...], x_axis: tuple[float, ...]) -> None:
    turn = Transform.from_quaternion(xyzw, (0, 0, 0))
    assert turn.apply((1, 0, 0)) == pytest.approx(x_axis)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_inverse(xyzw: tuple[float, ...], offset: tuple[float, ...]) -> None:
    assume(np.linalg.norm(xyzw) > 0.2)
    there = Transform.from_quaternion(xyzw, offset, "map", "camera")
    back = there.inverse()
    points = np.array([[1.0, 2, 3], [-4, 5, 6]])
    assert back.apply(there.apply(points)) == pytest.approx(points)
    assert (back.target, back.source) == ("camera", "map")
    covariance = np.stack([np.diag([1.0, 2, 3]), np.eye(3)])
    assert back.apply_covariance(there.apply_covariance(covariance)) == pytest.approx(covariance)


def test_identity() -> None:
    assert Transform.identity("map").apply([[1, 2, 3]]) == pytest.approx(np.array([[1.0, 2, 3]]))
    assert Transform.identity("map").source == "map"


@pytest.mark.parametrize(("rotation", "translation", "words"), [
    (np.eye(4), np.zeros(3), "shapes"),
    (np.eye(3), np.zeros(2), "shapes"),
    (np.full((3, 3), np.nan), np.zeros(3), "not finite"),
    (np.eye(3), np.array([0, 0, np.inf]), "not finite"),
    (2 * np.eye(3), np.zeros(3), "not a rotation"),
    (np.diag([1, 1, -1]), np.zeros(3), "not a rotation"),   # a mirror
])
def test_refused(rotation: np.ndarray, translation: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Transform(rotation, translation, "map", "camera")


# an unset message, a value that is not finite, a wrong length
@pytest.mark.parametrize("xyzw", [(0, 0, 0, 0), (0, 0, 0, np.nan), (0, 0, 1)])
def test_refused_quaternion(xyzw: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="from 'camera' to 'map'"):
        Transform.from_quaternion(xyzw, (0, 0, 0), "map", "camera")


def test_arrays_cannot_be_changed_from_outside() -> None:
    rotation = np.eye(3)
    turn = Transform(rotation, np.zeros(3))
    rotation[0, 0] = 5
    assert turn.rotation[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        turn.rotation[0, 0] = 2


@pytest.mark.parametrize(("pitch_deg", "target", "up", "down"), [
    (0, "map", (0, -1, 0), False), (30, "map", (0, -0.866, -0.5), False),
    (90, "map", (0, 0, -1), True), (80, "map", (0, -0.174, -0.985), True),
    (90, "other_optical_frame", None, False),   # z of such a frame points forward
])
def test_which_way_is_up(pitch_deg: float, target: str, up: tuple[float, ...] | None,
                         down: bool) -> None:
    transform = mount_transform(2.0, pitch_deg, 0.0, target, "camera")
    found = transform.up()
    assert (found is None) == (up is None) and transform.looks_down() == down
    if up is not None:
        assert found == pytest.approx(up, abs=1e-3)


def test_its_own_frame_tells_nothing_of_up() -> None:
    assert Transform.identity("camera").up() is None
