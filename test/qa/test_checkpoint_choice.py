"""Which checkpoint a setting means, and what is said when there is none; needs no torch."""
from __future__ import annotations

import json
import struct

import pytest

from smolvlm_ros.models.errors import MemoryFloorError
from smolvlm_ros.qa import checkpoint
from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine
from smolvlm_ros.settings import SettingError


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Libraries installed, empty hub cache, no network, plenty of memory."""
    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "")
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": None)
    monkeypatch.setattr(checkpoint, "check_memory", lambda *_: None)


def make_folder(path, model_type="smolvlm"):
    """A folder with the right files and one tensor of three numbers."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": model_type}))
    header = json.dumps({"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(12))
    return path


def test_none_says_so() -> None:
    made = make_engine(EngineConfig(model="none"))
    assert isinstance(made, NoEngine)
    assert "'none'" in made.reason


def test_auto_without_any_checkpoint_abstains() -> None:
    made = make_engine(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "smolvlm2-256m, smolvlm2-500m, smolvlm2-2.2b" in made.reason


def test_auto_without_the_libraries_names_the_extra(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "torch")
    made = make_engine(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "torch" in made.reason and "[vlm]" in made.reason
    # Asked for by name, the same is an error.
    with pytest.raises(EngineError, match=r"needs torch; .*\[vlm\]"):
        make_engine(EngineConfig(model="smolvlm2-256m"))


def test_auto_takes_the_largest_that_fits(monkeypatch, tmp_path) -> None:
    folders = {f"HuggingFaceTB/SmolVLM2-{size}": make_folder(tmp_path / size)
               for size in ("256M-Video-Instruct", "500M-Video-Instruct", "2.2B-Instruct")}
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": folders.get(hub_id))

    def too_large(need_mib, name, smaller=""):
        if name == "smolvlm2-2.2b":
            raise MemoryFloorError(f"{name} does not fit; use {smaller}")

    monkeypatch.setattr(checkpoint, "check_memory", too_large)
    found = checkpoint.locate(EngineConfig())
    assert found.name == "smolvlm2-500m"
    # and says why
    assert "largest" in found.why and "smolvlm2-2.2b does not fit" in found.why


def test_auto_where_nothing_fits_says_what_is_missing(monkeypatch, tmp_path) -> None:
    folder = make_folder(tmp_path / "any")
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": folder)

    def too_large(need_mib, name, smaller=""):
        raise MemoryFloorError(f"{name} needs {need_mib:.0f} MiB")

    monkeypatch.setattr(checkpoint, "check_memory", too_large)
    made = checkpoint.locate(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "smolvlm2-256m needs" in made.reason and "smolvlm2-2.2b needs" in made.reason


@pytest.mark.parametrize(
    ("model", "text"),
    [
        # a known name that is not here, and a hub id that is not here
        ("smolvlm2-256m", "not on this machine"),
        ("someone/SmolVLM2-tuned", "not on this machine"),
        # a folder that is not there, and a typo
        ("./missing/folder", "neither a folder nor a known name"),
        ("smolvlm", "neither a folder nor a known name"),
        # a checkpoint for something else
        ("d-fine-n", "is for detection"),
    ])
def test_models_that_cannot_be_had(model, text) -> None:
    with pytest.raises(EngineError, match=text):
        make_engine(EngineConfig(model=model))


def test_another_architecture_is_refused(tmp_path) -> None:
    folder = make_folder(tmp_path / "m", "llama")
    with pytest.raises(EngineError, match="'llama', expected 'smolvlm'"):
        checkpoint.locate(EngineConfig(model=str(folder)))


def test_pickled_weights_are_refused(tmp_path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match="pickles"):
        checkpoint.locate(EngineConfig(model=str(folder)))


def test_too_little_memory_is_refused_with_the_smaller_choice(monkeypatch, tmp_path) -> None:
    folder = make_folder(tmp_path / "m")
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": folder)

    def too_large(need_mib, name, smaller=""):
        raise MemoryFloorError(f"{name} needs {need_mib:.0f} MiB; use {smaller}")

    monkeypatch.setattr(checkpoint, "check_memory", too_large)
    with pytest.raises(EngineError, match="smolvlm2-500m needs 515 MiB; use smolvlm2-256m"):
        checkpoint.locate(EngineConfig(model="smolvlm2-500m"))


def test_a_folder_keeps_its_name(tmp_path) -> None:
    found = checkpoint.locate(EngineConfig(model=str(make_folder(tmp_path / "my-robot-vlm"))))
    assert (found.name, found.why) == ("my-robot-vlm", "")


@pytest.mark.parametrize(
    ("parameters", "dtype", "measured_mib"),
    [
        # peak resident memory measured on a CPU with the real architectures
        (256e6, "float32", 1468), (256e6, "bfloat16", 906), (256e6, "int8", 1656),
        (500e6, "float32", 2422), (500e6, "bfloat16", 1386), (500e6, "int8", 2940),
        (2246e6, "bfloat16", 4720), (2246e6, "int8", 11692),
    ])
def test_memory_need_is_near_what_was_measured(parameters, dtype, measured_mib) -> None:
    need = checkpoint.memory_need_mib(int(parameters), dtype)
    assert need == pytest.approx(measured_mib, rel=0.13)


def test_int8_on_cuda_is_refused() -> None:
    with pytest.raises(SettingError, match="int8"):
        EngineConfig(dtype="int8", device="cuda")
