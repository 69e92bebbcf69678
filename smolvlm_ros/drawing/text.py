"""Text and translucent areas on RGB images.

OpenCV's fonts know ASCII only and have sizes relative to their own; here sizes are the height of
capitals in pixels, and other characters become their nearest ASCII or '?'.
"""
from __future__ import annotations

import unicodedata
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
Colour = tuple[int, int, int]

INK: Colour = (24, 27, 31)
PAPER: Colour = (245, 246, 247)
GREY: Colour = (160, 168, 176)
YES: Colour = (76, 195, 122)
NO: Colour = (233, 98, 88)
MAYBE: Colour = (240, 182, 70)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL_PX = 21.0  # at font scale 1
_PLAIN = {ord(c): p for c, p in zip("\u2013\u2014\u2212\u2018\u2019\u201c\u201d\u00b7\u00d7\n",
                                    "---''\"\".x ", strict=True)}
_PLAIN |= {ord("\u2026"): "..", ord("\u00b1"): "+-"}
# Fully saturated colours that differ in hue and lightness (after Okabe and Ito, 2008).
_CLASS_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233), (230, 159, 0), (0, 190, 140), (240, 228, 66), (213, 94, 0), (204, 121, 167),
    (120, 150, 255), (170, 220, 120))
_FIXED: dict[str, Colour] = {"person": (0, 200, 235), "moving": (200, 204, 210)}


def checked_rgb(image: Any, name: str = "image") -> Image:
    """`image` itself.

    Raises:
        ValueError: when it is no (H, W, 3) uint8 array with pixels.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or (
            image.ndim != 3 or image.shape[2] != 3 or image.size == 0):
        have = (f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray)
                else type(image).__name__)
        raise ValueError(f"{name} is {have}, expected uint8 (H, W, 3) in RGB order")
    return image


def class_colour(name: str) -> Colour:
    """A colour for a class, the same in every process (Python's own hash is not)."""
    if name in _FIXED:
        return _FIXED[name]
    return _CLASS_COLOURS[sum(i * b for i, b in enumerate(name.encode(), 1)) % len(_CLASS_COLOURS)]


def text_height(image_height: int) -> int:
    """Height of capitals, in pixels, that reads well on an image of that height."""
    return int(np.clip(round(image_height * 0.027), 9, 40))


def ascii_text(text: str) -> str:
    """`text` in printable ASCII: no accents, plain dashes and quotes, '?' for the rest."""
    parts = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c if " " <= c <= "~" else "" if unicodedata.combining(c) else "?" for c in parts)


def text_size(text: str, height_px: float) -> tuple[int, int]:
    """Width of `text`, and the height it needs with its descenders, in pixels."""
    (width, _), _ = cv2.getTextSize(ascii_text(text), _FONT, height_px / _CAPITAL_PX,
                                    _weight(height_px))
    return width, int(round(height_px * 1.45))


def put_text(image: Image, text: str, x: float, y: float, height_px: float, colour: Colour) -> None:
    """Write `text` with the upper left of its capitals at (x, y); changes `image`."""
    origin = (int(round(x)), int(round(y + height_px)))
    cv2.putText(image, ascii_text(text), origin, _FONT, height_px / _CAPITAL_PX, colour,
                _weight(height_px), cv2.LINE_AA)


def fitted(text: str, height_px: float, width: int) -> str:
    """`text`, cut with '..' where it is wider than `width` pixels; may become empty."""
    text = ascii_text(text)
    if text_size(text, height_px)[0] <= width:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest part that fits
        middle = (low + high + 1) // 2
        if text_size(text[:middle] + "..", height_px)[0] <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + ".." if low else ""


def wrapped(text: str, height_px: float, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels, broken at spaces; a longer word is cut."""
    lines: list[str] = []
    for word in ascii_text(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_size(longer, height_px)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(word, height_px, width))
    return lines


def shade(image: Image, x0: int, y0: int, x1: int, y1: int, colour: Colour, alpha: float) -> None:
    """Lay a translucent rectangle over `image`, cut at its border; changes `image`."""
    height, width = image.shape[:2]
    area = np.s_[max(0, y0):min(height, max(0, y1)), max(0, x0):min(width, max(0, x1))]
    if image[area].size:
        image[area] = (image[area] * (1.0 - alpha) + np.array(colour) * alpha).astype(np.uint8)


def readable_on(colour: Colour) -> Colour:
    """Dark or light ink, whichever stands out on `colour` (luma of ITU-R BT.601)."""
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return INK if luma > 120 else PAPER


def _weight(height_px: float) -> int:
    return max(1, int(round(height_px / 9.0)))
