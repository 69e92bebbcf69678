"""Detectors for tests: real architectures with small random weights."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SIZE = (64, 96)
CLASSES = ("person", "box", "dog")


def tiny_detector(folder: Path, kind: str = "d_fine", size: tuple[int, int] = SIZE,
                  **changes: Any) -> Path:
    """Save a D-FINE or RT-DETR with about 0.1 M random parameters; needs torch.

    Its last layers are spread so that the scores differ and some are above 0.5.
    """
    torch = pytest.importorskip("torch", reason="the checkpoint is made with torch")
    transformers = pytest.importorskip("transformers", reason="it has the architecture")
    torch.manual_seed(5)
    common = {
        "encoder_in_channels": [24, 32], "feat_strides": [8, 16], "encode_proj_layers": [1],
        "encoder_hidden_dim": 32, "encoder_ffn_dim": 32, "encoder_attention_heads": 2,
        "d_model": 32, "decoder_in_channels": [32, 32], "num_feature_levels": 2,
        "decoder_ffn_dim": 32, "decoder_layers": 2, "decoder_attention_heads": 2,
        "num_queries": 12, "num_denoising": 0, "freeze_backbone_batch_norms": False,
        "id2label": dict(enumerate(CLASSES)), "label2id": {n: i for i, n in enumerate(CLASSES)}}
    if kind == "d_fine":
        backbone = transformers.HGNetV2Config(
            stem_channels=[3, 8, 8], stage_in_channels=[8, 16, 24, 32],
            stage_mid_channels=[8] * 4, stage_out_channels=[16, 24, 32, 32],
            stage_num_blocks=[1] * 4, stage_numb_of_layers=[1] * 4,
            stage_light_block=[False] * 4, stage_kernel_size=[3] * 4,
            stage_downsample=[False, True, True, False], hidden_sizes=[16, 24, 32, 32],
            depths=[1] * 4, embedding_size=8, out_indices=[2, 4])
        config: Any = transformers.DFineConfig(**{
            "backbone_config": backbone, "depth_mult": 0.34, "hidden_expansion": 0.5, **common,
            **changes})
        model: Any = transformers.DFineForObjectDetection(config)
    else:
        backbone = transformers.RTDetrResNetConfig(
            embedding_size=8, hidden_sizes=[8, 24, 32, 32], depths=[1] * 4, layer_type="basic",
            downsample_in_first_stage=False, out_features=["stage2", "stage3"])
        prefix = {"rt_detr": "RTDetr", "rt_detr_v2": "RTDetrV2"}[kind]
        extra = {"decoder_n_levels": 2} if kind == "rt_detr_v2" else {}
        config = getattr(transformers, f"{prefix}Config")(**{
            "backbone_config": backbone, **extra, **common, **changes})
        model = getattr(transformers, f"{prefix}ForObjectDetection")(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "embed." not in name:
                torch.nn.init.kaiming_normal_(weight, nonlinearity="linear")
            if "class_embed" in name or "enc_score_head" in name:
                weight.normal_(0.0, 0.3)
            elif "bbox_embed" in name or "bbox_head" in name:
                weight.normal_(0.0, 0.1)
    model.eval().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "RTDetrImageProcessor", "do_resize": True, "do_rescale": True,
        "size": {"height": size[0], "width": size[1]}, "resample": 2, "do_normalize": False,
        "rescale_factor": 1 / 255}))
    return folder


@pytest.fixture(scope="session")
def detector_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A D-FINE checkpoint: config.json, model.safetensors, preprocessor_config.json."""
    folder = tmp_path_factory.getbasetemp() / "tiny-d-fine"
    return folder if folder.is_dir() else tiny_detector(folder)


@pytest.fixture(scope="session")
def detector_onnx(detector_folder: Path) -> Path:
    """The checkpoint, exported."""
    pytest.importorskip("onnx", reason="the export writes with onnx")
    from smolvlm_ros.models.export_detector import export_detector
    path = detector_folder / "onnx" / "detector.onnx"
    return path if path.is_file() else export_detector(detector_folder, path,
                                                       licence="MIT").path
