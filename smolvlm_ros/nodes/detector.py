"""2D detections on the frames that passed the gate."""
from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo, VisionClass

from smolvlm_ros.detection import Detector, DetectorConfig, make_detector
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import from_box, to_detections
from smolvlm_ros.ros.health import InputRule
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import to_nanoseconds
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames to look at.", qos="image_qos")
STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The moving regions of these frames.",
                 qos="image_qos")
DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Boxes in pixels of the frame, "
                      "class id as text; an empty list when nothing was found.", qos="detections_qos")
LABELS = Endpoint("label_info", "vision_msgs/msg/LabelInfo", "The classes this detector knows.",
                  latched=True)

_STATES_KEPT = 64
_REGIONS_WAIT_S = 0.5


@dataclass(frozen=True)
class DetectorSettings(NodeSettings, DetectorConfig):
    """Parameters of the detector node: the detector's own and the node's."""

    use_regions: bool = setting(True, "Wait for the gate's moving regions of each frame. Switch it off "
                                "where no gate runs.")
    image_qos: FunnelQos = group(FunnelQos)
    detections_qos: FunnelQos = group(FunnelQos)


class DetectorNode(FunnelNode[DetectorSettings]):
    """Detects in a worker: the newest frame replaces the one that waits."""

    settings_class = DetectorSettings
    default_name = "detector"
    interface = Interface(
        "2D detections on each passed frame. Any node that publishes Detection2DArray can take its place.",
        inputs=(IMAGE, STATE), outputs=(DETECTIONS, LABELS))

    def setup(self) -> None:
        """Load the detector."""
        self._detector: Detector = make_detector(self.settings)
        self.own("detector", self._detector.close)

    def start(self) -> None:
        """Listen to the gate."""
        self._detections = self.endpoints.publish(DETECTIONS)
        labels = self.endpoints.publish(LABELS)
        labels.publish(LabelInfo(
            class_map=[VisionClass(class_id=i, class_name=n) for i, n in enumerate(self._detector.labels)],
            threshold=self.settings.min_score))
        self._regions: OrderedDict[int, list[tuple[float, float, float, float]]] = OrderedDict()
        self._waiting: tuple[Image, float] | None = None
        self._worker: Mailbox[tuple[Image, list[tuple[float, float, float, float]]]] = Mailbox(
            "detector", self._detect, lambda error: self.endpoints.report(IMAGE.name, error))
        self.own("worker", self._worker.close)
        self._frames = self.watch(InputRule(IMAGE.name))
        if self.settings.use_regions:
            self.endpoints.subscribe(STATE, self._on_state)
        self.endpoints.subscribe(IMAGE, self._on_image)

    def apply(self, settings: DetectorSettings) -> None:
        """Give the detector its new parameters."""
        self._detector.config = settings

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is at work, and what the mailbox replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        extra: dict[str, object] = {"detector": self._detector.name}
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
        return extra

    # The state of a frame comes just after the frame: an image waits for it, but not for long.

    def _on_image(self, message: Image) -> None:
        self._frames.arrived(time.monotonic(), self.age_s(message.header.stamp))
        if not self.settings.use_regions:
            self._worker.put((message, []))
            return
        regions = self._regions.pop(to_nanoseconds(message.header.stamp), None)
        if regions is not None:
            self._worker.put((message, regions))
            return
        self._release_waiting("a newer frame came before its state")
        self._waiting = (message, time.monotonic())

    def _on_state(self, message: GateState) -> None:
        stamp = to_nanoseconds(message.header.stamp)
        if message.passed:
            regions = [from_box(b) for b in message.regions]
            if self._waiting and to_nanoseconds(self._waiting[0].header.stamp) == stamp:
                image, self._waiting = self._waiting[0], None
                self._worker.put((image, regions))
                return
            self._regions[stamp] = regions
            while len(self._regions) > _STATES_KEPT:
                self._regions.popitem(last=False)
        if self._waiting and time.monotonic() - self._waiting[1] > _REGIONS_WAIT_S:
            self._release_waiting("its state did not come")

    def _release_waiting(self, why: str) -> None:
        if self._waiting:
            image, self._waiting = self._waiting[0], None
            self.stats.count("frames_without_regions")
            self.get_logger().debug(f"detecting without the gate's regions: {why}")
            self._worker.put((image, []))

    def _detect(self, item: tuple[Image, list[tuple[float, float, float, float]]]) -> None:
        message, regions = item
        with self.stats.timed("detector"):
            found = self._detector.detect(images.to_rgb(message), regions)
            self._detections.publish(to_detections(message.header, found.xyxy, found.scores.tolist(),
                                                   found.class_names))
        self.stats.count("frames")
        self.stats.count("detections", len(found))
        self.stats.latency("age_at_detector", self.age_s(message.header.stamp) * 1e3)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros detector`."""
    return run([DetectorNode], args)
