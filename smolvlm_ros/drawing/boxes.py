"""Boxes with what is known of them, over an image."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smolvlm_ros.drawing import text
from smolvlm_ros.drawing.text import Colour, Image

Rect = tuple[int, int, int, int]


@dataclass(frozen=True)
class BoxLabel:
    """One box and its label.

    Attributes:
        xyxy: left, top, right, bottom in pixels; may reach over the image's border.
        class_name: decides the colour.
        score: 0 to 1; None to leave it out.
        metres: distance; None or NaN when it is not known, which is shown as '? m'.
        track_id: identity, shown after '#'; empty for none.
        zone_state: what to say of zones ('door: inside 3 s'); when given, the box stands out.
    """

    xyxy: tuple[float, float, float, float]
    class_name: str
    score: float | None = None
    metres: float | None = None
    track_id: str = ""
    zone_state: str = ""

    def __post_init__(self) -> None:
        box = tuple(float(v) for v in self.xyxy)
        if len(box) != 4 or not all(map(math.isfinite, box)):
            raise ValueError(f"box is {self.xyxy!r}, expected four finite numbers: left, top, "
                             "right, bottom")
        object.__setattr__(self, "xyxy", box)

    def caption(self) -> str:
        """'person #4 3.2 m 87 %'."""
        known = self.metres is not None and math.isfinite(self.metres)
        parts = [self.class_name, f"#{self.track_id}" if self.track_id else "",
                 f"{self.metres:.1f} m" if known else "? m",
                 f"{self.score * 100:.0f}%" if self.score is not None else ""]
        return " ".join(p for p in parts if p)


def annotate(image_rgb: Image, boxes: Sequence[BoxLabel], status: str = "", *,
             show_distance: bool = True) -> Image:
    """A copy of the image with boxes, their labels and a status line.

    Args:
        image_rgb: shape (H, W, 3) uint8.
        boxes: drawn in their order; those that do not touch the image are left out.
        status: one line at the bottom, made smaller and then cut to fit; empty for none.
        show_distance: False where there is no depth at all, so that labels carry no '? m'.

    Returns:
        shape (H, W, 3) uint8.

    Raises:
        ValueError: when the image is no RGB image.
    """
    result = text.checked_rgb(image_rgb).copy()
    height, width = result.shape[:2]
    size = text.text_height(height)
    taken: list[Rect] = []
    visible = [b for b in boxes if b.xyxy[0] < width and b.xyxy[1] < height
               and b.xyxy[2] > 0 and b.xyxy[3] > 0]
    for box in visible:
        _draw_box(result, box, size)
    for box in visible:  # labels over all boxes
        _draw_label(result, box, size, taken, show_distance)
    if status:
        _draw_status(result, status, size)
    return result


def _draw_box(image: Image, box: BoxLabel, size: int) -> None:
    """A fine outline with strong corners: shows the bounds and hides little."""
    height, width = image.shape[:2]
    colour = text.class_colour(box.class_name)
    x0, y0, x1, y1 = (int(round(min(max(v, 0), limit))) for v, limit in
                      zip(box.xyxy, (width - 1, height - 1) * 2, strict=True))
    fine = max(1, size // 6)
    if box.zone_state:
        text.shade(image, x0, y0, x1, y1, colour, 0.16)
    cv2.rectangle(image, (x0, y0), (x1, y1), colour, fine)
    arm = max(2, min(x1 - x0, y1 - y0) // 4)
    strong = fine * 2 + (2 if box.zone_state else 1)
    for x, y, dx, dy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
        corner = np.array([[x + dx * arm, y], [x, y], [x, y + dy * arm]], np.int32)
        cv2.polylines(image, [corner], False, colour, strong)


def _draw_label(image: Image, box: BoxLabel, size: int, taken: list[Rect],
                show_distance: bool) -> None:
    height, width = image.shape[:2]
    colour = text.class_colour(box.class_name)
    caption = box.caption() if show_distance else box.caption().replace(" ? m", "")
    pad = max(2, size // 3)
    caption = text.fitted(caption, size, width - 2 * pad)
    state = text.fitted(box.zone_state, size, width - 2 * pad) if box.zone_state else ""
    inner = max(text.text_size(line, size)[0] for line in (caption, state))
    row = size + 2 * pad
    x0, y0 = _free_place(box, inner + 2 * pad, row * (2 if state else 1), (width, height), taken)
    cv2.rectangle(image, (x0, y0), (x0 + inner + 2 * pad, y0 + row - 1), colour, -1)
    text.put_text(image, caption, x0 + pad, y0 + pad, size, text.readable_on(colour))
    if state:
        cv2.rectangle(image, (x0, y0 + row), (x0 + inner + 2 * pad, y0 + 2 * row - 1), text.INK, -1)
        text.put_text(image, state, x0 + pad, y0 + row + pad, size, text.MAYBE)


def _free_place(box: BoxLabel, width: int, height: int, limits: tuple[int, int],
                taken: list[Rect]) -> tuple[int, int]:
    """Upper left corner for a label, as near to its box as one can be where none lies yet.

    Above the box, below it, inside it; then, where all of these are taken, row by row away from it.
    """
    left, top, right, bottom = (int(round(v)) for v in box.xyxy)
    farthest = (max(0, limits[0] - width), max(0, limits[1] - height))
    columns = [min(max(0, x), farthest[0]) for x in (left, right - width)]
    rows = [top - height, bottom, max(0, top)]
    for step in range(1, limits[1] // height + 1):
        rows += [top - (step + 1) * height, bottom + step * height]
    places = [(x, y) for y in rows if 0 <= y <= farthest[1] for x in columns]
    places = places or [(columns[0], min(max(0, top), farthest[1]))]
    x, y = next((p for p in places if not any(
        p[0] < r[2] and p[0] + width > r[0] and p[1] < r[3] and p[1] + height > r[1]
        for r in taken)), places[0])
    taken.append((x, y, x + width, y + height))
    return x, y


def _draw_status(image: Image, status: str, size: int) -> None:
    height, width = image.shape[:2]
    pad = max(3, size // 2)
    while size > 8 and text.text_size(status, size)[0] > width - 2 * pad:
        size -= 1
    top = height - size - 2 * pad
    text.shade(image, 0, top, width, height, text.INK, 0.72)
    text.put_text(image, text.fitted(status, size, width - 2 * pad), pad, top + pad, size,
                  text.PAPER)


def verdict_colour(answer: str) -> Colour:
    """Green for yes, red for no, amber for all else: the colour of a verdict."""
    return {"yes": text.YES, "no": text.NO}.get(answer.lower(), text.MAYBE)
