"""Small depth models of the real architecture, with random weights, made once per test run."""
from __future__ import annotations

from pathlib import Path

import pytest

SIZE = (70, 98)
HEAD_GAIN = 0.3


def tiny_depth_checkpoint(folder: Path, **changes: object) -> Path:
    """Save a DepthAnythingForDepthEstimation with 0.2 M random parameters; needs torch."""
    torch = pytest.importorskip("torch", reason="makes its checkpoint with torch")
    transformers = pytest.importorskip("transformers", reason="has the architecture")
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


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indoor checkpoint: config.json and model.safetensors."""
    return tiny_depth_checkpoint(tmp_path_factory.mktemp("indoor"))


@pytest.fixture(scope="session")
def indoor_onnx(checkpoint_folder: Path) -> Path:
    """The indoor checkpoint, exported."""
    pytest.importorskip("onnx", reason="export needs it")
    from smolvlm_ros.models.export import export_depth
    return export_depth(checkpoint_folder, checkpoint_folder / "onnx" / "indoor.onnx", SIZE).path


@pytest.fixture(scope="session")
def outdoor_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outdoor checkpoint, exported."""
    pytest.importorskip("onnx", reason="export needs it")
    from smolvlm_ros.models.export import export_depth
    folder = tiny_depth_checkpoint(tmp_path_factory.mktemp("outdoor"), max_depth=80)
    return export_depth(folder, folder / "onnx" / "outdoor.onnx", SIZE).path
