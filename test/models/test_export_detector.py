"""The export of detectors: real architectures in small."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export needs torch")
pytest.importorskip("transformers", reason="the export needs transformers")
onnx = pytest.importorskip("onnx", reason="the export writes with onnx")
pytest.importorskip("onnxruntime", reason="the export compares with ONNX Runtime")

from detector_checkpoints import CLASSES, SIZE, tiny_detector  # noqa: E402

from smolvlm_ros.cli import main  # noqa: E402
from smolvlm_ros.models.detector_metadata import DetectorMetadata  # noqa: E402
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError  # noqa: E402
from smolvlm_ros.models.export_detector import export_detector  # noqa: E402
from smolvlm_ros.models.onnx_session import OnnxSession  # noqa: E402


def changed(source: Path, to: Path, file: str, **values: object) -> Path:
    """A copy of a checkpoint with other values in one of its JSON files."""
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("onnx"))
    content = json.loads((to / file).read_text())
    (to / file).write_text(json.dumps({**content, **values}))
    return to


@pytest.mark.parametrize("kind", ["d_fine", "rt_detr", "rt_detr_v2"])
def test_each_architecture_is_exported_and_computes_what_torch_does(kind: str,
                                                                    tmp_path: Path) -> None:
    steps: list[str] = []
    made = export_detector(tiny_detector(tmp_path / kind, kind), tmp_path / "out" / "d.onnx",
                           report=lambda done, count, text: steps.append(text))
    assert made.unmatched == 0.0 and steps[-1] == f"wrote {made.path}"
    meta = made.metadata
    assert (meta.architecture, meta.classes, meta.queries) == (kind, CLASSES, 12)
    assert (meta.height, meta.width) == SIZE       # the checkpoint's own
    assert len(meta.canary) == 20 and meta.parameters > 10_000
    session = OnnxSession(made.path)
    assert DetectorMetadata.from_entries(session.metadata) == meta
    assert session.inputs == {"pixel_values": (1, 3, *SIZE)}
    assert session.outputs == {"logits": (1, 12, 3), "pred_boxes": (1, 12, 4)}
    session.close()


def test_nothing_is_computed_in_double_precision(detector_onnx: Path) -> None:
    # ONNX Runtime 1.23.2 has no float64 cosine, and refuses a file that asks for one.
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(detector_onnx))).graph
    doubles = [v.name for v in graph.value_info
               if v.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE]
    assert doubles == [] and not {n.op_type for n in graph.node} & {"Cos", "Sin"}


def test_the_command_line(detector_folder: Path, tmp_path: Path,
                          capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.onnx"
    arguments = ["export", "detector", str(detector_folder), str(path), "--size", "64x64"]
    assert main([*arguments, "--licence", "MIT"]) == 0
    said = capsys.readouterr().out
    assert "d_fine, 3 classes, input 64x64, licence MIT" in said and "100 %" in said
    assert main([*arguments, "--precision", "int8"]) == 2
    assert "depth only" in capsys.readouterr().err
    assert main(["audit", str(path)]) == 0
    said = capsys.readouterr().out
    assert "MIT" in said and "detector d_fine 64x64" in said


@pytest.mark.parametrize(("size", "near"), [((60, 96), "64x96"), ((64, 100), "64x96"),
                                            ((8, 64), "16x64")])
def test_a_size_between_the_strides(detector_folder: Path, tmp_path: Path,
                                    size: tuple[int, int], near: str) -> None:
    with pytest.raises(ModelError, match=f"multiple of 16.*use {near}"):
        export_detector(detector_folder, tmp_path / "d.onnx", size)


def test_what_is_no_detector(detector_folder: Path, tmp_path: Path) -> None:
    foreign = changed(detector_folder, tmp_path / "a", "config.json", model_type="yolos")
    with pytest.raises(CheckpointError, match="'yolos', expected one of d_fine"):
        export_detector(foreign, tmp_path / "d.onnx")
    normalised = changed(detector_folder, tmp_path / "b", "preprocessor_config.json",
                         do_normalize=True)
    with pytest.raises(CheckpointError, match="normalised pixels"):
        export_detector(normalised, tmp_path / "d.onnx")
    for labels in ({"0": "a", "2": "c"}, {"x": "a"}, {}, "person"):
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        unnamed = changed(detector_folder, tmp_path / "c", "config.json", id2label=labels)
        with pytest.raises(CheckpointError, match="id2label|class names"):
            export_detector(unnamed, tmp_path / "d.onnx")
    with pytest.raises(CheckpointError, match="does not exist"):
        export_detector(tmp_path / "nothing", tmp_path / "d.onnx")
    assert not (tmp_path / "d.onnx").exists()


def test_weights_that_do_not_fit(detector_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file
    source = shutil.copytree(detector_folder, tmp_path / "less",
                             ignore=shutil.ignore_patterns("onnx"))
    tensors = load_file(source / "model.safetensors")
    removed = next(k for k in sorted(tensors) if "enc_bbox_head" in k)
    save_file({k: v for k, v in tensors.items() if k != removed}, source / "model.safetensors",
              metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=f"1 tensors.*{removed}"):
        export_detector(source, tmp_path / "d.onnx")


def test_noncommercial(detector_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LicenceError, match="CC-BY-NC-4.0.*--allow-noncommercial"):
        export_detector(detector_folder, tmp_path / "d.onnx", licence="CC-BY-NC-4.0")


class TestMetadata:
    GOOD = DetectorMetadata(architecture="d_fine", classes=("a", "b"), height=64, width=96,
                            queries=10, canary=((0.0, 0.5, 0.1, 0.2, 0.3, 0.4),))

    def test_goes_through_the_file(self) -> None:
        assert DetectorMetadata.from_entries(dict([self.GOOD.to_entry()])) == self.GOOD

    @pytest.mark.parametrize(("values", "problem"), [
        ({"architecture": "yolo"}, "not one of"), ({"classes": []}, "0 classes"),
        ({"classes": ["a", ""]}, "none empty"), ({"classes": "ab"}, "type list"),
        ({"classes": [1]}, "type str"), ({"height": 0}, "positive"),
        ({"queries": True}, "type int"), ({"canary": [[1, 2]]}, "six numbers"),
        ({"canary": [["x"] * 6]}, "finite numbers"), ({"surprise": 1}, "surprise"),
        ({"format": 9}, "format 9"), ({"width": 1.5}, "type int"), ({"commercial": 1}, "bool")])
    def test_wrong_values_are_named(self, values: dict[str, object], problem: str) -> None:
        key, text = self.GOOD.to_entry()
        with pytest.raises(CheckpointError, match=problem):
            DetectorMetadata.from_entries({key: json.dumps({**json.loads(text), **values})})

    @pytest.mark.parametrize("text", ["", "[]", "{", "null", json.dumps({"height": 3})])
    def test_damaged_text(self, text: str) -> None:
        with pytest.raises(CheckpointError, match="damaged|wrong"):
            DetectorMetadata.from_entries({self.GOOD.to_entry()[0]: text})

    def test_missing(self) -> None:
        with pytest.raises(CheckpointError, match="no 'smolvlm_ros.detector' description"):
            DetectorMetadata.from_entries({"smolvlm_ros.depth": "{}"})


class TestSets:
    ROWS = np.array([[0, 0.9, 0.1, 0.2, 0.3, 0.4], [1, 0.8, 0.5, 0.5, 0.2, 0.2]])

    def test_order_does_not_matter_and_class_does(self) -> None:
        from smolvlm_ros.models.query_boxes import unmatched
        assert unmatched(self.ROWS, self.ROWS[::-1] + 0.001 * (np.arange(6) > 0), 0.01) == 0
        assert unmatched(self.ROWS, self.ROWS + [1, 0, 0, 0, 0, 0], 0.01) == 1
        assert unmatched(self.ROWS, self.ROWS[:1], 0.01) == 0.5
        assert unmatched(self.ROWS, np.zeros((0, 6)), 0.01) == 1
        assert unmatched((), self.ROWS, 0.01) == 0

    def test_best_pairs_of_query_and_class(self) -> None:
        from smolvlm_ros.models.query_boxes import best
        logits = np.float32([[0.0, 3.0], [-800.0, 1.0]])
        rows = best(logits, np.float32([[0.1] * 4, [0.2] * 4]), 3)
        assert rows[:, 0].tolist() == [1, 1, 0]
        assert rows[:, 1] == pytest.approx([0.9526, 0.7311, 0.5], abs=1e-4)
        assert rows[:, 2] == pytest.approx([0.1, 0.2, 0.1])
