"""The hub's cache and downloads, with the client's real code and no network."""
from __future__ import annotations

import json

import pytest
from test_checkpoint_choice import make_folder, on

from smolvlm_ros.models import memory
from smolvlm_ros.models.checkpoint import sha256
from smolvlm_ros.models.fetching import record_path
from smolvlm_ros.qa import checkpoint
from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine

hub = pytest.importorskip("huggingface_hub", reason="the extra vlm is not installed")
constants = pytest.importorskip("huggingface_hub.constants")
LocalEntryNotFoundError = pytest.importorskip("huggingface_hub.errors").LocalEntryNotFoundError
HUB_ID = "HuggingFaceTB/SmolVLM2-256M-Video-Instruct"


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """All libraries of the extra, and plenty of memory."""
    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "")
    monkeypatch.setattr(memory, "available_mib", lambda root="/": 100_000.0)
    monkeypatch.setattr(memory, "total_mib", lambda root="/": 100_000.0)
    on(monkeypatch, "cpu", "float32")


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch, tmp_path):
    """An empty cache folder of the hub client."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "hub"


def test_a_checkpoint_in_the_cache_is_found(hub_cache) -> None:
    assert checkpoint.cached(HUB_ID) is None
    repository = hub_cache / ("models--" + HUB_ID.replace("/", "--"))
    folder = make_folder(repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    assert checkpoint.cached(HUB_ID) == folder
    # Another revision is another checkpoint.
    assert checkpoint.cached(HUB_ID, "0" * 40) is None


def test_one_at_another_commit_than_the_registry_s_is_not_taken_silently(hub_cache) -> None:
    other = "ab" * 20
    repository = hub_cache / ("models--" + HUB_ID.replace("/", "--"))
    folder = make_folder(repository / "snapshots" / other)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(other)
    text = f"at commit {other}, and 0677.*engine.revision to {other}"
    with pytest.raises(EngineError, match=text):
        checkpoint.locate(EngineConfig(model="smolvlm2-256m"))
    made = checkpoint.locate(EngineConfig())
    assert isinstance(made, NoEngine) and f"at commit {other}" in made.reason
    asked = EngineConfig(model="smolvlm2-256m", revision=other)
    found = checkpoint.locate(asked)
    assert isinstance(found, checkpoint.Found) and found.checkpoint.folder == folder
    with pytest.raises(EngineError, match="not on this machine"):
        checkpoint.locate(asked.changed(revision="cd" * 20))


@pytest.mark.parametrize(
    ("raised", "text"),
    [(LocalEntryNotFoundError("offline"), "no network and no copy"),
     (OSError(28, "No space left on device"), "free disk space")])
def test_a_download_that_fails_says_why(monkeypatch, raised, text) -> None:
    def fail(*args, **kwargs):
        raise raised

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(EngineError, match=text):
        make_engine(EngineConfig(model="smolvlm2-256m", allow_download=True))


def test_only_safe_files_are_fetched(monkeypatch, tmp_path) -> None:
    asked = {}
    folder = make_folder(tmp_path / "m")

    def fetch(hub_id, local_files_only=False, **kwargs):
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        asked.update(kwargs, hub_id=hub_id)
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    found = checkpoint.locate(EngineConfig(model="smolvlm2-256m", allow_download=True,
                                           revision="abc"))
    assert (found.name, asked["hub_id"], asked["revision"]) == ("smolvlm2-256m", HUB_ID, "abc")
    # What it is, is written down, as by `smolvlm_ros fetch`.
    (noted,) = json.loads(record_path().read_text()).values()
    assert noted["hub_id"] == HUB_ID and noted["files"]["model.safetensors"] == sha256(
        folder / "model.safetensors")
    assert not any(p.endswith((".bin", ".pt", ".py", "*")) for p in asked["allow_patterns"]
                   if p != "LICENSE*")


def test_auto_fetches_the_largest_that_fits(monkeypatch, tmp_path) -> None:
    folder = make_folder(tmp_path / "m")
    monkeypatch.setattr(checkpoint, "download", lambda hub_id, config, revision="": folder)
    monkeypatch.setattr(memory, "available_mib", lambda root="/": 2500.0 + 1024)
    found = checkpoint.locate(EngineConfig(allow_download=True))
    assert (found.name, found.why) == ("smolvlm2-500m", "the largest one that fits, fetched now")
    monkeypatch.setattr(memory, "available_mib", lambda root="/": 900.0)
    nothing = checkpoint.locate(EngineConfig(allow_download=True))
    assert isinstance(nothing, NoEngine) and "smolvlm2-256m needs" in nothing.reason


def test_auto_without_a_network_abstains(monkeypatch) -> None:
    def fail(*args, **kwargs):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    made = make_engine(EngineConfig(allow_download=True))
    assert isinstance(made, NoEngine) and "no network" in made.reason


def test_what_forbids_commerce_is_not_fetched_from_the_hub_either(monkeypatch, tmp_path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    at_hand = []

    def fetch(hub_id, local_files_only=False, **kwargs):
        if local_files_only and not at_hand:
            raise LocalEntryNotFoundError("not here")
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    config = EngineConfig(model="someone/vlm", allow_download=True)
    for _ in range(2):  # fetched now, and found in the cache
        with pytest.raises(EngineError, match=r"someone/vlm is licensed cc-by-nc-4.0"):
            checkpoint.locate(config)
        at_hand.append(True)
    assert checkpoint.locate(config.changed(allow_noncommercial=True)).name == "someone/vlm"
