"""A person of simple shapes who stands, walks and lies down."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.palette import Colour, scaled
from smolvlm_ros.world.primitives import Grain, Primitive, ellipsoid, frustum, sphere

Array: TypeAlias = NDArray[np.float64]

STRIDE_M = 1.35   # both steps, for a person of 1.75 m
_CLOTH = Grain("concrete", 0.35, 0.7)


@dataclass(frozen=True)
class PersonLook:
    """What stays the same of one person.

    Attributes:
        height_m: standing.
        jacket: the colour that the person is named by.
        trousers, skin, hair, shoes: other colours.
        face_down: lies on the belly instead of on the back.
        bend: how far knees and elbows are bent while lying, 0 to 1.
    """

    height_m: float
    jacket: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    shoes: Colour = (40.0, 38.0, 40.0)
    face_down: bool = False
    bend: float = 0.3


@dataclass(frozen=True)
class Posture:
    """How a person is at one time.

    Attributes:
        walked_m: way so far, which says where in its stride the person is.
        swing: 0 standing, 1 walking.
        recline: 0 upright, 1 lying.
    """

    walked_m: float = 0.0
    swing: float = 0.0
    recline: float = 0.0


@dataclass(frozen=True, eq=False)
class _Joints:
    """Places in the body's own frame: x ahead, y left, z up, hips at the origin."""

    chest: Array
    neck: Array
    head: Array
    limbs: tuple[tuple[Array, Array, Array, Array], ...]  # legs then arms: root, bend, end, tip


def person(look: PersonLook, posture: Posture, place: tuple[float, float],
           heading: float) -> list[Primitive]:
    """The shapes of a person.

    Args:
        look: what the person looks like.
        posture: what the person does.
        place: x and y in the world, of the point of the floor below the hips, metres.
        heading: direction of the chest while upright, radians from x to y.
    """
    h = look.height_m
    joints = _joints(look, posture)
    # Lying is the body turned about its hips and let down.
    turn = math.radians(88) * posture.recline * (1 if look.face_down else -1)
    c, s = math.cos(turn), math.sin(turn)
    tilt = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    spin = np.array([[math.cos(heading), -math.sin(heading), 0],
                     [math.sin(heading), math.cos(heading), 0], [0, 0, 1]])
    turned = spin @ tilt
    legs = joints.limbs[:2]
    foot_low = min(float((tilt @ point)[2]) - sole * h for limb in legs
                   for point, sole in ((limb[2], 0.043), (limb[3], 0.025)))
    body_low = -0.115 * h / 1.75
    hips = -(foot_low * (1 - posture.recline) + min(body_low, foot_low) * posture.recline)
    base = np.array([place[0], place[1], hips])

    def at(point: Array) -> Array:
        return base + turned @ point

    return [*_trunk(look, joints, at, turned), *_limbs(look, joints, at, turned)]


def _joints(look: PersonLook, posture: Posture) -> _Joints:
    h, lying = look.height_m, posture.recline
    # On the belly, knees and elbows cannot bend into the floor.
    bend = lying * look.bend * (0.1 if look.face_down else 1.0)
    phase = posture.walked_m / (STRIDE_M * h / 1.75) * 2 * math.pi
    limbs = []
    for side in (1, -1):
        angle = phase + (0 if side > 0 else math.pi)
        thigh = 0.48 * posture.swing * math.sin(angle) + 0.25 * bend * (side > 0)
        knee = 0.04 + 0.75 * posture.swing * max(0.0, math.cos(angle)) \
            + 0.9 * bend * (side > 0)
        root = np.array([0.0, side * 0.092 * h / 1.75, -0.02 * h])
        spread = side * (0.03 + 0.18 * lying)
        middle = root + _swung(0.245 * h, thigh, spread)
        end = middle + _swung(0.245 * h, thigh - knee, spread)
        # Toes ahead; stretched while lying, and more so on the belly.
        stretch = lying * (0.95 if look.face_down else 0.35)
        tip = end + 0.105 * h * np.array([1 - stretch, side * 0.15, -stretch])
        limbs.append((root, middle, end, tip))
    for side in (1, -1):
        angle = phase + (math.pi if side > 0 else 0)
        upper = 0.42 * posture.swing * math.sin(angle) + 0.05
        elbow = -0.15 - 0.35 * posture.swing - 0.5 * bend
        spread = side * (0.10 + 0.5 * lying * (0.4 + look.bend))
        root = np.array([0.0, side * 0.118 * h, 0.282 * h])
        middle = root + _swung(0.168 * h, upper, spread)
        end = middle + _swung(0.148 * h, upper - elbow, spread * (0.4 + lying))
        tip = end + _swung(0.05 * h, upper - elbow, 0.0)
        limbs.append((root, middle, end, tip))
    lean = 0.06 * posture.swing
    return _Joints(np.array([lean * 0.5, 0, 0.20 * h]), np.array([lean, 0, 0.325 * h]),
                   np.array([lean + 0.012 * h, 0, 0.405 * h]), tuple(limbs))


def _swung(length: float, ahead: float, aside: float) -> Array:
    """A limb that hangs down, swung ahead and to the left by angles."""
    return length * np.array([math.sin(ahead) * math.cos(aside), math.sin(aside),
                              -math.cos(ahead) * math.cos(aside)])


def _trunk(look: PersonLook, joints: _Joints, at: Callable[[Array], Array],
           turned: Array) -> list[Primitive]:
    h = look.height_m
    axes, left = turned.T, turned[:, 1]
    hips, chest, neck, head = at(np.zeros(3)), at(joints.chest), at(joints.neck), at(joints.head)
    belt = at(np.array([0, 0, 0.03 * h]))
    shoulders = at(joints.chest + np.array([0, 0, 0.085 * h]))
    # Hair: a cap that leaves the face free.
    crown = at(joints.head + np.array([-0.014 * h, 0, 0.016 * h]))
    return [
        ellipsoid(hips, axes, np.array([0.066, 0.097, 0.062]) * h, look.trousers, _CLOTH),
        frustum(belt, chest, 0.088 * h, 0.108 * h, look.jacket, side=left, flatness=0.64,
                grain=_CLOTH),
        frustum(chest, shoulders, 0.108 * h, 0.116 * h, look.jacket, side=left, flatness=0.60,
                grain=_CLOTH),
        ellipsoid(shoulders, axes, np.array([0.070, 0.120, 0.048]) * h, look.jacket, _CLOTH),
        ellipsoid(belt, axes, np.array([0.058, 0.090, 0.035]) * h, scaled(look.jacket, 0.8)),
        frustum(shoulders, neck + (head - neck) * 0.2, 0.036 * h, 0.034 * h, look.skin),
        ellipsoid(head, axes, np.array([0.056, 0.047, 0.068]) * h, look.skin),
        ellipsoid(crown, axes, np.array([0.056, 0.051, 0.064]) * h, look.hair)]


def _limbs(look: PersonLook, joints: _Joints, at: Callable[[Array], Array],
           turned: Array) -> list[Primitive]:
    h = look.height_m
    shapes: list[Primitive] = []
    for number, limb in enumerate(joints.limbs):
        root, bend, end, tip = (at(point) for point in limb)
        leg = number < 2
        colour = look.trousers if leg else look.jacket
        r0, r1, r2 = np.array((0.052, 0.036, 0.027) if leg else (0.033, 0.026, 0.021)) * h
        shapes += [frustum(root, bend, r0, r1, colour, grain=_CLOTH), sphere(bend, r1, colour),
                   frustum(bend, end, r1, r2, colour, grain=_CLOTH)]
        if leg:
            toe = tip - end
            along = toe / np.linalg.norm(toe)
            side = np.cross(turned[:, 2], along)
            side /= np.linalg.norm(side)
            axes = np.stack([along, side, np.cross(along, side)])
            center = end + toe * 0.38 + axes[2] * (-0.018 * h)
            shapes.append(ellipsoid(center, axes, np.array([0.078, 0.030, 0.025]) * h, look.shoes))
        else:
            shapes += [sphere(root, r0, colour), sphere((end + tip) / 2, 0.026 * h, look.skin)]
    return shapes
