"""Faces and licence plates made unrecognisable before an image leaves the robot or is kept.

Two means for faces. The head part of each given person box is a certain one: it needs no face to be
found. OpenCV's bundled Haar cascades (Apache-2.0, Viola and Jones 2001) find further faces, and
plates. What is covered keeps a few coarse, quantised colours for a head and one colour for a
plate, so there is nothing to sharpen.

Limits: cascades find upright faces seen from the front or the side, of some 20 px and more, and
miss many others; the plates' were trained on Russian plates, which European ones resemble and
others do not. A person without a box whose face they miss, a reflection, a screen, a tattoo or the
clothes are not covered. This lowers the risk; it does not anonymise.
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.remote.picture import shrunk
from smolvlm_ros.settings import Settings, setting

Box = tuple[float, float, float, float]

_FRONTAL = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
_PROFILE = "haarcascade_profileface.xml"
_PLATES = ("haarcascade_russian_plate_number.xml", "haarcascade_license_plate_rus_16stages.xml")
_OLD_NAMES = {_PLATES[1]: "haarcascade_licence_plate_rus_16stages.xml"}  # up to OpenCV 4.6
_FOLDERS = ("/usr/share/opencv4/haarcascades", "/usr/share/opencv/haarcascades")
SEARCH_EDGE = 640  # a smaller image is enlarged to this, so that small faces are found
_MAX_SEARCH_EDGE = 1024
_MAX_ENLARGED = 3.0  # faces of 7 px are found then; smaller ones show nobody
_FACE_PX = (20, 20)
_PLATE_PX = (30, 10)
_FACE_STEP = 1.15  # between the sizes that are searched
_PLATE_STEP = 1.1
_FACE_MARGIN = 0.3
_PLATE_MARGIN = 0.25
_LEVELS = 32  # of 256: a covered colour is rounded to a multiple of this
# A standing body is at least 1.5 as high as wide, its head within the upper 0.3; cut off by the
# lower edge, the head can be most of what is left. A lying body is 7 heads long.
_UPRIGHT = 1.5
_HEAD_OF_WHOLE = 0.3
_HEAD_OF_CUT = 0.6
_HEADS_IN_BODY = 7
_BOX_MARGIN = 0.1

_lock = threading.Lock()  # a CascadeClassifier is not safe for several threads
_loaded: dict[str, cv2.CascadeClassifier] = {}


class PrivacyError(RuntimeError):
    """Faces and plates cannot be looked for; nothing may leave then."""


@dataclass(frozen=True)
class PrivacyConfig(Settings):
    """What is made unrecognisable before an image leaves the robot or is kept."""

    blur_faces: bool = setting(
        True, "Cover faces, and the head part of every person box, in what is sent to a server on "
        "another machine, in the memory's pictures and in recordings.", runtime=True)
    blur_plates: bool = setting(True, "Cover licence plates, likewise.", runtime=True)
    boxes_wait_s: float = setting(
        5.0, "How long a frame waits for the detections of its stamp before it is covered; then "
        "the boxes of its neighbours must do. Where a detector runs and has told of neither, "
        "scene_qa keeps and sends no picture; the anonymizer covers the faces that it finds.",
        unit="s", ge=0.0, le=60.0, runtime=True)
    cells: int = setting(2, "Coarse cells left across a head; 1 leaves one colour.", unit="cells",
                         ge=1, le=4, runtime=True)


@dataclass(frozen=True)
class Redacted:
    """An image without faces and plates.

    Attributes:
        image_rgb: (H, W, 3) uint8, a copy.
        heads: person boxes whose head part was covered.
        faces: faces found and covered.
        plates: plates found and covered.
    """

    image_rgb: NDArray[np.uint8]
    heads: int = 0
    faces: int = 0
    plates: int = 0


def redact(image_rgb: NDArray[np.uint8], person_boxes: Sequence[Box],
           config: PrivacyConfig, search_edge: int = SEARCH_EDGE) -> Redacted:
    """Cover faces and plates.

    Args:
        image_rgb: (H, W, 3) uint8.
        person_boxes: left, top, right, bottom of every person in this image, pixels.
        config: what is covered.
        search_edge: a smaller image is enlarged to this longer edge for the search, pixels.

    Raises:
        PrivacyError: the cascades are missing.
        ValueError: a box is not finite.
    """
    image = np.array(image_rgb, np.uint8)  # a copy: covering writes into it
    found_faces = faces(image_rgb, search_edge) if config.blur_faces else []
    found_plates = plates(image_rgb, search_edge) if config.blur_plates else []
    for box in found_plates:
        _cover(image, box, max(box[2] - box[0], box[3] - box[1]))
    for box in found_faces:
        _cover(image, box, (box[3] - box[1]) / config.cells)
    heads = list(person_boxes) if config.blur_faces else []
    for box in heads:
        part, head_px = head_part(box, image.shape[1], image.shape[0])
        _cover(image, part, head_px / config.cells)
    return Redacted(image, len(heads), len(found_faces), len(found_plates))


def shrunk_and_redacted(image_rgb: NDArray[np.uint8], person_boxes: Sequence[Box],
                        config: PrivacyConfig, max_edge_px: int) -> Redacted:
    """Scale an image down and cover it, in this order: what is covered is what leaves.

    Args:
        image_rgb: (H, W, 3) uint8.
        person_boxes: of every person, in pixels of this image.
        config: what is covered.
        max_edge_px: longer edge of what is made.

    Raises:
        PrivacyError, ValueError: see `redact` and `picture.shrunk`.
    """
    small = shrunk(image_rgb, max_edge_px)
    x, y = (small.shape[axis] / image_rgb.shape[axis] for axis in (1, 0))
    boxes = [(x0 * x, y0 * y, x1 * x, y1 * y) for x0, y0, x1, y1 in person_boxes]
    return redact(small, boxes, config)


def check_cascades(config: PrivacyConfig) -> None:
    """Load what `redact` needs, so that a lack of it is told early.

    Raises:
        PrivacyError: a cascade is missing.
    """
    with _lock:
        for name in (*(_FRONTAL if config.blur_faces else ()),
                     *((_PROFILE,) if config.blur_faces else ()),
                     *(_PLATES if config.blur_plates else ())):
            _cascade(name)


def head_part(box: Box, width: int, height: int) -> tuple[Box, float]:
    """The part of a person's box in which the head must be, and how large a head is there.

    A box that is clearly upright gives its upper part; any other one is covered as a whole, since
    the head of a lying or crouching person may be anywhere in it.

    Args:
        box: left, top, right, bottom in pixels.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        The part, with a margin for boxes that are a little off, and the least edge of a head in
        pixels.

    Raises:
        ValueError: the box is not finite.
    """
    if not np.isfinite(box).all():
        raise ValueError(f"person box {box} is none; expected finite left, top, right, bottom")
    # Of a box that leaves the image, what is shown counts: it may begin with the face.
    left, right = (min(max(value, 0.0), float(width)) for value in (box[0], box[2]))
    top, bottom = (min(max(value, 0.0), float(height)) for value in (box[1], box[3]))
    wide, high = max(right - left, 1.0), max(bottom - top, 1.0)
    cut_below = bottom >= height - 2
    cut = cut_below or left <= 1 or right >= width - 2
    if high >= _UPRIGHT * wide:
        share = _HEAD_OF_CUT if cut_below else _HEAD_OF_WHOLE
        bottom = top + share * high
        head_px = min(wide, bottom - top) / 2
    elif wide >= _UPRIGHT * high and not cut:
        head_px = max(wide / _HEADS_IN_BODY, 1.0)
    else:
        head_px = min(wide, high) / 2
    x, y = _BOX_MARGIN * wide, _BOX_MARGIN * (bottom - top)
    return (left - x, top - y, right + x, bottom + y), head_px


def faces(image_rgb: NDArray[np.uint8], search_edge: int = SEARCH_EDGE) -> list[Box]:
    """Boxes of faces, enlarged so that hair and chin are in them: front, both sides, and turned by
    a quarter."""
    gray, scale = _searched(image_rgb, search_edge)
    height, width = gray.shape
    found: list[Box] = []
    with _lock:
        for name in (*_FRONTAL, _PROFILE):
            found += _found(name, gray)
        for x0, y0, x1, y1 in _found(_PROFILE, gray[:, ::-1]):
            found.append((width - x1, y0, width - x0, y1))
        # Counter-clockwise: a point (x, y) lies at (y, width - x).
        for x0, y0, x1, y1 in _found(_FRONTAL[0], np.rot90(gray)):
            found.append((width - y1, x0, width - y0, x1))
        # Clockwise: it lies at (height - y, x).
        for x0, y0, x1, y1 in _found(_FRONTAL[0], np.rot90(gray, -1)):
            found.append((y0, height - x1, y1, height - x0))
    return [_grown(box, _FACE_MARGIN, scale) for box in found]


def plates(image_rgb: NDArray[np.uint8], search_edge: int = SEARCH_EDGE) -> list[Box]:
    """Boxes of licence plates, a little enlarged."""
    gray, scale = _searched(image_rgb, search_edge)
    with _lock:
        found = [box for name in _PLATES for box in _found(name, gray, _PLATE_STEP, _PLATE_PX)]
    return [_grown(box, _PLATE_MARGIN, scale) for box in found]


def _searched(image_rgb: NDArray[np.uint8], search_edge: int) -> tuple[NDArray[np.uint8], float]:
    """The grey image that is searched, and its pixels per pixel of the original."""
    gray = cv2.cvtColor(np.ascontiguousarray(image_rgb), cv2.COLOR_RGB2GRAY)
    edge = max(gray.shape)
    enlarged = min(max(search_edge / edge, 1.0), _MAX_ENLARGED)
    scale = enlarged if edge <= _MAX_SEARCH_EDGE else _MAX_SEARCH_EDGE / edge
    if scale != 1.0:
        width, height = (max(1, round(side * scale)) for side in gray.shape[::-1])
        gray = cv2.resize(gray, (width, height),
                          interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    return np.asarray(cv2.equalizeHist(gray), np.uint8), scale


def _found(name: str, gray: NDArray[np.uint8], step: float = _FACE_STEP,
           least: tuple[int, int] = _FACE_PX) -> list[Box]:
    """What a cascade finds; the lock is held. Few neighbours: rather too much than too little."""
    boxes = _cascade(name).detectMultiScale(np.ascontiguousarray(gray), step, 3, minSize=least)
    return [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in boxes]


def _cascade(name: str) -> cv2.CascadeClassifier:
    if name not in _loaded:
        bundled = getattr(getattr(cv2, "data", None), "haarcascades", "")
        folders = [Path(folder) for folder in (bundled, *_FOLDERS) if folder]
        for path in (folder / spelling for folder in folders
                     for spelling in (name, _OLD_NAMES.get(name, name))):
            if path.is_file():
                cascade = cv2.CascadeClassifier(str(path))
                if not cascade.empty():
                    _loaded[name] = cascade
                    break
        else:
            raise PrivacyError(
                f"OpenCV's {name} was not found in {', '.join(map(str, folders)) or 'any folder'}, "
                "so faces and plates cannot be covered; install opencv-data (apt; pip's "
                "opencv-python-headless brings its own), or set privacy.blur_faces and "
                "privacy.blur_plates to false")
    return _loaded[name]


def _grown(box: Box, margin: float, scale: float) -> Box:
    left, top, right, bottom = (value / scale for value in box)
    x, y = margin * (right - left), margin * (bottom - top)
    return left - x, top - y, right + x, bottom + y


def _cover(image: NDArray[np.uint8], box: Box, cell_px: float) -> None:
    """Replace a part by the mean colours of its cells, rounded to coarse levels; in place."""
    height, width = image.shape[:2]
    left, top = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
    right, bottom = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
    if right <= left or bottom <= top:
        return
    part = image[top:bottom, left:right]
    cell = max(cell_px, 2.0)
    # Rounded down, so that no cell is smaller than asked for.
    counts = max(int(part.shape[1] / cell), 1), max(int(part.shape[0] / cell), 1)
    # OpenCV 4.5 refuses images of one pixel: such a part is its own mean, and cells are spread
    # without it.
    means = part.copy() if part.shape[:2] == (1, 1) else cv2.resize(
        part, counts, interpolation=cv2.INTER_AREA).reshape(*counts[::-1], 3)
    coarse = (means // _LEVELS * _LEVELS + _LEVELS // 2).astype(np.uint8)
    rows, columns = (np.arange(side) * count // side
                     for side, count in zip(part.shape, counts[::-1], strict=False))
    part[:] = coarse[rows[:, None], columns]
