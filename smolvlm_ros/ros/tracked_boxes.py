"""Where the tracked objects of a frame, and the zones, are in its image, as messages."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion import Object3D, Track, Transform, Zone
from smolvlm_ros.fusion.zone_view import seen_box
from smolvlm_ros.ros.boxes import hypothesis, to_box


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


def to_zone_boxes(header: Header, zones: Iterable[Zone], camera: CameraModel,
                  zone_from_camera: Mapping[str, Transform]) -> Detection2DArray:
    """The boxes round what the camera sees of the zones, with the zone's name as id.

    Args:
        header: of the image.
        zones: those out of view, or whose frame is missing, are left out.
        camera: model of the image.
        zone_from_camera: from the camera to the zones' TF frames.
    """
    message = Detection2DArray(header=header)
    for zone in zones:
        place = zone_from_camera.get(zone.frame_id)
        box = None if place is None else seen_box(zone, camera, place)
        if box is not None:
            message.detections.append(Detection2D(header=header, id=zone.name, bbox=to_box(box)))
    return message
