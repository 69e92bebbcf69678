"""Puts a frame together: the place, its shadows, everybody in it, and the camera's weaknesses."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world import effects
from smolvlm_ros.world.actors import Actor, ActorState
from smolvlm_ros.world.casting import Layer, cast
from smolvlm_ros.world.figure import PersonLook, person
from smolvlm_ros.world.primitives import Hull, Primitive
from smolvlm_ros.world.scenery import Scenery
from smolvlm_ros.world.shadows import darken, shadow_map
from smolvlm_ros.world.shell import Painted
from smolvlm_ros.world.things import level_axes, thing
from smolvlm_ros.world.view import Plane, View


@dataclass(frozen=True)
class Shot:
    """What is photographed, and how.

    Attributes:
        pose: shape (4, 4), optical frame to world in the middle of the exposure.
        moved: shape (4, 4), from the optical frame at its beginning to that at its end.
        gain: brightness.
        present: who is there, in which state.
        noise_key: numbers that the noise is drawn from.
    """

    pose: NDArray[np.float64]
    moved: NDArray[np.float64]
    gain: float
    present: tuple[tuple[Actor, ActorState], ...]
    noise_key: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Extent:
    """An object as drawn.

    Attributes:
        full_xyxy, visible_xyxy, visible_pixels, visibility, position_world, size_m: as in
            `truth.WorldObject`.
    """

    full_xyxy: NDArray[np.float64] | None
    visible_xyxy: NDArray[np.float64] | None
    visible_pixels: int
    visibility: float
    position_world: NDArray[np.float64]
    size_m: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame without words: image, depth and mask as in `truth.WorldFrame`, extents by track."""

    image_rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    mask: NDArray[np.uint8]
    extents: dict[int, Extent]


class Renderer:
    """Draws one place with one camera. What is kept between calls changes nothing but the speed.

    Args:
        scenery: the place.
        camera: without distortion.
        lens: the camera's weaknesses.
    """

    def __init__(self, scenery: Scenery, camera: CameraModel, lens: effects.Lens) -> None:
        self.scenery, self.camera, self.lens = scenery, camera, lens
        self._kept: tuple[bytes, Painted] | None = None
        self._balls = [_ball_around(group) for group in scenery.clutter]

    def draw(self, shot: Shot) -> Picture:
        """One frame."""
        view = View(self.camera, shot.pose)
        place = self._place(view, shot.pose)
        colour, inverse_depth = place.colour.copy(), place.inverse_depth.copy()
        mask = np.zeros(inverse_depth.shape, np.uint8)
        drawn = [(actor, state, shapes_of(actor, state)) for actor, state in shot.present]
        for _, _, shapes in drawn:
            darken(view, colour, place.ground, place, shadow_map(shapes, self.scenery.shadow))
        layers: dict[int, Layer] = {}
        for actor, state, shapes in drawn:
            anchor = anchor_of(state)
            layer = cast(view, shapes, self.scenery.light, anchor=anchor,
                         gain=0.35 + 0.65 * self.scenery.shell.brightness(*state.place))
            if layer is not None:
                layers[actor.track_id] = layer
                _compose(view, layer, colour, inverse_depth, mask, actor.track_id)
        image = self._photograph(view, shot, colour, inverse_depth, mask)
        extents = {}
        for actor, state, shapes in drawn:
            position, size = _bounding_box(shapes, anchor_of(state))
            extents[actor.track_id] = _extent(layers.get(actor.track_id), mask, actor.track_id,
                                              position, size)
        with np.errstate(divide="ignore"):
            depth = np.float32(1) / inverse_depth
        return Picture(image, depth, mask, extents)

    def _place(self, view: View, pose: NDArray[np.float64]) -> Painted:
        """The place without anybody; kept for a camera that stands."""
        key = pose.tobytes()
        if self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        painted = self.scenery.shell.draw(view)
        for group, (center, radius) in zip(self.scenery.clutter, self._balls, strict=True):
            if not view.may_see(center, radius):
                continue
            layer = cast(view, group, self.scenery.light, whole=False)
            if layer is not None:
                _compose(view, layer, painted.colour, painted.inverse_depth, painted.ground, 0)
        self._kept = (key, painted)
        return painted

    def _photograph(self, view: View, shot: Shot, colour: NDArray[np.float32], inverse_depth: Plane,
                    mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scenery, lens = self.scenery, self.lens
        if scenery.haze is not None:
            clear = np.exp(np.float32(-1 / scenery.haze_m) / np.maximum(inverse_depth,
                                                                        np.float32(1e-4)))
            clear[inverse_depth == 0] = 1
            haze = (*scenery.haze, 0.0)
            cv2.subtract(colour, haze, dst=colour)
            cv2.multiply(colour, cv2.merge([clear] * 3), dst=colour)
            cv2.add(colour, haze, dst=colour)
        image = effects.expose(colour, lens, self.camera, shot.gain, scenery.tint)
        velocities = {actor.track_id: np.array([*state.velocity, 0.0])
                      for actor, state in shot.present if any(state.velocity)}
        still = not velocities and np.array_equal(shot.moved, np.eye(4))
        if not still:
            flow = effects.motion_flow(view, inverse_depth, mask, shot.moved, velocities,
                                       lens.exposure_s)
            if flow is not None:
                image = effects.motion_blur(image, flow)
        return effects.develop(image, lens, np.random.default_rng(list(shot.noise_key)))


def shapes_of(actor: Actor, state: ActorState) -> list[Primitive]:
    """An actor's shapes in the world."""
    if isinstance(actor.look, PersonLook):
        return person(actor.look, state.posture, state.place, state.heading)
    return thing(actor.look, state.place, state.heading, state.moved_m)


def anchor_of(state: ActorState) -> NDArray[np.float64]:
    """World to the actor's own coordinates (x ahead, y left, z up), shape (3, 4)."""
    axes = level_axes(state.heading)
    foot = np.array([*state.place, 0.0])
    return np.column_stack([axes, -axes @ foot])


def _compose(view: View, layer: Layer, colour: NDArray[np.float32], inverse_depth: Plane,
             ids: NDArray[np.uint8], number: int) -> None:
    """Draw a layer in front of what is farther away, in place; `ids` become its number there."""
    window = layer.window.cut(view.frame)
    target, source = window.within(view.frame), window.within(layer.window)
    nearer = ((layer.inverse_depth[source] > inverse_depth[target]).view(np.uint8)
              * np.uint8(255))
    cv2.copyTo(np.ascontiguousarray(layer.colour[source]), nearer, colour[target])
    cv2.copyTo(np.ascontiguousarray(layer.inverse_depth[source]), nearer, inverse_depth[target])
    ids[target][nearer > 0] = number


def _ball_around(shapes: Sequence[Primitive]) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of a ball that holds shapes."""
    middle, size = _bounding_box(shapes, np.eye(3, 4))
    return middle, float(np.linalg.norm(size) / 2)


def _bounding_box(shapes: Sequence[Primitive], anchor: NDArray[np.float64]
                  ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle in the world and size along the anchor's axes, both shape (3,), metres."""
    axes, shift = anchor[:, :3], anchor[:, 3]
    low, high = np.full(3, math.inf), np.full(3, -math.inf)
    for shape in shapes:
        if isinstance(shape, Hull):
            corners = shape.corners @ axes.T + shift
            low, high = np.minimum(low, corners.min(0)), np.maximum(high, corners.max(0))
            continue
        for center, spread in shape.discs:
            middle = axes @ center + shift
            half = np.sqrt(np.maximum(np.diag(axes @ spread @ axes.T), 0))
            low, high = np.minimum(low, middle - half), np.maximum(high, middle + half)
    return axes.T @ ((low + high) / 2 - shift), high - low


def _extent(layer: Layer | None, mask: NDArray[np.uint8], number: int,
            position: NDArray[np.float64], size: NDArray[np.float64]) -> Extent:
    if layer is None:
        return Extent(None, None, 0, 0.0, position, size)
    full = None if layer.bounds is None else layer.bounds + 0.5
    own = (mask == number).view(np.uint8)
    pixels = cv2.countNonZero(own)
    visible = None
    if pixels:
        left, top, wide, high = cv2.boundingRect(own)
        visible = np.array([left, top, left + wide, top + high], np.float64)
    outline = cv2.countNonZero((layer.inverse_depth > 0).view(np.uint8))
    return Extent(full, visible, pixels, pixels / outline if outline else 0.0, position, size)
