"""2D detections on the frames that passed the gate."""
from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo, VisionClass

from smolvlm_ros.detection import Detector, DetectorConfig, make_detector, unknown_scores
from smolvlm_ros.models.embedded import is_embedded, require_world
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import from_box, to_detections
from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.regions import Boxes, RegionJoin
from smolvlm_ros.ros.stamps import to_nanoseconds
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames to look at.", qos="image_qos")
STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The moving regions of these frames.",
                 qos="image_qos")
DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Boxes in pixels of the "
                      "frame, class id as text; an empty list when nothing was found.",
                      qos="detections_qos")
LABELS = Endpoint("label_info", "vision_msgs/msg/LabelInfo", "The classes that can be in the "
                  "detections.", latched=True)

_WITH_REGIONS = ("regions", "hog_regions")
_REGIONS_WAIT_S = 0.5
_CHECK_S = 0.1
_SHOWN_S = 10.0


@dataclass(frozen=True)
class DetectorSettings(NodeSettings, DetectorConfig):
    """Parameters of the detector node: the detector's own and the node's."""

    use_regions: bool = setting(True, "Wait for the gate's moving regions of each frame, half a "
                                "second at most. Switch it off where no gate runs.")
    dead_after_s: float = setting(10.0, "Time on one frame after which the detector counts as "
                                  "dead, an error in /diagnostics.", unit="s", ge=0.1, le=3600.0,
                                  runtime=True)
    image_qos: FunnelQos = group(FunnelQos)
    detections_qos: FunnelQos = group(FunnelQos)


class DetectorNode(FunnelNode[DetectorSettings]):
    """Detects in a worker: the newest frame replaces the one that waits."""

    settings_class = DetectorSettings
    default_name = "detector"
    interface = Interface(
        "2D detections on each passed frame. Any node that publishes Detection2DArray can take its "
        "place.",
        inputs=(IMAGE, STATE), outputs=(DETECTIONS, LABELS))

    def setup(self) -> None:
        """Load the detector; a missing or wrong model is a refusal."""
        self._detector: Detector = make_detector(self.settings)
        self._in_force = self.settings
        self.own("detector", self._detector.close)
        for number, note in enumerate(self._detector.info.notes):
            self.faults.set(f"note {number}", Level.WARN, note)
        self.get_logger().info(f"detector: {self._detector.name}")

    def start(self) -> None:
        """Listen to the gate."""
        self._detections = self.endpoints.publish(DETECTIONS)
        self._labels = self.endpoints.publish(LABELS)
        self._publish_labels(self.settings)
        self._worker: Mailbox[tuple[Image, Boxes]] = Mailbox(
            "detector", self._detect, lambda error: self.endpoints.report(IMAGE.name, error))
        self.own_worker("detector", self._worker, lambda: self.settings.dead_after_s)
        self._frames = self.watch(InputRule(IMAGE.name))
        self._join: RegionJoin[Image] = RegionJoin(_REGIONS_WAIT_S)
        self._needs_regions = self.settings.use_regions and self.settings.kind in _WITH_REGIONS
        if self._needs_regions:
            self.endpoints.subscribe(STATE, self._on_state)
            timer = self.create_timer(_CHECK_S, self._give_up_waiting, clock=self.steady_clock)
            self.own("timer", lambda: self.destroy_timer(timer))
        self.endpoints.subscribe(IMAGE, self._on_image)

    def apply(self, settings: DetectorSettings) -> None:
        """Tell the least score that holds now; the worker gives the detector its parameters."""
        problem = unknown_scores(settings, self._detector)
        if problem:
            self.faults.set("class scores", Level.WARN, problem)
        else:
            self.faults.clear("class scores")
        if self.state == "active":
            self._publish_labels(settings)

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is at work, and what the mailbox replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        info = self._detector.info
        extra: dict[str, object] = {"detector": self._detector.name}
        if info.source:
            extra |= {"checkpoint": info.file, "licence": info.licence,
                      "provider": info.provider, "self_check": info.self_check}
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
        return extra

    def _publish_labels(self, settings: DetectorSettings) -> None:
        self._labels.publish(LabelInfo(
            class_map=[VisionClass(class_id=i, class_name=name)
                       for i, name in enumerate(self._detector.labels)
                       if not settings.classes or name in settings.classes],
            threshold=settings.min_score))

    # A frame and its regions come on two topics, in either order.

    def _on_image(self, message: Image) -> None:
        self._frames.arrived(time.monotonic(), self.age_s(message.header.stamp))
        if not self._needs_regions:
            self._worker.put((message, []))
            return
        late = self._join.give_up()  # a newer frame has come
        if late is not None:
            self._detect_without_regions(late)
        stamp = to_nanoseconds(message.header.stamp)
        regions = self._join.frame(stamp, message, time.monotonic())
        if regions is not None:
            self._worker.put((message, regions))

    def _on_state(self, message: GateState) -> None:
        if not message.passed:
            return
        regions = [from_box(box) for box in message.regions]
        frame = self._join.regions(to_nanoseconds(message.header.stamp), regions)
        if frame is not None:
            self._worker.put((frame, regions))

    def _give_up_waiting(self) -> None:
        late = self._join.overdue(time.monotonic())
        if late is not None:
            self._detect_without_regions(late)

    def _detect_without_regions(self, message: Image) -> None:
        self.stats.count("frames_without_regions")
        self.faults.set("regions", Level.WARN, f"frames come without {STATE.name} of their stamp; "
                        "run the gate, remap it, or set use_regions to false", _SHOWN_S)
        self._worker.put((message, []))

    # The worker's thread -------------------------------------------------------------------

    def _detect(self, item: tuple[Image, Boxes]) -> None:
        message, regions = item
        worker = self._worker  # which outlives its activation when the detector hangs
        settings = self.settings
        if settings is not self._in_force:
            self._detector.config = self._in_force = settings
        source = self._detector.info.source
        if is_embedded(source):
            require_world(source, message.header.frame_id)
        with self.stats.timed("detector"):
            found = self._detector.detect(images.to_rgb(message), regions)
            if worker.closed:
                return
            self._detections.publish(to_detections(message.header, found.xyxy,
                                                   found.scores.tolist(), found.class_names))
        self.stats.count("frames")
        self.stats.count("detections", len(found))
        self.stats.latency("age_at_detector", self.age_s(message.header.stamp) * 1e3)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros detector`."""
    return run([DetectorNode], args)
