"""Which checkpoint a setting means, and what is said when there is none; needs no torch."""
from __future__ import annotations

import json
import struct

import pytest

from smolvlm_ros.models import memory
from smolvlm_ros.models.registry import WORLD_KEY, named
from smolvlm_ros.qa import checkpoint, placement
from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine
from smolvlm_ros.settings import SettingError

SIZES = {"256M-Video-Instruct": 256_000_000, "500M-Video-Instruct": 500_000_000,
         "2.2B-Instruct": 2_200_000_000}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Libraries installed, empty hub cache, no network, a CPU; gives what sets its memory, MiB."""
    def of(free_mib, total_mib=8000.0):
        monkeypatch.setattr(memory, "available_mib", lambda root="/": free_mib)
        monkeypatch.setattr(memory, "total_mib", lambda root="/": total_mib)

    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "")
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": None)
    on(monkeypatch, "cpu", "float32")
    of(100_000.0, 100_000.0)
    return of


def on(monkeypatch, device, dtype, gpu_free_mib=None):
    """Have the models run there."""
    monkeypatch.setattr(placement, "place", lambda config: placement.Placement(device, dtype))
    monkeypatch.setattr(placement, "gpu_free_mib", lambda: gpu_free_mib)


def make_folder(path, model_type="smolvlm", parameters=3, licence="", **entries):
    """A folder with the right files and one tensor of zeros that takes no room on the disk."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": model_type, **entries}))
    header = json.dumps({"x": {"dtype": "I8", "shape": [parameters],
                               "data_offsets": [0, parameters]}}).encode()
    with open(path / "model.safetensors", "wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(8 + len(header) + parameters)
    if licence:
        (path / "README.md").write_text(f"---\nlicense: {licence}\n---\n")
    return path


@pytest.fixture
def all_sizes(monkeypatch, tmp_path):
    """All of the hub lie on this machine."""
    folders = {f"HuggingFaceTB/SmolVLM2-{size}": make_folder(tmp_path / size, parameters=count)
               for size, count in SIZES.items()}
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": folders.get(hub_id))


def test_none_says_so() -> None:
    made = make_engine(EngineConfig(model="none"))
    assert isinstance(made, NoEngine)
    assert "'none'" in made.reason


def test_auto_without_any_checkpoint_abstains() -> None:
    made = make_engine(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "smolvlm2-256m, smolvlm2-500m, smolvlm2-2.2b" in made.reason


def test_auto_without_the_libraries_names_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "torch")
    made = make_engine(EngineConfig())
    assert isinstance(made, NoEngine)
    assert 'pip install "numpy<2" torch' in made.reason
    # Asked for by name, the same is an error.
    with pytest.raises(EngineError, match='needs torch; .*pip install "numpy<2" torch'):
        make_engine(EngineConfig(model="smolvlm2-256m"))


def test_auto_takes_the_largest_that_fits(machine, all_sizes) -> None:
    machine(2500 + 1024)  # 2.2B takes 8,900 MiB in float32, 500M 2,422
    found = checkpoint.locate(EngineConfig())
    assert found.name == "smolvlm2-500m"
    # and says why
    assert "largest" in found.why and "smolvlm2-2.2b needs" in found.why


def test_auto_leaves_memory_for_the_nodes_that_start_after_it(machine, all_sizes) -> None:
    machine(2500 + 1023 - 100)
    assert checkpoint.locate(EngineConfig()).name == "smolvlm2-256m"
    assert checkpoint.locate(EngineConfig(reserve_mib=900)).name == "smolvlm2-500m"
    # A name is held against the same.
    with pytest.raises(EngineError, match=r"1024 MiB left to others .*use smolvlm2-256m or "
                                          r"engine.dtype bfloat16 \(1469 MiB\)"):
        checkpoint.locate(EngineConfig(model="smolvlm2-500m"))
    assert checkpoint.locate(EngineConfig(model="smolvlm2-500m", reserve_mib=900))


def test_auto_where_nothing_fits_says_what_is_missing(machine, all_sizes) -> None:
    machine(1000)
    made = checkpoint.locate(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "smolvlm2-256m needs" in made.reason and "smolvlm2-2.2b needs" in made.reason


def test_a_machine_of_less_than_4_gb_is_told_what_to_do_without(machine, all_sizes, tmp_path
                                                                ) -> None:
    machine(100_000, 2900)  # as nobody has it: only the size of the machine tells
    made = checkpoint.locate(EngineConfig())
    assert isinstance(made, NoEngine)
    assert "4 GB" in made.reason and "'server' or 'none'" in made.reason
    for model in ("smolvlm2-256m", str(make_folder(tmp_path / "mine", parameters=256_000_000))):
        with pytest.raises(EngineError, match="4 GB.*engine.model to 'server' or 'none'"):
            checkpoint.locate(EngineConfig(model=model))
    machine(100_000, 3300)  # a board of 4 GB whose firmware keeps much
    assert checkpoint.locate(EngineConfig(model="smolvlm2-256m"))


def test_the_embedded_one_runs_on_a_small_machine(machine, tmp_path) -> None:
    machine(600, 1900)
    folder = make_folder(tmp_path / "m", parameters=3_600_000, **{WORLD_KEY: True})
    assert checkpoint.locate(EngineConfig(model=str(folder))).embedded
    machine(500, 1900)
    with pytest.raises(EngineError, match="needs 529 MiB, only 500"):
        checkpoint.locate(EngineConfig(model=str(folder)))


def test_auto_takes_what_fits_the_gpu_too(machine, all_sizes, monkeypatch) -> None:
    on(monkeypatch, "cuda", "bfloat16", 1100)  # 500M takes 1,469 MiB in bfloat16
    found = checkpoint.locate(EngineConfig())
    assert found.name == "smolvlm2-256m"
    assert "of the GPU's memory in bfloat16, only 1100 MiB are free there; use smolvlm2-500m or " \
        not in found.why
    assert "use smolvlm2-500m, set engine.device to 'cpu'" in found.why
    with pytest.raises(EngineError, match="smolvlm2-500m needs 1469 MiB of the GPU's memory"):
        checkpoint.locate(EngineConfig(model="smolvlm2-500m"))
    on(monkeypatch, "cuda", "bfloat16", 900)
    made = checkpoint.locate(EngineConfig())
    assert isinstance(made, NoEngine) and "smolvlm2-256m needs 1003 MiB of the GPU's" in made.reason
    on(monkeypatch, "cuda", "bfloat16", None)  # it shares the CPU's, which is plenty
    assert checkpoint.locate(EngineConfig()).name == "smolvlm2-2.2b"


def test_what_counts_is_the_format_that_is_loaded(machine, all_sizes, monkeypatch) -> None:
    machine(4900 + 1024)  # 2.2B: 4,711 MiB in bfloat16, 8,907 in float32
    assert checkpoint.locate(EngineConfig()).name == "smolvlm2-500m"
    on(monkeypatch, "cuda", "bfloat16", 8000)
    assert checkpoint.locate(EngineConfig()).name == "smolvlm2-2.2b"


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


def test_too_large_is_not_even_fetched(machine, monkeypatch) -> None:
    def download(*_):
        raise AssertionError("fetched in vain")

    monkeypatch.setattr(checkpoint, "download", download)
    machine(3000)
    with pytest.raises(EngineError, match="smolvlm2-2.2b needs .* use smolvlm2-500m or"):
        checkpoint.locate(EngineConfig(model="smolvlm2-2.2b", allow_download=True))


@pytest.mark.parametrize(("name", "entries"), [
    # as the registry names one, and one with the mark of the embedded world
    ("smolvlm2-500m", {}), ("vlm", {WORLD_KEY: True})])
def test_a_name_or_a_mark_does_not_switch_the_licence_off(tmp_path, name, entries) -> None:
    folder = make_folder(tmp_path / name, licence="cc-by-nc-4.0", **entries)
    with pytest.raises(EngineError, match="is licensed cc-by-nc-4.0: no commercial use"):
        checkpoint.locate(EngineConfig(model=str(folder)))
    assert checkpoint.locate(EngineConfig(model=str(folder), allow_noncommercial=True))
    make_folder(folder, licence="apache-2.0", **entries)
    assert checkpoint.locate(EngineConfig(model=str(folder)))


@pytest.mark.parametrize("licence", ["agpl-3.0", "GNU Affero General Public License v3"])
def test_the_agpl_is_refused_whatever_is_allowed(tmp_path, licence) -> None:
    folder = make_folder(tmp_path / "m", licence=licence)
    for allowed in (False, True):
        with pytest.raises(EngineError, match="its terms reach the software around it"):
            checkpoint.locate(EngineConfig(model=str(folder), allow_noncommercial=allowed))


def test_the_card_of_another_commit_is_read(monkeypatch, tmp_path) -> None:
    known = named("smolvlm2-256m")
    folder = make_folder(tmp_path / "snapshots" / ("ab" * 20), licence="cc-by-nc-4.0")
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": folder)
    with pytest.raises(EngineError, match="cc-by-nc-4.0"):
        checkpoint.locate(EngineConfig(model="smolvlm2-256m", revision=folder.name))
    # That of the registry's commit was read when the registry was written.
    checked = folder.rename(folder.with_name(known.revision))
    monkeypatch.setattr(checkpoint, "cached", lambda hub_id, revision="": checked)
    assert checkpoint.locate(EngineConfig(model="smolvlm2-256m")).name == "smolvlm2-256m"


def test_a_name_of_the_registry_is_no_folder_of_that_name(tmp_path, monkeypatch) -> None:
    make_folder(tmp_path / "smolvlm2-256m")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError, match="not on this machine"):
        checkpoint.locate(EngineConfig(model="smolvlm2-256m"))
    assert checkpoint.locate(EngineConfig(model="./smolvlm2-256m")).name == "smolvlm2-256m"


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
    need = placement.memory_need_mib(int(parameters), dtype)
    assert need == pytest.approx(measured_mib, rel=0.13)


def test_int8_on_cuda_is_refused() -> None:
    with pytest.raises(SettingError, match="int8"):
        EngineConfig(dtype="int8", device="cuda")
