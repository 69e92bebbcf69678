"""Parameters of the video_source node."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.ros.frames import FrameNames
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.settings import Settings, group, setting


@dataclass(frozen=True)
class Mount(Settings):
    """Where the camera sits on the robot; published as a static transform."""

    publish: bool = setting(True, "Publish the mount as a static transform. A source with poses of "
                            "its own (an RGB-D folder, the drawn scene) publishes these and not "
                            "the mount: a frame has one parent.")
    parent_frame: str = setting("base_link", "Frame on the ground below the camera, REP-103: x "
                                "forward, y left, z up.", ge=1, le=200)
    height_m: float = setting(1.0, "Height of the camera above the ground.", unit="m", ge=0.0,
                              le=1000.0)
    pitch_deg: float = setting(0.0, "Tilt of the camera, positive looks down.", unit="deg",
                               ge=-90.0, le=90.0)
    roll_deg: float = setting(0.0, "Rotation about the viewing direction, positive clockwise as "
                              "seen from behind the camera.", unit="deg", ge=-180.0, le=180.0)


@dataclass(frozen=True)
class VideoSourceSettings(NodeSettings):
    """Parameters of video_source."""

    source: str = setting(
        "demo", "A video file, a folder of images, an RGB-D folder, a rosbag2 or MCAP recording, a "
        "camera ('0' or '/dev/video0'), 'demo' for the drawn scene, or 'world:corridor?seed=3' for "
        "the embedded world (corridor, room or path; camera=static, robot or drone).",
        ge=1, le=4096)
    loop: bool = setting(False, "Start again after the last frame.")
    rate: float = setting(1.0, "Speed of playing, 1 for real time.", ge=0.01, le=100.0)
    rate_hz: float = setting(0.0, "Frames per second in place of the medium's own; 0 for its own.",
                             unit="Hz", ge=0.0, le=1000.0)
    start_paused: bool = setting(False, "Wait for ~/start before the first frame.")
    wait_for_subscribers: int = setting(0, "Wait with the first frame until so many subscribe.",
                                        ge=0, le=100)
    stamps: str = setting("now", "'now': the time of playing. 'recorded': the recording's own "
                          "header stamps, where it has them.", choices=("now", "recorded"))
    image_topic: str = setting("", "Image topic of a recording; empty for its only one.", le=1000)
    info_topic: str = setting("", "CameraInfo topic of a recording; empty for the one beside the "
                              "images.", le=1000)
    camera_info_file: str = setting("", "Calibration as camera_calibration writes it (YAML); empty "
                                    "for the medium's own.", le=4096)
    horizontal_fov_deg: float = setting(0.0, "Field of view taken for an ideal camera where "
                                        "nothing is calibrated; 0 leaves the camera uncalibrated.",
                                        unit="deg", ge=0.0, le=179.0)
    frame_id: str = setting("camera_optical_frame", "Optical frame of the images, REP-103, where "
                            "the medium names none (a recording and the embedded world do).",
                            ge=1, le=200)
    world_frame: str = setting("map", "Frame of the poses of a source that has poses: parent of "
                               "the optical frame, or of odom_frame.", ge=1, le=200)
    odom_frame: str = setting("odom", "Frame between world_frame and base_frame, REP-105, of a "
                              "source whose camera rides on something (robot and drone of the "
                              "embedded world). It is world_frame's place: nothing drifts.",
                              ge=1, le=200)
    base_frame: str = setting("base_link", "Frame of what carries the camera of such a source, "
                              "REP-105: a robot's is on the floor below the camera, a drone's in "
                              "its body. The camera's place on it is a static transform.",
                              ge=1, le=200)
    reconnect_s: float = setting(2.0, "Time after which a lost camera is opened again.", unit="s",
                                 ge=0.1, le=600.0)
    image_qos: FunnelQos = group(FunnelQos)
    mount: Mount = group(Mount)

    @property
    def frame_names(self) -> FrameNames:
        """The frames of a source that has poses."""
        return FrameNames(self.world_frame, self.odom_frame, self.base_frame)

    def conflicts(self) -> list[str]:
        """A frame is not its own parent, in the one kind of source that has a base."""
        said = list(super().conflicts())
        if self.source.startswith("world:") and self.base_frame in (self.world_frame,
                                                                    self.odom_frame):
            said.append(f"base_frame is {self.base_frame!r}, the name of world_frame or odom_frame "
                        "too; give it a name of its own")
        return said
