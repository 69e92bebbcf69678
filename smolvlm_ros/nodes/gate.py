"""The gate: looks at every frame, passes the few that carry something new, untouched."""
from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from smolvlm_ros.detection import Detector, DetectorConfig, make_detector
from smolvlm_ros.gate import GateConfig, GateDecision, MotionGate, Reason
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros import bitstream, images
from smolvlm_ros.ros.boxes import to_box
from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import CameraQos, FunnelQos
from smolvlm_ros.ros.stamps import to_nanoseconds, to_seconds
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("image", "sensor_msgs/msg/Image", "Every camera frame.", qos="image_qos")
COMPRESSED = Endpoint("image/compressed", "sensor_msgs/msg/CompressedImage",
                      "Every camera frame, with image_transport:=compressed.", qos="image_qos")
CAMERA_INFO = Endpoint("camera_info", "sensor_msgs/msg/CameraInfo", "Calibration with each frame.",
                       qos="image_qos")
PASSED = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames that passed: the received "
                  "messages themselves.", qos="output_qos")
PASSED_COMPRESSED = Endpoint("gate/image/compressed", "sensor_msgs/msg/CompressedImage",
                             "The frames that passed, byte for byte, with image_transport:=compressed.",
                             qos="output_qos")
PASSED_INFO = Endpoint("gate/camera_info", "sensor_msgs/msg/CameraInfo",
                       "The calibration of each passed frame, with its header.", qos="output_qos")
STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The decision on every frame, with its "
                 "evidence.", qos="output_qos")
REQUEST = Endpoint("~/request_frame", "std_srvs/srv/Trigger", "Let the next frame pass.")

_REASONS = {Reason.NONE: GateState.REASON_NONE, Reason.MOTION: GateState.REASON_MOTION,
            Reason.NOVELTY: GateState.REASON_NOVELTY, Reason.DETECTOR: GateState.REASON_DETECTOR,
            Reason.HEARTBEAT: GateState.REASON_HEARTBEAT, Reason.REQUEST: GateState.REASON_REQUEST}
_INFOS_KEPT = 32
_AS_THEY_ARE = ("rgb8", "bgr8", "8UC3", "mono8", "8UC1")  # the gate takes either order of colours


@dataclass(frozen=True)
class GateDetector(DetectorConfig):
    """The detector that may open the gate; it knows no moving regions."""

    kind: str = setting("hog", "`hog`: people.", choices=("hog",))


@dataclass(frozen=True)
class GateSettings(NodeSettings, GateConfig):
    """Parameters of the gate node: the gate's own and the node's."""

    image_transport: str = setting("raw", "'raw' for Image, 'compressed' for CompressedImage, which is "
                                   "decoded at reduced scale for the decision only.",
                                   choices=("raw", "compressed"))
    camera_lost_after_s: float = setting(2.0, "Silence of the camera that is an error.", unit="s", ge=0.1,
                                         le=3600.0)
    gate_detector: GateDetector = group(GateDetector)
    image_qos: CameraQos = group(CameraQos)
    output_qos: FunnelQos = group(FunnelQos)


class GateNode(FunnelNode[GateSettings]):
    """Decides in the subscription's callback: it takes a millisecond and nothing may be skipped."""

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
        self._make_detector(self.settings)
        self.own("detector", lambda: self._detector and self._detector.close())

    def start(self) -> None:
        """Listen to the camera."""
        self._gate.reset("activated")
        self._frames_in = self._frames_passed = 0
        self._infos: OrderedDict[int, CameraInfo] = OrderedDict()
        self._waiting_for_info: OrderedDict[int, None] = OrderedDict()
        compressed = self.settings.image_transport == "compressed"
        self._passed = self.endpoints.publish(PASSED_COMPRESSED if compressed else PASSED)
        self._passed_info = self.endpoints.publish(PASSED_INFO)
        self._state = self.endpoints.publish(STATE)
        self._camera = self.watch(InputRule("camera", self.settings.camera_lost_after_s,
                                            self.settings.frozen_after_s))
        self.endpoints.serve(REQUEST, self._on_request)
        self.endpoints.subscribe(CAMERA_INFO, self._on_info)
        if compressed:
            self.endpoints.subscribe(COMPRESSED, self._on_compressed)
        else:
            self.endpoints.subscribe(IMAGE, self._on_image)

    def apply(self, settings: GateSettings) -> None:
        """Give the gate its new parameters; its background stays."""
        self._make_detector(settings)
        self._gate.configure(settings)

    def _make_detector(self, settings: GateSettings) -> None:
        if settings.detector and self._detector is None:
            self._detector = make_detector(settings.gate_detector)
        if self._detector is not None:
            self._detector.config = settings.gate_detector

    def extra_diagnostics(self) -> Mapping[str, object]:
        """How much passes."""
        if self.state != "active":
            return {}
        return {"frames_in": self._frames_in, "frames_passed": self._frames_passed,
                "pass_rate": f"{self._frames_passed / max(1, self._frames_in):.4f}"}

    def _on_image(self, message: Image) -> None:
        begin = time.perf_counter()
        native = images.to_native(message)
        image = native.pixels if native.encoding in _AS_THEY_ARE else images.to_gray(message)
        self._decide(message, image, (message.width, message.height), begin)

    def _on_compressed(self, message: CompressedImage) -> None:
        begin = time.perf_counter()
        picture = bitstream.inspect(message.data)
        image = images.to_gray(message, min_width=self.settings.work_width_px)
        self._decide(message, image, (picture.width, picture.height), begin)

    def _decide(self, message: Any, image: Any, size: tuple[int, int], begin: float) -> None:
        stamp = message.header.stamp
        self._detect(message, to_seconds(stamp))
        decision = self._gate.step(image, to_seconds(stamp), full_size=size)
        self._frames_in += 1
        self._camera.arrived(time.monotonic(), self.age_s(stamp), decision.repeated)
        if decision.reset and self._frames_in > 1:
            self.stats.count("resets")
            self.faults.set("reset", Level.WARN, f"gate began anew: {decision.reset}", 10.0)
        if decision.repeated:
            self.stats.count("exact_repeats")
        if decision.open:
            self._frames_passed += 1
            self.stats.count(f"passed_{decision.reason.value}")
            self._passed.publish(message)
            self._pass_info(to_nanoseconds(stamp))
        self._state.publish(self._to_state(message, decision))
        self.stats.latency("gate", (time.perf_counter() - begin) * 1e3)

    def _detect(self, message: Any, stamp_s: float) -> None:
        """Run the gate's own detector, when it is asked for and due."""
        if self._detector is not None and self._gate.wants_detections(stamp_s):
            with self.stats.timed("gate_detector"):
                found = self._detector.detect(images.to_rgb(message))
            self._gate.note_detections(found.scores.tolist(), found.class_names, stamp_s)

    def _to_state(self, message: Any, decision: GateDecision) -> GateState:
        return GateState(
            header=message.header, passed=decision.open, reason=_REASONS[decision.reason],
            event_id=decision.event_id, motion_fraction=decision.motion_fraction,
            novelty=decision.novelty, repeated=decision.repeated, frozen=decision.frozen,
            reset=decision.reset, regions=[to_box(r.xyxy) for r in decision.regions],
            region_ids=[r.track_id for r in decision.regions], frames_in=self._frames_in,
            frames_passed=self._frames_passed)

    # Camera info may come before or after its image: a passed frame's info goes on when both are here.

    def _on_info(self, message: CameraInfo) -> None:
        stamp = to_nanoseconds(message.header.stamp)
        if stamp in self._waiting_for_info:
            del self._waiting_for_info[stamp]
            self._passed_info.publish(message)
            return
        self._infos[stamp] = message
        while len(self._infos) > _INFOS_KEPT:
            self._infos.popitem(last=False)

    def _pass_info(self, stamp: int) -> None:
        message = self._infos.pop(stamp, None)
        if message is not None:
            self._passed_info.publish(message)
            return
        self._waiting_for_info[stamp] = None
        while len(self._waiting_for_info) > _INFOS_KEPT:
            self._waiting_for_info.popitem(last=False)
            self.stats.count("passed_without_camera_info")
            self.faults.set("camera_info", Level.ERROR, "frames pass without camera_info of their stamp; "
                            "publish camera_info with each image's stamp", 10.0)

    def _on_request(self, _: Any, response: Any) -> Any:
        self._gate.request()
        self.stats.count("requests")
        response.success = self.settings.request
        response.message = ("the next frame passes" if self.settings.request
                            else "requests are switched off; set the parameter request to true")
        return response




def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros gate`."""
    return run([GateNode], args)
