"""A drawn face and a drawn licence plate, good enough to be found as such."""
from __future__ import annotations

import cv2
import numpy as np

WALL = (120, 130, 125)


def room(height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), WALL, np.uint8)


def face(size: int, eyes: tuple[int, int, int] = (30, 20, 20)) -> np.ndarray:
    """(size, size, 3) RGB: hair, brows, eyes, nose and mouth in front of a wall."""
    image = room(size, size)
    middle, scale = size // 2, size / 160

    def ellipse(x: float, y: float, a: float, b: float, colour: tuple[int, int, int]) -> None:
        cv2.ellipse(image, (int(middle + x * scale), int(middle + y * scale)),
                    (int(a * scale), int(b * scale)), 0, 0, 360, colour, -1, cv2.LINE_AA)

    ellipse(0, -14, 54, 62, (60, 40, 30))
    ellipse(0, 6, 46, 60, (205, 165, 140))
    for x in (-19, 19):
        ellipse(x, -12, 13, 7, (150, 110, 90))
        ellipse(x, -10, 10, 5, (240, 240, 240))
        ellipse(x, -10, 5, 5, eyes)
        ellipse(x, -24, 14, 3, (50, 35, 30))
    ellipse(0, 10, 5, 14, (220, 180, 155))
    ellipse(0, 20, 9, 4, (150, 105, 90))
    ellipse(0, 38, 18, 5, (140, 60, 60))
    ellipse(0, -38, 40, 14, (60, 40, 30))
    return cv2.GaussianBlur(image, (0, 0), 1.2 * scale)


def with_face(size: int, x: int, y: int, height: int = 240, width: int = 320) -> np.ndarray:
    """A room with a face whose upper left corner lies at (x, y)."""
    image = room(height, width)
    image[y:y + size, x:x + size] = face(size)
    return image


def plate(text: str = "A 123 BC 77") -> np.ndarray:
    """(300, 480, 3) RGB: a plate of 240x52 px at (120, 120) on a dark car."""
    image = np.full((300, 480, 3), 70, np.uint8)
    cv2.rectangle(image, (120, 120), (360, 172), (245, 245, 245), -1)
    cv2.rectangle(image, (120, 120), (360, 172), (20, 20, 20), 2)
    cv2.putText(image, text, (130, 158), cv2.FONT_HERSHEY_SIMPLEX, 1.05, (15, 15, 15), 3,
                cv2.LINE_AA)
    return image
