"""Sequences the gate's tests draw: a textured view, cameras that move over it, things before it."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate import GateConfig, GateDecision, MotionGate, Reason

WIDTH, HEIGHT, FPS = 320, 240, 15.0
Frame = NDArray[np.float32]


def _canvas() -> Frame:
    random = np.random.default_rng(3)
    canvas = np.zeros((480, 720), np.float32)
    for cell, share in ((8, 0.3), (24, 1.0), (72, 1.0)):
        grid = random.random((480 // cell + 2, 720 // cell + 2)).astype(np.float32)
        canvas += share * cv2.resize(grid, (720, 480), interpolation=cv2.INTER_LINEAR)
    canvas = (canvas - canvas.min()) / np.ptp(canvas)
    return np.asarray(40 + 160 * canvas, np.float32)


_CANVAS = _canvas()


def view(dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0, roll_deg: float = 0.0) -> Frame:
    """What a camera sees that looks dx, dy pixels right and down of the canvas's middle."""
    matrix = cv2.getRotationMatrix2D((360 + dx, 240 + dy), roll_deg, zoom)
    matrix[:, 2] += (WIDTH / 2 - 360 - dx, HEIGHT / 2 - 240 - dy)
    return np.asarray(cv2.warpAffine(_CANVAS, matrix, (WIDTH, HEIGHT)), np.float32)


def boxed(frame: Frame, x: float, y: float = 90.0, width: int = 28, height: int = 60,
          level: float = 240.0) -> Frame:
    """The frame with a bright thing in it, its left upper corner at x, y."""
    drawn = frame.copy()
    cv2.rectangle(drawn, (round(x), round(y)), (round(x) + width, round(y) + height), level, -1)
    return drawn


def as_image(frame: Frame, index: int, noise: float = 1.5, colour: bool = True
             ) -> NDArray[np.uint8]:
    """The frame as a camera gives it: noise, uint8, three channels."""
    random = np.random.default_rng(index)
    grey = frame + random.normal(0, noise, frame.shape)
    image = np.clip(grey, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.dstack([image] * 3)) if colour else image


def play(draw: Callable[[int], Frame], frames: int, config: GateConfig | None = None,
         noise: float = 1.5, gate: MotionGate | None = None, start: int = 0) -> list[GateDecision]:
    """The gate's decisions on the drawn frames `start` to `frames`."""
    gate = gate or MotionGate(config)
    return [gate.step(as_image(draw(i), i, noise), i / FPS) for i in range(start, frames)]


def passed(decisions: Sequence[GateDecision], reason: Reason | None = None) -> list[int]:
    """Indices of the frames that passed, for that reason or any."""
    return [i for i, d in enumerate(decisions) if d.open and reason in (None, d.reason)]


STILL = view()


def walker(i: int, onset: int = 30, speed: float = 5.0) -> Frame:
    """A thing that comes in from the left at frame `onset` and leaves on the right."""
    return boxed(STILL, (i - onset) * speed - 28) if i >= onset else STILL


def shaken(i: int, pixels: float = 2.0) -> Frame:
    """The view of a camera that shakes by so many pixels (standard deviation)."""
    return view(*np.random.default_rng(100 + i).normal(0, pixels, 2))


STILL_WORK = np.asarray(cv2.resize(view(), (160, 120), interpolation=cv2.INTER_AREA), np.float32)
"""The view at the work size, shape (120, 160) float32."""
