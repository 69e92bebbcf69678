"""The fusion node over real DDS: objects from detections and depth, and what it says when not."""
from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import (  # noqa: E402
    BOX,
    CAMERA,
    HEIGHT,
    WIDTH,
    ZONES,
    at,
    bench,
    depth_map,
    header,
)
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import BEST_EFFORT, wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from vision_msgs.msg import Detection2DArray  # noqa: E402

from smolvlm_ros.nodes import fusion  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.boxes import to_detections  # noqa: E402
from smolvlm_ros.ros.camera_info import from_camera_model  # noqa: E402

place = fusion.place  # as it is before a test takes its place

# Objects ----------------------------------------------------------------------------------------

def test_an_object_comes_out_where_it_is_under_the_stamp_it_came_in_with() -> None:
    with bench() as b:
        b.send(0)
        message = b.await_objects(1)
        assert message.header == header(0)
        (thing,) = message.detections
        assert thing.header == header(0)
        result, box = thing.results[0], thing.bbox
        assert result.hypothesis.class_id == "person"
        assert result.hypothesis.score == pytest.approx(0.9)
        place = result.pose.pose.position
        assert (place.x, place.y, place.z) == pytest.approx((0.0, 0.0, 2.0), abs=0.05)
        assert box.center.position == place
        assert box.size.x == pytest.approx(24 / 60 * 2, rel=0.05)
        assert box.size.y == pytest.approx(28 / 60 * 2, rel=0.05)
        covariance = np.array(result.pose.covariance).reshape(6, 6)
        assert np.linalg.eigvalsh(covariance)[0] > 0
        # The same track in the next frame.
        b.send(1)
        assert b.await_objects(2).detections[0].id == thing.id


def test_an_empty_list_of_detections_gives_an_empty_list_of_objects() -> None:
    with bench() as b:
        b.send(0, boxes=())
        assert b.await_objects(1).detections == []
        assert b.objects[0].header == header(0)


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_both_encodings_of_depth_mean_the_same(encoding: str) -> None:
    depth = depth_map(2.5)
    if encoding == "16UC1":  # millimetres
        depth = Image(height=HEIGHT, width=WIDTH, encoding="16UC1", step=2 * WIDTH,
                      data=(depth * 1000).astype("<u2").tobytes())
    with bench() as b:
        b.send(0, depth)
        place = b.await_objects(1).detections[0].results[0].pose.pose.position
        assert place.z == pytest.approx(2.5, abs=0.05)


def test_depth_of_half_the_image_s_size_with_boxes_in_the_image_s_pixels() -> None:
    # The box lies in the upper left quarter of the image: taken for pixels of the depth image it
    # would be somewhere else.
    box = (2.0, 2.0, 18.0, 18.0)
    depth = np.full((HEIGHT // 2, WIDTH // 2), 6.0, np.float32)
    depth[1:9, 1:9] = 2.0
    with bench() as b:
        b.peer.send("gate/camera_info", from_camera_model(CAMERA, header(0)))
        wait_for(lambda: b.node._sizes.of(at(0)) == (WIDTH, HEIGHT), "the image's size")
        b.send(0, depth, boxes=(box,))
        place = b.await_objects(1).detections[0].results[0].pose.pose.position
        expected = CAMERA.rays([(9.5, 9.5)])[0] * 2.0
        assert (place.x, place.y, place.z) == pytest.approx(tuple(expected), abs=0.1)


def test_a_frame_under_way_keeps_its_image_s_size_when_the_camera_changes_its_own() -> None:
    depth = depth_map(2.0, height=HEIGHT // 2, width=WIDTH // 2)
    with bench() as b:
        for number, factor in ((0, 1), (1, 2)):  # the next frame is twice as large
            larger = CAMERA.scaled(factor * WIDTH, factor * HEIGHT)
            b.peer.send("gate/camera_info", from_camera_model(larger, header(number)))
        wait_for(lambda: b.node._sizes.of(at(1)) == (2 * WIDTH, 2 * HEIGHT), "both sizes")
        for number, factor in ((0, 1), (1, 2)):
            b.send(number, depth, boxes=(tuple(factor * v for v in BOX),))
            place = b.await_objects(number + 1).detections[0].results[0].pose.pose.position
            assert (place.x, place.y, place.z) == pytest.approx((0.0, 0.0, 2.0), abs=0.05)


def test_what_cannot_be_placed_is_reported_and_the_rest_is_not_lost() -> None:
    depth = depth_map()
    depth[:, :10] = math.nan
    with bench() as b:
        b.send(0, depth, boxes=(BOX, (1.0, 1.0, 8.0, 30.0)))
        assert len(b.await_objects(1).detections) == 1
        b.peer.await_status("fusion", lambda level, text, values:
                            level == 1 and "person has no pose" in text
                            and values["objects_without_pose"] == "1", "the unplaced object")


# Bad input --------------------------------------------------------------------------------------

def wrong_encoding() -> dict[str, Any]:
    return {"depth": Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH,
                           data=bytes(3 * WIDTH * HEIGHT))}


def wrong_step() -> dict[str, Any]:
    message = images.from_depth_m(depth_map(), header(0))
    message.step = 7
    return {"depth": message}


def too_little_data() -> dict[str, Any]:
    message = images.from_depth_m(depth_map(), header(0))
    message.data = message.data[:100]
    return {"depth": message}


def another_view() -> dict[str, Any]:
    return {"depth": depth_map(height=64, width=48), "info": from_camera_model(CAMERA, header(0))}


def uncalibrated() -> dict[str, Any]:
    return {"info": CameraInfo(width=WIDTH, height=HEIGHT)}


def box_of_nan() -> dict[str, Any]:
    return {"boxes": ((math.nan, 0.0, 5.0, 5.0),)}


@pytest.mark.parametrize(("bad", "text"), [
    (wrong_encoding, "depth/image_rect: "), (wrong_step, "depth/image_rect: "),
    (too_little_data, "depth/image_rect: "), (another_view, "not the same view"),
    (uncalibrated, "depth/camera_info: "), (box_of_nan, "detections: box at (nan"),
], ids=lambda v: getattr(v, "__name__", None))
def test_bad_input_is_counted_and_shown_and_the_next_frame_is_worked_on(bad: Any, text: str
                                                                        ) -> None:
    with bench() as b:
        b.send(0, **bad())
        b.peer.await_error("fusion", text)
        assert b.peer.status("fusion")[2]["bad_input"] == "1"
        assert b.objects == []  # never an empty list for what is broken
        b.send(1)
        assert len(b.await_objects(1).detections) == 1


def test_a_detection_without_a_class_is_bad_input() -> None:
    with bench() as b:
        b.peer.send("depth/camera_info", from_camera_model(CAMERA, header(0)))
        b.peer.send("depth/image_rect", images.from_depth_m(depth_map(), header(0)))
        found = to_detections(header(0), np.array([BOX]), [0.9], ["person"])
        found.detections[0].results = []
        b.peer.send("detections", found)
        b.peer.await_error("fusion", "detections: a detection has no hypothesis")
        assert b.objects == []


def test_a_late_frame_says_nothing_rather_than_that_nothing_is_there() -> None:
    with bench() as b:
        b.send(5)
        b.await_objects(1)
        b.send(3)  # within a second of the newest: late
        b.peer.await_status("fusion", lambda level, text, values:
                            values.get("late_frames") == "1" and level == 1, "the late frame")
        b.send(6)
        assert b.await_objects(2).header == header(6)


def test_time_that_goes_back_begins_anew() -> None:
    with bench(zones=ZONES) as b:
        b.send(100)
        first = b.await_objects(1).detections[0].id
        b.send(0)  # ten seconds back
        again = b.await_objects(2)
        assert again.header == header(0) and again.detections[0].id != first
        # The visit of the old time is over, with the last stamp that it had; a new one begins.
        wait_for(lambda: len(b.events) == 3, "enter, leave, enter")
        assert b.kinds() == [(ZoneEvent.ENTER, 100), (ZoneEvent.LEAVE, 100), (ZoneEvent.ENTER, 0)]
        b.peer.await_status("fusion", lambda level, text, values:
                            values.get("tracker_resets") == "1", "the reset")


def test_a_frame_that_outlives_the_activation_is_not_told_in_the_next_one(
        monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def stuck(*given: Any) -> Any:
        begun.set()
        assert go.wait(30.0)
        return place(*given)

    with bench() as b:
        monkeypatch.setattr(fusion, "place", stuck)
        b.node._patience_s = 0.05
        b.send(0)
        assert begun.wait(15.0)
        worker = b.node._worker
        for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
            request = ChangeState.Request(transition=Transition(id=number))
            assert b.peer.call("fusion/change_state", ChangeState, request).success
        go.set()
        wait_for(lambda: worker.busy_since_s is None, "the old worker's end")
        b.send(1)
        b.await_objects(1)
        assert b.objects[0].header == header(1)


def test_how_far_back_is_late_is_one_setting_for_tracks_and_zones() -> None:
    with bench(zones=ZONES, tracks__reorder_s=0.2) as b:
        b.send(100)
        b.await_objects(1)
        b.send(95)  # half a second: a new time
        b.await_objects(2)
        wait_for(lambda: len(b.events) == 3, "enter, leave, enter")
        assert b.kinds() == [(ZoneEvent.ENTER, 100), (ZoneEvent.LEAVE, 100), (ZoneEvent.ENTER, 95)]
        b.node.set_parameters([Parameter("tracks.reorder_s", value=1.0)])
        b.send(90)  # the same is now late
        b.peer.await_status("fusion", lambda level, text, values: values["late_frames"] == "1",
                            "the late frame")
        assert len(b.events) == 3


def test_depth_that_does_not_come_is_an_error_that_names_it() -> None:
    with bench(depth_qos__depth=2) as b:
        for number in range(4):
            b.peer.send("detections", Detection2DArray(header=header(number)))
        b.peer.await_status("fusion", lambda level, text, values:
                            level == 2 and "detections" in text
                            and values["inputs_unmatched"] == "4", "the missing depth")
        assert b.objects == []
        b.send(5)
        b.await_objects(1)
        b.peer.await_status("fusion", lambda level, text, values: level == 0, "health")


# Synchronisation --------------------------------------------------------------------------------

def test_stamps_that_differ_are_joined_within_the_slop_only() -> None:
    with bench(sync_slop_s=0.15) as b:
        b.send(0, depth_number=1)  # 0.1 s later
        assert b.await_objects(1).header == header(0)
        b.send(10, depth_number=13)  # 0.3 s
        b.send(20)
        assert b.await_objects(2).header == header(20)


@pytest.mark.parametrize("stalled", ["detections", "depth/image_rect", "depth/camera_info"])
def test_a_stall_of_one_input_loses_no_match_while_the_queue_holds(stalled: str) -> None:
    with bench() as b:
        size = b.node.settings.depth_qos.depth
        held = []
        send = b.peer.send
        b.peer.send = lambda topic, message: (held.append(message) if topic == stalled
                                              else send(topic, message))
        for number in range(size):
            b.send(number)
        wait_for(lambda: b.node._sync.unmatched == 2 * size, "the inputs that do not stall")
        assert b.objects == []
        for message in held:  # all at once
            send(stalled, message)
        b.await_objects(size)
        assert [m.header for m in b.objects] == [header(n) for n in range(size)]
        assert b.node._sync.unmatched == b.node._worker.counts.replaced == 0


def test_a_stall_longer_than_the_queue_is_counted() -> None:
    with bench(depth_qos__depth=3) as b:
        for number in range(5):
            b.peer.send("detections", Detection2DArray(header=header(number)))
        wait_for(lambda: b.node._sync.unmatched == 5, "the detections")
        for number in range(5):
            b.peer.send("depth/camera_info", from_camera_model(CAMERA, header(number)))
            b.peer.send("depth/image_rect", images.from_depth_m(depth_map(), header(number)))
            # One by one: the middleware's own queue is as short.
            wait_for(lambda n=number: b.node._sync._received == 5 + 2 * (n + 1), "both")
        b.await_objects(3)
        assert [m.header for m in b.objects] == [header(n) for n in (2, 3, 4)]
        b.peer.await_status("fusion", lambda level, text, values:
                            values["inputs_unmatched"] == "6", "what found no partner")


def test_a_best_effort_camera_is_heard_when_the_parameter_says_so() -> None:
    with bench(depth_qos__reliability="best_effort") as b:
        b.peer.publisher("depth/image_rect", Image, BEST_EFFORT)
        b.peer.publisher("depth/camera_info", CameraInfo, BEST_EFFORT)
        b.send(0)
        b.await_objects(1)


def test_a_camera_that_cannot_be_heard_is_an_error_not_a_silence() -> None:
    with bench() as b:
        b.peer.publisher("depth/image_rect", Image, BEST_EFFORT, matched=False)
        b.peer.await_error("fusion", "depth/image_rect")
        assert any(key.startswith("qos_mismatch") for key in b.peer.status("fusion")[2])
