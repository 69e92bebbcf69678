"""The estimator on the real architecture with random weights, and on a formula with known depth."""
from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_checkpoints import SIZE, formula_depth, formula_onnx, textured

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import DepthConfig, DepthError, Variant, make_estimator
from smolvlm_ros.depth.output import metric_depth

pytest.importorskip("onnxruntime", reason="the network runs on it")

HYPERSIM = CameraModel(1024, 768, 887.0, 887.0, 511.5, 383.5).scaled(196, 140)
ROOT = Path(__file__).resolve().parents[2]


def picture(height: int = 140, width: int = 196, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    u = np.linspace(0, 180, width)[None, :, None]
    return (u + rng.integers(0, 30, (1, 1, 3)) + np.zeros((height, 1, 1))).astype(np.uint8)


def estimator(path: Path, **changes: Any) -> Any:
    return make_estimator(DepthConfig(**{"model_indoor": str(path), "num_threads": 1, **changes}))


def test_depth_is_metres_at_the_cameras_resolution(tmp_path: Path) -> None:
    depth = estimator(formula_onnx(tmp_path / "a.onnx")).estimate(picture(), HYPERSIM, 1.0)
    assert depth.depth_m.shape == (140, 196) and depth.depth_m.dtype == np.float32
    assert depth.focal_scale == pytest.approx(1.0) and depth.camera is HYPERSIM
    assert depth.info.variant is Variant.INDOOR and depth.range_m == pytest.approx(20.0)
    np.testing.assert_allclose(depth.depth_m, formula_depth(picture(), 20.0), rtol=0.02)
    assert depth.model_ms > 0


def test_focal_correction_scales_metres_and_range_and_can_be_turned_off(tmp_path: Path) -> None:
    tele = CameraModel(196, 140, 2 * HYPERSIM.fx, 2 * HYPERSIM.fy, 97.5, 69.5)
    depth = estimator(formula_onnx(tmp_path / "a.onnx"))
    plain = depth.estimate(picture(), HYPERSIM, 0.0)
    corrected = depth.estimate(picture(), tele, 0.0)
    assert corrected.focal_scale == pytest.approx(2.0) and corrected.range_m == pytest.approx(40.0)
    np.testing.assert_allclose(corrected.depth_m, 2 * plain.depth_m, rtol=1e-5)
    depth.configure(DepthConfig(model_indoor=str(tmp_path / "a.onnx"), num_threads=1,
                                focal_correction=False))
    off = depth.estimate(picture(), tele, 0.0)
    assert off.focal_scale == 1.0
    np.testing.assert_array_equal(off.depth_m, plain.depth_m)
    # Without a camera there is nothing to correct with.
    assert depth.estimate(picture(), None, 0.0).camera is None


def test_another_focal_length_is_no_wobble_that_the_stabiliser_takes_out(tmp_path: Path) -> None:
    tele = CameraModel(196, 140, 2 * HYPERSIM.fx, 2 * HYPERSIM.fy, 97.5, 69.5)
    image = textured(140, 196)  # with points that the stabiliser can follow
    depth = estimator(formula_onnx(tmp_path / "a.onnx"))
    first = depth.estimate(image, HYPERSIM, 0.0)
    corrected = depth.estimate(image, tele, 0.1)
    np.testing.assert_allclose(corrected.depth_m, 2 * first.depth_m, rtol=1e-5)
    # A lens that breathes changes it a little from image to image; that is no reason to begin anew.
    for index in range(1, 4):
        near = CameraModel(196, 140, (2 + 0.002 * index) * HYPERSIM.fx, tele.fy, 97.5, 69.5)
        assert depth.estimate(image, near, 0.1 + 0.1 * index).steadied != 1.0


def test_far_is_infinite_and_never_a_wall(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "a.onnx")
    bright = np.full((140, 196, 3), 255, np.uint8)  # the formula's farthest: about 18.4 m
    bright[70:] = 40
    made = estimator(path, far_share=0.9).estimate(bright, None, 0.0).depth_m
    assert np.isinf(made[:60]).all() and np.isfinite(made[80:]).all()
    assert made[np.isfinite(made)].max() < 0.9 * 20
    assert np.isfinite(estimator(path).estimate(bright, None, 0.0).depth_m).all()


def test_what_is_no_number_is_unknown() -> None:
    predicted = np.array([[np.nan, 0.0, -1.0], [5.0, 19.9, np.inf]], np.float32)
    made = metric_depth(predicted, 20.0, 0.98, 2.0)
    np.testing.assert_array_equal(made, np.array([[np.nan] * 3, [10.0, np.inf, np.inf]],
                                                 np.float32))
    with pytest.raises(DepthError, match="no positive"):
        metric_depth(np.full((2, 2), np.nan, np.float32), 20.0, 0.98, 1.0)


def test_output_scale_scales_the_camera_too(tmp_path: Path) -> None:
    made = estimator(formula_onnx(tmp_path / "a.onnx"), output_scale=0.5).estimate(
        picture(), HYPERSIM, 0.0)
    assert made.depth_m.shape == (70, 98)
    assert (made.camera.width, made.camera.height) == (98, 70)
    assert made.camera.fx == pytest.approx(HYPERSIM.fx / 2)


def test_stretch_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    depth = estimator(formula_onnx(tmp_path / "a.onnx"))
    with caplog.at_level(logging.WARNING):
        depth.estimate(picture(), None, 0.0)
        assert not caplog.records  # 4:3 into 4:3
        for stamp in (0.1, 0.2):
            depth.estimate(picture(90, 160), None, stamp)
    assert len([r for r in caplog.records if "160x90" in r.getMessage()]) == 1


def test_bad_input_loses_only_that_frame(tmp_path: Path) -> None:
    depth = estimator(formula_onnx(tmp_path / "a.onnx"))
    for bad in (picture()[..., :2], picture().astype(np.float32), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(DepthError, match="expected"):
            depth.estimate(bad, None, 0.0)
    with pytest.raises(DepthError, match="CameraInfo"):
        depth.estimate(picture(), HYPERSIM.scaled(98, 70), 0.0)
    assert np.isfinite(depth.estimate(picture(), HYPERSIM, 0.1).depth_m).all()
    depth.close()
    depth.close()
    with pytest.raises(DepthError, match="closed"):
        depth.estimate(picture(), HYPERSIM, 0.2)


def test_no_torch_in_the_process(tmp_path: Path) -> None:
    path = formula_onnx(tmp_path / "a.onnx")
    program = (
        "import sys, numpy as np\n"
        "from smolvlm_ros.depth import DepthConfig, make_estimator\n"
        "assert 'onnxruntime' not in sys.modules, 'imported before it was needed'\n"
        f"made = make_estimator(DepthConfig(model_indoor={str(path)!r}, num_threads=1))\n"
        "made.estimate(np.zeros((60, 80, 3), np.uint8), None, 0.0)\n"
        "loaded = {'torch', 'torchvision', 'transformers', 'onnx'} & set(sys.modules)\n"
        "assert not loaded, loaded\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr


def test_real_architecture_agrees_with_transformers(indoor_onnx: Path,
                                                    checkpoint_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    made = estimator(indoor_onnx, output_scale=0.5)  # the network's own size: nothing resampled
    image = textured(140, 196)
    got = made.estimate(image, None, 0.0).depth_m
    pil = pytest.importorskip("PIL.Image")
    model = transformers.DepthAnythingForDepthEstimation.from_pretrained(checkpoint_folder)
    small = np.asarray(pil.fromarray(image).resize(SIZE[::-1], pil.BICUBIC), np.float32) / 255
    tensor = (small - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    with torch.inference_mode():
        wanted = model(torch.from_numpy(tensor.transpose(2, 0, 1)[None])).predicted_depth[0].numpy()
    assert wanted.std() > 0.3, "the checkpoint's output is flat: this would prove nothing"
    assert got.shape == wanted.shape == SIZE
    usable = np.isfinite(got) & (wanted > 0.01)
    assert usable.mean() > 0.5
    assert np.median(np.abs(got - wanted)[usable] / wanted[usable]) < 0.005


def test_outdoor_variant_has_its_own_range(outdoor_onnx: Path) -> None:
    made = make_estimator(DepthConfig(scene="outdoor", model_outdoor=str(outdoor_onnx)))
    depth = made.estimate(picture(), None, 0.0)
    assert made.info.max_depth_m == 80.0 and made.info.variant is Variant.OUTDOOR
    assert depth.depth_m[np.isfinite(depth.depth_m)].max() > 20.0


def test_switching_does_not_mix_ranges(indoor_onnx: Path, outdoor_onnx: Path) -> None:
    config = DepthConfig(model_indoor=str(indoor_onnx), model_outdoor=str(outdoor_onnx),
                         num_threads=1)
    for scene in ("indoor", "outdoor") * 5:
        made = make_estimator(config.changed(scene=scene))
        depth = made.estimate(picture(), None, 0.0)
        limit = {"indoor": 20.0, "outdoor": 80.0}[scene]
        assert depth.info.max_depth_m == limit and depth.info.variant == scene
        assert depth.depth_m[np.isfinite(depth.depth_m)].max() < limit
        made.close()
