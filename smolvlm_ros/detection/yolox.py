"""YOLOX from the ONNX file that its own export writes: letterbox, grid decoding, its description.

Z. Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430. The file carries no
description of ours, so its form tells what it is, and what it lacks comes from the settings. Each
object is found many times: what uses it has to suppress all but the best (`boxes.suppress`).
"""
from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.accelerator.opened import OpenNetwork, Session
from smolvlm_ros.detection.coco import COCO
from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.detector_metadata import DetectorMetadata
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.stated_licence import allows_commercial, stated_licence

ARCHITECTURE = "yolox"
_STRIDES = (8, 16, 32)
_PADDING = 114           # grey level beside the image, as in training
_CANDIDATES = 1000       # boxes before suppression


class Letterbox:
    """Images scaled to fit the input's upper left corner, BGR from 0 to 255, aspect kept.

    Args:
        height, width: the network's input in pixels.

    Attributes:
        fill: share of the input's width and height that the last image takes.

    The tensor it returns is its own and overwritten by the next call.
    """

    def __init__(self, height: int, width: int) -> None:
        self.fill = (1.0, 1.0)
        self._size = (height, width)
        self._tensor = np.empty((1, 3, height, width), np.float32)

    def __call__(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The tensor of an image, shape (1, 3, height, width), valid until the next call."""
        height, width = self._size
        scale = min(height / image_rgb.shape[0], width / image_rgb.shape[1])
        rows, columns = (max(1, int(extent * scale)) for extent in image_rgb.shape[:2])
        small = cv2.resize(image_rgb, (columns, rows), interpolation=cv2.INTER_LINEAR)
        self._tensor.fill(_PADDING)
        self._tensor[0, :, :rows, :columns] = small[..., ::-1].transpose(2, 0, 1)
        self.fill = (image_rgb.shape[1] * scale / width, image_rgb.shape[0] * scale / height)
        return self._tensor


class YoloxNetwork(OpenNetwork[DetectorMetadata]):
    """An open YOLOX; files exported with and without its option decode_in_inference are told apart.
    """

    def __init__(self, session: Session, metadata: DetectorMetadata,
                 notes: tuple[str, ...] = ()) -> None:
        super().__init__(session, metadata, notes)
        picture = self.preprocessor()(canary_image(metadata.height, metadata.width))
        self._decoded = is_decoded(self.outputs(picture)[0][0], metadata.height, metadata.width)

    def preprocessor(self) -> Letterbox:
        """What makes its input."""
        return Letterbox(self.metadata.height, self.metadata.width)

    def run(self, tensor: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """The best boxes of one input, many of each object.

        Args:
            tensor: shape (1, 3, height, width) float32, as its preprocessor makes it.
            count: how many objects are wanted at most; ten times as many boxes are given.

        Returns:
            Shape (N, 6): class id, score, x and y of the centre, width and height (shares of the
            input), in falling order of score.

        Raises:
            ProviderError: when it fails, or gives values that are not finite.
        """
        meta = self.metadata
        output = self.finite_outputs(tensor)[0][0]
        found = output if self._decoded else decode(output, meta.height, meta.width)
        scores = found[:, 4:5] * found[:, 5:]
        best = scores.argmax(1)
        score = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]
        order = np.argsort(-score, kind="stable")[:min(_CANDIDATES, 10 * count)]
        shares = found[order, :4] / np.float32([meta.width, meta.height] * 2)
        return np.column_stack([best[order], np.clip(score[order], 0, 1), shares]).astype(
            np.float32)


def decode(output: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Boxes in pixels of the input, from offsets to the cells of three grids.

    Args:
        output: shape (N, 5 + C): offset of the centre in cells, logarithm of the size in cells,
            score of an object, scores of the classes; rows by stride, row and column.
        height, width: of the network's input.

    Returns:
        Shape (N, 5 + C): x and y of the centre, width and height, and the scores as they were.
    """
    cells, strides = _grid(height, width)
    result = output.copy()
    result[:, :2] = (output[:, :2] + cells) * strides
    result[:, 2:4] = np.exp(np.minimum(output[:, 2:4], 20.0)) * strides
    return result


def is_decoded(output: NDArray[np.float32], height: int, width: int) -> bool:
    """True when centres are in pixels already: they then follow the cells they belong to."""
    cells, strides = _grid(height, width)
    as_pixels = np.abs(output[:, :2] - (cells + 0.5) * strides).mean()
    as_offsets = np.abs(output[:, :2] * strides).mean()
    return bool(as_pixels < as_offsets)


def describe(name: str, entries: Mapping[str, str], inputs: Sequence[tuple[int | None, ...]],
             outputs: Sequence[tuple[int | None, ...]],
             labels: Sequence[str]) -> DetectorMetadata | None:
    """What the form of a file tells, with class names from its metadata or from the settings.

    Args:
        name: of the file.
        entries: its metadata.
        inputs, outputs: shapes.
        labels: class names by id; empty for those of the file, or COCO's.

    Returns:
        None for a file of another form.

    Raises:
        CheckpointError: the class names are missing, or of another number.
    """
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]) != 4 or len(outputs[0]) != 3:
        return None
    _, _, height, width = inputs[0]
    _, rows, columns = outputs[0]
    if not (height and width and rows and columns) or height % 32 or width % 32 or (
            rows != len(_grid(height, width)[0]) or columns < 6):
        return None
    names = tuple(labels) or _names(entries) or (COCO if columns - 5 == len(COCO) else ())
    if len(names) != columns - 5:
        raise CheckpointError(f"{name} has {columns - 5} classes, and {len(names)} names are given;"
                              " set onnx.labels to the names in the order of their ids")
    licence = stated_licence(entries)
    return DetectorMetadata(architecture=ARCHITECTURE, classes=names, queries=rows, height=height,
                            width=width, source=name, licence=licence,
                            commercial=allows_commercial(licence))


def _names(entries: Mapping[str, str]) -> tuple[str, ...]:
    """Class names by id that other exporters write, as a list or with ids: {0: 'person', …}."""
    try:
        said = ast.literal_eval(entries.get("names", "()"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(said, dict):
        said = [said.get(number) for number in range(len(said))]
    names = tuple(said) if isinstance(said, (list, tuple)) else ()
    return names if all(isinstance(name, str) and name for name in names) else ()


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of each cell, shape (N, 2), and its stride, shape (N, 1)."""
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.indices((height // stride, width // stride))
        cells.append(np.stack([columns.ravel(), rows.ravel()], 1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
