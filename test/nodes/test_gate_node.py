"""The gate over DDS: what passes is what came."""
from __future__ import annotations

import time
from array import array

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

from gate_camera import SCENE, camera, header, scene  # noqa: E402
from peer import textured, wait_for  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from smolvlm_ros.msg import GateState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from smolvlm_ros.nodes import gate as gate_module  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402

_BEGIN = 1_650_000_000_000_000_001


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

    @pytest.mark.parametrize("kind", ["compressed", "rgba8"])
    def test_a_camera_that_pans_is_looked_at_in_colour(self, kind: str) -> None:
        # what moves is as bright, pixel by pixel, as what is behind it
        cells = np.random.default_rng(5).integers(60, 180, (24, 64)).astype(np.uint8)
        wide = cv2.resize(cells, (512, 192), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        reasons = []
        with camera(compressed=kind == "compressed", novelty=False) as front:
            for index in range(20):
                left = 100 + 2 * index
                image = np.dstack([wide[48:144, left:left + 128]] * 3)
                if index >= 15:
                    at = 10 + 4 * (index - 15)
                    image[30:70, at:at + 20] += np.array([80, -41, 0], np.int16)
                rgb, at_ns = image.clip(0, 255).astype(np.uint8), _BEGIN + index * 66_666_667
                if kind == "compressed":
                    message = images.compress(rgb, header(at_ns))
                else:
                    message = Image(header=header(at_ns), height=96, width=128, encoding=kind,
                                    step=512)
                    message.data = array("B", np.dstack([rgb, rgb[..., :1]]).tobytes())
                reasons.append(front.send(message).reason)
        assert GateState.REASON_MOTION in reasons[15:]
        assert set(reasons[1:15]) == {GateState.REASON_NONE}

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
    @pytest.mark.parametrize("compressed", [False, True])
    def test_images_by_the_other_transport_only_are_told_with_the_cure(self, compressed: bool
                                                                       ) -> None:
        raw, small = ("image", Image), ("image/compressed", CompressedImage)
        wanted, other = (small, raw) if compressed else (raw, small)
        cure = f"set the gate's image_transport to {'raw' if compressed else 'compressed'}"
        with camera(compressed=compressed) as front:
            front.peer.publisher(*other, matched=False)
            front.peer.await_error("gate", f"/{other[0]} is; {cure}")
            # Where both are there, or came late, nothing is wrong.
            front.peer.publisher(*wanted)
            front.peer.await_status("gate", lambda _, text, __: cure not in text, "no fault")

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

    def test_a_gate_slower_than_its_camera_finds_the_info_of_what_passes(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        headers = [header(_BEGIN + index * 40_000_000) for index in range(60)]
        looks = iter(range(0, 60, 5))  # it sees every fifth image
        with camera(image_qos__depth=1, heartbeat_s=0.1) as front:
            images_out = front.peer.publisher("image", Image)
            infos_out = front.peer.publisher("camera_info", CameraInfo)
            look = images.to_native

            def slow(message: Image) -> images.NativeImage:
                """Meanwhile the next ones come."""
                index = next(looks)
                if index + 5 < 60:
                    images_out.publish(images.from_rgb(scene(index), headers[index + 5]))
                for other in headers[index:index + 5]:
                    infos_out.publish(CameraInfo(header=other))
                assert images_out.wait_for_all_acked() and infos_out.wait_for_all_acked()
                return look(message)

            monkeypatch.setattr(gate_module.images, "to_native", slow)
            front.send(images.from_rgb(scene(60), headers[0]))
            wait_for(lambda: len(front.infos) == 12, "the info of every frame that passed")
            assert [info.header for info in front.infos] == headers[::5]
            assert [image.header for image in front.passed] == headers[::5]

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


def test_stamps_are_joined_to_the_nanosecond() -> None:
    odd = 1_700_000_000_123_456_789   # not a multiple of ten, as it would be after a double
    with camera() as front:
        state = front.show(scene(0), at=odd)
        passed = wait_for(lambda: front.passed, "the frame")[0]
        assert to_nanoseconds(state.header.stamp) == odd
        assert to_nanoseconds(passed.header.stamp) == odd
        assert passed.header.frame_id == "front_optical"
