"""The measure service: from its request to the library's measurements and back."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_msgs.msg import Header

from smolvlm_ros.fusion import (
    DepthView,
    Object3D,
    Track,
    Transform,
    between_tracks,
    named_at_pixel,
    named_in_box,
    nearest_of_class,
)
from smolvlm_ros.fusion.measure import Answer, Refusal
from smolvlm_ros.ros.boxes import from_box, to_point
from smolvlm_ros.srv import MeasureDistance


@dataclass(frozen=True)
class Evidence:
    """What the last frame gave.

    Attributes:
        view: its depth and camera.
        header: of the frame; its frame_id is the camera's optical frame.
        tracks: the tracks after it.
        to_target: from the optical frame to the tracks' frame, at its stamp.
        objects: what it showed, in the optical frame.
    """

    view: DepthView
    header: Header
    tracks: tuple[Track, ...]
    to_target: Transform
    objects: tuple[Object3D, ...] = ()


def answer(request: Any, response: Any, evidence: Evidence | None, now_s: float) -> Any:
    """Fill a MeasureDistance response; a refusal says why, with NaN for the distance."""
    response.distance_m = response.std_m = response.age_ms = math.nan
    if evidence is None:
        response.message = ("nothing has been fused yet; has a frame passed the gate, and is there "
                            "depth?")
        return response
    try:
        result = _measure(request, evidence, now_s)
    except ValueError as error:
        response.message = str(error)
        return response
    if isinstance(result, Refusal):
        response.message = result.reason
        return response
    response.success = True
    response.distance_m, response.std_m = float(result.value_m), float(result.std_m)
    response.age_ms = float(result.age_s * 1e3)
    response.class_name = result.class_name
    response.track_id = str(result.track_ids[0]) if result.track_ids else ""
    by_tracks = request.kind in (MeasureDistance.Request.NEAREST, MeasureDistance.Request.TRACKS)
    frame = evidence.to_target.target if by_tracks else evidence.header.frame_id
    response.point.header.frame_id = frame
    response.point.header.stamp = evidence.header.stamp
    response.point.point = to_point(result.point)
    response.message = (f"{result.value_m:.2f} m, standard deviation {result.std_m:.2f} m, "
                        f"evidence {result.age_s:.1f} s old")
    return response


def _measure(request: Any, evidence: Evidence, now_s: float) -> Answer:
    kinds = MeasureDistance.Request
    age_s = request.max_age_ms * 1e-3 if request.max_age_ms else math.inf
    view, tracks = evidence.view, evidence.tracks
    if request.kind == kinds.NEAREST:
        origin = evidence.to_target.apply(np.zeros(3))
        return nearest_of_class(tracks, request.class_name, now_s, origin, age_s)
    if request.kind == kinds.PIXEL:
        pixel = _pixel(request.pixel_a)
        return named_at_pixel(view.at_pixel(pixel, now_s, age_s), pixel, evidence.objects, tracks)
    if request.kind == kinds.BOX:
        box = from_box(request.box)
        return named_in_box(view.in_box(box, now_s, age_s), box, evidence.objects, tracks)
    if request.kind == kinds.GAP:
        return view.gap(_pixel(request.pixel_a), _pixel(request.pixel_b), now_s, age_s)
    if request.kind == kinds.TRACKS:
        return between_tracks(tracks, _track(request.track_a), _track(request.track_b), now_s,
                              age_s)
    raise ValueError(f"kind = {request.kind} is not one of NEAREST (1), PIXEL (2), BOX (3), "
                     "GAP (4), TRACKS (5)")


def _pixel(point: Any) -> tuple[float, float]:
    return float(point.x), float(point.y)


def _track(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"track id {text!r} is not a number; take the id of a detection in "
                         "objects")
    return int(text)
