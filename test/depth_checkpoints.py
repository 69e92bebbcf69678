"""Depth models for tests: real architecture with small random weights, and a formula as a graph."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.models.canary import canary_image, fingerprint
from smolvlm_ros.models.depth_metadata import DepthMetadata

SIZE = (70, 98)
# Output spread: about a metre around the middle of the range, so that rounding of the input by one
# grey level, which random weights amplify, stays well below 0.5 %.
HEAD_GAIN = 0.02


def textured(height: int, width: int) -> NDArray[np.uint8]:
    """Edges as sharp as a lens makes them, slopes and a sensor's grain."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 255, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    image = cv2.resize(image, None, fx=16, fy=16, interpolation=cv2.INTER_NEAREST)
    image = cv2.GaussianBlur(image[:height, :width], (0, 0), 1.0)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def tiny_depth_checkpoint(folder: Path, **changes: Any) -> Path:
    """Save a DepthAnythingForDepthEstimation with 0.2 M random parameters; needs torch."""
    torch = pytest.importorskip("torch", reason="the checkpoint is made with torch")
    transformers = pytest.importorskip("transformers", reason="it has the architecture")
    torch.manual_seed(7)
    backbone = transformers.Dinov2Config(
        hidden_size=48, num_attention_heads=3, num_hidden_layers=4, patch_size=14, image_size=518,
        mlp_ratio=2, out_indices=[1, 2, 3, 4], reshape_hidden_states=False)
    config = transformers.DepthAnythingConfig(**{
        "backbone_config": backbone, "reassemble_hidden_size": 48,
        "neck_hidden_sizes": [8, 12, 16, 24], "fusion_hidden_size": 16, "head_hidden_size": 8,
        "depth_estimation_type": "metric", "max_depth": 20, **changes})
    model = transformers.DepthAnythingForDepthEstimation(config)
    # transformers' small random numbers give a flat picture; these spread over most of the range.
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "embeddings" not in name:
                torch.nn.init.kaiming_normal_(weight)
            elif "lambda" in name:
                weight.fill_(0.5)
        model.head.conv3.weight.mul_(HEAD_GAIN)
    model.save_pretrained(folder)
    return folder


def description(**changes: Any) -> DepthMetadata:
    """Of an indoor model of that size."""
    return DepthMetadata(**{"variant": "indoor", "max_depth_m": 20.0,
                            "depth_estimation_type": "metric", "height": SIZE[0],
                            "width": SIZE[1], **changes})


def formula_depth(image_rgb: np.ndarray, max_depth_m: float) -> np.ndarray:
    """What the graph of `formula_onnx` computes: max_depth / (1 + exp(-mean of the channels))."""
    meta = description()
    mean = ((image_rgb / 255.0 - meta.mean) / meta.std).mean(2)
    return (max_depth_m / (1 + np.exp(-mean))).astype(np.float32)


def formula_onnx(path: Path, metadata: dict[str, Any] | None = None, *,
                 entries: dict[str, str] | None = None, channels: int = 3) -> Path:
    """Write an ONNX file with the form of an exported depth model; needs onnx, not torch.

    Args:
        metadata: changes to its description.
        entries: its metadata entries instead of a description.
        channels: of its input; anything but 3 is another architecture.
    """
    onnx = pytest.importorskip("onnx", reason="the graph is written with onnx")
    from onnx import TensorProto, helper
    values = {"variant": "indoor", "max_depth_m": 20.0, "height": SIZE[0], "width": SIZE[1],
              "source": "formula", "licence": "Apache-2.0", **(metadata or {})}
    size = (values["height"], values["width"])
    if "canary" not in values:
        values["canary"] = tuple(fingerprint(
            formula_depth(canary_image(*size), values["max_depth_m"])).ravel())
    limit = helper.make_tensor("limit", TensorProto.FLOAT, [], [values["max_depth_m"]])
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[1], keepdims=0),
         helper.make_node("Sigmoid", ["mean"], ["share"]),
         helper.make_node("Mul", ["share", "limit"], ["predicted_depth"])],
        "formula",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, channels, *size])],
        [helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, [1, *size])], [limit])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if entries is None:
        entries = dict([DepthMetadata(depth_estimation_type="metric", **values).to_entry()])
    for key, value in entries.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    return path


def _made_once(factory: pytest.TempPathFactory, name: str, **changes: Any) -> Path:
    folder = factory.getbasetemp() / name
    return folder if folder.is_dir() else tiny_depth_checkpoint(folder, **changes)


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indoor checkpoint: config.json and model.safetensors."""
    return _made_once(tmp_path_factory, "indoor")


@pytest.fixture(scope="session")
def indoor_onnx(checkpoint_folder: Path) -> Path:
    """The indoor checkpoint, exported."""
    return _exported(checkpoint_folder)


@pytest.fixture(scope="session")
def outdoor_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outdoor checkpoint, exported."""
    return _exported(_made_once(tmp_path_factory, "outdoor", max_depth=80))


def _exported(folder: Path) -> Path:
    pytest.importorskip("onnx", reason="the export writes with onnx")
    from smolvlm_ros.models.export import export_depth
    path = folder / "onnx" / f"{folder.name}.onnx"
    return path if path.is_file() else export_depth(folder, path, SIZE).path
