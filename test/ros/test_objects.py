"""Tracks, zones and their events as messages."""
from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="no ROS here, or its interfaces are not built")
from builtin_interfaces.msg import Time  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from smolvlm_ros.fusion import Track, Zone, ZoneTransition  # noqa: E402
from smolvlm_ros.fusion.shapes import Cylinder, Sector  # noqa: E402
from smolvlm_ros.ros.objects import to_detections_3d, to_markers, to_zone_event  # noqa: E402

STAMP = Time(sec=1_700_000_000, nanosec=123_456_789)
HEADER = Header(stamp=STAMP, frame_id="map")
TURN = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # optical to body
DOCK = Zone("dock", "map", Cylinder((4.0, 1.0), 0.8), keep_out=True)


def track(number: int = 3, sigma: float = 0.1) -> Track:
    return Track(number, "person", np.array([1.0, 2.0, 3.0]), np.zeros(3),
                 np.diag([sigma**2, 0.04, 0.09]), np.array([0.5, 1.7, 0.3]), 0.8, 3.7, 1.0, 2.0, 5,
                 source=0)


def test_a_track_as_a_detection() -> None:
    message = to_detections_3d(HEADER, [track()], TURN)
    assert message.header == HEADER
    (found,) = message.detections
    result = found.results[0]
    assert (found.id, found.header, result.hypothesis.class_id) == ("3", HEADER, "person")
    assert result.hypothesis.score == pytest.approx(0.8)
    assert (found.bbox.size.x, found.bbox.size.y, found.bbox.size.z) == (0.5, 1.7, 0.3)
    covariance = np.array(result.pose.covariance).reshape(6, 6)
    assert covariance[:3, :3] == pytest.approx(np.diag([0.01, 0.04, 0.09]))
    # How it is turned is not known: uniform over a full turn, variance pi^2 / 3.
    assert np.diag(covariance)[3:] == pytest.approx([math.pi**2 / 3] * 3)
    assert not covariance[:3, 3:].any()


def test_the_box_is_turned_like_the_camera_in_which_it_was_measured() -> None:
    turn = to_detections_3d(HEADER, [track()], TURN).detections[0].bbox.center.orientation
    x, y, z, w = turn.x, turn.y, turn.z, turn.w
    # The box's y axis, its height, is the optical y axis: down in the map.
    down = (2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w))
    assert down == pytest.approx((0, 0, -1))


def test_no_track_is_an_empty_list() -> None:
    assert to_detections_3d(HEADER, [], np.eye(3)).detections == []


@pytest.mark.parametrize(("kind", "number"), [("enter", 1), ("dwell", 2), ("leave", 3)])
def test_a_transition_as_an_event(kind: str, number: int) -> None:
    event = ZoneTransition(kind, DOCK, 7, "person", 12.0, 10.0, 2.0, np.array([4.0, 1.0, 0.5]))
    message = to_zone_event(event, STAMP, math.nan)
    assert message.kind == number
    assert message.kind == getattr(ZoneEvent, kind.upper())
    assert message.header == HEADER  # the zone's frame, the frame's stamp
    assert (message.zone, message.keep_out, message.track_id) == ("dock", True, "7")
    assert message.position.z == 0.5 and message.dwell_s == 2.0
    assert math.isnan(message.distance_m)


def test_markers_begin_by_deleting_what_is_gone_and_draw_zones_in_their_frames() -> None:
    ahead = Zone("ahead", "camera_optical_frame",
                 Sector((0.5, 2.0), (-30.0, 30.0), optical=True))
    markers = to_markers(HEADER, [track()], [DOCK, ahead], ["ahead"]).markers
    assert [(m.ns, m.id, m.action) for m in markers] == [
        ("", 0, Marker.DELETEALL), ("objects", 3, Marker.ADD), ("labels", 3, Marker.ADD),
        ("zones", 0, Marker.ADD), ("zones", 1, Marker.ADD)]
    assert [m.header.frame_id for m in markers[3:]] == ["map", "camera_optical_frame"]
    assert all(m.header.stamp == STAMP and m.pose.orientation.w == 1.0 for m in markers)
    assert markers[2].text == "person 3: 3.7 m"
    free, occupied = markers[3].color, markers[4].color
    assert (free.r, free.g, free.b) != (occupied.r, occupied.g, occupied.b)
    # A sector of an optical frame lies before the camera: z forward.
    assert max(p.z for p in markers[4].points) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("sigma", "scale"), [
    (0.0001, 2 * 1.96 * 0.3), (0.4, 2 * 1.96 * 0.4), (50.0, 2.0)])  # never larger than a person
def test_the_sphere_shows_the_uncertainty(sigma: float, scale: float) -> None:
    sphere = to_markers(HEADER, [track(sigma=sigma)], [], []).markers[1]
    assert sphere.scale.x == sphere.scale.y == sphere.scale.z == pytest.approx(scale)
