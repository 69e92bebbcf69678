"""Boxes and a depth map to objects in 3D, with their uncertainty."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.depth_result import DepthConfig, NoDepth, ObjectDepth
from smolvlm_ros.fusion.object_depth import object_depths
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.settings import setting

NO_RAY = "the lens model gives no ray there"
_LEAST_SIZE_M = 0.01
_BODY_STD = 0.15  # of the shorter side: bodies are deeper or flatter than they look
# Of a contact with the ground. Upright things stand on feet below their middle; that of others is
# about 0.4 of their width behind it (a ball 0.2, a box 0.5), where it is 0.3 behind the surface.
_UPRIGHT, _BODY_BEHIND_CONTACT = 1.65, 0.4 / 0.3
_STANDS, _LIES = 0.5, math.sqrt(0.75)  # sine of a camera's pitch: 30 and 60 degrees
_MOST_LEAN = 0.5  # share of its feet's depth by which an upright thing's middle is nearer at most
_LEAN_STD = 0.25  # of what its height above the feet does to an upright thing's depth
_HALF = 0.5       # a box's pixel 0 begins at 0, where a camera model's has its centre at 0
_CUT_STD = 0.25   # of the visible side: a box cut by the image's edge has its centre elsewhere


@dataclass(frozen=True)
class FusionConfig(DepthConfig):
    """How boxes become objects in 3D."""

    box_std_rel: float = setting(
        0.05, "Standard deviation of a box's centre, as a share of the box's side.", ge=0.0, le=1.0,
        runtime=True)
    box_std_px: float = setting(
        1.0, "Standard deviation of a box's centre that does not depend on its size.", unit="px",
        ge=0.0, le=100.0, runtime=True)
    body_ratio: float = setting(
        0.0, "How far behind its depth an object's middle is taken to lie, as a share of the "
        "shorter side of its box: about 0.3 for people and things that are as deep as they are "
        "wide. With the depth of the ground (depth_anchor contact or floor) it is none for what is "
        "upright and 4/3 of it for the rest. 0 keeps positions on the visible surface.", ge=0.0,
        le=1.0, runtime=True)
    focal_std_rel: float = setting(
        0.005, "Standard deviation of the calibrated focal length, as a share of it.", ge=0.0,
        le=0.5, runtime=True)


@dataclass(frozen=True, eq=False)
class Object3D:
    """One object, in the camera's optical frame unless transformed.

    Attributes:
        class_name: the detector's name of the class.
        score: the detector's score, 0 to 1.
        xyxy: the box in pixels of the image, clipped to it; pixel (0, 0) covers 0 to 1.
        position: shape (3,) float64, metres: the point of the visible surface's depth on the ray
            of the box's centre, and with `body_ratio` that far behind it.
        size: shape (3,) float64, metres, along x (the box's width), y (its height) and z (depth of
            the visible surface); always in the optical frame; never zero.
        covariance: shape (3, 3) float64, square metres, of the position.
        range_m: distance from the camera to the visible surface, metres; stays when the object is
            transformed.
        depth: how the depth was found.
        cut: True when the box touches the image's edge, so that part of the object is not seen.
    """

    class_name: str
    score: float
    xyxy: tuple[float, float, float, float]
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    covariance: NDArray[np.float64]
    range_m: float
    depth: ObjectDepth
    cut: bool = False

    def transformed(self, transform: Transform) -> Object3D:
        """The same object in the transform's target frame; `size` keeps the camera's axes."""
        return replace(self, position=transform.apply(self.position),
                       covariance=transform.apply_covariance(self.covariance))


@dataclass(frozen=True)
class Unplaced:
    """A detection without a pose, and why."""

    class_name: str
    score: float
    xyxy: tuple[float, float, float, float]
    reason: str


@dataclass(frozen=True)
class Fused:
    """What became of one frame's detections; every detection is in one of the two."""

    objects: tuple[Object3D, ...]
    unplaced: tuple[Unplaced, ...]


def fuse(xyxy: ArrayLike, scores: ArrayLike, class_names: Sequence[str],
         depth_m: NDArray[np.floating], camera: CameraModel,
         config: FusionConfig = FusionConfig(), up: NDArray[np.float64] | None = None) -> Fused:
    """Place one frame's detections in 3D.

    Position is depth times the ray of the box's centre, with the camera's full distortion. Its
    covariance is J diag(var_u, var_v, var_z) J^T by the derivatives J of that product, plus the
    focal length's share: along the ray from `ObjectDepth.std_m`, across it from the box's jitter.

    With the depth of the ground (`depth_anchor` contact or floor) that is the depth of the feet. In
    a tilted camera the middle of what is upright has another: there, with `up` given, the ray of
    the box's middle is followed to where it passes over the ground below the box.

    Args:
        xyxy: shape (N, 4), boxes in pixels of the camera's image; pixel (0, 0) covers 0 to 1, as
            in `Detections`.
        scores: shape (N,).
        class_names: N names.
        depth_m: shape (H, W) float metres; may have another resolution than the camera's image
            when it shows the same view.
        camera: model of the image the boxes were found in.
        config: settings.
        up: shape (3,), the unit vector that points up, in the optical frame; None when not known.

    Raises:
        ValueError: when lengths or shapes do not agree; nothing is placed.
    """
    boxes = np.asarray(xyxy, np.float64).reshape(-1, 4)
    score = np.asarray(scores, np.float64).reshape(-1)
    if not len(boxes) == len(score) == len(class_names):
        raise ValueError(f"{len(boxes)} boxes, {len(score)} scores and {len(class_names)} class "
                         "names, expected the same number of each")
    if not len(boxes):
        return Fused((), ())
    centred = boxes - _HALF
    depths = object_depths(depth_m, _to_depth_pixels(centred, depth_m, camera), config)
    reasons = {i: depth.reason for i, depth in enumerate(depths) if isinstance(depth, NoDepth)}
    edges = np.array([camera.width, camera.height, camera.width, camera.height]) - 0.5
    clipped = np.clip(centred, -0.5, edges)
    rays = _rays(clipped, camera)
    for i in np.flatnonzero(np.isnan(rays[0, :, 0])).tolist():
        reasons.setdefault(i, NO_RAY)
    unplaced = tuple(Unplaced(class_names[i], float(score[i]), _as_box(boxes[i]), reasons[i])
                     for i in sorted(reasons))
    placed = [i for i in range(len(boxes)) if i not in reasons]
    if not placed:
        return Fused((), unplaced)
    found = [d for i, d in enumerate(depths) if isinstance(d, ObjectDepth) and i not in reasons]
    surface, position, size, covariance, cut = _place(clipped[placed], rays[:, placed], found,
                                                      camera, config, up)
    ranges, corners, scored, cuts = (values.tolist() for values in (
        np.linalg.norm(surface, axis=1), clipped[placed] + _HALF, score[placed], cut))
    objects = tuple(
        Object3D(class_names[i], scored[k], tuple(corners[k]), position[k], size[k],
                 covariance[k], ranges[k], found[k], cuts[k])
        for k, i in enumerate(placed))
    return Fused(objects, unplaced)


def _as_box(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = values.tolist()
    return x0, y0, x1, y1


def _to_depth_pixels(boxes: NDArray[np.float64], depth_m: NDArray[np.floating],
                     camera: CameraModel) -> NDArray[np.float64]:
    """Boxes at the depth map's resolution; pixel centres are whole numbers in both."""
    if depth_m.ndim != 2 or depth_m.shape == (camera.height, camera.width):
        return boxes
    height, width = depth_m.shape
    if abs(width / camera.width / (height / camera.height) - 1) > 0.02:
        raise ValueError(f"depth map is {width}x{height} and the image {camera.width}x"
                         f"{camera.height}: not the same view; register the depth to the image")
    scale = np.array([width / camera.width, height / camera.height] * 2)
    return (boxes + 0.5) * scale - 0.5


def _rays(boxes: NDArray[np.float64], camera: CameraModel) -> NDArray[np.float64]:
    """Rays (5, N, 3) through the middles of boxes, and of their left, right, top and bottom sides.

    A side without a ray lies as far from the middle as the other one, or as it would without
    distortion. Boxes as the camera model has pixels: their centres are whole numbers.
    """
    x0, y0, x1, y1 = boxes.T
    u, v = (x0 + x1) / 2, (y0 + y1) / 2
    pixels = np.stack([np.stack(pair, 1) for pair in ((u, v), (x0, v), (x1, v), (u, y0), (u, y1))])
    rays = camera.rays(pixels.reshape(-1, 2)).reshape(5, -1, 3)
    blind = np.isnan(rays)
    if not blind.any():
        return rays
    straight = np.zeros_like(rays)
    straight[..., :2] = (pixels - pixels[0]) / (camera.fx, camera.fy)
    other = 2 * rays[0] - rays[[0, 2, 1, 4, 3]]
    sides: NDArray[np.float64] = np.where(np.isnan(other), rays[0] + straight, other)
    return np.where(blind, sides, rays)


def _place(boxes: NDArray[np.float64], rays: NDArray[np.float64], depths: list[ObjectDepth],
           camera: CameraModel, config: FusionConfig, up: NDArray[np.float64] | None
           ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64],
                      NDArray[np.float64], NDArray[np.bool_]]:
    """Surface points and positions (N, 3), sizes (N, 3), covariances (N, 3, 3), cut or not (N,).

    Boxes and rays as of `_rays`.
    """
    x0, y0, x1, y1 = boxes.T
    centre, left, right, top, bottom = rays
    z = np.array([d.depth_m for d in depths])
    z_std = np.array([d.std_m for d in depths])
    extent = np.array([d.extent_m for d in depths])
    sides = np.stack([right[:, 0] - left[:, 0], bottom[:, 1] - top[:, 1]], 1)  # at unit depth
    upright = sides[:, 1] > _UPRIGHT * sides[:, 0]
    if config.depth_anchor != "surface" and up is not None:
        full = np.where(upright, np.minimum(_lean(centre, bottom, sides.max(1), up), _MOST_LEAN),
                        0.0) * z
        # The steeper the camera, the more may what looks upright lie along the view.
        stands = np.interp(abs(up[2]), (_STANDS, _LIES), (1.0, 0.0))
        nearer = stands * full
        # How high is what looks as wide as high from above? Its share is that of what is flat.
        unsure = np.where(upright, np.hypot(_LEAN_STD * nearer, (full - nearer) / 2),
                          sides.min(1) * z * up[2] ** 2)
        z, z_std = z - nearer, np.hypot(z_std, unsure)
    pixel_sides = np.stack([x1 - x0, y1 - y0], 1)
    cut_xy = np.stack([(x0 <= 0.5) | (x1 >= camera.width - 1.5),
                       (y0 <= 0.5) | (y1 >= camera.height - 1.5)], 1)
    jitter = np.hypot(config.box_std_rel, config.box_std_px / pixel_sides)
    across = sides * np.hypot(jitter, np.where(cut_xy, _CUT_STD, 0))
    across = np.hypot(across, config.focal_std_rel * centre[:, :2])
    shorter = sides.min(1) * z
    length = np.linalg.norm(centre, axis=1)
    body_std = _BODY_STD * shorter / length if config.body_ratio else 0.0
    jacobian = np.zeros((len(z), 3, 3))
    jacobian[:, 0, 0] = across[:, 0] * z
    jacobian[:, 1, 1] = across[:, 1] * z
    jacobian[:, :, 2] = centre * np.hypot(z_std, body_std)[:, None]
    covariance = jacobian @ jacobian.transpose(0, 2, 1)
    size = np.column_stack([sides * z[:, None], np.maximum(extent, 2 * z_std)])
    cut: NDArray[np.bool_] = np.any(cut_xy, axis=1)
    surface = centre * z[:, None]
    behind = np.full(len(z), config.body_ratio)
    if config.depth_anchor != "surface":
        behind *= np.where(upright, 0.0, _BODY_BEHIND_CONTACT)
    position = surface + centre * (behind * shorter / length)[:, None]
    return surface, position, np.maximum(size, _LEAST_SIZE_M), covariance, cut


def _lean(centre: NDArray[np.float64], bottom: NDArray[np.float64], longer: NDArray[np.float64],
          up: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much nearer than its feet the middle of an upright thing is, as a share of their depth.

    Shape (N,); 0 in a level camera. The middle lies as high above the feet as the ray of the box's
    middle passes over them, but no higher than the longer side of the box is long: seen from right
    above, that ray tells nothing of heights.

    Args:
        centre, bottom: rays (N, 3) through the middles of boxes and of their lower sides.
        longer: (N,), the longer sides at unit depth.
        up: unit vector in the optical frame.
    """
    # Over the feet, at height s: (bottom + s up) crosses the ray in the image's vertical plane.
    steepness = np.minimum(up[1] - centre[:, 1] * up[2], -1e-6)
    height = np.clip((centre[:, 1] - bottom[:, 1]) / steepness, 0.0, longer)
    return -height * up[2]
