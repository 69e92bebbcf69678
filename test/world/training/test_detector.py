"""Training of the detector: a few steps from scenes to what the run time loads."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is done with torch")
pytest.importorskip("transformers", reason="it has the architecture")
pytest.importorskip("onnx", reason="the checkpoint is exported")
pytest.importorskip("onnxruntime", reason="the checkpoint is measured with it")
pytest.importorskip("tqdm", reason="training shows its progress with it")

from smolvlm_ros.detection import DetectorConfig, make_detector  # noqa: E402
from smolvlm_ros.models.errors import CheckpointError  # noqa: E402
from smolvlm_ros.models.export_detector import export_detector  # noqa: E402
from smolvlm_ros.models.registry import WORLD_KEY  # noqa: E402
from smolvlm_ros.world import CLASSES, sample  # noqa: E402
from smolvlm_ros.world.scoring.detection import DetectionScore, truth_of  # noqa: E402
from smolvlm_ros.world.training import detector, detector_eval, detector_scenes  # noqa: E402
from smolvlm_ros.world.training import detector_network as network  # noqa: E402
from smolvlm_ros.world.training.card import CARD  # noqa: E402
from smolvlm_ros.world.training.detector_scenes import DetectorDrawing, one, varied  # noqa: E402
from smolvlm_ros.world.training.loop import Plan  # noqa: E402
from smolvlm_ros.world.training.options import Options  # noqa: E402

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "SIZE", SIZE)
    monkeypatch.setattr(detector, "_SIZES", ((0.0, (32, 48)), (0.5, SIZE)))
    for name in ("CPU", "AGAIN"):
        monkeypatch.setattr(detector, name, detector.Recipe(scenes=4, steps=2, batch=2))
    monkeypatch.setattr(detector_scenes, "_CHUNK", 4)
    monkeypatch.setattr(detector_eval, "SEEDS", 1)
    monkeypatch.setattr(detector_eval, "PER_WORLD", 1)


def test_scenes_have_the_boxes_of_what_counts(tmp_path: Path) -> None:
    scenes = DetectorDrawing(192, 256).many(tmp_path, 8, 1)
    assert [len(chunk["image"]) for chunk in scenes] == [4, 4]
    for index in range(8):
        image, boxes, classes = one(scenes, index)
        assert image.shape == (192, 256, 3) and image.dtype == np.uint8
        frame = sample(index)     # at the camera's resolution
        truth = truth_of(frame)
        seen = [truth.class_names[i] for i in np.flatnonzero(truth.counts)]
        assert [CLASSES[c] for c in classes if c >= 0] == seen
        assert (classes[len(seen):] == -1).all()
        wanted = truth.xyxy[truth.counts] / np.tile(frame.image_rgb.shape[1::-1], 2)
        assert np.abs(boxes[:len(seen)] - wanted).max(initial=0) < 0.02


def test_a_varied_scene_keeps_its_boxes_on_the_objects() -> None:
    image = np.full((96, 128, 3), 40, np.uint8)
    image[30:60, 20:50] = (250, 200, 150)
    boxes = np.float32([[20 / 128, 30 / 96, 50 / 128, 60 / 96], [0, 0, 1, 1]])
    classes = np.int8([3, -1])
    for seed in range(40):
        other, moved, kept = varied(image, boxes, classes, np.random.default_rng(seed))
        assert other.shape == image.shape and kept.tolist() == [3]
        bright = other[..., 0] > 1.6 * np.median(other[..., 0][other[..., 0] < 114])
        rows, columns = np.nonzero(bright & (other[..., 0] > other[..., 2] + 30))
        found = [columns.min() / 128, rows.min() / 96, (columns.max() + 1) / 128,
                 (rows.max() + 1) / 96]
        assert moved[0] == pytest.approx(found, abs=0.03), seed


def test_what_leaves_the_image_is_left_out() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    corner = np.float32([[0.0, 0.0, 0.04, 0.04]])
    counts = [len(varied(image, corner, np.int8([0]), np.random.default_rng(s))[2])
              for s in range(60)]
    assert 0 in counts and 1 in counts


def test_bfloat16_changes_little_and_the_decoder_stays_exact() -> None:
    torch.manual_seed(0)
    model = network.fresh(CLASSES).eval()
    pixels = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        exact = model(pixel_values=pixels)
        network.use_bfloat16(model)
        fast = model(pixel_values=pixels)
    assert fast.logits.dtype == fast.pred_boxes.dtype == torch.float32
    apart = (fast.logits.sort(1).values - exact.logits.sort(1).values).abs().max()
    assert float(apart) < 0.1


def test_a_checkpoint_of_other_classes_is_not_gone_on_from(tmp_path: Path) -> None:
    start = tmp_path / "start"
    network.save(network.fresh([*CLASSES[:-1], "truck"]), start, SIZE)
    with pytest.raises(CheckpointError, match="id2label .*'truck'.*, where --start needs .*"
                       "'vehicle'.*; give a checkpoint"):
        detector.run("detector", Options(tmp_path / "out", tmp_path, device="cpu", start=start))
    network.save(network.fresh(CLASSES), start, SIZE)
    Options(tmp_path, tmp_path, start=start).saved_run(
        "x", {}, Plan(1), DetectorDrawing.__module__, "d_fine",
        id2label={str(number): name for number, name in enumerate(CLASSES)})


@pytest.mark.slow
def test_a_few_steps_make_a_checkpoint_that_the_run_time_loads(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, work = tmp_path / "made", tmp_path / "work"
    detector.run("detector", Options(folder, work, device="cpu", threads=1))
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "d_fine" and config[WORLD_KEY] is True
    assert (folder / "model.safetensors").stat().st_size < 6e6
    card = (folder / CARD).read_text()
    assert "license: \"apache-2.0\"" in card and "4 drawn scenes" in card
    assert "2 batches of 2" in card and "| detector_map50 |" in card
    made = export_detector(folder, tmp_path / "d.onnx")
    assert (made.metadata.height, made.metadata.width) == SIZE
    assert made.metadata.source == "world-detector" and made.metadata.licence == "Apache-2.0"
    runs = make_detector(DetectorConfig(kind="onnx", model=str(made.path), min_score=0.0))
    assert runs.labels == CLASSES and len(runs.detect(np.zeros((48, 64, 3), np.uint8))) > 0
    runs.close()
    # Another run goes on from there.
    again = tmp_path / "again"
    monkeypatch.setattr(detector, "measure", lambda *_, **__: DetectionScore(0.5, {}, {}, 1))
    detector.run("detector", Options(again, tmp_path / "other", device="cpu", threads=1,
                                     steps=1, start=folder))
    assert "From the weights of another checkpoint: 1 batches" in (again / CARD).read_text()
