"""The models of all stages in one word."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolvlm_ros.models import choice, embedded, named
from smolvlm_ros.models.choice import Choice, embedded_in, merged, parameters, resolve
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.registry import WORLD_KEY, Task

WORLD = "world:path?seed=3"
PARTS = {"depth-indoor": "depth_anything", "depth-outdoor": "depth_anything",
         "detector": "d_fine", "vlm": "smolvlm"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of models that are nobody's in particular."""
    for part, kind in PARTS.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps({"model_type": kind}))
    return tmp_path


def test_embedded_and_hub_are_names_of_the_registry_for_their_tasks() -> None:
    for word in ("embedded", "hub"):
        chosen = parameters(word)
        for node, name, task in (("depth", "model_indoor", Task.DEPTH),
                                 ("depth", "model_outdoor", Task.DEPTH),
                                 ("detector", "model", Task.DETECTION)):
            known = named(chosen[node][name])
            assert known is not None and known.task is task and known.commercial
            assert known.embedded == (word == "embedded")
        assert named(chosen["depth"]["model_outdoor"]).variant == "outdoor"  # type: ignore[union-attr]
    assert parameters("embedded")["scene_qa"] == {"engine.model": "world-vlm"}
    assert parameters("hub")["scene_qa"] == {"engine.model": "auto", "engine.allow_download": True}


def test_each_choice_sets_what_another_one_set() -> None:
    # So that a choice holds whatever the parameter file says.
    assert parameters("none")["depth"] == {"estimator": "ground_plane"}
    assert parameters("none")["scene_qa"] == {"engine.model": "none"}
    for node in ("depth", "fusion", "detector", "scene_qa"):
        assert set(parameters("none")[node]) <= set(parameters("embedded")[node])


def test_a_folder_in_the_same_layout(folder: Path) -> None:
    chosen = parameters(str(folder))
    assert chosen["depth"]["model_outdoor"] == str(folder / "depth-outdoor")
    assert chosen["detector"] == {"kind": "onnx", "model": str(folder / "detector")}
    assert chosen["scene_qa"] == {"engine.model": str(folder / "vlm")}
    assert embedded_in(str(folder)) == []
    assert resolve(str(folder), "/dev/video0").models == str(folder)


def test_an_incomplete_folder_names_what_is_missing(folder: Path) -> None:
    (folder / "vlm/config.json").unlink()
    for source in (WORLD, "0"):
        with pytest.raises(CheckpointError, match="lacks vlm; "):
            resolve(str(folder), source)


@pytest.mark.parametrize("source", ["/dev/video0", "0", "film.mp4", "demo", "my_world:corridor"])
def test_the_embedded_ones_are_refused_for_anything_but_their_world(source: str) -> None:
    with pytest.raises(CheckpointError, match="embedded world only") as caught:
        resolve("embedded", source)
    assert repr(source) in str(caught.value) and "world-vlm" in str(caught.value)
    assert resolve("embedded", WORLD).models == "embedded"


def test_a_recording_of_the_world_is_the_world() -> None:
    for frame_id in (embedded.WORLD_FRAME_ID, "robot1/" + embedded.WORLD_FRAME_ID):
        assert resolve("embedded", "walk.mcap", frame_id).models == "embedded"
    with pytest.raises(CheckpointError, match=r"'walk\.mcap' is not it.*or a recording of one"):
        resolve("embedded", "walk.mcap", "camera_optical_frame")


def test_a_copy_of_an_embedded_one_is_refused_too(folder: Path) -> None:
    (folder / "vlm/config.json").write_text(json.dumps({"model_type": "smolvlm", WORLD_KEY: True}))
    with pytest.raises(CheckpointError, match=r"\(world-vlm\)"):
        resolve(str(folder), "film.mp4")
    assert resolve(str(folder), WORLD).models == str(folder)


def test_a_misspelt_word_is_named_with_the_words_there_are() -> None:
    for source in (WORLD, "0"):
        with pytest.raises(CheckpointError, match="'embeded' is not one of embedded, hub, none"):
            resolve("embeded", source)


def test_auto_is_embedded_for_the_world_and_the_parameter_file_for_the_rest(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(choice, "is_installed", lambda known: True)
    assert resolve("auto", WORLD) == Choice("embedded")
    assert resolve("auto", "film.mp4").models == "params" and parameters("params") == {}
    # Without torch it does without, and says so.
    monkeypatch.setattr(choice.importlib.util, "find_spec",
                        lambda name: None if name == "torch" else name)
    without = resolve("auto", WORLD)
    assert without.models == "none" and without.note.startswith("torch not installed")
    # Of use with a ROS of one's own, and with none.
    assert 'pip install "numpy<2" torch "transformers>=5.0"' in without.note
    assert "make demo" in without.note
    assert resolve("auto", "film.mp4").note == ""


def test_auto_does_without_what_is_not_installed(tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(embedded, "CHECKPOINTS_FOLDER", tmp_path)
    for part in ("depth-indoor", "detector"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text("{}")
    indoors = resolve("auto", "world:room")
    assert indoors.without == ("scene_qa",) and "world-vlm" in indoors.note
    assert indoors.parameters()["scene_qa"] == {"engine.model": "none"}
    assert indoors.parameters()["detector"] == parameters("embedded")["detector"]
    outdoors = resolve("auto", WORLD)
    assert outdoors.without == ("depth", "scene_qa") and "world-depth-outdoor" in outdoors.note
    assert outdoors.parameters()["depth"] == {"estimator": "ground_plane"}
    assert outdoors.parameters()["fusion"]["depth_anchor"] == "contact"
    # Who asks for them by name is told when they are not there, by the node or the demo.
    assert resolve("embedded", WORLD).without == ()


def test_later_values_win() -> None:
    assert merged({"a": {"x": 1, "y": 1}}, {"a": {"y": 2}, "b": {"z": 3}}) == {
        "a": {"x": 1, "y": 2}, "b": {"z": 3}}
