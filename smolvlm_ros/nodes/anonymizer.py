"""The gated frames without faces and licence plates, for recordings."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, LabelInfo

from smolvlm_ros.remote.persons import PERSON
from smolvlm_ros.remote.privacy import PrivacyConfig, PrivacyError, check_cascades, redact
from smolvlm_ros.ros import images
from smolvlm_ros.ros.box_join import BoxJoin, Joined
from smolvlm_ros.ros.escalating import person_boxes
from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import to_nanoseconds
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames to cover; subscribed to only "
                 "while somebody listens to the covered ones.", qos="image_qos")
DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Where persons are in "
                      "these frames, so that their heads are covered; subscribed to likewise.",
                      qos="detections_qos")
LABELS = Endpoint("label_info", "vision_msgs/msg/LabelInfo", "Whether persons can be in these "
                  "detections: health says so when not. Subscribed to likewise.", latched=True)
# Beside gate/camera_info, which is its calibration too.
ANONYMIZED = Endpoint("gate/image_anonymized", "sensor_msgs/msg/Image", "The same frames under the "
                      "same headers, with heads, faces and licence plates covered: mono8 of grey "
                      "ones, bgr8 of BGR ones, rgb8 of all others.", qos="output_qos")

_LOOK_S = 0.1
_SHOWN_S = 10.0
_GREY = ("mono8", "8UC1", "mono16")
_BGR = ("bgr8", "8UC3", "bgra8")


@dataclass(frozen=True)
class AnonymizerSettings(NodeSettings):
    """Parameters of the anonymizer."""

    dead_after_s: float = setting(10.0, "Time on one frame after which covering counts as dead, an "
                                  "error in /diagnostics.", unit="s", ge=0.1, le=3600.0,
                                  runtime=True)
    privacy: PrivacyConfig = group(PrivacyConfig)
    image_qos: FunnelQos = group(FunnelQos)
    detections_qos: FunnelQos = group(FunnelQos)
    output_qos: FunnelQos = group(FunnelQos)


class AnonymizerNode(FunnelNode[AnonymizerSettings]):
    """Covers in a worker: the newest frame replaces the one that waits. What cannot be covered is
    not published."""

    settings_class = AnonymizerSettings
    default_name = "anonymizer"
    interface = Interface(
        "The passed frames with heads, faces and licence plates covered, for recordings; it works "
        "only while somebody listens. Cascades miss faces: this lowers the risk, it does not "
        "remove it.",
        inputs=(IMAGE, DETECTIONS, LABELS), outputs=(ANONYMIZED,))

    def setup(self) -> None:
        """Find the cascades; without them the node refuses."""
        check_cascades(self.settings.privacy)
        self._tell_what_stays(self.settings.privacy)

    def start(self) -> None:
        """Look for listeners."""
        self._publisher = self.endpoints.publish(ANONYMIZED)
        self._worker: Mailbox[Joined[Image]] = Mailbox(
            "anonymizer", self._cover, lambda error: self.endpoints.report(IMAGE.name, error))
        self.own_worker("anonymizer", self._worker, lambda: self.settings.dead_after_s)
        self._frames = self.watch(InputRule(IMAGE.name))
        self._inputs: list[tuple[Endpoint, Any]] = []
        self._join: BoxJoin[Image] = BoxJoin(self.settings.image_qos.depth)
        self.own("inputs", self._stop_listening)
        timer = self.create_timer(_LOOK_S, self._look, clock=self.steady_clock)
        self.own("timer", lambda: self.destroy_timer(timer))

    def apply(self, settings: AnonymizerSettings) -> None:
        """The worker takes them with the next frame; refused where a cascade is missing."""
        check_cascades(settings.privacy)
        self._tell_what_stays(settings.privacy)

    def extra_diagnostics(self) -> Mapping[str, object]:
        """Whether somebody listens, and what waits or was replaced."""
        if self.state != "active":
            return {}
        return {"wanted": bool(self._inputs), "frames_waiting": len(self._join),
                "frames_replaced": self._worker.counts.replaced}

    def _tell_what_stays(self, privacy: PrivacyConfig) -> None:
        if privacy.blur_faces:
            self.faults.clear("faces")
        else:
            self.faults.set("faces", Level.WARN, f"privacy.blur_faces is off: {ANONYMIZED.name} "
                            "shows faces")

    def _look(self) -> None:
        """Listen while somebody listens to us, and see which frames have waited long enough."""
        if not self._publisher.get_subscription_count():
            self._stop_listening()
            return
        if not self._inputs:
            self._inputs = [(end, self.endpoints.listen(end, callback)) for end, callback in
                            ((LABELS, self._on_labels), (DETECTIONS, self._on_boxes),
                             (IMAGE, self._on_image))]
        late = self._join.overdue(time.monotonic(), self.settings.privacy.boxes_wait_s)
        if late:
            self.faults.set("boxes", Level.WARN, f"frames wait in vain for {DETECTIONS.name} of "
                            "their stamp, so that persons are covered only where a face is found; "
                            "run the detector, remap it, or raise privacy.boxes_wait_s", _SHOWN_S)
        self._hand_on(late)

    def _stop_listening(self) -> None:
        self._join = BoxJoin(self.settings.image_qos.depth)
        while self._inputs:
            self.endpoints.stop_listening(*self._inputs.pop())
        self.faults.clear("persons")

    def _on_image(self, message: Image) -> None:
        now_s = time.monotonic()
        self._frames.arrived(now_s, self.age_s(message.header.stamp))
        self._hand_on(self._join.frame(to_nanoseconds(message.header.stamp), message, now_s))

    def _on_boxes(self, message: Detection2DArray) -> None:
        self._hand_on(self._join.boxes(to_nanoseconds(message.header.stamp),
                                       person_boxes(message)))

    def _on_labels(self, message: LabelInfo) -> None:
        if any(label.class_name == PERSON for label in message.class_map):
            self.faults.clear("persons")
        else:
            self.faults.set("persons", Level.WARN, f"{LABELS.name} lists no class {PERSON!r}, so "
                            "that persons are covered only where a face is found; add it to the "
                            "detector's classes, or take one that knows it")

    def _hand_on(self, frames: Sequence[Joined[Image]]) -> None:
        for frame in frames:
            self._worker.put(frame)

    # The worker's thread -------------------------------------------------------------------

    def _cover(self, joined: Joined[Image]) -> None:
        worker, message = self._worker, joined.frame  # the worker may outlive its activation
        if worker.closed or not self._publisher.get_subscription_count():
            return
        with self.stats.timed("cover"):
            try:
                done = redact(images.to_rgb(message), joined.boxes, self.settings.privacy)
            except PrivacyError as error:
                self.stats.count("frames_withheld")
                self.faults.set("privacy", Level.ERROR, f"no picture is published: {error}",
                                _SHOWN_S)
                return
            if worker.closed:
                return
            if message.encoding in _GREY:
                covered = images.from_gray(done.image_rgb[..., 0], message.header)
            else:
                covered = images.from_rgb(done.image_rgb, message.header,
                                          "bgr8" if message.encoding in _BGR else "rgb8")
            self.stats.count("frames")  # before anybody can see it
            self.stats.count("frames_without_boxes", not joined.own)
            for what in ("heads", "faces", "plates"):
                self.stats.count(what, getattr(done, what))
            self._publisher.publish(covered)
        self.stats.latency("age_at_anonymizer", self.age_s(message.header.stamp) * 1e3)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros anonymizer`."""
    return run([AnonymizerNode], args)
