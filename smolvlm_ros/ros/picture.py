"""The annotated image: boxes with class and metres, zones on the ground, a status line."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.drawing import BoxLabel, annotate, draw_zone
from smolvlm_ros.fusion.fuse import Fused
from smolvlm_ros.fusion.tracks import Track
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.fusion.zones import Zone

_FREE, _OCCUPIED, _KEEP_OUT = (76, 217, 100), (255, 184, 26), (237, 66, 54)  # RGB


def draw(image_rgb: NDArray[np.uint8], camera: CameraModel, fused: Fused, tracks: Sequence[Track],
         zones: Sequence[Zone], zone_from_camera: Mapping[str, Transform],
         occupants: Mapping[str, Sequence[int]]) -> NDArray[np.uint8]:
    """A copy of the image with everything that fusion knows of it.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        camera: its model, for the zones.
        fused: the frame's objects.
        tracks: the tracks after it.
        zones: the zones to draw; those whose frame is missing are left out.
        zone_from_camera: by TF frame of the zones.
        occupants: numbers of the tracks in each zone, by its name.
    """
    picture = image_rgb
    here = camera.scaled(image_rgb.shape[1], image_rgb.shape[0])
    for zone in zones:
        if zone.frame_id in zone_from_camera:
            inside = bool(occupants.get(zone.name))
            colour = _OCCUPIED if inside else _KEEP_OUT if zone.keep_out else _FREE
            matrix = _matrix(zone_from_camera[zone.frame_id].inverse())
            picture = draw_zone(picture, _floor(zone), here, matrix, label=zone.name, colour=colour)
    places = {number: name for name, numbers in occupants.items() for number in numbers}
    scale = np.tile((here.width / camera.width, here.height / camera.height), 2)
    boxes = []
    for track in tracks:
        if track.source is not None:
            box = fused.objects[track.source]
            state = f"in {places[track.id]}" if track.id in places else ""
            boxes.append(BoxLabel(tuple(box.xyxy * scale), track.class_name, metres=box.range_m,
                                  track_id=str(track.id), zone_state=state))
    boxes += [BoxLabel(tuple(u.xyxy * scale), u.class_name) for u in fused.unplaced]
    occupied = [f"{name}: {len(numbers)}" for name, numbers in occupants.items() if numbers]
    return annotate(picture, boxes, "in zone " + ", ".join(occupied) if occupied else "")


def _floor(zone: Zone) -> NDArray[np.float64]:
    outline = zone.shape.outline()
    floor = zone.shape.z_min_m if np.isfinite(zone.shape.z_min_m) else 0.0
    return np.column_stack([outline, np.full(len(outline), floor)])


def _matrix(transform: Transform) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = transform.rotation, transform.translation
    return matrix
