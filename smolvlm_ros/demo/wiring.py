"""What has to be known of the medium that is played: transport, depth of its own, and frame."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from smolvlm_ros.models.choice import Parameters
from smolvlm_ros.sources import SourceError, SourceFrame, open_source
from smolvlm_ros.sources.video import is_device

# video_source's topics, and fusion's inputs that they take the place of.
_DEPTH = (("fusion:depth/image_rect", "source/depth/image_rect"),
          ("fusion:depth/camera_info", "source/depth/camera_info"))


@dataclass(frozen=True)
class Wiring:
    """What is set for a source.

    Attributes:
        parameters: by node.
        remappings: (from, to) pairs, each for one node.
        frame_id: of the frames; empty where the medium has none.
    """

    parameters: Parameters = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    frame_id: str = ""


def wiring_of(frame: SourceFrame) -> Wiring:
    """The wiring for a source whose frames are like this one."""
    parameters: Parameters = {}
    if frame.compressed is not None:
        parameters["gate"] = {"image_transport": "compressed"}
    if frame.depth is None:
        return Wiring(parameters, frame_id=frame.frame_id)
    # An RGB-D source: its own depth takes the node's place.
    return Wiring({**parameters, "fusion": {"depth_anchor": "surface"}}, _DEPTH, frame.frame_id)


def wiring_of_file(source: str, image_topic: str = "") -> Wiring:
    """The wiring for a file or folder, by its first frame; none for any other source.

    Args:
        source: as video_source takes it.
        image_topic: of a recording; empty for its only one.

    Raises:
        SourceError: the source cannot be opened, or has no frames.
    """
    if not Path(source).expanduser().exists() or is_device(source):
        return Wiring()
    with open_source(source, image_topic=image_topic) as probe:
        frame = probe.read()
    if frame is None:
        raise SourceError(f"{source} has no frames; give another source")
    return wiring_of(frame)
