"""Frames from files, folders, recordings, cameras and drawn scenes, without ROS.

    with open_source("walk.mp4") as source:
        for frame in source:
            print(frame.stamp_s, frame.image.shape)
"""
from smolvlm_ros.sources.base import (
    FrameSource,
    RawCameraInfo,
    RawImage,
    SourceError,
    SourceFrame,
)
from smolvlm_ros.sources.calibration import camera_model, read_calibration
from smolvlm_ros.sources.opening import open_source
from smolvlm_ros.sources.playing import PlayClock, Player, PlayEvents

__all__ = ["FrameSource", "PlayClock", "PlayEvents", "Player", "RawCameraInfo", "RawImage",
           "SourceError", "SourceFrame", "camera_model", "open_source", "read_calibration"]
