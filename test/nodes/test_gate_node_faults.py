"""The gate over DDS: what is wrong with a camera is told."""
from __future__ import annotations

import itertools
import time
from array import array

import cv2
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from gate_camera import SCENE, camera, header, scene  # noqa: E402
from peer import wait_for  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from smolvlm_ros.msg import GateState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402


class TestFaults:
    def test_a_camera_that_sends_one_image_again_and_again_is_stuck(self) -> None:
        with camera(frozen_after_s=0.3) as front:
            front.show(scene(0))

            def repeat() -> GateState:
                state = front.show(scene(0))
                assert state.repeated and not state.passed
                return state

            wait_for(lambda: repeat().frozen and "camera stuck: the same image under fresh stamps"
                     in front.peer.status("gate")[1], "the fault")
            refused = front.peer.call("gate/request_frame", Trigger, Trigger.Request())
            assert not refused.success and "one image under fresh stamps" in refused.message
            repeat()  # nor does the request let it pass
            level, _, values = front.peer.status("gate")
            assert level == 2 and int(values["exact_repeats"]) > 1
            new = front.show(scene(1))
            assert not new.repeated and new.passed and new.reason == GateState.REASON_REQUEST
            front.peer.await_status("gate", lambda _, text, __: "stuck" not in text, "its end")

    def test_the_limit_of_a_stuck_camera_changes_while_running(self) -> None:
        with camera(frozen_after_s=3600.0) as front:
            front.show(scene(0))
            time.sleep(0.5)
            front.show(scene(0))
            (result,) = front.node.set_parameters([Parameter("frozen_after_s", value=0.1)])
            assert result.successful
            front.peer.await_error("gate", "limit 0.1 s")

    @pytest.mark.parametrize("compressed", [False, True])
    def test_a_frame_without_a_stamp_is_refused(self, compressed: bool) -> None:
        kind = images.compress if compressed else images.from_rgb
        with camera(compressed) as front:
            front.peer.send(front.topic, kind(scene(0), header(0)))
            front.peer.await_error("gate", f"{front.topic}: the message has no stamp (it is 0); "
                                   "let its publisher set header.stamp")
            assert front.peer.status("gate")[2]["bad_input"] == "1"
            first = kind(scene(1), header(1))  # simulated time begins at 0
            assert front.send(first).frames_in == 1 and front.has_passed(first) == first
            assert len(front.passed) == 1

    def test_a_recording_that_loops_begins_anew(self) -> None:
        start = 1_600_000_000_000_000_001
        with camera() as front:
            states = [front.show(scene(i), start + i * 10**8) for i in range(5)]
            assert [s.passed for s in states] == [True, False, False, False, False]
            front.states.clear()
            again = front.show(scene(0), start)
            assert again.passed and "time went back by 0.400 s" in again.reset
            assert not front.show(scene(1), start + 10**8).reset
            front.peer.await_status("gate", lambda *s: s[2].get("resets") == "1"
                                    and "gate began anew: time went back" in s[1], "the reset")

    def test_bad_frames_are_told_and_the_next_good_one_is_looked_at(self) -> None:
        bad = [Image(header=header(), height=96, width=128, encoding="rgb9", step=384),
               Image(header=header(), height=96, width=128, encoding="rgb8", step=3),
               Image(header=header(), height=96, width=128, encoding="rgb8", step=384),
               Image(header=header(), height=0, width=0, encoding="rgb8"),
               Image(header=header(), height=96, width=128, encoding="32FC1", step=512)]
        words = ["rgb9", "step", "has 30000 bytes", "0x0", "32FC1"]
        with camera() as front:
            for message, word in zip(bad, words, strict=True):
                message.data = array("B", bytes(min(96 * message.step, 30_000)))
                front.peer.send("image", message)
                front.peer.await_error("gate", word)
            assert front.peer.status("gate")[2]["bad_input"] == str(len(bad))
            state = front.show(scene(0))
            assert state.passed and state.frames_in == 1

    def test_bad_compressed_frames_are_told_too(self) -> None:
        good = cv2.imencode(".jpg", SCENE)[1].tobytes()
        with camera(compressed=True) as front:
            for data, word in ((b"", "no data"), (b"GIF89a..", "neither JPEG nor PNG"),
                               (good[:-40], "cut short")):
                message = CompressedImage(header=header(), format="jpeg")
                message.data = array("B", data)
                front.peer.send("image/compressed", message)
                front.peer.await_error("gate", word)
            message = CompressedImage(header=header(), format="jpeg")
            message.data = array("B", good)
            assert front.send(message).passed

    def test_a_camera_of_bad_frames_is_not_called_silent(self) -> None:
        with camera(camera_lost_after_s=0.5) as front:
            front.peer.await_error("gate", "nothing has ever come on camera")
            front.peer.send("image", Image(header=header(), encoding="rgb9"))
            front.peer.await_error("gate", "rgb9")
            assert "on camera" not in front.peer.status("gate")[1]

    def test_a_camera_that_falls_silent_is_lost(self) -> None:
        with camera(camera_lost_after_s=0.3) as front:
            front.show(scene(0))
            front.peer.await_error("gate", "camera lost: silent for")
            seeds = itertools.count(1)  # one frame alone would soon be lost again
            front.peer.await_status("gate", lambda level, text, _: front.show(scene(next(seeds)))
                                    and level == 1 and "camera is back" in text, "its return")

    @pytest.mark.parametrize(("offset_s", "words"), [(-5, "camera late:"), (5, "in the future")])
    def test_a_camera_whose_clock_is_off_is_told(self, offset_s: int, words: str) -> None:
        with camera(camera_late_after_s=1.0) as front:
            now_ns = front.node.get_clock().now().nanoseconds
            front.show(scene(0), now_ns + offset_s * 10**9)
            front.peer.await_status("gate", lambda level, text, _: level == 1 and words in text,
                                    "a warning")
