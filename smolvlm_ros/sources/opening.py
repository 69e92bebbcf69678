"""From what the user wrote to the source it names."""
from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import parse_qsl

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.sources.bag import BagSource, is_bag
from smolvlm_ros.sources.base import FrameSource, SourceError
from smolvlm_ros.sources.demo_scene import DemoSource
from smolvlm_ros.sources.folder import ImageFolderSource, RgbdFolderSource, is_rgbd_folder
from smolvlm_ros.sources.video import CameraDeviceSource, VideoFileSource, is_device
from smolvlm_ros.sources.world import WorldSource, is_world


def open_source(spec: str, *, loop: bool = False, rate_hz: float | None = None,
                image_topic: str = "", info_topic: str = "", size: tuple[int, int] | None = None,
                camera: CameraModel | None = None) -> FrameSource:
    """Open the source that `spec` names.

    Args:
        spec: a video file; a folder of png or jpg images; an RGB-D folder; a rosbag2 folder, .db3
            or .mcap file; '0' or '/dev/video0' for a camera; 'demo' or 'demo?seed=3' for the drawn
            scene; 'world:corridor?seed=3&camera=robot' for the embedded world (`sources.world`).
        loop: start again after the last frame. A camera has no last frame.
        rate_hz: frames per second of the stamps in place of the medium's own; asked of a camera.
        image_topic: of a recording; empty for its only one.
        info_topic: of a recording; empty for the one beside the image topic.
        size: (width, height) asked of a camera.
        camera: calibration for media that have none; wins over what the medium says.

    Returns:
        The source, at its first frame. Close it, or use it in a `with` statement.

    Raises:
        SourceError: naming the source, what is wrong with it and the fix.
    """
    if rate_hz is not None and not (math.isfinite(rate_hz) and rate_hz > 0):
        raise SourceError(f"rate of {spec} is {rate_hz} Hz, expected a number above 0; leave it "
                          "out for the medium's own rate")
    if not spec.strip():
        raise SourceError("no source given; give a video, folder, bag, camera number or 'demo'")
    scheme, _, query = spec.partition("?")
    if scheme == "demo":
        return DemoSource(seed=_seed(spec, query), loop=loop, rate_hz=rate_hz)
    if is_world(spec):
        return WorldSource(spec, loop=loop, rate_hz=rate_hz)
    if is_device(spec):
        return CameraDeviceSource(spec, rate_hz=rate_hz, size=size, camera=camera)
    path = Path(spec).expanduser()
    if not path.exists():
        raise SourceError(f"source {spec} does not exist; give a video file, folder, bag, camera "
                          "number or 'demo'")
    if is_bag(path):
        return BagSource(path, loop=loop, rate_hz=rate_hz, image_topic=image_topic,
                         info_topic=info_topic, camera=camera)
    if not path.is_dir():
        return VideoFileSource(path, loop=loop, rate_hz=rate_hz, camera=camera)
    kind = RgbdFolderSource if is_rgbd_folder(path) else ImageFolderSource
    return kind(path, loop=loop, rate_hz=rate_hz, camera=camera)


def _seed(spec: str, query: str) -> int:
    options = dict(parse_qsl(query, keep_blank_values=True))
    text = options.pop("seed", "0")
    if options or not text.isdecimal():
        raise SourceError(f"source {spec}: cannot read {query!r}; write demo?seed=3")
    return int(text)
