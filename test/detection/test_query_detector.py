"""The detector kind onnx: a small random D-FINE, against torch and transformers' own processor."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the checkpoint is made with torch")
pytest.importorskip("transformers", reason="it has the architecture")
onnx = pytest.importorskip("onnx", reason="the export writes with onnx")
pytest.importorskip("onnxruntime", reason="the detector runs on it")

from depth_checkpoints import formula_onnx, textured  # noqa: E402
from detector_checkpoints import CLASSES, SIZE  # noqa: E402

from smolvlm_ros.detection import DetectorConfig, OnnxConfig, make_detector  # noqa: E402
from smolvlm_ros.detection import network as network_module  # noqa: E402
from smolvlm_ros.detection.boxes import iou  # noqa: E402
from smolvlm_ros.models.detector_metadata import KEY  # noqa: E402
from smolvlm_ros.models.errors import (  # noqa: E402
    CheckpointError,
    LicenceError,
    MemoryFloorError,
    ProviderError,
)
from smolvlm_ros.models.onnx_session import OnnxSession  # noqa: E402
from smolvlm_ros.settings import SettingError  # noqa: E402

IMAGE = textured(96, 128)


def config(model: Path | str, min_score: float = 0.0, **onnx_settings: Any) -> DetectorConfig:
    return DetectorConfig(kind="onnx", model=str(model), min_score=min_score,
                          onnx=OnnxConfig(num_threads=1, **onnx_settings))


def rewritten(source: Path, to: Path, **values: Any) -> Path:
    """A copy of an exported file with other values in its description."""
    model = onnx.load(str(source))
    for entry in model.metadata_props:
        if entry.key == KEY:
            entry.value = json.dumps({**json.loads(entry.value), **values})
    onnx.save(model, str(to))
    return to


def test_the_same_as_torch_with_the_processor_of_transformers(detector_folder: Path,
                                                              detector_onnx: Path) -> None:
    import torch
    from PIL import Image
    from transformers import DFineForObjectDetection, RTDetrImageProcessorPil
    processor = RTDetrImageProcessorPil.from_pretrained(detector_folder)
    model = DFineForObjectDetection.from_pretrained(detector_folder).eval()
    with torch.inference_mode():
        output = model(**processor(images=Image.fromarray(IMAGE), return_tensors="pt"))
    wanted = processor.post_process_object_detection(output, threshold=0.3,
                                                     target_sizes=[IMAGE.shape[:2]])[0]
    detector = make_detector(config(detector_onnx, 0.3, max_iou=1.0, max_objects=12))
    found = detector.detect(IMAGE)
    height, width = IMAGE.shape[:2]
    boxes = wanted["boxes"].numpy().clip(0, [width, height, width, height])
    solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
    names = [CLASSES[i] for i in wanted["labels"][torch.from_numpy(solid)]]
    assert len(found) >= 3 and sorted(found.class_names) == sorted(names)
    overlaps = iou(found.xyxy, boxes[solid].astype(np.float32))
    scores = wanted["scores"].numpy()[solid]
    for i, name in enumerate(found.class_names):
        near = [j for j, other in enumerate(names) if other == name and overlaps[i, j] > 0.95
                and abs(scores[j] - found.scores[i]) < 0.02]
        assert near, (found.xyxy[i], name, found.scores[i])
    detector.close()


def test_preprocessing_is_that_of_the_processor() -> None:
    from PIL import Image

    from smolvlm_ros.detection.preprocess import Preprocessor
    for shape in ((480, 640), (720, 1280), (60, 80), (64, 300)):
        image = textured(*shape)
        wanted = np.asarray(Image.fromarray(image).resize(SIZE[::-1], Image.Resampling.BILINEAR))
        difference = np.abs(Preprocessor(*SIZE)(image)[0].transpose(1, 2, 0) - wanted / 255.0)
        assert difference.mean() < 0.01, (shape, difference.mean())


def test_what_is_kept(detector_onnx: Path) -> None:
    everything = make_detector(config(detector_onnx, max_iou=1.0)).detect(IMAGE)
    assert len(everything) > 12 and (np.diff(everything.scores) <= 0).all()
    assert everything.xyxy.min() >= 0 and (everything.xyxy[:, 2:] <= [128, 96]).all()
    detector = make_detector(config(detector_onnx, max_iou=0.5))
    apart = detector.detect(IMAGE)
    overlaps = iou(apart.xyxy, apart.xyxy) - np.eye(len(apart))
    assert 0 < len(apart) <= 12 and overlaps.max(initial=0) <= 0.5 + 1e-6
    assert apart.scores[0] == everything.scores[0]
    # Settings that change while it runs.
    detector.config = config(detector_onnx, max_iou=1.0, max_objects=3)
    assert detector.detect(IMAGE).scores.tolist() == everything.scores[:3].tolist()
    least = float(everything.scores[4])
    detector.config = config(detector_onnx, least, max_iou=1.0).changed(classes=("box",))
    expected = everything.where(("box",), least)
    assert detector.detect(IMAGE).scores.tolist() == expected.scores.tolist()
    detector.close()
    detector.close()
    with pytest.raises(ValueError, match="closed"):
        detector.detect(IMAGE)


def test_it_says_what_it_is(detector_onnx: Path) -> None:
    detector = make_detector(config(detector_onnx))
    assert detector.labels == CLASSES and detector.name == "D-FINE tiny-d-fine"
    info = detector.info
    assert (info.source, info.licence, info.provider) == ("tiny-d-fine", "MIT", "cpu")
    assert info.file == "detector.onnx" and info.notes == ()
    assert info.self_check == "100 % of the exported model's detections"
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), None):
        with pytest.raises(ValueError, match="uint8"):
            detector.detect(wrong)
    tiny = detector.detect(np.zeros((1, 1, 3), np.uint8))
    assert set(tiny.class_names) <= set(CLASSES)
    detector.close()


def test_no_torch_in_the_process(detector_onnx: Path) -> None:
    code = ("import sys, numpy as np\n"
            "from smolvlm_ros.detection import DetectorConfig, make_detector\n"
            f"d = make_detector(DetectorConfig(kind='onnx', model={str(detector_onnx)!r}))\n"
            "d.detect(np.zeros((48, 64, 3), np.uint8))\n"
            "print(sorted({'torch', 'transformers', 'onnx', 'PIL'} & set(sys.modules)))")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


class TestFiles:
    def test_a_folder(self, detector_onnx: Path, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="no detector among its 0"):
            make_detector(config(tmp_path))
        shutil.copy(detector_onnx, tmp_path / "a.onnx")
        formula_onnx(tmp_path / "depth.onnx")
        assert network_module.find_file(config(tmp_path)).name == "a.onnx"
        with pytest.raises(CheckpointError, match="no detector of 64x64"):
            make_detector(config(tmp_path, input_height=64, input_width=64))
        shutil.copy(detector_onnx, tmp_path / "b.onnx")
        with pytest.raises(CheckpointError, match=r"several detectors \(a.onnx, b.onnx\)"):
            make_detector(config(tmp_path))

    def test_none_and_nowhere(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="model is not set.*export detector"):
            make_detector(config(""))
        with pytest.raises(CheckpointError, match="does not exist"):
            make_detector(config(tmp_path / "gone.onnx"))

    def test_one_of_another_task(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="is for depth, not for detection"):
            make_detector(config("world-depth-indoor"))
        with pytest.raises(CheckpointError, match="no 'smolvlm_ros.detector' description"):
            make_detector(config(formula_onnx(tmp_path / "depth.onnx")))

    def test_damaged_ones(self, detector_onnx: Path, tmp_path: Path) -> None:
        whole = detector_onnx.read_bytes()
        for name, content in (("cut", whole[:len(whole) // 2]), ("empty", b""),
                              ("text", b"hello"), ("lfs", b"version https://git-lfs 1")):
            path = tmp_path / f"{name}.onnx"
            path.write_bytes(content)
            with pytest.raises(CheckpointError, match=name):
                make_detector(config(path))
        pickle = tmp_path / "model.pt"
        pickle.write_bytes(b"\x80\x04x")
        with pytest.raises(CheckpointError, match="pickle"):
            make_detector(config(pickle))

    def test_a_description_that_does_not_fit(self, detector_onnx: Path, tmp_path: Path) -> None:
        for values, problem in (({"height": 96}, "has inputs"), ({"queries": 11}, "has inputs"),
                                ({"classes": ["a"]}, "has inputs"), ({"format": 2}, "format 2")):
            path = rewritten(detector_onnx, tmp_path / "other.onnx", **values)
            with pytest.raises(CheckpointError, match=problem):
                make_detector(config(path))

    def test_the_size_that_is_asked_for(self, detector_onnx: Path) -> None:
        make_detector(config(detector_onnx, input_height=64, input_width=96)).close()
        with pytest.raises(CheckpointError, match="fixed input 64x96, but.*64x64"):
            make_detector(config(detector_onnx, input_height=64, input_width=64))
        with pytest.raises(SettingError, match="go together"):
            OnnxConfig(input_height=64)

    def test_licences(self, detector_onnx: Path, tmp_path: Path) -> None:
        path = rewritten(detector_onnx, tmp_path / "nc.onnx", licence="CC-BY-NC-4.0",
                         commercial=False)
        with pytest.raises(LicenceError, match="no commercial use.*allow_noncommercial"):
            make_detector(config(path))
        allowed = make_detector(config(path).changed(allow_noncommercial=True))
        assert "no commercial use" in allowed.info.notes[0]
        unknown = make_detector(config(rewritten(detector_onnx, tmp_path / "u.onnx",
                                                 licence="unknown")))
        assert "nothing tells the licence" in unknown.info.notes[0]

    def test_classes_it_does_not_know_are_told(self, detector_onnx: Path) -> None:
        detector = make_detector(config(detector_onnx).changed(classes=("dog", "unicorn")))
        assert detector.info.notes == ("detector.onnx does not know the classes unicorn",)

    def test_a_model_that_does_not_fit_into_memory(self, detector_onnx: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smolvlm_ros.models.memory.available_mib", lambda *_: 20.0)
        with pytest.raises(MemoryFloorError, match="only 20 MiB are free"):
            make_detector(config(detector_onnx))


class TestSelfCheck:
    def test_a_file_that_computes_something_else(self, detector_onnx: Path,
                                                 tmp_path: Path) -> None:
        canary = [[0.0, 0.99, 0.5, 0.5, 0.1, 0.1]] * 20
        path = rewritten(detector_onnx, tmp_path / "wrong.onnx", canary=canary)
        with pytest.raises(ProviderError, match="does not give 100 % of the detections"):
            make_detector(config(path))

    def test_values_that_are_not_finite(self, detector_onnx: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
        detector = make_detector(config(detector_onnx))
        wrong = [np.full((1, 12, 3), np.nan, np.float32), np.zeros((1, 12, 4), np.float32)]
        monkeypatch.setattr(OnnxSession, "run", lambda self, feeds: wrong)
        with pytest.raises(ProviderError, match="not finite"):
            detector.detect(IMAGE)

    def test_a_provider_that_is_missing(self, detector_onnx: Path) -> None:
        from smolvlm_ros.models.onnx_session import available_providers
        if "cuda" in available_providers():
            pytest.skip("this onnxruntime has CUDA")
        with pytest.raises(ProviderError, match="CUDAExecutionProvider"):
            make_detector(config(detector_onnx, provider="cuda"))
        detector = make_detector(config(detector_onnx, provider="cuda", provider_fallback=True))
        assert detector.info.provider == "cpu" and "instead of cuda" in detector.info.notes[0]
