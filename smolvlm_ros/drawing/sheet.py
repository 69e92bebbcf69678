"""A contact sheet: pictures side by side, each with its title and what there is to say."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smolvlm_ros.drawing import text
from smolvlm_ros.drawing.text import Colour, Image

_BACKGROUND: Colour = (17, 19, 22)
_CARD: Colour = (30, 33, 38)
_RULE: Colour = (56, 61, 68)


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a sheet.

    Attributes:
        image_rgb: shape (H, W, 3) uint8.
        title: one line above it.
        caption: below it, wrapped to at most two lines.
        accent: colour of the bar beside the title.
    """

    image_rgb: Image
    title: str
    caption: str = ""
    accent: Colour = (0, 200, 235)

    def __post_init__(self) -> None:
        text.checked_rgb(self.image_rgb, f"panel {self.title!r}")


def contact_sheet(panels: Sequence[Panel], *, columns: int = 4, cell_width: int = 480,
                  title: str = "", footer: Sequence[str] = ()) -> Image:
    """Set panels in rows, from left to right.

    Args:
        panels: at least one; each is scaled into its cell with its aspect kept.
        columns: panels in a row; fewer when there are fewer.
        cell_width: of a panel, in pixels, at least 120. Text grows with it.
        title: above all; empty for none.
        footer: lines below all, each cut where it is too long.

    Returns:
        shape (H, W, 3) uint8, RGB.

    Raises:
        ValueError: when there is no panel or a number is too small.
    """
    if not panels:
        raise ValueError("a contact sheet needs at least one panel")
    if columns < 1 or cell_width < 120:
        raise ValueError(f"contact sheet has {columns} columns of {cell_width} pixels; expected at "
                         "least 1 column of 120 pixels")
    columns = min(columns, len(panels))
    size = max(8, round(cell_width / 40))
    gap = size
    rows = [panels[i:i + columns] for i in range(0, len(panels), columns)]
    width = columns * cell_width + (columns + 1) * gap
    strips = [np.full((gap, width, 3), _BACKGROUND, np.uint8)]
    if title:
        strips.append(_line(title, width, gap, round(size * 1.6), text.PAPER))
    for row in rows:
        strips.append(_row(row, width, cell_width, gap, size))
        strips.append(np.full((gap, width, 3), _BACKGROUND, np.uint8))
    strips += [_line(words, width, gap, size, text.GREY) for words in footer]
    return np.vstack(strips)


def text_panel(lines: Sequence[tuple[str, Colour]], width: int, height: int, *,
               headline: str = "", headline_colour: Colour = text.PAPER) -> Image:
    """A picture of words, for a verdict.

    Args:
        lines: texts with their colours, each wrapped; what does not fit is left out, and '..' says
            so.
        width, height: in pixels.
        headline: in large letters above them ('YES', 'ABSTAINED').
        headline_colour: RGB.

    Returns:
        shape (height, width, 3) uint8, RGB.
    """
    image = np.full((height, width, 3), _CARD, np.uint8)
    size = text.text_height(height)
    pad, y = size * 2, size * 2
    if headline:
        large = min(size * 3, height // 4)
        while large > size and text.text_size(headline, large)[0] > width - 2 * pad:
            large -= 1
        text.put_text(image, text.fitted(headline, large, width - 2 * pad), pad, y, large,
                      headline_colour)
        y += large + size * 2
        cv2.line(image, (pad, y - size), (width - pad, y - size), _RULE, 1)
    for words, colour in lines:
        for line in text.wrapped(words, size, width - 2 * pad):
            if y + 2 * size > height:
                text.put_text(image, "..", pad, height - size * 1.4, size, text.GREY)
                return image
            text.put_text(image, line, pad, y, size, colour)
            y += round(size * 1.8)
        y += round(size * 0.6)
    return image


def _line(words: str, width: int, gap: int, size: int, colour: Colour) -> Image:
    strip = np.full((size + 2 * gap, width, 3), _BACKGROUND, np.uint8)
    text.put_text(strip, text.fitted(words, size, width - 2 * gap), gap, gap // 2, size, colour)
    return strip


def _row(row: Sequence[Panel], width: int, cell: int, gap: int, size: int) -> Image:
    """Cards of one height: as high as the row's highest picture, at most a square."""
    picture = max(min(math.ceil(p.image_rgb.shape[0] * cell / p.image_rgb.shape[1]), cell)
                  for p in row)
    captions = [text.wrapped(p.caption, size, cell - 2 * gap)[:2] for p in row]
    bar = size * 2 + gap // 2
    foot = max(len(lines) for lines in captions) * round(size * 1.7)
    foot += gap if foot else 0
    strip = np.full((bar + picture + foot, width, 3), _BACKGROUND, np.uint8)
    for i, (panel, lines) in enumerate(zip(row, captions, strict=True)):
        x = gap + i * (cell + gap)
        strip[:, x:x + cell] = _CARD
        cv2.rectangle(strip, (x, 0), (x + max(2, size // 3), bar - 1), panel.accent, -1)
        text.put_text(strip, text.fitted(panel.title, size, cell - 2 * gap), x + gap,
                      (bar - size) / 2, size, text.PAPER)
        _place(strip[bar:bar + picture, x:x + cell], panel.image_rgb)
        for k, line in enumerate(lines):
            text.put_text(strip, line, x + gap, bar + picture + gap * 0.6 + k * size * 1.7, size,
                          text.GREY)
    return strip


def _place(cell: Image, image: Image) -> None:
    """Scale the picture into the cell, in the middle, with its aspect kept; changes `cell`."""
    height, width = image.shape[:2]
    scale = min(cell.shape[1] / width, cell.shape[0] / height)
    size = (max(1, min(cell.shape[1], round(width * scale))),
            max(1, min(cell.shape[0], round(height * scale))))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if (height, width) == (1, 1):  # which OpenCV 4.5 refuses
        image = np.repeat(image, 2, axis=1)
    scaled = cv2.resize(image, size, interpolation=method)
    y, x = (cell.shape[0] - size[1]) // 2, (cell.shape[1] - size[0]) // 2
    cell[y:y + size[1], x:x + size[0]] = scaled
