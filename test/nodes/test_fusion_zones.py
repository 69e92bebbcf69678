"""The fusion node over real DDS: TF at the stamp, zones, distances, pictures, life cycle."""
from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import (  # noqa: E402
    BOX,
    CAMERA,
    LOOKS_AHEAD,
    OPTICAL,
    OUTSIDE_M,
    ZONES,
    at,
    bench,
    depth_map,
    header,
)
from peer import textured, wait_for  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from smolvlm_ros.srv import MeasureDistance  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.camera_info import from_camera_model  # noqa: E402

MAP_ZONE = """
zones:
  - {name: spot, frame_id: %s, type: cylinder, center: [12.0, 20.0], radius_m: 0.5,
     enter_hits: 1}
"""
_NEAR, _PIXEL, _BOX, _GAP, _TRACKS = (
    MeasureDistance.Request.NEAREST, MeasureDistance.Request.PIXEL, MeasureDistance.Request.BOX,
    MeasureDistance.Request.GAP, MeasureDistance.Request.TRACKS)


# TF ---------------------------------------------------------------------------------------------

def test_objects_are_in_the_target_frame_by_the_transform_at_the_stamp() -> None:
    with bench(target_frame="tf_a_map") as b:
        # The camera moves 1 m in x from frame 0 to frame 10; frame 5 was taken half way.
        b.peer.transform("tf_a_map", "tf_a_cam", at(0), (10.0, 20.0, 0.0), LOOKS_AHEAD)
        b.peer.transform("tf_a_map", "tf_a_cam", at(10), (11.0, 20.0, 0.0), LOOKS_AHEAD)
        b.send(5, frame="tf_a_cam")
        message = b.await_objects(1)
        assert message.header == header(5, "tf_a_map")
        (thing,) = message.detections
        place, turn = thing.results[0].pose.pose.position, thing.bbox.center.orientation
        assert (place.x, place.y, place.z) == pytest.approx((12.5, 20.0, 0.0), abs=0.05)
        # The box's sides were measured in the camera's view: it is turned like the camera.
        assert np.abs(np.dot((turn.x, turn.y, turn.z, turn.w), LOOKS_AHEAD)) == pytest.approx(1)


def test_a_transform_that_comes_late_is_waited_for() -> None:
    with bench(target_frame="tf_b_map", tf_timeout_s=5.0) as b:
        b.send(0, frame="tf_b_cam")
        time.sleep(0.2)  # the frame waits; nothing to wait for by condition
        assert b.objects == []
        b.peer.transform("tf_b_map", "tf_b_cam", at(0), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.await_objects(1)


def test_without_its_transform_nothing_is_published_and_the_error_says_which() -> None:
    with bench(target_frame="tf_c_map", tf_timeout_s=0.05) as b:
        b.send(0, frame="tf_c_cam")
        b.peer.await_error("fusion", "no transform from 'tf_c_cam' to 'tf_c_map'")
        assert b.peer.status("fusion")[2]["tf_missing"] == "1"
        b.peer.transform("tf_c_map", "tf_c_cam", at(1), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(1, frame="tf_c_cam")
        assert b.await_objects(1).header.stamp == at(1)
        b.peer.await_status("fusion", lambda level, text, values: level == 0, "health again")


def test_transforms_that_jump_back_in_time_are_those_of_the_new_time() -> None:
    # A recording of 30 s that loops: tf2 by itself refuses what is so much older than its newest.
    with bench(target_frame="tf_d_map") as b:
        b.peer.transform("tf_d_map", "tf_d_cam", at(300), (5.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(300, frame="tf_d_cam")
        b.await_objects(1)
        b.peer.transform("tf_d_map", "tf_d_cam", at(0), (7.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(0, frame="tf_d_cam")
        place = b.await_objects(2).detections[0].results[0].pose.pose.position
        assert place.x == pytest.approx(9.0, abs=0.05)


# Zones ------------------------------------------------------------------------------------------

def test_enter_dwell_and_leave_once_each_under_the_exact_stamps_of_frames() -> None:
    with bench(zones=ZONES) as b:
        for number in range(0, 13, 3):  # 1.2 s in the zone
            b.send(number)
            b.await_objects(number // 3 + 1)
        b.send(15, depth_map(2.25))  # outside, but within the hysteresis
        b.await_objects(6)
        b.send(18, depth_map(OUTSIDE_M))
        b.await_objects(7)
        wait_for(lambda: len(b.events) >= 3, "enter, dwell, leave")
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.DWELL, 12), (ZoneEvent.LEAVE, 18)]
        enter, dwell, leave = b.events
        assert {(e.zone, e.class_name, e.track_id, e.header.frame_id) for e in b.events} == {
            ("near", "person", b.objects[0].detections[0].id, OPTICAL)}
        assert enter.distance_m == pytest.approx(2.0, abs=0.05)
        assert enter.position.z == pytest.approx(2.0, abs=0.05)
        assert dwell.dwell_s == pytest.approx(1.2, abs=1e-3)
        assert leave.dwell_s == pytest.approx(1.8, abs=1e-3)


def test_while_the_gate_drops_frames_its_decisions_keep_the_time() -> None:
    with bench(zones=ZONES) as b:
        b.gate(0, passed=True)
        b.send(0)
        b.await_objects(1)
        for number in range(1, 15):
            b.gate(number)
        wait_for(lambda: len(b.events) >= 2, "the dwell")
        # After 1 s, at the stamp of the dropped frame that came first then.
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.DWELL, 10)]
        assert b.events[1].distance_m == pytest.approx(2.0, abs=0.05)  # as last seen
        # A frame that shows nobody; by the next dropped ones the person has left.
        b.gate(20, passed=True)
        b.send(20, boxes=())
        b.await_objects(2)
        for number in range(21, 30):
            b.gate(number)
        wait_for(lambda: len(b.events) >= 3, "the leave")
        assert b.kinds()[2:] == [(ZoneEvent.LEAVE, 25)]
        assert b.events[2].dwell_s == pytest.approx(2.0, abs=1e-3)


def test_the_zones_time_does_not_overtake_a_frame_that_is_under_way() -> None:
    with bench(zones=ZONES) as b:
        b.gate(0, passed=True)
        b.send(0)
        b.await_objects(1)
        b.gate(5, passed=True)  # still in depth, say
        for number in range(6, 15):
            b.gate(number)
        b.send(5, depth_map(OUTSIDE_M))  # it shows that the person has gone: no dwell
        b.await_objects(2)
        b.gate(15)
        wait_for(lambda: len(b.events) >= 2, "the leave")
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.LEAVE, 5)]


def test_zones_change_while_running_and_bad_ones_change_nothing() -> None:
    with bench(zones=ZONES) as b:
        b.send(0)
        wait_for(lambda: b.events, "the enter")
        refused = b.set(zones=ZONES + "  - {name: dock, frame_id: map, type: cylinder}\n")
        assert not refused.successful
        assert "zone 2 ('dock')" in refused.reason and "radius_m" in refused.reason
        # All or nothing: the good value beside the bad one is not taken either.
        assert not b.set(zones="zones: 3", tf_timeout_s=0.5).successful
        assert b.node.settings.tf_timeout_s == 0.2
        b.send(1)
        b.await_objects(2)
        assert len(b.events) == 1  # still the same zone, still inside
        assert b.set(zones=ZONES.replace("near", "close")).successful
        b.send(2)
        wait_for(lambda: len(b.events) >= 3, "leave and enter")
        assert [(e.zone, e.kind) for e in b.events[1:]] == [
            ("near", ZoneEvent.LEAVE), ("close", ZoneEvent.ENTER)]


def test_a_zone_file_is_read_again_when_it_is_set_again(tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"
    path.write_text(ZONES)
    with bench(zones=str(path)) as b:
        path.write_text(ZONES.replace("near", "new"))
        assert b.set(zones=str(path)).successful
        b.send(0)
        wait_for(lambda: b.events, "the enter")
        assert b.events[0].zone == "new"


def test_a_zone_whose_frame_is_missing_is_an_error_and_the_others_go_on() -> None:
    both = ZONES + MAP_ZONE.replace("zones:\n", "") % "tf_e_map"
    with bench(zones=both, tf_timeout_s=0.05) as b:
        b.send(0)
        b.await_objects(1)  # objects need no zone's frame
        b.peer.await_error("fusion", "zones spot are blind: no transform from "
                           "'camera_optical_frame' to 'tf_e_map'")
        wait_for(lambda: b.events, "the enter of the other zone")
        assert b.events[0].zone == "near"
        # With the transform the zone sees, and the error is over at once.
        b.peer.transform("tf_e_map", OPTICAL, at(1), (10.0, 20.0, 0.0), LOOKS_AHEAD)
        b.send(1)
        wait_for(lambda: len(b.events) == 2, "the enter of the mended zone")
        assert (b.events[1].zone, b.events[1].header.frame_id) == ("spot", "tf_e_map")
        assert b.events[1].position.x == pytest.approx(12.0, abs=0.05)
        b.peer.await_status("fusion", lambda level, text, values: level == 0, "health again")


# Distances --------------------------------------------------------------------------------------

def two_things() -> tuple[np.ndarray, tuple[tuple[float, ...], ...]]:
    """Two objects at 2 m, their middles 32 pixels apart, before a wall."""
    depth = np.full((48, 64), 6.0, np.float32)
    depth[10:38, 8:24] = 2.0
    depth[10:38, 40:56] = 2.0
    return depth, ((8.0, 10.0, 23.0, 37.0), (40.0, 10.0, 55.0, 37.0))


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
            request.box.center.position.x, request.box.center.position.y = 15.5, 23.5
            request.box.size_x, request.box.size_y = 15.0, 27.0
            answer = b.peer.call("fusion/measure", MeasureDistance, request)
            assert answer.success, answer.message
            assert answer.distance_m == pytest.approx(expected_m, abs=0.06), kind
            assert 0 < answer.std_m < 0.5
            assert answer.age_ms > 0 and answer.point.header.frame_id == OPTICAL
            assert answer.point.header.stamp == at(0)
            assert answer.point.point.z == pytest.approx(2.0, abs=0.1)
            if kind in (_NEAR, _TRACKS):
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


# Pictures ---------------------------------------------------------------------------------------

def test_the_annotated_image_is_made_only_while_somebody_looks() -> None:
    with bench(zones=ZONES) as b:
        images_topic = b.peer.node.resolve_topic_name("gate/image")
        b.send(0)
        b.await_objects(1)
        # Nobody looks: the images are not even subscribed to.
        assert b.peer.node.count_subscribers(images_topic) == 0
        annotated = b.peer.listen("annotated", Image)
        picture = textured()
        b.peer.send("gate/image", images.from_rgb(picture, header(1)))  # waits for the subscriber
        b.send(1)
        wait_for(lambda: annotated, "the annotated image")
        assert annotated[0].header == header(1) and annotated[0].encoding == "rgb8"
        assert (images.to_rgb(annotated[0]) != picture).any()
        b.peer.await_status("fusion", lambda level, text, values: "annotate_p50_ms" in values,
                            "the time it took")


def test_boxes_are_drawn_where_they_are_when_depth_is_smaller_than_the_image() -> None:
    with bench() as b:
        annotated = b.peer.listen("annotated", Image)
        b.peer.send("gate/camera_info", from_camera_model(CAMERA, header(0)))
        black = np.zeros((48, 64, 3), np.uint8)
        b.peer.send("gate/image", images.from_rgb(black, header(0)))
        b.send(0, depth_map(height=24, width=32), boxes=(BOX,))
        wait_for(lambda: annotated, "the annotated image")
        drawn = images.to_rgb(annotated[0]).any(2)
        # The box's outline is at the box, and right of it nothing is drawn.
        assert drawn[:, round(BOX[2]) - 2:round(BOX[2]) + 3].any()
        assert drawn[round(BOX[3]) - 2:round(BOX[3]) + 3, 25:40].any()
        assert not drawn[40:, 50:].any()


def test_an_image_that_cannot_be_drawn_on_takes_nothing_else_with_it() -> None:
    with bench() as b:
        b.peer.listen("annotated", Image)
        b.peer.send("gate/image", Image(header=header(0), height=48, width=64, encoding="huh",
                                        step=64, data=bytes(64 * 48)))
        b.send(0)
        assert len(b.await_objects(1).detections) == 1
        b.peer.await_error("fusion", "gate/image: ")


def test_markers_show_objects_and_zones() -> None:
    with bench(zones=ZONES) as b:
        markers = b.peer.listen("markers", MarkerArray)
        wait_for(lambda: b.node._markers.get_subscription_count(), "the viewer")
        b.send(0)
        wait_for(lambda: markers, "the markers")
        kinds = [(m.ns, m.action) for m in markers[0].markers]
        assert kinds == [("", Marker.DELETEALL), ("objects", Marker.ADD), ("labels", Marker.ADD),
                         ("zones", Marker.ADD)]
        assert markers[0].markers[2].text.startswith("person 1: 2.0 m")
        assert len(markers[0].markers[3].points) % 2 == 0


# Life cycle -------------------------------------------------------------------------------------

def test_zones_that_cannot_be_read_refuse_to_configure_until_they_can() -> None:
    with bench(active=False, zones="zones: [{name: 1}]") as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("fusion", "zone 1")
        assert b.set(zones=ZONES).successful
        assert b.node.trigger_configure().name == "SUCCESS"
        assert b.node.trigger_activate().name == "SUCCESS"
        b.send(0)
        assert len(b.await_objects(1).detections) == 1


def test_deactivated_and_activated_again_it_works_and_leaves_nothing_behind() -> None:
    with bench(zones=ZONES) as b:
        b.send(0)
        b.await_objects(1)
        before = {thread.name for thread in threading.enumerate()}
        subscriptions = len(list(b.node.subscriptions))
        services = len(list(b.node.services))
        for _ in range(3):
            assert b.node.trigger_deactivate().name == "SUCCESS"
            assert "fusion" not in {thread.name for thread in threading.enumerate()}
            assert b.node.trigger_cleanup().name == "SUCCESS"
            assert b.node.trigger_configure().name == "SUCCESS"
            assert b.node.trigger_activate().name == "SUCCESS"
        assert {thread.name for thread in threading.enumerate()} == before
        assert len(list(b.node.subscriptions)) == subscriptions
        assert len(list(b.node.services)) == services
        b.send(1)
        assert len(b.await_objects(2).detections) == 1
