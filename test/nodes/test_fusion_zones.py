"""The fusion node over real DDS: zones, and its life cycle with them."""
from __future__ import annotations

import itertools
import math
import threading
from pathlib import Path

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import (  # noqa: E402
    BOX,
    HEIGHT,
    LOOKS_AHEAD,
    OPTICAL,
    OUTSIDE_M,
    WIDTH,
    ZONES,
    at,
    bench,
    depth_map,
    header,
)
from peer import wait_for  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from vision_msgs.msg import Detection2DArray  # noqa: E402

MAP_ZONE = """
zones:
  - {name: spot, frame_id: %s, type: cylinder, center: [12.0, 20.0], radius_m: 0.5,
     enter_hits: 1}
"""


def test_enter_dwell_and_leave_once_each_under_the_exact_stamps_of_frames() -> None:
    with bench(zones=ZONES) as b:
        for number in range(0, 13, 3):  # 1.2 s in the zone
            b.send(number)
            b.await_objects(number // 3 + 1)
        b.send(15, depth_map(2.25))  # outside, but within the hysteresis
        b.await_objects(6)
        b.send(24, depth_map(OUTSIDE_M))
        b.await_objects(7)
        wait_for(lambda: len(b.events) >= 3, "enter, dwell, leave")
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.DWELL, 12), (ZoneEvent.LEAVE, 24)]
        enter, dwell, leave = b.events
        assert {(e.zone, e.class_name, e.track_id, e.header.frame_id) for e in b.events} == {
            ("near", "person", b.objects[0].detections[0].id, OPTICAL)}
        assert enter.distance_m == pytest.approx(2.0, abs=0.05)
        assert enter.position.z == pytest.approx(2.0, abs=0.05)
        assert dwell.dwell_s == pytest.approx(1.2, abs=1e-3)
        assert leave.dwell_s == pytest.approx(2.4, abs=1e-3)


def test_one_false_box_is_no_entry_and_two_sightings_are_one() -> None:
    with bench(zones=ZONES.replace("    enter_hits: 1\n", "")) as b:
        b.send(0)
        b.await_objects(1)
        b.send(2, boxes=())
        b.send(20, boxes=())
        b.await_objects(3)
        assert b.events == []
        b.send(30)
        b.send(33)
        wait_for(lambda: b.events, "the enter")
        assert b.kinds() == [(ZoneEvent.ENTER, 33)]
        assert b.events[0].dwell_s == pytest.approx(0.3, abs=1e-3)
        for number in (39, 45):
            b.send(number, depth_map(OUTSIDE_M))
        wait_for(lambda: len(b.events) == 2, "the leave")
        # Something else is seen once, and then nothing changes for a second.
        b.send(100, boxes=())
        b.await_objects(8)
        b.gate(101, passed=True)
        b.send(101, depth_map(1.5), name="dog")
        b.await_objects(9)
        for number in range(102, 113):
            b.gate(number)
        wait_for(lambda: len(b.events) >= 4, "enter and dwell")
        assert b.kinds()[2:] == [(ZoneEvent.ENTER, 111), (ZoneEvent.DWELL, 111)]


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


@pytest.mark.parametrize("moves", [{"event": 1}, {"novelty": 0.2}])  # something, or the camera
def test_while_something_moves_the_gate_is_asked_for_a_frame_that_shows_who_is_there(
        moves: dict) -> None:
    asked: list[int] = []

    def pass_next(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked.append(1)
        response.success = True
        return response

    with bench(zones=ZONES.replace("    enter_hits: 1\n", "")) as b:
        def dropped(number: int) -> None:  # one after the other: none is lost on its way
            b.gate(number, **moves)
            at_s = b.node._stamps.seconds(at(number))
            wait_for(lambda: b.node._zones._under_way._newest_s == at_s, "the gate's word")

        b.peer.node.create_service(Trigger, "gate/request_frame", pass_next)
        wait_for(lambda: b.node._zones._requests._client.service_is_ready(), "the gate's service")
        b.gate(0, passed=True, **moves)
        b.send(0)
        b.await_objects(1)
        for number in range(1, 12):
            dropped(number)
        wait_for(lambda: asked, "the request")
        b.gate(12, passed=True, **moves)
        b.send(12, depth_map(OUTSIDE_M))  # it has walked through
        b.await_objects(2)
        for number in range(13, 40):
            dropped(number)
        assert b.events == [] and len(asked) == 1
        b.gate(40, passed=True, **moves)
        b.send(40, name="dog")
        b.await_objects(3)
        dropped(44)
        b.gate(46, passed=True, **moves)
        b.send(46, name="dog")
        wait_for(lambda: b.events, "the enter")
        assert b.kinds() == [(ZoneEvent.ENTER, 46)]
        dropped(64)
        b.gate(65, passed=True, **moves)
        b.send(65, name="dog")
        wait_for(lambda: len(b.events) == 2, "the dwell")
        assert b.kinds()[1:] == [(ZoneEvent.DWELL, 65)]
        assert len(asked) == 2


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


@pytest.mark.parametrize("stayed", [True, False])
def test_a_frozen_camera_lets_nobody_dwell_until_a_new_frame_shows_who_is_there(
        stayed: bool) -> None:
    with bench(zones=ZONES) as b:
        b.gate(0, passed=True)
        b.send(0)
        b.await_objects(1)
        b.gate(5)
        for number in range(6, 30, 3):
            b.gate(number, frozen=True)
        b.gate(30)  # it has thawed, and the gate sees nothing new at first
        b.gate(31, passed=True)
        b.send(31, boxes=(BOX,) if stayed else ())
        b.await_objects(2)
        for number in range(32, 42):
            b.gate(number)
        wait_for(lambda: len(b.events) >= 2, "the dwell or the leave")
        (kind, number), *more = b.kinds()[1:]
        assert not more
        if stayed:
            assert (kind, number) == (ZoneEvent.DWELL, 31)
        else:  # the first of the gate's words from 36 on that was not lost on its way
            assert kind == ZoneEvent.LEAVE and number >= 36
            assert b.events[-1].dwell_s == pytest.approx(3.1, abs=1e-3)


def test_a_gate_that_was_started_anew_lets_nobody_dwell_until_a_frame_shows_who_is_there() -> None:
    with bench(zones=ZONES) as b:
        b.gate(0, passed=True, counts=(40, 3))
        b.send(0)
        b.await_objects(1)
        b.gate(2, counts=(41, 3))
        # Of its first frame and of the word on it nothing was heard.
        for number in range(20, 30):
            b.gate(number, counts=(number - 18, 1))
        at_s = b.node._stamps.seconds(at(29))
        wait_for(lambda: b.node._zones._under_way._newest_s == at_s, "the gate's words")
        b.send(30, boxes=())
        b.await_objects(2)
        for number in range(31, 41):
            b.gate(number, counts=(number - 18, 1))
        wait_for(lambda: len(b.events) >= 2, "the leave")
        assert [kind for kind, _ in b.kinds()] == [ZoneEvent.ENTER, ZoneEvent.LEAVE]


def test_a_blind_depth_sensor_is_an_error_and_nobody_has_left() -> None:
    blind = Image(height=HEIGHT, width=WIDTH, encoding="16UC1", step=2 * WIDTH,
                  data=bytes(2 * WIDTH * HEIGHT))
    with bench(zones=ZONES) as b:
        for number, depth in enumerate((None, blind, blind)):
            b.gate(7 * number, passed=True)
            b.send(7 * number, depth)
        b.peer.await_error("fusion", "depth/image_rect: only 0.0% of the image has a depth")
        b.peer.await_status("fusion", lambda level, text, values: values["bad_input"] == "2",
                            "both frames")
        for number in range(15, 30):
            b.gate(number)
        b.gate(30, passed=True)
        b.send(30)
        b.await_objects(2)   # neither of the blind frames
        assert [m.header for m in b.objects] == [header(0), header(30)]
        wait_for(lambda: len(b.events) >= 2, "the dwell")
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.DWELL, 30)]


def test_who_is_detected_without_a_pose_has_not_left_and_is_no_empty_list() -> None:
    behind_glass = depth_map()
    behind_glass[10:38, 20:44] = math.nan
    with bench(zones=ZONES) as b:
        boxes = b.peer.listen("objects_2d", Detection2DArray)
        b.send(0)
        for number in (4, 8):
            b.send(number, behind_glass)
        b.send(12)
        b.await_objects(2)
        wait_for(lambda: len(b.events) >= 2 and len(boxes) == 4, "the dwell, and all boxes")
        assert b.kinds() == [(ZoneEvent.ENTER, 0), (ZoneEvent.DWELL, 12)]
        assert [len(m.detections) for m in boxes] == [1, 0, 0, 1]


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
        b.transform("tf_e_map", OPTICAL, at(1), (10.0, 20.0, 0.0), LOOKS_AHEAD)
        b.send(1)
        wait_for(lambda: len(b.events) == 2, "the enter of the mended zone")
        assert (b.events[1].zone, b.events[1].header.frame_id) == ("spot", "tf_e_map")
        assert b.events[1].position.x == pytest.approx(12.0, abs=0.05)
        b.peer.await_status("fusion", lambda level, text, values: level == 0, "health again")


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


def test_who_was_in_a_zone_before_a_pause_does_not_dwell_through_it() -> None:
    with bench(zones=ZONES) as b:
        b.send(0)
        wait_for(lambda: b.events, "the enter")
        assert b.node.trigger_deactivate().name == "SUCCESS"
        assert b.node.trigger_activate().name == "SUCCESS"
        numbers = itertools.count(30)

        def heard() -> bool:  # the first may come before the new subscriptions are known
            b.gate(next(numbers))
            return b.node._zones._under_way._newest_s > 0
        wait_for(heard, "a dropped frame's decision")

        def left() -> bool:
            b.send(next(numbers), boxes=())
            return len(b.events) >= 2
        wait_for(left, "the leave")
        assert [kind for kind, _ in b.kinds()] == [ZoneEvent.ENTER, ZoneEvent.LEAVE]


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
