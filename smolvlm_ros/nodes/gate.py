"""The gate: looks at every frame, passes the few that carry something new, untouched."""
from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from smolvlm_ros.detection import Detector, DetectorConfig, make_detector
from smolvlm_ros.gate import GateConfig, GateDecision, MotionGate, Reason
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros import bitstream, images
from smolvlm_ros.ros.backlog import take_backlog
from smolvlm_ros.ros.boxes import to_box
from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.other_transport import OtherTransport
from smolvlm_ros.ros.pairing import KEPT, InfoPairing
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import CameraQos, FunnelQos
from smolvlm_ros.ros.side_detector import SideDetector
from smolvlm_ros.ros.stamps import check_stamp, to_nanoseconds, to_seconds
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("image", "sensor_msgs/msg/Image", "Every camera frame.", qos="image_qos")
COMPRESSED = Endpoint("image/compressed", "sensor_msgs/msg/CompressedImage",
                      "Every camera frame, with image_transport:=compressed.", qos="image_qos")
# Of images the newest counts; of these the one whose frame passes, which may be an older one.
CAMERA_INFO = Endpoint("camera_info", "sensor_msgs/msg/CameraInfo", "Calibration with each frame; "
                       "more are kept than of images.", qos="image_qos", kept=KEPT)
PASSED = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames that passed: the received "
                  "messages themselves; decoded ones, rgb8, with image_transport:=compressed.",
                  qos="output_qos")
PASSED_COMPRESSED = Endpoint("gate/image/compressed", "sensor_msgs/msg/CompressedImage",
                             "The frames that passed, byte for byte, with "
                             "image_transport:=compressed.", qos="output_qos")
PASSED_INFO = Endpoint("gate/camera_info", "sensor_msgs/msg/CameraInfo",
                       "The calibration of each passed frame, with its header.", qos="output_qos")
STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The decision on every frame, with its "
                 "evidence.", qos="output_qos")
REQUEST = Endpoint("~/request_frame", "std_srvs/srv/Trigger", "Let the next frame pass.")

_REASONS = {Reason.NONE: GateState.REASON_NONE, Reason.MOTION: GateState.REASON_MOTION,
            Reason.NOVELTY: GateState.REASON_NOVELTY, Reason.DETECTOR: GateState.REASON_DETECTOR,
            Reason.HEARTBEAT: GateState.REASON_HEARTBEAT, Reason.REQUEST: GateState.REASON_REQUEST}
_INFO_WAIT_S = 1.0
_SHOWN_S = 10.0
_AS_THEY_ARE = ("rgb8", "bgr8", "8UC3", "mono8", "8UC1")  # the gate takes either order of colours


@dataclass(frozen=True)
class GateDetector(DetectorConfig):
    """The detector that may open the gate; it knows no moving regions."""

    kind: str = setting("hog", "`hog`: people; `onnx`: a small network, see model.",
                        choices=("hog", "onnx"))


@dataclass(frozen=True)
class GateSettings(NodeSettings, GateConfig):
    """Parameters of the gate node: the gate's own and the node's."""

    image_transport: str = setting("raw", "'raw' for Image, 'compressed' for CompressedImage, "
                                   "which is decoded at reduced scale for the decision only.",
                                   choices=("raw", "compressed"))
    camera_lost_after_s: float = setting(2.0, "Silence of the camera that is an error.", unit="s",
                                         ge=0.1, le=3600.0, runtime=True)
    camera_late_after_s: float = setting(
        1.0, "Age of a frame at its arrival that is a warning, in the past or in the future; 0 for "
        "none.", unit="s", ge=0.0, le=3600.0, runtime=True)
    gate_detector: GateDetector = group(GateDetector)
    image_qos: CameraQos = group(CameraQos)
    output_qos: FunnelQos = group(FunnelQos)


class GateNode(FunnelNode[GateSettings]):
    """Decides in the subscription's callback: it takes a millisecond and nothing may be skipped.

    Its detector, where one is asked for, takes longer: it works beside, and what it found counts
    from the next frame on.
    """

    settings_class = GateSettings
    default_name = "gate"
    interface = Interface(
        "Drops the frames that carry nothing new and passes the others untouched, header and all.",
        inputs=(IMAGE, COMPRESSED, CAMERA_INFO),
        outputs=(PASSED, PASSED_COMPRESSED, PASSED_INFO, STATE), services=(REQUEST,))

    def setup(self) -> None:
        """Make the gate with the node's parameters."""
        self._gate = MotionGate(self.settings)
        self._frames_in = self._frames_passed = 0
        self._detector: Detector | None = None
        self.own("detector", self._close_detector)
        self._make_detector(self.settings)

    def start(self) -> None:
        """Listen to the camera."""
        self._gate.reset("activated")
        self._frames_in = self._frames_passed = 0
        # Images may wait, as many as their depth says, when theirs have all been taken.
        self._infos: InfoPairing[CameraInfo] = InfoPairing(
            _INFO_WAIT_S, KEPT + self.settings.image_qos.depth)
        compressed = self.settings.image_transport == "compressed"
        self._passed = self.endpoints.publish(PASSED_COMPRESSED if compressed else PASSED)
        self._decoded = self.endpoints.publish(PASSED) if compressed else None
        self._passed_info = self.endpoints.publish(PASSED_INFO)
        self._state = self.endpoints.publish(STATE)
        self._camera = self.watch(self._camera_rule(self.settings))
        self._beside: SideDetector | None = None
        self.endpoints.serve(REQUEST, self._on_request)
        self._info_input = self.endpoints.subscribe(CAMERA_INFO, self._on_info)
        if compressed:
            self.endpoints.subscribe(COMPRESSED, self._on_compressed)
            OtherTransport(self, COMPRESSED, IMAGE, "set the gate's image_transport to raw")
        else:
            self.endpoints.subscribe(IMAGE, self._on_image)
            OtherTransport(self, IMAGE, COMPRESSED, "set the gate's image_transport to compressed")

    def apply(self, settings: GateSettings) -> None:
        """Give the gate its new parameters; its background stays."""
        self._make_detector(settings)
        self._gate.configure(settings)
        if self.state == "active":
            self._camera.rule = self._camera_rule(settings)

    def extra_diagnostics(self) -> Mapping[str, object]:
        """How much passes."""
        if self.state != "active":
            return {}
        return {"frames_in": self._frames_in, "frames_passed": self._frames_passed,
                "pass_rate": f"{self._frames_passed / max(1, self._frames_in):.4f}"}

    @staticmethod
    def _camera_rule(settings: GateSettings) -> InputRule:
        return InputRule("camera", settings.camera_lost_after_s, settings.frozen_after_s,
                         settings.camera_late_after_s)

    def _on_image(self, message: Image) -> None:
        begin, repeated = time.perf_counter(), False
        try:
            check_stamp(message.header.stamp)
            native = images.to_native(message)
            as_it_is = native.encoding in _AS_THEY_ARE
            image = native.pixels if as_it_is else images.to_rgb(message)
            repeated = self._decide(message, image, (message.width, message.height), begin)
        finally:  # a frame that cannot be used is no silence
            self._arrived(message, repeated)

    def _on_compressed(self, message: CompressedImage) -> None:
        begin, repeated = time.perf_counter(), False
        try:
            check_stamp(message.header.stamp)
            picture = bitstream.inspect(bytes(message.data))
            image = images.to_rgb(message, min_width=self.settings.work_width_px)
            repeated = self._decide(message, image, (picture.width, picture.height), begin)
        finally:
            self._arrived(message, repeated)

    def _arrived(self, message: Any, repeated: bool) -> None:
        self._camera.arrived(time.monotonic(), self.age_s(message.header.stamp), repeated)

    def _decide(self, message: Any, image: Any, size: tuple[int, int], begin: float) -> bool:
        """Decide on a frame, and pass it or not; returns whether it repeats the one before."""
        stamp = message.header.stamp
        self._use_detector(message, to_seconds(stamp))
        decision = self._gate.step(image, to_seconds(stamp), full_size=size)
        self._frames_in += 1
        if decision.reset and self._frames_in > 1:
            if self._beside is not None:
                self._beside.forget()
            self.stats.count("resets")
            self.faults.set("reset", Level.WARN, f"gate began anew: {decision.reset}", _SHOWN_S)
        if decision.repeated:
            self.stats.count("exact_repeats")
        if decision.open:
            self._frames_passed += 1
            self.stats.count(f"passed_{decision.reason.value}")
            self._passed.publish(message)
            if self._decoded is not None and self._decoded.get_subscription_count():
                # The stages behind read pictures; decoded here once, and only what passed.
                self._decoded.publish(images.from_rgb(images.to_rgb(message), message.header))
            info = self._infos.passed(to_nanoseconds(stamp), time.monotonic())
            if info is not None:
                self._passed_info.publish(info)
        self._state.publish(self._to_state(message, decision))
        self._report_lonely_frames()
        self.stats.latency("gate", (time.perf_counter() - begin) * 1e3)
        return decision.repeated

    def _to_state(self, message: Any, decision: GateDecision) -> GateState:
        return GateState(
            header=message.header, passed=decision.open, reason=_REASONS[decision.reason],
            event_id=decision.event_id, motion_fraction=decision.motion_fraction,
            novelty=decision.novelty, detected_class=decision.detected_class,
            detected_score=decision.detected_score, repeated=decision.repeated,
            frozen=decision.frozen, reset=decision.reset,
            regions=[to_box(r.xyxy) for r in decision.regions],
            region_ids=[r.track_id for r in decision.regions], frames_in=self._frames_in,
            frames_passed=self._frames_passed)

    def _on_info(self, message: CameraInfo) -> None:
        for each in (message, *take_backlog(self._info_input)):
            info = self._infos.came(to_nanoseconds(each.header.stamp), each)
            if info is not None:
                self._passed_info.publish(info)

    def _report_lonely_frames(self) -> None:
        alone = self._infos.alone(time.monotonic())
        if alone:
            self.stats.count("passed_without_camera_info", alone)
            self.faults.set("camera_info", Level.ERROR, "frames pass without camera_info of their "
                            "stamp; publish camera_info with each image's stamp", _SHOWN_S)

    def _on_request(self, _: Any, response: Any) -> Any:
        self._gate.request()
        self.stats.count("requests")
        response.success = self.settings.request and not self._gate.frozen
        response.message = ("requests are switched off; set the parameter request to true"
                            if not self.settings.request else
                            "the camera sends one image under fresh stamps; the first new one "
                            "passes" if self._gate.frozen else "the next frame passes")
        return response

    def _make_detector(self, settings: GateSettings) -> None:
        if settings.detector and self._detector is None:
            self._detector = make_detector(settings.gate_detector)

    def _close_detector(self) -> None:
        if self._detector is not None:
            self._detector.close()

    def _use_detector(self, message: Any, stamp_s: float) -> None:
        """Take what the detector found meanwhile, and have it look again when it is due."""
        if self._beside is None:
            if self._detector is None:
                return
            self._beside = SideDetector(self, "gate_detector", self._detector,
                                        lambda: self.settings.gate_detector)
        seen = self._beside.answer()
        if seen is not None:
            self._gate.note_detections(seen.found.scores.tolist(), seen.found.class_names,
                                       seen.stamp_s)
        if self._gate.wants_detections(stamp_s):
            self._beside.ask(message, stamp_s)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros gate`."""
    return run([GateNode], args)
