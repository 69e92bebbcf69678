"""The annotated image: boxes with class and metres, zones on the ground, a status line."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.drawing import BoxLabel, annotate, draw_zone
from smolvlm_ros.fusion import Fused, Track, Transform, Zone

_FREE, _OCCUPIED, _KEEP_OUT = (76, 217, 100), (255, 184, 26), (237, 66, 54)  # RGB


@dataclass(frozen=True)
class View:
    """What fusion knows of one frame.

    Attributes:
        camera: model of the image that the boxes are in.
        fused: the frame's objects, boxes in that image's pixels.
        tracks: the tracks after it.
        zones: all zones.
        zone_from_camera: from the camera to the zones' TF frames; one that is missing is left out.
        occupants: numbers of the tracks in each zone, by its name.
    """

    camera: CameraModel
    fused: Fused
    tracks: tuple[Track, ...]
    zones: tuple[Zone, ...]
    zone_from_camera: Mapping[str, Transform]
    occupants: Mapping[str, tuple[int, ...]]


def draw(image_rgb: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """A copy of the image with everything that fusion knows of it.

    Args:
        image_rgb: shape (H, W, 3) uint8; may be smaller or larger than the view's camera.
        view: what to draw; zones whose frame is missing are left out.
    """
    picture = image_rgb
    here = view.camera.scaled(image_rgb.shape[1], image_rgb.shape[0])
    for zone in view.zones:
        if zone.frame_id in view.zone_from_camera:
            matrix = _matrix(view.zone_from_camera[zone.frame_id].inverse())
            picture = draw_zone(picture, zone.floor(), here, matrix, label=zone.name,
                                colour=_colour(zone, bool(view.occupants.get(zone.name))))
    occupied = [f"{name}: {len(inside)}" for name, inside in view.occupants.items() if inside]
    scale = np.tile((here.width / view.camera.width, here.height / view.camera.height), 2)
    return annotate(picture, _labels(view, scale),
                    "in zone " + ", ".join(occupied) if occupied else "")


def _labels(view: View, scale: NDArray[np.float64]) -> list[BoxLabel]:
    places = {number: name for name, inside in view.occupants.items() for number in inside}
    labels = []
    for track in view.tracks:
        if track.source is not None:
            box = view.fused.objects[track.source]
            state = f"in {places[track.id]}" if track.id in places else ""
            labels.append(BoxLabel(tuple(box.xyxy * scale), track.class_name, metres=box.range_m,
                                   track_id=str(track.id), zone_state=state))
    return labels + [BoxLabel(tuple(u.xyxy * scale), u.class_name) for u in view.fused.unplaced]


def _colour(zone: Zone, occupied: bool) -> tuple[int, int, int]:
    return _OCCUPIED if occupied else _KEEP_OUT if zone.keep_out else _FREE


def _matrix(transform: Transform) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = transform.rotation, transform.translation
    return matrix
