"""A camera from a file: publishes frames, camera_info, depth and TF as a robot's driver would."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Bool, Header

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.ros import recorded
from smolvlm_ros.ros.frames import FrameTransforms
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.source_settings import VideoSourceSettings
from smolvlm_ros.ros.stamps import from_nanoseconds
from smolvlm_ros.sources import (
    FrameSource,
    Player,
    PlayEvents,
    SourceError,
    SourceFrame,
    camera_model,
    open_source,
    read_calibration,
)

IMAGE = Endpoint("image_raw", "sensor_msgs/msg/Image", "The frames, bgr8 or as recorded.",
                 qos="image_qos")
COMPRESSED = Endpoint("image_raw/compressed", "sensor_msgs/msg/CompressedImage",
                      "The frames of a recording that holds compressed images, byte for byte.",
                      qos="image_qos")
CAMERA_INFO = Endpoint("camera_info", "sensor_msgs/msg/CameraInfo",
                       "Calibration, with each frame's header.", qos="image_qos")
DEPTH = Endpoint("source/depth/image_rect", "sensor_msgs/msg/Image",
                 "The depth of an RGB-D source; remap fusion's depth input to it.", qos="image_qos")
DEPTH_INFO = Endpoint("source/depth/camera_info", "sensor_msgs/msg/CameraInfo",
                      "Calibration of the depth images.", qos="image_qos")
FINISHED = Endpoint("~/finished", "std_msgs/msg/Bool", "True after the last frame, or when the "
                    "source broke; false while frames come.", latched=True)
START = Endpoint("~/start", "std_srvs/srv/Trigger", "Go on from where it was stopped.")
STOP = Endpoint("~/stop", "std_srvs/srv/Trigger", "Hold still; no frame is skipped.")

_SHOWN_S = 10.0


class VideoSourceNode(FunnelNode[VideoSourceSettings]):
    """Plays a source in a thread of its own, at its own pace."""

    settings_class = VideoSourceSettings
    default_name = "video_source"
    interface = Interface(
        "Plays a video, folder, recording or camera as a camera driver would: for demos, tests and "
        "replays. A robot's own camera driver takes its place.",
        outputs=(IMAGE, COMPRESSED, CAMERA_INFO, DEPTH, DEPTH_INFO, FINISHED),
        services=(START, STOP))

    def setup(self) -> None:
        """Open the source, so that a wrong path is a refusal and not a silence."""
        s = self.settings
        self._calibration = read_calibration(s.camera_info_file) if s.camera_info_file else None
        self._player = Player(
            self._open, PlayEvents(self._is_heard, self._note_begin, self._pass_on, self._report,
                                   self._finish), rate=s.rate, reconnect_s=s.reconnect_s)
        self.own("source", self._player.close)
        self._frames = FrameTransforms(self, s.frame_names, self._mount_of)
        self.own("tf", self._frames.close)

    def start(self) -> None:
        """Publish from the first frame on."""
        self._outputs = {end.name: self.endpoints.publish(end) for end in self.interface.outputs}
        self._outputs[FINISHED.name].publish(Bool(data=False))
        self._player.play(running=not self.settings.start_paused)
        self.own("player", self._player.halt)
        self.endpoints.serve(START, self._on_start)
        self.endpoints.serve(STOP, self._on_stop)

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is played."""
        extra: dict[str, object] = {"source": self.settings.source}
        if self.state == "active":
            extra["finished"] = self._player.finished
        return extra

    def _open(self) -> FrameSource:
        s = self.settings
        camera = (None if self._calibration is None
                  else camera_model(self._calibration, s.camera_info_file))
        return open_source(s.source, loop=s.loop, rate_hz=s.rate_hz or None,
                           image_topic=s.image_topic, info_topic=s.info_topic, camera=camera)

    def _mount_of(self, frame_id: str) -> Transform | None:
        mount = self.settings.mount
        return mount_transform(mount.height_m, mount.pitch_deg, mount.roll_deg, mount.parent_frame,
                               frame_id) if mount.publish else None

    def _on_start(self, _: Any, response: Any) -> Any:
        self._player.clock.start()
        response.success = not self._player.finished
        response.message = ("playing" if response.success else "played to its end; deactivate the "
                            "node and activate it to play again")
        return response

    def _on_stop(self, _: Any, response: Any) -> Any:
        self._player.clock.stop()
        response.success, response.message = True, "stopped"
        return response

    # The player's thread -------------------------------------------------------------------

    def _is_heard(self) -> bool:
        publishers = (self._outputs[IMAGE.name], self._outputs[COMPRESSED.name])
        heard = sum(publisher.get_subscription_count() for publisher in publishers)
        return heard >= self.settings.wait_for_subscribers

    def _note_begin(self) -> None:
        self._origin = self.get_clock().now()

    def _report(self, error: SourceError, ended: bool) -> None:
        self.stats.count("read_errors", not ended)
        lasts_s = None if ended else _SHOWN_S + self.settings.reconnect_s
        self.faults.set("source", Level.ERROR, str(error), lasts_s)

    def _finish(self, error: Exception | None) -> None:
        if error is not None:
            self.endpoints.report(self.settings.source, error)
        self.get_logger().info(f"{self.settings.source}: played to its end")
        self._outputs[FINISHED.name].publish(Bool(data=True))

    def _pass_on(self, frame: SourceFrame, played_s: float) -> None:
        if self.settings.stamps == "recorded" and frame.header_stamp_ns is not None:
            stamp = from_nanoseconds(frame.header_stamp_ns)
        elif self._player.source.live:
            stamp = self.get_clock().now().to_msg()
        else:
            stamp = (self._origin + Duration(nanoseconds=round(played_s * 1e9))).to_msg()
        try:
            self._publish(frame, Header(stamp=stamp,
                                        frame_id=frame.frame_id or self.settings.frame_id))
        except ValueError as error:  # a frame that is damaged
            self.endpoints.report(self.settings.source, error)

    def _publish(self, frame: SourceFrame, header: Header) -> None:
        self._frames.publish(frame.pose_world_from_camera, header, frame.pose_base_from_camera)
        picture = recorded.picture_of(frame, header)
        compressed = frame.compressed is not None
        self._outputs[COMPRESSED.name if compressed else IMAGE.name].publish(picture)
        if frame.depth is not None:
            depth = recorded.depth_of(frame.depth, header)
            self._outputs[DEPTH.name].publish(depth)
            self._outputs[DEPTH_INFO.name].publish(
                self._info(frame, header, (depth.width, depth.height)))
        if frame.camera_info is not None and self._calibration is None:
            info = recorded.info_of(frame.camera_info, header)
        else:
            info = self._info(frame, header, recorded.size_of(picture))
        self._outputs[CAMERA_INFO.name].publish(info)
        self.stats.count("frames")

    def _info(self, frame: SourceFrame, header: Header, size: tuple[int, int]) -> CameraInfo:
        if self._calibration is not None:
            return recorded.fitted_info(self._calibration, header, *size)
        camera = frame.camera
        if camera is None and self.settings.horizontal_fov_deg > 0:
            camera = CameraModel.from_fov(*size, self.settings.horizontal_fov_deg)
        return recorded.model_info(camera, header, *size)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros video_source`."""
    return run([VideoSourceNode], args)
