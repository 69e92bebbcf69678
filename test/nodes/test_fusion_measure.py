"""The fusion node's measure service over real DDS."""
from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import OPTICAL, at, bench, depth_map  # noqa: E402
from smolvlm_ros.srv import MeasureDistance  # noqa: E402

_NEAR, _PIXEL, _BOX, _GAP, _TRACKS = (
    MeasureDistance.Request.NEAREST, MeasureDistance.Request.PIXEL, MeasureDistance.Request.BOX,
    MeasureDistance.Request.GAP, MeasureDistance.Request.TRACKS)


def two_things() -> tuple[np.ndarray, tuple[tuple[float, ...], ...]]:
    """Two objects at 2 m, their middles 32 pixels apart, before a wall."""
    depth = np.full((48, 64), 6.0, np.float32)
    depth[10:38, 8:24] = 2.0
    depth[10:38, 40:56] = 2.0
    return depth, ((8.0, 10.0, 24.0, 38.0), (40.0, 10.0, 56.0, 38.0))


def test_all_five_kinds_of_distance() -> None:
    depth, boxes = two_things()
    with bench() as b:
        b.send(0, depth, boxes)
        first, second = b.await_objects(1).detections
        apart_m = 32 / 60 * 2.0
        off_axis_m = math.hypot(2.0, apart_m / 2)
        left = {"x": 15.5, "y": 23.5}
        requests = {
            _NEAR: ({"class_name": "person"}, off_axis_m),
            _PIXEL: ({}, off_axis_m), _BOX: ({}, off_axis_m), _GAP: ({}, apart_m),
            _TRACKS: ({"track_a": first.id, "track_b": second.id}, apart_m)}
        for kind, (fields, expected_m) in requests.items():
            request = MeasureDistance.Request(kind=kind, **fields)
            request.pixel_a.x, request.pixel_a.y = left["x"], left["y"]
            request.pixel_b.x, request.pixel_b.y = 47.5, 23.5
            request.box.center.position.x, request.box.center.position.y = 16.0, 24.0
            request.box.size_x, request.box.size_y = 16.0, 28.0
            answer = b.peer.call("fusion/measure", MeasureDistance, request)
            assert answer.success, answer.message
            assert answer.distance_m == pytest.approx(expected_m, abs=0.06), kind
            assert 0 < answer.std_m < 0.5
            assert answer.age_ms > 0 and answer.point.header.frame_id == OPTICAL
            assert answer.point.header.stamp == at(0)
            assert answer.point.point.z == pytest.approx(2.0, abs=0.1)
            if kind == _GAP:  # of two places, neither is asked for by name
                assert (answer.track_id, answer.class_name) == ("", "")
            else:
                assert answer.track_id in (first.id, second.id)
                assert answer.class_name == "person"


@pytest.mark.parametrize(("fields", "text"), [
    ({"kind": 0}, "kind = 0 is not one of"), ({"kind": _NEAR, "class_name": "cat"}, "no cat"),
    ({"kind": _TRACKS, "track_a": "x", "track_b": "2"}, "'x' is not a number"),
    ({"kind": _TRACKS, "track_a": "1", "track_b": "99"}, "no track 99"),
    ({"kind": _NEAR, "max_age_ms": 10}, "limit is 0.01 s"),
    ({"kind": _PIXEL, "pixel": (1e9, 0.0)}, "outside the 64x48 image"),
    ({"kind": _PIXEL, "pixel": (math.nan, 0.0)}, "not two finite numbers"),
    ({"kind": _BOX, "box": (5.0, 5.0, math.nan, 5.0)}, "is not a box"),
    ({"kind": _PIXEL, "pixel": (2.0, 2.0)}, "beyond the depth's range"),
])
def test_what_cannot_be_measured_is_refused_with_the_reason(fields: dict, text: str) -> None:
    depth = depth_map()
    depth[:6, :6] = math.inf
    request = MeasureDistance.Request(kind=fields.pop("kind"))
    if "pixel" in fields:
        request.pixel_a.x, request.pixel_a.y = fields.pop("pixel")
    if "box" in fields:
        place = request.box.center.position
        place.x, place.y, request.box.size_x, request.box.size_y = fields.pop("box")
    for name, value in fields.items():
        setattr(request, name, value)
    with bench() as b:
        b.send(0, depth)
        b.await_objects(1)
        answer = b.peer.call("fusion/measure", MeasureDistance, request)
        assert not answer.success and text in answer.message
        assert math.isnan(answer.distance_m) and math.isnan(answer.std_m)


def test_before_the_first_frame_there_is_nothing_to_measure() -> None:
    with bench() as b:
        answer = b.measure(kind=_NEAR)
        assert not answer.success and "nothing has been fused yet" in answer.message
