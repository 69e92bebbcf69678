"""A camera from a file: publishes frames, camera_info, depth and TF as a robot's driver would."""
from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Bool, Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.ros import bitstream, images, recorded
from smolvlm_ros.ros import camera_info as infos
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import from_nanoseconds
from smolvlm_ros.ros.transforms import from_matrix, to_message
from smolvlm_ros.settings import Settings, group, setting
from smolvlm_ros.sources import (
    FrameSource,
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
FINISHED = Endpoint("~/finished", "std_msgs/msg/Bool", "True after the last frame, or when the source "
                    "broke; false while frames come.", latched=True)
START = Endpoint("~/start", "std_srvs/srv/Trigger", "Go on from where it was stopped.")
STOP = Endpoint("~/stop", "std_srvs/srv/Trigger", "Hold still; no frame is skipped.")


@dataclass(frozen=True)
class Mount(Settings):
    """Where the camera sits on the robot; published as a static transform."""

    publish: bool = setting(True, "Publish the mount as a static transform. A source with poses of its own "
                            "(an RGB-D folder, the drawn scene) publishes these and not the mount: a frame "
                            "has one parent.")
    parent_frame: str = setting("base_link", "Frame on the ground below the camera, REP-103: x forward, "
                                "y left, z up.", ge=1, le=200)
    height_m: float = setting(1.0, "Height of the camera above the ground.", unit="m", ge=0.0, le=1000.0)
    pitch_deg: float = setting(0.0, "Tilt of the camera, positive looks down.", unit="deg", ge=-90.0,
                               le=90.0)
    roll_deg: float = setting(0.0, "Rotation about the viewing direction, positive clockwise as seen "
                              "from behind the camera.", unit="deg", ge=-180.0, le=180.0)


@dataclass(frozen=True)
class VideoSourceSettings(NodeSettings):
    """Parameters of video_source."""

    source: str = setting("demo", "A video file, a folder of images, an RGB-D folder, a rosbag2 or MCAP "
                          "recording, a camera ('0' or '/dev/video0'), or 'demo' for the drawn scene.",
                          ge=1, le=4096)
    loop: bool = setting(False, "Start again after the last frame.")
    rate: float = setting(1.0, "Speed of playing, 1 for real time.", ge=0.01, le=100.0)
    rate_hz: float = setting(0.0, "Frames per second in place of the medium's own; 0 for its own.",
                             unit="Hz", ge=0.0, le=1000.0)
    start_paused: bool = setting(False, "Wait for ~/start before the first frame.")
    wait_for_subscribers: int = setting(0, "Wait with the first frame until so many subscribe.", ge=0,
                                        le=100)
    stamps: str = setting("now", "'now': the time of playing. 'recorded': the recording's own header "
                          "stamps, where it has them.", choices=("now", "recorded"))
    image_topic: str = setting("", "Image topic of a recording; empty for its only one.", le=1000)
    info_topic: str = setting("", "CameraInfo topic of a recording; empty for the one beside the images.",
                              le=1000)
    camera_info_file: str = setting("", "Calibration as camera_calibration writes it (YAML); empty for "
                                    "the medium's own.", le=4096)
    horizontal_fov_deg: float = setting(0.0, "Field of view taken for an ideal camera where nothing is "
                                        "calibrated; 0 leaves the camera uncalibrated.", unit="deg", ge=0.0,
                                        le=179.0)
    frame_id: str = setting("camera_optical_frame", "Optical frame of the images, REP-103.", ge=1, le=200)
    world_frame: str = setting("map", "Parent frame of the poses of a source that has poses.", ge=1, le=200)
    reconnect_s: float = setting(2.0, "Time after which a lost camera is opened again.", unit="s", ge=0.1,
                                 le=600.0)
    image_qos: FunnelQos = group(FunnelQos)
    mount: Mount = group(Mount)


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
        self._calibration = (camera_model(read_calibration(s.camera_info_file), s.camera_info_file)
                             if s.camera_info_file else None)
        self._source: FrameSource = self._open()
        self.own("source", lambda: self._source.close())
        self._static = StaticTransformBroadcaster(self)
        self._dynamic = TransformBroadcaster(self)
        self.own("tf", self._close_tf)

    def start(self) -> None:
        """Publish from now on."""
        self._outputs = {end.name: self.endpoints.publish(end) for end in self.interface.outputs}
        self._running = threading.Event()
        if not self.settings.start_paused:
            self._running.set()
        self.endpoints.serve(START, self._on_start)
        self.endpoints.serve(STOP, self._on_stop)
        self._outputs[FINISHED.name].publish(Bool(data=False))
        self._mount_published = False
        self._ended = threading.Event()
        thread = threading.Thread(target=self._play, name="video_source", daemon=True)
        self.own("player", lambda: self._end(thread))
        thread.start()

    def extra_diagnostics(self) -> Mapping[str, object]:
        """What is played."""
        return {"source": self.settings.source}

    def _open(self) -> FrameSource:
        s = self.settings
        return open_source(s.source, loop=s.loop, rate_hz=s.rate_hz or None, image_topic=s.image_topic,
                           info_topic=s.info_topic, camera=self._calibration)

    def _close_tf(self) -> None:
        for broadcaster in (self._static, self._dynamic):
            publisher = getattr(broadcaster, "pub_tf", None)
            if publisher is not None:
                self.destroy_publisher(publisher)

    def _end(self, thread: threading.Thread) -> None:
        self._ended.set()
        self._running.set()
        thread.join(10.0)

    def _on_start(self, _: Any, response: Any) -> Any:
        self._running.set()
        response.success, response.message = True, "playing"
        return response

    def _on_stop(self, _: Any, response: Any) -> Any:
        self._running.clear()
        response.success, response.message = True, "stopped"
        return response

    # The player's thread -------------------------------------------------------------------

    def _play(self) -> None:
        self._wait_for_subscribers()
        begin = time.monotonic()
        origin = self.get_clock().now()
        while not self._ended.is_set():
            if not self._running.is_set():
                paused = time.monotonic()
                self._running.wait()
                pause_s = time.monotonic() - paused
                begin += pause_s
                origin = origin + Duration(nanoseconds=int(pause_s * 1e9))
                continue
            try:
                frame = self._source.read()
            except SourceError as error:
                if not self._survive(error):
                    break
                continue
            if frame is None:
                self.get_logger().info(f"{self.settings.source}: played to its end")
                break
            offset_s = frame.stamp_s / self.settings.rate
            if not self._source.live:
                self._ended.wait(max(0.0, begin + offset_s - time.monotonic()))
            if not self._ended.is_set():
                self._publish(frame, self._stamp(frame, origin, offset_s))
        if not self._ended.is_set():
            self._outputs[FINISHED.name].publish(Bool(data=True))

    def _survive(self, error: SourceError) -> bool:
        """Report a broken source; True when reading can go on."""
        self.stats.count("read_errors")
        if self._source.live:
            self.faults.set("source", Level.ERROR, f"{error}; trying again", 2 * self.settings.reconnect_s)
            self._ended.wait(self.settings.reconnect_s)
            try:
                self._source.close()
                self._source = self._open()
            except SourceError as again:
                self.get_logger().debug(str(again))
            return True
        self.faults.set("source", Level.ERROR, str(error))
        return self._source.continues_after_error

    def _wait_for_subscribers(self) -> None:
        wanted = self.settings.wait_for_subscribers
        publishers = (self._outputs[IMAGE.name], self._outputs[COMPRESSED.name])
        while not self._ended.is_set() and wanted > sum(p.get_subscription_count() for p in publishers):
            self._ended.wait(0.05)

    def _stamp(self, frame: SourceFrame, origin: Any, offset_s: float) -> Time:
        if self.settings.stamps == "recorded" and frame.header_stamp_ns is not None:
            return from_nanoseconds(frame.header_stamp_ns)
        if self._source.live:
            return self.get_clock().now().to_msg()
        return (origin + Duration(nanoseconds=round(offset_s * 1e9))).to_msg()

    def _publish(self, frame: SourceFrame, stamp: Time) -> None:
        header = Header(stamp=stamp, frame_id=frame.frame_id or self.settings.frame_id)
        if frame.pose_world_from_camera is not None:
            pose = from_matrix(frame.pose_world_from_camera, self.settings.world_frame,
                                         header.frame_id)
            self._dynamic.sendTransform(to_message(pose, stamp))
        elif not self._mount_published:
            self._publish_mount()
        width, height = self._publish_image(frame, header)
        self._publish_info(frame, header, width, height)
        if frame.depth is not None:
            depth = recorded.depth_of(frame.depth, header)
            self._outputs[DEPTH.name].publish(depth)
            self._outputs[DEPTH_INFO.name].publish(
                self._info(frame, header, depth.width, depth.height))
        self.stats.count("frames")

    def _publish_image(self, frame: SourceFrame, header: Header) -> tuple[int, int]:
        """Publish the picture in the form it has; returns its width and height."""
        if frame.compressed is not None:
            self._outputs[COMPRESSED.name].publish(
                recorded.compressed_of(frame.compressed, frame.encoding, header))
            picture = bitstream.inspect(frame.compressed)
            return picture.width, picture.height
        image = (recorded.image_of(frame.raw, header) if frame.raw is not None
                 else images.from_bgr(frame.image, header))
        self._outputs[IMAGE.name].publish(image)
        return image.width, image.height

    def _publish_info(self, frame: SourceFrame, header: Header, width: int, height: int) -> None:
        if frame.camera_info is not None and not self.settings.camera_info_file:
            info = recorded.info_of(frame.camera_info, header)
        else:
            info = self._info(frame, header, width, height)
        self._outputs[CAMERA_INFO.name].publish(info)

    def _info(self, frame: SourceFrame, header: Header, width: int, height: int) -> CameraInfo:
        camera = self._camera(frame, width, height)
        if camera is None:  # K of zeros says 'not calibrated' (sensor_msgs/CameraInfo)
            return CameraInfo(header=header, width=width, height=height)
        return infos.from_camera_model(camera, header)

    def _camera(self, frame: SourceFrame, width: int, height: int) -> CameraModel | None:
        if frame.camera is not None:
            return frame.camera.scaled(width, height)
        if self.settings.horizontal_fov_deg > 0:
            return CameraModel.from_fov(width, height, self.settings.horizontal_fov_deg)
        return None

    def _publish_mount(self) -> None:
        self._mount_published = True
        mount = self.settings.mount
        if not mount.publish:
            return
        transform = mount_transform(mount.height_m, mount.pitch_deg, mount.roll_deg,
                                    mount.parent_frame, self.settings.frame_id)
        message: TransformStamped = to_message(transform, self.get_clock().now().to_msg())
        self._static.sendTransform(message)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros video_source`."""
    return run([VideoSourceNode], args)
