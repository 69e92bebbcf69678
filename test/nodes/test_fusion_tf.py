"""The fusion node over real DDS: TF at the stamp, late, out of order, missing, with a jump."""
from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import CAMERA, LOOKS_AHEAD, at, bench, header  # noqa: E402
from peer import wait_for  # noqa: E402
from smolvlm_ros.srv import MeasureDistance  # noqa: E402

from smolvlm_ros.depth import Mount, ground_depth  # noqa: E402
from smolvlm_ros.fusion import mount_transform  # noqa: E402
from smolvlm_ros.ros.boxes import to_box  # noqa: E402
from smolvlm_ros.ros.transforms import to_quaternion  # noqa: E402


def test_objects_are_in_the_target_frame_by_the_transform_at_the_stamp() -> None:
    with bench(target_frame="tf_a_map") as b:
        # The camera moves 1 m in x from frame 0 to frame 10; frame 5 was taken half way.
        b.transform("tf_a_map", "tf_a_cam", at(0), (10.0, 20.0, 0.0), LOOKS_AHEAD)
        b.transform("tf_a_map", "tf_a_cam", at(10), (11.0, 20.0, 0.0), LOOKS_AHEAD)
        b.send(5, frame="tf_a_cam")
        message = b.await_objects(1)
        assert message.header == header(5, "tf_a_map")
        (thing,) = message.detections
        place, turn = thing.results[0].pose.pose.position, thing.bbox.center.orientation
        assert (place.x, place.y, place.z) == pytest.approx((12.5, 20.0, 0.0), abs=0.05)
        # The box's sides were measured in the camera's view: it is turned like the camera.
        assert np.abs(np.dot((turn.x, turn.y, turn.z, turn.w), LOOKS_AHEAD)) == pytest.approx(1)


def test_a_transform_that_comes_late_is_waited_for() -> None:
    with bench(target_frame="tf_b_map", tf_timeout_s=10.0) as b:
        b.send(0, frame="tf_b_cam")
        time.sleep(0.2)  # the frame waits; nothing to wait for by condition
        assert b.objects == []
        b.transform("tf_b_map", "tf_b_cam", at(0), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.await_objects(1)


def test_without_its_transform_nothing_is_published_and_the_error_says_which() -> None:
    with bench(target_frame="tf_c_map", tf_timeout_s=0.05) as b:
        b.send(0, frame="tf_c_cam")
        b.peer.await_error("fusion", "no transform from 'tf_c_cam' to 'tf_c_map'")
        assert b.peer.status("fusion")[2]["tf_missing"] == "1"
        b.transform("tf_c_map", "tf_c_cam", at(1), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(1, frame="tf_c_cam")
        assert b.await_objects(1).header.stamp == at(1)
        b.peer.await_status("fusion", lambda level, text, values: level == 0, "health again")


def test_transforms_that_jump_back_in_time_are_those_of_the_new_time() -> None:
    # A recording of 30 s that loops: tf2 by itself refuses what is so much older than its newest.
    with bench(target_frame="tf_d_map") as b:
        b.transform("tf_d_map", "tf_d_cam", at(300), (5.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(300, frame="tf_d_cam")
        b.await_objects(1)
        b.transform("tf_d_map", "tf_d_cam", at(0), (7.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(0, frame="tf_d_cam")
        place = b.await_objects(2).detections[0].results[0].pose.pose.position
        assert place.x == pytest.approx(9.0, abs=0.05)


def test_what_is_after_the_jump_is_not_placed_by_what_was_before_it() -> None:
    with bench(target_frame="tf_f_map", tf_timeout_s=0.05) as b:
        b.transform("tf_f_map", "tf_f_cam", at(300), (5.0, 0.0, 0.0), LOOKS_AHEAD)
        b.send(300, frame="tf_f_cam")
        b.await_objects(1)
        b.transform("tf_f_map", "tf_f_cam", at(0), (7.0, 0.0, 0.0), LOOKS_AHEAD)
        b.peer.await_status("fusion", lambda level, text, values:
                            values["tf_jumps_back"] == "1", "the jump")
        b.send(301, frame="tf_f_cam")  # of the time before, and late
        b.send(5, frame="tf_f_cam")    # of the time after: no transform so new yet
        b.peer.await_status("fusion", lambda level, text, values: values["tf_missing"] == "2",
                            "both frames without a transform")
        assert len(b.objects) == 1


def test_transforms_out_of_order_are_put_in_order() -> None:
    with bench(target_frame="tf_g_map") as b:
        for number, x in ((8, 10.8), (4, 10.4), (0, 10.0), (6, 10.6)):
            b.transform("tf_g_map", "tf_g_cam", at(number), (x, 20.0, 0.0), LOOKS_AHEAD)
        for count, number in enumerate((1, 5, 7), 1):
            b.send(number, frame="tf_g_cam")
            place = b.await_objects(count).detections[0].results[0].pose.pose.position
            # The object stands 2 m before the camera, which moved 0.1 m a frame.
            assert b.objects[-1].header == header(number, "tf_g_map")
            assert abs(place.x - (12.0 + 0.1 * number)) < 0.1
        assert b.peer.status("fusion")[2]["tf_missing"] in ("", "0")


def test_a_frame_before_the_first_transform_is_not_placed_and_counted() -> None:
    with bench(target_frame="tf_h_map", tf_timeout_s=0.05) as b:
        b.transform("tf_h_map", "tf_h_cam", at(10), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.transform("tf_h_map", "tf_h_cam", at(12), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        for count, number in enumerate((4, 15), 1):  # too old, too new: nothing is extrapolated
            b.send(number, frame="tf_h_cam")
            b.peer.await_status("fusion", lambda level, text, values, count=count:
                                level == 2 and values["tf_missing"] == str(count), "the count")
        assert b.objects == []
        b.send(11, frame="tf_h_cam")
        assert b.await_objects(1).header == header(11, "tf_h_map")


def test_frames_that_wait_for_a_stalled_transform_are_all_placed() -> None:
    with bench(target_frame="tf_i_map", tf_timeout_s=10.0) as b:
        for number in range(6):
            b.send(number, frame="tf_i_cam")
        wait_for(lambda: b.node._worker.counts.received == 6, "all of them")
        for number in (0, 5):
            b.transform("tf_i_map", "tf_i_cam", at(number), (0.0, 0.0, 0.0), LOOKS_AHEAD)
        b.await_objects(6)
        assert [m.header for m in b.objects] == [header(n, "tf_i_map") for n in range(6)]


@pytest.mark.parametrize("where", ["target", "zone"])  # whichever frame has z up tells the tilt
def test_what_stands_on_known_ground_is_over_its_feet_in_a_tilted_camera(where: str) -> None:
    place = mount_transform(3.0, 35.0, 0.0, f"tf_j_{where}", f"tf_j_cam_of_{where}")
    corners = np.array([(4.0, side, z) for side in (-0.2, 0.2) for z in (0.0, 1.7)])
    pixels = CAMERA.project(place.inverse().apply(corners)) + 0.5
    box = (*pixels.min(0), *pixels.max(0))
    depth = ground_depth(CAMERA, Mount(3.0, np.radians(35.0)), 50.0).astype(np.float32)
    zone = (f"zones: [{{name: spot, frame_id: {place.target}, type: cylinder, center: [4, 0], "
            "radius_m: 0.2, enter_hits: 1}]")
    settings = {"target_frame": place.target} if where == "target" else {"zones": zone}
    camera_at = (0.0, 0.0, 3.0 if where == "target" else 0.0)
    with bench(depth_anchor="contact", **settings) as b:
        turn = to_quaternion(place.rotation)
        b.transform(place.target, place.source, at(0), (0.0, 0.0, 3.0),
                    (turn.x, turn.y, turn.z, turn.w))
        b.send(0, depth, boxes=(box,), frame=place.source)
        position = b.await_objects(1).detections[0].results[0].pose.pose.position
        found = np.array((position.x, position.y, position.z))
        answer = b.peer.call("fusion/measure", MeasureDistance, MeasureDistance.Request(
            kind=MeasureDistance.Request.BOX, box=to_box(box)))
        assert answer.distance_m == pytest.approx(
            float(np.linalg.norm(found - camera_at)), abs=1e-3)
        found = found if where == "target" else place.apply(found)
        assert found[:2] == pytest.approx([4.0, 0.0], abs=0.15)
        if where == "zone":
            wait_for(lambda: b.events, "the enter")
