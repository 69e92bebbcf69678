"""What has to be known of the medium that is played: transport, depth of its own, and frame."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.launching.parameter_file import value_of
from smolvlm_ros.models.choice import Parameters
from smolvlm_ros.sources import (
    FrameSource,
    SourceError,
    SourceFrame,
    camera_model,
    open_source,
    read_calibration,
)
from smolvlm_ros.sources.video import is_device
from smolvlm_ros.sources.world import is_world, parse_world

NODE = "video_source"
# Its topics, and fusion's inputs that they take the place of.
_DEPTH = (("fusion:depth/image_rect", "source/depth/image_rect"),
          ("fusion:depth/camera_info", "source/depth/camera_info"))


@dataclass(frozen=True)
class Opening:
    """How video_source opens what it plays.

    Attributes:
        image_topic, info_topic: of a recording; empty for its only ones.
        camera: of camera_info_file; None where none is given.
    """

    image_topic: str = ""
    info_topic: str = ""
    camera: CameraModel | None = None

    def open(self, source: str) -> FrameSource:
        """Open a source as the node does.

        Raises:
            SourceError: as `open_source`.
        """
        return open_source(source, image_topic=self.image_topic, info_topic=self.info_topic,
                           camera=self.camera)


@dataclass(frozen=True)
class Wiring:
    """What of a source the funnel must know.

    Attributes:
        compressed: its frames are compressed images.
        depth: it has depth of its own, which takes the place of the depth node's.
        frame_id: of the frames; empty where the medium has none.
    """

    compressed: bool = False
    depth: bool = False
    frame_id: str = ""

    @property
    def parameters(self) -> Parameters:
        """What is set, by node."""
        return {**({"gate": {"image_transport": "compressed"}} if self.compressed else {}),
                **({"fusion": {"depth_anchor": "surface"}} if self.depth else {})}

    @property
    def remappings(self) -> tuple[tuple[str, str], ...]:
        """(from, to) pairs, each for one node."""
        return _DEPTH if self.depth else ()


def opening(parameters: Mapping[str, Any], overrides: Sequence[tuple[str, str, str]] = ()
            ) -> Opening:
    """How video_source will open what it plays, by its parameters.

    Args:
        parameters: content of the parameter file.
        overrides: (node, parameter, value) that win over it, the value as on a command line.

    Raises:
        SourceError: camera_info_file is missing or makes no camera.
    """
    def text(name: str) -> str:
        value = value_of(parameters, NODE, name, "")
        for node, parameter, given in overrides:
            if parameter == name:
                value = value_of({node: {"ros__parameters": {name: _read(given)}}}, NODE, name,
                                 value)
        return str(value or "")
    file = text("camera_info_file")
    camera = camera_model(read_calibration(file), file) if file else None
    return Opening(text("image_topic"), text("info_topic"), camera)


def wiring_of(frame: SourceFrame) -> Wiring:
    """The wiring for a source whose frames are like this one."""
    return Wiring(frame.compressed is not None, frame.depth is not None, frame.frame_id)


def wiring_of_source(source: str, how: Opening) -> Wiring:
    """The wiring for a file or folder, by its first frame, or for the embedded world; none else.

    Args:
        source: as video_source takes it.
        how: it is opened.

    Raises:
        SourceError: the source cannot be opened, or has no frames.
    """
    if is_world(source):
        return Wiring(depth=parse_world(source).depth)
    if not Path(source).expanduser().exists() or is_device(source):
        return Wiring()
    with how.open(source) as probe:
        frame = probe.read()
    if frame is None:
        raise SourceError(f"{source} has no frames; give another source")
    return wiring_of(frame)


def _read(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:  # ROS will name it
        return value
