"""The hub's cache and downloads, with the client's real code and no network."""
from __future__ import annotations

import pytest
from test_checkpoint_choice import make_folder

from smolvlm_ros.models.errors import MemoryFloorError
from smolvlm_ros.qa import checkpoint
from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine

hub = pytest.importorskip("huggingface_hub", reason="the extra vlm is not installed")
LocalEntryNotFoundError = pytest.importorskip("huggingface_hub.errors").LocalEntryNotFoundError
HUB_ID = "HuggingFaceTB/SmolVLM2-256M-Video-Instruct"


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """All libraries of the extra, and plenty of memory."""
    monkeypatch.setattr(checkpoint, "missing_libraries", lambda: "")
    monkeypatch.setattr(checkpoint, "check_memory", lambda *_: None)


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch, tmp_path):
    """An empty cache folder of the hub client."""
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_checkpoint_in_the_cache_is_found(hub_cache) -> None:
    assert checkpoint._snapshot(HUB_ID, "", local=True) is None
    repository = hub_cache / ("models--" + HUB_ID.replace("/", "--"))
    folder = make_folder(repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    assert checkpoint._snapshot(HUB_ID, "", local=True) == folder
    # Another revision is another checkpoint.
    assert checkpoint._snapshot(HUB_ID, "0" * 40, local=True) is None


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

    def fetch(hub_id, **kwargs):
        asked.update(kwargs, hub_id=hub_id)
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    found = checkpoint.locate(EngineConfig(model="smolvlm2-256m", allow_download=True,
                                           revision="abc"))
    assert (found.name, asked["hub_id"], asked["revision"]) == ("smolvlm2-256m", HUB_ID, "abc")
    assert not any(p.endswith((".bin", ".pt", ".py", "*")) for p in asked["allow_patterns"]
                   if p != "LICENSE*")


def test_auto_fetches_the_largest_that_fits(monkeypatch, tmp_path) -> None:
    folder = make_folder(tmp_path / "m")
    monkeypatch.setattr(checkpoint, "download", lambda hub_id, revision="": folder)

    def too_large(need_mib, name, smaller=""):
        if need_mib > 3000:
            raise MemoryFloorError(f"{name} does not fit")

    monkeypatch.setattr(checkpoint, "check_memory", too_large)
    found = checkpoint.locate(EngineConfig(allow_download=True))
    assert (found.name, found.why) == ("smolvlm2-500m", "the largest one that fits, fetched now")
    monkeypatch.setattr(checkpoint, "check_memory", lambda need, name, smaller="": too_large(
        1e6, name))
    nothing = checkpoint.locate(EngineConfig(allow_download=True))
    assert isinstance(nothing, NoEngine) and "does not fit" in nothing.reason


def test_auto_without_a_network_abstains(monkeypatch) -> None:
    def fail(*args, **kwargs):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    made = make_engine(EngineConfig(allow_download=True))
    assert isinstance(made, NoEngine) and "no network" in made.reason
