"""The gate over DDS: what passes is what came, and what is wrong is told."""
from __future__ import annotations

import itertools
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import Peer, fresh_namespace, running, stamp, textured, wait_for  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from smolvlm_ros.msg import GateState  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from smolvlm_ros.detection import Detections, DetectorInfo  # noqa: E402
from smolvlm_ros.nodes import gate as gate_module  # noqa: E402
from smolvlm_ros.nodes.gate import GateNode  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402

_stamps = itertools.count(1_700_000_000_123_456_789, 100_000_001)
SCENE = cv2.GaussianBlur(textured(96, 128), (0, 0), 3)


class Camera:
    """Sends frames to a gate, and keeps what the gate says and passes on."""

    def __init__(self, peer: Peer, node: GateNode, compressed: bool = False) -> None:
        self.peer, self.node = peer, node
        self.topic = "image/compressed" if compressed else "image"
        kind = CompressedImage if compressed else Image
        self.states: list[GateState] = peer.listen("gate/state", GateState)
        self.passed: list[Any] = peer.listen(f"gate/{self.topic}", kind)
        self.infos: list[CameraInfo] = peer.listen("gate/camera_info", CameraInfo)

    def send(self, message: Any) -> GateState:
        """Send a message; the gate's decision on it."""
        self.peer.send(self.topic, message)
        return wait_for(lambda: next((s for s in self.states if s.header == message.header), None),
                        f"the state of {message.header.stamp}")

    def show(self, image: np.ndarray, at: int | None = None, encoding: str = "rgb8") -> GateState:
        """Send an image, at a stamp or at the next one."""
        return self.send(images.from_rgb(image, header(at), encoding))

    def has_passed(self, message: Any) -> Any:
        """Wait for a message on the gate's output."""
        return wait_for(lambda: next((p for p in self.passed if p.header == message.header), None),
                        "the frame that passed")


def header(at: int | None = None) -> Header:
    return Header(stamp=stamp(next(_stamps) if at is None else at), frame_id="front_optical")


@contextmanager
def camera(compressed: bool = False, **parameters: Any) -> Iterator[Camera]:
    namespace = fresh_namespace()
    defaults = {"image_qos__reliability": "reliable", "image_qos__depth": 20,
                "camera_lost_after_s": 60.0, "camera_late_after_s": 0.0,
                "image_transport": "compressed" if compressed else "raw"}
    values = {**defaults, **parameters}
    with Peer(namespace) as peer, running(GateNode, namespace, **values) as node:
        yield Camera(peer, node, compressed)


def scene(seed: int) -> np.ndarray:
    """The scene under a sensor's noise."""
    noise = np.random.default_rng(seed).normal(0, 1, SCENE.shape)
    return np.clip(SCENE + noise, 0, 255).astype(np.uint8)


class TestPassing:
    def test_the_first_frame_passes_as_it_came_and_a_second_view_of_it_does_not(self) -> None:
        # rows with padding, an odd stamp: nothing of it may change
        message = Image(header=header(), height=96, width=128, encoding="bgr8", is_bigendian=1,
                        step=128 * 3 + 5)
        rows = np.zeros((96, message.step), np.uint8)
        rows[:, :384] = SCENE.reshape(96, 384)
        rows[:, 384:] = 77
        message.data = array("B", rows.tobytes())
        with camera() as front:
            first = front.send(message)
            assert first.passed and first.reason == GateState.REASON_HEARTBEAT
            assert front.has_passed(message) == message
            second = front.show(scene(1))
            assert not second.passed and second.reason == GateState.REASON_NONE
            assert (second.frames_in, second.frames_passed) == (2, 1)
            assert len(front.passed) == 1

    def test_a_compressed_frame_passes_byte_for_byte(self) -> None:
        data = cv2.imencode(".jpg", SCENE)[1].tobytes()
        message = CompressedImage(header=header(), format="rgb8; jpeg compressed bgr8")
        message.data = array("B", data)
        with camera(compressed=True) as front:
            assert front.send(message).passed
            passed = front.has_passed(message)
            assert passed == message and bytes(passed.data) == data

    def test_a_compressed_frame_is_decoded_for_the_stages_behind(self) -> None:
        message = CompressedImage(header=header(), format="rgb8; jpeg compressed bgr8")
        message.data = array("B", cv2.imencode(".jpg", SCENE)[1].tobytes())
        with camera(compressed=True) as front:
            decoded: list[Image] = front.peer.listen("gate/image", Image)
            wait_for(lambda: front.node._decoded.get_subscription_count(), "the subscription")
            assert front.send(message).passed
            picture = wait_for(lambda: decoded and decoded[0], "the decoded frame")
            assert picture.header == message.header and picture.encoding == "rgb8"
            assert (images.to_rgb(picture) == images.to_rgb(message)).all()

    def test_what_moves_passes_with_its_regions_in_pixels_of_the_image(self) -> None:
        with camera() as front:
            states = [front.show(scene(seed)) for seed in range(10)]
            for step in range(6):
                image = scene(20 + step)
                image[30:70, 10 + 12 * step:35 + 12 * step] = 250
                states.append(front.show(image))
            moving = [s for s in states if s.reason == GateState.REASON_MOTION]
            assert moving and moving[0].passed and moving[0].event_id == 1
            (box,), (number,) = states[-1].regions, states[-1].region_ids
            assert abs(box.center.position.x - 82) < 12 and abs(box.center.position.y - 50) < 8
            assert number > 0 and states[-1].motion_fraction > 0

    def test_a_request_lets_the_next_frame_pass(self) -> None:
        with camera() as front:
            front.show(scene(0))
            assert not front.show(scene(1)).passed
            answer = front.peer.call("gate/request_frame", Trigger, Trigger.Request())
            assert (answer.success, answer.message) == (True, "the next frame passes")
            state = front.show(scene(2))
            assert state.passed and state.reason == GateState.REASON_REQUEST
            assert not front.show(scene(3)).passed

    def test_a_request_is_refused_where_requests_are_off(self) -> None:
        with camera(request=False) as front:
            front.show(scene(0))
            answer = front.peer.call("gate/request_frame", Trigger, Trigger.Request())
            assert not answer.success and "request" in answer.message
            assert not front.show(scene(1)).passed

    @pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono8"])
    def test_encodings_that_are_looked_at_as_they_are(self, encoding: str) -> None:
        with camera() as front:
            assert front.show(scene(0), encoding=encoding).passed

    @pytest.mark.parametrize(("encoding", "width_bytes", "rows"), [
        ("rgba8", 512, 96), ("mono16", 256, 96), ("yuv422_yuy2", 256, 96), ("nv12", 128, 144),
        ("bayer_rggb8", 128, 96)])
    def test_encodings_that_are_converted(self, encoding: str, width_bytes: int,
                                          rows: int) -> None:
        message = Image(header=header(), height=96, width=128, encoding=encoding, step=width_bytes)
        message.data = array("B", textured(rows, width_bytes)[..., 0].tobytes())
        with camera() as front:
            assert front.send(message).passed and front.has_passed(message) == message


class TestCameraInfo:
    @pytest.mark.parametrize("first", ["camera_info", "image"])
    def test_the_passed_frames_info_follows_whichever_comes_first(self, first: str) -> None:
        with camera() as front:
            image = images.from_rgb(scene(0), header())
            info = CameraInfo(header=image.header, width=128, height=96, k=np.eye(3).ravel())
            if first == "camera_info":
                front.peer.send("camera_info", info)
                time.sleep(0.1)
                front.send(image)
            else:
                front.send(image)
                front.peer.send("camera_info", info)
            wait_for(lambda: front.infos == [info], "its camera_info, as it came")

    def test_the_info_of_a_dropped_frame_goes_nowhere(self) -> None:
        with camera() as front:
            for seed in range(3):
                image = images.from_rgb(scene(seed), header())
                front.peer.send("camera_info", CameraInfo(header=image.header))
                front.send(image)
            wait_for(lambda: front.infos, "the first frame's info")
            assert len(front.infos) == 1 == len(front.passed)

    def test_frames_that_pass_without_one_are_an_error_soon(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate_module, "_INFO_WAIT_S", 0.05)
        with camera() as front:
            assert front.show(scene(0)).passed
            time.sleep(0.1)
            front.show(scene(1))
            front.peer.await_error("gate", "frames pass without camera_info of their stamp; "
                                   "publish camera_info with each image's stamp")
            assert front.peer.status("gate")[2]["passed_without_camera_info"] == "1"


class TestFaults:
    def test_a_camera_that_sends_one_image_again_and_again_is_stuck(self) -> None:
        with camera(frozen_after_s=0.3) as front:
            front.show(scene(0))
            end_s = time.monotonic() + 10
            while front.peer.status("gate")[0] != 2 and time.monotonic() < end_s:
                state = front.show(scene(0))
                assert state.repeated and not state.passed
            front.peer.await_error("gate", "camera stuck: the same image under fresh stamps")
            assert state.frozen and int(front.peer.status("gate")[2]["exact_repeats"]) > 1
            assert not front.show(scene(1)).repeated
            front.peer.await_status("gate", lambda _, text, __: "stuck" not in text, "its end")

    def test_the_limit_of_a_stuck_camera_changes_while_running(self) -> None:
        with camera(frozen_after_s=3600.0) as front:
            front.show(scene(0))
            time.sleep(0.15)
            front.show(scene(0))
            (result,) = front.node.set_parameters([parameter("frozen_after_s", 0.1)])
            assert result.successful
            front.peer.await_error("gate", "limit 0.1 s")

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
            front.show(scene(1))
            front.peer.await_status("gate", lambda level, text, _: level == 1 and
                                    "camera is back" in text, "its return")

    @pytest.mark.parametrize(("offset_s", "words"), [(-5, "camera late:"), (5, "in the future")])
    def test_a_camera_whose_clock_is_off_is_told(self, offset_s: int, words: str) -> None:
        with camera(camera_late_after_s=1.0) as front:
            now_ns = front.node.get_clock().now().nanoseconds
            front.show(scene(0), now_ns + offset_s * 10**9)
            front.peer.await_status("gate", lambda level, text, _: level == 1 and words in text,
                                    "a warning")


class TestParameters:
    def test_the_gate_takes_new_values_while_running(self) -> None:
        with camera() as front:
            front.show(scene(0))
            assert not front.show(scene(1)).passed
            (result,) = front.node.set_parameters([parameter("heartbeat_s", 0.1)])
            assert result.successful
            assert front.show(scene(2)).reason == GateState.REASON_HEARTBEAT

    def test_a_polygon_that_is_none_is_refused(self) -> None:
        with camera() as front:
            (result,) = front.node.set_parameters([parameter("ignore_masks", ["0 0, 1 1"])])
            assert not result.successful and "at least three corners" in result.reason
            front.show(scene(0))

    def test_counting_begins_anew_with_each_activation(self) -> None:
        with camera() as front:
            front.show(scene(0))
            for step in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
                         Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
                request = ChangeState.Request(transition=Transition(id=step))
                assert front.peer.call("gate/change_state", ChangeState, request).success
            state = front.show(scene(0))
            assert state.passed and state.frames_in == 1 and not state.repeated


class Finder:
    """A detector that says what its test tells it to, when its test lets it."""

    name, labels, info = "test", ("person",), DetectorInfo()

    def __init__(self) -> None:
        self.config: Any = None
        self.go = threading.Event()
        self.error: Exception | None = None
        self.threads: set[str] = set()

    def detect(self, image_rgb: np.ndarray, regions: Any = ()) -> Detections:
        self.threads.add(threading.current_thread().name)
        self.go.wait(10.0)
        if self.error is not None:
            raise self.error
        return Detections(np.array([[1, 1, 9, 9]], np.float32), np.array([0.9], np.float32),
                          ("person",))

    def close(self) -> None:
        pass


class TestDetector:
    def test_it_works_beside_the_frames_and_opens_the_gate(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        finder = Finder()
        monkeypatch.setattr(gate_module, "make_detector", lambda config: finder)
        with camera(detector=True, detector_rate_hz=100.0, max_pass_rate_hz=100.0) as front:
            front.show(scene(0))
            wait_for(lambda: finder.threads, "the detector at work")
            assert not front.show(scene(1)).passed  # nobody waits for it
            finder.go.set()
            seeds = itertools.count(2)
            state = wait_for(lambda: (s := front.show(scene(next(seeds)))).passed and s,
                             "a frame that passes")
            assert state.reason == GateState.REASON_DETECTOR
            assert finder.threads == {"gate_detector"}
            front.peer.await_status("gate", lambda *s: "gate_detector_p95_ms" in s[2], "its time")

    def test_a_detector_that_fails_is_told_and_the_gate_goes_on(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        finder = Finder()
        finder.error = RuntimeError("the model has died")
        finder.go.set()
        monkeypatch.setattr(gate_module, "make_detector", lambda config: finder)
        with camera(detector=True) as front:
            assert front.show(scene(0)).passed
            front.peer.await_error("gate", "gate_detector: the model has died")
            assert not front.show(scene(1)).passed

    def test_it_is_switched_on_while_running(self) -> None:
        with camera() as front:
            front.show(scene(0))
            (result,) = front.node.set_parameters([parameter("detector", True)])
            assert result.successful
            seeds = itertools.count(1)  # HOG itself, which finds nobody in a small blur
            wait_for(lambda: front.show(scene(next(seeds))) and "gate_detector" in
                     front.node.stats.percentiles(), "its first look")


def parameter(name: str, value: Any) -> Any:
    from rclpy.parameter import Parameter

    return Parameter(name, value=value)


def test_stamps_are_joined_to_the_nanosecond() -> None:
    odd = 1_700_000_000_123_456_789   # not a multiple of ten, as it would be after a double
    with camera() as front:
        state = front.show(scene(0), at=odd)
        passed = wait_for(lambda: front.passed, "the frame")[0]
        assert to_nanoseconds(state.header.stamp) == odd
        assert to_nanoseconds(passed.header.stamp) == odd
        assert passed.header.frame_id == "front_optical"
