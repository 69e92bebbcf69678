"""Metric depth of the frames that passed the gate."""
from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import CameraInfo, Image

from smolvlm_ros.depth import (
    DepthConfig,
    DepthEstimator,
    DepthMap,
    GroundPlane,
    Mount,
    RouterConfig,
    SceneRouter,
    Variant,
    make_estimator,
    scene_evidence,
)
from smolvlm_ros.models.embedded import is_embedded, require_world
from smolvlm_ros.ros import camera_info as infos
from smolvlm_ros.ros import images
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
from smolvlm_ros.srv import SetDepthScene

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames to estimate depth for.",
                 qos="image_qos")
CAMERA_INFO = Endpoint("gate/camera_info", "sensor_msgs/msg/CameraInfo",
                       "Their calibration, with the same stamps.", qos="image_qos")
DEPTH = Endpoint("depth/image_rect", "sensor_msgs/msg/Image", "Depth, 32FC1, metres along optical "
                 "Z; NaN unknown, +Inf beyond range (REP-117, REP-118).", qos="depth_qos")
DEPTH_INFO = Endpoint("depth/camera_info", "sensor_msgs/msg/CameraInfo",
                      "Calibration for the depth image's size, with the same header.",
                      qos="depth_qos")
SET_SCENE = Endpoint("~/set_scene", "smolvlm_ros/srv/SetDepthScene",
                     "Switch between the indoor and the outdoor variant, or let the node choose; "
                     "the old one works on until the new one is loaded.")

_Request = SetDepthScene.Request
_SCENES = {_Request.INDOOR: Variant.INDOOR, _Request.OUTDOOR: Variant.OUTDOOR}
_ACTIVE = {Variant.INDOOR: _Request.INDOOR, Variant.OUTDOOR: _Request.OUTDOOR, None: 0}
_SHOWN_S = 10.0
_SWITCH_S = 3.0


@dataclass(frozen=True)
class DepthSettings(NodeSettings, DepthConfig):
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
        inputs=(IMAGE, CAMERA_INFO), outputs=(DEPTH, DEPTH_INFO), services=(SET_SCENE,))

    def setup(self) -> None:
        """Load the model; a missing or wrong one is a refusal."""
        self._lock = threading.Lock()  # of the estimator and of the settings that it works by
        self._listening = False
        self._notes: list[str] = []
        self._focal_scale = self._steadied = 1.0
        self._reset_why = ""
        self._in_force = self.settings
        self._estimator: DepthEstimator = make_estimator(self.settings)
        self.own("estimator", lambda: self._estimator.close())
        self._spare: DepthEstimator | None = None
        active = self._estimator.info.variant
        if self.settings.preload and active is not None:
            self._spare = make_estimator(self.settings.changed(scene=active.other.value))
            self.own("spare estimator", self._close_spare)
        self._switching = threading.Lock()
        self._router = SceneRouter(self.settings.router)
        self._say_what_works()

    def start(self) -> None:
        """Listen to the gate."""
        self._reset_why = "activated"
        self._depth = self.endpoints.publish(DEPTH)
        self._depth_info = self.endpoints.publish(DEPTH_INFO)
        self._worker: Mailbox[tuple[Image, CameraInfo]] = Mailbox(
            "depth", self._estimate, lambda error: self.endpoints.report(IMAGE.name, error))
        self.own_worker("depth", self._worker, lambda: self.settings.dead_after_s)
        self._transforms = TransformSource(self)
        self.own("tf", self._transforms.close)
        self._sync = StampSync(self, (IMAGE, CAMERA_INFO), self._on_pair,
                               self.settings.image_qos.depth, on_jump=self._on_jump)
        self._listening = True
        self.own("switching", self._stop_listening)
        self.endpoints.serve(SET_SCENE, self._on_set_scene, MutuallyExclusiveCallbackGroup())

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is at work, and what the mailbox replaced."""
        if self.state not in ("inactive", "active"):
            return {}
        info = self._estimator.info
        extra: dict[str, object] = {
            "estimator": info.estimator, "variant": info.variant.value if info.variant else "none",
            "max_depth_m": info.max_depth_m, "provider": info.provider,
            "checkpoint": info.checkpoint, "licence": info.licence,
            "focal_scale": f"{self._focal_scale:.4f}",
            "steadied": f"{self._steadied:.4f}",
            "range_m": info.max_depth_m * self._focal_scale, "self_check": info.self_check}
        if self.settings.auto_scene and self._router.last is not None:
            seen = self._router.last
            extra |= {"outdoor_probability": f"{self._router.outdoor:.2f}",
                      "sky_share": f"{seen.sky:.2f}", "beyond_range_share": f"{seen.beyond:.2f}",
                      "reach_m": f"{seen.reach_m:.1f}"}
        if self.state == "active":
            extra["frames_replaced"] = self._worker.counts.replaced
            extra["inputs_unmatched"] = self._sync.unmatched
        return extra

    def _say_what_works(self) -> None:
        info = self._estimator.info
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
        with self.stats.timed("depth"):
            camera = infos.to_camera_model(info) if any(info.k) else None
            with self._lock:
                source = self._estimator.info.source
                if is_embedded(source):
                    require_world(source, message.header.frame_id)
                self._prepare(message)
                image_rgb = images.to_rgb(message)
                result = self._estimator.estimate(image_rgb, camera,
                                                  to_seconds(message.header.stamp))
            if camera is None:
                self.faults.set("uncalibrated", Level.WARN, f"{CAMERA_INFO.name} is not calibrated "
                                "(K of zeros): depth is not corrected for the focal length, and "
                                "its metres may be wrong by a factor; calibrate the camera",
                                _SHOWN_S)
            height, width = result.depth_m.shape
            depth_info = (CameraInfo(width=width, height=height) if camera is None
                          else infos.scaled_camera_info(info, width, height))
            depth_info.header = message.header
            self.stats.latency("depth_model", result.model_ms)
            self._focal_scale, self._steadied = result.focal_scale, result.steadied
            self._depth.publish(images.from_depth_m(result.depth_m, message.header))
            self._depth_info.publish(depth_info)
        self.stats.count("frames")
        self.stats.latency("age_at_depth", self.age_s(message.header.stamp) * 1e3)
        if self.settings.auto_scene:
            self._route(image_rgb, result, to_seconds(message.header.stamp))

    def _prepare(self, message: Image) -> None:
        """Bring the estimator up to what has changed since the last frame."""
        settings = self.settings
        if settings is not self._in_force:
            self._estimator.configure(settings)
            self._in_force = settings
        why, self._reset_why = self._reset_why, ""
        if why:
            self._estimator.reset(why)
        if not isinstance(self._estimator, GroundPlane):
            return
        if settings.ground_frame:
            pose = self._transforms.lookup(settings.ground_frame, message.header.frame_id,
                                           message.header.stamp, settings.tf_timeout_s)
            self._estimator.set_pose(pose.rotation, pose.translation)
        else:
            mount = Mount.from_config(settings.ground_plane)
            self._estimator.set_mount(mount.height_m, mount.pitch_rad, mount.roll_rad)

    # AUTO: chosen in the worker, loaded in a thread of its own ------------------------------

    def _route(self, image_rgb: Any, result: DepthMap, stamp_s: float) -> None:
        active = result.info.variant
        if active is None:
            return
        self._router.config = self.settings.router
        wanted = self._router.observe(scene_evidence(image_rgb, result), active, stamp_s)
        if wanted is not active and not self._switching.locked():
            threading.Thread(target=self._switch_by_itself, args=(wanted,), name="depth variant",
                             daemon=True).start()

    def _switch_by_itself(self, wanted: Variant) -> None:
        try:
            self._switch(wanted, by_itself=True)
        except (ValueError, RuntimeError, OSError) as error:
            self.stats.count("switches_refused")
            self.faults.set("auto_scene", Level.WARN, f"the view looks {wanted.value}, but: "
                            f"{error}", _SHOWN_S)

    # ~/set_scene, in a thread of the executor that has nothing else to do --------------------

    def _on_set_scene(self, request: Any, response: Any) -> Any:
        try:
            self._set_scene(request.scene)
            response.success = True
        except (ValueError, RuntimeError, OSError) as error:
            self.stats.count("switches_refused")
            response.message = str(error)
        info = self._estimator.info
        response.active, response.max_depth_m = _ACTIVE[info.variant], float(info.max_depth_m)
        if response.success and info.variant is not None:
            chosen = ", chosen from the view" if request.scene == _Request.AUTO else ""
            response.message = f"{info.variant.value} is active{chosen}"
        return response

    def _set_scene(self, scene: int) -> None:
        if scene not in (*_SCENES, _Request.AUTO):
            raise ValueError(f"scene = {scene} is not one of INDOOR (1), OUTDOOR (2), AUTO (3)")
        info = self._estimator.info
        if info.variant is None:
            raise ValueError(f"{info.estimator} has no variants; "
                             "set estimator to depth_anything_v2 and configure again")
        if scene == _Request.AUTO:
            other = self.settings.changed(scene=info.variant.other.value)
            if not other.model():
                raise ValueError(f"AUTO needs both variants, and model_{other.scene} is not set; "
                                 "set it to an exported file")
            self._router.reset()
            self.parameters.put(self, "auto_scene", True)
            return
        auto = self.settings.auto_scene
        self.parameters.put(self, "auto_scene", False)  # first: nothing may undo what is asked for
        try:
            self._switch(_SCENES[scene])
        except BaseException:
            self.parameters.put(self, "auto_scene", auto)
            raise

    def _switch(self, variant: Variant, by_itself: bool = False) -> None:
        with self._switching:
            if self._estimator.info.variant is variant:
                return
            if by_itself and not self.settings.auto_scene:
                return  # somebody has decided meanwhile
            fresh = self._spare or make_estimator(self.settings.changed(scene=variant.value))
            with self._lock:  # until here the old one worked on
                if not self._listening:
                    if fresh is not self._spare:
                        fresh.close()
                    raise RuntimeError("the node was deactivated meanwhile; activate it and ask "
                                       "again")
                old, self._estimator = self._estimator, fresh
                if fresh is self._spare:
                    self._spare = old
                    fresh.reset("another variant")
                # New settings: before the next frame the estimator is given those, too, that have
                # changed while it was loaded.
                self.parameters.put(self, "scene", variant.value)
            if old is not self._spare:
                old.close()
        self.stats.count("switches")
        self._say_what_works()

    def _close_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
        self._spare = None

    def _stop_listening(self) -> None:
        # A switch that is being made is waited for; a dead estimator, which keeps the lock, is not.
        acquired = self._lock.acquire(timeout=_SWITCH_S)
        self._listening = False
        if acquired:
            self._lock.release()


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros depth`."""
    return run([DepthNode], args)
