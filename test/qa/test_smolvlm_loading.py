"""Checkpoints that must not be used: what the engine refuses when it is loaded, and why."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
pytest.importorskip("transformers", reason="the extra vlm is not installed")

import tiny_smolvlm  # noqa: E402

from smolvlm_ros.qa.engine import EngineConfig, EngineError, make_engine  # noqa: E402


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


def spoil(folder, change) -> None:
    """Rewrite the weights after `change` edited them in place."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def edit(path, **entries) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_canary_finds_a_blind_vision_tower(folder) -> None:
    def blind(weights) -> None:
        for name, tensor in weights.items():
            if "patch_embedding" in name:
                tensor.zero_()

    spoil(folder, blind)
    with pytest.raises(EngineError, match="same features"):
        make_engine(EngineConfig(model=str(folder)))


def test_canary_finds_a_language_model_that_ignores_the_image(folder) -> None:
    def deaf(weights) -> None:
        for name, tensor in weights.items():
            if "text_model" in name and "v_proj" in name:
                tensor.zero_()

    spoil(folder, deaf)
    with pytest.raises(EngineError, match="same probabilities"):
        make_engine(EngineConfig(model=str(folder)))


def test_canary_finds_values_that_are_not_finite(folder) -> None:
    def break_head(weights) -> None:
        weights["lm_head.weight"].fill_(float("nan"))

    spoil(folder, break_head)
    with pytest.raises(EngineError, match="not finite"):
        make_engine(EngineConfig(model=str(folder)))


def test_missing_weights_are_not_filled_with_random_numbers(folder) -> None:
    spoil(folder, lambda weights: weights.pop("model.connector.modality_projection.proj.weight"))
    with pytest.raises(EngineError, match="random numbers"):
        make_engine(EngineConfig(model=str(folder)))


def test_tile_of_other_sizes_is_refused(folder) -> None:
    edit(folder / "preprocessor_config.json", max_image_size={"longest_edge": 30})
    with pytest.raises(EngineError, match="divide"):
        make_engine(EngineConfig(model=str(folder)))


def test_processor_of_another_checkpoint_is_refused(folder) -> None:
    (folder / "processor_config.json").write_text('{"image_seq_len": 64}')
    with pytest.raises(EngineError, match="64 tokens"):
        make_engine(EngineConfig(model=str(folder)))


def test_preprocessor_inside_processor_config_is_read(folder) -> None:
    # transformers 5 saves a processor as one file
    inner = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(EngineError, match="preprocessor_config.json"):
        make_engine(EngineConfig(model=str(folder)))
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    make_engine(EngineConfig(model=str(folder))).close()


def test_tokenizer_without_single_answers_is_refused(folder) -> None:
    other = tiny_smolvlm.make_tokenizer(("nothing of the kind",))
    tiny_smolvlm.save(folder, tiny_smolvlm.make_model(other), other)
    with pytest.raises(EngineError, match="' Yes' as one token"):
        make_engine(EngineConfig(model=str(folder)))


def test_model_with_another_image_token_is_refused(folder) -> None:
    edit(folder / "config.json", image_token_id=7)
    with pytest.raises(EngineError, match="do not belong together"):
        make_engine(EngineConfig(model=str(folder)))


def test_cuda_that_is_not_there_is_an_error(tiny_checkpoint) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(EngineError, match="no CUDA device"):
        make_engine(EngineConfig(model=str(tiny_checkpoint), device="cuda"))


def test_processor_without_its_entries_is_refused(folder) -> None:
    edit(folder / "preprocessor_config.json", image_mean=None)
    with pytest.raises(EngineError, match="does not say how images are prepared"):
        make_engine(EngineConfig(model=str(folder)))


def test_tokenizer_of_another_model_is_refused(folder, monkeypatch) -> None:
    monkeypatch.setattr(tiny_smolvlm, "SPECIAL", tuple(
        t for t in tiny_smolvlm.SPECIAL if t != "<global-img>"))
    tiny_smolvlm.make_tokenizer().save_pretrained(folder)
    with pytest.raises(EngineError, match="lacks '<global-img>'"):
        make_engine(EngineConfig(model=str(folder)))


def test_tokenizer_larger_than_the_model_is_refused(folder) -> None:
    tokenizer = tiny_smolvlm.make_tokenizer()
    tokenizer.add_tokens(["another word"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(EngineError, match="ids up to"):
        make_engine(EngineConfig(model=str(folder)))
