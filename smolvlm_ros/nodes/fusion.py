"""Detections and depth to objects in 3D, tracks, zone events and distances."""
from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion import (
    DepthView,
    Fused,
    FusionConfig,
    Sightings,
    Track,
    TrackConfig,
    Tracker3D,
    Transform,
    Zone,
    ZoneMonitor,
    ZoneTransition,
    fuse,
    load_zones,
)
from smolvlm_ros.fusion.zone_file import parse_zones
from smolvlm_ros.msg import GateState
from smolvlm_ros.ros import camera_info as infos
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import best_hypothesis, from_box
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.measuring import Evidence, answer
from smolvlm_ros.ros.objects import to_detections_3d, to_markers, to_zone_event
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.picture import draw
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import ExactStamps, to_nanoseconds
from smolvlm_ros.ros.sync import StampSync
from smolvlm_ros.ros.transforms import MissingTransform, TransformSource, chained
from smolvlm_ros.settings import group, setting

DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Boxes of a frame, from any "
                      "detector.", qos="detections_qos")
DEPTH = Endpoint("depth/image_rect", "sensor_msgs/msg/Image", "Depth of the same frame, 32FC1 metres or "
                 "16UC1 millimetres, from the depth node or an RGB-D camera.", qos="depth_qos")
DEPTH_INFO = Endpoint("depth/camera_info", "sensor_msgs/msg/CameraInfo", "Calibration of the depth image.",
                      qos="depth_qos")
IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The same frames, to draw on; only while somebody "
                 "looks at annotated.", qos="image_qos")
GATE_STATE = Endpoint("gate/state", "smolvlm_ros/msg/GateState", "The frames the gate dropped: they tell that "
                      "time goes on and nothing changes. Optional.", qos="image_qos")
OBJECTS = Endpoint("objects", "vision_msgs/msg/Detection3DArray", "Objects of each frame with position, "
                   "covariance, size, class and track id. An empty list means that nothing was seen: "
                   "when depth or TF is missing nothing is published, and diagnostics say why.")
ZONE_EVENTS = Endpoint("zone_events", "smolvlm_ros/msg/ZoneEvent", "Enter, dwell and leave, once each.")
MARKERS = Endpoint("markers", "visualization_msgs/msg/MarkerArray", "Objects and zones for rviz.")
ANNOTATED = Endpoint("annotated", "sensor_msgs/msg/Image", "The frame with boxes, classes and metres, "
                     "rgb8.")
MEASURE = Endpoint("~/measure", "smolvlm_ros/srv/MeasureDistance", "Distances with uncertainty and age.")

_IMAGES_KEPT = 4
_UNDER_WAY_S = 5.0  # a passed frame that has not come through by then never will


def read_zones(text: str) -> tuple[Zone, ...]:
    """The zones of the parameter `zones`: a file's, or those of a YAML text (it has a colon)."""
    inline = not text.strip() or "zones:" in text
    return parse_zones(text) if inline else load_zones(text)


@dataclass(frozen=True)
class FusionSettings(NodeSettings, FusionConfig):
    """Parameters of the fusion node."""

    target_frame: str = setting("", "TF frame of objects and tracks, best one that does not move with the "
                                "robot (odom, map); empty for the camera's optical frame.", le=200)
    tf_timeout_s: float = setting(0.2, "How long to wait for a transform at a frame's stamp.", unit="s",
                                  ge=0.0, le=10.0, runtime=True)
    sync_slop_s: float = setting(0.0, "Greatest difference of the stamps of detections and depth; 0 for "
                                 "equal stamps, which the funnel's own stages give.", unit="s", ge=0.0,
                                 le=1.0)
    rectified: bool = setting(False, "The images are rectified: the camera model is P, without distortion. "
                              "Off for images straight from the camera: K and D.")
    zones: str = setting("", "Zones: a YAML file, or the YAML text itself; empty for none.", le=100000,
                         runtime=True)
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


@dataclass(frozen=True)
class _Job:
    detections: Detection2DArray
    depth: Image
    info: CameraInfo


@dataclass(frozen=True)
class _View:
    """What one frame gave, for drawing."""

    camera: CameraModel
    fused: Fused
    tracks: tuple[Track, ...]
    zone_from_camera: dict[str, Transform]
    occupants: dict[str, tuple[int, ...]]


class FusionNode(FunnelNode[FusionSettings]):
    """Fuses in a worker, where waiting for a transform holds up nothing else."""

    settings_class = FusionSettings
    default_name = "fusion"
    interface = Interface(
        "Joins detections and depth by stamp into objects in 3D, follows them, watches zones and answers "
        "questions of distance.",
        inputs=(DETECTIONS, DEPTH, DEPTH_INFO, IMAGE, GATE_STATE),
        outputs=(OBJECTS, ZONE_EVENTS, MARKERS, ANNOTATED), services=(MEASURE,))

    def setup(self) -> None:
        """Make tracker and zone monitor."""
        self._lock = threading.Lock()
        self._stamps = ExactStamps()
        self._tracker = Tracker3D(self.settings.tracks)
        self._zones = ZoneMonitor(read_zones(self.settings.zones))

    def start(self) -> None:
        """Listen to detections and depth."""
        self._tracker.clear()
        self._evidence: Evidence | None = None
        self._images: OrderedDict[int, Image] = OrderedDict()
        self._image_subscription: Any = None
        self._objects = self.endpoints.publish(OBJECTS)
        self._zone_events = self.endpoints.publish(ZONE_EVENTS)
        self._markers = self.endpoints.publish(MARKERS)
        self._annotated = self.endpoints.publish(ANNOTATED)
        self._transforms = TransformSource(self)
        self.own("tf", self._transforms.close)
        self._worker: Mailbox[_Job] = Mailbox("fusion", self._fuse, self._failed)
        self.own("worker", self._worker.close)
        self.endpoints.serve(MEASURE, self._on_measure)
        self.endpoints.subscribe(IMAGE, self._on_image)
        self._passed_s = self._fused_s = 0.0
        self.endpoints.subscribe(GATE_STATE, self._on_gate_state)
        self._sync = StampSync(
            self, (DETECTIONS, DEPTH, DEPTH_INFO), lambda *m: self._worker.put(_Job(*m)),
            self.settings.depth_qos.depth, self.settings.sync_slop_s,
            on_jump=lambda _: self._transforms.clear())

    def apply(self, settings: FusionSettings) -> None:
        """Give tracker and zones their new parameters; unchanged zones keep their state."""
        with self._lock:
            self._tracker.configure(settings.tracks)
            left = self._zones.configure(read_zones(settings.zones))
        if self.state == "active":
            self._tell(left, ())

    def extra_diagnostics(self) -> Mapping[str, object]:
        """Zones, tracks, and what found no partner or was replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        extra: dict[str, object] = {"zones": len(self._zones.zones), "late_frames": self._tracker.late,
                                    "tracker_resets": self._tracker.resets}
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
            extra["inputs_unmatched"] = self._sync.unmatched
        return extra

    def _on_image(self, message: Image) -> None:
        self._images[to_nanoseconds(message.header.stamp)] = message
        while len(self._images) > _IMAGES_KEPT:
            self._images.popitem(last=False)

    def _on_gate_state(self, message: GateState) -> None:
        """Let the zones' clock go on while the gate drops frames, but never past a frame under way."""
        stamp_s = self._stamps.seconds(message.header.stamp)
        if message.passed:
            self._passed_s = stamp_s
        elif self._fused_s >= self._passed_s or stamp_s - self._passed_s > _UNDER_WAY_S:
            with self._lock:
                events = self._zones.tick(stamp_s)
            self._tell(events, ())

    def _failed(self, error: Exception) -> None:
        if isinstance(error, MissingTransform):  # counted where it is looked up
            self.faults.set("tf", Level.ERROR, str(error), 10.0)
        else:
            self.endpoints.report(DEPTH.name, error)

    # The worker's thread -------------------------------------------------------------------

    def _fuse(self, job: _Job) -> None:
        header, settings = job.detections.header, self.settings
        with self.stats.timed("fusion"):
            camera = infos.to_camera_model(job.info, rectified=settings.rectified)
            depth_m = images.to_depth_m(job.depth)
            best = [best_hypothesis(d) for d in job.detections.detections]
            fused = fuse([from_box(d.bbox) for d in job.detections.detections],
                         [score for _, score in best], [name for name, _ in best], depth_m, camera, settings)
            to_target = self._transform(settings.target_frame or header.frame_id, header)
            zone_from_camera = self._zone_transforms(header)
            stamp_s = self._stamps.seconds(header.stamp)
            with self._lock:
                tracks = self._tracker.update([o.transformed(to_target) for o in fused.objects], stamp_s)
                back = to_target.inverse()
                seen = {frame: Sightings.of(tracks, chained(to_zone, back))
                        for frame, to_zone in zone_from_camera.items()}
                events = self._zones.update(seen, stamp_s)
                occupants = {z.name: self._zones.occupants(z.name) for z in self._zones.zones}
                self._evidence = Evidence(DepthView(depth_m, camera, stamp_s, settings), header,
                                          tracks, to_target)
                self._fused_s = stamp_s
            self._report(fused)
            self._publish(header, tracks, to_target.target, [n for n, who in occupants.items() if who])
            self._tell(events, tracks)
        self._draw(job, _View(camera, fused, tracks, zone_from_camera, occupants))
        self.stats.latency("age_at_fusion", self.age_s(header.stamp) * 1e3)

    def _transform(self, frame: str, header: Header) -> Transform:
        return self._transforms.lookup(frame, header.frame_id, header.stamp, self.settings.tf_timeout_s)

    def _zone_transforms(self, header: Header) -> dict[str, Transform]:
        """From the camera to each zone's frame; one that is missing is left out and reported."""
        result = {}
        for frame in self._zones.frames:
            try:
                result[frame] = self._transform(frame, header)
                self.faults.clear(f"zone frame {frame}")
            except MissingTransform as error:
                names = ", ".join(z.name for z in self._zones.zones if z.frame_id == frame)
                self.faults.set(f"zone frame {frame}", Level.ERROR, f"zones {names} are blind: {error}")
        return result

    def _report(self, fused: Fused) -> None:
        self.stats.count("frames")
        self.stats.count("objects", len(fused.objects))
        self.stats.count("objects_without_pose", len(fused.unplaced))
        for unplaced in fused.unplaced:
            self.faults.set("no pose", Level.WARN, f"{unplaced.class_name} has no pose: {unplaced.reason}",
                            5.0)

    def _publish(self, header: Header, tracks: tuple[Track, ...], frame: str, occupied: list[str]) -> None:
        seen = [t for t in tracks if t.seen]
        out = Header(stamp=header.stamp, frame_id=frame)
        self._objects.publish(to_detections_3d(out, seen))
        if self._markers.get_subscription_count():
            self._markers.publish(to_markers(out, seen, self._zones.zones, occupied))

    def _tell(self, events: tuple[ZoneTransition, ...], tracks: tuple[Track, ...]) -> None:
        ranges = {t.id: t.range_m for t in tracks}
        for event in events:
            self._zone_events.publish(to_zone_event(event, self._stamps.stamp(event.stamp_s),
                                                    ranges.get(event.track_id, math.nan)))
            self.stats.count(f"zone_{event.kind}")

    def _draw(self, job: _Job, view: _View) -> None:
        message = self._images.pop(to_nanoseconds(job.detections.header.stamp), None)
        if message is None or not self._annotated.get_subscription_count():
            return
        with self.stats.timed("annotate"):
            drawn = draw(images.to_rgb(message), view.camera, view.fused, view.tracks, self._zones.zones,
                         view.zone_from_camera, view.occupants)
            self._annotated.publish(images.from_rgb(drawn, message.header))

    def _on_measure(self, request: Any, response: Any) -> Any:
        with self._lock:
            evidence = self._evidence
        self.stats.count("measurements")
        return answer(request, response, evidence, self.get_clock().now().nanoseconds * 1e-9)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros fusion`."""
    return run([FusionNode], args)
