"""The walking person of the demo scene: limbs as capsules on an upright plane at a known place."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]

HEIGHT_M = 1.76
_STRIDE_M = 1.45  # two steps
_HIP, _KNEE, _SHOULDER, _NECK = 0.93, 0.49, 1.44, 1.50
_UPPER_ARM, _FOREARM = 0.30, 0.27
_LIGHT = -0.35  # the window is on the left; highlights move there, in shares of the radius

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Clothes:
    """Colours in BGR."""

    jacket: Colour
    trousers: Colour
    skin: Colour = (140, 170, 205)
    hair: Colour = (30, 38, 48)
    shoes: Colour = (28, 30, 34)


@dataclass(frozen=True)
class Shape:
    """A filled outline in the figure's plane, metres: x to the right, y up from the floor."""

    outline: Points
    colour: Colour


def walking_figure(walked_m: float, swing: float, heading: int, clothes: Clothes) -> list[Shape]:
    """The figure's shapes, back to front.

    Args:
        walked_m: way gone so far, which sets the phase of the gait.
        swing: 0 standing, 1 walking.
        heading: -1 when walking to the camera's left, 1 to its right.
        clothes: colours.
    """
    phase = 2 * math.pi * walked_m / _STRIDE_M
    bob = 0.015 * swing * math.cos(2 * phase)
    far, near = _dimmed(clothes, 0.78), clothes
    shapes: list[Shape] = []
    stance = 0.075 * (1 - swing)
    shapes += _arm(-1, math.sin(phase + math.pi) * -swing, heading, bob, swing, far)
    shapes += _leg(math.sin(phase + math.pi) * swing, -stance, heading, bob, far)
    shapes += _leg(math.sin(phase) * swing, stance, heading, bob, near)
    shapes += _torso(bob, swing, near)
    shapes += _head(bob, heading, swing, near)
    shapes += _arm(1, math.sin(phase) * -swing, heading, bob, swing, near)
    return shapes


def draw_figure(image: NDArray[np.uint8], mask: NDArray[np.uint8],
                shapes: list[tuple[Points, Colour]]) -> None:
    """Fill outlines given in pixels into `image` and, in full, into `mask` (both changed).

    Drawn at twice the size in the part of the image that the figure covers, then reduced, so that
    edges are as soft as a lens makes them.
    """
    corners = np.concatenate([outline for outline, _ in shapes])
    height, width = mask.shape
    low = np.clip(np.floor(corners.min(0)).astype(int) - 3, 0, (width, height))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 4, 0, (width, height))
    if (high <= low).any():
        return
    view = np.s_[low[1]:high[1], low[0]:high[0]]
    size = (high - low) * 2
    canvas = cv2.resize(image[view], tuple(int(v) for v in size), interpolation=cv2.INTER_LINEAR)
    cover = np.zeros(canvas.shape[:2], np.uint8)
    for outline, colour in shapes:
        # Pixel centres: pixel u lies at 2u + 0.5 of the doubled image. Four bits below the pixel.
        fine = np.round(((outline - low) * 2 + 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [fine], colour, cv2.LINE_AA, 4)
        cv2.fillPoly(cover, [fine], 255, cv2.LINE_AA, 4)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 1.0)
    size_out = tuple(int(v) for v in high - low)
    alpha = cv2.resize(cv2.GaussianBlur(cover, (0, 0), 1.0), size_out, interpolation=cv2.INTER_AREA)
    share = (alpha.astype(np.float32) / 255.0)[..., None]
    drawn = cv2.resize(canvas, size_out, interpolation=cv2.INTER_AREA)
    image[view] = (drawn * share + image[view] * (1 - share)).astype(np.uint8)
    mask[view] = np.maximum(mask[view], alpha)


def _leg(swing: float, stance: float, heading: int, bob: float, clothes: Clothes) -> list[Shape]:
    angle = 0.45 * swing * heading
    bend = (0.75 * max(0.0, -swing) ** 1.5 + 0.04) * heading  # the lower leg lags when it is behind
    hip = np.array([stance * 0.8, _HIP + bob])
    knee = hip + (_HIP - _KNEE) * np.array([math.sin(angle), -math.cos(angle)])
    lower = angle - bend
    ankle = knee + (_KNEE - 0.09) * np.array([math.sin(lower), -math.cos(lower)])
    ankle[0] += stance * 0.35
    toe = ankle + np.array([0.13 * heading, -0.045 - 0.03 * max(0.0, -swing)])
    return [*_limb(ankle + (-0.02 * heading, -0.04), toe, 0.048, 0.035, clothes.shoes),
            *_limb(knee, ankle, 0.072, 0.052, clothes.trousers),
            *_limb(hip, knee, 0.098, 0.075, clothes.trousers)]


def _arm(side: int, swing: float, heading: int, bob: float, walking: float,
         clothes: Clothes) -> list[Shape]:
    shoulder = np.array([side * (0.205 - 0.10 * walking), _SHOULDER - 0.04 + bob])
    angle = 0.42 * swing * heading + side * 0.10 * (1 - walking)
    elbow = shoulder + _UPPER_ARM * np.array([math.sin(angle), -math.cos(angle)])
    lower = angle + (0.12 + 0.25 * max(0.0, swing)) * heading * walking
    wrist = elbow + _FOREARM * np.array([math.sin(lower), -math.cos(lower)])
    hand = wrist + 0.05 * np.array([math.sin(lower), -math.cos(lower)])
    return [*_limb(wrist, hand, 0.038, 0.036, clothes.skin),
            *_limb(elbow, wrist, 0.052, 0.042, clothes.jacket),
            *_limb(shoulder, elbow, 0.066, 0.054, clothes.jacket)]


def _torso(bob: float, walking: float, clothes: Clothes) -> list[Shape]:
    """Shoulders are narrower when the person walks across the view and shows its side."""
    wide = 1.0 - 0.22 * walking
    pelvis, chest = np.array([0.0, _HIP + 0.02 + bob]), np.array([0.0, _SHOULDER - 0.10 + bob])
    yoke = np.array([0.13 * wide, _SHOULDER - 0.055 + bob])
    return [*_limb(pelvis, pelvis + (0, 0.1), 0.165 * wide, 0.165 * wide, clothes.trousers),
            *_limb(pelvis + (0, 0.1), chest, 0.170 * wide, 0.205 * wide, clothes.jacket),
            *_limb(yoke * (-1, 1), yoke, 0.088, 0.088, clothes.jacket)]


def _head(bob: float, heading: int, walking: float, clothes: Clothes) -> list[Shape]:
    neck = np.array([0.0, _NECK - 0.02 + bob])
    centre = np.array([0.012 * heading * walking, HEIGHT_M - 0.125 + bob])
    hair = centre + np.array([-0.022 * heading * walking, 0.025])
    return [*_limb(neck, centre, 0.058, 0.058, clothes.skin),
            *_oval(hair, 0.098, 0.118, clothes.hair),
            *_oval(centre + (0.018 * heading * walking, -0.02), 0.080, 0.103, clothes.skin),
            Shape(_ellipse(hair + (0, 0.062), 0.088, 0.052), clothes.hair)]


def _limb(a: Points, b: Points, ra: float, rb: float, colour: Colour) -> list[Shape]:
    """A capsule with a darker rim and a lighter core on the side of the light."""
    layers = []
    for share, shift, gain in ((1.0, 0.0, 0.80), (0.80, 0.45, 0.95), (0.42, 0.85, 1.10)):
        offset = np.array([_LIGHT * shift, 0.0])
        layers.append(Shape(_capsule(a + offset * ra, b + offset * rb, ra * share, rb * share),
                            _scaled(colour, gain)))
    return layers


def _oval(centre: Points, rx: float, ry: float, colour: Colour) -> list[Shape]:
    shifted = centre + (_LIGHT * rx * 0.4, 0.0)
    return [Shape(_ellipse(centre, rx, ry), _scaled(colour, 0.82)),
            Shape(_ellipse(shifted, rx * 0.75, ry * 0.85), colour)]


def _ellipse(centre: Points, rx: float, ry: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.asarray(centre) + np.column_stack([rx * np.cos(angle), ry * np.sin(angle)])


def _capsule(a: Points, b: Points, ra: float, rb: float) -> Points:
    """Outline of the convex hull of two circles."""
    circles = np.concatenate([_ellipse(a, ra, ra), _ellipse(b, rb, rb)])
    return cv2.convexHull(circles.astype(np.float32))[:, 0].astype(np.float64)


def _scaled(colour: Colour, gain: float) -> Colour:
    b, g, r = (min(255, int(round(c * gain))) for c in colour)
    return b, g, r


def _dimmed(clothes: Clothes, gain: float) -> Clothes:
    return Clothes(_scaled(clothes.jacket, gain), _scaled(clothes.trousers, gain),
                   _scaled(clothes.skin, gain), clothes.hair, _scaled(clothes.shoes, gain))
