"""The known checkpoints."""
from __future__ import annotations

import re

import pytest

from smolvlm_ros.models import CHECKPOINTS, Task, find, named
from smolvlm_ros.models.registry import WORLD_KEY

SPDX_COMMERCIAL = {"Apache-2.0": True, "CC-BY-NC-4.0": False}


def test_each_is_complete_and_consistent() -> None:
    names = [c.name for c in CHECKPOINTS]
    assert len(set(names)) == len(names)
    for known in CHECKPOINTS:
        assert known.commercial is SPDX_COMMERCIAL[known.licence]
        # From the hub, or in the package.
        assert known.hub_id.count("/") == (0 if known.part else 1)
        assert bool(known.hub_id) != known.embedded and known.parameters_million > 0
        assert not known.smaller or known.smaller in names, known.name
        assert (known.memory_mib > 0) == bool(known.memory_note)
        assert bool(known.variant) == (known.task is Task.DEPTH)
        # A branch of the hub may move: every one of it is fetched at one commit.
        assert bool(re.fullmatch("[0-9a-f]{40}", known.revision)) is not known.embedded
        assert re.fullmatch("([0-9a-f]{64})?", known.weights_sha256)


def test_smaller_choices_end() -> None:
    for known in CHECKPOINTS:
        seen = [known]
        while seen[-1].smaller:
            step = named(seen[-1].smaller)
            assert step is not None and step.parameters_million < seen[-1].parameters_million
            assert step.variant == known.variant
            seen.append(step)


@pytest.mark.parametrize(("size", "commercial"), [("Small", True), ("Base", False),
                                                  ("Large", False)])
def test_only_small_depth_is_commercial(size: str, commercial: bool) -> None:
    # The authors' README says so; the hub's tag of Large says otherwise.
    for scene, reach in (("Indoor", 20.0), ("Outdoor", 80.0)):
        known = named(f"depth-anything/Depth-Anything-V2-Metric-{scene}-{size}-hf")
        assert known is not None and known.commercial is commercial
        assert known.max_depth_m == reach


def test_a_renamed_copy_keeps_its_licence() -> None:
    config = {"model_type": "depth_anything", "max_depth": 20,
              "backbone_config": {"hidden_size": 768}}
    known = find("my-own-small", config)
    assert known is not None and known.name.endswith("indoor-base") and not known.commercial


@pytest.mark.parametrize("config", [
    {}, {"model_type": "depth_anything"},
    {"model_type": "depth_anything", "max_depth": 20, "backbone_config": {"hidden_size": 48}},
    {"model_type": "depth_anything", "max_depth": 20, "backbone_config": {"hidden_size": [1]}},
    {"model_type": "depth_anything", "max_depth": 1, "backbone_config": {"hidden_size": 384}},
])
def test_others_are_not_known(config: dict[str, object]) -> None:
    assert find("whatever", config) is None


WORLD = {"depth_anything": "world-depth-outdoor", "d_fine": "world-detector",
         "smolvlm": "world-vlm"}


@pytest.mark.parametrize("kind", WORLD)
def test_a_copy_of_an_embedded_one_is_known_by_its_mark(kind: str) -> None:
    config = {"model_type": kind, "max_depth": 80.0, WORLD_KEY: True}
    known = find("somewhere-else", config)
    assert known is not None and known.name == WORLD[kind] and known.embedded
    assert find("somewhere-else", {**config, WORLD_KEY: "yes"}) is None


def test_an_embedded_one_without_a_known_range_is_not_known() -> None:
    assert find("x", {"model_type": "depth_anything", "max_depth": 7, WORLD_KEY: True}) is None


def test_no_name_is_no_checkpoint() -> None:
    assert named("") is None and named(" ") is None
