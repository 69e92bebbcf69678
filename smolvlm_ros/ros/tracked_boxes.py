"""Where the tracked objects of a frame are in its image, as a message and back."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from smolvlm_ros.fusion import Object3D, Track
from smolvlm_ros.ros.boxes import from_box, hypothesis, to_box


def to_tracked_boxes(header: Header, tracks: Iterable[Track], objects: Sequence[Object3D]
                     ) -> Detection2DArray:
    """The boxes of the tracks seen in a frame, with the track's number as id.

    Args:
        header: of the image: its stamp and its optical frame.
        tracks: of the tracker's update by that frame.
        objects: what that update was given.
    """
    return Detection2DArray(header=header, detections=[
        Detection2D(header=header, id=str(track.id), bbox=to_box(objects[track.source].xyxy),
                    results=[hypothesis(track.class_name, track.score)])
        for track in tracks if track.source is not None])


def from_tracked_boxes(message: Detection2DArray) -> dict[str, tuple[float, float, float, float]]:
    """Corners (left, top, right, bottom) in pixels, by track.

    Raises:
        ValueError: a box is none, or an object has no id.
    """
    if any(not detection.id for detection in message.detections):
        raise ValueError("an object has no id; expected that of its track")
    return {detection.id: from_box(detection.bbox) for detection in message.detections}
