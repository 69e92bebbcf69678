"""Which track an answer about a place in the image is about."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.fusion.fuse import Object3D
from smolvlm_ros.fusion.measure import Answer, Measurement, Refusal
from smolvlm_ros.fusion.tracks import Track

_SIGMAS = 2.0     # of an object's depth, within which a place of the image is on it
_SAME_BOX = 0.5   # intersection over union of two boxes that mean one thing


def named_at_pixel(answer: Answer, pixel: ArrayLike, objects: Sequence[Object3D],
                   tracks: Iterable[Track]) -> Answer:
    """An answer of `DepthView.at_pixel` with the track that is seen there, where there is one.

    That is the one of the smallest box round the pixel whose object's surface lies at that depth:
    who stands behind or before it is not meant.

    Args:
        answer: as it came.
        pixel: (u, v), the centre of pixel (0, 0) being 0.
        objects: of the same frame, in the optical frame.
        tracks: after that frame; `Track.source` counts in `objects`.
    """
    if isinstance(answer, Refusal):
        return answer
    u, v = (float(x) + 0.5 for x in np.asarray(pixel, np.float64).reshape(2))
    around = [t for t in tracks if t.source is not None
              and _holds(objects[t.source], u, v, float(answer.point[2]))]
    return _named(answer, min(around, key=lambda t: _area(_source(objects, t)), default=None))


def named_in_box(answer: Answer, xyxy: ArrayLike, objects: Sequence[Object3D],
                 tracks: Iterable[Track]) -> Answer:
    """An answer of `DepthView.in_box` with the track whose own box is about that one.

    Arguments as of `named_at_pixel`; `xyxy` counts pixels as `Object3D.xyxy` does.
    """
    if isinstance(answer, Refusal):
        return answer
    box = np.asarray(xyxy, np.float64).reshape(4)
    overlaps = [(_overlap(box, _source(objects, t)), t) for t in tracks if t.source is not None]
    best, track = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
    return _named(answer, track if best >= _SAME_BOX else None)


def _source(objects: Sequence[Object3D], track: Track) -> Object3D:
    assert track.source is not None
    return objects[track.source]


def _named(answer: Measurement, track: Track | None) -> Measurement:
    if track is None:
        return answer
    return replace(answer, track_ids=(track.id,), class_name=track.class_name)


def _holds(thing: Object3D, x: float, y: float, depth_m: float) -> bool:
    """True when that place of the image, at that depth, is on an object."""
    x0, y0, x1, y1 = thing.xyxy
    reach_m = thing.depth.extent_m / 2 + _SIGMAS * thing.depth.std_m
    return x0 <= x <= x1 and y0 <= y <= y1 and abs(depth_m - thing.depth.depth_m) <= reach_m


def _area(thing: Object3D) -> float:
    x0, y0, x1, y1 = thing.xyxy
    return (x1 - x0) * (y1 - y0)


def _overlap(box: NDArray[np.float64], thing: Object3D) -> float:
    """Intersection over union with an object's box."""
    other = np.array(thing.xyxy)
    shared = float(np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0,
                           None).prod())
    union = float((box[2:] - box[:2]).prod()) + _area(thing) - shared
    return shared / union if union > 0 else 0.0
