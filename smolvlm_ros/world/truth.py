"""What is known of a frame: every value exact, in the frame's own camera and in the world."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel


@dataclass(frozen=True)
class Fact:
    """A statement about a frame that is true or false, and the question for it.

    Attributes:
        kind: 'presence', 'colour' or 'state'.
        statement: 'There is a red box.'
        question: 'Is there a red box?'
        answer: True for yes.
    """

    kind: str
    statement: str
    question: str
    answer: bool


@dataclass(frozen=True, eq=False)
class WorldObject:
    """One person or thing in a frame. Pixel i of a box covers i to i + 1.

    Attributes:
        track_id: its number in the timeline and its value in the mask.
        class_name: 'person', 'box', 'ball', 'cone' or 'vehicle'.
        colour: the name of its colour; of a person the jacket's.
        state: a person is 'standing', 'walking', 'lying' or 'changing' (between upright and lying);
            a thing is 'moving' or 'still'.
        full_xyxy: shape (4,) float64, pixels: bounds of all of it, as if nothing hid it and the
            image had no border. None when it is beside or behind the image.
        visible_xyxy: shape (4,) float64, pixels: bounds of what the image shows; None for nothing.
        visible_pixels: number of pixels that show it.
        visibility: these over those it would have if nothing hid it and the image had no border.
        ground_world: shape (3,), metres: the point of the floor that zones go by.
        position_world: shape (3,), metres: middle of its extent.
        position_camera: shape (3,), metres: the same in the optical frame.
        velocity_world: shape (3,), metres per second.
        yaw: heading in the world, radians from x to y.
        size_m: extent along its heading, across it and up.
        zones: names of the zones that its ground point is in.
    """

    track_id: int
    class_name: str
    colour: str
    state: str
    full_xyxy: NDArray[np.float64] | None
    visible_xyxy: NDArray[np.float64] | None
    visible_pixels: int
    visibility: float
    ground_world: NDArray[np.float64]
    position_world: NDArray[np.float64]
    position_camera: NDArray[np.float64]
    velocity_world: NDArray[np.float64]
    yaw: float
    size_m: NDArray[np.float64]
    zones: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class WorldFrame:
    """One frame and the truth about it.

    Attributes:
        index: of the frame; -1 for a moment between frames or a single scene.
        time_s: since the beginning.
        image_rgb: shape (H, W, 3) uint8, RGB.
        depth_m: shape (H, W) float32, metres along optical Z, of what each pixel shows; +Inf sky.
        mask: shape (H, W) uint8: track id of the object that each pixel shows, 0 for the place.
        camera: the camera model.
        pose_world_from_camera: shape (4, 4) float64, optical frame to world, metres.
        objects: everybody and everything that is there, in sight or not, by track id.
        facts: as many true as false ones of each kind; see `facts.facts_of`.
        scene: name of the place.
        outdoor: True under the sky.
    """

    index: int
    time_s: float
    image_rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    mask: NDArray[np.uint8]
    camera: CameraModel
    pose_world_from_camera: NDArray[np.float64]
    objects: tuple[WorldObject, ...]
    facts: tuple[Fact, ...]
    scene: str
    outdoor: bool
