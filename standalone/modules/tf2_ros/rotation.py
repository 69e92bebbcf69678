"""Rigid transforms with unit quaternions (x, y, z, w), in plain Python floats."""
from __future__ import annotations

import math
from typing import NamedTuple

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


class Rigid(NamedTuple):
    """p_parent = rotate(rotation, p_child) + translation; translation in metres."""

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Returns the rotation that turns by `b` first, then by `a` (Hamilton product)."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (aw * bx + ax * bw + ay * bz - az * by,
            aw * by + ay * bw + az * bx - ax * bz,
            aw * bz + az * bw + ax * by - ay * bx,
            aw * bw - ax * bx - ay * by - az * bz)


def rotate(q: Quaternion, v: Vector) -> Vector:
    """Returns `v` turned by `q`: q v q* ."""
    x, y, z, w = multiply(multiply(q, (*v, 0.0)), (-q[0], -q[1], -q[2], q[3]))
    return x, y, z


def compose(outer: Rigid, inner: Rigid) -> Rigid:
    """Returns the transform that applies `inner` first, then `outer`."""
    turned = rotate(outer.rotation, inner.translation)
    return Rigid((turned[0] + outer.translation[0], turned[1] + outer.translation[1],
                  turned[2] + outer.translation[2]),
                 multiply(outer.rotation, inner.rotation))


def invert(rigid: Rigid) -> Rigid:
    """Returns the transform back."""
    x, y, z, w = rigid.rotation
    back = (-x, -y, -z, w)
    tx, ty, tz = rigid.translation
    return Rigid(rotate(back, (-tx, -ty, -tz)), back)


def interpolate(a: Rigid, b: Rigid, ratio: float) -> Rigid:
    """Returns the transform `ratio` of the way from `a` to `b`.

    The translation goes along a line, the rotation along the shorter great arc (slerp; Shoemake,
    "Animating rotation with quaternion curves", 1985).
    """
    ax, ay, az = a.translation
    bx, by, bz = b.translation
    translation = (ax + ratio * (bx - ax), ay + ratio * (by - ay), az + ratio * (bz - az))
    cosine = sum(p * q for p, q in zip(a.rotation, b.rotation, strict=True))
    sign = -1.0 if cosine < 0.0 else 1.0  # q and -q are the same rotation: take the nearer one
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-9:  # the weights' limit, where sin(angle) would divide zero by zero
        return Rigid(translation, a.rotation)
    weight_a = math.sin((1.0 - ratio) * angle) / math.sin(angle)
    weight_b = math.sin(ratio * angle) / math.sin(angle) * sign
    x, y, z, w = (weight_a * p + weight_b * q
                  for p, q in zip(a.rotation, b.rotation, strict=True))
    return Rigid(translation, (x, y, z, w))
