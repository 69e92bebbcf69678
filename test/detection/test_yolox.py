"""YOLOX: grid decoding, letterbox and suppression, on real ONNX files with a known answer."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the files are made with onnx")
pytest.importorskip("onnxruntime", reason="the detector runs on it")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from smolvlm_ros.detection import (  # noqa: E402
    DetectorConfig,
    OnnxConfig,
    make_detector,
    yolox,
)
from smolvlm_ros.detection.coco import COCO  # noqa: E402
from smolvlm_ros.models.audit import audit  # noqa: E402
from smolvlm_ros.models.errors import CheckpointError, LicenceError  # noqa: E402

HEIGHT, WIDTH = 96, 128
LABELS = ("person", "box", "dog")
CELLS = 12 * 16 + 6 * 8 + 3 * 4
AGPL = {"author": "Ultralytics", "license": "AGPL-3.0 License (https://ultralytics.com/license)",
        "names": "{0: 'person', 1: 'box', 2: 'dog'}"}


def raw(*found: tuple[int, float, float, float, float, int, float]) -> np.ndarray:
    """A network's output: cell, x, y, width, height in cells of its grid, class, score."""
    output = np.zeros((CELLS, 5 + len(LABELS)), np.float32)
    output[:, 2:4] = -3.0
    for cell, x, y, width, height, label, score in found:
        output[cell, :4] = x, y, np.log(width), np.log(height)
        output[cell, 4], output[cell, 5 + label] = 1.0, score
    return output


def cell(stride: int, row: int, column: int) -> int:
    """Number of a cell in the output."""
    before = {8: 0, 16: 12 * 16, 32: 12 * 16 + 6 * 8}[stride]
    return before + row * (WIDTH // stride) + column


# One person at (64, 48), 32 wide and 64 high, found in two grids; a box that overlaps it; a dog.
FOUND = raw((cell(16, 3, 4), 0.0, 0.0, 2.0, 4.0, 0, 0.9),
            (cell(8, 6, 8), 0.25, 0.0, 4.0, 8.0, 0, 0.7),
            (cell(32, 1, 2), 0.0, 0.5, 1.0, 1.0, 1, 0.6),
            (cell(8, 1, 1), 0.5, 0.5, 1.0, 1.0, 2, 0.5))


def onnx_file(path: Path, output: np.ndarray = FOUND, entries: dict[str, str] | None = None
              ) -> Path:
    """A file of YOLOX's form, which gives that output for a black image and less for a bright one.

    The scores fall with the brightness of the input's first pixel, so that the graph computes.
    """
    def value(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def constant(name: str, array: Any) -> Any:
        return numpy_helper.from_array(np.asarray(array), name)
    dim = np.ones(output.shape, np.float32)
    dim[:, :4] = 0
    constants = [
        constant("known", output[None]), constant("dim", dim[None] / np.float32(510)),
        constant("starts", np.array([0, 0, 0, 0])), constant("ends", np.array([1, 1, 1, 1])),
        constant("shape", np.array([1, 1, 1])), constant("one", np.float32(1))]
    nodes = [helper.make_node("Slice", ["images", "starts", "ends"], ["pixel"]),
             helper.make_node("Reshape", ["pixel", "shape"], ["level"]),
             helper.make_node("Mul", ["level", "dim"], ["less"]),
             helper.make_node("Sub", ["one", "less"], ["factor"]),
             helper.make_node("Mul", ["known", "factor"], ["output"])]
    graph = helper.make_graph(nodes, "yolox", [value("images", 1, 3, HEIGHT, WIDTH)],
                              [value("output", 1, *output.shape)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, entries or {})
    onnx.save(model, str(path))
    return path


def config(path: Path, **others: Any) -> DetectorConfig:
    return DetectorConfig(kind="onnx", model=str(path), min_score=0.3,
                          onnx=OnnxConfig(num_threads=1, labels=LABELS)).changed(**others)


BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize("decoded", [False, True])
def test_boxes_are_decoded_and_doubles_suppressed(tmp_path: Path, decoded: bool) -> None:
    output = yolox.decode(FOUND, HEIGHT, WIDTH) if decoded else FOUND
    detector = make_detector(config(onnx_file(tmp_path / "nano.onnx", output)))
    found = detector.detect(BLACK)
    assert found.class_names == ("person", "box", "dog")
    assert found.scores == pytest.approx([0.9, 0.6, 0.5])
    assert found.xyxy == pytest.approx(np.array([
        (48, 16, 80, 80), (48, 32, 80, 64), (8, 8, 16, 16)]), abs=1e-3)
    assert (detector.name, detector.labels) == ("YOLOX nano.onnx", LABELS)
    assert detector.info.self_check.startswith("finite")
    assert "nothing tells the licence" in detector.info.notes[0]
    # Both boxes of the person stay where doubles may.
    detector.config = config(tmp_path / "nano.onnx", onnx__nms_iou=1.0, onnx__max_iou=1.0)
    assert detector.detect(BLACK).class_names == ("person", "person", "box", "dog")
    detector.close()


@pytest.mark.parametrize(("height", "width"), [(192, 256), (48, 64), (96, 256), (192, 128)])
def test_an_image_of_another_size_is_scaled_into_the_corner(tmp_path: Path, height: int,
                                                            width: int) -> None:
    detector = make_detector(config(onnx_file(tmp_path / "nano.onnx")))
    found = detector.detect(np.zeros((height, width, 3), np.uint8))
    scale = min(HEIGHT / height, WIDTH / width)
    person = np.array([48, 16, 80, 80]) / scale
    assert found.xyxy[0] == pytest.approx(np.clip(person, 0, [width, height] * 2), abs=0.02)
    detector.close()


def test_the_tensor_is_bgr_with_grey_beside_the_image() -> None:
    image = np.zeros((48, 128, 3), np.uint8)
    image[..., 0], image[..., 2] = 200, 10
    box = yolox.Letterbox(HEIGHT, WIDTH)
    tensor = box(image)
    assert tensor.shape == (1, 3, HEIGHT, WIDTH) and box.fill == (1.0, 0.5)
    assert tensor[0, :, 0, 0].tolist() == [10, 0, 200]
    assert (tensor[0, :, 48:] == 114).all() and (tensor[0, 2, :48] == 200).all()


def test_scores_of_single_classes(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "nano.onnx")
    detector = make_detector(config(path, class_scores=("person: 0.95", "dog:0.2")))
    assert detector.detect(BLACK).class_names == ("box", "dog")
    bright = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)   # halves both scores: a quarter is left
    detector.config = config(path, min_score=0.01, class_scores=("person:0.1", "box:0.2"))
    found = detector.detect(bright)
    assert dict(zip(found.class_names, found.scores.tolist(), strict=True)) == {
        "person": pytest.approx(0.9 / 4), "dog": pytest.approx(0.5 / 4)}
    detector.close()
    with pytest.raises(ValueError, match="class_scores names cat, which YOLOX nano.onnx does not "
                       "know; it knows person, box, dog"):
        make_detector(config(path, class_scores=("cat: 0.5",)))


def test_classes_that_are_not_kept_take_no_place(tmp_path: Path) -> None:
    detector = make_detector(config(onnx_file(tmp_path / "nano.onnx"), onnx__max_objects=1))
    assert detector.detect(BLACK).class_names == ("person",)
    detector.config = detector.config.changed(classes=("dog", "cat"))
    assert detector.detect(BLACK).class_names == ("dog",)
    detector.close()


def test_agpl_weights_are_refused_unless_allowed(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "yolo11n.onnx", entries=AGPL)
    with pytest.raises(LicenceError, match="yolo11n.onnx is licensed AGPL-3.0.*set allow_agpl"):
        make_detector(config(path))
    detector = make_detector(config(path, allow_agpl=True, onnx__labels=()))
    assert detector.labels == LABELS and detector.info.licence == "AGPL-3.0"
    assert detector.info.notes == ("yolo11n.onnx is licensed AGPL-3.0: its terms reach the "
                                   "software around it",)
    detector.close()


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "cc by-nc-sa 4.0", "Non-commercial use only",
                                     "for research only"])
def test_noncommercial_weights_are_refused_unless_allowed(licence: str, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "theirs.onnx", entries={"license": licence})
    with pytest.raises(LicenceError, match=f"licensed {licence}: no commercial use.*or set allow_"):
        make_detector(config(path))
    detector = make_detector(config(path, allow_noncommercial=True))
    assert detector.info.notes == (f"theirs.onnx is licensed {licence}: no commercial use",)
    detector.close()


@pytest.mark.parametrize(("entries", "licence"), [
    ({}, "unknown"), ({"license": "Apache-2.0"}, "Apache-2.0"), (AGPL, "AGPL-3.0"),
    ({"description": "Ultralytics YOLOv8n model"}, "AGPL-3.0"),
    ({"licence": "GNU AGPLv3"}, "AGPL-3.0")])
def test_what_others_write_of_the_licence(entries: dict[str, str], licence: str,
                                          tmp_path: Path) -> None:
    (row,) = audit(str(onnx_file(tmp_path / "theirs.onnx", entries=entries)))
    assert (row.licence, row.commercial) == (licence, False if "AGPL" in licence else None)


def test_class_names(tmp_path: Path) -> None:
    shapes = [(1, 3, HEIGHT, WIDTH)], [(1, CELLS, 85)]
    described = yolox.describe("a", {}, *shapes, ())
    assert described is not None and described.classes == COCO and len(set(COCO)) == 80
    with pytest.raises(CheckpointError, match="a has 80 classes, and 3 names are given"):
        yolox.describe("a", {}, *shapes, LABELS)
    for wrong in ("__import__('os')", "{0: 'person', 2: 'dog'}", "[1, 2]", "((", "{}"):
        with pytest.raises(CheckpointError, match="3 classes, and 0 names are given"):
            make_detector(config(onnx_file(tmp_path / "n.onnx", entries={"names": wrong}),
                                 onnx__labels=()))


@pytest.mark.parametrize(("inputs", "outputs"), [
    ([(1, 3, 96, 128)], [(1, 84, 252)]),          # YOLOv8: transposed, without objectness
    ([(1, 3, 96, 128)], [(1, 756, 8)]),           # YOLOv5: three anchors per cell
    ([(1, 3, None, None)], [(1, None, 8)]),       # not fixed
    ([(1, 3, 100, 128)], [(1, 252, 8)]), ([(1, 3, 96, 128)], [(1, 252, 5)]),
    ([(1, 3, 96, 128)], [(1, 252, 8)] * 2), ([(1, 3, 96)], [(1, 252, 8)]),
])
def test_other_forms_are_not_taken_for_it(inputs: list, outputs: list) -> None:
    assert yolox.describe("a", {}, inputs, outputs, LABELS) is None


@pytest.mark.parametrize(("entries", "problem"), [
    (("person",), "class_scores has 'person', expected a class and a score"),
    (("person: x",), "class_scores has 'person: x'"), ((": 0.5",), "class_scores has ': 0.5'"),
    (("person: 1.5",), "a score of 0 to 1"), (("a: 0.1", "a:0.2"), "class_scores names 'a' twice"),
])
def test_class_scores_are_checked(entries: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        DetectorConfig(class_scores=entries)
    assert DetectorConfig(class_scores=("traffic: light: 0.5",)).own_scores() == {
        "traffic: light": 0.5}
