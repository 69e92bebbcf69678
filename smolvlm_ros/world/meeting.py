"""Where the rays of a window first meet a shape, in inverse depth; 0 where they do not.

A plane's inverse depth is affine in the pixel; a quadric's is a root of `F w**2 + 2 B w + A = 0`
with F one number, B affine and A quadratic in the pixel. The nearest surface has the largest.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.world.primitives import Hull, Quadric
from smolvlm_ros.world.view import Plane, View, Window


def meet_hull(view: View, hull: Hull, window: Window) -> tuple[Plane, NDArray[np.uint8]]:
    """Inverse depth and face of a hull: entered through the last of the faces that look here."""
    heights = hull.normals @ view.origin - hull.offsets
    front = [i for i, height in enumerate(heights) if height > 0]
    faces = np.zeros(window.shape, np.uint8)
    if not front:   # the camera is inside
        return np.zeros(window.shape, np.float32), faces
    entry: Plane | None = None
    for index in front:
        w = view.inverse_depth(hull.normals[index], hull.offsets[index], window)
        if entry is None:
            entry = w
            faces[:] = index
        else:
            faces[w < entry] = index
            np.minimum(entry, w, out=entry)
    assert entry is not None
    leave = np.zeros(window.shape, np.float32)
    for index in range(len(heights)):
        if heights[index] <= 0:
            np.maximum(leave, view.inverse_depth(hull.normals[index], hull.offsets[index], window),
                       out=leave)
    entry *= entry > leave
    return entry, faces


def meet_quadric(view: View, quadric: Quadric, window: Window) -> tuple[Plane, NDArray[np.uint8]]:
    """Inverse depth of a quadric, and which pixels show a cap (1 first, 2 second end, else 0)."""
    q = view.origin - quadric.center
    f = float(q @ quadric.matrix @ q + 2 * quadric.linear @ q + quadric.constant)
    f = f if abs(f) > 1e-9 else 1e-9
    a = view.quadratic(quadric.matrix, window)
    b = view.along(quadric.matrix @ q + quadric.linear, window)
    root = b * b
    root -= a * f
    hit = root > 0
    np.sqrt(np.maximum(root, 0, out=root), out=root)
    if f < 0:
        root = -root
    caps = np.zeros(window.shape, np.uint8)
    near = (root - b) / f
    if quadric.axis is None:
        near *= hit & (near > 0)
        return near, caps
    far = (-root - b) / f
    begin, along = float(quadric.axis @ q), view.along(quadric.axis, window)
    near *= hit & _between(near, begin, along, quadric.length)
    far *= hit & _between(far, begin, along, quadric.length)
    np.maximum(near, far, out=near)
    if quadric.capped:
        for number, end in ((1, 0.0), (2, quadric.length)):
            w = view.inverse_depth(quadric.axis, float(quadric.axis @ quadric.center) + end, window)
            # Inside the section: F(p) = F w**2 + 2 B w + A, times depth**2, is negative.
            disc = (w > near) & ((w * f + 2 * b) * w + a < 0)
            near[disc] = w[disc]
            caps[disc] = number
    return near, caps


def _between(w: Plane, begin: float, along: Plane, length: float) -> NDArray[np.bool_]:
    """Where a surface at inverse depth w lies between both end planes: 0 <= axis · q <= length."""
    position = begin * w + along
    inside: NDArray[np.bool_] = (w > 0) & (position >= 0) & (position <= length * w)
    return inside
