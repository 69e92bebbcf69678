"""Detections and depth to objects in 3D, tracks, zone events and distances."""
from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Header

from smolvlm_ros.fusion import (
    DepthView,
    Fused,
    FusionConfig,
    GateWord,
    TrackConfig,
    Tracker3D,
    Transform,
    ZoneMonitor,
    read_zones,
)
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros.annotating import Annotator
from smolvlm_ros.ros.camera_info import CalibrationSettings
from smolvlm_ros.ros.depth_origin import DepthOrigin
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.measuring import Evidence, answer
from smolvlm_ros.ros.objects import to_detections_3d, to_markers
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.picture import View
from smolvlm_ros.ros.placing import FrameInputs, ImageSizes, Placed, place, reading
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import ExactStamps
from smolvlm_ros.ros.sync import StampSync
from smolvlm_ros.ros.tracked_boxes import to_tracked_boxes, to_zone_boxes
from smolvlm_ros.ros.transforms import MissingTransform, TransformSource
from smolvlm_ros.ros.zone_watch import BETWEEN_FRAMES_S, ZoneWatch
from smolvlm_ros.settings import group, setting

DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Boxes of a frame, from "
                      "any detector; an empty list where it saw nothing.", qos="detections_qos")
DEPTH = Endpoint("depth/image_rect", "sensor_msgs/msg/Image", "Depth of the same view, 32FC1 "
                 "metres or 16UC1 millimetres, from the depth node or an RGB-D camera (registered "
                 "to the image; `depth_qos.depth` must bridge the detector's latency).",
                 qos="depth_qos")
DEPTH_INFO = Endpoint("depth/camera_info", "sensor_msgs/msg/CameraInfo", "Calibration of the depth "
                      "image.", qos="depth_qos")
DEPTH_STATE = Endpoint("depth/state", "smolvlm_ros/msg/DepthState", "What made the depth: that of "
                       "flat ground asks for the depth_anchor contact. Heard only where it lies "
                       "beside depth/image_rect. Optional.", latched=True, kept=10)
IMAGE_INFO = Endpoint("gate/camera_info", "sensor_msgs/msg/CameraInfo", "Tells the size of the "
                      "image that boxes are in. Needed where depth has another resolution.",
                      qos="image_qos")
IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The same frames, to draw on; subscribed "
                 "to only while somebody looks at annotated.", qos="image_qos")
GATE_STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The frames the gate dropped: "
                      "they tell that time goes on and nothing changes, unless the camera is "
                      "frozen or words are missing; and whether something moves or the view "
                      "changes, so that who was in a zone may have left. Optional.",
                      qos="image_qos")
REQUEST = Endpoint("gate/request_frame", "std_srvs/srv/Trigger", "The gate's service, called for a "
                   "fresh frame.")
OBJECTS = Endpoint("objects", "vision_msgs/msg/Detection3DArray", "Objects of each frame with "
                   "position, covariance, size, class and track id. An empty list means that "
                   "nothing was seen: when depth or TF is missing, or nothing of what was seen has "
                   "a pose, nothing is published, and diagnostics say why.")
OBJECTS_2D = Endpoint("objects_2d", "vision_msgs/msg/Detection2DArray", "Where the same objects "
                      "are in the image: boxes in pixels, with the track id; empty also where "
                      "nothing of what was seen has a pose.")
ZONES_2D = Endpoint("zones_2d", "vision_msgs/msg/Detection2DArray", "What the camera sees of the "
                    "zones: boxes in pixels, with the zone's name as id; those out of view are "
                    "left out.")
ZONE_EVENTS = Endpoint("zone_events", "smolvlm_ros/msg/ZoneEvent", "Enter, dwell and leave, once "
                       "each.")
MARKERS = Endpoint("markers", "visualization_msgs/msg/MarkerArray", "Objects and zones for rviz.")
ANNOTATED = Endpoint("annotated", "sensor_msgs/msg/Image", "The frame with boxes, classes and "
                     "metres, rgb8.")
MEASURE = Endpoint("~/measure", "smolvlm_ros/srv/MeasureDistance", "Distances with uncertainty "
                   "and age, and what is at a pixel or in a box.")

_SYNCHRONISED = (DETECTIONS, DEPTH, DEPTH_INFO)
_FAULTS = ("tf", "late", "registration", "no pose")  # of frames, so of the active phase
_SHOWN_S = 10.0
_DEAD_S = 10.0  # a frame takes milliseconds, and what it waits for in TF


@dataclass(frozen=True)
class FusionSettings(CalibrationSettings, NodeSettings, FusionConfig):
    """Parameters of the fusion node."""

    target_frame: str = setting(
        "", "TF frame of objects and tracks, best one that does not move with the robot (odom, "
        "map); empty for the camera's optical frame. From it, or else from a zone's, depth_anchor "
        "contact and floor learn how the camera is tilted: z is up in all but optical frames.",
        le=200)
    tf_timeout_s: float = setting(
        0.2, "How long a frame waits for the transforms at its stamp, all together.", unit="s",
        ge=0.0, le=10.0, runtime=True)
    sync_slop_s: float = setting(
        0.0, "Greatest difference of the stamps of detections and depth; 0 for equal stamps, "
        "which the funnel's own stages give.", unit="s", ge=0.0, le=1.0)
    zones: str = setting(
        "", "Zones: a YAML file, or the YAML text itself; empty for none. A file is read again "
        "whenever a parameter of the node is set.", le=100000, runtime=True)
    depth_qos: FunnelQos = group(FunnelQos)
    detections_qos: FunnelQos = group(FunnelQos)
    image_qos: FunnelQos = group(FunnelQos)
    tracks: TrackConfig = group(TrackConfig)

    def conflicts(self) -> list[str]:
        """The zones must be readable before anything is changed."""
        try:
            read_zones(self.zones)
        except ValueError as error:
            return [str(error)]
        return super().conflicts()


class FusionNode(FunnelNode[FusionSettings]):
    """Fuses in a worker, where waiting for a transform holds up nothing else."""

    settings_class = FusionSettings
    default_name = "fusion"
    interface = Interface(
        "Joins detections and depth by stamp into objects in 3D, follows them, watches zones and "
        "answers questions of distance.",
        inputs=(DETECTIONS, DEPTH, DEPTH_INFO, DEPTH_STATE, IMAGE_INFO, IMAGE, GATE_STATE),
        outputs=(OBJECTS, OBJECTS_2D, ZONES_2D, ZONE_EVENTS, MARKERS, ANNOTATED),
        services=(MEASURE,))

    def setup(self) -> None:
        """Make tracker and zone monitor."""
        # Over tracker and zones, and what is published of them: events keep their order.
        self._lock = threading.Lock()
        self._stamps = ExactStamps()
        self._tracker = Tracker3D(self.settings.tracks)
        self._monitor = ZoneMonitor(read_zones(self.settings.zones),
                                    self.settings.tracks.reorder_s)

    def start(self) -> None:
        """Listen to detections and depth."""
        self._tracker.clear()
        self._evidence: Evidence | None = None
        self._sizes = ImageSizes()
        self.own("faults", self._clear_faults)
        self._objects = self.endpoints.publish(OBJECTS)
        self._boxes = self.endpoints.publish(OBJECTS_2D)
        self._zone_boxes = self.endpoints.publish(ZONES_2D)
        self._markers = self.endpoints.publish(MARKERS)
        self._annotator = Annotator(self, IMAGE, ANNOTATED, self.settings.image_qos.depth)
        self._transforms = TransformSource(self)
        self.own("tf", self._transforms.close)
        self._zones = ZoneWatch(self, self._monitor, self._transforms, self._stamps, ZONE_EVENTS,
                                REQUEST)
        # After a stall of one input the matches come all at once, and each counts.
        self._worker: Mailbox[FrameInputs] = Mailbox("fusion", self._fuse, self._failed,
                                                     self.settings.depth_qos.depth)
        self.own_worker("fusion", self._worker, lambda: _DEAD_S + self.settings.tf_timeout_s)
        self.endpoints.serve(MEASURE, self._on_measure)
        self.endpoints.subscribe(IMAGE_INFO, self._sizes.note)
        self.endpoints.subscribe(GATE_STATE, self._on_gate_state)
        DepthOrigin(self, DEPTH_STATE, DEPTH)
        self._sync = StampSync(
            self, _SYNCHRONISED, lambda *m: self._worker.put(FrameInputs(*m)),
            self.settings.depth_qos.depth, self.settings.sync_slop_s)

    def apply(self, settings: FusionSettings) -> None:
        """Give tracker and zones their new parameters; unchanged zones keep their state."""
        zones = read_zones(settings.zones)
        with self._lock:
            self._tracker.configure(settings.tracks)
            self._monitor.reorder_s = settings.tracks.reorder_s
            if self.state == "active":
                self._zones.configure(zones)
            else:
                self._monitor.configure(zones)

    def extra_diagnostics(self) -> Mapping[str, object]:
        """Zones, tracks, and what found no partner or was replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        extra: dict[str, object] = {"zones": len(self._monitor.zones),
                                    "tracker_resets": self._tracker.resets}
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
            extra["inputs_unmatched"] = self._sync.unmatched
        return extra

    def _clear_faults(self) -> None:
        for key in _FAULTS:
            self.faults.clear(key)

    def _on_gate_state(self, message: GateState) -> None:
        with self._lock:
            stamp_s = self._stamps.seconds(message.header.stamp)
            word = GateWord(stamp_s, message.passed, message.frozen, message.event_id > 0,
                            message.novelty, bool(message.reset), message.frames_in,
                            message.frames_passed)
            if self._zones.decided(word):
                self._tracker.unchanged(stamp_s)

    def _on_measure(self, request: Any, response: Any) -> Any:
        self.stats.count("measurements")
        now_s = self.get_clock().now().nanoseconds * 1e-9
        return answer(request, response, self._evidence, now_s)

    # The worker's thread -------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        if isinstance(error, MissingTransform):  # counted where it is looked up
            self.faults.set("tf", Level.ERROR, str(error), BETWEEN_FRAMES_S)
        else:
            self.endpoints.report(getattr(error, "topic", self.default_name), error)

    def _fuse(self, inputs: FrameInputs) -> None:
        header, settings = inputs.detections.header, self.settings
        worker = self._worker  # which outlives its activation when a transform is waited for
        self._compare_frames(inputs)
        with self.stats.timed("fusion"):
            until_s = time.monotonic() + settings.tf_timeout_s
            to_target = self._transforms.lookup(settings.target_frame or header.frame_id,
                                                header.frame_id, header.stamp,
                                                settings.tf_timeout_s)
            self.faults.clear("tf")
            to_zones = self._zones.transforms(header, until_s - time.monotonic())
            ups = [transform.up() for transform in (to_target, *to_zones.values())]
            placed = place(inputs, _SYNCHRONISED, self._sizes.of(header.stamp), settings.rectified,
                           settings, next((up for up in ups if up is not None), None))
            with self._lock:
                view = None if worker.closed else self._track(header, placed, to_target, to_zones)
        if view is None:
            return
        self._count(placed.fused)
        self.stats.latency("age_at_fusion", self.age_s(header.stamp) * 1e3)
        with reading(IMAGE):
            self._annotator.draw(header, view)

    def _compare_frames(self, inputs: FrameInputs) -> None:
        depth, boxes = inputs.depth.header.frame_id, inputs.detections.header.frame_id
        if depth != boxes:
            self.faults.set("registration", Level.WARN, f"depth is in {depth!r} and boxes are in "
                            f"{boxes!r}: taken for the same view; register the depth to the image",
                            _SHOWN_S)

    def _track(self, header: Header, placed: Placed, to_target: Transform,
               to_zones: Mapping[str, Transform]) -> View | None:
        """Publish what a frame shows; None for one that comes too late to say anything."""
        stamp_s = self._stamps.seconds(header.stamp)
        late = self._tracker.late
        tracks = self._tracker.update([o.transformed(to_target) for o in placed.fused.objects],
                                      stamp_s, placed.fused.unplaced)
        if self._tracker.late != late:
            self.stats.count("late_frames")
            self.faults.set("late", Level.WARN, "a frame came after a newer one and was left out",
                            _SHOWN_S)
            return None
        self._evidence = Evidence(
            DepthView(placed.depth_m, placed.camera, stamp_s, self.settings, placed.up), header,
            tracks, to_target, placed.fused.objects)
        seen = [t for t in tracks if t.seen]
        out = Header(stamp=header.stamp, frame_id=to_target.target)
        self._boxes.publish(to_tracked_boxes(header, seen, placed.fused.objects))
        if placed.fused.objects or not placed.fused.unplaced:
            self._objects.publish(to_detections_3d(out, seen, to_target.rotation))
        zones = self._monitor.zones
        if self._zone_boxes.get_subscription_count():  # before the events that raise questions
            self._zone_boxes.publish(to_zone_boxes(header, zones, placed.camera, to_zones))
        occupants = self._zones.update(tracks, to_target, to_zones, stamp_s)
        if self._markers.get_subscription_count():
            occupied = [name for name, inside in occupants.items() if inside]
            self._markers.publish(to_markers(out, seen, zones, occupied))
        return View(placed.camera, placed.fused, tracks, zones, to_zones, occupants)

    def _count(self, fused: Fused) -> None:
        self.stats.count("frames")
        self.stats.count("objects", len(fused.objects))
        self.stats.count("objects_without_pose", len(fused.unplaced))
        for unplaced in fused.unplaced:
            self.faults.set("no pose", Level.WARN, f"{unplaced.class_name} has no pose: "
                            f"{unplaced.reason}", _SHOWN_S)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros fusion`."""
    return run([FusionNode], args)
