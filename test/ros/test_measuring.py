"""The measure service's request and response, without a node."""
from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from builtin_interfaces.msg import Time  # noqa: E402
from smolvlm_ros.srv import MeasureDistance  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.fusion import DepthView, Track, Transform  # noqa: E402
from smolvlm_ros.ros.measuring import Evidence, answer  # noqa: E402

NOW_S = 105.0
HEADER = Header(stamp=Time(sec=100), frame_id="optical")
# The camera is at (10, 0, 1) of the map and looks along its x.
TO_MAP = Transform(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
                   np.array([10.0, 0.0, 1.0]), "map", "optical")


def track(number: int, xyz: tuple[float, float, float], name: str = "person",
          seen_s: float = 100.0) -> Track:
    return Track(number, name, np.array(xyz), np.zeros(3), np.eye(3) * 0.01, np.ones(3), 0.9, 1.0,
                 90.0, seen_s, 3)


EVIDENCE = Evidence(
    DepthView(np.full((48, 64), 2.0, np.float32), CameraModel(64, 48, 60.0, 60.0, 31.5, 23.5),
              100.0),
    HEADER, (track(1, (13.0, 0.0, 1.0)), track(2, (13.0, 4.0, 1.0)),
             track(3, (10.5, 0.0, 1.0), "dog", seen_s=80.0)), TO_MAP)


def ask(evidence: Evidence | None = EVIDENCE, **fields):
    request = MeasureDistance.Request(**fields)
    return answer(request, MeasureDistance.Response(), evidence, NOW_S)


def test_the_nearest_is_measured_from_the_camera_not_from_the_map_s_origin() -> None:
    got = ask(kind=1, class_name="person")
    assert got.success and got.distance_m == pytest.approx(3.0)
    assert got.std_m == pytest.approx(0.1) and got.age_ms == pytest.approx(5000)
    assert (got.track_id, got.class_name) == ("1", "person")
    assert got.point.header.frame_id == "map" and got.point.header.stamp.sec == 100
    assert (got.point.point.x, got.point.point.y) == (13.0, 0.0)
    assert got.message == "3.00 m, standard deviation 0.10 m, evidence 5.0 s old"


def test_the_age_is_that_of_the_track_s_own_last_sighting() -> None:
    assert ask(kind=1).track_id == "3"  # any class: the dog is nearer
    assert ask(kind=1).age_ms == pytest.approx(25_000)
    assert ask(kind=1, max_age_ms=10_000).track_id == "1"


def test_tracks_pixels_boxes_and_gaps() -> None:
    assert ask(kind=5, track_a="1", track_b="2").distance_m == pytest.approx(4.0)
    request = MeasureDistance.Request(kind=2)
    request.pixel_a.x, request.pixel_a.y = 31.5, 23.5
    got = answer(request, MeasureDistance.Response(), EVIDENCE, NOW_S)
    assert got.distance_m == pytest.approx(2.0) and got.point.header.frame_id == "optical"
    assert (got.track_id, got.class_name) == ("", "")
    request.kind, request.pixel_b.x, request.pixel_b.y = 4, 61.5, 23.5
    got = answer(request, MeasureDistance.Response(), EVIDENCE, NOW_S)
    assert got.distance_m == pytest.approx(1.0)


@pytest.mark.parametrize(("evidence", "fields", "text"), [
    (None, {"kind": 1}, "nothing has been fused yet"),
    (EVIDENCE, {}, "kind = 0 is not one of NEAREST (1)"),
    (EVIDENCE, {"kind": 99}, "kind = 99"),
    (EVIDENCE, {"kind": 1, "class_name": "cat"}, "no cat has been seen"),
    (EVIDENCE, {"kind": 1, "max_age_ms": 1}, "limit is 0.001 s"),
    (EVIDENCE, {"kind": 2, "max_age_ms": 1000}, "5.0 s old, limit is 1 s"),
    (EVIDENCE, {"kind": 5, "track_a": "1", "track_b": "1"}, "given twice"),
    (EVIDENCE, {"kind": 5, "track_a": "1", "track_b": "-2"}, "'-2' is not a number"),
    (EVIDENCE, {"kind": 5, "track_a": "", "track_b": "2"}, "'' is not a number"),
    (EVIDENCE, {"kind": 5, "track_a": "1", "track_b": "9" * 6000}, ""),
])
def test_a_refusal_says_why_and_gives_no_number(evidence, fields, text: str) -> None:
    got = ask(evidence, **fields)
    assert not got.success and text in got.message and got.message
    assert math.isnan(got.distance_m) and math.isnan(got.std_m) and math.isnan(got.age_ms)
