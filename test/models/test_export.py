"""Export of the real architecture with random weights."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from depth_checkpoints import SIZE, tiny_depth_checkpoint

from smolvlm_ros.models.checkpoint import sha256
from smolvlm_ros.models.depth_metadata import DepthMetadata
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError
from smolvlm_ros.models.export import export_depth
from smolvlm_ros.models.onnx_session import OnnxSession

pytest.importorskip("torch", reason="the export needs torch")
pytest.importorskip("onnx", reason="the export needs onnx")


def test_file_says_what_it_is_and_agrees_with_torch(checkpoint_folder: Path,
                                                    tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    made = export_depth(checkpoint_folder, tmp_path / "new" / "a.onnx", SIZE,
                        report=lambda *step: steps.append(step))
    assert made.parity_max < 1e-4
    session = OnnxSession(made.path)
    assert DepthMetadata.from_entries(session.metadata) == made.metadata
    assert session.inputs == {"pixel_values": (1, 3, *SIZE)}
    assert session.outputs == {"predicted_depth": (1, *SIZE)}
    assert made.metadata.source_sha256 == sha256(checkpoint_folder / "model.safetensors")
    assert made.metadata.variant == "indoor" and made.metadata.licence == "unknown"
    # A flat output would agree with anything.
    assert np.std(made.metadata.canary) > 0.1
    assert [s[0] for s in steps] == [0, 1, 2, 3, 4, 5, 6] and {s[1] for s in steps} == {6}


def test_int8_is_smaller_and_close(checkpoint_folder: Path, indoor_onnx: Path,
                                   tmp_path: Path) -> None:
    made = export_depth(checkpoint_folder, tmp_path / "b.onnx", SIZE, precision="int8")
    assert made.metadata.precision == "int8" and made.parity_mean < 0.03
    assert made.path.stat().st_size < 0.9 * indoor_onnx.stat().st_size
    assert (attentions(made.path), attentions(indoor_onnx)) == (4, 0)


def attentions(path: Path) -> int:
    """How many operators of a file are ONNX Runtime's own attention."""
    onnx = pytest.importorskip("onnx")
    return [node.op_type for node in onnx.load(str(path)).graph.node].count("MultiHeadAttention")


def test_a_file_for_the_cpu_is_as_exact_and_others_have_plain_operators(
        checkpoint_folder: Path, indoor_onnx: Path, tmp_path: Path) -> None:
    made = export_depth(checkpoint_folder, tmp_path / "cpu.onnx", SIZE, provider="cpu")
    assert made.parity_max < 1e-4 and made.metadata.precision == "fp32"
    portable = export_depth(checkpoint_folder, tmp_path / "any.onnx", SIZE, provider="tensorrt")
    assert [attentions(path) for path in (made.path, portable.path, indoor_onnx)] == [4, 0, 0]


def copied(source: Path, target: Path, **config: object) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("onnx"))
    path = target / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return target


def test_the_training_focal_comes_from_the_checkpoint(checkpoint_folder: Path,
                                                      tmp_path: Path) -> None:
    own = export_depth(copied(checkpoint_folder, tmp_path / "own", training_focal=0.77),
                       tmp_path / "own.onnx", SIZE).metadata
    assert own.focal == 0.77
    published = export_depth(checkpoint_folder, tmp_path / "published.onnx", SIZE).metadata
    assert published.training_focal == pytest.approx(887 / 1024)


@pytest.mark.parametrize(("config", "text"), [
    ({"training_focal": "wide"}, "training_focal 'wide'"),
    ({"depth_estimation_type": "relative"}, "'relative'"),
    ({"max_depth": 40}, "max_depth 40"),
    ({"model_type": "dpt"}, "'dpt', expected 'depth_anything'"),
    ({"fusion_hidden_size": 24}, "cannot be loaded|does not fit"),   # weights of another shape
])
def test_checkpoint_that_does_not_fit_is_refused(checkpoint_folder: Path, tmp_path: Path,
                                                 config: dict[str, object], text: str) -> None:
    source = copied(checkpoint_folder, tmp_path / "other", **config)
    with pytest.raises(CheckpointError, match=text):
        export_depth(source, tmp_path / "c.onnx", SIZE)
    assert not list(tmp_path.glob("*.onnx")), "nothing half-made may stay"


def test_missing_tensors_are_not_replaced_by_random_numbers(checkpoint_folder: Path,
                                                            tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file
    source = copied(checkpoint_folder, tmp_path / "less")
    tensors = load_file(source / "model.safetensors")
    removed = sorted(k for k in tensors if "head.conv2" in k)
    save_file({k: v for k, v in tensors.items() if k not in removed},
              source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=f"2 tensors.*{removed[0]}"):
        export_depth(source, tmp_path / "d.onnx", SIZE)


def test_noncommercial_is_refused_by_its_shape_whatever_its_name(tmp_path: Path) -> None:
    # The width of Base; a single thin layer keeps it small.
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=768, num_attention_heads=12, num_hidden_layers=4, mlp_ratio=1, patch_size=14,
        image_size=28, out_indices=[1, 2, 3, 4], reshape_hidden_states=False)
    source = tiny_depth_checkpoint(tmp_path / "free-and-small", backbone_config=backbone,
                                   reassemble_hidden_size=768)
    with pytest.raises(LicenceError, match="CC-BY-NC-4.0.*--allow-noncommercial"):
        export_depth(source, tmp_path / "e.onnx", SIZE, licence="Apache-2.0")


def test_declared_licence_of_an_own_checkpoint(checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LicenceError, match="CC-BY-NC-SA-4.0"):
        export_depth(checkpoint_folder, tmp_path / "f.onnx", SIZE, licence="CC-BY-NC-SA-4.0")
    made = export_depth(checkpoint_folder, tmp_path / "f.onnx", SIZE, licence="MIT")
    assert made.metadata.licence == "MIT" and made.metadata.commercial


@pytest.mark.parametrize(("size", "precision"), [((70, 99), "fp32"), ((0, 14), "fp32"),
                                                 (SIZE, "int4")])
def test_wrong_size_or_precision(checkpoint_folder: Path, tmp_path: Path, size: tuple[int, int],
                                 precision: str) -> None:
    with pytest.raises(ModelError, match="multiples of 14"):
        export_depth(checkpoint_folder, tmp_path / "g.onnx", size, precision=precision)


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        export_depth(tmp_path / "nothing", tmp_path / "h.onnx", SIZE)
