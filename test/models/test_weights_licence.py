"""Whose licence counts: the card's refusal always, a name's promise never."""
from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smolvlm_ros.models import commands
from smolvlm_ros.models.audit import audit
from smolvlm_ros.models.checkpoint import open_checkpoint
from smolvlm_ros.models.embedded import folder_of
from smolvlm_ros.models.exporting import origin
from smolvlm_ros.models.model_card import card_licence, weights_licence
from smolvlm_ros.models.registry import WORLD_KEY, find, named

NC = "cc-by-nc-4.0"
VLM = {"model_type": "smolvlm"}
SMALL, BASE = ({"model_type": "depth_anything", "max_depth": 20,
                "backbone_config": {"hidden_size": width}} for width in (384, 768))


def folder_with(path: Path, config: dict[str, Any], licence: str = "") -> Path:
    """A checkpoint of one number."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    header = json.dumps({"x": {"dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1")
    if licence:
        (path / "README.md").write_text(f"---\nlicense: {licence}\n---\n# A card\n")
    return path


@pytest.mark.parametrize(("name", "config"), [
    ("smolvlm2-500m", VLM), ("d-fine-n", {"model_type": "d_fine"}),  # by the folder's name
    ("mine", SMALL),                                                 # by the shape
    ("mine", {**VLM, WORLD_KEY: True})])                             # by the mark
def test_a_refusal_is_believed_whatever_the_folder_looks_like(
        name: str, config: dict[str, Any], tmp_path: Path) -> None:
    folder = folder_with(tmp_path / name, config, NC)
    (row,) = audit(str(folder))
    assert (row.licence, row.commercial) == (NC, False)
    arguments = argparse.ArgumentParser()
    commands.add_audit_arguments(arguments)
    assert commands.run_audit(arguments.parse_args([str(folder)])) == commands.REFUSED
    for source in (name, str(folder)):
        said = origin(source, open_checkpoint(folder), "MIT")
        assert (said["licence"], said["commercial"], said["source"]) == (NC, False, name)


@pytest.mark.parametrize(("name", "config", "known"), [
    ("smolvlm2-500m", VLM, "smolvlm2-500m"), ("d-fine-n", {"model_type": "d_fine"}, "d-fine-n"),
    ("mine", SMALL, "depth-anything-v2-metric-indoor-small")])
def test_a_name_or_a_shape_is_no_permission(name: str, config: dict[str, Any], known: str,
                                            tmp_path: Path) -> None:
    folder = folder_with(tmp_path / name, config)
    (row,) = audit(str(folder))
    assert row.name == f"{config['model_type']}, not verified to be {known}"
    assert (row.licence, row.commercial, row.source) == ("unknown", None, str(folder))
    said = origin(name, open_checkpoint(folder), "")
    assert (said["licence"], said["source"]) == ("unknown", name)
    assert origin(name, open_checkpoint(folder), "MIT")["licence"] == "MIT"


def test_the_registry_s_own_weights_have_its_licence(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", SMALL)
    known = find("mine", SMALL)
    assert known is not None
    assert weights_licence(folder, known, known.weights_sha256) == ("Apache-2.0", True)
    assert weights_licence(folder, known, "0" * 64) == ("unknown", None)
    # Nobody's hash is no hash.
    vlm = named("smolvlm2-500m")
    assert vlm is not None and not vlm.weights_sha256
    assert weights_licence(folder, vlm, "") == ("unknown", None)
    assert weights_licence(folder, dataclasses.replace(vlm, weights_sha256="ab"), "ab")[1]


def test_a_permission_of_the_card_does_not_free_a_noncommercial_shape(tmp_path: Path) -> None:
    (row,) = audit(str(folder_with(tmp_path / "mine", BASE, "apache-2.0")))
    assert row.name == "depth-anything-v2-metric-indoor-base"
    assert (row.licence, row.commercial) == ("CC-BY-NC-4.0", False)


def test_embedded_ones_are_known_in_their_place_and_as_a_copy(tmp_path: Path) -> None:
    known = named("world-detector")
    assert known is not None
    copy = shutil.copytree(folder_of(known), tmp_path / "copy")
    for item in ("world-detector", str(folder_of(known)), str(copy)):
        (row,) = audit(item)
        assert (row.name, row.licence, row.commercial) == ("world-detector", "Apache-2.0", True)


def test_the_agpl_of_a_card_is_a_refusal(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", SMALL, "agpl-3.0")
    known = find("mine", SMALL)
    assert known is not None
    assert weights_licence(folder, known, known.weights_sha256) == ("agpl-3.0", False)
    assert origin("mine", open_checkpoint(folder), "MIT")["licence"] == "agpl-3.0"


def test_of_several_licences_one_that_forbids_is_enough(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", VLM, f"[apache-2.0, {NC}]")
    assert card_licence(folder) == f"apache-2.0, {NC}"
    assert weights_licence(folder, None, "")[1] is False
