"""Metric depth of the frames that passed the gate."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthConfig, DepthMap, GroundPlane, Mount, RouterConfig
from smolvlm_ros.depth.continuity import Continuity
from smolvlm_ros.models.embedded import is_embedded, require_world
from smolvlm_ros.ros import camera_info as infos
from smolvlm_ros.ros import images
from smolvlm_ros.ros.depth_scenes import DepthScenes
from smolvlm_ros.ros.depth_state import depth_state
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import to_seconds
from smolvlm_ros.ros.sync import StampSync
from smolvlm_ros.ros.transforms import TransformSource
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames to estimate depth for.",
                 qos="image_qos")
CAMERA_INFO = Endpoint("gate/camera_info", "sensor_msgs/msg/CameraInfo",
                       "Their calibration, with the same stamps.", qos="image_qos")
DEPTH = Endpoint("depth/image_rect", "sensor_msgs/msg/Image", "Depth, 32FC1, metres along optical "
                 "Z; NaN unknown, +Inf beyond range (REP-117, REP-118). As rectified as the frames "
                 "are: see the parameter rectified.", qos="depth_qos")
DEPTH_INFO = Endpoint("depth/camera_info", "sensor_msgs/msg/CameraInfo",
                      "Calibration for the depth image's size, with the same header. Without "
                      "rectified: K and D as they are, R of no rotation and P = [K | 0], so that "
                      "who reads P alone leaves out the distortion only.", qos="depth_qos")
STATE = Endpoint("depth/state", "smolvlm_ros/msg/DepthState", "What made each depth image "
                 "(variant, range, focal correction, weights), under its header and before it; "
                 "also at the start and after a change of the variant. Late joiners get the ten "
                 "newest, the oldest first: the last one holds.", latched=True, kept=10)
SCENE_HINT = Endpoint("~/scene_hint", "smolvlm_ros/msg/SceneHint", "What a planner knows of where "
                      "the camera is or will be: evidence for AUTO, weighed with the view's.")
SET_SCENE = Endpoint("~/set_scene", "smolvlm_ros/srv/SetDepthScene",
                     "Switch between the indoor and the outdoor variant, or let the node choose; "
                     "the old one works on until the new one is loaded.")

_SHOWN_S = 10.0


@dataclass(frozen=True)
class DepthSettings(infos.CalibrationSettings, NodeSettings, DepthConfig):
    """Parameters of the depth node: the estimator's own and the node's."""

    ground_frame: str = setting(
        "", "Frame on the ground, z up: the estimator ground_plane then takes the camera's height "
        "and tilt from TF at each frame's stamp, and not from ground_plane.*. Empty for the "
        "parameters.", le=200, runtime=True)
    tf_timeout_s: float = setting(0.2, "How long to wait for a transform.", unit="s", ge=0.0,
                                  le=10.0, runtime=True)
    dead_after_s: float = setting(10.0, "Time on one frame after which the estimator counts as "
                                  "dead, an error in /diagnostics.", unit="s", ge=0.1, le=3600.0,
                                  runtime=True)
    auto_scene: bool = setting(
        False, "Choose the variant from the view, as ~/set_scene does with AUTO; `scene` is what "
        "it begins with. Needs both models.", runtime=True)
    preload: bool = setting(
        False, "Keep the other variant loaded as well: a switch then takes no time, and twice the "
        "memory.")
    router: RouterConfig = group(RouterConfig)
    image_qos: FunnelQos = group(FunnelQos)
    depth_qos: FunnelQos = group(FunnelQos)


class DepthNode(FunnelNode[DepthSettings]):
    """Estimates in a worker: the newest frame replaces the one that waits."""

    settings_class = DepthSettings
    default_name = "depth"
    executor_threads = 2  # frames go on while ~/set_scene loads a model
    interface = Interface(
        "Metric depth of each passed frame: Depth Anything V2 (indoor or outdoor) through ONNX "
        "Runtime, or the ground plane.",
        inputs=(IMAGE, CAMERA_INFO, SCENE_HINT), outputs=(DEPTH, DEPTH_INFO, STATE),
        services=(SET_SCENE,))

    def setup(self) -> None:
        """Load the model; a missing or wrong one is a refusal."""
        self._notes: list[str] = []
        self._focal_scale = self._steadied = 1.0
        self._reset_why = ""
        self._in_force = self.settings
        self._scenes = DepthScenes(self, self._on_another_variant)
        self._say_what_works()

    def start(self) -> None:
        """Listen to the gate."""
        self._reset_why, self._continuity = "activated", Continuity()
        self._depth = self.endpoints.publish(DEPTH)
        self._depth_info = self.endpoints.publish(DEPTH_INFO)
        self._depth_state = self.endpoints.publish(STATE)
        self._announce()
        self._worker: Mailbox[tuple[Image, CameraInfo]] = Mailbox(
            "depth", self._estimate, lambda error: self.endpoints.report(IMAGE.name, error))
        self.own_worker("depth", self._worker, lambda: self.settings.dead_after_s)
        self._transforms = TransformSource(self)
        self.own("tf", self._transforms.close)
        self._sync = StampSync(self, (IMAGE, CAMERA_INFO), self._on_pair,
                               self.settings.image_qos.depth, on_jump=self._on_jump)
        self._scenes.start()
        self.endpoints.subscribe(SCENE_HINT, self._scenes.on_hint)
        self.endpoints.serve(SET_SCENE, self._scenes.on_set_scene,
                             MutuallyExclusiveCallbackGroup())

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is at work, and what the mailbox replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        info = self._scenes.estimator.info
        extra: dict[str, object] = {
            "estimator": info.estimator, "variant": info.variant.value if info.variant else "none",
            "max_depth_m": info.max_depth_m, "backend": info.backend or "none",
            "provider": info.provider,
            "checkpoint": info.checkpoint, "licence": info.licence,
            "focal_scale": f"{self._focal_scale:.4f}",
            "steadied": f"{self._steadied:.4f}",
            "range_m": info.max_depth_m * self._focal_scale, "self_check": info.self_check}
        extra |= self._scenes.diagnostics()
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
            extra["inputs_unmatched"] = self._sync.unmatched
        return extra

    def _on_another_variant(self) -> None:
        self._announce()
        self._say_what_works()

    def _announce(self) -> None:
        """Tell what works, with no image yet."""
        self._depth_state.publish(depth_state(
            Header(stamp=self.get_clock().now().to_msg()), self._scenes.estimator.info,
            self.settings.auto_scene))

    def _say_what_works(self) -> None:
        info = self._scenes.estimator.info
        for key in self._notes:
            self.faults.clear(key)
        self._notes = [f"note {number}" for number in range(len(info.notes))]
        for key, note in zip(self._notes, info.notes, strict=True):
            self.faults.set(key, Level.WARN, note)
        self.get_logger().info(
            f"depth by {info.estimator} {info.variant.value if info.variant else ''}"
            f" up to {info.max_depth_m:g} m on {info.provider} {info.checkpoint}")

    def _on_pair(self, image: Image, info: CameraInfo) -> None:
        self._worker.put((image, info))

    def _on_jump(self, jump_s: float) -> None:
        self._reset_why = f"time went back by {jump_s:.3f} s"

    # The worker's thread -------------------------------------------------------------------

    def _estimate(self, pair: tuple[Image, CameraInfo]) -> None:
        message, info = pair
        worker = self._worker  # which outlives its activation when the estimator hangs
        with self.stats.timed("depth"):
            rectified = self.settings.rectified
            camera = (infos.to_camera_model(info, rectified=rectified)
                      if infos.is_calibrated(info, rectified=rectified) else None)
            with self._scenes.lock:
                source = self._scenes.estimator.info.source
                if is_embedded(source):
                    require_world(source, message.header.frame_id)
                self._prepare(message)
                self._say_what_is_amiss(camera)
                image_rgb = images.to_rgb(message)
                result = self._scenes.estimator.estimate(image_rgb, camera,
                                                         to_seconds(message.header.stamp))
                if worker.closed:
                    return
                # Under the lock: what is told of a change of the variant comes after it.
                self._depth_state.publish(depth_state(
                    message.header, result.info, self.settings.auto_scene, result.focal_scale,
                    result.steadied))
            self.stats.latency("depth_model", result.model_ms)
            self._focal_scale, self._steadied = result.focal_scale, result.steadied
            self._publish(result, message.header, None if camera is None else info)
        self.stats.count("frames")
        self.stats.latency("age_at_depth", self.age_s(message.header.stamp) * 1e3)
        self._scenes.route(image_rgb, result, to_seconds(message.header.stamp))

    def _say_what_is_amiss(self, camera: CameraModel | None) -> None:
        if camera is None:
            matrix = "P" if self.settings.rectified else "K"
            effect = ("flat ground has no depth then"
                      if isinstance(self._scenes.estimator, GroundPlane) else
                      "depth is not corrected for the focal length, and its metres may be wrong by "
                      "a factor")
            self.faults.set("uncalibrated", Level.WARN, f"{CAMERA_INFO.name} is not calibrated "
                            f"({matrix} of zeros): {effect}; calibrate the camera", _SHOWN_S)
        elif camera.distorted:  # the model of rectified images has no distortion
            self.faults.set("distorted", Level.WARN, f"{DEPTH.name} is not rectified, and the lens "
                            "distorts (D is not zero): fusion works that out, but who takes P of "
                            "its camera_info, as depth_image_proc does, is wrong towards the "
                            "edges; give the gate image_proc's image_rect, and depth and fusion "
                            "rectified: true", _SHOWN_S)

    def _publish(self, result: DepthMap, header: Header, info: CameraInfo | None) -> None:
        """A frame's depth; `info` is None for a camera that is not calibrated."""
        height, width = result.depth_m.shape
        if info is None:
            depth_info = CameraInfo(width=width, height=height)
        else:
            depth_info = infos.scaled_camera_info(info, width, height)
            if not self.settings.rectified:
                infos.as_raw(depth_info)
        depth_info.header = header
        self._depth.publish(images.from_depth_m(result.depth_m, header))
        self._depth_info.publish(depth_info)

    def _prepare(self, message: Image) -> None:
        """Bring the estimator up to what has changed since the last frame."""
        settings, estimator = self.settings, self._scenes.estimator
        if settings is not self._in_force:
            estimator.configure(settings)
            self._in_force = settings
        broken = self._continuity.broken_by((message.width, message.height),
                                            to_seconds(message.header.stamp), estimator.max_gap_s)
        why, self._reset_why = self._reset_why or broken, ""
        if why:
            estimator.reset(why)
        if not isinstance(estimator, GroundPlane):
            return
        if settings.ground_frame:
            pose = self._transforms.lookup(settings.ground_frame, message.header.frame_id,
                                           message.header.stamp, settings.tf_timeout_s)
            estimator.set_pose(pose.rotation, pose.translation)
        else:
            mount = Mount.from_config(settings.ground_plane)
            estimator.set_mount(mount.height_m, mount.pitch_rad, mount.roll_rad)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros depth`."""
    return run([DepthNode], args)
