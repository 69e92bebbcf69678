"""The embedded world's checkpoints: found in the package, refused on frames from elsewhere."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.models import embedded, named
from smolvlm_ros.models.audit import audit
from smolvlm_ros.models.embedded import (
    WORLD_FRAME_ID,
    ForeignFrame,
    is_embedded,
    is_of_the_world,
    require_world,
)
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.fetch import local_folder


@pytest.mark.parametrize(("frame_id", "of_the_world"), [
    (WORLD_FRAME_ID, True),
    ("robot1/" + WORLD_FRAME_ID, True),
    ("/robot1/" + WORLD_FRAME_ID, True),
    ("camera_optical_frame", False),
    (WORLD_FRAME_ID + "2", False),
    ("my_" + WORLD_FRAME_ID, False),
    (WORLD_FRAME_ID + "/camera", False),
    ("", False),
])
def test_only_frames_of_the_world_pass(frame_id: str, of_the_world: bool) -> None:
    assert is_of_the_world(frame_id) is of_the_world
    if of_the_world:
        require_world("world-vlm", frame_id)
        return
    with pytest.raises(ForeignFrame) as caught:
        require_world("world-vlm", frame_id)
    assert "world-vlm" in str(caught.value) and repr(frame_id) in str(caught.value)
    assert "models:=hub" in str(caught.value)


def test_which_sources_are_embedded() -> None:
    assert is_embedded("world-detector") and is_embedded("World-VLM")
    for other in ("", "somewhere", "d-fine-n", "depth-anything/Depth-Anything-V2-Small"):
        assert not is_embedded(other)


def test_a_part_that_is_not_installed_is_named_with_the_cure(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "CHECKPOINTS_FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match="training depth-indoor"):
        local_folder("world-depth-indoor")
    (row,) = audit("world-depth-indoor")
    assert row.sha256 == "" and "not on this machine" in row.name
    folder = tmp_path / "depth-indoor"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert local_folder("world-depth-indoor") == folder
    known = named("world-depth-indoor")
    assert known is not None and known.source == "world-depth-indoor"
