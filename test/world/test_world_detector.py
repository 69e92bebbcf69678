"""The detector that comes with the package, on worlds it was not trained on."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the checkpoint is exported")
pytest.importorskip("transformers", reason="it has the architecture")
pytest.importorskip("onnx", reason="the checkpoint is exported")
pytest.importorskip("onnxruntime", reason="the detector runs on it")

from smolvlm_ros.detection import DetectorConfig, OnnxConfig, make_detector  # noqa: E402
from smolvlm_ros.models.embedded import folder_of  # noqa: E402
from smolvlm_ros.models.export_detector import export_detector  # noqa: E402
from smolvlm_ros.models.registry import named  # noqa: E402
from smolvlm_ros.world import CLASSES, SCENES  # noqa: E402
from smolvlm_ros.world.scoring.depth import frames_of  # noqa: E402
from smolvlm_ros.world.scoring.detection import evaluate_detector  # noqa: E402

KNOWN = named("world-detector")
assert KNOWN is not None
FOLDER = folder_of(KNOWN)


def test_its_files_are_whole_and_small() -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    assert [config["id2label"][str(i)] for i in range(len(CLASSES))] == list(CLASSES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6e6
    card = (FOLDER / "README.md").read_text()
    assert card.startswith("---\nlicense: \"apache-2.0\"") and "detector_map50" in card


def test_it_finds_what_is_there(tmp_path: Path) -> None:
    made = export_detector(FOLDER, tmp_path / "detector.onnx")
    assert made.unmatched == 0 and made.metadata.classes == CLASSES
    detector = make_detector(DetectorConfig(kind="onnx", model=str(made.path), min_score=0.01,
                                            onnx=OnnxConfig(num_threads=1)))
    score = evaluate_detector(detector.detect, frames_of(SCENES, [900], 2))
    detector.close()
    assert score.frames == 18 and sum(score.truths.values()) >= 20
    assert score.map50 >= 0.7, score
